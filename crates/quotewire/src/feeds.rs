//! The registry of feeds: one row a preset. A new venue adds its rows to [`PRESETS`] and its dependency line in
//! `Cargo.toml`; nothing else in this crate changes.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use feed::capture::{CaptureReader, Recorder, Recording};
use feed::connection::Transport;
use feed::metrics::{FeedMetrics, Reporter};
use feed::supervisor::{FeedEnd, FeedHandle, FeedSettings};
use feed::{Instruments, Overrides, Session};
use feed_binance::Market;
use feed_replay::{Playing, Replay, Track};
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use market::Clock;
use prometheus::Registry;
use table::{FeedInfo, FeedMode};
use tokio_util::sync::CancellationToken;

use crate::config::{FeedConfig, FeedKind, ReplayConfig, VenueConfig};
use crate::demo;
use crate::failure::Failure;
use crate::replay::selection;
use crate::sink::TableSink;
use crate::sink::screen::Moves;

/// One preset: a kind of feed in one of its variants. The names are those of the recordings' folders.
pub(crate) struct Preset {
    /// What `--venue` and `preset` call it.
    pub(crate) name: &'static str,
    /// What `kind` calls it: its folder in `feeds/`.
    pub(crate) kind: &'static str,
    /// The value of `market` or `version` that chooses it among those of its kind.
    pub(crate) variant: &'static str,
    session: fn(&Overrides) -> Box<dyn Session>,
}

const fn row(
    name: &'static str,
    kind: &'static str,
    variant: &'static str,
    session: fn(&Overrides) -> Box<dyn Session>,
) -> Preset {
    Preset { name, kind, variant, session }
}

/// Every preset of a venue. The first of a kind is what the kind is without a variant.
pub(crate) const PRESETS: &[Preset] = &[
    row("binance", "binance", "spot", |o| feed_binance::session(Market::Spot, o)),
    row("binance_us", "binance", "us", |o| feed_binance::session(Market::Us, o)),
    row("binance_usdm", "binance", "usdm", |o| feed_binance::session(Market::UsdM, o)),
    row("binance_coinm", "binance", "coinm", |o| feed_binance::session(Market::CoinM, o)),
    row("coinbase", "coinbase", "", feed_coinbase::session),
    row("kraken_v2", "kraken", "v2", feed_kraken::session),
    row("kraken", "kraken", "v1", feed_kraken::session_v1),
    row("okx", "okx", "", feed_okx::session),
    row("bitstamp", "bitstamp", "", feed_bitstamp::session),
    row("deribit", "deribit", "", feed_deribit::session),
    row("oanda", "oanda", "trade", feed_oanda::session),
    row("oanda_practice", "oanda", "practice", feed_oanda::practice),
    row("kraken_futures", "kraken_futures", "", feed_kraken_futures::session),
    row("gemini", "gemini", "v1", feed_gemini::session),
    row("gemini_v2", "gemini", "v2", feed_gemini::session_v2),
    row("huobi", "huobi", "", feed_huobi::session),
    row("bitfinex", "bitfinex", "", feed_bitfinex::session),
    row("hyperliquid", "hyperliquid", "", feed_hyperliquid::session),
    row("coinbase_advanced", "coinbase_advanced", "", feed_coinbase_advanced::session),
    row("kucoin", "kucoin", "spot", feed_kucoin::session),
    row("kucoin_futures", "kucoin", "futures", feed_kucoin::futures),
    row("gateio", "gateio", "spot", feed_gateio::session),
    row("gateio_usdtm", "gateio", "usdtm", feed_gateio::usdtm),
    row("upbit", "upbit", "", feed_upbit::session),
    row("bithumb", "bithumb", "", feed_bithumb::session),
    row("bitflyer", "bitflyer", "", feed_bitflyer::session),
    row("alpaca", "alpaca", "iex", feed_alpaca::session),
    row("alpaca_sip", "alpaca", "sip", feed_alpaca::sip),
    row("alpaca_delayed_sip", "alpaca", "delayed_sip", feed_alpaca::delayed_sip),
    row("massive", "massive", "live", feed_massive::session),
    row("massive_delayed", "massive", "delayed", feed_massive::delayed),
    row("finnhub", "finnhub", "stocks", feed_finnhub::session),
    row("finnhub_crypto", "finnhub", "crypto", feed_finnhub::crypto),
    row("finnhub_forex", "finnhub", "forex", feed_finnhub::forex),
    row("bybit", "bybit", "spot", feed_bybit::session),
    row("bybit_linear", "bybit", "linear", feed_bybit::linear),
    row("bybit_inverse", "bybit", "inverse", feed_bybit::inverse),
    row("iex_tops", "iex_tops", "", feed_iex_tops::session),
    row("upstream", "upstream", "", feed_upstream::session),
    row("bitget", "bitget", "spot", feed_bitget::session),
    row("bitget_usdtm", "bitget", "usdtm", feed_bitget::usdtm),
    row("bitget_coinm", "bitget", "coinm", feed_bitget::coinm),
    // New presets stand above this line.
];

/// The kinds that are no venue.
const OTHER_KINDS: [&str; 2] = ["replay", "sim"];

/// What `kind` may be in the configuration: one for each folder of `feeds/`.
pub(crate) fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<&str> = PRESETS.iter().map(|preset| preset.kind).chain(OTHER_KINDS).collect();
    kinds.dedup();
    kinds
}

/// The names of all presets, for messages.
pub(crate) fn preset_names() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

/// The preset of that name.
pub(crate) fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().map(|preset| preset.name).find(|known| *known == name)
}

/// The preset of a kind in that variant, or in its usual one.
pub(crate) fn variant(kind: &str, variant: Option<&str>) -> Option<&'static str> {
    let mut of_kind = PRESETS.iter().filter(|preset| preset.kind == kind);
    of_kind.find(|preset| variant.is_none_or(|variant| preset.variant == variant)).map(|preset| preset.name)
}

/// The session that reads everything of a preset's recordings. The name is one of [`PRESETS`]; any other is that of the first.
pub(crate) fn session(preset: &'static str, overrides: &Overrides) -> Box<dyn Session> {
    let known = PRESETS.iter().find(|known| known.name == preset).unwrap_or(&PRESETS[0]);
    (known.session)(overrides)
}

/// What carries a preset's own endpoint, and so any other in its place.
pub(crate) fn transport(preset: &'static str) -> Transport {
    let session = session(preset, &Overrides::default());
    Transport::of(&session.endpoint(&Instruments::new(session.venue(), 0), &[]))
}

/// What could never be asked of a feed as it is configured: an address that an adapter has no use for or was not given.
pub(crate) fn unreachable(preset: &'static str, overrides: &Overrides) -> Option<String> {
    live_sessions(preset, overrides).iter().find_map(|session| {
        let asked = session.catalogue_requests().into_iter().chain(session.door());
        let asked = asked.map(|request| (request.url, Transport::Lines));
        let endpoint = session.endpoint(&Instruments::new(session.venue(), 0), &[]);
        // Behind a door the endpoint is what that says.
        let endpoint = session.door().is_none().then(|| (endpoint, transport(preset)));
        asked.chain(endpoint).find_map(|(url, transport)| {
            let why = transport.check(&url).err()?;
            Some(format!("{why}: {}", feed::rest::shown(&url)))
        })
    })
}

/// The sessions that a live feed of a preset needs: a venue may spread its channels over several endpoints.
pub(crate) fn live_sessions(preset: &'static str, overrides: &Overrides) -> Vec<Arc<dyn Session>> {
    match Market::from_name(preset) {
        Some(market) => feed_binance::live_sessions(market, overrides).into_iter().map(Arc::from).collect(),
        None => vec![Arc::from(session(preset, overrides))],
    }
}

/// Where a feed comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The configuration.
    Configured(FeedConfig),
    /// The built-in demo.
    Demo(demo::Recording),
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
                    FeedKind::Venue(config) => {
                        let venue = session(config.preset, &config.overrides).venue().to_owned();
                        (venue, config.preset, FeedMode::Live)
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

impl Source {
    /// Which moves of its prices are held back.
    pub(crate) fn moves(&self) -> Option<Moves> {
        match self {
            Source::Configured(feed) => feed.moves.clone(),
            Source::Demo(_) => None,
        }
    }
}

impl VenueConfig {
    /// What the supervisor needs to know of this feed.
    pub(crate) fn settings(&self, name: &str) -> FeedSettings {
        FeedSettings {
            stale_after: self.stale_after,
            symbol_stale_after: self.symbol_stale_after,
            ..FeedSettings::new(name, self.symbols.clone())
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

/// Starts a feed. `sink` makes the sinks it needs; a real venue is written down by `recording`.
///
/// # Errors
/// When it cannot ever run: a recording that is not there, more writers than the table has.
pub(crate) fn start(
    source: Source,
    sink: &mut dyn FnMut() -> Result<TableSink, Failure>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    recording: Option<&Recording>,
    stop: &CancellationToken,
) -> Result<Running, Failure> {
    match source {
        Source::Demo(demo) => {
            let answers = CaptureReader::from_bytes(format!("{}.rest", demo.name), demo.rest)
                .and_then(CaptureReader::into_rest)
                .map_err(Failure::capture)?;
            let bytes = bytes::Bytes::from_static(demo.capture);
            let name = demo.name.to_owned();
            let parts = vec![feed_replay::Source::Bytes(name.clone(), bytes)];
            let tracks = vec![Track { parts, beside: None, answers }];
            let playing = Playing { looped: true, ..Playing::default() };
            play(name, demo.preset, tracks, playing, sink()?, clock, metrics, stop)
        }
        Source::Configured(FeedConfig { name, kind: FeedKind::Replay(replay), .. }) => {
            let ReplayConfig { files, rest, preset, playing } = replay;
            let tracks = selection::configured(preset, &files, rest.as_deref().map(Path::new))?;
            play(name, preset, tracks, playing, sink()?, clock, metrics, stop)
        }
        Source::Configured(FeedConfig { name, kind: FeedKind::Sim(sim), .. }) => {
            synthesize(&name, &sim, sink()?, clock, metrics, stop)
        }
        Source::Configured(FeedConfig { name, kind: FeedKind::Venue(config), .. }) => {
            let mut running = Vec::new();
            for (number, session) in live_sessions(config.preset, &config.overrides).into_iter().enumerate() {
                let (mut settings, clock) = (config.settings(&name), Arc::clone(clock));
                settings.recording = recording.map(|to| recorder(to, config.preset, &name, number));
                running.push(feed::supervisor::spawn(session, settings, sink()?, clock, &metrics.0, stop));
            }
            Ok(Box::pin(async move { all_ended(&name, running.into_iter().map(FeedHandle::join)).await }))
        }
    }
}

/// The hand that a session of a feed is recorded with. A venue that spreads its channels over several sessions has the
/// others told apart behind a dot, which no feed's name has.
pub(crate) fn recorder(to: &Recording, preset: &str, feed: &str, session: usize) -> Recorder {
    match session {
        0 => to.of_feed(preset, feed),
        further => to.of_feed(preset, &format!("{feed}.{further}")),
    }
}

/// Plays recordings of one venue.
#[expect(
    clippy::too_many_arguments,
    reason = "what a feed needs is what it is; called from the two lines above"
)]
fn play(
    name: String,
    preset: &'static str,
    tracks: Vec<Track>,
    playing: Playing,
    mut sink: TableSink,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<Running, Failure> {
    let session = session(preset, &Overrides::default());
    let replay = Replay::of_tracks(tracks, session, &["*".to_owned()], playing)
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

/// Waits for all sessions of a feed, side by side: one of them may run for ever, and a fault of another must not wait for it.
async fn all_ended(name: &str, ends: impl Iterator<Item: Future<Output = FeedEnd>>) -> Result<(), Failure> {
    try_join_all(ends.map(|end| async move { ended(name, end.await) })).await.map(drop)
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

#[cfg(test)]
mod catalogues;

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::future::BoxFuture;

    use super::*;

    #[test]
    fn promise_9_a_broken_session_is_told_while_the_one_before_it_runs_on() {
        let broken = || -> BoxFuture<'static, FeedEnd> { Box::pin(ready(FeedEnd::Broken("x".to_owned()))) };
        let ends: [BoxFuture<'static, FeedEnd>; 2] = [Box::pin(pending()), broken()];
        let told = all_ended("a", ends.into_iter()).now_or_never();
        assert!(matches!(told, Some(Err(_))), "{told:?}");
        let ends = [FeedEnd::Stopped, FeedEnd::NothingListed].map(ready);
        assert!(matches!(all_ended("a", ends.into_iter()).now_or_never(), Some(Ok(()))));
    }
}
