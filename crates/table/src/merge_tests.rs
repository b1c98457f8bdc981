//! The merge rules as a table of cases: what stood there, what came, what must follow.

use super::*;
use crate::layout::{NOTES, WORDS, fill};
use crate::origins::{Origin, origin};
use market::{Price, Quote, Side};

/// The words of a lane, and how many changes led to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lane([u64; WORDS], u64);

impl Words for Lane {
    fn get(&self, at: usize) -> u64 {
        self.0[at]
    }

    fn changes(&self) -> u64 {
        self.1
    }
}

impl Notes for [u64; NOTES] {
    fn note(&self, at: usize) -> u64 {
        self[at]
    }
}

/// A quote in plain words, with the sequence it has reached.
struct Plain {
    words: Lane,
    notes: [u64; NOTES],
    seq: u64,
    /// By writer what it has raised.
    raised: [Raised; 2],
}

#[derive(Debug, PartialEq, Eq)]
enum Did {
    Changed(FieldSet),
    Unchanged,
    Older,
}

impl Plain {
    fn new() -> Plain {
        Plain { words: Lane([0; WORDS], 0), notes: [0; NOTES], seq: 0, raised: [Raised::default(); 2] }
    }

    fn apply(&mut self, update: &Update) -> Did {
        self.apply_by(0, update)
    }

    fn apply_by(&mut self, writer: usize, update: &Update) -> Did {
        let raised = self.raised[writer];
        let Some(plan) = plan(&self.words, &self.notes, update, || raised) else { return Did::Older };
        self.raised[writer] = plan.raised.unwrap_or(raised);
        let (old, heard) = (self.words, self.notes[HEARD]);
        note(&plan, update, heard, |at, word| self.notes[at] = word);
        if plan.changed.is_empty() {
            assert_eq!(plan.meta, Meta(old.get(META)), "what is not written must not differ");
            return Did::Unchanged;
        }
        self.seq += 1;
        self.words.1 += 1;
        write(&plan, &old, update, self.seq, self.now(), |at, word| self.words.0[at] = word);
        Did::Changed(plan.changed)
    }

    fn now(&self) -> Micros {
        Micros(1_000 + self.seq as i64)
    }

    fn set(&mut self, status: Status, reason: Reason) -> bool {
        self.set_by(0, status, reason)
    }

    fn set_by(&mut self, writer: usize, status: Status, reason: Reason) -> bool {
        let plan = plan_status(&self.words, &self.notes, (status, reason), self.raised[writer]);
        self.write_status(writer, &plan)
    }

    fn doubt_by(&mut self, writer: usize, doubted: bool) -> bool {
        let plan = plan_doubt(&self.words, &self.notes, doubted, self.raised[writer]);
        self.write_status(writer, &plan)
    }

    fn write_status(&mut self, writer: usize, plan: &Plan) -> bool {
        let old = self.words;
        self.raised[writer] = plan.raised.unwrap_or(self.raised[writer]);
        note_status(plan, |at, word| self.notes[at] = word);
        if plan.changed.is_empty() {
            assert_eq!(plan.meta, Meta(old.get(META)), "what is not written must not differ");
            return false;
        }
        self.seq += 1;
        self.words.1 += 1;
        write_status(plan, &old, self.seq, self.now(), |at, word| self.words.0[at] = word);
        true
    }

    fn origin(&self, group: Group) -> Origin {
        origin(&self.notes, group)
    }

    fn quote(&self) -> Quote {
        let mut quote = Quote::default();
        fill(&mut quote, &self.words);
        quote
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Price::parse(text).ok().map(Price::decimal)
}

/// An update of the bid alone, with what decides whether it is older.
fn bid(price: &str, source: Source, ts_event: Option<i64>, venue_seq: Option<u64>, snapshot: bool) -> Update {
    let mut update = Update::new(source, Micros(500));
    update.tell(Field::Bid, decimal(price));
    update.ts_event = ts_event.map(Micros);
    update.venue_seq = venue_seq;
    update.snapshot = snapshot;
    update
}

const BID: FieldSet = FieldSet::EMPTY.with(Field::Bid);

#[test]
fn older_groups_are_dropped() {
    use Source::{Book, Direct, History, Ticker};
    type Told = (Source, Option<i64>, Option<u64>);
    #[rustfmt::skip]
    let cases: &[(&str, Told, Told, bool, bool)] = &[
        // what                                     stands                      comes                      snapshot  taken
        ("same source, higher sequence",            (Direct, None, Some(5)),    (Direct, None, Some(6)),    false, true),
        ("same source, same sequence: a duplicate", (Direct, None, Some(5)),    (Direct, None, Some(5)),    false, false),
        ("same source, lower sequence",             (Direct, None, Some(5)),    (Direct, None, Some(4)),    false, false),
        ("sequence decides, not time",              (Direct, Some(9), Some(5)), (Direct, Some(8), Some(6)), false, true),
        ("a snapshot begins afresh",                (Direct, None, Some(5)),    (Direct, None, Some(1)),    true,  true),
        ("no new sequence: order of arrival",       (Direct, Some(9), Some(5)), (Direct, Some(8), None),    false, true),
        ("no old sequence: order of arrival",       (Direct, None, None),       (Direct, None, Some(1)),    false, true),
        ("other source, later",                     (Direct, Some(9), None),    (Ticker, Some(10), None),   false, true),
        ("other source, same time",                 (Direct, Some(9), None),    (Ticker, Some(9), None),    false, true),
        ("other source, earlier",                   (Ticker, Some(9), None),    (Direct, Some(8), None),    false, false),
        ("other source, earlier, but a snapshot",   (Ticker, Some(9), None),    (Direct, Some(8), None),    true,  true),
        ("sequences of sources do not compare",     (Ticker, Some(9), Some(90)),(Direct, Some(9), Some(1)), false, true),
        ("no times: the higher source",             (Ticker, None, None),       (Book, None, None),         false, true),
        ("no times: not the lower source",          (Direct, None, None),       (Book, None, None),         false, false),
        ("one time only: not the lower source",     (Direct, Some(9), None),    (Ticker, None, None),       false, false),
        ("history never covers anything",           (Ticker, Some(9), None),    (History, Some(99), None),  false, false),
        ("history not even as a snapshot",          (Ticker, None, None),       (History, None, None),      true,  false),
        ("history not over history",                (History, Some(1), None),   (History, Some(2), None),   false, false),
        ("history is covered by anything",          (History, None, None),      (Ticker, None, None),       false, true),
    ];
    for &(what, stands, comes, snapshot, taken) in cases {
        let mut plain = Plain::new();
        // Live by its first word, unless that is history.
        let live = BID.with(Field::Status);
        let (first, then) = if stands.0 == History { (BID, live) } else { (live, BID) };
        assert_eq!(plain.apply(&bid("1", stands.0, stands.1, stands.2, false)), Did::Changed(first));
        let before = (plain.words, plain.notes);
        let expected = if taken { Did::Changed(then) } else { Did::Older };
        assert_eq!(plain.apply(&bid("2", comes.0, comes.1, comes.2, snapshot)), expected, "{what}");
        if taken {
            let origin = plain.origin(Group::Top);
            assert_eq!(
                (origin.source, origin.ts_event, origin.venue_seq),
                (Some(comes.0), comes.1.map(Micros), comes.2),
                "{what}"
            );
        } else {
            assert_eq!((plain.words, plain.notes), before, "{what}: nothing may be touched");
        }
    }
}

#[test]
fn a_group_that_is_not_live_may_be_overwritten_by_a_lower_source() {
    let mut plain = Plain::new();
    plain.apply(&bid("1", Source::Direct, None, None, false));
    assert_eq!(plain.apply(&bid("2", Source::Ticker, None, None, false)), Did::Older);
    assert!(plain.set(Status::Stale, Reason::Silence));
    assert_eq!(
        plain.apply(&bid("2", Source::Ticker, None, None, false)),
        Did::Changed(BID.with(Field::Status))
    );
}

#[test]
fn what_is_not_older_is_taken_and_the_rest_dropped() {
    let mut plain = Plain::new();
    plain.apply(&bid("1", Source::Direct, None, None, false));
    let mut update = bid("2", Source::Ticker, None, None, false);
    update.tell_trade(decimal("7"), decimal("8"), Some(Side::Sell));
    let trade = Group::Trade.fields();
    assert_eq!(plain.apply(&update), Did::Changed(trade));
    let quote = plain.quote();
    assert_eq!(quote.values.bid().unwrap().to_string(), "1");
    assert_eq!(quote.values.side(), Some(Side::Sell));
    assert_eq!(plain.origin(Group::Top).source, Some(Source::Direct));
    assert_eq!(plain.origin(Group::Trade).source, Some(Source::Ticker));
}

#[test]
fn numbers_compare_as_decimals_and_keep_their_digits() {
    for (old, new, changes) in [
        ("1.0", "1.00", false),
        ("1.00", "1", false),
        ("0", "0.000", false),
        ("1.10", "1.1", false),
        ("1.0", "10", true),
        ("1.0", "-1.0", true),
        ("0", "1", true),
        ("79228162514264337593543950335", "7922816251426433759354395033.5", true),
    ] {
        let mut plain = Plain::new();
        plain.apply(&bid(old, Source::Direct, None, None, false));
        let did = plain.apply(&bid(new, Source::Direct, None, None, false));
        assert_eq!(did == Did::Changed(BID), changes, "{old} then {new}: {did:?}");
        let stands = plain.quote().values.bid().unwrap().to_string();
        assert_eq!(
            stands,
            if changes { new } else { old },
            "promise 13: the digits that stand stay as they came"
        );
    }
}

#[test]
fn absent_is_not_zero_and_what_is_not_told_stays() {
    let mut plain = Plain::new();
    let mut update = bid("1", Source::Direct, None, None, false);
    update.tell(Field::Ask, decimal("2"));
    plain.apply(&update);
    assert_eq!(plain.apply(&bid("0", Source::Direct, None, None, false)), Did::Changed(BID));
    assert_eq!(plain.quote().values.bid(), Some(Price::ZERO));
    let mut gone = Update::new(Source::Direct, Micros(501));
    gone.tell(Field::Bid, None);
    assert_eq!(plain.apply(&gone), Did::Changed(BID));
    assert_eq!(plain.apply(&gone), Did::Unchanged, "absent over absent");
    let quote = plain.quote();
    assert_eq!((quote.values.bid(), quote.values.ask().map(|p| p.to_string())), (None, Some("2".to_owned())));
    assert_eq!(plain.apply(&bid("0", Source::Direct, None, None, false)), Did::Changed(BID));
}

#[test]
fn an_unchanged_update_still_moves_its_origin() {
    let mut plain = Plain::new();
    plain.apply(&bid("1", Source::Direct, Some(1), Some(10), false));
    assert_eq!(plain.apply(&bid("1", Source::Direct, Some(2), Some(12), false)), Did::Unchanged);
    assert_eq!(
        plain.apply(&bid("3", Source::Direct, Some(1), Some(11), false)),
        Did::Older,
        "overtaken by 12"
    );
    let quote = plain.quote();
    assert_eq!((quote.seq, quote.changes, quote.ts_event), (1, 1, Some(Micros(1))), "of the last change");
    assert_eq!(plain.origin(Group::Top).venue_seq, Some(12));
}

#[test]
fn every_change_is_numbered_and_dated() {
    let mut plain = Plain::new();
    plain.apply(&bid("1", Source::Direct, Some(7), None, false));
    let first = plain.quote();
    assert_eq!(
        (first.seq, first.changes, first.status_since, first.ts_pub),
        (1, 1, Micros(1_001), Micros(1_001))
    );
    assert_eq!((first.ts_event, first.ts_recv), (Some(Micros(7)), Some(Micros(500))));
    assert_eq!(first.changed_since(0), BID.with(Field::Status));
    plain.apply(&bid("2", Source::Direct, None, None, false));
    let second = plain.quote();
    assert_eq!(
        (second.seq, second.changes, second.status_since, second.ts_event),
        (2, 2, Micros(1_001), None)
    );
    assert_eq!(second.changed_since(1), BID);
}

#[test]
fn status_after_an_update() {
    use Status::{Closed, Connecting, Delisted, Halted, Live, Stale, Suspect, Unknown};
    let fields = |snapshot| bid("9", Source::Direct, None, None, snapshot);
    let says = |status, snapshot| {
        let mut update = Update::of_status(status, Reason::Venue, Micros(500));
        update.snapshot = snapshot;
        update
    };
    #[rustfmt::skip]
    let cases = [
        // was       update                    becomes
        (Unknown,    fields(false),            Live),
        (Connecting, fields(false),            Live),
        (Stale,      fields(false),            Live),
        (Live,       fields(false),            Live),
        (Suspect,    fields(false),            Suspect),
        (Suspect,    fields(true),             Live),
        (Suspect,    says(Live, false),        Suspect),
        (Suspect,    says(Live, true),         Live),
        (Suspect,    says(Halted, false),      Halted),
        (Halted,     fields(false),            Halted),
        (Halted,     fields(true),             Halted),
        (Closed,     fields(true),             Closed),
        (Delisted,   fields(true),             Delisted),
        (Halted,     says(Live, false),        Live),
        (Closed,     says(Live, false),        Live),
        (Delisted,   says(Live, false),        Live),
        (Live,       says(Suspect, false),     Suspect),
        (Live,       says(Closed, false),      Closed),
        (Stale,      Update::new(Source::Direct, Micros(500)), Stale),
    ];
    for (was, update, becomes) in cases {
        let mut plain = Plain::new();
        plain.apply(&bid("1", Source::Direct, None, None, false));
        plain.set(was, Reason::Fault);
        plain.apply(&update);
        assert_eq!(plain.quote().status, becomes, "{was:?} then {update:?}");
    }
}

#[test]
fn promise_5_a_gap_is_not_forgotten_on_the_way_through_another_status() {
    let update = || bid("2", Source::Direct, None, None, false);
    for between in [Status::Stale, Status::Halted, Status::Closed] {
        let mut plain = Plain::new();
        plain.apply(&bid("1", Source::Direct, None, None, false));
        plain.set(Status::Suspect, Reason::Checksum);
        plain.apply(&Update::of_status(between, Reason::Silence, Micros(500)));
        plain.apply(&update());
        plain.set(Status::Live, Reason::Confirmed);
        assert_eq!(plain.quote().status, Status::Suspect, "through {between:?}");
        plain.apply(&bid("3", Source::Direct, None, None, true));
        assert_eq!(plain.quote().status, Status::Live);
    }
    for lost in [Status::Connecting, Status::Stale] {
        let mut plain = Plain::new();
        plain.set(Status::Suspect, Reason::Gap);
        plain.set(lost, Reason::NotConnected);
        plain.apply(&update());
        assert_eq!(plain.quote().status, Status::Live, "a new connection begins from nothing");
    }
    let mut plain = Plain::new();
    plain.set(Status::Suspect, Reason::Gap);
    plain.set(Status::Halted, Reason::Venue);
    plain.set(Status::Stale, Reason::Disconnected);
    plain.set(Status::Live, Reason::Confirmed);
    assert_eq!(plain.quote().status, Status::Suspect, "what is halted keeps its values, and their gap");
}

#[test]
fn promise_5_what_one_writer_has_raised_another_does_not_take_back() {
    let snapshot = || bid("2", Source::Direct, None, None, true);
    let mut plain = Plain::new();
    plain.apply_by(0, &bid("1", Source::Direct, None, None, false));
    for writer in [0, 1] {
        plain.apply_by(writer, &Update::of_status(Status::Suspect, Reason::Gap, Micros(500)));
    }
    plain.apply_by(1, &snapshot());
    plain.apply_by(1, &snapshot());
    assert_eq!(plain.quote().status, Status::Suspect, "the gap of the first is open");
    // The other's connection is renewed: that says nothing of the first one's gap either.
    plain.set_by(1, Status::Stale, Reason::Disconnected);
    plain.apply_by(1, &snapshot());
    assert_eq!((plain.quote().status, plain.quote().reason), (Status::Suspect, Reason::Gap));
    plain.apply_by(0, &snapshot());
    assert_eq!(plain.quote().status, Status::Live);

    for end in [false, true] {
        let mut plain = Plain::new();
        plain.apply_by(0, &bid("1", Source::Direct, None, None, false));
        plain.doubt_by(0, true);
        plain.doubt_by(1, true);
        plain.doubt_by(1, false);
        plain.set_by(1, Status::Stale, Reason::Disconnected);
        plain.apply_by(1, &snapshot());
        assert_eq!((plain.quote().status, plain.quote().reason), (Status::Suspect, Reason::Jump));
        if end {
            plain.doubt_by(0, false);
        } else {
            plain.set_by(0, Status::Stale, Reason::Disconnected);
            plain.apply_by(0, &snapshot());
        }
        assert_eq!(plain.quote().status, Status::Live);
    }

    let mut plain = Plain::new();
    plain.set_by(0, Status::Suspect, Reason::Gap);
    note_gone(&plain.notes.clone(), plain.raised[0], |at, word| plain.notes[at] = word);
    plain.apply_by(1, &bid("2", Source::Direct, None, None, false));
    assert_eq!(plain.quote().status, Status::Live, "nobody is left to make it good");
}

/// After a lost connection a trade must not make the old top look live beside it.
#[test]
fn promise_5_what_was_known_before_the_feed_was_lost_does_not_come_back_with_it() {
    let trade = |price: &str, seq| {
        let mut update = Update::new(Source::Direct, Micros(600));
        update.venue_seq = Some(seq);
        update.tell_trade(Some(Price::parse(price).unwrap().decimal()), None, Some(Side::Buy));
        update
    };
    for lost in [Status::Stale, Status::Connecting] {
        let mut plain = Plain::new();
        plain.apply(&bid("1", Source::Direct, Some(3), Some(100), false));
        plain.apply(&trade("1.5", 8));
        plain.set(lost, Reason::Disconnected);
        assert!(plain.quote().values.bid().is_some(), "the last known price is still shown, as stale");
        let changed = plain.apply(&trade("1.6", 9));
        let quote = plain.quote();
        assert_eq!((quote.status, quote.values.bid()), (Status::Live, None));
        assert_eq!(quote.values.last(), Price::parse("1.6").ok());
        assert!(matches!(changed, Did::Changed(fields) if fields.contains(Field::Bid)), "its going is told");
        assert_eq!(plain.origin(Group::Top).source, None, "whatever tells the top next is taken");
        plain.apply(&bid("1", Source::Ticker, None, None, false));
        assert!(plain.quote().values.bid().is_some());
    }
}

#[test]
fn a_status_from_outside() {
    let mut plain = Plain::new();
    plain.apply(&bid("1", Source::Direct, Some(3), Some(100), false));
    assert!(plain.set(Status::Stale, Reason::Silence));
    assert!(!plain.set(Status::Stale, Reason::Silence), "it was so already");
    let stale = plain.quote();
    assert!(plain.set(Status::Stale, Reason::Disconnected), "another reason is told");
    let quote = plain.quote();
    assert_eq!(quote.status_since, stale.status_since, "stale since the first");
    assert_eq!(
        (quote.ts_event, quote.ts_recv),
        (Some(Micros(3)), Some(Micros(500))),
        "times of the last update"
    );
    assert_eq!(plain.origin(Group::Top).venue_seq, None, "the venue may begin anew");
    assert_eq!(
        plain.apply(&bid("2", Source::Direct, None, Some(1), false)),
        Did::Changed(BID.with(Field::Status))
    );
    for kept in [Status::Halted, Status::Closed, Status::Delisted] {
        for covering in [Status::Stale, Status::Connecting, Status::Suspect] {
            let mut plain = Plain::new();
            plain.apply(&bid("1", Source::Direct, None, Some(100), false));
            plain.set(kept, Reason::Venue);
            assert!(!plain.set(covering, Reason::Disconnected), "{covering:?} over {kept:?}");
            assert_eq!(plain.quote().status, kept);
            assert_eq!(plain.apply(&bid("2", Source::Direct, None, Some(1), false)), Did::Changed(BID));
        }
    }
}

#[path = "history_tests.rs"]
mod history;
