//! Traps of the venue that only its recordings show.

use feed::Overrides;
use market::Status;
use testkit::proof::{Fixtures, each};

/// In the recording of 2021-04-25 most numbers of tickers (647 of 821 steps) are not the one after the last: a ticker is the
/// newest state of each 100 ms, and a jump is no loss.
#[test]
fn a_sequence_that_is_not_consecutive_by_design() {
    let frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210425");
    let mut tickers = 0;
    each(&*feed_kucoin::session(&Overrides::default()), &frames, |_, kind, batch| {
        if kind == "/market/ticker" {
            tickers += 1;
            assert!(batch.updates.iter().all(|(_, u)| u.status.is_none_or(|(s, _)| s == Status::Live)));
            assert!(batch.replies.is_empty(), "nothing is asked for again");
        }
    });
    assert!(tickers > 800, "{tickers}");
}
