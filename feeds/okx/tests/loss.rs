//! Without any one message of a recording: the checksum of the next message of the book shows it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments};
use feed_okx::Okx5;
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::proof::Fixtures;

fn check(name: &str, from: usize, count: usize) -> Losses {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames(name);
    let session: Vec<Step> = frames.into_iter().skip(from).take(count).map(Step::from).collect();
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Okx5::new()), Instruments::new("OKX", 100)) };
    check_every_loss(&make, &session, 200, &["trades", "tickers"])
}

#[test]
fn the_books_of_2022_are_suspect_after_a_loss_until_they_are_right_again() {
    let losses = check("20220513", 0, 413);
    let unnumbered = BTreeMap::from([("tickers", 1)]);
    let want = Losses { tried: 137, noticed: 90, harmless: 44, last: 2, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}

#[test]
fn the_books_of_2021_are_suspect_after_a_loss_until_they_are_right_again() {
    let losses = check("20210722", 0, 300);
    let unnumbered = BTreeMap::from([("tickers", 6), ("trades", 5)]);
    let want = Losses { tried: 150, noticed: 88, harmless: 49, last: 2, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
