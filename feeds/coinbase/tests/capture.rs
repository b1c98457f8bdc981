//! The decoder over the whole recording: counts by kind, final quotes and the quotes on the way, against the results of an
//! independent reader (`fixtures/expected/`, see `fixtures/SOURCES.md`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail the test, and a measurement is there to be read"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use feed::capture::{CaptureReader, read_rest};
use feed::{FrameTap, Ignored, Instruments, Session};
use feed_coinbase::{Coinbase, Settings};
use market::{Field, Group, Micros, Price};
use serde_json::Value;
use testkit::naive::{NaiveSink, Played, decimal, number};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn expected(name: &str) -> Value {
    let path = fixtures().join("expected").join(format!("{name}.expected.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The last trade of an expected quote with the top of the book in place of the ticker's: the independent reader lets a
/// ticker set the top, we do not once there is a book, because a ticker is as old as the last trade.
fn with_top_of_book(symbol: &Value) -> Value {
    let mut quote = symbol["merged"].clone();
    for field in ["bid", "bid_size", "ask", "ask_size"] {
        quote[field] = symbol["book"][field].clone();
    }
    quote
}

const NAME: &str = "20210417-first-half";

#[test]
fn the_whole_recording_ends_as_the_independent_reader_says() {
    let session = Coinbase::new(Settings::default());
    let mut instruments = Instruments::new(session.venue(), 1_000);
    let rest = read_rest(&fixtures().join("20210417.rest.gz")).unwrap();
    session.catalogue(&rest, &mut instruments).unwrap();
    assert!(instruments.len() > 100, "{}", instruments.len());

    let want = expected(NAME);
    let checkpoints: HashMap<u64, &Value> = want["checkpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|point| (point["after_line"].as_u64().unwrap(), &point["symbols"]))
        .collect();
    let mut seen = 0;
    let mut played =
        Played { tap: FrameTap::new(session.decoder(), instruments), sink: NaiveSink::default() };
    let mut reader = CaptureReader::open(&fixtures().join(format!("{NAME}.cap.gz"))).unwrap();
    let mut line = 0;
    while let Some(record) = reader.next().unwrap() {
        line += 1;
        played.tap.record(&record, &mut played.sink).unwrap_or_else(|error| panic!("line {line}: {error}"));
        // Only the trades can be compared on the way: books are not in the checkpoints.
        for (native, quote) in checkpoints.get(&line).into_iter().flat_map(|at| at.as_object().unwrap()) {
            let values = played.values(native);
            for field in [Field::Last, Field::LastSize] {
                let got = values.number(field).map(Price::from_decimal);
                assert_eq!(got, decimal(&quote[field.name()]), "{native} {} after line {line}", field.name());
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 30, "three times ten products");

    let stats = played.tap.stats();
    let kinds: HashMap<&str, u64> = stats.by_kind().into_iter().collect();
    let by_type: HashMap<&str, u64> =
        want["by_type"].as_object().unwrap().iter().map(|(k, n)| (k.as_str(), n.as_u64().unwrap())).collect();
    assert_eq!(kinds, by_type);
    assert_eq!(stats.garbage + stats.reconnects + stats.give_ups + stats.refused_subscriptions, 0);
    let unmoved = stats.ignored_for(Ignored::TopUnmoved);
    assert_eq!(stats.ignored().len(), 1, "{:?}", stats.ignored());
    assert!(unmoved > 1_000, "most changes are below the top: {unmoved}");
    assert_eq!(stats.updates, stats.messages - by_type["subscriptions"] - unmoved);

    let symbols = want["symbols"].as_object().unwrap();
    assert_eq!(symbols.len(), 10);
    for (native, symbol) in symbols {
        played.check_quote(native, &with_top_of_book(symbol), "at the end");
        let values = played.values(native);
        let (ticker, trade) = (&symbol["ticker"], &symbol["trade"]);
        for field in [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h] {
            let got = values.number(field).map(Price::from_decimal);
            assert_eq!(got, decimal(&ticker[field.name()]), "{native} {}", field.name());
        }
        assert_eq!(values.side().map(|side| side.name()), trade["side"].as_str(), "{native}");
        let day = played.told(native, Group::Day);
        assert_eq!(Some(day.count), ticker["n"].as_u64(), "{native}: tickers");
        assert_eq!(day.venue_seq, number(&ticker["seq"]), "{native}: sequence");
        assert_eq!(day.ts_event, ticker["exchange_ts"].as_str().and_then(Micros::parse_iso), "{native}");
        let id = played.id(native);
        let symbol = &played.tap.instruments().get(id).unwrap().symbol;
        assert_eq!(symbol.as_str(), format!("COINBASE:{native}"));
    }
    // By hand from the raw file: the book of NMR-EUR is older at its ticker's time, so the two tops differ.
    let values = played.values("NMR-EUR");
    assert_eq!(values.bid().unwrap().to_string(), "66.9122");
    assert_eq!(decimal(&symbols["NMR-EUR"]["merged"]["bid"]), Price::parse("66.9254").ok());
    println!(
        "{} messages, {} updates, {} changes, ignored {:?}",
        stats.messages,
        stats.updates,
        stats.changed,
        stats.ignored()
    );
}
