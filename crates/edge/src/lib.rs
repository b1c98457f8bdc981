//! The HTTP edge: routes, clients, fan-out, limits.
//!
//! ```text
//!  socket ─ accept ─ hyper ─ routes (warp) ─┬─ short answers
//!                       │                   └─ stream: Client + Outbox ─┐
//!                       └── the socket is handed over, then ──┐         │
//!  table changed ─ Notifier ─ writer loop ─ whose symbol is it? ─ Stream::turn ─ socket
//!                               └─ heartbeats, stalled streams, clients that hang up
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`accept`] | listening sockets, connections, deadlines |
//! | `routes` | every route on one screen |
//! | `writer_loop` | owns streams and sockets; who is owed something, and the write |
//! | `home`, `line`, `subscribers` | a loop's post, one of its sockets, whose symbol is whose |
//! | `seats`, `spacing` | who is written next, and how far apart the writes of one stream are |
//! | `handover` | from hyper to a loop |
//! | `stream` | what a quote stream says next |
//! | `asked`, `outbox` | what a stream asked for; what it is owed, and the ids of its events |
//! | `follow`, `ring` | each change or trade, from a shared ring |
//! | `pace` | rates and bandwidth |
//! | `live`, `control` | open streams by id, and changes to them |
//! | `quotes` | full quotes, at once or as soon as one changes |
//! | [`signal`] | how writers tell us that the table has changed |
//! | [`hub`] | all open streams, over all loops |
//! | [`client`] | what can wake or end a stream |
//! | `desk`, `frames`, `tape` | what streams share that are written by one thread: room, encoded events, what was read of the ring |
//! | `tally`, `metrics` | counted by each thread, shown to operators |
//! | `sent` | what was told of a symbol, in ten bytes |
//! | [`negotiate`], [`cors`], `problem` | headers |
//! | `patience` | a deadline for every write |
//! | `dice` | random numbers, which a seed can repeat |
//! | [`spec`] | what is served, as OpenAPI and AsyncAPI |
//! | `page`, `ops` | the console page; metrics and readiness |
//!
//! The edge knows no venue. It reads the table, and learns of changes through a [`Notifier`].

mod answers;
mod asked;
mod body;
mod control;
mod desk;
mod dice;
mod follow;
mod frames;
mod handover;
mod home;
mod line;
mod live;
mod metrics;
mod ops;
mod outbox;
mod pace;
mod page;
mod patience;
mod prefetch;
mod problem;
mod quotes;
mod request_body;
mod ring;
mod routes;
mod seats;
mod sends;
mod sent;
mod spacing;
mod stream;
mod subscribe;
mod subscribers;
mod subscription;
mod tally;
mod tape;
mod writer_loop;

pub mod accept;
pub mod client;
pub mod config;
pub mod cors;
pub mod hub;
pub mod negotiate;
pub mod signal;
pub mod spec;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use market::Clock;
use parking_lot::Mutex;
use prometheus::Registry;
use rand::seq::SliceRandom;
use table::Table;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use accept::{Listen, bind};
pub use client::EndReason;
pub use config::{Config, Limits};
pub use cors::{Cors, CorsError};
pub use line::{Carried, Io};
pub use signal::Notifier;

use crate::client::Client;
use crate::desk::Desks;
use crate::dice::Dice;
use crate::home::{Home, Letter};
use crate::hub::Hub;
use crate::live::LiveStreams;
use crate::metrics::Metrics;
use crate::outbox::{Changes, Outbox};
use crate::signal::{LOOPS_MAX, Signal};
use crate::subscription::feeds_behind;
use crate::writer_loop::WriterLoop;

/// How long streams get to take their goodbye before their connections are ended.
const GOODBYE_GRACE: Duration = Duration::from_secs(1);
/// How much longer connections get whose streams have ended.
const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// Most steps in which the goodbyes of a shutdown are spread over its window.
const DRAIN_STEPS: usize = 200;
/// How long the admin listener's requests get to finish.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

/// What every part of the edge shares.
#[derive(Debug)]
pub(crate) struct Core {
    /// The settings in force; replaced as a whole by [`Edge::reload`].
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) table: Arc<Table>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    /// The same counts for the admin listener, which is not among the clients; shown nowhere.
    admin_metrics: Arc<Metrics>,
    pub(crate) hub: Arc<Hub>,
    /// For the streams that hyper polls; loops have their own.
    pub(crate) desks: Desks,
    pub(crate) streams: LiveStreams,
    /// Bodies that may be read at a time.
    pub(crate) bodies: Semaphore,
    /// Every random number of the edge.
    pub(crate) dice: Dice,
    /// Set once by [`Edge::serve`] when it is told to stop; read by readiness and by new streams.
    draining: AtomicBool,
}

impl Core {
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Says goodbye to every stream, in random order and evenly spread over the window. New ones are refused meanwhile,
    /// and short answers are given.
    async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let window = self.config.load().drain;
        let mut clients = self.hub.clients();
        self.dice.roll(|mut rng| clients.shuffle(&mut rng));
        let steps = clients.len().clamp(1, DRAIN_STEPS);
        let pause = window / u32::try_from(steps).unwrap_or(u32::MAX);
        let start = tokio::time::Instant::now();
        for step in 0..steps {
            let until = clients.len() * (step + 1) / steps;
            for client in &clients[clients.len() * step / steps..until] {
                client.wake_end(EndReason::Drain, self.clock.monotonic());
            }
            // Nobody is left to be spread over the rest of the window.
            if until == clients.len() || self.hub.is_empty() {
                break;
            }
            tokio::time::sleep_until(start + pause * u32::try_from(step + 1).unwrap_or(u32::MAX)).await;
        }
        // Whoever came in between.
        self.hub.end_all(EndReason::Drain);
    }

    /// Tells a stream's loop what it is subscribed to now. To be called under the lock of its outbox.
    pub(crate) fn resubscribe(&self, client: &Client, outbox: &mut Outbox) {
        outbox.set_feeds(feeds_behind(&self.table, &outbox.symbols));
        let Changes { left, joined } = outbox.take_changes();
        client.home.post(Letter::Change {
            place: client.place,
            left: left.into(),
            joined: joined.into(),
            waits: outbox.asked.waits_for_symbols(),
        });
    }
}

/// The edge: make one, bind its listeners, serve.
#[derive(Clone, Debug)]
pub struct Edge {
    core: Arc<Core>,
    /// Taken by [`Edge::serve`].
    loops: Arc<Mutex<Vec<WriterLoop>>>,
}

impl Edge {
    /// An edge over a table. Its series are registered in `registry`, which its admin listener shows.
    ///
    /// # Errors
    /// When a series of that name is registered already.
    ///
    /// # Panics
    /// When the table has no watcher left: an edge has a writer loop for each.
    pub fn new(
        config: Config,
        table: Arc<Table>,
        clock: Arc<dyn Clock>,
        registry: Registry,
    ) -> prometheus::Result<Edge> {
        let metrics = Arc::new(Metrics::new(&registry)?);
        let dice = Dice::new(config.seed);
        let config = Arc::new(ArcSwap::from_pointee(config));
        // One loop for each watcher that the table was made with.
        let watchers: Vec<_> = std::iter::from_fn(|| table.watcher()).take(LOOPS_MAX).collect();
        assert!(!watchers.is_empty(), "an edge needs a watcher of its table, and all are taken");
        let homes: Box<[Arc<Home>]> = (0..watchers.len()).map(|number| Arc::new(Home::new(number))).collect();
        let changes = config.load().limits.every_changes;
        let signal = Arc::new(Signal::new(Arc::clone(&table), homes.clone(), changes));
        let hub = Arc::new(Hub::new(Arc::clone(&clock), signal, homes.clone()));
        let admin_metrics = Arc::new(Metrics::new(&Registry::new())?);
        let core = Arc::new(Core {
            config,
            table,
            clock,
            registry,
            metrics,
            admin_metrics,
            hub,
            desks: Desks::default(),
            streams: LiveStreams::default(),
            bodies: Semaphore::new(request_body::AT_A_TIME),
            dice,
            draining: AtomicBool::new(false),
        });
        let loops = homes.iter().zip(watchers);
        let loops = loops
            .map(|(home, watcher)| WriterLoop::new(Arc::clone(&core), Arc::clone(home), watcher))
            .collect();
        Ok(Edge { core, loops: Arc::new(Mutex::new(loops)) })
    }

    /// What writers call after publishing.
    pub fn notifier(&self) -> Notifier {
        self.core.hub.notifier()
    }

    /// Serves clients until stopped; then says goodbye to every stream, lets requests finish and ends what is left.
    ///
    /// To be called once.
    ///
    /// # Panics
    /// When a writer loop has panicked: the process must end, because streams would stand still without knowing it.
    ///
    /// # Cancel safety
    /// Dropping the future ends every connection without a goodbye.
    pub async fn serve(&self, listener: impl Listen, stop: CancellationToken) {
        let core = &self.core;
        let stop_loops = CancellationToken::new();
        let _stops = stop_loops.clone().drop_guard();
        let loops = std::mem::take(&mut *self.loops.lock());
        let mut loops = writer_loop::start(loops, &stop_loops);
        let context = Arc::new(accept::Context {
            limits: core.config.load().limits.clone(),
            metrics: Arc::clone(&core.metrics),
            hand_over: core.config.load().hand_over,
        });
        let service = warp::service(routes::routes(core));
        let close = CancellationToken::new();
        let goodbye = async {
            stop.cancelled().await;
            core.drain().await;
            close.cancel();
            tokio::time::sleep(GOODBYE_GRACE).await;
            core.hub.kill_all(EndReason::Drain);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = goodbye => {}
            () = accept::serve(listener, service, context, close.clone(), GOODBYE_GRACE + CLOSE_GRACE) => {}
            // A loop only ends when told to. A panic in it is ours to pass on: streams that are never written would show
            // old prices as live.
            Some(ended) = loops.next() => {
                if let Err(panic) = ended {
                    std::panic::resume_unwind(panic);
                }
                return;
            }
        }
        stop_loops.cancel();
        while let Some(ended) = loops.next().await {
            if ended.is_err() {
                tracing::error!("a writer loop failed while stopping");
            }
        }
    }

    /// Puts other settings in force, for streams that are open as far as they can change and for all that come.
    /// Connections, request heads, the ring's length and the listening sockets stay as they were.
    pub fn reload(&self, config: Config) {
        self.core.config.store(Arc::new(config));
    }

    /// Serves operators until stopped.
    pub async fn serve_admin(&self, listener: impl Listen, stop: CancellationToken) {
        let context = Arc::new(accept::Context {
            limits: self.core.config.load().limits.clone(),
            metrics: Arc::clone(&self.core.admin_metrics),
            hand_over: false,
        });
        let service = warp::service(ops::routes(Arc::clone(&self.core)));
        accept::serve(listener, service, context, stop, ADMIN_GRACE).await;
    }
}
