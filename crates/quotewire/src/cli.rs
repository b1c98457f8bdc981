//! The command line: results go to stdout, everything else to stderr; exit codes are 0 fine, 1 failed, 2 wrong usage
//! or configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use feed_replay::{Moment, Speed};

use crate::config::{Compression, RecordConfig, Size};

/// Real-time market quote push gateway: venues' quotes in, changed fields out over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(name = "quotewire", version, about, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What to log: error, warn, info, debug, trace, or filters such as `feed=debug`.
    #[arg(long, global = true, env = "QUOTEWIRE_LOG", default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,
    /// How to log.
    #[arg(long, global = true, env = "QUOTEWIRE_LOG_FORMAT", default_value = "text", value_enum)]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve quotes to clients; without a configuration, the built-in demo.
    Serve(Serve),
    /// Run a recording through its venue's decoder and the table.
    Replay(Replay),
    /// Record what real venues send into a capture file.
    Record(Record),
    /// Follow symbols of a running server, one line of JSON for each event.
    Tail(Tail),
    /// Check a configuration file and say what it would do.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Print generated documents.
    #[command(hide = true)]
    Docs {
        #[arg(value_enum)]
        what: Document,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// Every metric, as a Markdown table.
    Metrics,
    /// The example configuration with every key.
    Config,
    /// The help of every command.
    Commands,
    /// The routes, as OpenAPI 3.1 (JSON).
    Openapi,
    /// The events of a stream, as AsyncAPI 3 (JSON).
    Asyncapi,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Serve {
    /// The configuration file (TOML).
    #[arg(long, short, env = "QUOTEWIRE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Serve a synthetic market instead of the demo recordings or the feeds of the configuration.
    #[arg(long)]
    pub(crate) sim: bool,
    /// Address for clients; port 0 takes a free one. [default: 127.0.0.1:8080]
    #[arg(long, env = "QUOTEWIRE_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address for operators: metrics and health. [default: 127.0.0.1:9464]
    #[arg(long, env = "QUOTEWIRE_ADMIN_LISTEN", value_name = "ADDR")]
    pub(crate) admin_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) recording: Recording,
}

/// Where and how real venues are recorded: instead of what `[record]` of the configuration says.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Recording {
    /// Record everything that real venues send into this folder, in files that are cut.
    #[arg(long = "record", visible_alias = "dir", env = "QUOTEWIRE_RECORD", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Begin the next file after so many packed bytes. [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) rotate_size: Option<Size>,
    /// Begin the next file after so long. [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) rotate_age: Option<std::time::Duration>,
    /// Delete the oldest recordings of the folder when all take more. [default: 10GiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_disk: Option<Size>,
    /// Pack with. [default: zstd]
    #[arg(long, value_enum, value_name = "PACKING")]
    pub(crate) compression: Option<Compression>,
}

impl Recording {
    /// What the configuration says, overridden by the flags.
    ///
    /// # Errors
    /// With what does not go together.
    pub(crate) fn over(&self, config: RecordConfig) -> Result<RecordConfig, String> {
        let merged = RecordConfig {
            dir: self.dir.clone().or(config.dir),
            rotate_size: self.rotate_size.unwrap_or(config.rotate_size),
            rotate_age: self.rotate_age.unwrap_or(config.rotate_age),
            max_disk: self.max_disk.unwrap_or(config.max_disk),
            compression: self.compression.unwrap_or(config.compression),
        };
        match merged.objection() {
            Some(what) => Err(what),
            None => Ok(merged),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Recordings, played in the order of their times: files (plain, gzip or zstd), folders of them, `VENUE=FILE`.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Whose messages they are: a preset, as `binance`, `binance_usdm`, `kraken_v2` [default: the name of the folder].
    #[arg(long, value_name = "VENUE")]
    pub(crate) venue: Option<String>,
    /// Where to begin: `2024-08-08T23:55:00Z`, or `+1m` after the first message. What lies before is read at once.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) from: Option<Moment>,
    /// Where to end: the first moment that is not played.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) to: Option<Moment>,
    /// How fast: `max`, or a multiple of the recorded pace such as `1x` or `10x`.
    #[arg(long, default_value = "max", value_name = "SPEED")]
    pub(crate) speed: Speed,
    /// Print the final quotes as JSON lines, sorted by symbol.
    #[arg(long = "final")]
    pub(crate) final_quotes: bool,
    /// Print one last line with what came in and what became of it; so does a call without --final.
    #[arg(long)]
    pub(crate) stats: bool,
    /// The recorded HTTP answers [default: the .rest.gz beside the file].
    #[arg(long, value_name = "FILE")]
    pub(crate) rest: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The configuration file with the feeds to record.
    #[arg(long, short, env = "QUOTEWIRE_CONFIG", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Only this feed, by name.
    #[arg(long, value_name = "NAME")]
    pub(crate) feed: Option<String>,
    /// One file for one feed, packed by its ending (.gz, .zst); a further connection gets NAME-1.cap.gz beside it.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["dir", "rotate_size", "rotate_age", "max_disk", "compression"])]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) recording: Recording,
    /// Stop after this long, as `30s` or `5m`; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// What to follow, as COINBASE:BTC-USD.
    #[arg(required = true, value_name = "SYMBOL")]
    pub(crate) symbols: Vec<String>,
    /// The server.
    #[arg(long, env = "QUOTEWIRE_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) url: String,
    /// Only these fields, as `bid,ask,last`.
    #[arg(long, value_name = "FIELDS")]
    pub(crate) fields: Option<String>,
    /// Stop after this many quotes and snapshots.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
