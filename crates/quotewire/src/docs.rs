//! Documents that are generated, so that they equal what the program does; and the check of a configuration.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;

use crate::cli::{Cli, Document};
use crate::config::{self, FeedKind};
use crate::failure::Failure;
use crate::serve;

/// Prints a document.
pub(crate) fn run(what: Document, out: &mut impl Write) -> Result<(), Failure> {
    match what {
        Document::Metrics => metrics(out),
        Document::Config => {
            out.write_all(include_bytes!("../quotewire.example.toml")).map_err(Failure::output)
        }
        Document::Commands => commands(out),
        Document::Openapi => out.write_all(edge::spec::openapi().as_bytes()).map_err(Failure::output),
        Document::Asyncapi => out.write_all(edge::spec::asyncapi().as_bytes()).map_err(Failure::output),
    }
}

/// Every series as a row of a Markdown table, read from a registry that is filled as `serve` fills it.
fn metrics(out: &mut impl Write) -> Result<(), Failure> {
    let registry = serve::registry_for_docs()?;
    let mut text = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for family in registry.gather() {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        let mut labels: Vec<&str> = family
            .get_metric()
            .iter()
            .flat_map(|metric| metric.get_label().iter().map(prometheus::proto::LabelPair::name))
            .collect();
        labels.sort_unstable();
        labels.dedup();
        let labels = labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(" ");
        text.push_str(&format!("| `{}` | {kind} | {labels} | {} |\n", family.name(), family.help()));
    }
    out.write_all(text.as_bytes()).map_err(Failure::output)
}

fn commands(out: &mut impl Write) -> Result<(), Failure> {
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands_mut().filter(|c| !c.is_hide_set()) {
        let name = command.get_name().to_owned();
        write!(out, "## quotewire {name}\n\n```text\n{}```\n\n", command.render_long_help())
            .map_err(Failure::output)?;
    }
    Ok(())
}

/// `quotewire check-config`: the faults of a file, or what it would do.
pub(crate) fn check_config(file: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let config = config::load(file)?;
    let mut line = |text: String| writeln!(out, "{text}").map_err(Failure::output);
    line(format!("{}: ok", file.display()))?;
    line(format!("clients on http://{}, operators on http://{}", config.listen, config.admin_listen))?;
    line(format!("room for {} symbols", config.symbols_max))?;
    if let Some(folder) = config.record.folder() {
        let (most, folder) = (config.record.max_disk, folder.folder.display());
        line(format!("real venues are recorded into {folder}, at most {most}"))?;
    }
    if config.feeds.is_empty() {
        line("no feeds: nothing will be served".to_owned())?;
    }
    for feed in &config.feeds {
        let what = match &feed.kind {
            FeedKind::Venue(venue) => format!(
                "{}, symbols {}{}",
                venue.preset,
                venue.symbols.join(" "),
                venue
                    .overrides
                    .ws_url
                    .as_ref()
                    .map(|url| format!(", from {}", feed::rest::shown(url)))
                    .unwrap_or_default()
            ),
            FeedKind::Replay(replay) => format!(
                "recording {} of {}{}",
                replay.files.join(" "),
                replay.preset,
                if replay.playing.looped { ", in a loop" } else { "" }
            ),
            FeedKind::Sim(sim) => format!("synthetic market, {} updates a second", sim.rate),
        };
        line(format!("feed {}: {what}", feed.name))?;
    }
    Ok(())
}
