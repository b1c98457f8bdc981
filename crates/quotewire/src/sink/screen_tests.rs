//! Bad ticks in scenes, and random walks with spikes, trends, gaps and reconnects against what must hold of any of them.

use market::{Micros, Price, Reason, Side, Source};
use proptest::prelude::*;

use super::*;

const MOVES: fn() -> Moves =
    || Moves { max_move: Decimal::new(2, 1), confirmations: 3, hold_max: Duration::from_secs(2) };

fn decimal(text: &str) -> Option<Decimal> {
    Some(Price::parse(text).unwrap().decimal())
}

fn top(bid: &str, ask: &str) -> Update {
    let mut update = Update::new(Source::Direct, Micros(1));
    update.tell_side(Field::Bid, decimal(bid), Some(Decimal::ONE));
    update.tell_side(Field::Ask, decimal(ask), Some(Decimal::ONE));
    update
}

fn last(price: &str) -> Update {
    let mut update = Update::new(Source::Direct, Micros(1));
    update.tell_trade(decimal(price), Some(Decimal::ONE), Some(Side::Buy));
    update
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One symbol and what a table would hold of it.
struct Scene {
    screen: Screen,
    bid: Option<Decimal>,
    ask: Option<Decimal>,
    last: Option<Decimal>,
    doubted: bool,
}

impl Scene {
    fn new(name: &str, moves: Option<Moves>) -> Scene {
        let mut screen = Screen::new(moves);
        screen.add(name);
        Scene { screen, bid: None, ask: None, last: None, doubted: false }
    }

    fn put(&mut self, update: &Update) {
        for (field, place) in
            [(Field::Bid, &mut self.bid), (Field::Ask, &mut self.ask), (Field::Last, &mut self.last)]
        {
            if update.told().contains(field) {
                *place = update.values().number(field);
            }
        }
    }

    fn say(&mut self, update: &Update, at: Duration) -> Vec<&'static str> {
        match self.screen.judge(0, update, at) {
            Verdict::AsIs => self.put(update),
            Verdict::Instead(doubt) | Verdict::Partly(doubt) => {
                for piece in self.screen.instead().to_vec() {
                    self.put(&piece);
                }
                self.doubted = doubt.unwrap_or(self.doubted);
            }
        }
        self.screen.rejects().iter().map(|reject| reject.name()).collect()
    }

    fn wait(&mut self, until: Duration) {
        while self.screen.expire(until).is_some() {
            for piece in self.screen.instead().to_vec() {
                self.put(&piece);
            }
            self.doubted = false;
        }
    }

    fn shown(&self) -> String {
        let text = |number: Option<Decimal>| number.map_or("-".to_owned(), |n| n.to_string());
        let doubt = if self.doubted { " suspect" } else { "" };
        format!("{} {} {}{doubt}", text(self.bid), text(self.ask), text(self.last))
    }
}

#[test]
fn what_no_market_can_mean_is_refused_by_its_group() {
    let strict = ["BTC-USDT", "AAPL", "BTC-USD-PERP"];
    for (update, why) in [
        (top("-1", "2"), "negative_price"),
        (last("-0.5"), "negative_price"),
        (last("0"), "zero_price"),
        (last("10000000000000000"), "off_scale"),
        (last("0.0000000000000000001"), "off_scale"),
    ] {
        for name in strict {
            let mut scene = Scene::new(name, None);
            let mut whole = update;
            whole.tell(Field::High24h, Some(Decimal::TEN));
            assert_eq!(scene.say(&whole, ms(0)), [why], "{name}");
            assert_eq!(scene.shown(), "- - -", "{name}");
            let rest = scene.screen.instead();
            assert_eq!(rest.len(), 1);
            assert_eq!(rest[0].told(), FieldSet::EMPTY.with(Field::High24h), "the other group is taken");
        }
    }
    let mut sizes = top("1", "2");
    sizes.tell(Field::AskSize, Some(Decimal::NEGATIVE_ONE));
    assert_eq!(Scene::new("BTC-USD", None).say(&sizes, ms(0)), ["negative_size"]);
    assert_eq!(Scene::new("BTC-USD-20261225", None).say(&sizes, ms(0)), ["negative_size"]);
}

#[test]
fn what_has_a_date_may_be_below_zero_and_funding_always() {
    for name in ["CL-USD-20200520", "BTC-USD-20261225-66000-C", "A-B-20260101-SPREAD"] {
        let mut scene = Scene::new(name, None);
        assert!(scene.say(&top("-37.63", "0"), ms(0)).is_empty(), "{name}");
        assert_eq!(scene.shown(), "-37.63 0 -");
    }
    let mut update = last("5");
    update.tell(Field::FundingRate, decimal("-0.0001"));
    assert!(Scene::new("BTC-USDT-PERP", None).say(&update, ms(0)).is_empty());
}

#[test]
fn a_crossed_book_is_the_venues_business() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    assert!(scene.say(&top("101", "100"), ms(0)).is_empty());
    assert_eq!(scene.shown(), "101 100 -");
}

#[test]
fn a_spike_is_never_shown_and_the_old_price_is_not_passed_off_as_live() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&top("100", "101"), ms(0));
    assert_eq!(scene.say(&top("100", "1010"), ms(10)), ["jump"]);
    assert_eq!(scene.shown(), "100 101 - suspect");
    assert!(scene.say(&top("100", "102"), ms(20)).is_empty());
    assert_eq!(scene.shown(), "100 102 -", "the venue went back, and nothing of the spike is left");
    scene.wait(ms(60_000));
    assert_eq!(scene.shown(), "100 102 -");
}

#[test]
fn a_new_level_is_taken_at_the_third_update_that_says_so() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&last("100"), ms(0));
    assert_eq!(scene.say(&last("150"), ms(10)), ["jump"]);
    assert_eq!(scene.say(&last("151"), ms(20)), ["jump"]);
    assert!(scene.say(&last("149"), ms(30)).is_empty());
    assert_eq!(scene.shown(), "- - 149");
    assert!(scene.say(&last("160"), ms(40)).is_empty(), "compared with the new level");
}

#[test]
fn confirmations_are_counted_in_a_row() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&last("100"), ms(0));
    for (price, at) in [("150", 10), ("151", 20), ("900", 30), ("150", 40), ("150", 50)] {
        assert_eq!(scene.say(&last(price), ms(at)), ["jump"], "{price} at {at}");
    }
    assert!(scene.say(&last("152"), ms(60)).is_empty());
    assert_eq!(scene.shown(), "- - 152");
}

#[test]
fn a_held_price_is_taken_when_its_time_is_over_without_another_update() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&top("100", "101"), ms(0));
    scene.say(&top("50", "51"), ms(100));
    assert_eq!(scene.screen.deadline(), Some(ms(2_100)));
    scene.wait(ms(2_099));
    assert_eq!(scene.shown(), "100 101 - suspect");
    scene.wait(ms(2_100));
    assert_eq!(scene.shown(), "50 51 -");
    assert_eq!(scene.screen.deadline(), None);
}

#[test]
fn a_trend_that_never_says_the_same_twice_is_not_frozen_for_longer_than_the_set_time() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&last("100"), ms(0));
    let mut price = Decimal::ONE_HUNDRED;
    for step in 1..=30_u64 {
        price *= Decimal::new(13, 1);
        let mut update = last("1");
        update.tell(Field::Last, Some(price.round_dp(6)));
        scene.say(&update, ms(step * 100));
        assert!(step < 20 || !scene.doubted || step * 100 < 4_100, "held since 100 ms");
        if step == 21 {
            assert_eq!(scene.last, Some(price.round_dp(6)), "at 2.1 s the newest is taken");
        }
    }
}

#[test]
fn other_fields_go_past_what_is_held_and_stand() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&top("100", "101"), ms(0));
    scene.say(&top("10", "101"), ms(10));
    assert!(scene.say(&last("100"), ms(20)).is_empty());
    let mut ask = Update::new(Source::Direct, Micros(1));
    ask.tell_side(Field::Ask, decimal("103"), Some(Decimal::ONE));
    ask.venue_seq = Some(7);
    assert!(scene.say(&ask, ms(30)).is_empty());
    assert_eq!(scene.shown(), "100 103 100 suspect");
    scene.wait(ms(3_000));
    assert_eq!(scene.shown(), "10 103 100", "the older ask does not come back with the bid");
    assert_eq!(scene.screen.instead().len(), 0);
}

fn side(field: Field, price: &str) -> Update {
    let mut update = Update::new(Source::Direct, Micros(1));
    update.tell_side(field, decimal(price), Some(Decimal::ONE));
    update
}

#[test]
fn promise_5_what_was_told_beside_a_spike_stands_when_the_venue_goes_back() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&top("100", "101"), ms(0));
    assert_eq!(scene.say(&top("10", "103"), ms(10)), ["jump"]);
    assert!(scene.say(&side(Field::Bid, "99"), ms(20)).is_empty());
    assert_eq!(scene.shown(), "99 103 -", "the venue says nothing but changes: the ask is not told again");
}

#[test]
fn promise_5_each_held_price_is_denied_by_itself() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&top("100", "101"), ms(0));
    scene.say(&side(Field::Bid, "10"), ms(10));
    scene.say(&side(Field::Ask, "1010"), ms(20));
    scene.say(&side(Field::Ask, "102"), ms(30));
    assert_eq!(scene.shown(), "100 102 - suspect", "nobody took back the bid");
    scene.say(&side(Field::Bid, "99"), ms(40));
    assert_eq!(scene.shown(), "99 102 -");
    scene.say(&top("10", "1010"), ms(50));
    scene.say(&top("98", "1010"), ms(60));
    scene.say(&side(Field::Ask, "103"), ms(70));
    assert_eq!(scene.shown(), "98 103 -", "both are taken back, one after the other");
}

#[test]
fn the_first_price_of_a_new_connection_is_not_compared_with_one_of_long_ago() {
    let mut scene = Scene::new("BTC-USD", Some(MOVES()));
    scene.say(&last("100"), ms(0));
    scene.screen.forget(0);
    assert!(scene.say(&last("200"), ms(10)).is_empty());
    // A snapshot and a word on the status say anew; a minute of quiet does as well.
    let mut snapshot = last("500");
    snapshot.snapshot = true;
    assert!(scene.say(&snapshot, ms(20)).is_empty());
    scene.say(&last("2000"), ms(30));
    assert!(scene.doubted);
    assert!(scene.say(&Update::of_status(Status::Halted, Reason::Venue, Micros(1)), ms(40)).is_empty());
    assert!(!scene.doubted, "a halt ends the doubt, and the held price with it");
    assert!(scene.say(&last("90"), ms(50)).is_empty());
    let quiet = ms(51) + REFERENCE_MAX;
    assert!(scene.say(&last("5"), quiet).is_empty());
    assert_eq!(scene.shown(), "- - 5");
}

/// What the venue does next.
#[derive(Clone, Debug)]
enum Act {
    /// A step of so many thousandths.
    Step(i32),
    /// One wrong tick of so many times the price.
    Spike(u32),
    /// A new level, for good.
    Level(u32),
    /// Nothing for that long.
    Quiet(u64),
    Reconnect,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (-50..=50_i32).prop_map(Act::Step),
        2 => (2..50_u32).prop_map(Act::Spike),
        1 => (2..9_u32).prop_map(Act::Level),
        2 => (1..5_000_u64).prop_map(Act::Quiet),
        1 => Just(Act::Reconnect),
    ]
}

proptest! {
    #[test]
    fn whatever_comes(acts in prop::collection::vec(act(), 1..120)) {
        let moves = MOVES();
        let mut scene = Scene::new("BTC-USD", Some(moves.clone()));
        let (mut now, mut truth) = (ms(0), Decimal::from(1_000));
        let mut doubted_since = None;
        for act in acts {
            let mut said = None;
            match act {
                Act::Step(thousandths) => {
                    truth = (truth * Decimal::new(1_000 + i64::from(thousandths), 3)).round_dp(6).max(Decimal::ONE);
                    said = Some(truth);
                }
                Act::Spike(times) => said = Some(truth * Decimal::from(times)),
                Act::Level(times) => {
                    truth = if truth > Decimal::from(1_000) { truth / Decimal::from(times) } else { truth * Decimal::from(times) };
                    truth = truth.round_dp(6);
                    said = Some(truth);
                }
                Act::Quiet(millis) => {
                    // The clock goes on in steps, as the one who waits for the deadline would.
                    let end = now + ms(millis);
                    while let Some(deadline) = scene.screen.deadline().filter(|deadline| *deadline <= end) {
                        now = deadline.max(now);
                        scene.wait(now);
                        prop_assert!(!scene.doubted, "nothing else holds it");
                    }
                    now = end;
                    doubted_since = doubted_since.filter(|_| scene.doubted);
                }
                Act::Reconnect => {
                    scene.screen.forget(0);
                    scene.doubted = false;
                    prop_assert_eq!(scene.screen.deadline(), None);
                }
            }
            let before = scene.last;
            if let Some(price) = said {
                now += ms(40);
                scene.wait(now);
                let before = if scene.last == before { before } else { scene.last };
                let was_doubted = scene.doubted;
                // A hold that has ended and one that begins are two.
                doubted_since = doubted_since.filter(|_| was_doubted);
                let mut update = last("1");
                update.tell(Field::Last, Some(price));
                let rejects = scene.say(&update, now);
                // It is either shown, or the symbol is in doubt and shows what it did.
                if rejects.is_empty() {
                    prop_assert_eq!(scene.last, Some(price));
                    prop_assert!(!scene.doubted);
                } else {
                    prop_assert_eq!(scene.last, before);
                    prop_assert!(scene.doubted);
                    prop_assert!(before.is_some_and(|before| is_far(price, before, &moves)), "a small step is never held");
                }
                // What is shown without doubt after a large step was confirmed, or held to the end: not at its first saying.
                if let Some(before) = before
                    && !was_doubted
                    && is_far(price, before, &moves)
                    && rejects.is_empty()
                {
                    prop_assert!(scene.screen.deadline().is_none());
                }
            }
            prop_assert_eq!(scene.doubted, scene.screen.deadline().is_some(), "who is in doubt has an end of it");
            doubted_since = if scene.doubted { Some(doubted_since.unwrap_or(now)) } else { None };
            if let Some(since) = doubted_since {
                prop_assert!(now.saturating_sub(since) <= moves.hold_max, "frozen for longer than the set time");
            }
        }
    }
}
