//! When a stream may speak: its rate and its bandwidth. Pure: times come in.
//!
//! A stream that may not speak yet owes what it owes; nothing is queued, it only conflates for longer.

use std::time::Duration;

use market::{Clock, Micros};
use wire::Settings;

/// Time over which a bandwidth may be saved up. Long enough for a burst to leave in one write, short enough not to be
/// felt as a pause afterwards.
const BURST: Duration = Duration::from_millis(250);
/// Least saved-up bytes, so that the narrowest stream can still send a few whole events at a time.
const BURST_BYTES_MIN: f64 = 2_048.0;

/// Now, by both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    /// Monotonic.
    pub(crate) now: Duration,
    /// What people's clocks show.
    pub(crate) wall: Micros,
}

impl Moment {
    pub(crate) fn of(clock: &dyn Clock) -> Moment {
        Moment { now: clock.monotonic(), wall: clock.now() }
    }

    /// When the next window of that length begins, in monotonic time, if windows begin at whole multiples of their length
    /// on the wall clock.
    pub(crate) fn boundary(self, window: Duration) -> Duration {
        let micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1);
        let since = u64::try_from(self.wall.get()).unwrap_or(0) % micros;
        self.now + Duration::from_micros(micros - since)
    }
}

/// The gate before a stream's quotes, where it has one: most streams ask for neither a rate nor a bandwidth. Times are
/// monotonic.
#[derive(Debug)]
pub(crate) struct Pace(Option<Box<Gate>>);

#[derive(Debug, Default)]
struct Gate {
    /// Least time between two looks at what is owed.
    window: Option<Duration>,
    /// Windows begin at whole multiples of their length on the wall clock.
    align: bool,
    /// Bytes a second, and the bytes that may be sent now (negative after a large event).
    budget: Option<(f64, f64)>,
    filled_at: Duration,
    /// Closed until then, if it is closed.
    closed_until: Option<Duration>,
    /// Aligned: the boundary that was waited for has come, so speaking is allowed once.
    on_boundary: bool,
}

impl Pace {
    pub(crate) fn new(settings: &Settings, now: Duration) -> Pace {
        let mut pace = Pace(None);
        pace.set(settings);
        if let Some(gate) = &mut pace.0 {
            // What a stream begins with leaves at once.
            (gate.filled_at, gate.on_boundary) = (now, true);
        }
        pace
    }

    /// Takes other settings; what was spent stays spent.
    pub(crate) fn set(&mut self, settings: &Settings) {
        if settings.max_rate.is_none() && settings.max_kbps.is_none() {
            self.0 = None;
        } else {
            self.0.get_or_insert_default().set(settings);
        }
    }

    /// Whether the stream may begin to tell what is owed; if not, when to ask again.
    pub(crate) fn may_begin(&mut self, moment: Moment) -> Result<(), Duration> {
        self.0.as_mut().map_or(Ok(()), |gate| gate.may_begin(moment))
    }

    /// Whether a round that was begun may go on; if not, when to ask again. Only bandwidth holds one up.
    pub(crate) fn may_go_on(&mut self, now: Duration) -> Result<(), Duration> {
        self.0.as_mut().map_or(Ok(()), |gate| gate.may_go_on(now))
    }

    /// Whether a rate or a bandwidth is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a bandwidth is kept.
    pub(crate) fn is_narrow(&self) -> bool {
        self.0.as_ref().is_some_and(|gate| gate.budget.is_some())
    }

    /// Most bytes to send now.
    pub(crate) fn allowance(&self, most: usize) -> usize {
        self.0.as_ref().map_or(most, |gate| gate.allowance(most))
    }

    /// The stream has begun to tell what was owed.
    pub(crate) fn begun(&mut self, now: Duration) {
        if let Some(gate) = &mut self.0 {
            gate.begun(now);
        }
    }

    /// Nothing was owed: the next change waits for a boundary again.
    pub(crate) fn had_nothing_to_say(&mut self) {
        if let Some(gate) = &mut self.0 {
            gate.on_boundary = false;
        }
    }

    /// Bytes were sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(gate) = &mut self.0 {
            gate.sent(bytes);
        }
    }

    /// Closed until then, as far as the rate says.
    pub(crate) fn closed_until(&self) -> Option<Duration> {
        self.0.as_ref().and_then(|gate| gate.closed_until)
    }
}

impl Gate {
    /// Takes other settings; what was spent stays spent.
    fn set(&mut self, settings: &Settings) {
        self.window = settings.max_rate.map(|rate| rate.window());
        self.align = settings.align && self.window.is_some();
        self.budget = settings.max_kbps.map(|kbps| {
            let rate = f64::from(kbps) * 1_000.0 / 8.0;
            let saved = self.budget.map_or(f64::INFINITY, |(_, saved)| saved);
            (rate, saved.min(burst(rate)))
        });
        self.closed_until = None;
    }

    fn may_begin(&mut self, moment: Moment) -> Result<(), Duration> {
        let now = moment.now;
        self.may_go_on(now)?;
        if let Some(until) = self.closed_until {
            if now < until {
                return Err(until);
            }
            self.closed_until = None;
            self.on_boundary = self.align;
        }
        let Some(window) = self.window.filter(|_| self.align && !self.on_boundary) else { return Ok(()) };
        let until = moment.boundary(window);
        self.closed_until = Some(until);
        Err(until)
    }

    fn may_go_on(&mut self, now: Duration) -> Result<(), Duration> {
        let Some((rate, saved)) = &mut self.budget else { return Ok(()) };
        *saved = (*saved + *rate * now.saturating_sub(self.filled_at).as_secs_f64()).min(burst(*rate));
        self.filled_at = now;
        if *saved > 0.0 {
            return Ok(());
        }
        // A quarter of the burst, so that what leaves then is worth a write.
        let wait = (burst(*rate) / 4.0 - *saved) / *rate;
        Err(now + Duration::from_secs_f64(wait))
    }

    fn allowance(&self, most: usize) -> usize {
        // At least one event goes whenever anything may.
        self.budget.map_or(most, |(_, saved)| most.min((saved as usize).max(1)))
    }

    fn begun(&mut self, now: Duration) {
        self.on_boundary = false;
        self.closed_until = self.window.filter(|_| !self.align).map(|window| now + window);
    }

    fn sent(&mut self, bytes: usize) {
        if let Some((_, saved)) = &mut self.budget {
            *saved -= bytes as f64;
        }
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST.as_secs_f64()).max(BURST_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use wire::Rate;

    use super::*;

    fn settings(rate: &str, align: bool, kbps: Option<u32>) -> Settings {
        Settings { max_rate: Rate::parse(rate), align, max_kbps: kbps, ..Settings::default() }
    }

    /// The wall clock runs 300 ms ahead of a whole second.
    fn at(millis: u64) -> Moment {
        let wall = Micros(1_700_000_000_300_000 + millis as i64 * 1_000);
        Moment { now: Duration::from_millis(millis), wall }
    }

    fn until(millis: u64) -> Result<(), Duration> {
        Err(Duration::from_millis(millis))
    }

    #[test]
    fn without_settings_a_stream_may_always_speak() {
        let mut pace = Pace::new(&Settings::default(), Duration::ZERO);
        for millis in [0, 0, 1] {
            assert_eq!(pace.may_begin(at(millis)), Ok(()));
            pace.begun(at(millis).now);
            pace.sent(1 << 20);
            assert_eq!(pace.allowance(5), 5);
        }
    }

    #[test]
    fn the_first_leaves_at_once_and_the_next_a_window_later() {
        let mut pace = Pace::new(&settings("4", false, None), Duration::ZERO);
        assert_eq!(pace.may_begin(at(1_000)), Ok(()));
        pace.begun(at(1_000).now);
        assert_eq!(pace.may_begin(at(1_001)), until(1_250));
        assert_eq!(pace.closed_until(), Some(Duration::from_millis(1_250)));
        assert_eq!(pace.may_begin(at(1_250)), Ok(()));
        assert_eq!(pace.may_begin(at(9_000)), Ok(()), "as long as nothing was told");
    }

    #[test]
    fn aligned_windows_begin_together_whoever_asks_when() {
        let mut one = Pace::new(&settings("2", true, None), Duration::ZERO);
        let mut two = Pace::new(&settings("2", true, None), at(77).now);
        for pace in [&mut one, &mut two] {
            assert_eq!(pace.may_begin(at(5)), Ok(()), "what a stream begins with leaves at once");
            pace.begun(at(5).now);
        }
        // The next half second on the wall clock is 200 ms away.
        assert_eq!(one.may_begin(at(10)), until(200));
        assert_eq!(two.may_begin(at(150)), until(200));
        assert_eq!(one.may_begin(at(199)), until(200));
        for pace in [&mut one, &mut two] {
            assert_eq!(pace.may_begin(at(200)), Ok(()));
            pace.begun(at(200).now);
            assert_eq!(pace.may_begin(at(201)), until(700));
        }
        // Nobody had anything to say at the boundary: what comes after it waits for the next one.
        assert_eq!(two.may_begin(at(700)), Ok(()));
        two.had_nothing_to_say();
        assert_eq!(two.may_begin(at(710)), until(1_200));
        // A timer that comes late does not move the windows.
        assert_eq!(one.may_begin(at(730)), Ok(()));
        one.begun(at(730).now);
        assert_eq!(one.may_begin(at(731)), until(1_200));
    }

    #[test]
    fn a_bandwidth_is_kept_over_time_with_a_short_burst() {
        // 80 kbit/s are 10,000 bytes a second.
        let mut pace = Pace::new(&settings("", false, Some(80)), Duration::ZERO);
        let (mut sent, mut millis) = (0_usize, 0);
        while millis < 60_000 {
            match pace.may_go_on(at(millis).now) {
                Ok(()) => {
                    // Events of 300 bytes, as many as begin within what is allowed.
                    let bytes = pace.allowance(16_384).div_ceil(300) * 300;
                    pace.sent(bytes);
                    sent += bytes;
                }
                Err(again) => {
                    assert!(again > at(millis).now);
                    millis = u64::try_from(again.as_millis()).unwrap() + 1;
                }
            }
        }
        assert!((600_000..610_000).contains(&sent), "{sent} bytes in a minute");
        // What is not used is not saved up for longer than a burst.
        assert_eq!(pace.may_go_on(at(999_000).now), Ok(()));
        assert_eq!(pace.allowance(16_384), 2_500);
    }
}
