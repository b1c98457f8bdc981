//! Single messages: what an independent reader finds in them (`fixtures/expected`) is told, and no broken form of them does
//! harm. There is no recorded session of this venue.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use feed::{Decoder, Frame, FrameTap, Instruments};
use feed_coinbase_advanced::CoinbaseAdvancedDecoder;
use market::{Field, FieldSet, Micros, Side};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::naive::{NaiveSink, Played};
use testkit::proof::Fixtures;
use testkit::script::Recorded;

fn singles() -> Vec<(String, Value)> {
    Fixtures::of(env!("CARGO_MANIFEST_DIR")).singles("single-nautilus")
}

/// A fresh decoder over instruments that take every name.
fn fresh() -> Played {
    let instruments = Instruments::new("COINBASE_ADVANCED", 100);
    Played {
        tap: FrameTap::new(Box::new(CoinbaseAdvancedDecoder::new()), instruments),
        sink: NaiveSink::default(),
    }
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(CoinbaseAdvancedDecoder::new()), Instruments::new("COINBASE_ADVANCED", 100))
    };
    let frames: Vec<Recorded> = singles().into_iter().map(|(text, _)| text.into()).collect();
    check_decoder(&make, &frames, FieldSet::EMPTY);
}

#[test]
fn single_messages_tell_what_they_hold() {
    let seen: usize = singles().iter().map(|(text, want)| check(text, want)).sum();
    assert_eq!(seen, 4);
}

fn check(text: &str, want: &Value) -> usize {
    let mut played = fresh();
    let kind = played.tap.frame(Frame::Text(text), Micros(1), &mut played.sink);
    assert_eq!(kind.unwrap(), want["type"].as_str().unwrap(), "{text}");
    let events = want["events"].as_array().unwrap();
    for event in events {
        let native = event["symbol"].as_str().unwrap();
        match (event["kind"].as_str().unwrap(), event["type"].as_str()) {
            ("book", Some("snapshot")) => assert!(played.values(native).bid().is_some(), "{text}"),
            ("book", _) => assert_eq!(played.tap.stats().updates, 0, "a change without its snapshot"),
            ("trade", _) => check_trades(&played, native, event),
            _ => {
                let fields =
                    Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some());
                played.check_fields(native, event, &fields.collect::<Vec<_>>(), text);
            }
        }
    }
    events.len()
}

/// The independent reader takes the first trade of a message for the newest. In this one the second has the higher number and
/// the later time, so that is the last trade, and the first is told before it.
fn check_trades(played: &Played, native: &str, event: &Value) {
    assert_eq!((event["id"].as_str(), event["n"].as_u64()), (Some("995098700"), Some(2)));
    assert_eq!(played.tap.stats().updates, 2, "both are told");
    let values = played.values(native);
    let number = |field| values.number(field).unwrap().to_string();
    assert_eq!((number(Field::Last), number(Field::LastSize)), ("68900.00".into(), "0.05000000".into()));
    assert_eq!(values.side(), Some(Side::Sell));
}
