//! `quotewire record`: what real venues send, written down as it came, both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use feed::capture::{Recorded, Recording};
use feed::supervisor::FeedSettings;
use feed::{Outcome, Sink, SymbolRef};
use market::{Clock, RealClock, Reason, Status, Symbol, Update};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::config::{self, FeedConfig, FeedKind, RecordConfig, VenueConfig};
use crate::failure::Failure;
use crate::feeds::{self, Source};

/// Begins to record beside `serve`, if that is wanted.
///
/// # Errors
/// When the folder cannot be recorded into: better said at the start than missed at the end.
pub(crate) fn begin(
    config: &RecordConfig,
    sources: &[Source],
    clock: &Arc<dyn Clock>,
) -> Result<Option<Recording>, Failure> {
    let Some(settings) = config.folder() else { return Ok(None) };
    let real =
        |source: &Source| matches!(source, Source::Configured(FeedConfig { kind: FeedKind::Venue(_), .. }));
    let folder = settings.folder.display();
    if !sources.iter().any(real) {
        tracing::warn!("no feed is a real venue: nothing will be recorded into {folder}");
    }
    let recording = Recording::into_folder(&settings, Arc::clone(clock))
        .map_err(|error| Failure::failed(format!("recording: {error}")))?;
    tracing::info!("recording into {folder}");
    Ok(Some(recording))
}

/// Closes the files. A recording that has failed has said so when it happened, and serving was not touched by it.
pub(crate) async fn end(recording: Option<Recording>) {
    let Some(recording) = recording else { return };
    if let Ok(Ok(recorded)) = tokio::task::spawn_blocking(|| recording.finish()).await {
        let Recorded { records, lost, unfit } = recorded;
        tracing::info!(records, lost, unfit, "the recording is closed");
    }
}

/// Runs the command until its time is over or a signal ends it.
pub(crate) fn run(args: &cli::Record) -> Result<(), Failure> {
    let config = config::load(&args.config)?;
    let record = args.recording.over(config.record).map_err(Failure::usage)?;
    let feeds = choose(config.feeds, args.feed.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let (output, recording) = match (&args.output, record.folder()) {
        (Some(_), _) if feeds.len() > 1 => {
            let names = feeds.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("one file is for one feed; say which with --feed: {names}")));
        }
        (Some(file), _) => (file.display().to_string(), Recording::start(file)),
        (None, Some(folder)) => {
            (folder.folder.display().to_string(), Recording::into_folder(&folder, Arc::clone(&clock)))
        }
        (None, None) => {
            return Err(Failure::usage(
                "say where: --record DIR, --output FILE, or [record] dir in the file",
            ));
        }
    };
    let recording = recording.map_err(|error| Failure::failed(format!("{output}: {error}")))?;
    let updates = Arc::new(AtomicU64::new(0));
    tracing::info!("recording into {output}");
    let ran = runtime.block_on(record_feeds(feeds, &recording, &clock, &updates, args.duration));
    // Whatever ended it, what was recorded is closed.
    let recorded = recording.finish().map_err(|error| Failure::failed(format!("{output}: {error}")));
    ran?;
    let Recorded { records, lost, .. } = recorded?;
    if updates.load(Ordering::Relaxed) == 0 {
        let what = format!("{output}: the venue sent no quote; what the log says tells why");
        return Err(Failure::failed(what));
    }
    tracing::info!(records, lost, "recorded into {output}");
    if lost > 0 {
        let what = format!("{output}: {lost} records were lost, the disk was too slow");
        return Err(Failure::failed(what));
    }
    Ok(())
}

/// Records until the time is over, a signal comes, the recording fails, or every feed has ended by itself.
async fn record_feeds(
    feeds: Vec<(String, VenueConfig)>,
    recording: &Recording,
    clock: &Arc<dyn Clock>,
    updates: &Arc<AtomicU64>,
    duration: Option<Duration>,
) -> Result<(), Failure> {
    let metrics = feeds::Metrics::new(&prometheus::Registry::new())
        .map_err(|error| Failure::failed(format!("metrics: {error}")))?;
    let stop = CancellationToken::new();
    let mut ends = JoinSet::new();
    for (name, venue) in feeds {
        let sessions = feeds::live_sessions(venue.preset, &venue.overrides);
        for (number, session) in sessions.into_iter().enumerate() {
            let recorder = feeds::recorder(recording, venue.preset, &name, number);
            let settings = FeedSettings { recording: Some(recorder), ..venue.settings(&name) };
            let sink = Discard { symbols: 0, updates: Arc::clone(updates) };
            let clock = Arc::clone(clock);
            let feed = feed::supervisor::spawn(session, settings, sink, clock, metrics.feed(), &stop);
            let name = name.clone();
            ends.spawn(async move { (name, feed.join().await) });
        }
    }
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let broken = async {
        while !recording.has_failed() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let signal = crate::serve::signal();
    tokio::pin!(over, broken, signal);
    let broke = |error: JoinError| Failure::failed(format!("a feed broke: {error}"));
    loop {
        tokio::select! {
            () = &mut over => break,
            () = &mut broken => break,
            signal = &mut signal => {
                tracing::info!(signal, "stopping");
                break;
            }
            Some(end) = ends.join_next() => {
                let (name, end) = end.map_err(broke)?;
                feeds::ended(&name, end.clone())?;
                // The others go on: what they say is as much worth as before.
                if ends.is_empty() {
                    return Err(Failure::failed(format!("feed {name} ended by itself: {end:?}")));
                }
            }
        }
    }
    stop.cancel();
    while let Some(end) = ends.join_next().await {
        let (name, end) = end.map_err(broke)?;
        feeds::ended(&name, end)?;
    }
    Ok(())
}

/// The feeds to record: the one that was named, or all that are real venues.
fn choose(feeds: Vec<FeedConfig>, name: Option<&str>) -> Result<Vec<(String, VenueConfig)>, Failure> {
    let names = feeds.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
    if feeds.is_empty() {
        return Err(Failure::usage("the configuration has no feed to record"));
    }
    let mut chosen = Vec::new();
    for feed in feeds.into_iter().filter(|feed| name.is_none_or(|name| name == feed.name)) {
        match feed.kind {
            FeedKind::Venue(venue) => chosen.push((feed.name, *venue)),
            FeedKind::Replay(_) | FeedKind::Sim(_) if name.is_some() => {
                let what = format!("feed {} is no real venue: there is nothing to record", feed.name);
                return Err(Failure::usage(what));
            }
            FeedKind::Replay(_) | FeedKind::Sim(_) => {}
        }
    }
    match (chosen.is_empty(), name) {
        (false, _) => Ok(chosen),
        (true, Some(name)) => Err(Failure::usage(format!("no feed is called {name:?}; there are {names}"))),
        (true, None) => {
            Err(Failure::usage(format!("none of {names} is a real venue: there is nothing to record")))
        }
    }
}

/// Recording needs no table: updates are only decoded so that the session's own replies are sent.
#[derive(Debug)]
struct Discard {
    symbols: u32,
    /// Counted here, read once at the end.
    updates: Arc<AtomicU64>,
}

impl Sink for Discard {
    fn intern(&mut self, _: &Symbol) -> Option<SymbolRef> {
        self.symbols += 1;
        Some(SymbolRef(self.symbols - 1))
    }

    fn update(&mut self, _: SymbolRef, _: &Update) -> Outcome {
        self.updates.fetch_add(1, Ordering::Relaxed);
        Outcome::Changed
    }

    fn feed_status(&mut self, status: Status, reason: Reason, _: &[SymbolRef]) {
        tracing::info!(status = status.name(), reason = reason.name(), "feed");
    }
}
