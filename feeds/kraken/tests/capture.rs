//! The decoders over whole recordings: counts by kind, every checksum, and the final quotes that an independent reader
//! of the same recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use feed::capture::{CaptureReader, read_rest};
use feed::{Batch, Decoder, Ignored, Instruments, Session, Sink};
use feed_kraken::{DEPTH, Kraken, Settings, V1, V2, Version};
use market::{Decimal, Field, FieldSet, Side, Source};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::sink::CollectingSink;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("expected/{name}.expected.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn instruments(version: Version, rest: Option<&str>) -> Instruments {
    let session = Kraken::new(Settings { version, ..Settings::default() });
    let mut instruments = Instruments::new(session.venue(), 1000);
    if let Some(rest) = rest {
        session.catalogue(&read_rest(&fixture(rest)).unwrap(), &mut instruments).unwrap();
    }
    instruments
}

/// What a recording left behind.
struct Played {
    kinds: BTreeMap<String, u64>,
    ignored: BTreeMap<&'static str, u64>,
    natives: BTreeMap<String, String>,
    sink: CollectingSink,
    replies: usize,
}

impl Played {
    fn text(&self, native: &str, field: Field) -> String {
        self.sink.look(|seen| seen.get(&self.natives[native]).map(|l| l.text(field)).unwrap_or_default())
    }

    /// Compares one number with the expected JSON, as decimals; JSON null is "absent".
    fn compare(&self, native: &str, field: Field, want: &Value) {
        let have = self.text(native, field);
        let number = |text: &str| -> Option<Decimal> { feed::json::text_decimal(text).unwrap() };
        assert_eq!(number(&have), number(want.as_str().unwrap_or("")), "{native} {}", field.name());
    }

    fn compare_top(&self, native: &str, want: &Value) {
        for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
            self.compare(native, field, &want[field.name()]);
        }
    }
}

/// Plays a recording; `at` is called after every record with the number of records so far.
fn play(
    name: &str,
    decoder: &mut dyn Decoder,
    instruments: Instruments,
    mut at: impl FnMut(u64, &Instruments, &CollectingSink),
) -> Played {
    let mut reader = CaptureReader::open(&fixture(&format!("{name}.cap.gz"))).unwrap();
    let mut batch = Batch::new(instruments);
    let mut played = Played {
        kinds: BTreeMap::new(),
        ignored: BTreeMap::new(),
        natives: BTreeMap::new(),
        sink: CollectingSink::new(),
        replies: 0,
    };
    let mut lines = 0;
    while let Some(record) = reader.next().unwrap() {
        if let Some(frame) = record.frame() {
            batch.clear();
            let kind = decoder.decode(frame, record.ts_recv(), &mut batch).unwrap();
            *played.kinds.entry(kind.to_owned()).or_default() += 1;
            for why in &batch.ignored {
                *played.ignored.entry(why.name()).or_default() += 1;
            }
            for (id, update) in &batch.updates {
                let symbol = &batch.instruments.get(*id).unwrap().symbol;
                let symbol = played.sink.intern(symbol).unwrap();
                played.sink.update(symbol, update);
            }
            assert!(batch.refused.is_empty(), "{:?}", batch.refused);
            played.replies += batch.replies.len();
        }
        lines += 1;
        at(lines, &batch.instruments, &played.sink);
    }
    played.natives =
        batch.instruments.iter().map(|(_, i)| (i.native.to_string(), i.symbol.as_str().to_owned())).collect();
    played
}

fn check_kinds(played: &Played, want: &Value) {
    let want: BTreeMap<String, u64> = serde_json::from_value(want["by_type"].clone()).unwrap();
    assert_eq!(played.kinds, want);
}

fn symbols(want: &Value) -> impl Iterator<Item = (&String, &Value)> {
    want["symbols"].as_object().unwrap().iter()
}

#[test]
fn v1_books_match_every_checksum_and_end_with_the_right_tops() {
    let want = expected("kraken/20210417-book");
    let mut decoder = V1::new();
    let known = instruments(Version::V1, Some("kraken/20210417.rest.gz"));
    let played = play("kraken/20210417-book", &mut decoder, known, |_, _, _| {});
    check_kinds(&played, &want);
    let checksums: u64 = symbols(&want).map(|(_, s)| s["book"]["checksum_ok"].as_u64().unwrap()).sum();
    assert_eq!(checksums, 4269, "4,279 book messages, of which ten are snapshots without a checksum");
    assert_eq!(decoder.checksums_matched(), checksums);
    assert_eq!(played.replies, 0, "nothing had to be asked for again");
    for (native, symbol) in symbols(&want) {
        played.compare_top(native, &symbol["book"]);
    }
    assert_eq!(symbols(&want).count(), 10);
    // Looked up by hand in the raw file: the best levels after its last frames.
    assert_eq!(played.natives["ADA/XBT"], "KRAKEN:ADA-BTC");
    assert_eq!(played.text("ADA/XBT", Field::Bid), "0.000022880", "digit for digit");
    assert_eq!(played.text("ADA/XBT", Field::AskSize), "7200.50427342");
    assert!(played.ignored[Ignored::TopUnmoved.name()] > 3000, "most changes are below the top");
}

#[test]
fn v1_tickers_end_with_the_right_quotes_and_figures() {
    let want = expected("kraken/20210417-ticker");
    let known = instruments(Version::V1, Some("kraken/20210417.rest.gz"));
    let played = play("kraken/20210417-ticker", &mut V1::new(), known, |_, _, _| {});
    check_kinds(&played, &want);
    for (native, symbol) in symbols(&want) {
        played.compare_top(native, &symbol["merged"]);
        played.compare(native, Field::Last, &symbol["merged"]["last"]);
        played.compare(native, Field::LastSize, &symbol["merged"]["last_size"]);
        for field in [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h] {
            played.compare(native, field, &symbol["ticker"][field.name()]);
        }
    }
    assert_eq!(played.natives["XBT/CHF"], "KRAKEN:BTC-CHF");
    assert_eq!(
        played.text("XBT/CHF", Field::Open24h),
        "57093.00000",
        "the second entry, not the 56737.90000 of today"
    );
}

#[test]
fn v1_trades_end_with_the_right_last_and_pass_the_checkpoints() {
    let want = expected("kraken/20210417-trade");
    let known = instruments(Version::V1, Some("kraken/20210417.rest.gz"));
    let mut passed = 0;
    let played = play("kraken/20210417-trade", &mut V1::new(), known, |line, known, sink| {
        for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                let symbol = &known.get(known.find(native).unwrap()).unwrap().symbol;
                sink.look(|seen| {
                    let latest = seen.get(symbol.as_str()).unwrap();
                    assert_eq!(
                        latest.text(Field::Last),
                        quote["last"].as_str().unwrap(),
                        "{native} at {line}"
                    );
                    assert_eq!(latest.text(Field::LastSize), quote["last_size"].as_str().unwrap());
                });
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    check_kinds(&played, &want);
    for (native, symbol) in symbols(&want) {
        played.compare(native, Field::Last, &symbol["trade"]["last"]);
        played.compare(native, Field::LastSize, &symbol["trade"]["last_size"]);
        let side = played.sink.look(|seen| seen.get(&played.natives[native]).unwrap().values.side());
        assert_eq!(side.map(Side::name), symbol["trade"]["side"].as_str(), "{native}");
        let updates = played.sink.look(|seen| seen.get(&played.natives[native]).unwrap().updates);
        assert_eq!(Some(updates), symbol["trade"]["n_trades"].as_u64(), "each trade of a frame is told");
    }
}

#[test]
fn v2_books_match_every_checksum_and_end_with_the_right_top() {
    let want = expected("kraken_v2/book10-btcusd-first-half");
    let mut decoder = V2::new(DEPTH);
    let known = instruments(Version::V2, Some("kraken/20210417.rest.gz"));
    let played = play("kraken_v2/book10-btcusd-first-half", &mut decoder, known, |_, _, _| {});
    check_kinds(&played, &want);
    assert_eq!(decoder.checksums_matched(), 255);
    assert_eq!(played.replies, 0);
    assert_eq!(played.natives["BTC/USD"], "KRAKEN:BTC-USD");
    played.compare_top("BTC/USD", &want["symbols"]["BTC/USD"]["book"]);
    assert_eq!(played.text("BTC/USD", Field::BidSize), "9.30883015");
    assert_eq!(played.text("BTC/USD", Field::AskSize), "0.00798334");
}

#[test]
fn names_that_stand_in_no_catalogue_are_not_cut() {
    let known = instruments(Version::V2, None);
    let played = play("kraken_v2/book10-btcusd-first-half", &mut V2::new(DEPTH), known, |_, _, _| {});
    assert_eq!(played.natives["BTC/USD"], "KRAKEN:BTC/USD");
}

/// Repeatable, digits kept, and no panic on anything, over every recording and every single message.
#[test]
fn the_decoders_keep_every_promise_of_the_contract() {
    let of = |name: &str| testkit::recording::Session::read(&fixture(&format!("{name}.cap.gz"))).frames;
    let single = |name: &str| {
        let text = std::fs::read_to_string(fixture(&format!("{name}.tsv"))).unwrap();
        text.lines().map(|line| line.split_once('\t').unwrap().1.into()).collect::<Vec<_>>()
    };
    let v1 = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(V1::new()), instruments(Version::V1, Some("kraken/20210417.rest.gz")))
    };
    let v2 =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(V2::new(DEPTH)), instruments(Version::V2, None)) };
    for name in ["kraken/20210417-book", "kraken/20210417-ticker", "kraken/20210417-trade"] {
        check_decoder(&v1, &of(name), FieldSet::EMPTY);
    }
    for name in ["kraken/single-cryptomsgparser", "kraken/single-gocryptotrader"] {
        check_decoder(&v1, &single(name), FieldSet::EMPTY);
    }
    let computed = FieldSet::EMPTY.with(Field::Open24h);
    check_decoder(&v2, &of("kraken_v2/book10-btcusd-first-half"), computed);
    check_decoder(&v2, &single("kraken_v2/single-nautilus"), computed);
}

/// Every event that the independent reader finds in a single message is told, and nothing else is.
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, version, events) in [
        ("kraken/single-cryptomsgparser", Version::V1, 7),
        ("kraken/single-gocryptotrader", Version::V1, 8),
        ("kraken_v2/single-nautilus", Version::V2, 5),
    ] {
        let text = std::fs::read_to_string(fixture(&format!("{name}.tsv"))).unwrap();
        let mut seen = 0;
        for (line, want) in text.lines().zip(expected(name)["messages"].as_array().unwrap()) {
            seen += check_single(line, version, want);
        }
        assert_eq!(seen, events, "{name}");
    }
}

fn check_single(line: &str, version: Version, want: &Value) -> usize {
    let mut decoder: Box<dyn Decoder> = match version {
        Version::V1 => Box::new(V1::new()),
        Version::V2 => Box::new(V2::new(DEPTH)),
    };
    let mut batch = Batch::new(instruments(version, None));
    let frame = feed::Frame::Text(line.split_once('\t').unwrap().1);
    let kind = decoder.decode(frame, market::Micros(1), &mut batch);
    let want_kind = want["type"].as_str().unwrap().trim_end_matches(':');
    if want_kind == "event:None" {
        assert!(kind.is_err(), "the futures venue speaks another protocol: {line}");
        return 0;
    }
    let mut told = batch.updates.iter();
    for event in want["events"].as_array().unwrap() {
        if event["kind"] == "book" {
            continue;
        }
        // A frame of several trades stands as one event with the last of them where the reader sums them up.
        let trades = event["n"].as_u64().unwrap_or(1);
        let (_, update) = told.nth(trades as usize - 1).unwrap_or_else(|| panic!("no update: {line}"));
        for field in Field::NUMBER_FIELDS {
            let number = |text: &Value| feed::json::text_decimal(text.as_str().unwrap_or("")).unwrap();
            if let Some(want) = event.get(field.name()) {
                assert_eq!(update.values().number(field), number(want), "{} of {line}", field.name());
            }
        }
        if let Some(side) = event.get("side") {
            assert_eq!(update.values().side().map(Side::name), side.as_str());
        }
        let source = if event["kind"] == "ticker" { Source::Ticker } else { Source::Direct };
        assert_eq!(update.source, source);
    }
    assert_eq!(kind, Ok(want_kind), "{line}");
    want["events"].as_array().unwrap().len()
}
