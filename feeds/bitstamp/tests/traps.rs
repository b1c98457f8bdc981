//! Traps of the venue that only its recordings show.

use std::time::Duration;

use feed::Overrides;
use testkit::proof::{Fixtures, longest_quiet};

/// In the recording of 2021-04-17 a market is quiet for many seconds. The venue has no heartbeat for each channel, so that no
/// quiet symbol may be called silent.
#[test]
fn quiet_books() {
    let session = feed_bitstamp::session(&Overrides::default());
    let quiet = longest_quiet(&*session, &Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210417"));
    assert!(quiet > Duration::from_secs(8), "{quiet:?}");
    assert!(session.limits().symbol_silence.is_none_or(|limit| limit > 2 * quiet));
}
