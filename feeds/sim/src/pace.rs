//! How many updates are due by when, bursts included.

use std::time::Duration;

use crate::settings::{Bursts, Settings};

/// Nanoseconds in a second.
const SECOND: u128 = 1_000_000_000;

/// A rate with regular times of higher rate.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    rate: u32,
    bursts: Option<Bursts>,
}

impl Pace {
    /// The settings have been checked.
    pub(crate) fn new(settings: &Settings) -> Pace {
        Pace { rate: settings.rate, bursts: settings.bursts.clone() }
    }

    /// How many updates are due after so much time: the rate summed over it. A burst stands at the end of each period.
    pub(crate) fn due(&self, elapsed: Duration) -> u64 {
        let elapsed = elapsed.as_nanos();
        let weighted = match &self.bursts {
            None => elapsed,
            Some(bursts) => {
                let (every, lasting) = (bursts.every.as_nanos(), bursts.lasting.as_nanos());
                let in_this_period = (elapsed % every).saturating_sub(every - lasting);
                let in_bursts = elapsed / every * lasting + in_this_period;
                elapsed + in_bursts * u128::from(bursts.factor - 1)
            }
        };
        u64::try_from(weighted * u128::from(self.rate) / SECOND).unwrap_or(u64::MAX)
    }

    /// The highest rate.
    fn peak(&self) -> u32 {
        self.rate * self.bursts.as_ref().map_or(1, |bursts| bursts.factor)
    }

    /// Most updates that can fall due in that time; at least one.
    pub(crate) fn most_in(&self, time: Duration) -> u64 {
        (u64::try_from(time.as_nanos() * u128::from(self.peak()) / SECOND).unwrap_or(u64::MAX)).max(1)
    }

    /// Time between two turns: that of one update at the highest rate, within bounds.
    pub(crate) fn turn(&self, (shortest, longest): (Duration, Duration)) -> Duration {
        (Duration::from_secs(1) / self.peak()).clamp(shortest, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_stand_at_the_end_of_each_period() {
        let bursts = Bursts { factor: 10, every: Duration::from_secs(10), lasting: Duration::from_secs(1) };
        let pace = Pace::new(&Settings { rate: 100, bursts: Some(bursts), ..Settings::default() });
        let due = |millis| pace.due(Duration::from_millis(millis));
        assert_eq!(
            [0, 5, 10, 9_000, 9_500, 10_000, 19_000, 20_000].map(due),
            [0, 0, 1, 900, 1_400, 1_900, 2_800, 3_800]
        );
        assert_eq!(pace.most_in(Duration::from_millis(100)), 100);
        assert_eq!(pace.turn(crate::TURN), crate::TURN.0);
    }

    #[test]
    fn a_plain_rate_loses_nothing_to_rounding() {
        let pace = Pace::new(&Settings { rate: 999_983, ..Settings::default() });
        assert_eq!(pace.due(Duration::from_secs(1_000_000)), 999_983_000_000);
        let slow = Pace::new(&Settings { rate: 1, ..Settings::default() });
        assert_eq!((slow.due(Duration::from_millis(999)), slow.due(Duration::from_secs(1))), (0, 1));
        assert_eq!((slow.most_in(crate::CATCH_UP), slow.turn(crate::TURN)), (1, crate::TURN.1));
    }
}
