//! `replay`: the same recording in, the same bytes out, and every digit as the venue wrote it.

use std::collections::BTreeMap;

use crate::support::{fixture, run, stderr, stdout};

fn replay(path: &str, venue: &str) -> String {
    let file = fixture(path);
    let output =
        run(&["replay", file.to_str().unwrap(), "--venue", venue, "--speed", "max", "--final", "--stats"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn promise_16_the_same_recording_gives_the_same_bytes() {
    for (path, venue) in [
        ("binance/fixtures/binance/20210417.cap.gz", "binance"),
        ("coinbase/fixtures/20210417-first-half.cap.gz", "coinbase"),
        ("kraken/fixtures/kraken/20210417-book.cap.gz", "kraken"),
        ("okx/fixtures/20220513.cap.gz", "okx"),
    ] {
        let first = replay(path, venue);
        assert!(first.lines().count() > 2, "{first}");
        assert_eq!(first, replay(path, venue), "{path}");
    }
}

#[test]
fn final_quotes_are_sorted_and_whole() {
    let text = replay("okx/fixtures/20220513.cap.gz", "okx");
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let (stats, quotes) = lines.split_last().unwrap();
    let names: Vec<&str> = quotes.iter().map(|q| q["symbol"].as_str().unwrap()).collect();
    assert_eq!(names, ["OKX:BTC-USD-20220527", "OKX:BTC-USDT", "OKX:UNI-USD-PERP"]);
    for quote in quotes {
        for key in [
            "native", "updates", "bid", "bid_size", "ask", "ask_size", "last", "mid", "spread", "status",
            "seq",
        ] {
            assert!(quote.get(key).is_some(), "{key} in {quote}");
        }
        assert!(quote["updates"].as_u64().unwrap() > 0);
    }
    let stats = &stats["stats"];
    let sum = |value: &serde_json::Value| {
        value.as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum(&stats["by_kind"]), stats["messages"], "every message has a kind");
    let dropped = &stats["dropped"];
    let lost = dropped["older"].as_u64().unwrap() + dropped["no_room"].as_u64().unwrap();
    assert_eq!(stats["applied"].as_u64().unwrap() + lost, stats["updates"], "promise 15");
}

/// Every final number stands, digit for digit, in a message of its symbol.
#[test]
fn promise_13_prices_leave_as_they_came() {
    use std::io::Read;
    let path = "coinbase/fixtures/20210417-first-half.cap.gz";
    let mut raw = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(fixture(path)).unwrap())
        .read_to_string(&mut raw)
        .unwrap();
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    for line in raw.lines() {
        if let Some(at) = line.find("\"product_id\":\"") {
            let name = line[at + 14..].split('"').next().unwrap();
            told.entry(name).or_default().push_str(line);
        }
    }
    let text = replay(path, "coinbase");
    let mut checked = 0;
    for quote in text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()) {
        let Some(native) = quote["native"].as_str() else { continue };
        for key in [
            "bid",
            "bid_size",
            "ask",
            "ask_size",
            "last",
            "last_size",
            "open_24h",
            "high_24h",
            "low_24h",
            "volume_24h",
        ] {
            if let Some(digits) = quote[key].as_str() {
                assert!(told[native].contains(&format!("\"{digits}\"")), "{native} {key} {digits}");
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}
