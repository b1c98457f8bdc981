//! Where the edge's random numbers come from: the machine, or a seed where a run must be repeatable.

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

/// The random numbers of one edge. Time is an input, and so is chance.
#[derive(Debug)]
pub(crate) struct Dice(Option<Mutex<StdRng>>);

impl Dice {
    /// The machine's, or those that follow from a seed.
    pub(crate) fn new(seed: Option<u64>) -> Dice {
        Dice(seed.map(|seed| Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Asks `question` with the generator: `core.dice.roll(|rng| rng.random_range(1..=6))`.
    pub(crate) fn roll<T>(&self, question: impl FnOnce(&mut dyn RngCore) -> T) -> T {
        match &self.0 {
            None => question(&mut rand::rng()),
            Some(seeded) => question(&mut *seeded.lock()),
        }
    }

    /// A number of this range, which is not empty.
    pub(crate) fn within(&self, range: std::ops::RangeInclusive<u64>) -> u64 {
        self.roll(|rng| rng.random_range(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_the_machine_does_not() {
        let throws = |seed| {
            let dice = Dice::new(seed);
            [(); 4].map(|()| dice.within(0..=u64::MAX))
        };
        assert_eq!(throws(Some(7)), throws(Some(7)));
        assert_ne!(throws(Some(7)), throws(Some(8)));
        assert_ne!(throws(None), throws(None));
    }
}
