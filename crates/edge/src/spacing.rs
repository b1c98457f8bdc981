//! How far apart the writes of one stream are while changes keep coming.

use std::time::Duration;

/// Least time between two writes of one stream for changes. Below it a busy loop would spend its core on writes of one event
/// each, above it a person would begin to notice.
const WINDOW_MIN: Duration = Duration::from_millis(4);
/// How long a loop's work is looked at before the window changes.
const LOOKED_AT: Duration = Duration::from_millis(20);
/// Above this part of its time at work a loop is a bottleneck, and the window widens; below the other it narrows.
const BUSY: f64 = 0.7;
const AT_EASE: f64 = 0.5;

/// The window, which follows the load: efficiency grows with it instead of latency.
#[derive(Debug)]
pub(crate) struct Spacing {
    window: Duration,
    since: Duration,
    worked: Duration,
}

impl Spacing {
    pub(crate) fn new() -> Spacing {
        Spacing { window: WINDOW_MIN, since: Duration::ZERO, worked: Duration::ZERO }
    }

    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// The loop has worked for so long, until now (monotonic); the window is to be at most `most`.
    pub(crate) fn worked(&mut self, worked: Duration, now: Duration, most: Duration) {
        self.worked += worked;
        let passed = now.saturating_sub(self.since);
        if passed < LOOKED_AT {
            return;
        }
        let load = self.worked.as_secs_f64() / passed.as_secs_f64();
        (self.since, self.worked) = (now, Duration::ZERO);
        let window = if load > BUSY {
            self.window * 3 / 2
        } else if load < AT_EASE {
            self.window * 4 / 5
        } else {
            self.window
        };
        self.window = window.clamp(WINDOW_MIN.min(most), most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_widens_under_load_and_narrows_after_it() {
        let (ms, most) = (Duration::from_millis, ms_of(50));
        let mut spacing = Spacing::new();
        let mut now = ms(1_000);
        let mut run = |spacing: &mut Spacing, load: u32, times: u32, most: Duration| {
            for _ in 0..times {
                now += ms(20);
                spacing.worked(ms(20) * load / 100, now, most);
            }
            spacing.window()
        };
        assert_eq!(run(&mut spacing, 10, 5, most), WINDOW_MIN);
        assert_eq!(run(&mut spacing, 90, 1, most), ms(6));
        assert_eq!(run(&mut spacing, 60, 9, most), ms(6), "as it is, while it is enough");
        assert_eq!(run(&mut spacing, 100, 20, most), most, "and not beyond the bound");
        assert_eq!(run(&mut spacing, 100, 1, ms(2)), ms(2), "which may be narrow");
        assert_eq!(run(&mut spacing, 10, 40, most), WINDOW_MIN);
    }

    fn ms_of(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }
}
