//! Table-wide sequence numbers and the safe cut below which nothing is in flight.
//!
//! Several writers take numbers at once, and a writer can be held up between taking a number and publishing what it
//! stands for. A client that was told "everything up to 12" must never find an 11 later. So every writer says, before
//! it takes a number, a *bound*: no number below it will be its own. What lies below all bounds is safe to send.
//!
//! A writer that is descheduled in mid-write therefore holds back the cut until it runs again. That is the price of an
//! exact resume; it delays events by at most one time slice and blocks nobody.

use crate::sync::{AtomicU64, Ordering, Padded};

/// The bound of a writer that is taking no number.
const IDLE: u64 = u64::MAX;

/// Allots sequence numbers to a fixed number of writers.
#[derive(Debug)]
pub struct Sequencer {
    /// The number to be taken next; the first is 1.
    next: Padded<AtomicU64>,
    /// The highest cut any reader has found. Cuts never move back, even when a writer's bound is an old one.
    floor: Padded<AtomicU64>,
    cells: Box<[Padded<Cell>]>,
}

/// One writer's word, on a cache line of its own.
#[derive(Debug)]
struct Cell {
    /// 1 while a writer owns the cell.
    taken: AtomicU64,
    /// No number below this one will be the owner's; [`IDLE`] between writes.
    in_flight: AtomicU64,
}

/// The place of a writer in a [`Sequencer`]. Not `Clone`: a cell has one owner.
#[derive(Debug)]
pub struct Place(usize);

/// A number that is taken and not yet published. Dropping it says that everything it stands for is visible, or never
/// will be: drop it after the last store of the change.
#[derive(Debug)]
pub struct Ticket<'a> {
    cell: &'a Cell,
    seq: u64,
}

impl Sequencer {
    /// A sequencer for at most `writers` writers at a time.
    pub fn new(writers: usize) -> Sequencer {
        let cell = || Padded(Cell { taken: AtomicU64::new(0), in_flight: AtomicU64::new(IDLE) });
        Sequencer {
            next: Padded(AtomicU64::new(1)),
            floor: Padded(AtomicU64::new(0)),
            cells: (0..writers).map(|_| cell()).collect(),
        }
    }

    /// A free place, if there is one.
    pub fn claim(&self) -> Option<Place> {
        let free = |cell: &Padded<Cell>| {
            cell.0.taken.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        self.cells.iter().position(free).map(Place)
    }

    /// Gives a place back, for another writer.
    #[expect(clippy::needless_pass_by_value, reason = "whoever gives a place back must not keep it")]
    pub fn release(&self, place: Place) {
        self.cells[place.0].0.taken.store(0, Ordering::Release);
    }

    /// Takes the next number. The cut stays below it until the ticket is dropped.
    #[inline]
    pub fn take<'a>(&'a self, place: &'a mut Place) -> Ticket<'a> {
        let cell = &self.cells[place.0].0;
        let bound = self.next.0.load(Ordering::Relaxed);
        cell.in_flight.store(bound, Ordering::Release);
        let seq = self.next.0.fetch_add(1, Ordering::Release);
        Ticket { cell, seq }
    }

    /// The highest number such that it and all below it are published. Never moves back.
    pub fn safe_cut(&self) -> u64 {
        let mut cut = self.next.0.load(Ordering::Acquire) - 1;
        for cell in &self.cells {
            let bound = cell.0.in_flight.load(Ordering::Acquire);
            cut = cut.min(bound - 1);
        }
        let floor = self.floor.0.load(Ordering::Acquire);
        if cut <= floor {
            return floor;
        }
        self.floor.0.fetch_max(cut, Ordering::AcqRel).max(cut)
    }

    /// The last number that was taken, published or not; 0 before the first.
    pub fn last(&self) -> u64 {
        self.next.0.load(Ordering::Relaxed) - 1
    }
}

impl Ticket<'_> {
    /// The number.
    #[inline]
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl Drop for Ticket<'_> {
    #[inline]
    fn drop(&mut self) {
        self.cell.in_flight.store(IDLE, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_cut_waits_for_the_slowest_writer_and_never_moves_back() {
        let sequencer = Sequencer::new(2);
        let mut slow = sequencer.claim().unwrap();
        let mut fast = sequencer.claim().unwrap();
        assert_eq!(sequencer.safe_cut(), 0);
        drop(sequencer.take(&mut fast));
        assert_eq!(sequencer.safe_cut(), 1);
        let held = sequencer.take(&mut slow);
        for _ in 0..5 {
            drop(sequencer.take(&mut fast));
        }
        assert_eq!((held.seq(), sequencer.last(), sequencer.safe_cut()), (2, 7, 1));
        drop(held);
        assert_eq!(sequencer.safe_cut(), 7);
    }

    #[test]
    fn an_old_bound_does_not_pull_the_cut_back() {
        let sequencer = Sequencer::new(2);
        let mut writer = sequencer.claim().unwrap();
        for _ in 0..9 {
            drop(sequencer.take(&mut writer));
        }
        assert_eq!(sequencer.safe_cut(), 9);
        // A writer that loaded `next` long ago and only now stores it as its bound.
        sequencer.cells[1].0.in_flight.store(3, Ordering::Release);
        assert_eq!(sequencer.safe_cut(), 9);
    }

    #[test]
    fn places_are_limited_and_come_back() {
        let sequencer = Sequencer::new(1);
        let place = sequencer.claim().unwrap();
        assert!(sequencer.claim().is_none());
        sequencer.release(place);
        assert!(sequencer.claim().is_some());
    }
}
