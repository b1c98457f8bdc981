//! Threads against threads on whole quotes: every field follows from one number, so any mixture shows.
//!
//! Bounded by iterations, not by time. Under ThreadSanitizer, from the top of the repository and in a target directory
//! of its own (no nightly and no rebuilt standard library needed; `tsan.supp` says what that costs; with the library
//! rebuilt by `-Zbuild-std` the suppressions and the ABI flag are not needed):
//!
//! ```text
//! TSAN_OPTIONS="suppressions=$PWD/crates/table/tests/tsan.supp" RUSTC_BOOTSTRAP=1 \
//! RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" CARGO_TARGET_DIR=target/tsan \
//! cargo test -p table --test stress --target x86_64-unknown-linux-gnu
//! ```
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use market::{Decimal, Field, FieldSet, Group, Micros, Quote, Reason, Side, Source, Status, Symbol, Update};
use table::{Applied, Config, SymbolId, Table, Writer};

const SYMBOLS: usize = 4;
const WRITERS: usize = 3;
const READERS: usize = 3;
/// Writes a writer. Enough for some thousand overtaken reads on two cores.
const WRITES: u64 = 30_000;

/// An update whose every value follows from `n`.
fn pattern(n: u64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(n as i64));
    for (place, field) in Field::NUMBER_FIELDS.into_iter().enumerate() {
        update.tell(field, Some(value(n, place)));
    }
    let side = if n.is_multiple_of(2) { Side::Buy } else { Side::Sell };
    update.tell_trade(
        Some(value(n, Field::Last as usize)),
        Some(value(n, Field::LastSize as usize)),
        Some(side),
    );
    update.ts_event = Some(Micros(n as i64 * 3));
    update
}

/// Wide enough to use all 96 bits, and with a scale of its own for each number.
fn value(n: u64, place: usize) -> Decimal {
    let digits = i128::from(n) << 20 | i128::from(n) << 60 | place as i128;
    Decimal::from_i128_with_scale(digits, (n % 20) as u32)
}

/// The number behind a quote; fails when its fields do not agree on one.
fn whole(quote: &Quote) -> u64 {
    let n = quote.ts_recv.map_or(0, |at| at.0 as u64);
    if quote.seq == 0 {
        return 0;
    }
    for (place, field) in Field::NUMBER_FIELDS.into_iter().enumerate() {
        let (number, expected) = (quote.values.number(field).unwrap(), value(n, place));
        assert_eq!(
            (number.mantissa(), number.scale()),
            (expected.mantissa(), expected.scale()),
            "{field:?} of {n}"
        );
        assert_eq!(quote.changed_at.get(field), quote.seq, "{field:?} of {n}");
    }
    assert_eq!(quote.values.side(), Some(if n.is_multiple_of(2) { Side::Buy } else { Side::Sell }));
    assert_eq!(quote.ts_event, Some(Micros(n as i64 * 3)));
    assert_eq!(quote.ts_pub, Micros(n as i64 * 7));
    assert_eq!(quote.status, Status::Live);
    n
}

/// The sequence of a quote that is whole.
fn whole_seq(quote: &Quote) -> u64 {
    whole(quote);
    quote.seq
}

struct Stage {
    table: std::sync::Arc<Table>,
    ids: Vec<SymbolId>,
    /// Gives each write a number of its own.
    numbers: AtomicU64,
    writing: AtomicUsize,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(Config::default())
    }

    fn with(config: Config) -> Stage {
        let table = Table::new(Config { symbols: SYMBOLS, writers: WRITERS, ..config });
        let name = |n: usize| Symbol::parse(&format!("V:S{n}")).unwrap();
        let ids = (0..SYMBOLS).map(|n| table.intern(&name(n)).unwrap()).collect();
        Stage { table, ids, numbers: AtomicU64::new(1), writing: AtomicUsize::new(WRITERS) }
    }

    /// Writes all symbols in turn, each write another pattern than what stands there.
    fn write(&self, mut writer: Writer) {
        for turn in 0..WRITES {
            let n = self.numbers.fetch_add(1, Ordering::Relaxed);
            let id = self.ids[turn as usize % SYMBOLS];
            let did = writer.apply(id, &pattern(n), Micros(n as i64 * 7));
            let Applied::Changed { seq, fields } = did else { unreachable!("{did:?}") };
            assert!(
                self.table.changed_seq(id) >= seq && self.table.read(id).seq >= seq,
                "a writer sees its own"
            );
            assert!(fields.contains(Field::Bid));
            assert!(FieldSet::NUMBERS.minus(fields).is_empty());
        }
        self.writing.fetch_sub(1, Ordering::Release);
    }

    /// Reads all symbols until the writers are done: whole, rising, and never behind what was promised before.
    fn read(&self) -> u64 {
        let mut quote = Quote::default();
        let mut last = [(0, 0); SYMBOLS];
        let mut last_cut = 0;
        let mut reads = 0;
        loop {
            let done = self.writing.load(Ordering::Acquire) == 0;
            let cut = self.table.safe_cut();
            assert!(cut >= last_cut, "the cut moved back from {last_cut} to {cut}");
            last_cut = cut;
            for (place, &id) in self.ids.iter().enumerate() {
                let said = self.table.changed_seq(id);
                self.table.read_into(id, &mut quote);
                whole(&quote);
                let (seq, changes) = last[place];
                assert!(quote.seq >= said, "the array was ahead of the slot");
                assert!(quote.seq >= seq && quote.changes >= changes, "promise 1: {seq} then {}", quote.seq);
                assert_eq!(quote.seq == seq, quote.changes == changes);
                last[place] = (quote.seq, quote.changes);
                reads += 1;
            }
            if done {
                assert_eq!(cut, self.table.last_seq(), "nothing is in flight any more");
                assert_eq!(cut, last.iter().map(|(seq, _)| *seq).max().unwrap());
                return reads;
            }
        }
    }
}

#[test]
fn promise_1_and_3_no_torn_quote_and_rising_sequences() {
    let stage = Stage::new();
    let reads: u64 = thread::scope(|threads| {
        let readers: Vec<_> = (0..READERS).map(|_| threads.spawn(|| stage.read())).collect();
        for _ in 0..WRITERS {
            let writer = stage.table.writer().unwrap();
            threads.spawn(|| stage.write(writer));
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert!(reads > 0);
    assert_eq!(stage.table.last_seq(), WRITERS as u64 * WRITES, "one number a change");
    let changes: u64 = stage.ids.iter().map(|&id| stage.table.read(id).changes).sum();
    assert_eq!(changes, stage.table.last_seq());
    for &id in &stage.ids {
        let ts_event = stage.table.read(id).ts_event;
        assert!(Group::ALL.iter().all(|group| stage.table.origin(id, *group).ts_event == ts_event));
    }
}

/// Every change at or below a cut is visible to who took the cut, field by field: nothing that a resume skips.
#[test]
fn a_cut_never_passes_an_unpublished_change() {
    let stage = Stage::new();
    let published: Vec<AtomicU64> = (0..=WRITERS as u64 * WRITES).map(|_| AtomicU64::new(u64::MAX)).collect();
    thread::scope(|threads| {
        for _ in 0..WRITERS {
            let mut writer = stage.table.writer().unwrap();
            let (stage, published) = (&stage, &published);
            threads.spawn(move || {
                for turn in 0..WRITES {
                    let n = stage.numbers.fetch_add(1, Ordering::Relaxed);
                    let place = turn as usize % SYMBOLS;
                    // Some of them pause in mid-write, so that others overtake them.
                    let pause = || {
                        if n.is_multiple_of(64) {
                            thread::yield_now()
                        }
                    };
                    let did = writer.apply_with(stage.ids[place], &pattern(n), Micros(n as i64 * 7), pause);
                    let Applied::Changed { seq, .. } = did else { unreachable!("{did:?}") };
                    published[seq as usize].store(place as u64, Ordering::Release);
                }
                stage.writing.fetch_sub(1, Ordering::Release);
            });
        }
        for _ in 0..READERS {
            let (stage, published) = (&stage, &published);
            threads.spawn(move || {
                let mut from = 1;
                loop {
                    let done = stage.writing.load(Ordering::Acquire) == 0;
                    let cut = stage.table.safe_cut();
                    let seen: Vec<u64> = stage.ids.iter().map(|&id| stage.table.read(id).seq).collect();
                    let said: Vec<u64> = stage.ids.iter().map(|&id| stage.table.changed_seq(id)).collect();
                    // A number that no writer has reported yet cannot be placed; it is looked at by the final pass.
                    for seq in from..=cut {
                        let place = published[seq as usize].load(Ordering::Acquire);
                        if place != u64::MAX {
                            assert!(seen[place as usize] >= seq, "cut {cut}, and change {seq} is not there");
                            assert!(said[place as usize] >= seq);
                        }
                    }
                    from = cut + 1;
                    if done {
                        return;
                    }
                }
            });
        }
    });
    assert!(
        published[1..].iter().all(|place| place.load(Ordering::Relaxed) != u64::MAX),
        "no hole in the numbers"
    );
}

/// *Cut, then drain*: who looks only at what a watcher names has seen every change at or below the cut, and no drain names
/// a symbol twice. Each reader has a watcher of its own.
#[test]
fn what_lies_below_a_cut_is_drained() {
    let stage = Stage::with(Config { watchers: READERS, ..Config::default() });
    let published: Vec<AtomicU64> = (0..=WRITERS as u64 * WRITES).map(|_| AtomicU64::new(u64::MAX)).collect();
    let drains: u64 = thread::scope(|threads| {
        for _ in 0..WRITERS {
            let mut writer = stage.table.writer().unwrap();
            let (stage, published) = (&stage, &published);
            threads.spawn(move || {
                for turn in 0..WRITES {
                    let n = stage.numbers.fetch_add(1, Ordering::Relaxed);
                    let place = turn as usize % SYMBOLS;
                    let did = writer.apply(stage.ids[place], &pattern(n), Micros(n as i64 * 7));
                    let Applied::Changed { seq, .. } = did else { unreachable!("{did:?}") };
                    published[seq as usize].store(place as u64, Ordering::Release);
                    // Now and then, so that watchers also find nothing, and marks go up all levels again.
                    if turn.is_multiple_of(16) {
                        thread::yield_now();
                    }
                }
                stage.writing.fetch_sub(1, Ordering::Release);
            });
        }
        let watching = || {
            let mut watcher = stage.table.watcher().unwrap();
            let mut told = [0; SYMBOLS];
            let (mut from, mut drains) = (1, 0);
            loop {
                let done = stage.writing.load(Ordering::Acquire) == 0;
                let cut = stage.table.safe_cut();
                let mut before = None;
                watcher.drain(|id| {
                    assert!(before < Some(id), "{before:?}, then {id:?}");
                    before = Some(id);
                    told[id.index()] = whole_seq(&stage.table.read(id));
                });
                drains += u64::from(before.is_some());
                for seq in from..=cut {
                    let place = published[seq as usize].load(Ordering::Acquire);
                    if place != u64::MAX {
                        assert!(told[place as usize] >= seq, "cut {cut}, and change {seq} was not named");
                    }
                }
                from = cut + 1;
                if done {
                    assert!(watcher.is_quiet());
                    let last: Vec<u64> = stage.ids.iter().map(|&id| stage.table.changed_seq(id)).collect();
                    assert_eq!(told[..], last, "the last change of each was told");
                    return drains;
                }
            }
        };
        let watchers: Vec<_> = (0..READERS).map(|_| threads.spawn(watching)).collect();
        watchers.into_iter().map(|watcher| watcher.join().unwrap()).sum()
    });
    assert!(drains > READERS as u64, "the watchers looked while it happened");
}

/// A status that flips between writes of values is never seen half.
#[test]
fn status_and_reason_stay_together() {
    let stage = Stage::new();
    let id = stage.ids[0];
    thread::scope(|threads| {
        let mut writer = stage.table.writer().unwrap();
        let table = &stage.table;
        let writing = &stage.writing;
        threads.spawn(move || {
            for n in 0..WRITES {
                let (status, reason) = [
                    (Status::Stale, Reason::Silence),
                    (Status::Live, Reason::Confirmed),
                    (Status::Halted, Reason::Venue),
                ][n as usize % 3];
                // Going to stale is refused while halted, so pass through live.
                writer.set_status(id, Status::Live, Reason::Confirmed, Micros(n as i64));
                writer.set_status(id, status, reason, Micros(n as i64));
            }
            writing.store(0, Ordering::Release);
        });
        threads.spawn(move || {
            while writing.load(Ordering::Acquire) > 0 {
                let quote = table.read(id);
                let expected = match quote.status {
                    Status::Unknown => Reason::None,
                    Status::Stale => Reason::Silence,
                    Status::Live => Reason::Confirmed,
                    _ => Reason::Venue,
                };
                assert_eq!(quote.reason, expected);
                assert_eq!(quote.changed_at.get(Field::Status), quote.seq);
            }
        });
    });
}
