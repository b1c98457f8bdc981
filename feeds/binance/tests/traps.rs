//! Traps of the venue that only its recordings show.

use std::time::Duration;

use feed::Overrides;
use feed_binance::Market;
use market::{Field, Source, Status};
use testkit::proof::{Fixtures, each};
use testkit::script::Recorded;

/// The beginning of the recording of 2024-08-08, enough for either trap.
fn beginning() -> Vec<Recorded> {
    let mut frames = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("binance/20240808-btcusdt");
    frames.truncate(5_000);
    frames
}

/// In the recording of 2024-08-08 the recorder's clock is 1.27 s behind: every trade is received before it happened. It is
/// told with both times as they are, and its age is nothing and never negative.
#[test]
fn receive_time_before_exchange_time() {
    let mut trades = 0;
    each(&*feed_binance::session(Market::Spot, &Overrides::default()), &beginning(), |ts_recv, _, batch| {
        for (_, update) in batch.updates.iter().filter(|(_, update)| update.told().contains(Field::LastSize))
        {
            let ts_event = update.ts_event.expect("trades have a time");
            assert!(ts_event > ts_recv && ts_event.since(ts_recv) > Duration::from_secs(1));
            assert_eq!((update.ts_recv, ts_recv.since(ts_event)), (ts_recv, Duration::ZERO));
            assert_eq!(update.source, Source::Direct);
            trades += 1;
        }
    });
    assert!(trades > 100, "{trades}");
}

/// In the recording of 2024-08-08 two in three numbers `u` of the best level are not the one after the last: it counts
/// changes of the whole book, and a jump is no loss.
#[test]
fn a_sequence_that_is_not_consecutive_by_design() {
    let (mut last, mut jumps) = (None, 0);
    each(&*feed_binance::session(Market::Spot, &Overrides::default()), &beginning(), |_, _, batch| {
        for (_, update) in batch.updates.iter().filter(|(_, update)| update.told().contains(Field::Bid)) {
            if let (Some(before), Some(now)) = (last, update.venue_seq) {
                assert!(now > before);
                jumps += u32::from(now > before + 1);
            }
            last = update.venue_seq;
            assert!(update.status.is_none_or(|(status, _)| status == Status::Live));
        }
    });
    assert!(jumps > 100, "{jumps}");
}
