//! Wall and monotonic time from the runtime's clock, which a test pauses.

use std::time::Duration;

use market::{Clock, Micros};
use tokio::time::Instant;

/// What the wall clock shows when a world begins: a Saturday in November 2026.
pub const BEGINNING: Micros = Micros(1_795_253_400_000_000);

/// A clock that moves with the runtime's. Both of its times come from the same source, so they never disagree.
#[derive(Clone, Copy, Debug)]
pub struct PausedClock {
    start: Instant,
}

impl PausedClock {
    /// A clock that shows [`BEGINNING`] now. Must be made within the runtime whose time it is to show.
    pub fn new() -> PausedClock {
        PausedClock { start: Instant::now() }
    }
}

impl Default for PausedClock {
    fn default() -> PausedClock {
        PausedClock::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Micros {
        BEGINNING.plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
