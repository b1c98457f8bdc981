//! Marks: which places of a dense array changed since somebody last asked, at a cost that does not follow its length.
//!
//! One bit a place in the *leaves*; above them one bit a leaf, and above those one bit for each word of that: two words
//! looked at tell that nothing happened among a quarter of a million places, and what happened is found by going down
//! from set bit to set bit. A place that is marked twice is found once; nothing is ever queued.
//!
//! Marks are set from the leaf upwards and taken from the top downwards. Whoever sets one waits for nobody, and neither
//! does whoever takes them. A leaf is always marked by a read-modify-write; a bit above it is first looked at, since
//! under load it is nearly always set already. Why the first may not be left out and the second may is argued in
//! [`crate::ordering`].

use crate::sync::{AtomicU64, Ordering, Padded};

/// Bits of a word, and so how many words a word stands for.
const FAN: usize = 64;

/// One bit for each place, and two levels above to find it by.
#[derive(Debug)]
pub struct Marks {
    leaves: Box<[AtomicU64]>,
    /// One bit a leaf. A word a line: each stands for 4,096 places, which feeds of their own may be writing.
    middles: Box<[Padded<AtomicU64>]>,
    /// One bit a middle word; a word for 262,144 places.
    tops: Box<[Padded<AtomicU64>]>,
}

impl Marks {
    /// No mark on any of that many places.
    pub fn new(places: usize) -> Marks {
        let leaves = places.div_ceil(FAN);
        let middles = leaves.div_ceil(FAN);
        let tops = middles.div_ceil(FAN);
        Marks {
            leaves: (0..leaves).map(|_| AtomicU64::new(0)).collect(),
            middles: (0..middles).map(|_| Padded(AtomicU64::new(0))).collect(),
            tops: (0..tops).map(|_| Padded(AtomicU64::new(0))).collect(),
        }
    }

    /// Marks a place. What the caller stored before is visible to whoever takes this mark.
    ///
    /// # Panics
    /// When the place is beyond what there is.
    #[inline]
    pub fn mark(&self, place: usize) {
        let (leaf, middle, top) = (place / FAN, place / FAN / FAN, place / FAN / FAN / FAN);
        self.leaves[leaf].fetch_or(bit(place), Ordering::AcqRel);
        raise(&self.middles[middle].0, bit(leaf));
        raise(&self.tops[top].0, bit(middle));
    }

    /// Whether nothing is marked, as far as all that happened before this call goes.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.tops.iter().all(|top| top.0.load(Ordering::Acquire) == 0)
    }

    /// Takes every mark and gives its place, in rising order and each once. For one thread at a time: of two, one could
    /// find nothing because the other is about to. When `give` panics, the place it was given and all that it was not
    /// given are marked again.
    pub fn drain(&self, mut give: impl FnMut(usize)) {
        for (at, top) in self.tops.iter().enumerate() {
            // Only here may a look come first: below a bit that was taken, the swap is what the next mark learns it from.
            if top.0.load(Ordering::Acquire) == 0 {
                continue;
            }
            Taken::each(&top.0, |n| {
                let middle = at * FAN + n;
                Taken::each(&self.middles[middle].0, |n| {
                    let leaf = middle * FAN + n;
                    Taken::each(&self.leaves[leaf], |n| give(leaf * FAN + n));
                });
            });
        }
    }
}

/// The bit of a place in its word.
#[inline]
fn bit(place: usize) -> u64 {
    1 << (place % FAN)
}

/// Sets a bit above a leaf that is marked.
#[inline]
fn raise(word: &AtomicU64, bit: u64) {
    if word.load(Ordering::Acquire) & bit == 0 {
        word.fetch_or(bit, Ordering::AcqRel);
    }
}

/// Bits taken out of a word; what is left of them when it is dropped goes back.
struct Taken<'a> {
    word: &'a AtomicU64,
    left: u64,
}

impl Taken<'_> {
    /// Takes all bits of a word and gives their places.
    #[inline]
    fn each(word: &AtomicU64, mut give: impl FnMut(usize)) {
        let mut taken = Taken { word, left: word.swap(0, Ordering::AcqRel) };
        while taken.left != 0 {
            give(taken.left.trailing_zeros() as usize);
            taken.left &= taken.left - 1;
        }
    }
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.left != 0 {
            self.word.fetch_or(self.left, Ordering::AcqRel);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use proptest::prelude::*;

    use super::*;

    fn drained(marks: &Marks) -> Vec<usize> {
        let mut places = Vec::new();
        marks.drain(|place| places.push(place));
        places
    }

    #[test]
    fn each_mark_is_given_once_and_in_order() {
        let marks = Marks::new(300_000);
        assert!(marks.is_quiet());
        let places = [299_999, 0, 63, 64, 4_095, 4_096, 262_143, 262_144, 64];
        for place in places {
            marks.mark(place);
        }
        assert!(!marks.is_quiet());
        assert_eq!(drained(&marks), [0, 63, 64, 4_095, 4_096, 262_143, 262_144, 299_999]);
        assert!(marks.is_quiet());
        assert_eq!(drained(&marks), []);
    }

    #[test]
    fn a_mark_set_while_draining_is_given_now_or_next_time() {
        let marks = Marks::new(10_000);
        for place in [100, 5_000] {
            marks.mark(place);
        }
        let mut first = Vec::new();
        marks.drain(|place| {
            first.push(place);
            if place == 100 {
                [99, 100, 101, 5_001, 9_999].into_iter().for_each(|again| marks.mark(again));
            }
        });
        assert_eq!(
            first,
            [100, 5_000, 5_001],
            "what lies ahead in a word that is not taken yet comes with it"
        );
        assert_eq!(drained(&marks), [99, 100, 101, 9_999]);
    }

    #[test]
    fn what_a_panic_cuts_off_stays_marked() {
        let marks = Marks::new(10_000);
        let places = [1, 2, 3, 70, 5_000, 9_000];
        places.into_iter().for_each(|place| marks.mark(place));
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            marks.drain(|place| assert!(place != 3, "a panic that the test wants"));
        }));
        assert!(stopped.is_err());
        assert_eq!(drained(&marks), [3, 70, 5_000, 9_000]);
    }

    #[test]
    fn no_places_are_never_marked() {
        let marks = Marks::new(0);
        assert!(marks.is_quiet());
        assert_eq!(drained(&marks), []);
    }

    proptest! {
        #[test]
        fn as_a_set_would(places in 1_usize..600_000, steps in prop::collection::vec((any::<usize>(), 0_u8..20), 0..400)) {
            let marks = Marks::new(places);
            let mut model = BTreeSet::new();
            for (at, kind) in steps {
                if kind == 0 {
                    prop_assert_eq!(drained(&marks), model.iter().copied().collect::<Vec<_>>());
                    model.clear();
                } else {
                    // Half of them close together, where they share words.
                    let at = at % if kind % 2 == 0 { places } else { places.min(200) };
                    marks.mark(at);
                    model.insert(at);
                }
                prop_assert_eq!(marks.is_quiet(), model.is_empty());
            }
            prop_assert_eq!(drained(&marks), model.into_iter().collect::<Vec<_>>());
        }
    }
}
