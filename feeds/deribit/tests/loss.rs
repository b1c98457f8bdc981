//! Without any one message of the recording: the next `prev_change_id` of a book shows it.

use feed::{Decoder, Instruments};
use feed_deribit::DeribitDecoder;
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::proof::Fixtures;
use testkit::script::Payload;

#[test]
fn a_symbol_is_suspect_after_a_loss_until_it_is_right_again() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210722");
    // With a ticker beside it the book is not what is shown.
    let is_ticker = |text: &str| text.contains(r#""channel":"ticker."#);
    let session: Vec<Step> = frames
        .into_iter()
        .filter(|frame| !matches!(&frame.payload, Payload::Text(text) if is_ticker(text)))
        .map(Step::from)
        .collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(DeribitDecoder::new()), Instruments::new("DERIBIT", 100))
    };
    let losses = check_every_loss(&make, &session, 200, &["trades"]);
    // Ten are the only or the first message of a book, without which the symbol is not shown.
    let want = Losses { tried: 47, noticed: 31, harmless: 3, unshown: 10, last: 3, ..Losses::default() };
    assert_eq!(losses, want);
}

/// With tickers the books are not looked at, and a lost ticker is made good by the next one, which is whole.
#[test]
fn a_lost_ticker_is_made_good_by_the_next_one() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210722");
    let session: Vec<Step> = frames.into_iter().map(Step::from).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(DeribitDecoder::new()), Instruments::new("DERIBIT", 100))
    };
    let losses = check_every_loss(&make, &session, 200, &[]);
    assert_eq!((losses.tried, losses.noticed), (136, 0), "{losses:?}");
}
