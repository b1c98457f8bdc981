//! Trades are read in two ways, a short one for their usual form and a parser for every other: they say the same.

use feed::{Batch, Decoder, Frame, Instruments};
use feed_gateio::Gate4;
use market::Micros;
use testkit::proof::Fixtures;
use testkit::script::Payload;

/// Everything that comes of one frame, as text.
fn said(text: &str) -> String {
    let mut batch = Batch::new(Instruments::new("GATE", 4));
    let read = Gate4::new().decode(Frame::Text(text), Micros(9), &mut batch);
    format!("{read:?} {:?} {:?}", batch.updates, batch.ignored)
}

#[test]
fn both_ways_of_reading_trades_agree() {
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let recorded =
        fixtures.frames("20210422-first-half").into_iter().filter_map(|frame| match frame.payload {
            Payload::Text(text) => Some(text),
            _ => None,
        });
    let singles = fixtures.singles("single-cryptomsgparser").into_iter().map(|(text, _)| text);
    let mut compared = 0;
    for text in recorded.chain(singles) {
        compared += usize::from(text.contains(r#""channel":"spot.trades","event":"update""#));
        let odd = [
            ("1", "0"),
            ("\"price\":\"", "\"price\":\"-"),
            ("\"amount\":\"", "\"amount\":\"e"),
            ("\"amount\":\"", "\"amount\":\"\",\"was\":\""),
            ("\"sell\"", "\"none\""),
            ("\"price\":\"", "\"price\":\"\",\"was\":\""),
            ("create_time_ms", "create_time_mss"),
            ("\"create_time\":", "\"size\":5,\"create_time\":"),
            ("\"create_time\":", "\"size\":5,\"size\":6,\"create_time\":"),
            ("\"create_time\":", "\"create_time\":7,\"create_time\":"),
            (".", ""),
        ];
        for text in odd.map(|(from, to)| text.replace(from, to)).into_iter().chain([text.clone()]) {
            // A blank at the end is no JSON error, and not the usual form.
            assert_eq!(said(&text), said(&format!("{text} ")), "{text}");
        }
    }
    assert!(compared >= 3, "{compared} frames of trades in the recordings");
}
