//! The registry of feeds: one `match` arm a kind. A new venue adds its arm in [`session`], its presets below, and its
//! dependency line in `Cargo.toml`; nothing else in this crate changes.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use feed::capture::{CaptureReader, read_rest};
use feed::metrics::{FeedMetrics, Reporter};
use feed::supervisor::{FeedEnd, FeedSettings};
use feed::{RestAnswer, Session};
use feed_replay::Speed;
use futures_util::FutureExt;
use market::Clock;
use prometheus::Registry;
use table::{FeedInfo, FeedMode};
use tokio_util::sync::CancellationToken;

use crate::config::{FeedConfig, FeedKind, ReplayConfig};
use crate::demo::Recording;
use crate::failure::Failure;
use crate::replay::{rest_beside, rest_within};
use crate::sink::TableSink;

/// Every kind of feed: what `kind` may be in the configuration, one for each folder of `feeds/`.
pub(crate) const KINDS: &[&str] = &["binance", "coinbase", "kraken", "okx", "replay", "sim"];

/// Every preset of a venue: a kind with its variant. The names are those of the recordings' folders.
pub(crate) const PRESETS: &[&str] =
    &["binance", "binance_coinm", "binance_us", "binance_usdm", "coinbase", "kraken", "kraken_v2", "okx"];

/// The preset of that name.
pub(crate) fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().copied().find(|preset| *preset == name)
}

/// What a configuration can change about a venue's session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) venue: Option<String>,
    pub(crate) ws_url: Option<String>,
    pub(crate) rest_url: Option<String>,
}

/// The session that reads everything of a preset's recordings.
pub(crate) fn session(preset: &'static str, overrides: &Overrides) -> Box<dyn Session> {
    let Overrides { venue, ws_url, rest_url } = overrides.clone();
    match preset {
        "coinbase" => {
            let defaults = feed_coinbase::Settings::default();
            Box::new(feed_coinbase::Coinbase::new(feed_coinbase::Settings {
                venue: venue.unwrap_or(defaults.venue),
                ws_url: ws_url.unwrap_or(defaults.ws_url),
                rest_url: rest_url.unwrap_or(defaults.rest_url),
            }))
        }
        "okx" => {
            let defaults = feed_okx::Settings::default();
            let venue = venue.unwrap_or_else(|| defaults.venue.clone());
            Box::new(feed_okx::Okx::new(feed_okx::Settings { venue, ws_url, rest_url, ..defaults }))
        }
        "kraken" | "kraken_v2" => {
            let version =
                if preset == "kraken" { feed_kraken::Version::V1 } else { feed_kraken::Version::V2 };
            let defaults = feed_kraken::Settings::default();
            let venue = venue.unwrap_or(defaults.venue);
            Box::new(feed_kraken::Kraken::new(feed_kraken::Settings { venue, version, ws_url, rest_url }))
        }
        binance => Box::new(feed_binance::Binance::new(binance_settings(binance, overrides))),
    }
}

/// The sessions that a live feed of a preset needs: a venue may spread its channels over several endpoints.
pub(crate) fn live_sessions(preset: &'static str, overrides: &Overrides) -> Vec<Arc<dyn Session>> {
    if preset.starts_with("binance") {
        return binance_settings(preset, overrides)
            .routes()
            .into_iter()
            .map(|settings| Arc::new(feed_binance::Binance::new(settings)) as Arc<dyn Session>)
            .collect();
    }
    vec![Arc::from(session(preset, overrides))]
}

fn binance_settings(preset: &str, overrides: &Overrides) -> feed_binance::Settings {
    let market = feed_binance::Market::from_name(preset).unwrap_or(feed_binance::Market::Spot);
    let Overrides { venue, ws_url, rest_url } = overrides.clone();
    feed_binance::Settings { venue, ws_url, rest_url, ..feed_binance::Settings::new(market) }
}

/// Where a feed comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The configuration.
    Configured(FeedConfig),
    /// The built-in demo.
    Demo(Recording),
}

impl Source {
    /// What `/v1/feeds` and `hello` say of it.
    pub(crate) fn info(&self) -> FeedInfo {
        let (name, venue, kind, mode) = match self {
            Source::Demo(recording) => {
                let venue = session(recording.preset, &Overrides::default()).venue().to_owned();
                (recording.name.to_owned(), venue, recording.preset, FeedMode::Demo)
            }
            Source::Configured(feed) => {
                let (venue, kind, mode) = match &feed.kind {
                    FeedKind::Venue { preset, .. } => {
                        let venue = session(preset, &feed.overrides()).venue().to_owned();
                        (venue, *preset, FeedMode::Live)
                    }
                    FeedKind::Replay(replay) => {
                        let venue = session(replay.preset, &Overrides::default()).venue().to_owned();
                        (venue, "replay", FeedMode::Replay)
                    }
                    FeedKind::Sim(sim) => (sim.venue.clone(), "sim", FeedMode::Synthetic),
                };
                (feed.name.clone(), venue, kind, mode)
            }
        };
        FeedInfo { name, venue, kind: kind.to_owned(), mode }
    }
}

impl FeedConfig {
    /// What this feed changes about its venue's session.
    pub(crate) fn overrides(&self) -> Overrides {
        match &self.kind {
            FeedKind::Venue { venue, ws_url, rest_url, .. } => {
                Overrides { venue: venue.clone(), ws_url: ws_url.clone(), rest_url: rest_url.clone() }
            }
            FeedKind::Replay(_) | FeedKind::Sim(_) => Overrides::default(),
        }
    }
}

/// The series of every feed.
#[derive(Debug)]
pub(crate) struct Metrics(FeedMetrics);

impl Metrics {
    /// Registers the series.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Metrics> {
        FeedMetrics::register(registry).map(Metrics)
    }

    /// The series that supervised feeds count in.
    pub(crate) fn feed(&self) -> &FeedMetrics {
        &self.0
    }

    /// Makes every series appear, for the generated catalogue.
    pub(crate) fn show_every_series(&self) {
        let _ = self.0.of_feed("example");
    }
}

/// What runs: a future that ends when the feed has stopped, with the fault that must end the process if there was one.
pub(crate) type Running = std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Starts a feed. `sink` makes the sinks it needs.
///
/// # Errors
/// When it cannot ever run: a recording that is not there, more writers than the table has.
pub(crate) fn start(
    source: Source,
    sink: &mut dyn FnMut() -> Result<TableSink, Failure>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<Running, Failure> {
    match source {
        Source::Demo(recording) => {
            let rest = CaptureReader::from_bytes(format!("{}.rest", recording.name), recording.rest)
                .and_then(CaptureReader::into_rest)
                .map_err(Failure::capture)?;
            let bytes = bytes::Bytes::from_static(recording.capture);
            let name = recording.name.to_owned();
            let source = feed_replay::Source::Bytes(name.clone(), bytes);
            let session = session(recording.preset, &Overrides::default());
            let playing = Playing { name, source, session, rest, speed: Speed::default(), looped: true };
            playing.start(sink()?, clock, metrics, stop)
        }
        Source::Configured(FeedConfig { name, kind: FeedKind::Replay(replay) }) => {
            let ReplayConfig { file, rest, preset, speed, looped } = replay;
            let mut answers = rest_within(Path::new(&file))?;
            if let Some(file) = rest.map(Into::into).or_else(|| rest_beside(Path::new(&file))) {
                answers.extend(read_rest(&file).map_err(Failure::capture)?);
            }
            let source = feed_replay::Source::File(file.into());
            let session = session(preset, &Overrides::default());
            Playing { name, source, session, rest: answers, speed, looped }.start(
                sink()?,
                clock,
                metrics,
                stop,
            )
        }
        Source::Configured(FeedConfig { name, kind: FeedKind::Sim(sim) }) => {
            synthesize(&name, &sim, sink()?, clock, metrics, stop)
        }
        Source::Configured(feed) => {
            let overrides = feed.overrides();
            let FeedConfig { name, kind } = feed;
            let FeedKind::Venue { preset, symbols, stale_after, .. } = kind else {
                return Err(Failure::failed("a feed of no kind"));
            };
            let mut running = Vec::new();
            for session in live_sessions(preset, &overrides) {
                let settings =
                    FeedSettings { stale_after, ..FeedSettings::new(name.clone(), symbols.clone()) };
                let clock = Arc::clone(clock);
                running.push(feed::supervisor::spawn(session, settings, sink()?, clock, &metrics.0, stop));
            }
            Ok(Box::pin(async move {
                for handle in running {
                    ended(&name, handle.join().await)?;
                }
                Ok(())
            }))
        }
    }
}

/// A recording that is about to play.
struct Playing {
    name: String,
    source: feed_replay::Source,
    session: Box<dyn Session>,
    rest: Vec<RestAnswer>,
    speed: Speed,
    looped: bool,
}

impl Playing {
    fn start(
        self,
        mut sink: TableSink,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) -> Result<Running, Failure> {
        let Playing { name, source, session, rest, speed, looped } = self;
        let all = ["*".to_owned()];
        let replay = feed_replay::Replay::new(source, session, &rest, &all, speed, looped)
            .map_err(|error| Failure::failed(format!("feed {name}: {error}")))?;
        let mut reporter = Reporter::new(metrics.0.of_feed(&name));
        let (clock, stop) = (Arc::clone(clock), stop.clone());
        Ok(Box::pin(async move {
            let mut report = |stats: &feed::pump::Stats| reporter.report(stats, clock.now());
            let run = replay.run(&mut sink, &*clock, &stop, &mut report);
            match AssertUnwindSafe(run).catch_unwind().await {
                Ok(Ok(_)) => tracing::info!(feed = name, "the recording has ended"),
                Ok(Err(error)) => tracing::error!(feed = name, "{error}"),
                Err(_) => return lost(&name, &mut sink),
            }
            Ok(())
        }))
    }
}

/// A synthetic market.
fn synthesize(
    name: &str,
    settings: &feed_sim::Settings,
    mut sink: TableSink,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<Running, Failure> {
    let sim =
        feed_sim::Sim::new(settings).map_err(|error| Failure::failed(format!("feed {name}: {error}")))?;
    let mut reporter = Reporter::new(metrics.0.of_feed(name));
    let (clock, stop, name) = (Arc::clone(clock), stop.clone(), name.to_owned());
    Ok(Box::pin(async move {
        let mut report = |stats: &feed::pump::Stats| reporter.report(stats, clock.now());
        let run = sim.run(&mut sink, &*clock, &stop, &mut report);
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(_) => Ok(()),
            Err(_) => lost(&name, &mut sink),
        }
    }))
}

/// A feed without a connection has panicked: it ends alone, unless the table itself was at fault (promise 9). Nothing of
/// it is used again but the sink, which says whether it is whole.
fn lost(name: &str, sink: &mut TableSink) -> Result<(), Failure> {
    if sink.is_broken() {
        return Err(Failure::failed(format!("feed {name}: the table broke")));
    }
    tracing::error!(feed = name, "the feed has ended by a fault of its own");
    sink.lose();
    Ok(())
}

/// A feed that was refused leaves the others running; broken state of our own ends the process (promise 9).
pub(crate) fn ended(name: &str, end: FeedEnd) -> Result<(), Failure> {
    match end {
        FeedEnd::Stopped => Ok(()),
        FeedEnd::Refused(why) => {
            tracing::error!(feed = name, "the venue refused for good: {why}");
            Ok(())
        }
        FeedEnd::NothingListed => Ok(()),
        FeedEnd::Broken(why) => Err(Failure::failed(format!("feed {name} broke: {why}"))),
    }
}
