//! How long to wait before the next dial: full-jitter exponential back-off under a hard ceiling of dials a minute.
//!
//! Pure: the time and the random numbers come from outside. Full jitter (a uniform draw from zero to the exponential
//! bound) spreads the clients of a venue that has come back best, see "Exponential Backoff And Jitter" (AWS
//! Architecture Blog, 2015). The ceiling is there because a draw may be near zero many times in a row, and venues ban by
//! dials a minute (Bitfinex 20, Binance 300 in five minutes, Kraken about 150 in ten).

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Where the ceiling counts dials. A second longer than a minute, because it is the venue that counts: of two dials a
/// minute apart the first may take longer on its way.
pub(crate) const MINUTE: Duration = Duration::from_secs(61);

/// The numbers of a back-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Upper bound of the wait after the first failure; it doubles with each further one.
    pub base: Duration,
    /// Upper bound of every wait that comes from failures.
    pub cap: Duration,
    /// How long a connection must have lived for the failures before it to be forgotten. A venue that accepts and drops
    /// at once is not healthy.
    pub healthy_after: Duration,
    /// Most dials within any sixty seconds, whatever happened; at least 1.
    pub dials_per_minute: usize,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            healthy_after: Duration::from_secs(30),
            dials_per_minute: 12,
        }
    }
}

/// The random numbers behind the waits of one part of a feed: the machine's, or those that follow from a seed.
pub(crate) fn dice(seed: Option<u64>, part: u64) -> StdRng {
    seed.map_or_else(StdRng::from_os_rng, |seed| StdRng::seed_from_u64(seed.wrapping_add(part)))
}

/// The back-off of one connection, over all its lives.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Policy,
    /// Failures in a row; a healthy connection that ends leaves one, so that the clients of a venue that drops all of
    /// them in one moment do not come back in one moment.
    failures: u32,
    /// Times of the latest dials, at most as many as the ceiling.
    dials: VecDeque<Duration>,
}

impl Backoff {
    /// A back-off without any history: the first dial need not wait.
    pub const fn new(policy: Policy) -> Backoff {
        Backoff { policy, failures: 0, dials: VecDeque::new() }
    }

    /// How long to wait at `now` (any monotonic time) before the next dial.
    pub fn wait(&self, now: Duration, rng: &mut impl Rng) -> Duration {
        let jittered = match self.failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => {
                let bound = self.policy.base.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
                rng.random_range(Duration::ZERO..=bound.min(self.policy.cap))
            }
        };
        jittered.max(self.until_below_ceiling(now))
    }

    /// Counts a dial made at `now`.
    pub fn dialled(&mut self, now: Duration) {
        while self.dials.len() >= self.policy.dials_per_minute.max(1) {
            self.dials.pop_front();
        }
        self.dials.push_back(now);
    }

    /// Counts the end of a connection that lived that long; zero when the dial itself failed.
    pub fn ended(&mut self, lived: Duration) {
        self.failures = if lived >= self.policy.healthy_after { 1 } else { self.failures.saturating_add(1) };
    }

    /// How long until one more dial is within the ceiling.
    fn until_below_ceiling(&self, now: Duration) -> Duration {
        match self.dials.front() {
            Some(&oldest) if self.dials.len() >= self.policy.dials_per_minute.max(1) => {
                (oldest + MINUTE).saturating_sub(now)
            }
            Some(_) | None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_grow_to_the_cap_and_a_healthy_life_resets_them() {
        let policy = Policy { dials_per_minute: 1_000_000, ..Policy::default() };
        let longest = |backoff: &Backoff| {
            let mut rng = StdRng::seed_from_u64(1);
            (0..2_000).map(|_| backoff.wait(Duration::ZERO, &mut rng)).max().unwrap()
        };
        let mut backoff = Backoff::new(policy);
        assert_eq!(longest(&backoff), Duration::ZERO, "the first dial waits for nothing");
        for bound in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            backoff.ended(Duration::from_secs(29));
            let longest = longest(&backoff).as_millis();
            assert!((bound * 99 / 100..=bound).contains(&longest), "{longest} of {bound}");
        }
        for _ in 0..100 {
            backoff.ended(Duration::ZERO);
        }
        assert!(longest(&backoff) <= Duration::from_secs(30), "no overflow after many failures");
        backoff.ended(Duration::from_secs(30));
        assert!(longest(&backoff) <= Duration::from_millis(500));
    }

    proptest! {
        /// Whatever connections do and whatever the dice say, no sixty seconds see more than twelve dials. The cap goes
        /// down to nothing, because the usual one alone would nearly keep that.
        #[test]
        fn no_minute_sees_more_than_twelve_dials(
            seed in any::<u64>(),
            cap in prop_oneof![Just(0_u64), 0..1_000_u64, Just(30_000)],
            lives in prop::collection::vec(prop_oneof![Just(0_u64), 0..2_000_u64, 0..120_000_u64], 1..200),
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let cap = Duration::from_millis(cap);
            let mut backoff = Backoff::new(Policy { cap, ..Policy::default() });
            let mut now = Duration::from_secs(1_000);
            let mut dials: Vec<Duration> = Vec::new();
            for lived in lives {
                now += backoff.wait(now, &mut rng);
                backoff.dialled(now);
                dials.push(now);
                now += Duration::from_millis(lived);
                backoff.ended(Duration::from_millis(lived));
            }
            for window in dials.windows(13) {
                prop_assert!(window[12] - window[0] >= MINUTE, "{window:?}");
            }
        }
    }
}
