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
        let info = FeedInfo { name, venue: venue.to_owned(), kind, mode: FeedMode::Live };
        self.sink(self.table.add_feed(info).unwrap(), venue)
    }

    /// One more sink of a feed, as each endpoint of its venue has one.
    fn sink(&self, feed: FeedId, venue: &str) -> (TableSink, SymbolRef) {
        let time = PublishTime::Clock(Arc::clone(&self.clock));
        let mut sink = TableSink::new(&self.table, feed, time, None, None)
            .unwrap()
            .composing(Some(&self.composing))
            .screened(self.moves.clone(), self.rejects.of_feed(&venue.to_lowercase()), &self.clock);
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

    fn trade(&self, (sink, symbol): &mut (TableSink, SymbolRef), price: i64) -> Outcome {
        let mut update = Update::new(Source::Direct, self.clock.now());
        update.tell_trade(Some(Decimal::from(price)), Some(Decimal::ONE), None);
        sink.update(*symbol, &update)
    }

    /// A snapshot of the top and of a trade.
    fn snapshot(&self, (sink, symbol): &mut (TableSink, SymbolRef), bid: i64, last: i64) -> Outcome {
        let mut update = Update::new(Source::Direct, self.clock.now());
        update.tell_side(Field::Bid, Some(Decimal::from(bid)), Some(Decimal::ONE));
        update.tell_trade(Some(Decimal::from(last)), None, None);
        update.snapshot = true;
        sink.update(*symbol, &update)
    }

    fn gap(&self, (sink, symbol): &mut (TableSink, SymbolRef)) {
        sink.update(*symbol, &Update::of_status(Status::Suspect, Reason::Gap, self.clock.now()));
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
async fn a_halt_ends_though_the_price_that_ends_it_is_held() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    let (symbol, now) = (a.1, scene.clock.now());
    a.0.update(symbol, &Update::of_status(Status::Halted, Reason::Venue, now));
    scene.top(&mut a, 101, 103);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 halted venue");
    let mut resumed = Update::new(Source::Direct, now);
    resumed.tell_side(Field::Bid, Some(Decimal::from(200)), Some(Decimal::ONE));
    resumed.status = Some((Status::Live, Reason::Confirmed));
    assert_eq!(a.0.update(symbol, &resumed), Outcome::Changed, "its status");
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 suspect jump");
    scene.top(&mut a, 102, 103);
    assert_eq!(scene.shown("A:BTC-USD"), "102 103 live confirmed", "the venue went back to where it was");
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
async fn promise_5_of_two_sinks_of_one_symbol_each_ends_its_own_doubt() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    let mut more = scene.sink(scene.table.feeds()[0].0, "A");
    scene.top(&mut a, 100, 103);
    scene.trade(&mut more, 101);
    // Both are wrong about something; what the second one does about it says nothing of the first one's.
    scene.top(&mut a, 200, 203);
    scene.trade(&mut more, 301);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect jump");
    assert_eq!(scene.trade(&mut more, 102), Outcome::Changed);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect jump");
    scene.top(&mut a, 101, 103);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 live confirmed");
    for sink in [&mut a, &mut more] {
        scene.gap(sink);
    }
    scene.snapshot(&mut more, 101, 102);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 suspect gap");
    scene.snapshot(&mut a, 101, 102);
    assert_eq!(scene.shown("A:BTC-USD"), "101 103 live confirmed");
}

#[tokio::test(start_paused = true)]
async fn a_feed_is_as_bad_as_the_worst_of_its_sinks_and_its_symbols_are_told_one_by_one() {
    let scene = Scene::new(None);
    let mut a = scene.feed("A");
    let feed = scene.table.feeds()[0].0;
    let mut more = scene.sink(feed, "A");
    let eth = more.0.intern(&Symbol::parse("A:ETH-USD").unwrap()).unwrap();
    let state = || (scene.table.feed(feed).status.name(), scene.table.feed(feed).reason.name());
    for sink in [&mut a.0, &mut more.0] {
        sink.feed_status(Status::Live, Reason::Confirmed, &[]);
    }
    more.1 = eth;
    scene.top(&mut a, 100, 103);
    scene.top(&mut more, 10, 11);
    a.0.feed_status(Status::Stale, Reason::Disconnected, &[a.1]);
    more.0.feed_status(Status::Live, Reason::Confirmed, &[]);
    assert_eq!(state(), ("stale", "disconnected"), "whoever spoke last");
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 stale disconnected");
    assert_eq!(scene.shown("A:ETH-USD"), "10 11 live confirmed");
    a.0.feed_status(Status::Live, Reason::Confirmed, &[]);
    assert_eq!(state(), ("live", "confirmed"));
}

#[tokio::test(start_paused = true)]
async fn promise_5_a_snapshot_of_which_a_part_is_refused_makes_no_gap_good() {
    for moves in [None, moves()] {
        let scene = Scene::new(moves);
        let mut a = scene.feed("A");
        scene.top(&mut a, 100, 103);
        scene.gap(&mut a);
        assert_eq!(scene.snapshot(&mut a, -1, 102), Outcome::Rejected, "its feed is to ask again");
        assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect gap");
        assert_eq!(scene.quote("A:BTC-USD").values.last().map(|p| p.to_string()).as_deref(), Some("102"));
        scene.top(&mut a, 101, 104);
        assert_eq!(scene.shown("A:BTC-USD"), "101 104 suspect gap");
        assert_eq!(scene.snapshot(&mut a, 99, 102), Outcome::Changed);
        assert_eq!(scene.shown("A:BTC-USD"), "99 104 live confirmed");
        // Where no gap is open nothing is to be made good.
        assert_eq!(scene.snapshot(&mut a, -1, 103), Outcome::Changed);
        assert_eq!(scene.shown("A:BTC-USD"), "99 104 live confirmed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_without_the_price_that_is_held_back_does_not_let_it_go() {
    let scene = Scene::new(moves());
    let mut a = scene.feed("A");
    scene.top(&mut a, 100, 103);
    scene.top(&mut a, 200, 203);
    assert_eq!(scene.snapshot(&mut a, -1, 102), Outcome::Changed);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 suspect jump");
    scene.snapshot(&mut a, 100, 102);
    assert_eq!(scene.shown("A:BTC-USD"), "100 103 live confirmed", "a whole one settles it");
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
