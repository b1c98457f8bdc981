//! Without any one message of the recording: of v2 the venue gives no means to notice it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_gemini::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

#[test]
fn what_the_venue_does_not_number_is_counted() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210623"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> = steps(&fixtures, "20210623", "20210623").into_iter().take(300).collect();
    let losses = check_every_loss(&make, &recorded, 100, &["l2_updates", "trade"]);
    let unnumbered = BTreeMap::from([("l2_updates", 14)]);
    let want = Losses { tried: 76, harmless: 58, unshown: 4, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
