//! Traps of the venue that only its recordings show.

use std::time::Duration;

use feed::Overrides;
use testkit::proof::{Fixtures, longest_quiet};

/// In the recording of 2021-06-23 a symbol's book stands still for many seconds. Heartbeats of v2 are those of the connection,
/// so that no quiet symbol may be called silent.
#[test]
fn quiet_books() {
    let session = feed_gemini::session_v2(&Overrides::default());
    let quiet = longest_quiet(&*session, &Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210623"));
    assert!(quiet > Duration::from_secs(8), "{quiet:?}");
    assert!(session.limits().symbol_silence.is_none_or(|limit| limit > 2 * quiet));
}
