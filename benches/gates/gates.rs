//! How many instructions the hot path may take: decode, apply, mark, encode, a thousand times each.
//!
//! A clock on a shared machine says little; valgrind counts the same instructions wherever it runs. Each limit is what
//! was counted when it was set, and 5 % more: room for another C library or a new compiler, and none for a new
//! allocation or a check in a loop. What costs more on purpose raises its limit in the same commit, and says why.
//!
//! Joining what is due into one write has a program of its own, `join.rs`.
//!
//! ```text
//! cargo xtask ci --only gates
//! ```
#![allow(missing_docs, unused_qualifications, reason = "what gungraun's macros write")]

use std::hint::black_box;
use std::sync::Arc;

use feed::capture::{CaptureReader, Payload};
use feed::{Batch, Decoder, Frame, Instruments};
use feed_binance::{BinanceDecoder, Market};
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use market::{Decimal, Field, FieldSet, Micros, Quote, Source, Symbol, Update};
use table::{Applied, Composites, Config, Member, SymbolId, Table, Traded, Watcher, Writer};
use wire::{EventId, Format, Numbers, Style, Times, encode};

/// How often each does its work, so that what surrounds it does not count.
const TIMES: usize = 1_000;

/// A thousand times that many instructions, and 5 % more.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = instructions * TIMES as u64 * 105 / 100;
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)]));
    config
}

/// The first bookTicker messages of the spot recording of 2024, and what reads them.
fn frames() -> (Vec<String>, BinanceDecoder, Batch) {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../feeds/binance/fixtures/binance/20240808-btcusdt.cap.gz");
    let mut reader = CaptureReader::open(path.as_ref()).expect("the recording comes with the adapter");
    let mut frames = Vec::new();
    while frames.len() < TIMES {
        let record = reader.next().expect("the recording is whole").expect("and long enough");
        if let Payload::Text(text) = record.payload
            && text.contains("@bookTicker")
        {
            frames.push(text.to_owned());
        }
    }
    let mut decoder = BinanceDecoder::new(Market::Spot);
    let mut batch = Batch::new(Instruments::new("BINANCE", 16));
    // The first message of a symbol makes it known.
    let _ = decoder.decode(Frame::Text(&frames[0]), Micros(1), &mut batch);
    (frames, decoder, batch)
}

// A `bookTicker` from its text to an update.
#[library_benchmark(config = at_most(3_133))]
#[bench::book_ticker(frames())]
fn decode((frames, mut decoder, mut batch): (Vec<String>, BinanceDecoder, Batch)) -> (Vec<String>, Batch) {
    for frame in &frames {
        batch.clear();
        let _ = black_box(decoder.decode(Frame::Text(frame), Micros(1), &mut batch));
    }
    (frames, batch)
}

/// A table of one symbol with a watcher, and two updates that differ in all four fields.
struct Stage {
    writer: Writer,
    watcher: Watcher,
    id: SymbolId,
    updates: [Update; 2],
}

fn book_ticker(n: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(n));
    let price = |offset: i64| Some(Decimal::new(6_168_599 + n + offset, 2));
    let size = Some(Decimal::new(n + 1, 5));
    update.tell_side(Field::Bid, price(0), size);
    update.tell_side(Field::Ask, price(1), size);
    update
}

fn stage() -> Stage {
    let table: Arc<Table> = Table::new(Config { symbols: 64, watchers: 1, ..Config::default() });
    let id = table.intern(&Symbol::parse("BINANCE:BTC-USDT").expect("a symbol")).expect("room");
    let mut writer = table.writer().expect("the first writer");
    let watcher = table.watcher().expect("the first watcher");
    let updates = [book_ticker(1), book_ticker(2)];
    writer.apply(id, &updates[0], Micros(1));
    Stage { writer, watcher, id, updates }
}

impl Stage {
    /// Writes the thousand updates that `which` chooses.
    fn write(&mut self, which: impl Fn(usize) -> usize) -> usize {
        let mut changed = 0;
        for n in 1..=TIMES {
            let update = &mut self.updates[which(n)];
            update.venue_seq = Some(n as u64);
            let applied = self.writer.apply(self.id, black_box(update), Micros(n as i64));
            changed += usize::from(matches!(applied, Applied::Changed { .. }));
        }
        changed
    }
}

// An update that changes four fields, and its mark.
#[library_benchmark(config = at_most(486))]
#[bench::four_fields(stage())]
fn apply(mut stage: Stage) -> Stage {
    assert_eq!(stage.write(|n| n % 2), TIMES);
    stage
}

// An update that changes nothing.
#[library_benchmark(config = at_most(313))]
#[bench::nothing_changed(stage())]
fn repeat(mut stage: Stage) -> Stage {
    assert_eq!(stage.write(|_| 0), 0);
    stage
}

/// A composite of four venues, of which the first is written.
fn joined() -> (Stage, Member) {
    let mut stage = stage();
    let table = Arc::clone(stage.writer.table());
    let composites = Composites::new(&table);
    let name = Symbol::parse("BTC-USDT").expect("a symbol");
    let mut join = |id| {
        let member = composites.join(id, &name).expect("room");
        member.follow(&mut stage.writer, (FieldSet::STORED, None), Micros(1), |_, _| {});
        member
    };
    let first = join(stage.id);
    for venue in ["COINBASE", "KRAKEN", "OKX"] {
        let id = table.intern(&Symbol::parse(&format!("{venue}:BTC-USDT")).expect("a symbol")).expect("room");
        let mut writer = table.writer().expect("one more writer");
        writer.apply(id, &book_ticker(0), Micros(1));
        join(id);
    }
    (stage, first)
}

impl Stage {
    /// As [`Stage::write`] of both in turn, with the composite after each.
    fn write_joined(&mut self, member: &Member) -> usize {
        let mut changed = 0;
        for n in 1..=TIMES {
            let update = &mut self.updates[n % 2];
            update.venue_seq = Some(n as u64);
            let now = Micros(n as i64);
            if let Applied::Changed { fields, .. } = self.writer.apply(self.id, black_box(&*update), now) {
                let what = (fields, Traded::by(update, fields));
                member.follow(&mut self.writer, what, now, |_, _| changed += 1);
            }
        }
        changed
    }
}

// As `apply`, and the composite of four venues brought up to each change, which changes it.
#[library_benchmark(config = at_most(2_708))]
#[bench::of_four(joined())]
fn follow((mut stage, member): (Stage, Member)) -> Stage {
    assert_eq!(stage.write_joined(&member), TIMES);
    stage
}

// As `apply`, and after each change the symbol out of the watcher, and a look that finds nothing.
#[library_benchmark(config = at_most(590))]
#[bench::one_symbol(stage())]
fn drain(mut stage: Stage) -> Stage {
    let mut given = 0;
    for n in 1..=TIMES {
        stage.updates[n % 2].venue_seq = Some(n as u64);
        stage.writer.apply(stage.id, &stage.updates[n % 2], Micros(n as i64));
        for _ in 0..2 {
            stage.watcher.drain(|_| given += 1);
        }
    }
    assert_eq!(given, TIMES);
    stage
}

/// A quote, and the buffer for its frames.
fn quote() -> (Symbol, Quote, Vec<u8>) {
    let mut stage = stage();
    stage.updates[1].ts_event = Some(Micros(1_795_253_400_228_500));
    stage.writer.apply(stage.id, &stage.updates[1], Micros(1_795_253_400_248_850));
    let table = stage.writer.table();
    (table.symbol(stage.id).clone(), table.read(stage.id), Vec::with_capacity(1 << 20))
}

// A delta frame of two fields and the times, with its id.
#[library_benchmark(config = at_most(1_553))]
#[bench::delta(quote())]
fn frame((symbol, quote, mut out): (Symbol, Quote, Vec<u8>)) -> Vec<u8> {
    let style = Style { format: Format::Sse, named: true, numbers: Numbers::String, times: Times::Us };
    let changed: FieldSet = [Field::Bid, Field::BidSize].into_iter().collect();
    for seq in 0..TIMES as u64 {
        encode::id_line(&mut out, style, EventId { epoch: 0x0199_3e0f_4a2c, seq: 8_131_442 + seq });
        encode::quote(&mut out, style, black_box(&symbol), black_box(&quote), changed, FieldSet::DEFAULT, 1);
    }
    out
}

library_benchmark_group!(name = hot_path, benchmarks = [decode, apply, repeat, follow, drain, frame]);
main!(library_benchmark_groups = hot_path);
