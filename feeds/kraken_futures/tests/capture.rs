//! The decoder over whole recordings: counts by kind, and the final quotes that an independent reader of the same
//! recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use feed::{Decoder, FrameTap, Ignored, Instruments};
use feed_kraken_futures::{KrakenFutures, KrakenFuturesDecoder};
use market::{Field, FieldSet};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::naive::{NaiveSink, Played};
use testkit::proof::{Fixtures, play, symbols};
use testkit::script::{Payload, Recorded};

const DAY: &str = "20210722";
const SINGLES: [(&str, usize); 1] = [("single-nautilus", 6)];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh decoder over instruments that take every name.
fn fresh() -> Played {
    let instruments = Instruments::new("KRAKEN_FUTURES", 100);
    Played {
        tap: FrameTap::new(Box::new(KrakenFuturesDecoder::new()), instruments),
        sink: NaiveSink::default(),
    }
}

fn text(recorded: &Recorded) -> &str {
    match &recorded.payload {
        Payload::Text(text) => text,
        Payload::Binary(_) | Payload::Ping(_) => "",
    }
}

/// The book tells the top: `ticker_lite` comes once a second at most, and at the end of the recording some of it is older.
#[test]
fn the_recording_ends_with_the_right_quotes() {
    let mut passed = 0;
    let points = fixtures().expected(DAY)["checkpoints"].as_array().unwrap().clone();
    let (played, want) = play(&KrakenFutures::default(), &fixtures(), DAY, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, "on the way");
            }
            passed += 1;
        }
    });
    assert_eq!(passed, points.len());
    played.check_kinds(&want);
    // Of 7,014 changes 6,663 leave the top as it was, counted by a separate script.
    played.check_ignored(&[(Ignored::TopUnmoved, 6_663)]);
    let mut differing = 0;
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        played.check_side(native, &symbol["trade"]);
        played.check_fields(native, &symbol["ticker"], &[Field::Volume24h], "at the end");
        differing += usize::from(symbol["book"]["ask"] != symbol["ticker"]["ask"]);
        assert_eq!(symbol["trade"]["n_history"], 100, "history is one update, whatever its length");
    }
    assert_eq!((symbols(&want).count(), differing > 0), (10, true));
    // 361 tops (ten of them snapshots), 107 tickers, 10 times history and 3 trades.
    assert_eq!(played.tap.stats().updates, 361 + 107 + 10 + 3);
    let instrument = played.tap.instruments().get(played.id("FI_XBTUSD_210924")).unwrap();
    assert_eq!(
        instrument.symbol.as_str(),
        "KRAKEN_FUTURES:FI_XBTUSD_210924",
        "no fields to name it by, not cut"
    );
}

/// The same recording as somebody without books would have it.
#[test]
fn lite_tickers_alone_end_with_their_own_tops() {
    let want = fixtures().expected(DAY);
    let mut played = fresh();
    let frames = fixtures().frames(DAY);
    for recorded in frames.iter().filter(|recorded| !text(recorded).starts_with(r#"{"feed":"book"#)) {
        let frame = recorded.frame().unwrap();
        played.tap.frame(frame, recorded.ts_recv.unwrap(), &mut played.sink).unwrap();
    }
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["merged"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
    }
    assert!(played.tap.stats().ignored().is_empty());
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(KrakenFuturesDecoder::new()), Instruments::new("KRAKEN_FUTURES", 100))
    };
    check_decoder(&make, &fixtures().frames(DAY), FieldSet::EMPTY);
    for (name, _) in SINGLES {
        let frames: Vec<Recorded> =
            fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect();
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
}

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, events) in SINGLES {
        let seen: usize = fixtures().singles(name).iter().map(|(text, want)| check_single(text, want)).sum();
        assert_eq!(seen, events, "{name}");
    }
}

fn check_single(text: &str, want: &Value) -> usize {
    let mut played = fresh();
    let kind = played.tap.frame(feed::Frame::Text(text), market::Micros(1), &mut played.sink);
    assert_eq!(kind.unwrap(), want["type"].as_str().unwrap(), "{text}");
    let events = want["events"].as_array().unwrap();
    for event in events.iter().filter(|event| event["kind"] != "book") {
        let native = event["symbol"].as_str().unwrap();
        let fields = Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some());
        played.check_fields(native, event, &fields.collect::<Vec<_>>(), text);
        if event["kind"] == "trade" {
            played.check_side(native, event);
        }
    }
    for event in events.iter().filter(|event| event["kind"] == "book" && event["type"] == "snapshot") {
        assert!(played.values(event["symbol"].as_str().unwrap()).bid().is_some(), "{text}");
    }
    events.len()
}
