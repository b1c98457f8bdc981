//! Without any one message of the recordings: the next checksum of a book shows it.

use std::collections::BTreeMap;

use feed::{Decoder, Instruments, Overrides};
use feed_bitget::session;
use testkit::loss::{Losses, Step, check_every_loss, steps};
use testkit::proof::{Fixtures, instruments};

fn check(name: &str) -> Losses {
    let session = session(&Overrides::default());
    let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
    let known = instruments(session.as_ref(), &fixtures.rest("20220406"));
    let make = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), known.clone()) };
    let recorded: Vec<Step> = steps(&fixtures, name, "20220406").into_iter().take(300).collect();
    check_every_loss(&make, &recorded, 120, &["trade:update"])
}

#[test]
fn a_book_is_suspect_after_a_loss_until_it_is_right_again() {
    let spot = check("20220406-spot");
    let swap = check("20220406-swap");
    let trades = |lost| BTreeMap::from([("trade:update", lost)]);
    let want =
        Losses { tried: 99, noticed: 41, harmless: 54, last: 1, unnumbered: trades(3), ..Losses::default() };
    assert_eq!(spot, want);
    let want =
        Losses { tried: 99, noticed: 43, harmless: 53, last: 2, unnumbered: trades(1), ..Losses::default() };
    assert_eq!(swap, want);
}
