//! The decoder over whole recordings: counts by kind, every checksum, and the final quotes that an independent reader
//! of the same recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use feed::{Batch, Decoder, Ignored, Instruments};
use feed_okx::{Okx, Okx5};
use market::{Field, FieldSet, Side, Source};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::kept::Kept;
use testkit::naive::Played;
use testkit::proof::{Fixtures, decimal, instruments, play_with, symbols};

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The instruments of a recorded catalogue, or none that is known beforehand.
fn known(rest: Option<&str>) -> Instruments {
    instruments(&Okx::default(), &rest.map(|name| fixtures().rest(name)).unwrap_or_default())
}

/// Plays a recording; nothing is refused or has to be asked for again. `at` is called after every line.
fn play(
    decoder: &Kept<Okx5>,
    known: Instruments,
    name: &str,
    mut at: impl FnMut(u64, &Played),
) -> (Played, Value) {
    play_with(Box::new(decoder.clone()), known, &fixtures(), name, |line, played| {
        assert!(played.tap.replies().is_empty() && played.tap.refused().is_empty(), "line {line}");
        at(line, played);
    })
}

/// Compares the last trade and the 24 h figures, which do not depend on where the top comes from.
fn compare_rest(played: &Played, native: &str, symbol: &Value, spot: bool) {
    // Where a trade was heard it stands, and the ticker's word for it is not taken: an option's ticker of 2021 gives the last
    // trade a size of 0. Without a trade the ticker is all there is.
    let last = symbol.get("trade").unwrap_or(&symbol["merged"]);
    played.check_last(native, last, "at the end");
    if symbol["trade"].get("side").is_some() {
        played.check_side(native, &symbol["trade"]);
    }
    let day = [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h];
    played.check_fields(native, &symbol["ticker"], &day, "at the end");
    let quote_volume = decimal(&symbol["ticker"]["volume_ccy_24h"]).filter(|_| spot);
    assert_eq!(played.values(native).number(Field::QuoteVolume24h), quote_volume, "{native}");
}

fn checksums(want: &Value) -> u64 {
    symbols(want).map(|(_, s)| s["book"]["checksum_ok"].as_u64().unwrap()).sum()
}

#[test]
fn the_recording_of_2021_matches_every_checksum_and_ends_with_the_right_quotes() {
    let decoder = Kept::new(Okx5::new());
    let (played, want) = play(&decoder, known(None), "20210722", |_, _| {});
    played.check_kinds(&want);
    assert_eq!((decoder.look(Okx5::checksums_matched), checksums(&want)), (1504, 1504));
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        compare_rest(&played, native, symbol, native.split('-').count() == 2);
    }
    assert_eq!(symbols(&want).count(), 10);
    let name = played.name("BTC-USD-210924-42000-P");
    assert_eq!(name, "OKX:BTC-USD-210924-42000-P", "no catalogue, not cut");
}

#[test]
fn the_recording_of_2022_matches_every_checksum_and_ends_with_the_right_quotes() {
    let decoder = Kept::new(Okx5::new());
    let points = fixtures().expected("20220513")["checkpoints"].clone();
    let mut passed = 0;
    let (played, want) = play(&decoder, known(Some("20220513")), "20220513", |line, played| {
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
    assert_eq!((decoder.look(Okx5::checksums_matched), checksums(&want)), (290, 290));
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        compare_rest(&played, native, symbol, native == "BTC-USDT");
    }
    for (native, symbol) in [
        ("BTC-USDT", "OKX:BTC-USDT"),
        ("UNI-USD-SWAP", "OKX:UNI-USD-PERP"),
        ("BTC-USD-220527", "OKX:BTC-USD-20220527"),
    ] {
        assert_eq!(played.name(native), symbol);
    }
    // Looked up by hand in the raw file: the last change of the future's book sets its best ask.
    assert_eq!(played.text("BTC-USD-220527", Field::Ask), "30238.8");
    assert_eq!(played.text("BTC-USD-220527", Field::AskSize), "3");
    let unmoved = played.tap.stats().ignored_for(Ignored::TopUnmoved);
    assert_eq!(unmoved, 86, "of 290, counted by a separate script");
}

#[test]
fn the_recorded_catalogue_gives_every_kind_of_symbol() {
    let known = known(Some("20220513"));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(symbol("ETH-USD-220514-1300-C"), "OKX:ETH-USD-20220514-1300-C");
    assert_eq!(symbol("BTC-USDT-SWAP"), "OKX:BTC-USDT-PERP");
    for (_, instrument) in known.iter() {
        let parts = |name: &str| name.split('-').count();
        assert_eq!(parts(&instrument.native), parts(instrument.symbol.name()), "{instrument:?}");
    }
}

/// Repeatable, digits kept, and no panic on anything, over every recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(Okx5::new()), known(None)) };
    for name in ["20210722", "20220513"] {
        check_decoder(&make, &fixtures().frames(name), FieldSet::EMPTY);
    }
    for (name, _) in SINGLES {
        let frames: Vec<_> = fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect();
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
}

/// Files of single messages, and how many events an independent reader finds in them.
const SINGLES: [(&str, usize); 3] =
    [("single-cryptomsgparser", 29), ("single-gocryptotrader", 2), ("single-nautilus", 5)];

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, events) in SINGLES {
        let seen: usize = fixtures().singles(name).iter().map(|(text, want)| check_single(text, want)).sum();
        assert_eq!(seen, events, "{name}");
    }
}

fn check_single(line: &str, want: &Value) -> usize {
    let mut decoder = Okx5::new();
    let mut batch = Batch::new(known(None));
    let kind = decoder.decode(feed::Frame::Text(line), market::Micros(1), &mut batch);
    // Lines that are answers of the HTTP interface have no events and no type.
    let events = want["events"].as_array().map_or(&[][..], Vec::as_slice);
    let mut told = batch.updates.iter().filter(|(_, update)| update.source != Source::Book);
    for event in events.iter().filter(|event| event["kind"] != "book") {
        let (_, update) = told.next().unwrap_or_else(|| panic!("no update: {line}"));
        for field in Field::NUMBER_FIELDS {
            if let Some(want) = event.get(field.name()) {
                assert_eq!(update.values().number(field), decimal(want), "{} of {line}", field.name());
            }
        }
        if let Some(side) = event.get("side") {
            assert_eq!(update.values().side().map(Side::name), side.as_str());
        }
    }
    let want_kind = want["type"].as_str().unwrap_or("");
    match kind {
        Ok("candle") => assert!(want_kind.starts_with("candle")),
        Ok(kind) => assert_eq!(kind, want_kind, "{line}"),
        Err(_) => assert!(events.is_empty() && !line.contains("\"arg\""), "{line}"),
    }
    events.len()
}
