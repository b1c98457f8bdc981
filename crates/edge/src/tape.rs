//! What a loop has read of the ring: each change once, for all of its streams that want each one.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::frames::Kept;
use crate::ring::{At, Change, Ring};

/// What every stream looks at, of every change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    /// The sequence of the change.
    pub(crate) seq: u64,
    /// The place of the symbol in the table.
    symbol: u32,
    pub(crate) is_trade: bool,
}

/// A stretch of the ring, without holes. Memory: 112 bytes a change and its events, for as many changes as the ring holds;
/// nothing when nobody has asked for a while.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// The position of the first one.
    first: u64,
    /// By position, each apart: what all streams look at, what is looked at by those whom a change concerns, and what only
    /// the first of these needs.
    noted: VecDeque<Noted>,
    kept: VecDeque<Kept>,
    changes: VecDeque<Arc<Change>>,
    /// Whether anybody has asked since [`Tape::rest`].
    used: bool,
}

impl Tape {
    /// Reads on to where the ring ends, or to a change that its writer has not finished yet, and back to `from` as far as the
    /// ring still has it. What the ring no longer has is forgotten here too.
    pub(crate) fn catch_up(&mut self, ring: &Ring, from: u64) {
        self.used = true;
        let (tail, head) = (ring.tail(), ring.head());
        if from < self.first && from >= tail {
            // It has rested since, or was another thread's.
            self.clear_from(from);
        }
        if self.end() < tail {
            self.clear_from(tail);
        }
        while self.first < tail {
            self.noted.pop_front();
            self.kept.pop_front();
            self.changes.pop_front();
            self.first += 1;
        }
        while self.end() < head {
            match ring.load(self.end()) {
                At::Here(change) => {
                    let symbol = change.id.index() as u32;
                    self.noted.push_back(Noted { seq: change.quote.seq, symbol, is_trade: change.is_trade });
                    self.kept.push_back(Kept::default());
                    self.changes.push_back(change);
                }
                At::NotYet => return,
                // Writers have gone round meanwhile: only what comes after that is without holes.
                At::Overwritten => self.clear_from(ring.tail().max(self.end() + 1)),
            }
        }
    }

    fn clear_from(&mut self, first: u64) {
        self.noted.clear();
        self.kept.clear();
        self.changes.clear();
        self.first = first;
    }

    /// The first position that is here.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The position after the last one that is here.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.noted.len() as u64
    }

    /// What changed at these positions, which must be here, in order: of what `concerns` says something about, by the place
    /// of the symbol, that is looked at.
    #[inline]
    pub(crate) fn changes<T>(
        &mut self,
        positions: std::ops::Range<u64>,
        mut concerns: impl FnMut(usize) -> Option<T>,
        mut look: impl FnMut(u64, T, Noted, &Arc<Change>, &mut Kept) -> std::ops::ControlFlow<()>,
    ) {
        let from = (positions.start - self.first) as usize;
        let to = (positions.end - self.first) as usize;
        for (at, noted) in (from..to).zip(self.noted.range(from..to)) {
            if let Some(concerned) = concerns(noted.symbol as usize) {
                let (change, kept) = (&self.changes[at], &mut self.kept[at]);
                if look(self.first + at as u64, concerned, *noted, change, kept).is_break() {
                    return;
                }
            }
        }
    }

    /// Gives the memory back when nobody has asked since this was called last.
    pub(crate) fn rest(&mut self) {
        if !std::mem::take(&mut self.used) && !self.noted.is_empty() {
            *self = Tape { first: self.end(), ..Tape::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use market::{FieldSet, Quote, Symbol};
    use table::Table;

    use super::*;

    fn seqs(tape: &mut Tape) -> Vec<u64> {
        let mut seqs = Vec::new();
        tape.changes(tape.first()..tape.end(), Some, |_, _, noted, change, _| {
            assert_eq!(noted.seq, change.quote.seq);
            seqs.push(noted.seq);
            std::ops::ControlFlow::Continue(())
        });
        seqs
    }

    #[test]
    fn a_tape_has_no_holes_and_no_more_than_the_ring() {
        let table = Table::new(table::Config { symbols: 1, ..table::Config::default() });
        let id = table.intern(&Symbol::parse("V:S").unwrap()).unwrap();
        let ring = Ring::new(4, 1);
        let mut tape = Tape::default();
        let push = |seq| ring.push(id, FieldSet::ALL, &Quote { seq, ..Quote::default() });
        (1..=3).for_each(push);
        tape.catch_up(&ring, u64::MAX);
        assert_eq!((tape.first(), tape.end()), (0, 3));
        assert_eq!(seqs(&mut tape), [1, 2, 3]);
        (4..=6).for_each(push);
        tape.catch_up(&ring, u64::MAX);
        assert_eq!((tape.first(), tape.end()), (2, 6));
        assert_eq!(seqs(&mut tape), [3, 4, 5, 6]);
        // Gone over while nobody looked.
        (7..=20).for_each(push);
        tape.catch_up(&ring, u64::MAX);
        assert_eq!((tape.first(), tape.end()), (16, 20));
        assert_eq!(seqs(&mut tape), [17, 18, 19, 20]);
        tape.rest();
        assert_eq!(tape.end() - tape.first(), 4, "somebody has asked");
        tape.rest();
        assert_eq!((tape.first(), tape.end()), (20, 20));
        push(21);
        tape.catch_up(&ring, u64::MAX);
        assert_eq!((tape.first(), tape.end()), (20, 21));
        tape.catch_up(&ring, 18);
        assert_eq!(seqs(&mut tape), [19, 20, 21], "what it had forgotten and the ring has not");
        tape.catch_up(&ring, 3);
        assert_eq!(seqs(&mut tape), [19, 20, 21], "what the ring has not is lost");
    }
}
