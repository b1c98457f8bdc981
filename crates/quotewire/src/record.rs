//! `quotewire record`: what real venues send, written down as it came, both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use feed::capture::Recording;
use feed::supervisor::{FeedEnd, FeedHandle, FeedSettings};
use feed::{Outcome, Sink, SymbolRef};
use market::{Clock, RealClock, Reason, Status, Symbol, Update};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::config::{self, FeedConfig, FeedKind};
use crate::failure::Failure;
use crate::feeds;

/// Runs the command until its time is over or a signal ends it.
pub(crate) fn run(args: &cli::Record) -> Result<(), Failure> {
    let config = config::load(&args.config)?;
    let feed = choose(config.feeds, args.feed.as_deref())?;
    let FeedKind::Venue(venue) = &feed.kind else {
        return Err(Failure::usage(format!(
            "feed {} is no real venue: there is nothing to record",
            feed.name
        )));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let output = args.output.display().to_string();
    let recording =
        Recording::start(&args.output).map_err(|error| Failure::failed(format!("{output}: {error}")))?;
    let metrics = feeds::Metrics::new(&prometheus::Registry::new())
        .map_err(|error| Failure::failed(format!("metrics: {error}")))?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let stop = CancellationToken::new();
    let messages = Arc::new(AtomicU64::new(0));
    runtime.block_on(async {
        let mut running = Vec::new();
        for session in feeds::live_sessions(venue.preset, &venue.overrides) {
            let settings =
                FeedSettings { recording: Some(recording.recorder()), ..venue.settings(&feed.name) };
            let sink = Discard { symbols: 0, updates: Arc::clone(&messages) };
            running.push(feed::supervisor::spawn(
                session,
                settings,
                sink,
                Arc::clone(&clock),
                metrics.feed(),
                &stop,
            ));
        }
        tracing::info!(feed = feed.name, "recording into {output}");
        let over = async {
            match args.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let broken = async {
            while !recording.has_failed() {
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            }
        };
        let mut ends: JoinSet<FeedEnd> = running.into_iter().map(FeedHandle::join).collect();
        let mut early = None;
        tokio::select! {
            () = over => {}
            () = broken => {}
            Some(end) = ends.join_next() => early = Some(end),
            signal = crate::serve::signal() => tracing::info!(signal, "stopping"),
        }
        stop.cancel();
        let broke = |error: JoinError| Failure::failed(format!("feed {} broke: {error}", feed.name));
        if let Some(end) = early {
            let end = end.map_err(broke)?;
            feeds::ended(&feed.name, end.clone())?;
            return Err(Failure::failed(format!("feed {} ended by itself: {end:?}", feed.name)));
        }
        while let Some(end) = ends.join_next().await {
            feeds::ended(&feed.name, end.map_err(broke)?)?;
        }
        Ok::<(), Failure>(())
    })?;
    let recorded = recording.finish().map_err(|error| Failure::failed(format!("{output}: {error}")))?;
    if messages.load(Ordering::Relaxed) == 0 {
        return Err(Failure::failed(format!(
            "{output}: the venue sent no quote; what the log says tells why"
        )));
    }
    tracing::info!(records = recorded.records, lost = recorded.lost, "recorded into {output}");
    if recorded.lost > 0 {
        return Err(Failure::failed(format!(
            "{output}: {} records were lost, the disk was too slow",
            recorded.lost
        )));
    }
    Ok(())
}

/// The feed to record: the one that was named, or the only one there is.
fn choose(mut feeds: Vec<FeedConfig>, name: Option<&str>) -> Result<FeedConfig, Failure> {
    let names = feeds.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => feeds
            .iter()
            .position(|feed| feed.name == name)
            .map(|at| feeds.swap_remove(at))
            .ok_or_else(|| Failure::usage(format!("no feed is called {name:?}; there are {names}"))),
        None if feeds.len() == 1 => Ok(feeds.swap_remove(0)),
        None if feeds.is_empty() => Err(Failure::usage("the configuration has no feed to record")),
        None => Err(Failure::usage(format!("say which feed with --feed: {names}"))),
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
