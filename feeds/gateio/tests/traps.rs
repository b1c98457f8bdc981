//! Traps of the venue that only its recordings show.

use feed::Overrides;
use testkit::proof::{Fixtures, each};

/// In the recording of 2021-04-22 ten acknowledgements of books are equal to the letter: they do not say which symbol they
/// are for, so that nothing may be made of them.
#[test]
fn identical_acknowledgements() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210422-first-half");
    let mut seen = 0;
    each(&*feed_gateio::session(&Overrides::default()), &frames, |_, kind, batch| {
        if kind == "spot.order_book_update:subscribe" {
            seen += 1;
            assert!(batch.refused.is_empty() && batch.replies.is_empty() && batch.updates.is_empty());
            assert!(batch.heard.is_empty() && batch.ignored.is_empty());
        }
    });
    assert_eq!(seen, 10);
}
