//! One slot of the table against the locks one would take otherwise, in one run.
//!
//! Estimate: a best-bid-offer quote is 7 head words, 8 of numbers, 5 of changes and 2 of origin; at two loads a cycle
//! that is about 4 ns at 3 GHz, and laying them out as a `Quote` as much again. A write adds two uncontended
//! read-modify-write instructions of about 5 ns each. The bars are 10 ns a read and 25 ns a write.
//!
//! `cargo bench -p benches --bench table`

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use market::{Decimal, Delta, Field, Micros, Quote, Reason, Source, Status, Symbol, Update};
use parking_lot::{Mutex, RwLock};
use table::{Config, SymbolId, Table};

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
    let table = Table::new(Config { symbols: SYMBOLS, ..Config::default() });
    let mut writer = table.writer().expect("the first writer");
    let ids: Vec<SymbolId> = (0..SYMBOLS)
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

fn reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let (table, ids) = table();
    let id = ids[7];
    let mut quote = Quote::default();
    group.bench_function("slot, into a quote at hand", |b| {
        b.iter(|| table.read_into(black_box(id), black_box(&mut quote)))
    });
    group.bench_function("slot, a new quote", |b| {
        b.iter(|| {
            // Looked at where it is: passing it on would copy its 600 bytes once more.
            let quote = table.read(black_box(id));
            black_box(&quote);
        });
    });
    let mut at = 0;
    group.bench_function("slot, 4096 symbols in turn", |b| {
        b.iter(|| {
            at = (at + 1) % SYMBOLS;
            table.read_into(ids[at], black_box(&mut quote));
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

/// Two updates that differ in all four fields, so that every one is a change; the clock of the loop is `n`.
fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    let (table, ids) = table();
    let mut writer = table.writer().expect("a writer");
    let updates: Vec<Update> = (0..1_000).map(book_ticker).collect();
    let mut n = 1_u64;
    let mut next = move || {
        n += 1;
        (n, (n % 1_000) as usize)
    };
    group.bench_function("slot, book ticker, all four changed", |b| {
        b.iter(|| {
            let (n, at) = next();
            let mut update = updates[at];
            update.venue_seq = Some(n);
            black_box(writer.apply(ids[7], &update, Micros(n as i64)))
        });
    });
    // The update is at hand already, as a decoder leaves it in its batch.
    group.bench_function("slot, book ticker at hand, all four changed", |b| {
        let mut update = [book_ticker(1), book_ticker(2)];
        b.iter(|| {
            let (n, _) = next();
            let update = &mut update[(n & 1) as usize];
            update.venue_seq = Some(n);
            black_box(writer.apply(ids[7], update, Micros(n as i64)))
        });
    });
    group.bench_function("slot, book ticker at hand, 4096 symbols in turn", |b| {
        let mut update = [book_ticker(1), book_ticker(2)];
        b.iter(|| {
            let (n, _) = next();
            let update = &mut update[((n / SYMBOLS as u64) & 1) as usize];
            update.venue_seq = Some(n);
            black_box(writer.apply(ids[n as usize % SYMBOLS], update, Micros(n as i64)))
        });
    });
    group.bench_function("slot, nothing changed", |b| {
        let update = book_ticker(1);
        let mut update = update;
        update.venue_seq = None;
        b.iter(|| black_box(writer.apply(ids[8], black_box(&update), Micros(1))));
    });
    let updates = [book_ticker(1), book_ticker(2)];
    let locked = RwLock::new(filled());
    group.bench_function("RwLock, overwritten without any rule", |b| {
        b.iter(|| {
            let (n, _) = next();
            overwrite(&mut black_box(&locked).write(), &updates[(n & 1) as usize], n);
        });
    });
    let map: DashMap<u32, Mutex<Quote>> = (0..SYMBOLS as u32).map(|n| (n, Mutex::new(filled()))).collect();
    group.bench_function("Mutex in a DashMap, overwritten without any rule", |b| {
        b.iter(|| {
            let (n, _) = next();
            overwrite(&mut map.get(&black_box(7)).expect("a quote").lock(), &updates[(n & 1) as usize], n);
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
            |seq| Delta::since(black_box(&quote), seq, 0),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, reads, writes, contended, deltas);
criterion_main!(benches);
