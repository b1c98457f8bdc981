//! One slot of the table against the locks one would take otherwise, in one run.
//!
//! Estimate: of a best-bid-offer quote a reader takes 8 head words, 12 of the top of the book and 3 of the slot's own, and
//! stores 27 values; at one store a cycle and 3.5 GHz that is 8 ns. A write is two uncontended read-modify-write
//! instructions of about 5 ns each, 12 words compared, 20 words stored: about 20 ns. The bars are 10 ns a read and 25 ns a
//! write.
//!
//! ```text
//! cargo bench -p benches --bench table
//! valgrind --tool=callgrind target/release/deps/table-... --repeat read 1000000
//! ```
//!
//! The second form does one thing (`read`, `write`, `same`) that many times and nothing else, so that the difference of two
//! counts is the number of instructions.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{BatchSize, Criterion, criterion_group};
use dashmap::DashMap;
use market::{Decimal, Delta, Field, Micros, Quote, Reason, Source, Status, Symbol, Update};
use parking_lot::{Mutex, RwLock};
use table::marks::Marks;
use table::{Applied, Config, SymbolId, Table, Watcher, Writer};

/// As many as a large venue lists; their slots do not fit the first-level cache.
const SYMBOLS: usize = 4_096;

/// What a Binance `bookTicker` becomes: four fields, a venue sequence, no venue time on spot.
fn book_ticker(n: u64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(n as i64));
    let price = |offset: u64| Some(Decimal::new(6_168_599 + ((n + offset) % 1_000) as i64, 2));
    let size = Some(Decimal::new((n % 977 + 1) as i64, 5));
    update.tell_side(Field::Bid, price(0), size);
    update.tell_side(Field::Ask, price(1), size);
    update.venue_seq = Some(n);
    update
}

fn table() -> (Arc<Table>, Vec<SymbolId>) {
    watched(1)
}

/// A table with that many watchers.
fn watched(watchers: usize) -> (Arc<Table>, Vec<SymbolId>) {
    sized(SYMBOLS, watchers)
}

fn sized(symbols: usize, watchers: usize) -> (Arc<Table>, Vec<SymbolId>) {
    let table = Table::new(Config { symbols, watchers, ..Config::default() });
    let mut writer = table.writer().expect("the first writer");
    let ids: Vec<SymbolId> = (0..symbols)
        .map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).expect("a symbol")).expect("room"))
        .collect();
    for &id in &ids {
        writer.apply(id, &book_ticker(1), Micros(1));
    }
    (table, ids)
}

/// The least a locked slot has to do for an update: the same fields, no older-than checks, no comparison.
fn overwrite(quote: &mut Quote, update: &Update, seq: u64) {
    quote.seq = seq;
    quote.changes += 1;
    quote.status = Status::Live;
    quote.reason = Reason::Confirmed;
    quote.ts_recv = Some(update.ts_recv);
    quote.ts_pub = update.ts_recv;
    for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
        quote.values.set_number(field, update.values().number(field));
        quote.changed_at.set(field, seq);
    }
}

/// A filled quote for the locked slots.
fn filled() -> Quote {
    let mut quote = Quote::default();
    overwrite(&mut quote, &book_ticker(1), 1);
    quote
}

/// What is measured: one read of one quote, the call included. Not inlined, so that neither what the loop round it does
/// to the registers nor what the compiler could know of the quote beforehand comes into it.
#[inline(never)]
fn read(table: &Table, id: SymbolId, quote: &mut Quote) {
    table.read_into(id, quote);
}

/// What is measured: one book ticker written. The update is at hand already, as a decoder leaves it in its batch, and is
/// neither copied nor made here; its venue sequence rises, because a lower one would be dropped.
struct Tickers {
    writer: Writer,
    update: [Update; 2],
    n: u64,
}

impl Tickers {
    fn new(table: &Arc<Table>) -> Tickers {
        let writer = table.writer().expect("a writer");
        // The two differ in all four fields, so that one after the other changes every one.
        Tickers { writer, update: [book_ticker(1), book_ticker(2)], n: 1 }
    }

    #[inline]
    fn write(&mut self, id: SymbolId, which: usize) -> Applied {
        self.n += 1;
        let update = &mut self.update[which & 1];
        update.venue_seq = Some(self.n);
        self.writer.apply(id, black_box(update), Micros(self.n as i64))
    }

    #[inline]
    fn all_four_changed(&mut self, id: SymbolId) -> Applied {
        self.write(id, self.n as usize)
    }

    #[inline]
    fn nothing_changed(&mut self, id: SymbolId) -> Applied {
        self.write(id, 0)
    }
}

fn reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let (table, ids) = table();
    let (table, id) = (&*table, ids[7]);
    let mut quote = Quote::default();
    group.bench_function("slot, into a quote at hand", |b| {
        b.iter(|| read(table, black_box(id), black_box(&mut quote)));
    });
    let mut at = 0;
    group.bench_function("slot, 4096 symbols in turn", |b| {
        b.iter(|| {
            at = (at + 1) % SYMBOLS;
            read(table, ids[at], black_box(&mut quote));
        });
    });
    group.bench_function("slot, a new quote", |b| {
        b.iter(|| {
            // Looked at where it is: passing it on would copy all of it once more.
            let quote = table.read(black_box(ids[7]));
            black_box(&quote);
        });
    });
    group.bench_function("changed_seq, 4096 symbols in turn", |b| {
        b.iter(|| {
            at = (at + 1) % SYMBOLS;
            black_box(table.changed_seq(ids[at]))
        });
    });
    let locked = RwLock::new(filled());
    group.bench_function("RwLock, into a quote at hand", |b| {
        b.iter(|| *black_box(&mut quote) = *black_box(&locked).read())
    });
    let map: DashMap<u32, Mutex<Quote>> = (0..SYMBOLS as u32).map(|n| (n, Mutex::new(filled()))).collect();
    group.bench_function("Mutex in a DashMap, into a quote at hand", |b| {
        b.iter(|| *black_box(&mut quote) = *map.get(&black_box(7)).expect("a quote").lock());
    });
    group.finish();
}

fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    let (table, ids) = table();
    let mut tickers = Tickers::new(&table);
    assert!(matches!(tickers.all_four_changed(ids[7]), Applied::Changed { .. }));
    group.bench_function("slot, book ticker, all four changed", |b| {
        b.iter(|| tickers.all_four_changed(ids[7]))
    });
    group.bench_function("slot, book ticker, 4096 symbols in turn", |b| {
        // The other update each time round, so that it changes every symbol.
        b.iter(|| tickers.write(ids[tickers.n as usize % SYMBOLS], tickers.n as usize / SYMBOLS));
    });
    for symbols in [10_000, 100_000] {
        let (table, ids) = sized(symbols, 1);
        let mut tickers = Tickers::new(&table);
        let mut random = 1_u64;
        group.bench_function(format!("slot, book ticker, any of {symbols} symbols"), |b| {
            b.iter(|| {
                // The high bits of a linear congruence: as random as a cache can tell.
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = ((random >> 32) as usize * symbols) >> 32;
                tickers.write(ids[at], (random >> 31) as usize)
            });
        });
    }
    tickers.nothing_changed(ids[8]);
    assert_eq!(tickers.nothing_changed(ids[8]), Applied::Unchanged);
    group.bench_function("slot, nothing changed", |b| b.iter(|| tickers.nothing_changed(ids[8])));
    let mut n = 1_u64;
    let mut next = move || {
        n += 1;
        n
    };
    let updates = [book_ticker(1), book_ticker(2)];
    let locked = RwLock::new(filled());
    group.bench_function("RwLock, overwritten without any rule", |b| {
        b.iter(|| {
            let n = next();
            overwrite(&mut black_box(&locked).write(), &updates[(n & 1) as usize], n);
        });
    });
    let map: DashMap<u32, Mutex<Quote>> = (0..SYMBOLS as u32).map(|n| (n, Mutex::new(filled()))).collect();
    group.bench_function("Mutex in a DashMap, overwritten without any rule", |b| {
        b.iter(|| {
            let n = next();
            overwrite(&mut map.get(&black_box(7)).expect("a quote").lock(), &updates[(n & 1) as usize], n);
        });
    });
    group.finish();
}

/// What a change costs by the number of watchers it is marked for, and what asking them costs.
fn watches(c: &mut Criterion) {
    let mut group = c.benchmark_group("watch");
    for watchers in [0, 1, 2, 4, 16] {
        let (table, ids) = watched(watchers);
        let mut tickers = Tickers::new(&table);
        let mut taken: Vec<Watcher> = std::iter::from_fn(|| table.watcher()).collect();
        group.bench_function(format!("book ticker, 4096 symbols in turn, {watchers} watchers"), |b| {
            b.iter(|| tickers.write(ids[tickers.n as usize % SYMBOLS], tickers.n as usize / SYMBOLS));
        });
        group.bench_function(format!("the same and every 64th time a drain, {watchers} watchers"), |b| {
            b.iter(|| {
                if tickers.n.is_multiple_of(64) {
                    taken.iter_mut().for_each(|watcher| watcher.drain(|id| _ = black_box(id)));
                }
                tickers.write(ids[tickers.n as usize % SYMBOLS], tickers.n as usize / SYMBOLS)
            });
        });
    }
    for places in [SYMBOLS, 100_000, 1_000_000] {
        let marks = Marks::new(places);
        group.bench_function(format!("drain of nothing, {places} symbols"), |b| {
            b.iter(|| black_box(&marks).drain(|place| _ = black_box(place)));
        });
        group.bench_function(format!("mark and drain of one, {places} symbols"), |b| {
            b.iter(|| {
                marks.mark(black_box(1_234));
                black_box(&marks).drain(|place| _ = black_box(place));
            });
        });
    }
    let marks = Marks::new(SYMBOLS);
    group.bench_function("mark and drain of all 4096 symbols", |b| {
        b.iter(|| {
            (0..SYMBOLS).for_each(|place| marks.mark(place));
            black_box(&marks).drain(|place| _ = black_box(place));
        });
    });
    group.finish();
}

/// Reads while another thread writes the same slot as fast as it can.
fn contended(c: &mut Criterion) {
    let mut group = c.benchmark_group("read under a writer of the same symbol");
    let (table, ids) = table();
    let stop = AtomicBool::new(false);
    let locked = RwLock::new(filled());
    let id = ids[7];
    let mut quote = Quote::default();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut writer = table.writer().expect("a writer");
            let mut n = 1;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                writer.apply(id, &book_ticker(n), Micros(1));
            }
        });
        group.bench_function("slot", |b| b.iter(|| table.read_into(black_box(id), black_box(&mut quote))));
        stop.store(true, Ordering::Relaxed);
    });
    stop.store(false, Ordering::Relaxed);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut n = 1;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                overwrite(&mut locked.write(), &book_ticker(n), n);
            }
        });
        group.bench_function("RwLock", |b| b.iter(|| *black_box(&mut quote) = *black_box(&locked).read()));
        stop.store(true, Ordering::Relaxed);
    });
    group.finish();
}

/// What a client's flush does with a quote: the fields that changed since it was told last.
fn deltas(c: &mut Criterion) {
    let (table, ids) = table();
    let quote = table.read(ids[7]);
    c.bench_function("delta since", |b| {
        b.iter_batched(
            || quote.seq - 1,
            |seq| {
                let delta = Delta::since(black_box(&quote), seq, 0);
                black_box(&delta);
            },
            BatchSize::SmallInput,
        );
    });
}

/// One operation, `times` over: `read`, `write`, or `same` for an update that changes nothing.
fn repeat(what: &str, times: u64) {
    let (table, ids) = table();
    let mut quote = Quote::default();
    let mut tickers = Tickers::new(&table);
    for _ in 0..times {
        match what {
            "read" => read(&table, ids[7], black_box(&mut quote)),
            "write" => drop(black_box(tickers.all_four_changed(ids[7]))),
            _ => drop(black_box(tickers.nothing_changed(ids[7]))),
        }
    }
}

criterion_group!(benches, reads, writes, watches, contended, deltas);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, flag, what, times, ..] = &words[..]
        && flag == "--repeat"
    {
        return repeat(what, times.parse().expect("a number of times"));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
