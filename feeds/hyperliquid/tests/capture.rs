//! The decoder over whole recordings: counts by kind, and the final quotes that an independent reader of the same
//! recordings ends with (`fixtures/expected`).

use feed::{Decoder, Frame, FrameTap, Ignored, Instruments};
use feed_hyperliquid::{Hyperliquid, HyperliquidDecoder};
use market::{FieldSet, Micros};
use testkit::contract::check_decoder;
use testkit::loss::{Step, check_every_loss};
use testkit::naive::{NaiveSink, Played};
use testkit::proof::{Fixtures, play};
use testkit::script::Recorded;

const DAY: &str = "20250126-btc-first-half";
const SINGLE: &str = "single-nautilus";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_recording_ends_with_the_right_quote() {
    let mut passed = 0;
    let points = fixtures().expected(DAY)["checkpoints"].as_array().unwrap().clone();
    let (played, want) = play(&Hyperliquid::default(), &fixtures(), DAY, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            played.check_last("BTC", &point["symbols"]["BTC"], "on the way");
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    // Seven of 23 books repeat the top before, counted by a separate script.
    played.check_ignored(&[(Ignored::TopUnmoved, 7)]);
    let btc = &want["symbols"]["BTC"];
    for top in ["book", "merged"] {
        played.check_top("BTC", &btc[top], "at the end");
    }
    played.check_last("BTC", &btc["trade"], "at the end");
    played.check_side("BTC", &btc["trade"]);
    // 16 tops, 30 trades of before the subscription as one, and two trades. The independent reader counts all 32 as live; 30
    // of them are up to 50 s old when they arrive in the first message of trades.
    assert_eq!(btc["trade"]["n_trades"], 32);
    assert_eq!(played.tap.stats().updates, 16 + 1 + 2);
    assert_eq!(played.tap.stats().ignored_for(Ignored::UnknownSymbol), 0);
}

/// Every book is whole: whichever message is lost, the next one of its kind makes it good. Trades have no numbers.
#[test]
fn each_lost_message_is_made_good() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(HyperliquidDecoder::new()), Instruments::new("HYPERLIQUID", 100))
    };
    let session: Vec<Step> = fixtures().frames(DAY).into_iter().map(Step::from).collect();
    let losses = check_every_loss(&make, &session, 100, &["trades"]);
    assert_eq!((losses.tried, losses.noticed), (26, 0), "{losses:?}");
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(HyperliquidDecoder::new()), Instruments::new("HYPERLIQUID", 100))
    };
    check_decoder(&make, &fixtures().frames(DAY), FieldSet::EMPTY);
    let frames: Vec<Recorded> = fixtures().singles(SINGLE).into_iter().map(|(text, _)| text.into()).collect();
    check_decoder(&make, &frames, FieldSet::EMPTY);
}

/// None of them holds an event of a quote, and one has no channel at all.
#[test]
fn single_messages_tell_what_they_hold() {
    for (text, want) in fixtures().singles(SINGLE) {
        let instruments = Instruments::new("HYPERLIQUID", 100);
        let tap = FrameTap::new(Box::new(HyperliquidDecoder::new()), instruments);
        let mut played = Played { tap, sink: NaiveSink::default() };
        let kind = played.tap.frame(Frame::Text(&text), Micros(1), &mut played.sink);
        assert_eq!(kind.unwrap_or("None"), want["type"].as_str().unwrap(), "{text:.100}");
        assert_eq!((played.tap.stats().updates, want["events"].as_array().unwrap().len()), (0, 0));
    }
}
