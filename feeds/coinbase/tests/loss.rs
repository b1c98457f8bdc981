//! Without any one message of a recording: an `l2update` has no number, so a lost one is noticed only when it leaves a crossed
//! book behind. Until then a wrong book may be shown as live, which is why some are counted as unnumbered below.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments};
use feed_coinbase::CoinbaseDecoder;
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::proof::Fixtures;
use testkit::script::Recorded;

const UNNUMBERED: [&str; 3] = ["l2update", "match", "ticker"];

fn check(session: &[Step], most: usize) -> Losses {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(CoinbaseDecoder::new()), Instruments::new("COINBASE", 100))
    };
    check_every_loss(&make, session, most, &UNNUMBERED)
}

/// Most lost changes are made good within seconds, because a level is told anew whenever it changes.
#[test]
fn a_lost_message_of_the_recording_is_made_good_by_others_or_stays_unseen() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210417-first-half");
    let session: Vec<Step> = frames.into_iter().take(2_500).map(Step::from).collect();
    let unnumbered = BTreeMap::from([("l2update", 8)]);
    let want = Losses { tried: 120, harmless: 111, last: 1, unnumbered, ..Losses::default() };
    assert_eq!(check(&session, 120), want);
}

/// The ask of 101 goes away and a bid of 102 comes: without the first the book is crossed, which the venue's never is.
#[test]
fn a_lost_change_that_leaves_a_crossed_book_is_noticed() {
    let change = |side: &str, price: u32, size: u32| {
        let text = r#"{"type":"l2update","product_id":"BTC-USD","changes":[["SIDE","PRICE","SIZE"]],"time":"2021-04-17T16:43:36.1Z"}"#;
        let text = text.replace("SIDE", side).replace("PRICE", &price.to_string());
        text.replace("SIZE", &size.to_string())
    };
    let snapshot = r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["100","1"],["99","1"]],"asks":[["101","1"],["103","1"]]}"#;
    let texts = [snapshot.to_owned(), change("sell", 101, 0), change("buy", 102, 1), change("buy", 99, 2)];
    let session: Vec<Step> = texts.iter().map(|text| Step::from(Recorded::text(text))).collect();
    // Without the snapshot nothing is shown, 102 is missing in the end, and the change at 99 moves no top.
    let unnumbered = BTreeMap::from([("l2update", 1)]);
    let want = Losses { tried: 4, noticed: 1, harmless: 1, unshown: 1, unnumbered, ..Losses::default() };
    assert_eq!(check(&session, 4), want);
}
