//! Without any one message of a recording: the checksum of the next one shows it, in both protocols.

use feed::{Decoder, Frame, FrameTap, Instruments};
use feed_kraken::{DEPTH, V1, V2};
use market::{Micros, Reason, Status};
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::proof::Fixtures;
use testkit::script::{Payload, Recorded};
use testkit::sink::CollectingSink;

fn frames(name: &str, most: usize) -> Vec<Recorded> {
    Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames(name).into_iter().take(most).collect()
}

fn instruments() -> Instruments {
    Instruments::new("KRAKEN", 100)
}

#[test]
fn v2_is_suspect_after_a_loss_until_it_is_right_again() {
    let session: Vec<Step> =
        frames("kraken_v2/book10-btcusd-first-half", 255).into_iter().map(Step::from).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(V2::new(DEPTH)), instruments()) };
    let losses = check_every_loss(&make, &session, 255, &[]);
    // One is the snapshot itself, one the last; what did no harm was set anew by the very next message.
    let want = Losses { tried: 255, noticed: 187, harmless: 66, unshown: 1, last: 1, ..Losses::default() };
    assert_eq!(losses, want);
}

#[test]
fn v1_is_suspect_after_a_loss_until_it_is_right_again() {
    let session: Vec<Step> = frames("kraken/20210417-book", 300).into_iter().map(Step::from).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(V1::new()), instruments()) };
    let losses = check_every_loss(&make, &session, 100, &[]);
    // Four are snapshots.
    let want = Losses { tried: 100, noticed: 65, harmless: 31, unshown: 4, ..Losses::default() };
    assert_eq!(losses, want);
}

/// The ticker says nothing of a book that is being resynchronised: not even its snapshot makes the symbol live.
#[test]
fn a_tickers_snapshot_does_not_make_a_lost_book_good() {
    const BTC: &str = "KRAKEN:BTC/USD";
    let text = |recorded: &Recorded| match &recorded.payload {
        Payload::Text(text) => text.clone(),
        Payload::Binary(_) | Payload::Ping(_) => String::new(),
    };
    let book: Vec<String> = frames("kraken_v2/book10-btcusd-first-half", 60).iter().map(text).collect();
    let mut tap = FrameTap::new(Box::new(V2::new(DEPTH)), instruments());
    let mut sink = CollectingSink::new();
    let seen = sink.clone();
    let mut play = |text: &str| tap.frame(Frame::Text(text), Micros(1), &mut sink).is_ok();
    let lost = book.iter().position(|text| text.contains("\"update\"")).map_or(0, |first| first + 5);
    for (_, text) in book.iter().enumerate().filter(|(at, _)| !(lost..lost + 4).contains(at)) {
        assert!(play(text));
    }
    assert_eq!(seen.look(|seen| seen.status(BTC)), (Status::Suspect, Reason::Checksum));
    assert!(play(
        r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":1.0,"bid_qty":1.0,"ask":2.0,"ask_qty":1.0,"last":1.5,"volume":9.0,"vwap":1.5,"low":1.0,"high":2.0,"change":0.0,"change_pct":0.0}]}"#
    ));
    assert_eq!(seen.look(|seen| seen.status(BTC)), (Status::Suspect, Reason::Checksum));
    let snapshot = book.iter().find(|text| text.contains("\"snapshot\"")).cloned().unwrap_or_default();
    assert!(play(&snapshot));
    assert_eq!(seen.look(|seen| seen.status(BTC)), (Status::Live, Reason::Confirmed));
}
