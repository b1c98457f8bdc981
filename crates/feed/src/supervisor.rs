//! Keeps one configured feed alive: catalogue, connections, status.
//!
//! [`spawn`] starts one task a feed. It fetches the catalogue until it has it, makes all wanted symbols known, splits
//! them over connections, and runs each connection for ever. What happens is told at once:
//!
//! | moment | feed | its symbols |
//! |---|---|---|
//! | start | `connecting` (`not_connected`) | the same, also those never heard of before |
//! | a wish that the catalogue does not have | | `delisted` (`not_listed`) |
//! | connected, nothing heard yet | `connecting` (`not_heard`) | as they were |
//! | subscribed for ten seconds and never heard of | | `connecting` (`not_heard`) |
//! | the same, but heard of on an earlier connection | | `stale` (`not_heard`) |
//! | the first update | `live` (`confirmed`) | live one by one, as they are heard |
//! | silence, disconnect, fault, gap | `stale` with the reason | those that are live become stale |
//! | silence of one symbol, where there is a limit | | it alone `stale` (`silence`), until it is heard of |
//! | a symbol in doubt for ten seconds | `stale` (`gap`) and a new connection | those that are live become stale |
//! | the venue refuses a symbol | | `unknown` (`refused`), or stale if it was heard of before |
//! | the venue ends each connection that asks for a symbol | | the same |
//! | the venue refuses for good | `closed` (`refused`) | stale (`refused`), or closed if never heard of |
//! | stop | `closed` (`stopped`) | those that are live become stale |
//!
//! A symbol that makes the venue end the whole connection is found and left out (`supervisor/trial.rs`).
//!
//! A feed with several connections is as stale as its worst one; its symbols are told connection by connection.
//!
//! Code of adapters may panic: that ends the connection, which starts again with a fresh decoder after a back-off. A
//! panic of the sink is not caught: whoever holds broken state has to end, see [`FeedEnd::Broken`].

use std::sync::Arc;
use std::time::Duration;

use market::{Clock, Reason, Status};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backoff::Policy;
use crate::capture::Recorder;
use crate::connection::{Cause, End};
use crate::metrics::{FeedMetrics, OneFeed};
use crate::network::{Internet, Network};
use crate::{Session, Sink};

mod line;
mod outlet;
mod prepare;
mod trial;
mod vigil;

use line::{DialGate, Line};
use outlet::Outlet;

/// What the configuration says of one feed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// The name in logs and metrics.
    pub name: String,
    /// Wishes: `*`, canonical names with or without the venue, or the venue's own names.
    pub symbols: Vec<String>,
    /// Longest silence before the feed is stale, instead of the one that the session assumes.
    pub stale_after: Option<Duration>,
    /// Longest time without hearing of one symbol before that is stale, instead of the one that the session assumes.
    pub symbol_stale_after: Option<Duration>,
    /// Most symbols of this feed. What the wishes name beyond it is left out and said in the log.
    pub instruments_max: usize,
    /// Where everything is recorded, both ways.
    pub recording: Option<Recorder>,
    /// Waits and limits.
    pub timing: Timing,
    /// What it reaches its venue through.
    pub network: Arc<dyn Network>,
    /// Makes every random wait follow from this seed, so that a run can be repeated. In service waits are the machine's.
    pub seed: Option<u64>,
}

impl FeedSettings {
    /// A feed of that name with these wishes; everything else as most feeds want it.
    pub fn new(name: impl Into<String>, symbols: Vec<String>) -> FeedSettings {
        FeedSettings {
            name: name.into(),
            symbols,
            stale_after: None,
            symbol_stale_after: None,
            instruments_max: 10_000,
            recording: None,
            timing: Timing::default(),
            network: Arc::new(Internet),
            seed: None,
        }
    }
}

/// Waits and limits of a feed. Tests shorten them; operators have no need to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Waits between dials, and between attempts to get the catalogue.
    pub backoff: Policy,
    /// Longest time from dialling to the end of the handshake, and from there until the venue takes a subscription where it
    /// says when it does.
    pub dial_limit: Duration,
    /// Least time between two dials of the feed, instead of [`crate::Limits::between_dials`].
    pub between_dials: Option<Duration>,
    /// How long after subscribing a symbol that was not heard of is said to be so.
    pub unheard_after: Duration,
    /// How long a symbol may be in doubt before the connection is renewed: what the decoder asked for may be lost.
    pub doubt_limit: Duration,
    /// How long after subscribing an end of the connection by the venue may be the fault of a symbol.
    pub probation: Duration,
    /// Longest time for a goodbye. A stopped feed ends within it.
    pub close_limit: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            backoff: Policy::default(),
            dial_limit: Duration::from_secs(10),
            between_dials: None,
            unheard_after: Duration::from_secs(10),
            doubt_limit: Duration::from_secs(10),
            probation: Duration::from_secs(3),
            close_limit: Duration::from_millis(500),
        }
    }
}

/// How a feed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// It was stopped.
    Stopped,
    /// The venue refused for good, or the address can never work: say so, and leave the others running.
    Refused(String),
    /// The venue lists none of the wanted symbols.
    NothingListed,
    /// The sink, or the supervisor itself, panicked: state of our own is broken, so the process has to end.
    Broken(String),
}

/// A running feed. Dropping the handle leaves it running.
#[derive(Debug)]
pub struct FeedHandle {
    name: String,
    task: JoinHandle<FeedEnd>,
}

impl FeedHandle {
    /// The feed's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the end of the feed. Cancel-safe only in that the feed goes on.
    pub async fn join(self) -> FeedEnd {
        self.task.await.unwrap_or_else(|error| FeedEnd::Broken(error.to_string()))
    }
}

/// What every part of one feed's machinery needs. Written once, read by all.
#[derive(Debug)]
struct Feed {
    session: Arc<dyn Session>,
    settings: FeedSettings,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
    metrics: OneFeed,
    gate: DialGate,
    /// Cancelled by the caller's token, or when one connection's end is the end of all.
    stop: CancellationToken,
}

/// Starts a feed. It runs until `stop` is cancelled, then ends within [`Timing::close_limit`].
///
/// Must be called within a tokio runtime that has time and I/O.
pub fn spawn(
    session: Arc<dyn Session>,
    settings: FeedSettings,
    sink: impl Sink + 'static,
    clock: Arc<dyn Clock>,
    metrics: &FeedMetrics,
    stop: &CancellationToken,
) -> FeedHandle {
    let feed = Arc::new(Feed {
        outlet: Outlet::new(Box::new(sink)),
        metrics: metrics.of_feed(&settings.name),
        gate: DialGate::new(&settings.timing, &session.limits()),
        session,
        clock,
        stop: stop.child_token(),
        settings,
    });
    let name = feed.settings.name.clone();
    FeedHandle { name, task: tokio::spawn(run(feed)) }
}

/// One feed from its start to its end.
async fn run(feed: Arc<Feed>) -> FeedEnd {
    let name = feed.settings.name.as_str();
    feed.outlet.tell_feed(Status::Connecting, Reason::NotConnected);
    let end = match prepare::wanted(&feed).await {
        Ok(wanted) if wanted.is_empty() => {
            tracing::error!(feed = name, "the venue lists none of the wanted symbols");
            feed.outlet.tell_feed(Status::Closed, Reason::NotListed);
            return FeedEnd::NothingListed;
        }
        Ok(wanted) => run_lines(&feed, wanted).await,
        Err(end) => end,
    };
    let (status, reason) = end.cause.status();
    feed.outlet.tell_feed(status, reason);
    if end.cause == Cause::Stopped {
        tracing::info!(feed = name, "feed stopped");
        return FeedEnd::Stopped;
    }
    tracing::error!(feed = name, %end, "feed gave up");
    FeedEnd::Refused(end.why)
}

/// Runs all connections and returns the end of the first one that ends for good.
async fn run_lines(feed: &Arc<Feed>, wanted: Vec<crate::Instruments>) -> End {
    feed.outlet.set_lines(wanted.len());
    feed.gate.set_lines(wanted.len());
    // All symbols are known before the first dial, so that a client may subscribe whatever the venue does.
    let lines: Vec<Line> = wanted
        .into_iter()
        .enumerate()
        .map(|(number, instruments)| Line::new(Arc::clone(feed), number, instruments))
        .collect();
    let unplaced: usize = lines.iter().map(Line::without_room).sum();
    feed.metrics.add_without_room(unplaced);
    if unplaced > 0 {
        tracing::warn!(
            feed = feed.settings.name,
            unplaced,
            "no room for all symbols: raise the table's capacity"
        );
    }
    let mut tasks = JoinSet::new();
    for line in lines {
        tasks.spawn(line.run());
    }
    let mut first = None;
    while let Some(ended) = tasks.join_next().await {
        let end = match ended {
            Ok(end) => end,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => End::of(Cause::Stopped, ""),
        };
        first.get_or_insert(end);
        feed.stop.cancel();
    }
    first.unwrap_or_else(|| End::of(Cause::Stopped, ""))
}
