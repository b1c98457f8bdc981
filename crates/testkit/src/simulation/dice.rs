//! Seeded random numbers.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood 2014): written here, so that a seed stays the same run whatever version of a library
/// is in use.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The numbers that follow from a seed.
    pub const fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Dice of their own for a part of the world. The same part of the same world gets the same ones.
    #[must_use]
    pub fn of(&self, part: &str, number: u64) -> Dice {
        let mut mixed = Dice(self.0 ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        for byte in part.bytes() {
            mixed.0 ^= u64::from(byte);
            mixed.0 = mixed.next();
        }
        mixed
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A place in a list of that length, which is at least 1.
    pub const fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Whether something happens that happens once in `times` on average.
    pub const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time of whole milliseconds, both ends included.
    pub const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// One of these.
    pub const fn one_of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.place(these.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_alike_in_the_same_world_only() {
        let throws = |mut dice: Dice| [(); 4].map(|()| dice.next());
        let world = Dice::new(7);
        assert_eq!(throws(world.of("venue", 1)), throws(world.of("venue", 1)));
        assert_ne!(throws(world.of("venue", 1)), throws(world.of("venue", 2)));
        assert_ne!(throws(world.of("venue", 1)), throws(world.of("client", 1)));
        assert_ne!(throws(world.of("venue", 1)), throws(Dice::new(8).of("venue", 1)));
        let mut dice = world.of("range", 0);
        assert!((0..1_000).all(|_| (3..=5).contains(&dice.millis(3, 5).as_millis())));
    }
}
