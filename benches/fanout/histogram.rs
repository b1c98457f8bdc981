//! Delays in microseconds, counted in classes that are at most 0.8 % wide.

/// Classes in each doubling.
const FINE: u64 = 128;
const FINE_BITS: u32 = FINE.trailing_zeros();
/// Doublings: up to 2^40 us, twelve days.
const DOUBLINGS: usize = 34;

/// Counts by delay.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; FINE as usize * (DOUBLINGS + 1)], total: 0, longest: 0 }
    }
}

impl Histogram {
    /// Counts one delay.
    pub(crate) fn record(&mut self, micros: u64) {
        let place = place(micros).min(self.counts.len() - 1);
        self.counts[place] += 1;
        self.total += 1;
        self.longest = self.longest.max(micros);
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// How many were counted.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The delay that this share of all does not exceed, in milliseconds; 0 when there is none.
    pub(crate) fn millis(&self, share: f64) -> f64 {
        let wanted = (share * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper(place).min(self.longest) as f64 / 1000.0;
            }
        }
        self.longest as f64 / 1000.0
    }
}

fn place(micros: u64) -> usize {
    if micros < FINE {
        return micros as usize;
    }
    let doubling = micros.ilog2() - FINE_BITS;
    (u64::from(doubling + 1) * FINE + ((micros >> doubling) - FINE)) as usize
}

/// The longest delay of a class.
fn upper(place: usize) -> u64 {
    let place = place as u64;
    if place < FINE {
        return place;
    }
    let doubling = place / FINE - 1;
    ((FINE + place % FINE + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delay_lies_in_its_class() {
        for micros in (0..5_000).chain([65_535, 65_536, 1_000_003, 1 << 33]) {
            let place = place(micros);
            assert!(micros <= upper(place) && (place == 0 || micros > upper(place - 1)), "{micros}");
            assert!(upper(place) - micros <= micros / 128 + 1, "{micros}");
        }
    }

    #[test]
    fn shares_are_read_from_the_counts() {
        let mut all = Histogram::default();
        assert_eq!(all.millis(0.99), 0.0);
        for micros in 1..=100 {
            all.record(micros);
        }
        assert_eq!((all.millis(0.5), all.millis(0.99), all.millis(1.0)), (0.05, 0.099, 0.1));
        let mut both = Histogram::default();
        both.add(&all);
        both.record(900_000);
        assert_eq!((both.count(), both.millis(1.0)), (101, 900.0));
    }
}
