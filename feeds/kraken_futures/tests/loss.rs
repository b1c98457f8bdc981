//! Without any one message of the recording: the next `seq` of a book shows it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments};
use feed_kraken_futures::KrakenFuturesDecoder;
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::proof::Fixtures;

#[test]
fn a_symbol_is_suspect_after_a_loss_until_it_is_right_again() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210722");
    let session: Vec<Step> = frames.into_iter().take(300).map(Step::from).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(KrakenFuturesDecoder::new()), Instruments::new("KRAKEN_FUTURES", 100))
    };
    let losses = check_every_loss(&make, &session, 150, &["ticker", "ticker_lite", "trade"]);
    let unnumbered = BTreeMap::from([("ticker_lite", 3)]);
    let want = Losses { tried: 150, noticed: 113, harmless: 26, last: 8, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
