//! Traps of the venue that only its recordings show.

use feed::Overrides;
use market::{Field, Status};
use testkit::proof::{Fixtures, each};

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// In the recording of 2021-07-22 the first trade of an option is twenty hours old: the option is as live as the others,
/// because nothing newer has happened.
#[test]
fn old_exchange_times_on_fresh_messages() {
    let mut oldest = 0;
    each(&*feed_okx::session(&Overrides::default()), &fixtures().frames("20210722"), |ts_recv, _, batch| {
        for (_, update) in &batch.updates {
            assert!(
                update.status.is_none_or(|(status, _)| status == Status::Live),
                "an old time is no doubt"
            );
            let hours = update.ts_event.map_or(0, |at| ts_recv.since(at).as_secs() / 3600);
            if hours > oldest {
                assert!(update.told().contains(Field::Last));
                oldest = hours;
            }
        }
    });
    assert_eq!(oldest, 20);
}

/// In the recording of 2022-05-13 tickers are subscribed three times, and acknowledged three times.
#[test]
fn the_same_acknowledgement_three_times() {
    let mut seen = 0;
    each(&*feed_okx::session(&Overrides::default()), &fixtures().frames("20220513"), |_, kind, batch| {
        if kind == "event:subscribe" {
            seen += 1;
            assert!(batch.refused.is_empty() && batch.replies.is_empty() && batch.updates.is_empty());
        }
    });
    assert_eq!(seen, 18, "of 9 channels");
}
