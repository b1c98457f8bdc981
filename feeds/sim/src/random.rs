//! Seeded random numbers and a popularity distribution. Written here, so that a seed gives the same market whatever
//! version of a library is in use.

/// SplitMix64 (Steele, Lea and Flood 2014; the constants are those of Vigna's reference code, `splitmix64.c`).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound - 1`, by the high half of a product (Lemire 2019, without the rejection step: with
    /// bounds far below 2^32 the bias is below one in 2^32).
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * bound as u64) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u32::try_from(high - low + 1).unwrap_or(u32::MAX);
        low + i64::from(self.below(width))
    }
}

/// Chooses symbol `n` with a weight of `1 / (n + 1)^exponent`, in constant time (Vose's alias method, 1991).
#[derive(Clone, Debug)]
pub(crate) struct Popularity {
    /// By place: below this the place itself is chosen, else its alias. In units of 2^-32.
    keep: Vec<u64>,
    alias: Vec<u32>,
}

impl Popularity {
    /// `count` is at least 1; an exponent of 0 makes all places alike.
    pub(crate) fn new(count: u32, exponent: f64) -> Popularity {
        let weights: Vec<f64> = (1..=count).map(|rank| f64::from(rank).powf(-exponent)).collect();
        let mean = weights.iter().sum::<f64>() / f64::from(count);
        let mut share: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut keep = vec![1 << 32; count as usize];
        let mut alias: Vec<u32> = (0..count).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..count).partition(|&place| share[place as usize] < 1.0);
        while let (Some(&poor), Some(&rich)) = (small.last(), large.last()) {
            small.pop();
            keep[poor as usize] = (share[poor as usize] * 4_294_967_296.0) as u64;
            alias[poor as usize] = rich;
            share[rich as usize] -= 1.0 - share[poor as usize];
            if share[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        // What is left over is 1 up to rounding, and keeps itself.
        Popularity { keep, alias }
    }

    pub(crate) fn choose(&self, random: &mut Random) -> u32 {
        let place = random.below(self.alias.len() as u32);
        if (random.next() >> 32) < self.keep[place as usize] { place } else { self.alias[place as usize] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of `splitmix64.c` for the seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(
            [(); 3].map(|()| random.next()),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn popularity_follows_the_exponent() {
        let counts = |exponent| {
            let (mut random, mut counts) = (Random::new(7), [0_u32; 4]);
            let popularity = Popularity::new(4, exponent);
            for _ in 0..120_000 {
                counts[popularity.choose(&mut random) as usize] += 1;
            }
            counts
        };
        let near = |counts: [u32; 4], expected: [u32; 4]| {
            // 1,000 is more than six standard deviations of any of these counts.
            assert!(
                counts.iter().zip(expected).all(|(c, e)| c.abs_diff(e) < 1_000),
                "{counts:?} {expected:?}"
            );
        };
        near(counts(0.0), [30_000, 30_000, 30_000, 30_000]);
        // 1, 1/2, 1/3, 1/4 of 12/25.
        near(counts(1.0), [57_600, 28_800, 19_200, 14_400]);
        assert_eq!(Popularity::new(1, 3.0).choose(&mut Random::new(1)), 0);
    }

    #[test]
    fn between_reaches_both_ends_and_no_further() {
        let mut random = Random::new(3);
        let seen: std::collections::BTreeSet<_> = (0..1_000).map(|_| random.between(-1, 2)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-1, 0, 1, 2]);
    }
}
