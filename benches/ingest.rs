//! One Binance bookTicker from its text to a published change: decoded, merged, numbered.
//!
//! Estimate: 170 bytes of JSON, one hash look-up, four numbers of 12 digits (4 x 10 ns), one table write (25 ns): about
//! 300 ns, so 3 million messages a second on one core. The bar is 600 ns, 1.6 million a second.
//!
//! Compared in one run: the whole path, decoding alone, and what a user would write with `serde_json::Value`.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use feed::capture::CaptureReader;
use feed::pump::FrameTap;
use feed::{Batch, Decoder, Frame, Instruments, Outcome, Session, Sink, SymbolRef};
use feed_binance::{Binance, BinanceDecoder, Market, Settings};
use market::{Micros, Reason, Status, Symbol, Update};
use table::{Applied, SymbolId, Table, Writer};

/// Messages taken from the recording: enough to leave the caches of one message behind.
const FRAMES: usize = 4_096;

/// The binary's sink without its clock and its notifier.
struct TableSink {
    table: Arc<Table>,
    writer: Writer,
    ids: Vec<SymbolId>,
}

impl Sink for TableSink {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        self.ids.push(self.table.intern(symbol).ok()?);
        Some(SymbolRef(u32::try_from(self.ids.len()).ok()? - 1))
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        match self.writer.apply(self.ids[symbol.0 as usize], update, update.ts_recv) {
            Applied::Changed { .. } => Outcome::Changed,
            Applied::Unchanged => Outcome::Unchanged,
            Applied::Older => Outcome::Older,
        }
    }

    fn feed_status(&mut self, _: Status, _: Reason, _: &[SymbolRef]) {}
}

/// The first bookTicker messages of the spot recording of 2024.
fn frames() -> Vec<String> {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/binance/fixtures/binance/20240808-btcusdt.cap.gz");
    let mut reader = CaptureReader::open(path.as_ref()).expect("the recording comes with the adapter");
    let mut frames = Vec::new();
    while let Some(record) = reader.next().expect("the recording is whole") {
        if let feed::capture::Payload::Text(text) = record.payload
            && text.contains("@bookTicker")
        {
            frames.push(text.to_owned());
        }
        if frames.len() == FRAMES {
            break;
        }
    }
    frames
}

fn ingest(c: &mut Criterion) {
    let frames = frames();
    let mut group = c.benchmark_group("ingest");
    group.throughput(Throughput::Elements(FRAMES as u64));

    let table = Table::new(table::Config { symbols: 16, ..table::Config::default() });
    let writer = table.writer().expect("a fresh table has room for a writer");
    let mut sink = TableSink { table, writer, ids: Vec::new() };
    let session = Binance::new(Settings::new(Market::Spot));
    // Venue sequences only grow, so every pass needs a decoder and a table that have not seen them: a fresh tap, and
    // updates that count as a new connection's.
    group.bench_function("decode and apply", |b| {
        b.iter_batched_ref(
            || FrameTap::new(session.decoder(), Instruments::new("BINANCE", 16)),
            |tap| {
                for (at, frame) in frames.iter().enumerate() {
                    let _ = tap.frame(Frame::Text(frame), Micros(at as i64), &mut sink);
                }
            },
            BatchSize::PerIteration,
        );
    });

    let mut decoder = BinanceDecoder::new(Market::Spot);
    let mut batch = Batch::new(Instruments::new("BINANCE", 16));
    group.bench_function("decode", |b| {
        b.iter(|| {
            for frame in &frames {
                batch.clear();
                let _ = decoder.decode(Frame::Text(frame), Micros(1), &mut batch);
            }
            batch.updates.len()
        });
    });

    group.bench_function("serde_json::Value alone", |b| {
        b.iter(|| {
            frames
                .iter()
                .filter_map(|frame| serde_json::from_str::<serde_json::Value>(frame).ok())
                .filter(|value| value["data"]["b"].is_string())
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
