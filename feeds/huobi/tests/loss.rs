//! Without any one message of the recording: what a session subscribes is whole in each message.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_huobi::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

#[test]
fn a_lost_message_is_made_good_by_the_next() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210417"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> =
        steps(&fixtures, "20210417-first-half", "20210417").into_iter().take(300).collect();
    let losses = check_every_loss(&make, &recorded, 200, &["trade.detail"]);
    let unnumbered = BTreeMap::from([("trade.detail", 1)]);
    let want = Losses { tried: 101, harmless: 98, last: 2, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
