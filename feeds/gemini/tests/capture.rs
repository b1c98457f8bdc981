//! The decoder over the whole recording of v2: counts by kind, and the final quotes that an independent reader of the
//! same recording ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::{Decoder, Ignored, Instruments, Overrides, Session};
use feed_gemini::{session, session_v2};
use market::FieldSet;
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, instruments, play, symbols};

const CAPTURE: &str = "20210623";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of the book, the last trade that of `trade`, or of the history where none came: the recording has
/// nothing else. Either preset plays it.
#[test]
fn the_recording_ends_with_the_right_quotes_under_both_presets() {
    for session in [session(&Overrides::default()), session_v2(&Overrides::default())] {
        ends_right(session.as_ref());
    }
}

fn ends_right(session: &dyn Session) {
    let want = fixtures().expected(CAPTURE);
    let mut passed = 0;
    let (played, _) = play(session, &fixtures(), CAPTURE, |line, played| {
        for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, &format!("after line {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        played.check_side(native, &symbol["trade"]);
    }
    assert_eq!(symbols(&want).count(), 10);
    played.check_ignored(&[(Ignored::TopUnmoved, TOP_UNMOVED)]);
    let stats = played.tap.stats();
    assert_eq!(stats.updates, 655 - TOP_UNMOVED + 10 + 16, "of books, of history, of trades");
}

/// Of 655 books and changes, counted by a separate script.
const TOP_UNMOVED: u64 = 423;

#[test]
fn the_recorded_catalogue_gives_every_symbol_its_name() {
    let session = session(&Overrides::default());
    let known = instruments(session.as_ref(), &fixtures().rest(CAPTURE));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(known.len(), 68, "of 71, without three that are closed");
    assert_eq!(symbol("BTCUSD"), "GEMINI:BTC-USD");
    assert_eq!(symbol("1INCHUSD"), "GEMINI:1INCH-USD");
    assert_eq!(known.find("BTCGUSD"), None, "closed");
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let session = session(&Overrides::default());
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (session.decoder(), instruments(session.as_ref(), &fixtures().rest(CAPTURE)))
    };
    check_decoder(&make, &fixtures().frames(CAPTURE), FieldSet::EMPTY);
    let current = [
        r#"{"u":10,"E":1789456740173524809,"s":"btcusd","b":"77401.500","B":"0.1","a":"77402.000","A":"0.2","c":"77401.5","C":"1"}"#,
        r#"{"E":1789456740173524809,"s":"btcusd","t":2840140956529623,"p":"77401.1","q":"0.5","m":true}"#,
        r#"{"lastUpdateId":12,"symbol":"btcusd","bids":[["77401.5","1"]],"asks":[["77402","3"]]}"#,
        r#"{"e":"depthUpdate","E":1,"s":"btcusd","U":14,"u":14,"b":[["7.487000","140.4"]],"a":[["7.503000","142.6"]]}"#,
        r#"{"e":"depthUpdate","E":1,"s":"btcusd","U":14,"u":19,"b":[["7.487000","0.0"]],"a":[]}"#,
        r#"{"e":"markPrice","E":1789456746446652397,"s":"btcgusdperp","p":"77303.727","i":"7725880.833"}"#,
        r#"{"id":"btcusd","status":400,"error":{"code":-1013,"msg":"Invalid stream name"}}"#,
        r#"{"changes":[{"mark_price":"77233.302","spot_index":"77188.41867","timestamp":1789456071687541147}],"symbol":"BTCUSD","type":"mark_price_updates"}"#,
    ];
    check_decoder(&make, &current.map(Into::into), FieldSet::EMPTY);
}
