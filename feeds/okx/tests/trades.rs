//! Trades are read in two ways, a short one for their usual form and a parser for every other: they say the same.

use std::path::PathBuf;

use feed::{Batch, Decoder, Frame, Instruments};
use feed_okx::Okx5;
use market::Micros;
use testkit::recording::Session;
use testkit::script::Payload;

/// Everything that comes of one frame, as text.
fn said(text: &str) -> String {
    let mut batch = Batch::new(Instruments::new("OKX", 4));
    let read = Okx5::new().decode(Frame::Text(text), Micros(9), &mut batch);
    format!("{read:?} {:?} {:?}", batch.updates, batch.ignored)
}

#[test]
fn both_ways_of_reading_trades_agree() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut compared = 0;
    for name in ["20210722.cap.gz", "20220513.cap.gz"] {
        for frame in Session::read(&folder.join(name)).frames {
            if let Payload::Text(text) = frame.payload
                && text.starts_with(r#"{"arg":{"channel":"trades""#)
            {
                // A blank at the end is no JSON error, and not the usual form.
                assert_eq!(said(&text), said(&format!("{text} ")), "{text}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared} frames of trades in the recordings");
}
