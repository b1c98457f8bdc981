//! Without any one message of the recording: of changes of books the venue gives no means to notice it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_bitstamp::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

#[test]
fn what_the_venue_does_not_number_is_counted() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210417"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> = steps(&fixtures, "20210417", "20210417").into_iter().take(300).collect();
    let losses = check_every_loss(&make, &recorded, 100, &["data:diff_order_book", "trade:live_trades"]);
    let unnumbered = BTreeMap::from([("data:diff_order_book", 11)]);
    let want = Losses { tried: 97, harmless: 86, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
