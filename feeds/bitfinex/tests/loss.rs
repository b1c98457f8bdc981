//! Without any one message of the recording: the counter of the connection shows it with the next one.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_bitfinex::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

#[test]
fn a_loss_ends_the_connection() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210417"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> = steps(&fixtures, "20210417", "20210417").into_iter().take(300).collect();
    let losses = check_every_loss(&make, &recorded, 100, &["event:subscribed"]);
    // The names of channels are not counted: without one its channel is nobody's, and its symbol is told by the others.
    let unnumbered = BTreeMap::from([("event:subscribed", 3)]);
    let want = Losses { tried: 100, noticed: 92, harmless: 4, last: 1, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
