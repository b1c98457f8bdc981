//! The path from frames to the sink: what comes in is applied or dropped by reason, and never lost.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::collections::{BTreeMap, HashMap};

use feed::capture::{CaptureReader, Fault};
use feed::pump::pump;
use feed::{
    Batch, DecodeError, Decoder, Frame, FrameTap, Ignored, InstrumentId, Instruments, Outcome, Sink, Stats,
    SymbolRef,
};
use market::{Decimal, Field, Micros, Price, Reason, Source, Status, Symbol, Update};
use proptest::prelude::*;

/// Words, each a short program: `SYMBOL=PRICE` tells a bid, `!why` fails, `~` ignores, `?` refuses a subscription.
struct Words;

impl Decoder for Words {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (text, kind) = match frame {
            Frame::Text(text) => (text, "text"),
            Frame::Binary(bytes) => {
                (std::str::from_utf8(bytes).map_err(|_| DecodeError::Garbage("not UTF-8"))?, "binary")
            }
        };
        for word in text.split(' ') {
            match word {
                "!garbage" => return Err(DecodeError::Garbage("as asked")),
                "!reconnect" => return Err(DecodeError::Reconnect(Reason::Gap)),
                "!give_up" => return Err(DecodeError::GiveUp("as asked".to_owned())),
                "~" => batch.ignore(Ignored::NotAQuote),
                "?" => batch.refused.push((None, "no such symbol".to_owned())),
                "ping" => batch.replies.push("pong".to_owned()),
                "ghost" => batch.push(InstrumentId(4_000_000), bid("1", ts_recv)),
                word => match word.split_once('=') {
                    Some((name, price)) => match batch.instruments.resolve(name) {
                        Some(id) => batch.push(id, bid(price, ts_recv)),
                        None => batch.ignore(Ignored::UnknownSymbol),
                    },
                    None => batch.ignore(Ignored::BadNumber),
                },
            }
        }
        Ok(kind)
    }

    fn rest(&mut self, url: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        if let Some(id) = batch.instruments.resolve(url) {
            batch.push(id, bid(body, ts_recv));
        }
    }
}

fn bid(price: &str, ts_recv: Micros) -> Update {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.tell(Field::Bid, Price::parse(price).ok().map(Price::decimal));
    update
}

/// A small table: at most `room` symbols, an update older than the last one is dropped.
#[derive(Default)]
struct Shelf {
    room: usize,
    names: HashMap<Symbol, SymbolRef>,
    interned: u64,
    bids: Vec<(Micros, Option<Decimal>)>,
    taken: Vec<(SymbolRef, Micros)>,
}

impl Shelf {
    fn of(room: usize) -> Shelf {
        Shelf { room, ..Shelf::default() }
    }
}

impl Sink for Shelf {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        self.interned += 1;
        if let Some(&known) = self.names.get(symbol) {
            return Some(known);
        }
        if self.names.len() == self.room {
            return None;
        }
        let new = SymbolRef(self.names.len() as u32);
        self.names.insert(symbol.clone(), new);
        self.bids.push((Micros(i64::MIN), None));
        Some(new)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        self.taken.push((symbol, update.ts_recv));
        let slot = &mut self.bids[symbol.0 as usize];
        let price = update.values().number(Field::Bid);
        if update.ts_recv < slot.0 {
            return Outcome::Older;
        }
        slot.0 = update.ts_recv;
        if slot.1 == price {
            return Outcome::Unchanged;
        }
        slot.1 = price;
        Outcome::Changed
    }

    fn feed_status(&mut self, _: Status, _: Reason, _: &[SymbolRef]) {}
}

fn tap() -> FrameTap {
    FrameTap::new(Box::new(Words), Instruments::new("TEST", 10))
}

/// Plays the text of a recording and returns the counts after checking that they add up.
fn play(recording: &str, room: usize) -> (Stats, Shelf) {
    let mut reader = CaptureReader::from_bytes("test", recording.to_owned().into_bytes()).unwrap();
    let (mut tap, mut shelf) = (tap(), Shelf::of(room));
    pump(&mut reader, &mut tap, &mut shelf).unwrap();
    let stats = tap.stats().clone();
    adds_up(&stats);
    (stats, shelf)
}

/// Promise 15, the half of it that a feed sees: updates in = applied + dropped by reason.
fn adds_up(stats: &Stats) {
    assert_eq!(stats.updates, stats.changed + stats.unchanged + stats.older + stats.refused, "{stats:?}");
    let readable: u64 = stats.by_kind().values().sum();
    assert_eq!(stats.messages, readable + stats.garbage + stats.reconnects + stats.give_ups, "{stats:?}");
    let by_instrument: u64 = (0..10).map(|at| stats.applied_to(InstrumentId(at))).sum();
    assert_eq!(stats.applied(), by_instrument, "{stats:?}");
}

#[test]
fn promise_15_every_update_is_applied_or_dropped_by_reason() {
    let recording = "\
1000\t@\twss://venue
2000\t>\tsubscribe A
3000\t<\tA=1 B=2 C=3
4000\t<\tA=1 ~
5000\t<\tA=1.5 nonsense
6000\tB\tQT0y
3000\t<\tA=9
7000\t<\tB=4 !garbage B=5
8000\t<\tB=6 !reconnect
9000\t<\tB=7 !give_up
9000\t<\t? C=1 ping
9500\tG\tB\t8
";
    // Room for A and B, none for C.
    let (stats, shelf) = play(recording, 2);
    assert_eq!(stats.messages, 9);
    assert_eq!(stats.by_kind(), BTreeMap::from([("text", 5), ("binary", 1)]));
    assert_eq!((stats.garbage, stats.reconnects, stats.give_ups, stats.answers), (1, 1, 1, 1));
    // A: 1, 1 again, 1.5, 2 in base64, 9 too old. B: 2, and what was told before each error. C: twice refused.
    assert_eq!(stats.updates, 12);
    assert_eq!((stats.changed, stats.unchanged, stats.older, stats.refused), (8, 1, 1, 2));
    assert_eq!((stats.refused_symbols, stats.refused_subscriptions), (1, 1));
    assert_eq!(stats.ignored(), BTreeMap::from([("not_a_quote", 1), ("bad_number", 1)]));
    let counts = [0, 1, 2, 3].map(|at| stats.applied_to(InstrumentId(at)));
    assert_eq!(counts, [4, 5, 0, 0]);
    let bids: Vec<_> = shelf.bids.iter().map(|(_, bid)| bid.unwrap().to_string()).collect();
    assert_eq!(bids, ["2", "8"]);
}

#[test]
fn a_symbol_is_asked_for_once() {
    let (stats, shelf) = play("1\t<\tA=1 A=2 B=1\n2\t<\tA=3 B=4 B=5\n", 1);
    assert_eq!(shelf.interned, 2, "A once, and B once although there is no room for it");
    assert_eq!((stats.refused, stats.refused_symbols), (3, 1));
}

#[test]
fn a_frame_that_fails_still_tells_what_came_before_it() {
    let (mut tap, mut shelf) = (tap(), Shelf::of(10));
    let failed = tap.frame(Frame::Text("A=1 !garbage A=2"), Micros(1), &mut shelf);
    assert_eq!(failed, Err(DecodeError::Garbage("as asked")));
    assert_eq!(shelf.bids, [(Micros(1), Some(Decimal::ONE))]);
    assert_eq!(tap.frame(Frame::Text("A=3"), Micros(2), &mut shelf), Ok("text"), "and the next one is taken");
}

#[test]
fn replies_are_those_of_the_last_frame() {
    let (mut tap, mut shelf) = (tap(), Shelf::of(10));
    tap.frame(Frame::Text("ping ?"), Micros(1), &mut shelf).unwrap();
    assert_eq!((tap.replies(), tap.refused().len()), (&["pong".to_owned()][..], 1));
    tap.frame(Frame::Text("A=1"), Micros(1), &mut shelf).unwrap();
    assert!(tap.replies().is_empty() && tap.refused().is_empty());
}

#[test]
fn introduced_symbols_are_known_before_they_are_heard() {
    let mut instruments = Instruments::new("TEST", 10);
    let wanted: Vec<_> = ["A", "B", "C"].iter().map(|name| instruments.resolve(name).unwrap()).collect();
    let mut tap = FrameTap::new(Box::new(Words), instruments);
    let mut shelf = Shelf::of(2);
    assert_eq!(tap.introduce(&wanted, &mut shelf), [SymbolRef(0), SymbolRef(1)]);
    assert_eq!(tap.symbols(), [SymbolRef(0), SymbolRef(1)]);
    assert_eq!((tap.symbol(wanted[1]), tap.symbol(wanted[2])), (Some(SymbolRef(1)), None));
    tap.frame(Frame::Text("B=1 D=1"), Micros(1), &mut shelf).unwrap();
    assert_eq!(shelf.taken, [(SymbolRef(1), Micros(1))]);
    assert_eq!(tap.stats().refused_symbols, 2, "C when introduced, D when heard");
    adds_up(tap.stats());
}

#[test]
fn an_id_that_names_nothing_leads_nowhere() {
    let (stats, shelf) = play("1\t<\tghost\n", 10);
    assert_eq!((stats.refused, shelf.interned), (1, 0));
}

#[test]
fn receive_times_are_those_of_the_recording_and_may_be_unknown() {
    let (_, shelf) = play("0\t<\tA=1\n1999\t<\tA=2\n1618677371364407999\t<\tA=3\n", 10);
    let times: Vec<_> = shelf.taken.iter().map(|(_, ts_recv)| ts_recv.0).collect();
    assert_eq!(times, [0, 1, 1_618_677_371_364_407]);
}

#[test]
fn a_cut_recording_leaves_what_came_before() {
    let mut reader = CaptureReader::from_bytes("cut", &b"1\t<\tA=1\n2\t<\tA="[..]).unwrap();
    let (mut tap, mut shelf) = (tap(), Shelf::of(10));
    let error = pump(&mut reader, &mut tap, &mut shelf).unwrap_err();
    assert!(matches!(error.fault, Fault::CutOff));
    assert_eq!((error.line, tap.stats().changed), (2, 1));
}

#[test]
fn a_renewed_tap_keeps_its_symbols_and_counts() {
    let (mut tap, mut shelf) = (tap(), Shelf::of(10));
    tap.frame(Frame::Text("A=1"), Micros(1), &mut shelf).unwrap();
    tap.renew(Box::new(Words));
    tap.frame(Frame::Text("A=2"), Micros(2), &mut shelf).unwrap();
    assert_eq!((shelf.interned, tap.stats().messages, tap.stats().changed), (1, 2, 2));
}

proptest! {
    #[test]
    fn promise_15_holds_for_any_recording(
        frames in proptest::collection::vec(
            (0..5_000_000_i64, proptest::collection::vec(
                prop_oneof![
                    4 => "[A-E]=[1-3]".boxed(),
                    1 => "!garbage|!reconnect|!give_up|~|\\?|ghost|ping|x".boxed(),
                ], 0..6)),
            0..40),
        room in 0_usize..6,
    ) {
        let recording: String =
            frames.iter().map(|(at, words)| format!("{at}\t<\t{}\n", words.join(" "))).collect();
        let (stats, shelf) = play(&recording, room);
        prop_assert_eq!(stats.messages, frames.len() as u64);
        prop_assert_eq!(stats.updates - stats.refused, shelf.taken.len() as u64, "the sink saw the others");
        // The same recording in, the same out.
        let (again, second) = play(&recording, room);
        prop_assert_eq!((again, second.taken), (stats, shelf.taken));
    }
}
