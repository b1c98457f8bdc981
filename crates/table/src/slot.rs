//! One slot: a few words that change together, for any number of readers that never wait.
//!
//! A slot holds the words twice, in two *lanes*, and a count of publications whose lowest bit names the front lane.
//! A writer fills the back lane and then counts up, which turns the slot round. So a writer that is descheduled in
//! mid-write stands in a lane that nobody is directed to: **readers never wait for it**. A reader only tries again when
//! a newer value was published *completely* and yet another write began while it was reading, so the slot as a whole
//! always moves on.
//!
//! Each lane carries the number of the publication it holds as its *tag*, and a reader takes a lane only when the tag is
//! the very count that directed it there. A lane that is whole but not yet turned to the front is not taken: otherwise
//! one reader could see publication 3 by an old direction, and then 2 by a new one.
//!
//! Writers of one slot exclude each other by a compare-exchange. A writer that is descheduled while it holds the lock
//! holds up the other *writers of this slot*, and nobody else. Symbols have one feed each in the usual setup, so the
//! lock is nearly always free.
//!
//! Beside the lanes stand *notes*: words that writers keep for themselves, one copy each, changed at once and under the
//! lock. Readers may glance at a single one; nothing says that two of them, or one and the lanes, belong together.
//!
//! A writer that panics in mid-write leaves the slot as it was: the guards release the lock, and the half-filled lane is
//! filled again by the next writer. Every order is argued in [`crate::ordering`].

use crate::sync::{AtomicU64, Ordering, fence, pause};

/// The most words that a slot can have: which of them differ between the lanes is kept as one word of bits.
pub const WORDS_MAX: usize = 64;

/// `N` words that are read and written as one value, and `M` notes of the writers.
#[derive(Debug)]
// In this order, so that what a writer needs of the lock and the last notes share a line of the cache.
#[repr(C)]
pub struct Slot<const N: usize, const M: usize = 0> {
    /// Written under the lock.
    notes: [AtomicU64; M],
    /// 1 while a writer holds the slot. Writers only.
    lock: AtomicU64,
    /// How many publications there were; the lowest bit is the place of the lane that readers take. Written under
    /// the lock.
    published: AtomicU64,
    /// One bit for each word that may differ between the lanes. Used under the lock only.
    pending: AtomicU64,
    lanes: [Lane<N>; 2],
}

/// The tag of a lane whose words do not belong together: a writer fills it, or has given up half-way.
const BUSY: u64 = u64::MAX;

/// One copy of the words.
#[derive(Debug)]
#[repr(C)]
struct Lane<const N: usize> {
    /// The publication that the words belong to, or [`BUSY`].
    tag: AtomicU64,
    words: [AtomicU64; N],
}

/// The words of a lane, as they are seen right now. Only what [`Slot::read`] returns is known to belong together.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, const N: usize> {
    lane: &'a Lane<N>,
    publication: u64,
}

/// The right to write a slot; given back on drop.
#[derive(Debug)]
pub struct Guard<'a, const N: usize, const M: usize = 0> {
    slot: &'a Slot<N, M>,
    published: u64,
}

/// A write in progress, invisible until [`Rewrite::publish`]; dropped without it, nothing has happened.
#[derive(Debug)]
pub struct Rewrite<'g, 'a, const N: usize, const M: usize = 0> {
    guard: &'g mut Guard<'a, N, M>,
    /// One bit for each word that was set.
    touched: u64,
}

impl<const N: usize, const M: usize> Default for Slot<N, M> {
    fn default() -> Slot<N, M> {
        Slot::new()
    }
}

impl<const N: usize, const M: usize> Slot<N, M> {
    /// A slot of zeros.
    pub fn new() -> Slot<N, M> {
        const { assert!(N <= WORDS_MAX) };
        let lane = |tag| Lane { tag: AtomicU64::new(tag), words: std::array::from_fn(|_| AtomicU64::new(0)) };
        Slot {
            lock: AtomicU64::new(0),
            published: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            notes: std::array::from_fn(|_| AtomicU64::new(0)),
            lanes: [lane(0), lane(BUSY)],
        }
    }

    /// Reads the slot: what `take` makes of words that belong together. `take` may be called more than once, and then
    /// all results but the last are dropped; the words it sees there may be a mixture of two writes.
    #[inline]
    pub fn read<R>(&self, mut take: impl FnMut(View<'_, N>) -> R) -> R {
        loop {
            let published = self.published.load(Ordering::Acquire);
            let lane = &self.lanes[place(published)];
            if lane.tag.load(Ordering::Acquire) == published {
                let taken = take(View { lane, publication: published });
                fence(Ordering::Acquire);
                if lane.tag.load(Ordering::Relaxed) == published {
                    return taken;
                }
            }
            // The slot was turned round since and a writer has this lane again: the other one is newer and whole.
        }
    }

    /// A note as it is right now.
    ///
    /// # Panics
    /// When `at` is not below `M`.
    #[inline]
    pub fn note(&self, at: usize) -> u64 {
        self.notes[at].load(Ordering::Relaxed)
    }

    /// Looks at both tags, and at these words of both lanes, to have their memory at hand. What comes back says nothing.
    ///
    /// Behind the lock memory would be asked for one piece after another, because a read-modify-write waits for everything
    /// before it; with more symbols than a cache holds that is most of what a write costs. So a writer looks at all of it
    /// first, and hands what came back to [`std::hint::black_box`]. The line of the lock it needs at once in any case.
    #[inline]
    pub fn glance<const P: usize>(&self, places: [usize; P]) -> u64 {
        let mut seen = 0;
        for lane in &self.lanes {
            seen |= lane.tag.load(Ordering::Relaxed);
            for at in places {
                seen |= lane.words[at].load(Ordering::Relaxed);
            }
        }
        seen
    }

    /// Takes the slot for writing. Waits only for another *writer* of this very slot.
    #[inline]
    pub fn lock(&self) -> Guard<'_, N, M> {
        let mut tries = 0;
        while self.lock.compare_exchange_weak(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            pause(tries);
            tries = tries.saturating_add(1);
        }
        Guard { slot: self, published: self.published.load(Ordering::Relaxed) }
    }
}

/// The place of the lane that holds that publication.
#[inline]
fn place(publication: u64) -> usize {
    (publication & 1) as usize
}

impl<const N: usize> View<'_, N> {
    /// Which publication of the slot this is: how many there have been up to it.
    #[inline]
    pub fn publication(&self) -> u64 {
        self.publication
    }

    /// The word at that place.
    ///
    /// # Panics
    /// When `at` is not below `N`.
    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        self.lane.words[at].load(Ordering::Relaxed)
    }
}

impl<'a, const N: usize, const M: usize> Guard<'a, N, M> {
    /// The present words. They stand still as long as the guard is held.
    #[inline]
    pub fn view(&self) -> View<'a, N> {
        View { lane: &self.slot.lanes[place(self.published)], publication: self.published }
    }

    /// A note. It stands still as long as the guard is held.
    ///
    /// # Panics
    /// When `at` is not below `M`.
    #[inline]
    pub fn note(&self, at: usize) -> u64 {
        self.slot.note(at)
    }

    /// Sets a note, at once.
    ///
    /// # Panics
    /// When `at` is not below `M`.
    #[inline]
    pub fn set_note(&mut self, at: usize, word: u64) {
        self.slot.notes[at].store(word, Ordering::Relaxed);
    }

    /// Begins a write.
    #[inline]
    pub fn rewrite(&mut self) -> Rewrite<'_, 'a, N, M> {
        self.slot.lanes[place(self.published + 1)].tag.store(BUSY, Ordering::Release);
        fence(Ordering::Release);
        Rewrite { guard: self, touched: 0 }
    }
}

impl<const N: usize, const M: usize> Drop for Guard<'_, N, M> {
    #[inline]
    fn drop(&mut self) {
        self.slot.lock.store(0, Ordering::Release);
    }
}

impl<const N: usize, const M: usize> Rewrite<'_, '_, N, M> {
    #[inline]
    fn back(&self) -> &Lane<N> {
        &self.guard.slot.lanes[place(self.guard.published + 1)]
    }

    /// Sets a word of the value to come. Words that are not set keep what they had.
    ///
    /// # Panics
    /// When `at` is not below `N`.
    #[inline]
    pub fn set(&mut self, at: usize, word: u64) {
        self.back().words[at].store(word, Ordering::Relaxed);
        self.touched |= 1 << at;
    }

    /// Shows the new value to readers, all words at once.
    #[inline]
    pub fn publish(self) {
        let slot = self.guard.slot;
        let front = &slot.lanes[place(self.guard.published)];
        let back = self.back();
        // What the last write changed stands in the front lane only.
        let mut behind = slot.pending.load(Ordering::Relaxed) & !self.touched;
        while behind != 0 {
            let at = behind.trailing_zeros() as usize;
            back.words[at].store(front.words[at].load(Ordering::Relaxed), Ordering::Relaxed);
            behind &= behind - 1;
        }
        let published = self.guard.published + 1;
        back.tag.store(published, Ordering::Release);
        slot.published.store(published, Ordering::Release);
        self.guard.published = published;
        slot.pending.store(self.touched, Ordering::Relaxed);
        std::mem::forget(self);
    }
}

impl<const N: usize, const M: usize> Drop for Rewrite<'_, '_, N, M> {
    /// Reached only without `publish`: remembers which words of the back lane are not to be trusted. Its tag stays
    /// `BUSY`, because a reader with an old direction may still come by.
    fn drop(&mut self) {
        let pending = &self.guard.slot.pending;
        pending.store(pending.load(Ordering::Relaxed) | self.touched, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn words<const N: usize>(slot: &Slot<N>) -> [u64; N] {
        slot.read(|view| std::array::from_fn(|at| view.get(at)))
    }

    fn write<const N: usize>(slot: &Slot<N>, words: &[(usize, u64)]) {
        let mut guard = slot.lock();
        let mut rewrite = guard.rewrite();
        for &(at, word) in words {
            rewrite.set(at, word);
        }
        rewrite.publish();
    }

    #[test]
    fn words_that_are_not_set_keep_what_they_had() {
        let slot = Slot::<4>::new();
        write(&slot, &[(0, 1), (1, 2), (2, 3)]);
        write(&slot, &[(1, 20)]);
        assert_eq!(words(&slot), [1, 20, 3, 0]);
        write(&slot, &[(3, 40)]);
        assert_eq!(words(&slot), [1, 20, 3, 40]);
        write(&slot, &[]);
        assert_eq!(words(&slot), [1, 20, 3, 40]);
        write(&slot, &[(0, 10)]);
        assert_eq!(words(&slot), [10, 20, 3, 40]);
        assert_eq!(slot.read(|view| view.publication()), 5);
    }

    #[test]
    fn a_write_that_is_given_up_has_not_happened() {
        let slot = Slot::<3>::new();
        write(&slot, &[(0, 1), (1, 1), (2, 1)]);
        {
            let mut guard = slot.lock();
            let mut rewrite = guard.rewrite();
            rewrite.set(0, 9);
            rewrite.set(1, 9);
        }
        assert_eq!(words(&slot), [1, 1, 1]);
        write(&slot, &[(2, 2)]);
        assert_eq!(words(&slot), [1, 1, 2], "nothing of the write that was given up has leaked");
    }

    #[test]
    fn a_reader_does_not_wait_for_a_writer_in_mid_write() {
        let slot = Slot::<2>::new();
        write(&slot, &[(0, 1), (1, 1)]);
        let mut guard = slot.lock();
        let mut rewrite = guard.rewrite();
        rewrite.set(0, 2);
        // The writer stands still here, half done: the same thread reads, so waiting would hang for ever.
        assert_eq!(words(&slot), [1, 1]);
        rewrite.set(1, 2);
        assert_eq!(words(&slot), [1, 1]);
        rewrite.publish();
        assert_eq!(words(&slot), [2, 2], "visible while the writer still holds the lock");
    }
}
