//! The last changes of the whole table, for streams that want each one of them.
//!
//! One ring for all streams and all writers, of fixed size, filled only while some stream wants it. A writer never
//! waits: it takes the next position and overwrites what stands there. A stream that is too far behind finds its
//! position overwritten and is told that it lagged. Positions are in the order of publication for each writer; two
//! writers of one symbol may come in the other order than their sequences, which a reader sees by the sequence.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use market::{Field, FieldSet, Quote};
use table::SymbolId;

/// The fields of the last trade.
pub(crate) const TRADE: FieldSet =
    FieldSet::EMPTY.with(Field::Last).with(Field::LastSize).with(Field::LastSide);

/// One change: the whole quote as it stood after it.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Its position.
    at: u64,
    pub(crate) id: SymbolId,
    /// How many trades of the symbol the ring had seen with this one; unchanged when it is none.
    pub(crate) trades: u64,
    /// Whether the last trade is what changed, or a part of it.
    pub(crate) is_trade: bool,
    pub(crate) quote: Quote,
}

/// What stands at a position.
#[derive(Debug)]
pub(crate) enum At {
    /// This change.
    Here(Arc<Change>),
    /// Its writer has taken the position and not filled it yet: come back.
    NotYet,
    /// It is lost.
    Overwritten,
}

/// The ring. Memory: nothing until the first stream wants it, then about 700 bytes a change.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Replaced as a whole: neither does a reader hold up a writer, nor the other way round.
    places: OnceLock<Box<[ArcSwapOption<Change>]>>,
    len: usize,
    /// The next position to write. Taken with a release, read with an acquire: positions below it are filled or will be.
    next: AtomicU64,
    /// Every change with a higher sequence has been given to the ring.
    complete_after: AtomicU64,
    /// The highest sequence that was overwritten.
    lost: AtomicU64,
    /// Trades seen, by symbol.
    trades: OnceLock<Box<[AtomicU64]>>,
    symbols: usize,
}

impl Ring {
    /// A ring of `len` changes over a table of at most `symbols`.
    pub(crate) fn new(len: usize, symbols: usize) -> Ring {
        Ring {
            places: OnceLock::new(),
            len: len.max(1),
            next: AtomicU64::new(0),
            complete_after: AtomicU64::new(u64::MAX),
            lost: AtomicU64::new(0),
            trades: OnceLock::new(),
            symbols,
        }
    }

    /// Takes the memory of the empty ring, so that no writer has to.
    pub(crate) fn prepare(&self) {
        self.places();
        self.counts();
    }

    fn places(&self) -> &[ArcSwapOption<Change>] {
        self.places.get_or_init(|| (0..self.len).map(|_| ArcSwapOption::empty()).collect())
    }

    fn counts(&self) -> &[AtomicU64] {
        self.trades.get_or_init(|| (0..self.symbols).map(|_| AtomicU64::new(0)).collect())
    }

    /// The ring is being filled again: with every change whose sequence is above this one.
    pub(crate) fn starts_after(&self, seq: u64) {
        self.complete_after.store(seq, Ordering::Release);
    }

    /// Whether every change after this sequence is still here, or on its way.
    pub(crate) fn holds_all_after(&self, seq: u64) -> bool {
        seq >= self.complete_after.load(Ordering::Acquire) && seq >= self.lost.load(Ordering::Acquire)
    }

    /// Where the next change will stand.
    pub(crate) fn head(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// How many trades of a symbol the ring has seen.
    pub(crate) fn trades(&self, id: SymbolId) -> u64 {
        self.counts().get(id.index()).map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Keeps a change in the place of the oldest one.
    pub(crate) fn push(&self, id: SymbolId, changed: FieldSet, quote: &Quote) {
        let is_trade = !changed.intersection(TRADE).is_empty();
        let trades = match self.counts().get(id.index()) {
            Some(count) if is_trade => count.fetch_add(1, Ordering::AcqRel) + 1,
            Some(count) => count.load(Ordering::Acquire),
            None => 0,
        };
        let at = self.next.fetch_add(1, Ordering::AcqRel);
        let place = &self.places()[at as usize % self.len];
        let change = Arc::new(Change { at, id, trades, is_trade, quote: *quote });
        let mut there = place.load();
        loop {
            // A writer that was held up for a whole turn must not put an old change over a newer one.
            if there.as_ref().is_some_and(|there| there.at > at) {
                self.lost.fetch_max(quote.seq, Ordering::AcqRel);
                return;
            }
            let before = place.compare_and_swap(&*there, Some(Arc::clone(&change)));
            if std::ptr::eq(as_ptr(&before), as_ptr(&there)) {
                break;
            }
            there = before;
        }
        if let Some(old) = there.as_ref() {
            self.lost.fetch_max(old.quote.seq, Ordering::AcqRel);
        }
    }

    /// What stands at a position below [`Ring::head`].
    pub(crate) fn load(&self, at: u64) -> At {
        match self.places()[at as usize % self.len].load_full() {
            Some(change) if change.at == at => At::Here(change),
            Some(change) if change.at > at => At::Overwritten,
            _ => At::NotYet,
        }
    }

    /// The oldest position that may still be there.
    pub(crate) fn tail(&self) -> u64 {
        self.head().saturating_sub(self.len as u64)
    }
}

fn as_ptr(change: &Option<Arc<Change>>) -> *const Change {
    change.as_ref().map_or(std::ptr::null(), Arc::as_ptr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Symbol;
    use table::Table;

    fn ids(count: usize) -> (Arc<Table>, Vec<SymbolId>) {
        let table = Table::new(table::Config { symbols: count, ..table::Config::default() });
        let ids =
            (0..count).map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap()).collect();
        (table, ids)
    }

    fn quote(seq: u64) -> Quote {
        Quote { seq, ..Quote::default() }
    }

    #[test]
    fn what_is_too_old_is_known_to_be_lost() {
        let (_table, ids) = ids(1);
        let ring = Ring::new(4, 1);
        for seq in 1..=6 {
            ring.push(ids[0], FieldSet::ALL, &quote(seq));
        }
        let mut seen = Vec::new();
        assert!(matches!(ring.load(1), At::Overwritten));
        for at in ring.tail()..ring.head() {
            let At::Here(change) = ring.load(at) else { panic!("{at} is lost") };
            seen.push(change.quote.seq);
        }
        assert_eq!(seen, [3, 4, 5, 6]);
        assert!(matches!(ring.load(6), At::NotYet));
    }

    #[test]
    fn trades_are_counted_by_symbol() {
        let (_table, ids) = ids(2);
        let ring = Ring::new(8, 2);
        ring.push(ids[0], FieldSet::EMPTY.with(Field::Bid), &quote(1));
        ring.push(ids[0], FieldSet::EMPTY.with(Field::Last), &quote(2));
        ring.push(ids[1], FieldSet::EMPTY.with(Field::LastSide), &quote(3));
        ring.push(ids[0], FieldSet::EMPTY.with(Field::LastSize), &quote(4));
        let mut seen = Vec::new();
        for at in 0..ring.head() {
            let At::Here(c) = ring.load(at) else { panic!("{at} is lost") };
            seen.push((c.id, c.is_trade, c.trades));
        }
        assert_eq!(seen, [(ids[0], false, 0), (ids[0], true, 1), (ids[1], true, 1), (ids[0], true, 2)]);
        assert_eq!((ring.trades(ids[0]), ring.trades(ids[1])), (2, 1));
    }
}
