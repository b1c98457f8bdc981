//! One life of the gateway: table, feeds and edge wired together as `serve` does it, over wires in memory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edge::{Edge, Listen};
use feed::network::Network;
use feed::{
    CatalogueError, Decoder, FeedHandle, FeedSettings, InstrumentId, Instruments, KeepAlive, Outcome,
    RestAnswer, Session, Sink, SymbolRef,
};
use feed_kraken::{Kraken, Settings};
use market::{Clock, Micros, Quote, Reason, Status, Symbol, Update};
use prometheus::Registry;
use table::{FeedInfo, FeedMode, SymbolId, Table};
use testkit::simulation::journal::steps_of;
use testkit::simulation::pipe::End;
use testkit::simulation::wires::Listener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::event::StatusNow;

use super::World;
use super::bad_ticks::BadTicks;
use super::composite::{composite_of, follows_from};
use crate::composite::{Composing, CompositeConfig};
use crate::sink::rejects::RejectMetrics;
use crate::sink::{PublishTime, TableSink};

/// Where clients dial.
pub(super) const PLACE: &str = "gateway";
/// Silence after which a feed is stale, short so that a run holds many of them.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(2);
/// Longest time between two events of a stream.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a client may leave what it is owed unread.
pub(super) const STALL: Duration = Duration::from_secs(6);

/// A running gateway.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) table: Arc<Table>,
    pub(super) truth: Arc<Mutex<Truth>>,
    registry: Registry,
    served: JoinHandle<()>,
    feeds: Vec<FeedHandle>,
    stop_edge: CancellationToken,
    stop_feeds: CancellationToken,
}

/// What really happened in the table, told by the sinks.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// When each symbol last changed.
    pub(super) changed: BTreeMap<Symbol, Micros>,
    /// Every state that each symbol went through, and when.
    pub(super) states: BTreeMap<Symbol, Vec<(Micros, StatusNow)>>,
    /// Updates of venues by what became of them.
    updates: BTreeMap<&'static str, u64>,
    /// Bad ticks that were thrown in.
    bad_ticks: u64,
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Life {
    /// Starts the gateway for the `number`-th time.
    pub(super) fn start(world: &Arc<World>, number: u64) -> Life {
        let clock: Arc<dyn Clock> = Arc::new(world.clock);
        let registry = Registry::new();
        let epoch = world.clock.now().get() as u64;
        let venues = world.venues.len();
        let table = Table::new(table::Config {
            symbols: 64,
            feeds: venues,
            writers: venues,
            epoch,
            ..table::Config::default()
        });
        let mut config =
            edge::Config { heartbeat: HEARTBEAT, seed: Some(world.seed ^ number), ..Default::default() };
        config.limits.stall = STALL;
        // The test command runs the worlds both ways.
        config.hand_over = std::env::var_os("QUOTEWIRE_HAND_OVER").is_none_or(|value| value != "no");
        // So few that slow readers of every change fall behind.
        config.limits.every_changes = 200;
        config.drain = Duration::from_secs(2);
        let edge = Edge::new(config, Arc::clone(&table), Arc::clone(&clock), registry.clone()).unwrap();
        let metrics = crate::feeds::Metrics::new(&registry).unwrap();
        let (stop_edge, stop_feeds) = (CancellationToken::new(), CancellationToken::new());
        let truth = Arc::new(Mutex::new(Truth::default()));
        let network: Arc<dyn Network> = Arc::new(world.wires.clone());
        let composing = Composing::new(&table, CompositeConfig::default());
        let rejects = RejectMetrics::register(&registry).unwrap();
        let feeds = world.venues.iter().enumerate().map(|(place, venue)| {
            let session = Kraken::new(Settings {
                venue: venue.name.to_owned(),
                ws_url: Some(format!("ws://{}/v2", venue.host)),
                rest_url: Some(format!("http://{}", venue.host)),
                ..Settings::default()
            });
            let info = FeedInfo {
                name: venue.name.to_lowercase(),
                venue: venue.name.to_owned(),
                kind: "kraken".to_owned(),
                mode: FeedMode::Live,
            };
            let feed = table.add_feed(info).unwrap();
            let time = PublishTime::Clock(Arc::clone(&clock));
            let sink = TableSink::new(&table, feed, time, Some(edge.notifier()), None).unwrap();
            let name = venue.name.to_lowercase();
            let sink = sink.composing(Some(&composing));
            let watched = Watched {
                inner: sink.screened(BadTicks::moves(), rejects.of_feed(&name), &clock),
                bad_ticks: BadTicks::new(world, number << 8 | place as u64),
                symbols: BTreeMap::new(),
                world: Arc::clone(world),
                table: Arc::clone(&table),
                truth: Arc::clone(&truth),
            };
            let settings = FeedSettings {
                stale_after: Some(STALE_AFTER),
                network: Arc::clone(&network),
                seed: Some(world.seed ^ number ^ (place as u64) << 32),
                ..FeedSettings::new(venue.name.to_lowercase(), vec!["*".to_owned()])
            };
            let session = Arc::new(Narrow(session));
            feed::supervisor::spawn(
                session,
                settings,
                watched,
                Arc::clone(&clock),
                metrics.feed(),
                &stop_feeds,
            )
        });
        let feeds = feeds.collect();
        let door = Door(world.wires.listen(PLACE));
        let served = {
            let stop = stop_edge.clone();
            tokio::spawn(async move { edge.serve(door, stop).await })
        };
        Life { table, truth, registry, served, feeds, stop_edge, stop_feeds }
    }

    /// Stops in good order and holds the books of this life against each other.
    pub(super) async fn drain(self, world: &World) {
        self.stop_edge.cancel();
        self.end(world).await;
    }

    /// Ends the edge in the middle of whatever it does, without a word to anybody.
    pub(super) async fn crash(self, world: &World) {
        self.served.abort();
        self.end(world).await;
    }

    async fn end(self, world: &World) {
        match self.served.await {
            Ok(()) => {}
            Err(error) if error.is_cancelled() => {}
            Err(error) => world.complain(format!("the edge failed: {error}")),
        }
        self.stop_feeds.cancel();
        for feed in self.feeds {
            let name = feed.name().to_owned();
            let end = feed.join().await;
            if end != feed::FeedEnd::Stopped {
                world.complain(format!("feed {name} ended as {end:?}"));
            }
        }
        // Connections end as tasks of their own; what they count is counted when they are gone.
        tokio::time::sleep(Duration::from_millis(1)).await;
        for family in self.registry.gather() {
            if family.name() == "quotewire_edge_streams_ended_total" {
                for metric in family.get_metric() {
                    let reason = metric.get_label().first().map_or("", |label| label.value());
                    world.count(&format!("counted {reason}"), metric.get_counter().get_value() as u64);
                }
            }
        }
        for wrong in books(&self.registry, &lock(&self.truth)) {
            world.complain(wrong);
        }
    }
}

/// Promises 14 and 15 at the end of a life: what was opened has ended for a reason, what came in was applied or dropped.
fn books(registry: &Registry, truth: &Truth) -> Vec<String> {
    let families = registry.gather();
    let sum = |name: &str, label: Option<&str>| -> f64 {
        let metrics = families.iter().filter(|family| family.name() == name).flat_map(|f| f.get_metric());
        let chosen = metrics.filter(|metric| {
            label.is_none_or(|value| metric.get_label().iter().any(|label| label.value() == value))
        });
        chosen.map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum()
    };
    let mut wrong = Vec::new();
    let opened = sum("quotewire_edge_streams_opened_total", None);
    let ended = sum("quotewire_edge_streams_ended_total", None);
    let open = sum("quotewire_edge_streams_open", None);
    if (open, opened) != (0.0, ended) {
        wrong.push(format!(
            "promise 15: {opened} streams were opened, {ended} have ended and {open} are open"
        ));
    }
    if sum("quotewire_edge_streams_ended_total", Some("fault")) > 0.0 {
        wrong.push("promise 14: a stream ended by a fault of our own".to_owned());
    }
    let refused = sum("quotewire_ingest_rejected_total", None);
    if refused != truth.bad_ticks as f64 {
        wrong.push(format!("promise 15: of {} bad ticks {refused} were counted", truth.bad_ticks));
    }
    for (outcome, taken) in &truth.updates {
        let counted = sum("quotewire_feed_updates_total", Some(outcome));
        if counted != *taken as f64 {
            wrong.push(format!("promise 15: {taken} updates were {outcome}, {counted} were counted"));
        }
    }
    for open in ["quotewire_edge_connections_open", "quotewire_edge_subscriptions"] {
        if sum(open, None) != 0.0 {
            wrong.push(format!("promise 15: {open} is {} when everything has ended", sum(open, None)));
        }
    }
    wrong
}

/// Client connections out of the wires.
struct Door(Listener);

impl Listen for Door {
    type Io = End;

    async fn accept(&mut self) -> io::Result<(End, SocketAddr)> {
        let call = self.0.accept().await;
        let port = 1_024 + (call.number % 60_000) as u16;
        Ok((call.end, SocketAddr::from(([127, 0, 0, 1], port))))
    }
}

/// Kraken with two instruments a connection, so that a feed has several, each with a latency of its own.
#[derive(Debug)]
struct Narrow(Kraken);

impl Session for Narrow {
    fn venue(&self) -> &str {
        self.0.venue()
    }
    fn catalogue_urls(&self) -> Vec<String> {
        self.0.catalogue_urls()
    }
    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        self.0.catalogue(answers, instruments)
    }
    fn endpoint(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> String {
        self.0.endpoint(instruments, wanted)
    }
    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        self.0.subscribe(instruments, wanted)
    }
    fn keep_alive(&self) -> KeepAlive {
        self.0.keep_alive()
    }
    fn limits(&self) -> feed::Limits {
        feed::Limits { instruments_per_connection: 2, ..self.0.limits() }
    }
    fn decoder(&self) -> Box<dyn Decoder> {
        self.0.decoder()
    }
}

/// The real sink, and after each call a look at what became of the symbols that it was about.
#[derive(Debug)]
struct Watched {
    inner: TableSink,
    bad_ticks: BadTicks,
    symbols: BTreeMap<u32, (SymbolId, Symbol)>,
    world: Arc<World>,
    table: Arc<Table>,
    truth: Arc<Mutex<Truth>>,
}

impl Watched {
    fn look(&self, symbol: SymbolRef) {
        let Some((id, symbol)) = self.symbols.get(&symbol.0) else { return };
        let quote = self.table.read(*id);
        self.note(symbol, &quote);
        let composite = composite_of(symbol);
        if let Some(members) = self.world.composites.get(&composite) {
            if let Some(id) = self.table.find(composite.as_str()) {
                self.note(&composite, &self.table.read(id));
            }
            if let Err(why) = follows_from(&self.table, &composite, members.iter()) {
                self.world.complain(format!("promise 2: the composite {composite} {why}"));
            }
        }
        match steps_of(&quote.values) {
            Err(torn) => self.world.complain(format!("promise 3: {symbol} in the table: {torn}")),
            Ok(steps) if quote.status == Status::Live => {
                let told = self.world.may_be_live(symbol, steps, quote.status_since, quote.ts_pub);
                if let Err(why) = told {
                    self.world.complain(format!("promise 5: {symbol} in the table: {why}"));
                }
            }
            Ok(_) => {}
        }
    }
}

impl Watched {
    /// Notes when a symbol changed, and its state.
    fn note(&self, symbol: &Symbol, quote: &Quote) {
        let state = StatusNow { status: quote.status, since: quote.status_since, reason: quote.reason };
        let mut truth = lock(&self.truth);
        // Nothing else publishes, so what was published now has changed now.
        let at = truth.changed.entry(symbol.clone()).or_default();
        *at = (*at).max(quote.ts_pub);
        let states = truth.states.entry(symbol.clone()).or_default();
        if states.last().map(|(_, state)| state) != Some(&state) {
            states.push((quote.ts_pub, state));
        }
    }

    /// Throws in a bad tick now and then, of what the venue has just told. None of them may be taken.
    fn throw(&mut self, symbol: SymbolRef, update: &Update) {
        if let Some(bad) = self.bad_ticks.after(&self.world, update) {
            let outcome = self.inner.update(symbol, &bad);
            if outcome != Outcome::Rejected {
                self.world.complain(format!("a bad tick was {outcome:?}: {bad:?}"));
            }
            lock(&self.truth).bad_ticks += 1;
            self.look(symbol);
        }
    }
}

impl Sink for Watched {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let known = self.inner.intern(symbol)?;
        let id = self.inner.id(known)?;
        self.symbols.insert(known.0, (id, symbol.clone()));
        self.look(known);
        Some(known)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let outcome = self.inner.update(symbol, update);
        // Other states are the supervisor's own words, and no update of a venue.
        if matches!(update.status, None | Some((Status::Suspect, _))) {
            let name = match outcome {
                Outcome::Changed => "changed",
                Outcome::Unchanged => "unchanged",
                Outcome::Older => "older",
                Outcome::Rejected => "rejected",
            };
            *lock(&self.truth).updates.entry(name).or_default() += 1;
        }
        // A doubt may have ended by an update that changed nothing else.
        self.look(symbol);
        self.throw(symbol, update);
        outcome
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        self.inner.feed_status(status, reason, symbols);
        for symbol in symbols {
            self.look(*symbol);
        }
    }
}
