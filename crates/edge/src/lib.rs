//! The HTTP edge: routes, clients, fan-out, limits.
//!
//! ```text
//!  socket ─ accept ─ hyper ─ routes (warp) ─┬─ short answers
//!                                           └─ stream: Client + Outbox ─┐
//!  table changed ─ Notifier ─ hub ─ wakes the streams that are behind ──┤
//!                               └─ heartbeats, stalled streams ─ kill   │
//!  socket <─ hyper <─ Body::poll_frame <─ QuoteStream::poll_bytes <─────┘
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`accept`] | listening sockets, connections, deadlines |
//! | `routes` | every route on one screen |
//! | `stream` | a quote stream as its connection polls it |
//! | `outbox` | what a stream is owed, and the ids of its events |
//! | `follow`, `ring` | each change or trade, from a shared ring |
//! | `pace` | rates and bandwidth |
//! | `live`, `control` | open streams by id, and changes to them |
//! | `quotes` | full quotes, at once or as soon as one changes |
//! | [`signal`] | how writers tell us that the table has changed |
//! | [`hub`] | who is woken, who has stalled |
//! | [`client`] | what a stream's body and the hub share |
//! | `frames` | encoded once, shared by all |
//! | [`negotiate`], [`cors`], `problem` | headers |
//! | `patience` | a deadline for every write |
//! | `dice` | random numbers, which a seed can repeat |
//! | [`spec`] | what is served, as OpenAPI and AsyncAPI |
//! | `page`, `ops` | the console page; metrics and readiness |
//!
//! The edge knows no venue. It reads the table, and learns of changes through a [`Notifier`].

mod answers;
mod body;
mod control;
mod dice;
mod follow;
mod frames;
mod live;
mod metrics;
mod ops;
mod outbox;
mod pace;
mod page;
mod patience;
mod problem;
mod quotes;
mod request_body;
mod ring;
mod routes;
mod stream;
mod subscribe;
mod subscription;

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
use market::Clock;
use prometheus::Registry;
use rand::seq::SliceRandom;
use table::Table;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use accept::{Listen, bind};
pub use client::EndReason;
pub use config::{Config, Limits};
pub use cors::{Cors, CorsError};
pub use signal::Notifier;

use crate::client::{Client, Watched};
use crate::dice::Dice;
use crate::frames::Frames;
use crate::hub::Hub;
use crate::live::LiveStreams;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::subscription::feeds_behind;

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
    pub(crate) frames: Frames,
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

    /// Has the hub watch what a stream is subscribed to now.
    pub(crate) fn watch(&self, client: &Client, outbox: &mut Outbox) {
        outbox.set_feeds(feeds_behind(&self.table, &outbox.symbols));
        let seen = if outbox.asked.waits_for_symbols() { outbox.seen } else { usize::MAX };
        client.watch(Watched {
            symbols: outbox.symbols.as_slice().into(),
            feeds: outbox.feeds.as_slice().into(),
            seen,
        });
    }
}

/// The edge: make one, bind its listeners, serve.
#[derive(Clone, Debug)]
pub struct Edge {
    core: Arc<Core>,
}

impl Edge {
    /// An edge over a table. Its series are registered in `registry`, which its admin listener shows.
    ///
    /// # Errors
    /// When a series of that name is registered already.
    pub fn new(
        config: Config,
        table: Arc<Table>,
        clock: Arc<dyn Clock>,
        registry: Registry,
    ) -> prometheus::Result<Edge> {
        let metrics = Arc::new(Metrics::new(&registry)?);
        let dice = Dice::new(config.seed);
        let config = Arc::new(ArcSwap::from_pointee(config));
        let hub = Arc::new(Hub::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            Arc::clone(&config),
        ));
        let frames = Frames::new(table.capacity());
        let admin_metrics = Arc::new(Metrics::new(&Registry::new())?);
        let core = Core {
            config,
            table,
            clock,
            registry,
            metrics,
            admin_metrics,
            hub,
            frames,
            streams: LiveStreams::default(),
            bodies: Semaphore::new(request_body::AT_A_TIME),
            dice,
            draining: AtomicBool::new(false),
        };
        Ok(Edge { core: Arc::new(core) })
    }

    /// What writers call after publishing.
    pub fn notifier(&self) -> Notifier {
        self.core.hub.notifier()
    }

    /// Serves clients until stopped; then says goodbye to every stream, lets requests finish and ends what is left.
    ///
    /// # Panics
    /// When the hub has panicked: the process must end, because streams would stand still without knowing it.
    ///
    /// # Cancel safety
    /// Dropping the future ends every connection without a goodbye.
    pub async fn serve(&self, listener: impl Listen, stop: CancellationToken) {
        let core = &self.core;
        let hub_stop = CancellationToken::new();
        let _stops = hub_stop.clone().drop_guard();
        let mut hub = tokio::spawn(Arc::clone(&core.hub).run(hub_stop.clone()));
        let context = Arc::new(accept::Context {
            limits: core.config.load().limits.clone(),
            metrics: Arc::clone(&core.metrics),
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
            // The hub only ends when told to. A panic in it is ours to pass on: streams that are never woken would
            // show old prices as live.
            ended = &mut hub => {
                if let Err(fault) = ended && fault.is_panic() {
                    std::panic::resume_unwind(fault.into_panic());
                }
                return;
            }
        }
        hub_stop.cancel();
        if let Err(fault) = hub.await {
            tracing::error!(%fault, "the hub failed while stopping");
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
        });
        let service = warp::service(ops::routes(Arc::clone(&self.core)));
        accept::serve(listener, service, context, stop, ADMIN_GRACE).await;
    }
}
