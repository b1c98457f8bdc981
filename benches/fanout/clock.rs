//! The machine's clock, and waiting for a time on it.
//!
//! Measured is what passes between processes, so times are read from the wall clock and pauses are real.

use std::time::{Duration, UNIX_EPOCH};

/// Microseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000;

/// Microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "one place reads the clock of the measurement")]
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Blocks this thread for so long.
#[expect(clippy::disallowed_methods, reason = "threads of the measurement keep a rate by sleeping")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Blocks this thread until then; not at all when it has passed.
pub(crate) fn wait_until(at: u64) {
    let now = now();
    if at > now {
        pause(Duration::from_micros(at - now));
    }
}

/// Asks again and again until there is an answer, at most for so long.
pub(crate) fn poll<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = now() + u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if now() > end {
            return None;
        }
        pause(Duration::from_millis(5));
    }
}
