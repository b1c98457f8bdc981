//! The decoder over whole recordings: counts by kind, and the final quotes that an independent reader of the same
//! recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use feed::{Decoder, FrameTap, Ignored, Instruments};
use feed_deribit::{Deribit, DeribitDecoder};
use market::{Field, FieldSet};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::naive::{NaiveSink, Played};
use testkit::proof::{Fixtures, instruments, play, symbols};
use testkit::script::{Payload, Recorded};

const DAY: &str = "20210722";
const SINGLES: [(&str, usize); 3] =
    [("single-cryptomsgparser", 16), ("single-gocryptotrader", 2), ("single-nautilus", 5)];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh decoder over instruments that take every name.
fn fresh() -> Played {
    let instruments = Instruments::new("DERIBIT", 100);
    Played { tap: FrameTap::new(Box::new(DeribitDecoder::new()), instruments), sink: NaiveSink::default() }
}

fn text(recorded: &Recorded) -> &str {
    match &recorded.payload {
        Payload::Text(text) => text,
        Payload::Binary(_) | Payload::Ping(_) => "",
    }
}

/// The trap of `null` and zero: 28 `stats` of nulls, 63 bids and 63 asks of 0.0 stand in this recording.
#[test]
fn the_recording_ends_with_the_right_quotes_with_null_and_zero_as_nothing() {
    let mut passed = 0;
    let points = fixtures().expected(DAY)["checkpoints"].as_array().unwrap().clone();
    let (played, want) = play(&Deribit::default(), &fixtures(), DAY, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_top(native, quote, "on the way");
                played.check_last(native, quote, "on the way");
            }
            passed += 1;
        }
    });
    assert_eq!(passed, points.len());
    played.check_kinds(&want);
    // The ticker tells the top of every symbol before its book comes, so no book is looked at.
    played.check_ignored(&[(Ignored::NotAQuote, 46)]);
    assert_eq!(played.tap.stats().refused_subscriptions, 0);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["merged"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        let figures = [Field::High24h, Field::Low24h, Field::Volume24h, Field::Mark, Field::Index];
        played.check_fields(native, &symbol["ticker"], &figures, "at the end");
        // One update for the figures and one for the last trade, which no message of its own told.
        let tickers = symbol["ticker"]["n"].as_u64().unwrap();
        assert_eq!(played.tap.stats().applied_to(played.id(native)), 2 * tickers, "{native}");
    }
    assert_eq!(symbols(&want).count(), 10);
    let instrument = played.tap.instruments().get(played.id("BTC-24SEP21-8000-P")).unwrap();
    assert_eq!(instrument.symbol.as_str(), "DERIBIT:BTC-USD-20210924-8000-P");
}

/// The same recording as somebody without tickers would have it.
#[test]
fn books_alone_end_with_the_tops_of_the_rebuilt_books() {
    let want = fixtures().expected(DAY);
    let mut played = fresh();
    let frames = fixtures().frames(DAY);
    for recorded in frames.iter().filter(|recorded| !text(recorded).contains(r#""channel":"ticker."#)) {
        let frame = recorded.frame().unwrap();
        played.tap.frame(frame, recorded.ts_recv.unwrap(), &mut played.sink).unwrap();
    }
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
    }
    let stats = played.tap.stats();
    assert_eq!(stats.by_kind()["book"], 46);
    let unmoved = stats.ignored_for(Ignored::TopUnmoved);
    assert_eq!((stats.updates + unmoved, stats.ignored().len()), (46, 1), "told, or the top did not move");
}

#[test]
fn the_recorded_catalogue_names_every_instrument() {
    let known = instruments(&Deribit::default(), &fixtures().rest(DAY));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(known.len(), 398 + 426);
    assert_eq!(symbol("BTC-PERPETUAL"), "DERIBIT:BTC-USD-PERP");
    assert_eq!(symbol("ETH-23JUL21"), "DERIBIT:ETH-USD-20210723");
    assert_eq!(symbol("BTC-25MAR22"), "DERIBIT:BTC-USD-20220325");
    assert_eq!(symbol("ETH-23JUL21-2300-C"), "DERIBIT:ETH-USD-20210723-2300-C");
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(DeribitDecoder::new()), Instruments::new("DERIBIT", 100))
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
