//! The decoder over a whole recording: counts by kind, and the quotes that an independent reader of it ends with.

use feed::{Decoder, Instruments, Overrides};
use feed_upbit::UpbitV1;
use market::FieldSet;
use testkit::contract::check_decoder;
use testkit::loss::{Step, check_every_loss};
use testkit::proof::{Fixtures, play, symbols};

const NAME: &str = "20210417";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_recording_of_2021_ends_with_the_right_quotes() {
    let session = feed_upbit::session(&Overrides::default());
    let points = fixtures().expected(NAME)["checkpoints"].as_array().unwrap().clone();
    let mut passed = 0;
    let (played, want) = play(session.as_ref(), &fixtures(), NAME, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, &format!("at {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    played.check_ignored(&[]);
    assert_eq!(played.tap.stats().updates, 449, "one of each message");
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_quote(native, &symbol["merged"], "at the end");
        if symbol.get("trade").is_some() {
            played.check_side(native, &symbol["trade"]);
        }
    }
    assert_eq!(symbols(&want).count(), 5);
    let known = played.tap.instruments();
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(
        (symbol("KRW-WAVES"), symbol("BTC-FCT2")),
        ("UPBIT:WAVES-KRW".into(), "UPBIT:FCT2-BTC".into())
    );
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(UpbitV1::new()), Instruments::new("UPBIT", 500)) };
    let run = check_decoder(&make, &fixtures().frames(NAME), FieldSet::EMPTY);
    assert_eq!((run.updates.len(), run.kinds.len()), (449, 2));
}

/// The frames are binary, so the contract cannot look for their digits; as texts it can.
#[test]
fn digits_stay_as_the_venue_wrote_them() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(UpbitV1::new()), Instruments::new("UPBIT", 500)) };
    let frames = fixtures().frames(NAME);
    let texts: Vec<_> = frames
        .iter()
        .map(|frame| match &frame.payload {
            testkit::script::Payload::Binary(bytes) => String::from_utf8(bytes.clone()).unwrap().into(),
            _ => frame.clone(),
        })
        .collect();
    assert_eq!(check_decoder(&make, &texts, FieldSet::EMPTY).updates.len(), 449);
}

/// Every message tells its whole, so the loss of one makes no difference in the end unless it was the last of its kind.
#[test]
fn a_lost_message_is_made_good_by_the_next() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(UpbitV1::new()), Instruments::new("UPBIT", 500)) };
    let steps: Vec<Step> = fixtures().frames(NAME).into_iter().map(Step::from).collect();
    let losses = check_every_loss(&make, &steps, 449, &[]);
    assert_eq!((losses.tried, losses.noticed, losses.unshown), (449, 0, 0));
    assert!(losses.last <= 5 + 3, "{losses:?}");
}
