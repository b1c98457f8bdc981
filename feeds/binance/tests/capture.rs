//! The decoder over whole recordings: counts by kind, final quotes and the quotes on the way, against the results of an
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
use feed::{FrameTap, Ignored, Instruments, RestAnswer, Session};
use feed_binance::{Binance, Market, Settings};
use market::Group;
use serde_json::Value;
use testkit::naive::{NaiveSink, Played, number};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn expected(folder: &str, name: &str) -> Value {
    let path = fixtures().join("expected").join(folder).join(format!("{name}.expected.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Plays a recording and compares everything that the independent reader says of it.
fn check(folder: &str, name: &str) -> Played {
    let session = Binance::new(Settings::new(Market::from_name(folder).unwrap()));
    let mut instruments = Instruments::new(session.venue(), 10_000);
    let rest: Vec<RestAnswer> = match fixtures().join(folder).join(format!("{name}.rest.gz")) {
        path if path.exists() => read_rest(&path).unwrap(),
        _ => Vec::new(),
    };
    session.catalogue(&rest, &mut instruments).unwrap();

    let want = expected(folder, name);
    let checkpoints: HashMap<u64, &Value> = want["checkpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|point| (point["after_line"].as_u64().unwrap(), &point["symbols"]))
        .collect();
    let mut seen = 0;
    let mut played =
        Played { tap: FrameTap::new(session.decoder(), instruments), sink: NaiveSink::default() };
    let path = fixtures().join(folder).join(format!("{name}.cap.gz"));
    let mut reader = CaptureReader::open(&path).unwrap();
    let mut line = 0;
    while let Some(record) = reader.next().unwrap() {
        line += 1;
        played.tap.record(&record, &mut played.sink).unwrap_or_else(|error| panic!("line {line}: {error}"));
        for (native, quote) in checkpoints.get(&line).into_iter().flat_map(|at| at.as_object().unwrap()) {
            // Symbols that have not been heard yet stand with nothing but nulls.
            if played.tap.instruments().find(native).and_then(|id| played.tap.symbol(id)).is_some() {
                played.check_quote(native, quote, &format!("after line {line}"));
            } else {
                assert!(
                    quote.as_object().unwrap().values().all(Value::is_null),
                    "{native} after line {line}"
                );
            }
            seen += 1;
        }
    }
    let symbols = want["symbols"].as_object().unwrap();
    assert!(seen >= 3, "{seen} quotes compared on the way");

    let stats = played.tap.stats();
    let kinds: HashMap<&str, u64> = stats.by_kind().into_iter().collect();
    let by_type: HashMap<&str, u64> =
        want["by_type"].as_object().unwrap().iter().map(|(k, n)| (k.as_str(), n.as_u64().unwrap())).collect();
    assert_eq!(kinds, by_type);
    assert_eq!(stats.garbage + stats.reconnects + stats.give_ups, 0);
    let of = |kind: &str| by_type.get(kind).copied().unwrap_or(0);
    assert_eq!(stats.ignored_for(Ignored::NotAQuote), of("depthUpdate") + of("kline"));
    assert_eq!(stats.ignored().len(), 1, "{:?}", stats.ignored());
    assert_eq!(stats.updates, of("bookTicker") + of("trade") + of("aggTrade"));

    for (native, symbol) in symbols {
        if symbol["bbo"].is_null() && symbol["trade"].is_null() {
            let id = played.tap.instruments().find(native);
            assert_eq!(id.and_then(|id| played.tap.symbol(id)), None, "{native} has depth only");
            continue;
        }
        played.check_quote(native, &with_book_left_out(&symbol["merged"]), "at the end");
        let (bbo, trade) = (&symbol["bbo"], &symbol["trade"]);
        if bbo.is_object() {
            let told = played.told(native, Group::Top);
            assert_eq!(Some(told.count), bbo["n"].as_u64(), "{native}: best bids and offers");
            assert_eq!(told.venue_seq, number(&bbo["seq"]), "{native}: u");
            assert_eq!(
                told.ts_event.map(|t| t.get() as u64 / 1_000),
                number(&bbo["exchange_ts"]),
                "{native}"
            );
        }
        if trade.is_object() {
            let told = played.told(native, Group::Trade);
            assert_eq!(Some(told.count), trade["n_trades"].as_u64(), "{native}: trades");
            assert_eq!(
                told.ts_event.map(|t| t.get() as u64 / 1_000),
                number(&trade["exchange_ts"]),
                "{native}"
            );
            assert_eq!(played.values(native).side().map(|s| s.name()), trade["side"].as_str(), "{native}");
        }
    }
    println!(
        "{folder}/{name}: {} messages, {} updates, {} changes, ignored {:?}",
        stats.messages,
        stats.updates,
        stats.changed,
        stats.ignored()
    );
    played
}

/// Where a symbol has no best bid and offer message, the independent reader takes its book. We leave depth alone:
/// `bookTicker` is the venue's own word for the top, and the first one follows within moments.
fn with_book_left_out(merged: &Value) -> Value {
    let mut merged = merged.clone();
    if merged["bbo_source"] == "book" {
        for field in ["bid", "bid_size", "ask", "ask_size"] {
            merged[field] = Value::Null;
        }
    }
    merged
}

#[test]
fn spot_2021() {
    let played = check("binance", "20210417");
    // By hand from the raw file: the last bookTicker and aggTrade lines of AAVEUPUSDT.
    let values = played.values("AAVEUPUSDT");
    assert_eq!(values.bid().unwrap().to_string(), "84.19000000");
    assert_eq!(values.ask().unwrap().to_string(), "84.85900000");
    let symbol = &played.tap.instruments().get(played.id("AAVEUPUSDT")).unwrap().symbol;
    assert_eq!(symbol.as_str(), "BINANCE:AAVEUP-USDT");
}

#[test]
fn spot_2024_btcusdt() {
    check("binance", "20240808-btcusdt");
}

#[test]
fn spot_2024_ethusdt() {
    check("binance", "20240808-ethusdt");
}

#[test]
fn us_2021() {
    let played = check("binance_us", "20210417");
    let symbol = &played.tap.instruments().get(played.id("BCHUSDT")).unwrap().symbol;
    assert_eq!(symbol.as_str(), "BINANCE_US:BCH-USDT");
}

#[test]
fn usdm_2021() {
    let played = check("binance_usdm", "20210722");
    let symbol = &played.tap.instruments().get(played.id("SUSHIUSDT")).unwrap().symbol;
    assert_eq!(symbol.as_str(), "BINANCE_USDM:SUSHI-USDT-PERP");
}

#[test]
fn usdm_2024() {
    check("binance_usdm", "20240808-btcusdt");
}

#[test]
fn coinm_2021() {
    let played = check("binance_coinm", "20210721");
    let symbol = &played.tap.instruments().get(played.id("ETHUSD_210924")).unwrap().symbol;
    assert_eq!(symbol.as_str(), "BINANCE_COINM:ETH-USD-20210924");
}

#[test]
fn coinm_2024() {
    check("binance_coinm", "20240808-ethusd_perp");
}

#[test]
fn every_listed_symbol_gets_a_name_of_its_own() {
    for (folder, name, count) in [
        ("binance", "20210417", 1_000),
        ("binance_us", "20210417", 50),
        ("binance_usdm", "20210722", 50),
        ("binance_coinm", "20210721", 30),
    ] {
        let session = Binance::new(Settings::new(Market::from_name(folder).unwrap()));
        let mut instruments = Instruments::new(session.venue(), 10_000);
        let rest = read_rest(&fixtures().join(folder).join(format!("{name}.rest.gz"))).unwrap();
        session.catalogue(&rest, &mut instruments).unwrap();
        assert!(instruments.len() > count, "{folder}: {}", instruments.len());
        let names: std::collections::HashSet<_> = instruments.iter().map(|(_, i)| i.symbol.clone()).collect();
        assert_eq!(names.len(), instruments.len(), "{folder}");
        assert!(names.iter().all(|symbol| symbol.venue() == Some(session.venue())));
    }
}
