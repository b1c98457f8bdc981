//! The decoders over whole recordings: counts by kind, every checksum, and the final quotes that an independent reader
//! of the same recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use feed::{Batch, Decoder, Ignored, Instruments};
use feed_kraken::{DEPTH, Kraken, Settings, V1, V2, Version};
use market::{Field, FieldSet, Group, Side, Source};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::kept::Kept;
use testkit::naive::Played;
use testkit::proof::{Fixtures, decimal, instruments, play_with, symbols};

/// The recorded catalogue.
const REST: &str = "kraken/20210417";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The instruments of a recorded catalogue, or none that is known beforehand.
fn known(version: Version, rest: Option<&str>) -> Instruments {
    let session = Kraken::new(Settings { version, ..Settings::default() });
    instruments(&session, &rest.map(|name| fixtures().rest(name)).unwrap_or_default())
}

/// Plays a recording; nothing is refused or has to be asked for again. `at` is called after every line.
fn play(
    decoder: impl Decoder + 'static,
    known: Instruments,
    name: &str,
    mut at: impl FnMut(u64, &Played),
) -> (Played, Value) {
    play_with(Box::new(decoder), known, &fixtures(), name, |line, played| {
        assert!(played.tap.replies().is_empty() && played.tap.refused().is_empty(), "line {line}");
        at(line, played);
    })
}

#[test]
fn v1_books_match_every_checksum_and_end_with_the_right_tops() {
    let decoder = Kept::new(V1::new());
    let known = known(Version::V1, Some(REST));
    let (played, want) = play(decoder.clone(), known, "kraken/20210417-book", |_, _| {});
    played.check_kinds(&want);
    let checksums: u64 = symbols(&want).map(|(_, s)| s["book"]["checksum_ok"].as_u64().unwrap()).sum();
    assert_eq!(checksums, 4269, "4,279 book messages, of which ten are snapshots without a checksum");
    assert_eq!(decoder.look(V1::checksums_matched), checksums);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
    }
    assert_eq!(symbols(&want).count(), 10);
    // Looked up by hand in the raw file: the best levels after its last frames.
    assert_eq!(played.name("ADA/XBT"), "KRAKEN:ADA-BTC");
    assert_eq!(played.text("ADA/XBT", Field::Bid), "0.000022880", "digit for digit");
    assert_eq!(played.text("ADA/XBT", Field::AskSize), "7200.50427342");
    assert!(played.tap.stats().ignored_for(Ignored::TopUnmoved) > 3000, "most changes are below the top");
}

#[test]
fn v1_tickers_end_with_the_right_quotes_and_figures() {
    let known = known(Version::V1, Some(REST));
    let (played, want) = play(V1::new(), known, "kraken/20210417-ticker", |_, _| {});
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["merged"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        let day = [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h];
        played.check_fields(native, &symbol["ticker"], &day, "at the end");
    }
    assert_eq!(played.name("XBT/CHF"), "KRAKEN:BTC-CHF");
    assert_eq!(
        played.text("XBT/CHF", Field::Open24h),
        "57093.00000",
        "the second entry, not the 56737.90000 of today"
    );
}

#[test]
fn v1_trades_end_with_the_right_last_and_pass_the_checkpoints() {
    let known = known(Version::V1, Some(REST));
    let points = fixtures().expected("kraken/20210417-trade")["checkpoints"].clone();
    let mut passed = 0;
    let (played, want) = play(V1::new(), known, "kraken/20210417-trade", |line, played| {
        for point in points.as_array().unwrap().iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in symbols(point) {
                let told = [played.text(native, Field::Last), played.text(native, Field::LastSize)];
                assert_eq!(told, [&quote["last"], &quote["last_size"]].map(|text| text.as_str().unwrap()));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_last(native, &symbol["trade"], "at the end");
        played.check_side(native, &symbol["trade"]);
        let updates = played.told(native, Group::Trade).count;
        assert_eq!(Some(updates), symbol["trade"]["n_trades"].as_u64(), "each trade of a frame is told");
    }
}

#[test]
fn v2_books_match_every_checksum_and_end_with_the_right_top() {
    let decoder = Kept::new(V2::new(DEPTH));
    let known = known(Version::V2, Some(REST));
    let (played, want) = play(decoder.clone(), known, "kraken_v2/book10-btcusd-first-half", |_, _| {});
    played.check_kinds(&want);
    assert_eq!(decoder.look(V2::checksums_matched), 255);
    assert_eq!(played.name("BTC/USD"), "KRAKEN:BTC-USD");
    played.check_top("BTC/USD", &want["symbols"]["BTC/USD"]["book"], "at the end");
    assert_eq!(played.text("BTC/USD", Field::BidSize), "9.30883015");
    assert_eq!(played.text("BTC/USD", Field::AskSize), "0.00798334");
}

#[test]
fn names_that_stand_in_no_catalogue_are_not_cut() {
    let known = known(Version::V2, None);
    let (played, _) = play(V2::new(DEPTH), known, "kraken_v2/book10-btcusd-first-half", |_, _| {});
    assert_eq!(played.name("BTC/USD"), "KRAKEN:BTC/USD");
}

/// Repeatable, digits kept, and no panic on anything, over every recording and every single message.
#[test]
fn the_decoders_keep_every_promise_of_the_contract() {
    let of = |name: &str| fixtures().frames(name);
    let single =
        |name: &str| fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect::<Vec<_>>();
    let v1 = || -> (Box<dyn Decoder>, Instruments) { (Box::new(V1::new()), known(Version::V1, Some(REST))) };
    let v2 = || -> (Box<dyn Decoder>, Instruments) { (Box::new(V2::new(DEPTH)), known(Version::V2, None)) };
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
        let singles = fixtures().singles(name);
        let seen: usize = singles.iter().map(|(text, want)| check_single(text, version, want)).sum();
        assert_eq!(seen, events, "{name}");
    }
}

fn check_single(line: &str, version: Version, want: &Value) -> usize {
    let mut decoder: Box<dyn Decoder> = match version {
        Version::V1 => Box::new(V1::new()),
        Version::V2 => Box::new(V2::new(DEPTH)),
    };
    let mut batch = Batch::new(known(version, None));
    let kind = decoder.decode(feed::Frame::Text(line), market::Micros(1), &mut batch);
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
            if let Some(want) = event.get(field.name()) {
                assert_eq!(update.values().number(field), decimal(want), "{} of {line}", field.name());
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
