//! Without any one message of the recording: the next `sequenceStart` of a book shows it.

use feed::{Decoder, Instruments, Overrides};
use feed_kucoin::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};
use testkit::script::Payload;

/// With a ticker beside it the book is not what is shown.
fn is_ticker(step: &Step) -> bool {
    let Step::Frame(frame) = step else { return false };
    matches!(&frame.payload, Payload::Text(text) if text.contains(r#""topic":"/market/ticker"#))
}

#[test]
fn a_loss_behind_no_ticker_ends_the_connection() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210425"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> = steps(&fixtures, "20210425", "20210425")
        .into_iter()
        .filter(|step| !is_ticker(step))
        .take(500)
        .collect();
    let losses = check_every_loss(&make, &recorded, 120, &["/market/match:trade.l3match"]);
    let want = Losses { tried: 98, noticed: 86, harmless: 12, ..Losses::default() };
    assert_eq!(losses, want);
}
