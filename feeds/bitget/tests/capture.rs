//! The decoder over both recordings and the single messages: counts by kind, every checksum, final quotes, and every promise of
//! the contract. The recordings are of v1; what v2 says is in the tests at the foot of the decoder and in those of the session.

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_bitget::Bitget;
use market::{Field, FieldSet, Micros, Side};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal, instruments, play, symbols};

const SINGLES: &str = "single-cryptomsgparser";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn checksums(want: &Value) -> u64 {
    symbols(want).map(|(_, symbol)| symbol["book"]["checksum_ok"].as_u64().unwrap_or_default()).sum()
}

/// Plays a recording under the preset of its folder. The top is that of the book: v1's ticker rounds it and has no sizes. The last
/// trade is that of `trade`, whose price the ticker repeats with other zeros and without a size.
fn check(name: &str, checkpoints: usize, unmoved: u64, candles: u64, updates: u64, names: &[(&str, &str)]) {
    let session = feed_bitget::session(&Overrides::default());
    // The session keeps what the recorded catalogue leaves open.
    instruments(&*session, &fixtures().rest("20220406"));
    let points = fixtures().expected(name)["checkpoints"].as_array().cloned().unwrap_or_default();
    let mut passed = 0;
    let (played, want) = play(&*session, &fixtures(), name, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in symbols(point).filter(|(_, quote)| !quote["last"].is_null()) {
                played.check_fields(native, quote, &[Field::Last], &format!("after line {line}"));
                passed += 1;
            }
        }
    });
    assert_eq!(passed, checkpoints);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["trade"], "at the end");
        played.check_side(native, &symbol["trade"]);
        let figures =
            [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h, Field::QuoteVolume24h];
        played.check_fields(native, &symbol["ticker"], &figures, "at the end");
    }
    // Counted by a separate script: candles, and changes that leave the best price and size as they were.
    played.check_ignored(&[(Ignored::NotAQuote, candles), (Ignored::TopUnmoved, unmoved)]);
    assert_eq!(played.tap.stats().updates, updates);
    for (native, symbol) in names {
        let listed = played.tap.instruments().get(played.id(native)).map(|listed| listed.symbol.to_string());
        assert_eq!(listed.as_deref(), Some(*symbol));
    }
    // The same frames again, for the count of checksums.
    let mut decoder = Bitget::new();
    let mut batch = Batch::new(Instruments::new("BITGET", 50));
    for frame in fixtures().frames(name) {
        batch.clear();
        if let Some(frame) = frame.frame() {
            assert!(decoder.decode(frame, Micros(1), &mut batch).is_ok());
        }
    }
    assert_eq!(decoder.checksums_matched(), checksums(&want));
}

#[test]
fn the_recording_of_spot_matches_every_checksum_and_ends_with_the_right_quotes() {
    let names = [("AVAXUSDT", "BITGET:AVAX-USDT"), ("CULTUSDT", "BITGET:CULT-USDT")];
    check("20220406-spot", 24, 238, 43, 371, &names);
    assert_eq!(checksums(&fixtures().expected("20220406-spot")), 443);
}

/// `UNIUSDT` is also a spot pair, and the messages say that the contract is meant.
#[test]
fn the_recording_of_contracts_matches_every_checksum_and_ends_with_the_right_quotes() {
    let names = [("UNIUSDT", "BITGET:UNI-USDT-PERP"), ("DASHUSDT", "BITGET:DASH-USDT-PERP")];
    check("20220406-swap", 6, 17, 27, 421, &names);
    assert_eq!(checksums(&fixtures().expected("20220406-swap")), 194);
}

#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Bitget::new()), Instruments::new("BITGET", 50)) };
    for name in ["20220406-spot", "20220406-swap"] {
        check_decoder(&make, &fixtures().frames(name), FieldSet::EMPTY);
    }
    let frames: Vec<_> = fixtures().singles(SINGLES).into_iter().map(|(text, _)| text.into()).collect();
    check_decoder(&make, &frames, FieldSet::EMPTY);
}

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    let mut seen = 0;
    for (text, want) in fixtures().singles(SINGLES) {
        let mut batch = Batch::new(Instruments::new("BITGET", 9));
        let kind = Bitget::new().decode(Frame::Text(&text), Micros(1), &mut batch);
        let named = want["type"].as_str().unwrap();
        if named == "event:None" {
            assert!(kind.is_err(), "of an older version, or of the HTTP interface: {text}");
            continue;
        }
        assert_eq!(kind, Ok(named), "{text}");
        for event in want["events"].as_array().unwrap().iter().filter(|event| event["kind"] != "book") {
            // Of several trades the reader notes the last.
            let (_, update) = batch.updates.last().unwrap();
            for field in Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some()) {
                assert_eq!(update.values().number(field), decimal(&event[field.name()]), "{text}");
            }
            if let Some(side) = event.get("side") {
                assert_eq!(update.values().side().map(Side::name), side.as_str());
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}
