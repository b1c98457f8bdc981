//! Traps of the venue that only its recordings show.

use std::collections::HashMap;

use feed::Overrides;
use market::{Field, Source, Status};
use testkit::proof::{Fixtures, each};

/// In the recording of 2021-04-17 no ticker has the number after that of the ticker before it: the numbers count every
/// message of the product's full channel. Nor does a ticker, which is sent with a trade, tell the top beside a book.
#[test]
fn a_sequence_that_is_not_consecutive_by_design() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210417-first-half");
    let (mut last, mut jumps, mut steps) = (HashMap::new(), 0, 0);
    each(&*feed_coinbase::session(&Overrides::default()), &frames, |_, kind, batch| {
        for (id, update) in &batch.updates {
            assert!(update.status.is_none_or(|(status, _)| status == Status::Live));
            if kind != "ticker" || update.source != Source::Ticker {
                continue;
            }
            assert!(!update.told().contains(Field::Bid), "there is a book");
            let Some(now) = update.venue_seq else { continue };
            if let Some(before) = last.insert(*id, now) {
                steps += 1;
                jumps += u32::from(now > before + 1);
            }
        }
    });
    assert!(steps > 10 && jumps == steps, "{jumps} of {steps}");
}
