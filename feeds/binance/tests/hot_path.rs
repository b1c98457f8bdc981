//! The full-rate message: it allocates nothing once warm, and how long it takes (printed, never asserted).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail the test, and a measurement is there to be read"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use feed::capture::{CaptureReader, Payload};
use feed::{Batch, Frame, Instruments, Session};
use feed_binance::{Binance, Market, Settings};
use market::Micros;

/// The first `count` messages of the recording whose text holds `part`.
fn frames(part: &str, count: usize) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/binance_usdm/20240808-btcusdt.cap.gz");
    let mut reader = CaptureReader::open(&path).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        match record.payload {
            Payload::Text(text) if text.contains(part) => frames.push(text.to_owned()),
            _ => {}
        }
        if frames.len() == count {
            break;
        }
    }
    assert_eq!(frames.len(), count);
    frames
}

/// Decodes all frames and returns the updates that were made.
fn decode_all(decoder: &mut dyn feed::Decoder, batch: &mut Batch, frames: &[String]) -> usize {
    let mut updates = 0;
    for (n, text) in frames.iter().enumerate() {
        batch.clear();
        let read = decoder.decode(Frame::Text(black_box(text)), Micros(n as i64), batch);
        assert!(read.is_ok());
        updates += black_box(&batch.updates).len();
    }
    updates
}

#[test]
fn ten_thousand_warm_messages_allocate_nothing() {
    for part in ["@bookTicker", "@trade"] {
        let frames = frames(part, 10_000);
        let session = Binance::new(Settings::new(Market::UsdM));
        let mut decoder = session.decoder();
        let mut batch = Batch::new(Instruments::new(session.venue(), 10));
        decode_all(decoder.as_mut(), &mut batch, &frames[..1]);
        let mut updates = 0;
        let seen = allocation_counter::measure(|| {
            updates = decode_all(decoder.as_mut(), &mut batch, &frames);
        });
        assert_eq!(updates, 10_000, "{part}");
        assert_eq!((seen.count_total, seen.bytes_total), (0, 0), "{part}");
    }
}

#[test]
fn how_long_it_takes() {
    for (part, count) in [("@bookTicker", 60_000), ("@trade", 20_000)] {
        let frames = frames(part, count);
        let session = Binance::new(Settings::new(Market::UsdM));
        let mut decoder = session.decoder();
        let mut batch = Batch::new(Instruments::new(session.venue(), 10));
        let mut best = f64::INFINITY;
        for _ in 0..10 {
            let start = Instant::now();
            assert_eq!(decode_all(decoder.as_mut(), &mut batch, &frames), count);
            best = best.min(start.elapsed().as_secs_f64() / count as f64);
        }
        println!("{part}: {:.0} ns a message, best of 10 runs over {count}", best * 1e9);
    }
}
