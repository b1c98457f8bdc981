//! The decoder over the whole recording: counts by kind, and the final quotes that an independent reader of the same
//! recording ends with (`fixtures/expected`).

use feed::{Batch, Decoder, Ignored, Instruments, Overrides};
use feed_bitstamp::{BitstampV2, session};
use market::{Field, FieldSet, Micros};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::naive::Played;
use testkit::proof::{Fixtures, instruments, play, symbols};

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of the book rebuilt on the HTTP answer, the last trade that of `live_trades`: the recording has nothing
/// else, and its `merged` is the same.
fn check_end(played: &Played, want: &Value) {
    for (native, symbol) in symbols(want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        if symbol["trade"].is_object() {
            played.check_side(native, &symbol["trade"]);
        }
    }
    assert_eq!(symbols(want).count(), 9, "ten are subscribed, one of them never changes");
}

/// Of 641 changes 114 are older than the HTTP answers, which were fetched after subscribing, and 352 leave the top as it
/// was; 175 move it (all three counted by a separate script).
#[test]
fn the_recording_ends_with_the_right_quotes() {
    let session = session(&Overrides::default());
    let mut passed = 0;
    let (played, want) = play(session.as_ref(), &fixtures(), "20210417", |line, played| {
        let want = fixtures().expected("20210417");
        for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, &format!("after line {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    check_end(&played, &want);
    played.check_ignored(&[(Ignored::BeforeSnapshot, 114), (Ignored::TopUnmoved, 352)]);
}

#[test]
fn the_recorded_catalogue_gives_every_market_its_name() {
    let session = session(&Overrides::default());
    let known = instruments(session.as_ref(), &fixtures().rest("20210417"));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(known.len(), 57);
    assert_eq!(symbol("btcusd"), "BITSTAMP:BTC-USD");
    assert_eq!(symbol("gusdusd"), "BITSTAMP:GUSD-USD");
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let session = session(&Overrides::default());
    let rest = fixtures().rest("20210417");
    let make = || -> (Box<dyn Decoder>, Instruments) {
        let instruments = instruments(session.as_ref(), &[]);
        (session.decoder(), instruments)
    };
    check_decoder(&make, &fixtures().frames("20210417"), FieldSet::EMPTY);
    let singles: Vec<_> =
        fixtures().singles("single-cryptomsgparser").into_iter().map(|(text, _)| text.into()).collect();
    check_decoder(&make, &singles, FieldSet::EMPTY);
    // With the answers there are books to rebuild; their digits stand in the answers, so that they are not looked for.
    let all: FieldSet = Field::NUMBER_FIELDS.into_iter().collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        let mut batch = Batch::new(instruments(session.as_ref(), &rest));
        let mut decoder = session.decoder();
        for answer in &rest {
            // Their times are not of the future.
            decoder.rest(&answer.url, &answer.body, Micros(i64::MAX), &mut batch);
        }
        (decoder, batch.instruments)
    };
    check_decoder(&make, &fixtures().frames("20210417"), all);
}

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    let mut seen = 0;
    for (text, want) in fixtures().singles("single-cryptomsgparser") {
        let mut batch = Batch::new(Instruments::new("BITSTAMP", 10));
        let kind = BitstampV2::new().decode(feed::Frame::Text(&text), Micros(1), &mut batch);
        let Ok(kind) = kind else {
            assert!(text.starts_with(r#"{"timestamp""#), "an answer of the HTTP interface: {text}");
            continue;
        };
        assert_eq!(kind, want["type"].as_str().unwrap());
        for event in want["events"].as_array().unwrap() {
            let told = batch.updates.first().map(|(_, update)| update);
            match (event["kind"].as_str().unwrap(), event["type"].as_str()) {
                ("trade", _) => {
                    let values = told.unwrap().values();
                    assert_eq!(values.number(Field::Last), testkit::proof::decimal(&event["last"]));
                    assert_eq!(values.number(Field::LastSize), testkit::proof::decimal(&event["last_size"]));
                    assert_eq!(values.side().map(market::Side::name), event["side"].as_str());
                }
                ("book", Some("snapshot")) => assert!(told.unwrap().snapshot),
                ("book", Some("delta")) => assert_eq!(batch.ignored, [Ignored::BeforeSnapshot]),
                other => panic!("{other:?}"),
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}
