//! The whole sink: what stands in the table when updates come, are held back, and are let go.

use feed::{Outcome, Sink, SymbolRef};
use market::{Decimal, Quote, Source};
use prometheus::Registry;
use table::{FeedInfo, FeedMode};
use testkit::simulation::PausedClock;

use super::rejects::RejectMetrics;
use super::*;
use crate::composite::CompositeConfig;

struct Scene {
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
    composing: Composing,
    registry: Registry,
    rejects: RejectMetrics,
    moves: Option<Moves>,
}

impl Scene {
    fn new(moves: Option<Moves>) -> Scene {
        let table = Table::new(table::Config { symbols: 64, ..table::Config::default() });
        let registry = Registry::new();
        let composing = Composing::new(&table, CompositeConfig::default());
        let rejects = RejectMetrics::register(&registry).unwrap();
        Scene { table, clock: Arc::new(PausedClock::new()), composing, registry, rejects, moves }
    }

    fn feed(&self, venue: &str) -> (TableSink, SymbolRef) {
        let (name, kind) = (venue.to_lowercase(), "sim".to_owned());
        let info = FeedInfo { name: name.clone(), venue: venue.to_owned(), kind, mode: FeedMode::Live };
        let feed = self.table.add_feed(info).unwrap();
        let time = PublishTime::Clock(Arc::clone(&self.clock));
        let mut sink = TableSink::new(&self.table, feed, time, None, None)
            .unwrap()
            .composing(Some(&self.composing))
            .screened(self.moves.clone(), self.rejects.of_feed(&name), &self.clock);
        let symbol = Symbol::parse(&format!("{venue}:BTC-USD")).unwrap();
        let symbol = sink.intern(&symbol).unwrap();
        (sink, symbol)
    }

    fn top(&self, (sink, symbol): &mut (TableSink, SymbolRef), bid: i64, ask: i64) -> Outcome {
        let mut update = Update::new(Source::Direct, self.clock.now());
        update.tell_side(Field::Bid, Some(Decimal::from(bid)), Some(Decimal::ONE));
        update.tell_side(Field::Ask, Some(Decimal::from(ask)), Some(Decimal::ONE));
        sink.update(*symbol, &update)
    }

    fn quote(&self, name: &str) -> Quote {
        self.table.read(self.table.find(name).unwrap())
    }

    /// Bid, ask, status and reason.
    fn shown(&self, name: &str) -> String {
        let quote = self.quote(name);
        let text = |number: Option<market::Price>| number.map_or("-".to_owned(), |number| number.to_string());
        let (bid, ask) = (text(quote.values.bid()), text(quote.values.ask()));
        format!("{bid} {ask} {} {}", quote.status.name(), quote.reason.name())
    }

    fn counted(&self, feed: &str, reason: &str) -> f64 {
        let families = self.registry.gather();
        let metrics = families.iter().flat_map(|family| family.get_metric());
        let is = |metric: &&prometheus::proto::Metric| {
            let values: Vec<&str> = metric.get_label().iter().map(|label| label.value()).collect();
            values == [feed, reason]
        };
        metrics.filter(is).map(|metric| metric.get_counter().get_value()).sum()
    }
}

fn moves() -> Option<Moves> {
    Some(Moves {
        max_move: Decimal::new(1, 1),
        confirmations: 3,
        hold_max: std::time::Duration::from_secs(2),
    })
}

#[tokio::test(start_paused = true)]
async fn a_held_price_is_let_go_in_time_though_nothing_more_comes() {
    let scene = Scene::new(moves());
    let (mut a, mut b) = (scene.feed("A"), scene.feed("B"));
    assert_eq!(scene.shown("BTC-USD"), "- - connecting not_connected");
    scene.top(&mut a, 100, 103);
    scene.top(&mut b, 99, 104);
    assert_eq!(scene.shown("BTC-USD"), "100 103 live confirmed");
    assert_eq!(scene.top(&mut a, 200, 203), Outcome::Rejected);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect jump");
    assert_eq!(scene.shown("BTC-USD"), "99 104 live confirmed", "left in the same step");
    tokio::time::sleep(std::time::Duration::from_millis(1_990)).await;
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect jump");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(scene.shown("A:BTC-USD"), "200 203 live confirmed");
    assert_eq!(scene.shown("BTC-USD"), "200 104 live confirmed");
    assert_eq!(scene.quote("BTC-USD").cross(), Some(market::Cross::Crossed));
    assert_eq!(scene.counted("a", "jump").to_bits(), 1.0_f64.to_bits());
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_price_is_shown_at_once_and_a_spike_never() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    assert_eq!(scene.top(&mut a, 100, 500), Outcome::Rejected);
    assert_eq!(scene.top(&mut a, 101, 103), Outcome::Changed);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 live confirmed");
    scene.top(&mut a, 200, 203);
    scene.top(&mut a, 201, 203);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 suspect jump");
    assert_eq!(scene.top(&mut a, 202, 203), Outcome::Changed);
    assert_eq!(scene.shown("A:BTC-USD"), "202 203 live confirmed");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_what_is_held() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    scene.top(&mut a, 200, 203);
    let (sink, symbol) = (&mut a.0, a.1);
    sink.feed_status(Status::Stale, Reason::Disconnected, &[symbol]);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 stale disconnected");
    assert_eq!(scene.shown("BTC-USD"), "100 103 stale no_live_venue");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 stale disconnected");
    scene.top(&mut a, 300, 303);
    assert_eq!(scene.shown("A:BTC-USD"), "300 303 live confirmed");
}

#[tokio::test(start_paused = true)]
async fn a_gap_during_a_hold_is_not_forgotten_with_it() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    scene.top(&mut a, 200, 203);
    a.0.update(a.1, &Update::of_status(Status::Suspect, Reason::Gap, scene.clock.now()));
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect gap", "only a snapshot ends it");
}

#[tokio::test(start_paused = true)]
async fn what_no_market_can_mean_is_counted_and_not_shown() {
    let scene = Scene::new(None);
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    assert_eq!(scene.top(&mut a, -100, 103), Outcome::Rejected);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 live confirmed");
    assert_eq!(scene.counted("a", "negative_price").to_bits(), 1.0_f64.to_bits());
    // Without a limit no move is held back.
    assert_eq!(scene.top(&mut a, 1_000_000, 1_000_003), Outcome::Changed);
}
