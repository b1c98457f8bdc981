//! Composites against their definition: scenes, and what is there after writers of all members have gone quiet.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use market::{Cross, Decimal, Field, FieldSet, Micros, Quote, Reason, Side, Source, Status, Symbol, Update};
use table::{Applied, Composites, Config, Member, SymbolId, Table, Traded, Writer};

fn symbol(name: &str) -> Symbol {
    Symbol::parse(name).unwrap()
}

fn whole(n: i64) -> Option<Decimal> {
    Some(Decimal::from(n))
}

/// A table with one composite, `BTC-USD`.
struct Scene {
    table: Arc<Table>,
    composites: Composites,
    writer: Writer,
    now: i64,
}

impl Scene {
    fn new() -> Scene {
        let table = Table::new(Config { symbols: 64, ..Config::default() });
        let (composites, writer) = (Composites::new(&table), table.writer().unwrap());
        Scene { table, composites, writer, now: 0 }
    }

    fn member(&mut self, name: &str) -> (SymbolId, Member) {
        let id = self.table.intern(&symbol(name)).unwrap();
        let member = self.composites.join(id, &symbol("BTC-USD")).unwrap();
        self.writer.set_status(id, Status::Connecting, Reason::NotConnected, Micros(0));
        member.follow(&mut self.writer, (FieldSet::STORED, None), Micros(0), |_, _| {});
        (id, member)
    }

    /// Applies an update and lets the composite follow. Returns what changed of it.
    fn apply(&mut self, (id, member): &(SymbolId, Member), change: impl FnOnce(&mut Update)) -> FieldSet {
        self.now += 1;
        let mut update = Update::new(Source::Direct, Micros(self.now));
        change(&mut update);
        let mut moved = FieldSet::EMPTY;
        let fields = match self.writer.apply(*id, &update, Micros(self.now)) {
            Applied::Changed { fields, .. } => fields,
            Applied::Unchanged => FieldSet::EMPTY,
            Applied::Older => return moved,
        };
        let what = (fields, Traded::by(&update, fields));
        member.follow(&mut self.writer, what, Micros(self.now), |_, changed| moved = changed);
        moved
    }

    fn top(&mut self, member: &(SymbolId, Member), bid: (i64, i64), ask: (i64, i64)) -> FieldSet {
        self.apply(member, |update| {
            update.tell_side(Field::Bid, whole(bid.0), whole(bid.1));
            update.tell_side(Field::Ask, whole(ask.0), whole(ask.1));
        })
    }

    fn status(&mut self, (id, member): &(SymbolId, Member), status: Status) -> FieldSet {
        self.now += 1;
        let mut moved = FieldSet::EMPTY;
        if self.writer.set_status(*id, status, Reason::Silence, Micros(self.now)).is_some() {
            let fields = FieldSet::EMPTY.with(Field::Status);
            member.follow(&mut self.writer, (fields, None), Micros(self.now), |_, changed| moved = changed);
        }
        moved
    }

    fn quote(&self) -> Quote {
        self.table.read(self.table.find("BTC-USD").unwrap())
    }

    /// Bid, its size, ask, its size, and the venues.
    fn shown(&self) -> String {
        let quote = self.quote();
        let figure = |field| quote.values.number(field).map_or("-".to_owned(), |n| n.to_string());
        let [bid, bid_size, ask, ask_size] =
            [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize].map(figure);
        let [bid_venue, ask_venue] =
            [Field::BidVenue, Field::AskVenue].map(|field| quote.word(field).unwrap_or("-"));
        format!("{bid}x{bid_size} {bid_venue} {ask}x{ask_size} {ask_venue}")
    }
}

#[test]
fn the_best_of_each_side_with_its_size_and_its_venue() {
    let mut scene = Scene::new();
    let (a, b) = (scene.member("A:BTC-USD"), scene.member("B:BTC-USD"));
    assert_eq!((scene.quote().status, scene.quote().reason), (Status::Connecting, Reason::NotConnected));
    let moved = scene.top(&a, (100, 5), (103, 1));
    assert!(moved.contains(Field::Status) && moved.contains(Field::Bid));
    assert_eq!(scene.shown(), "100x5 A 103x1 A");
    assert_eq!((scene.quote().status, scene.quote().ts_recv), (Status::Live, Some(Micros(1))));
    assert_eq!(scene.top(&b, (99, 9), (102, 2)).len(), 2, "the ask and its size");
    assert_eq!(scene.shown(), "100x5 A 102x2 B");
    // What is worse and moves changes nothing, and takes no number.
    let before = scene.quote().seq;
    assert_eq!(scene.top(&b, (98, 9), (102, 2)), FieldSet::EMPTY);
    assert_eq!(scene.quote().seq, before);
    // Of equal prices the larger size, of equal sizes the first name; another venue is another bid.
    scene.top(&b, (100, 6), (102, 2));
    assert_eq!(scene.shown(), "100x6 B 102x2 B");
    let moved = scene.top(&a, (100, 6), (103, 1));
    assert_eq!(moved, FieldSet::EMPTY.with(Field::Bid), "it is A's now, at the same price and size");
    assert_eq!(scene.shown(), "100x6 A 102x2 B");
    let seq = scene.quote().seq;
    let told = [Field::Bid, Field::BidVenue, Field::Cross].into_iter().collect();
    assert_eq!(scene.quote().changed_since(seq - 1), told);
}

#[test]
fn a_side_that_nobody_has_is_absent() {
    let mut scene = Scene::new();
    let a = scene.member("A:BTC-USD");
    scene.top(&a, (100, 5), (103, 1));
    scene.apply(&a, |update| update.tell_side(Field::Bid, None, None));
    assert_eq!(scene.shown(), "-x- - 103x1 A");
}

#[test]
fn two_venues_lock_and_cross() {
    let mut scene = Scene::new();
    let (a, b) = (scene.member("A:BTC-USD"), scene.member("B:BTC-USD"));
    scene.top(&a, (100, 5), (101, 1));
    scene.top(&b, (101, 9), (103, 2));
    assert_eq!(scene.quote().cross(), Some(Cross::Locked));
    scene.top(&b, (102, 9), (103, 2));
    assert_eq!(scene.quote().cross(), Some(Cross::Crossed));
    scene.top(&a, (102, 5), (104, 1));
    assert_eq!(scene.quote().cross(), None);
}

#[test]
fn promise_5_a_venue_that_is_not_live_leaves_at_once_and_comes_back_with_what_it_says_then() {
    for lost in [Status::Stale, Status::Suspect, Status::Halted, Status::Closed, Status::Delisted] {
        let mut scene = Scene::new();
        let (a, b) = (scene.member("A:BTC-USD"), scene.member("B:BTC-USD"));
        scene.top(&a, (100, 5), (103, 1));
        scene.top(&b, (99, 4), (104, 2));
        let moved = scene.status(&a, lost);
        assert!(!moved.contains(Field::Status));
        assert_eq!(scene.shown(), "99x4 B 104x2 B", "{lost:?}");
        assert_eq!(scene.quote().status, Status::Live);
        assert_eq!(scene.quote().ts_recv, Some(Micros(2)), "nothing has arrived since");
        scene.status(&b, lost);
        assert_eq!((scene.quote().status, scene.quote().reason), (Status::Stale, Reason::NoLiveVenue));
        assert_eq!(scene.shown(), "99x4 B 104x2 B", "what was known last");
        let back = scene.apply(&a, |update| {
            update.tell_side(Field::Bid, whole(90), whole(1));
            update.snapshot = true;
            update.status = Some((Status::Live, Reason::Confirmed));
        });
        assert!(back.contains(Field::Status));
        assert_eq!(scene.quote().values.bid().map(|p| p.to_string()).as_deref(), Some("90"));
        assert_eq!(scene.quote().word(Field::BidVenue), Some("A"));
    }
}

#[test]
fn a_price_that_is_held_back_takes_its_venue_out() {
    let mut scene = Scene::new();
    let (a, b) = (scene.member("A:BTC-USD"), scene.member("B:BTC-USD"));
    scene.top(&a, (100, 5), (103, 1));
    scene.top(&b, (99, 4), (104, 2));
    let status = (FieldSet::EMPTY.with(Field::Status), None);
    scene.writer.doubt(a.0, true, Micros(9)).unwrap();
    a.1.follow(&mut scene.writer, status, Micros(9), |_, _| {});
    assert_eq!(scene.shown(), "99x4 B 104x2 B");
    scene.top(&a, (105, 5), (106, 1));
    assert_eq!(scene.table.read(a.0).status, Status::Suspect, "whatever else is told of it");
    assert_eq!(scene.table.read(a.0).reason, Reason::Jump);
    assert_eq!(scene.shown(), "99x4 B 104x2 B");
    scene.writer.doubt(a.0, false, Micros(10)).unwrap();
    a.1.follow(&mut scene.writer, status, Micros(10), |_, _| {});
    assert_eq!(scene.shown(), "105x5 A 104x2 B");
}

#[test]
fn the_last_trade_is_the_newest_one() {
    let mut scene = Scene::new();
    scene.now = 10_000;
    let (a, b) = (scene.member("A:BTC-USD"), scene.member("B:BTC-USD"));
    let trade = |price: i64, side| move |update: &mut Update| update.tell_trade(whole(price), whole(1), side);
    scene.apply(&a, trade(100, Some(Side::Buy)));
    scene.apply(&b, trade(101, Some(Side::Sell)));
    let last =
        |scene: &Scene| (scene.quote().values.last().map(|p| p.to_string()), scene.quote().values.side());
    assert_eq!(last(&scene), (Some("101".to_owned()), Some(Side::Sell)));
    scene.apply(&a, trade(99, None));
    assert_eq!(last(&scene), (Some("99".to_owned()), None));
    // The same trade once more is a newer one, though nothing of its own quote is another.
    scene.apply(&b, trade(101, Some(Side::Sell)));
    assert_eq!(last(&scene), (Some("101".to_owned()), Some(Side::Sell)));
    scene.apply(&a, trade(99, None));
    assert_eq!(last(&scene), (Some("99".to_owned()), None));
    assert_eq!(scene.quote().ts_recv, Some(Micros(scene.now)));
    // A summary that repeats its last trade, and a top that moves, are none.
    let repeats = |update: &mut Update| {
        trade(101, Some(Side::Sell))(update);
        update.source = Source::Ticker;
        update.status = Some((Status::Live, Reason::Confirmed));
    };
    scene.apply(&b, repeats);
    scene.top(&b, (100, 5), (103, 1));
    assert_eq!(last(&scene), (Some("99".to_owned()), None));
    // Where both tell the time that decides, whoever comes last.
    let at = |price: i64, time| {
        move |update: &mut Update| {
            update.tell_trade(whole(price), whole(1), None);
            update.ts_event = Some(Micros(time));
        }
    };
    scene.apply(&a, at(97, 1_000));
    scene.apply(&b, at(96, 900));
    assert_eq!(last(&scene).0.as_deref(), Some("97"), "b's was before it");
    scene.top(&b, (100, 6), (103, 1));
    assert_eq!(last(&scene).0.as_deref(), Some("97"));
    scene.apply(&b, at(95, 1_001));
    assert_eq!(last(&scene).0.as_deref(), Some("95"));
    // A clock that is ahead wins no more than its own arrival: the next trade is newer again.
    scene.apply(&a, at(97, 9_000_000));
    assert_eq!(last(&scene).0.as_deref(), Some("97"));
    let now = scene.now;
    scene.apply(&b, at(95, now + 1));
    assert_eq!(last(&scene).0.as_deref(), Some("95"));
    // Of a venue that is not live nothing counts.
    scene.status(&b, Status::Stale);
    assert_eq!(last(&scene).0.as_deref(), Some("97"));
    // One without a time is compared by its coming.
    let c = scene.member("C:BTC-USD");
    scene.apply(&c, trade(94, None));
    assert_eq!(last(&scene).0.as_deref(), Some("94"));
    // 24 h figures are each venue's own.
    let moved = scene.apply(&a, |update| update.tell(Field::Volume24h, whole(7)));
    assert_eq!(moved, FieldSet::EMPTY);
    assert_eq!(scene.quote().values.number(Field::Volume24h), None);
}

#[test]
fn joining_twice_is_joining_once() {
    let mut scene = Scene::new();
    let a = scene.member("A:BTC-USD");
    let again = scene.composites.join(a.0, &symbol("BTC-USD")).unwrap();
    assert_eq!(again.composite(), a.1.composite());
    assert_eq!((scene.composites.len(), scene.table.len()), (1, 2));
}

/// Price, size and venue of a side.
type Shown = (Option<Decimal>, Option<Decimal>, String);

/// What a composite must show, worked out from its members' quotes in another way.
fn expected(table: &Table, members: &[SymbolId]) -> Option<[Shown; 2]> {
    let live = || {
        let quotes = members.iter().map(|&id| (table.symbol(id).clone(), table.read(id)));
        quotes.filter(|(_, quote)| quote.status == Status::Live)
    };
    live().next()?;
    Some([(Field::Bid, Field::BidSize), (Field::Ask, Field::AskSize)].map(|(price, size)| {
        let mut offers: Vec<_> = live()
            .filter_map(|(symbol, quote)| {
                Some((quote.values.number(price)?, quote.values.number(size), symbol))
            })
            .collect();
        offers.sort_by(|one, other| {
            let by_price = one.0.cmp(&other.0);
            let by_price = if price == Field::Bid { by_price.reverse() } else { by_price };
            by_price.then(other.1.cmp(&one.1)).then(one.2.as_str().cmp(other.2.as_str()))
        });
        match offers.into_iter().next() {
            Some((price, size, symbol)) => (Some(price), size, symbol.venue().unwrap_or("").to_owned()),
            None => (None, None, String::new()),
        }
    }))
}

fn trade_of(quote: &Quote) -> (Option<Decimal>, Option<Decimal>, Option<Side>) {
    (quote.values.number(Field::Last), quote.values.number(Field::LastSize), quote.values.side())
}

/// Ends the reader, also when the test fails.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A cheap source of chance that needs no clock.
fn dice(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn promise_2_after_quiet_a_composite_is_what_its_members_say() {
    // Many short rounds: what is lost shows in a quiet only when it is lost at the very end.
    const ROUNDS: u64 = 4_000;
    const STEPS: u64 = 5;
    const WRITERS: usize = 4;
    let table = Table::new(Config { symbols: 64, writers: 16, ..Config::default() });
    let composites = Composites::new(&table);
    let name = symbol("BTC-USD");
    let ids: Vec<SymbolId> =
        ["A", "B", "C"].map(|venue| table.intern(&symbol(&format!("{venue}:BTC-USD"))).unwrap()).into();
    // By member when its newest trade came.
    let traded = [const { AtomicI64::new(0) }; 3];
    let stop = AtomicBool::new(false);
    let gate = Barrier::new(WRITERS + 1);
    thread::scope(|scope| {
        let stopped = Stopped(&stop);
        // A reader of the composite never finds a side with a price and without a venue, nor falls back in sequence.
        let reading = scope.spawn(|| {
            let (mut seq, mut reads) = (0, 0_u64);
            while !stop.load(Ordering::Acquire) {
                let Some(id) = table.find("BTC-USD") else { continue };
                let quote = table.read(id);
                assert!(quote.seq >= seq, "promise 1");
                seq = quote.seq;
                for (price, venue) in [(Field::Bid, Field::BidVenue), (Field::Ask, Field::AskVenue)] {
                    assert_eq!(quote.has(price), quote.has(venue), "promise 3: {quote:?}");
                }
                reads += 1;
            }
            reads
        });
        for thread in 0..WRITERS as u64 {
            let (table, composites, ids, name) = (&table, &composites, &ids, &name);
            let (gate, all_traded) = (&gate, &traded);
            scope.spawn(move || {
                let mut writer = table.writer().unwrap();
                let mut state = (thread << 2 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for round in 0..ROUNDS {
                    gate.wait();
                    for step in 0..STEPS {
                        // One writer has a member of its own, three share one.
                        let at = [0, 2, 2, 2][thread as usize];
                        let id = ids[at];
                        let member = composites.join(id, name).unwrap();
                        let now = Micros((round * STEPS + step) as i64 + 1);
                        if let Some(traded) = change(&mut writer, id, &mut state, now) {
                            // Called under the composite's lock: the others come up to it meanwhile.
                            let what = (FieldSet::STORED, traded);
                            member.follow(&mut writer, what, now, |_, _| thread::yield_now());
                            if traded.is_some() {
                                all_traded[at].fetch_max(now.get(), Ordering::AcqRel);
                            }
                        }
                    }
                    gate.wait();
                }
            });
        }
        // Every member is joined before the first quiet is looked at.
        let mut writer = table.writer().unwrap();
        for &id in &ids {
            let member = composites.join(id, &name).unwrap();
            member.follow(&mut writer, (FieldSet::STORED, None), Micros(0), |_, _| {});
        }
        for round in 0..ROUNDS {
            // Two waits a round: they begin together, and all have ended.
            gate.wait();
            gate.wait();
            let wrong = compare(&table, &ids, &traded);
            if wrong.is_err() {
                // The writers must end before the test may.
                for _ in round + 1..ROUNDS {
                    gate.wait();
                    gate.wait();
                }
            }
            wrong.unwrap_or_else(|what| panic!("round {round}: {what}"));
        }
        drop(stopped);
        assert!(reading.join().unwrap() > 0);
    });
}

/// Changes something of a member, at random. `None` when nothing visible is different and nothing was traded.
fn change(writer: &mut Writer, id: SymbolId, state: &mut u64, now: Micros) -> Option<Option<Traded>> {
    let (roll, n) = (dice(state) % 20, (dice(state) % 6) as i64);
    match roll {
        0 => writer.set_status(id, Status::Stale, Reason::Silence, now).map(|_| None),
        1 => writer.doubt(id, true, now).map(|_| None),
        2 | 3 => writer.doubt(id, false, now).map(|_| None),
        _ => {
            let mut update = Update::new(Source::Direct, now);
            let size = whole((dice(state) % 3) as i64 + 1);
            match roll % 3 {
                0 => update.tell_side(Field::Bid, whole(100 + n), size),
                1 => update.tell_side(Field::Ask, whole(103 + n), size),
                _ => update.tell_trade(whole(n), size, None),
            }
            update.snapshot = roll == 4;
            match writer.apply(id, &update, now) {
                Applied::Changed { fields, .. } => Some(Traded::by(&update, fields)),
                Applied::Unchanged => Traded::by(&update, FieldSet::EMPTY).map(Some),
                Applied::Older => None,
            }
        }
    }
}

/// Whether the composite is what follows from the members as they are now.
fn compare(table: &Table, members: &[SymbolId], traded: &[AtomicI64]) -> Result<(), String> {
    let quote = table.read(table.find("BTC-USD").unwrap());
    let is = |status| quote.status == status;
    let Some(expected) = expected(table, members) else {
        let right = is(Status::Stale) || is(Status::Connecting);
        return right.then_some(()).ok_or_else(|| format!("{:?} without a live member", quote.status));
    };
    let sides =
        [(Field::Bid, Field::BidSize, Field::BidVenue), (Field::Ask, Field::AskSize, Field::AskVenue)].map(
            |(price, size, venue)| {
                let number = |field| quote.values.number(field);
                (number(price), number(size), quote.word(venue).unwrap_or("").to_owned())
            },
        );
    let all = members.iter().map(|&id| table.read(id)).zip(traded);
    let live = all.filter(|(quote, _)| quote.status == Status::Live && quote.has(Field::Last));
    let number = |(quote, traded): &(Quote, &AtomicI64)| {
        let fields = [Field::Last, Field::LastSize, Field::LastSide];
        let seq = fields.map(|field| quote.changed_at.get(field)).into_iter().max();
        (traded.load(Ordering::Acquire), seq)
    };
    let trade = live.max_by_key(number).map_or((None, None, None), |(quote, _)| trade_of(&quote));
    let right = is(Status::Live) && sides == expected && trade_of(&quote) == trade;
    right.then_some(()).ok_or_else(|| format!("{sides:?} and not {expected:?}, last {trade:?}: {quote:?}"))
}
