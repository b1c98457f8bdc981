//! Without any one message of the recording: the next `U` of a book shows it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_gateio::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

#[test]
fn a_symbol_is_suspect_after_a_loss_until_it_is_right_again() {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20210422"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> =
        steps(&fixtures, "20210422-first-half", "20210422").into_iter().take(200).collect();
    let losses = check_every_loss(&make, &recorded, 200, &["spot.tickers:update", "spot.trades:update"]);
    let unnumbered = BTreeMap::from([("spot.tickers:update", 2), ("spot.trades:update", 2)]);
    let want = Losses { tried: 115, noticed: 51, harmless: 57, last: 3, unnumbered, ..Losses::default() };
    assert_eq!(losses, want);
}
