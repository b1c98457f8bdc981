//! A rebuilt order book: two ladders of price levels with a bounded depth.
//!
//! A decoder keeps one per symbol where a venue sends a snapshot and then changes. The digits of every price and size
//! stay as the venue wrote them (a [`Decimal`] keeps its scale, so `0.10` and `0.1` are equal and print differently):
//! checksums are computed over them.
//!
//! Venues do not say that a level fell out of the subscribed depth, so the book has to forget it by itself: call
//! [`Book::truncate`] after *all* levels of a message were set, not after each.
//!
//! [`Book`] is the levels, [`Rebuilt`] a book with whether it can be trusted, [`Chained`] one whose changes are numbered and
//! whose snapshot is asked for elsewhere.

use market::{Decimal, Field, Micros, Reason, Source, Status, Update};

use crate::{Batch, DecodeError, Ignored, InstrumentId};

mod chained;

pub use chained::{Chained, Change, Fit};

/// How often in a row a book may be lost on one connection without a good message in between. One more means that not
/// the messages are wrong but our reading of them, or the connection; asking again and again would only load the venue.
pub const LOSSES_MAX: u8 = 3;

/// One of the two ladders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ladder {
    /// Buyers; the highest price is the best.
    Bids,
    /// Sellers; the lowest price is the best.
    Asks,
}

/// What stands at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price, with the digits of the message that last set the level.
    pub price: Decimal,
    /// The size, likewise; never zero.
    pub size: Decimal,
}

/// The best level of each side; `None` where a side is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Top {
    /// Highest bid.
    pub bid: Option<Level>,
    /// Lowest ask.
    pub ask: Option<Level>,
}

/// A book of at most `depth` levels a side.
#[derive(Clone, Debug)]
pub struct Book {
    /// Both ladders hold the best level last: most changes are near the best, and there a `Vec` moves little.
    bids: Vec<Level>,
    asks: Vec<Level>,
    depth: usize,
}

impl Book {
    /// An empty book that keeps `depth` levels a side.
    pub const fn new(depth: usize) -> Book {
        Book { bids: Vec::new(), asks: Vec::new(), depth }
    }

    /// How many levels a side are kept.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Empties the book, and keeps `depth` levels a side from now on. The memory stays.
    pub fn restart(&mut self, depth: usize) {
        self.depth = depth;
        self.bids.clear();
        self.asks.clear();
    }

    /// Sets what stands at a price; a size of zero removes the level. The price is compared as a number, and the digits
    /// of this call are kept.
    pub fn set(&mut self, ladder: Ladder, price: Decimal, size: Decimal) {
        let levels = match ladder {
            Ladder::Bids => &mut self.bids,
            Ladder::Asks => &mut self.asks,
        };
        let worse = |level: &Level| match ladder {
            Ladder::Bids => level.price < price,
            Ladder::Asks => level.price > price,
        };
        let at = levels.partition_point(worse);
        let here = levels.get(at).is_some_and(|level| level.price == price);
        match (here, size.is_zero()) {
            (true, true) => {
                levels.remove(at);
            }
            (true, false) => levels[at] = Level { price, size },
            (false, true) => {}
            (false, false) => levels.insert(at, Level { price, size }),
        }
    }

    /// Forgets the levels beyond the depth, worst first. To be called after the whole of a message was set.
    pub fn truncate(&mut self) {
        for levels in [&mut self.bids, &mut self.asks] {
            let beyond = levels.len().saturating_sub(self.depth);
            levels.drain(..beyond);
        }
    }

    /// The levels of a side, best first.
    pub fn levels(&self, ladder: Ladder) -> impl ExactSizeIterator<Item = &Level> {
        match ladder {
            Ladder::Bids => self.bids.iter().rev(),
            Ladder::Asks => self.asks.iter().rev(),
        }
    }

    /// The best level of each side.
    pub fn top(&self) -> Top {
        Top { bid: self.bids.last().copied(), ask: self.asks.last().copied() }
    }
}

/// A book of one symbol together with whether it can be trusted and what was told of it.
///
/// It waits for a snapshot, follows the changes, and when they do not fit ([`Rebuilt::lose`]) says so and waits again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The levels. Empty while waiting for a snapshot.
    pub book: Book,
    synchronised: bool,
    told: Option<Top>,
    losses: u8,
}

impl Default for Rebuilt {
    fn default() -> Rebuilt {
        Rebuilt { book: Book::new(0), synchronised: false, told: None, losses: 0 }
    }
}

impl Rebuilt {
    /// Whether a snapshot came and everything since fitted.
    pub const fn is_synchronised(&self) -> bool {
        self.synchronised
    }

    /// Starts over with a snapshot: the book is empty, keeps `depth` levels a side, and the next [`Rebuilt::tell`] states
    /// the symbol afresh.
    pub fn restart(&mut self, depth: usize) {
        self.book.restart(depth);
        self.synchronised = true;
        self.told = None;
    }

    /// The message fitted: a checksum matched, or a sequence number followed its predecessor.
    pub const fn confirm(&mut self) {
        self.losses = 0;
    }

    /// The book cannot be trusted any more. Tells the symbol `Suspect`, empties the book and waits for a snapshot, which
    /// the caller asks for in [`Batch::replies`].
    ///
    /// # Errors
    /// Reconnect, when this happened more than [`LOSSES_MAX`] times without a good message in between.
    pub fn lose(
        &mut self,
        instrument: InstrumentId,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let mut doubt = Update::of_status(Status::Suspect, reason, ts_recv);
        // By this the tap knows that no ticker's snapshot makes it good.
        doubt.source = Source::Book;
        batch.push(instrument, doubt);
        self.lose_unseen(reason)
    }

    /// As [`Rebuilt::lose`] for a book behind which nothing is shown, so that nothing becomes suspect.
    ///
    /// # Errors
    /// As [`Rebuilt::lose`].
    pub fn lose_unseen(&mut self, reason: Reason) -> Result<(), DecodeError> {
        self.restart(self.book.depth());
        self.synchronised = false;
        self.losses = self.losses.saturating_add(1);
        if self.losses > LOSSES_MAX { Err(DecodeError::Reconnect(reason)) } else { Ok(()) }
    }

    /// Tells the top of the book unless it is as it was told before: then that is a sign of life and no more. The first
    /// telling after a snapshot is marked as one.
    pub fn tell(
        &mut self,
        instrument: InstrumentId,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let top = self.book.top();
        if self.told == Some(top) {
            batch.heard.push(instrument);
            return batch.ignore(Ignored::TopUnmoved);
        }
        let mut update = Update::new(Source::Book, ts_recv);
        update.ts_event = ts_event;
        update.snapshot = self.told.is_none();
        for (field, level) in [(Field::Bid, top.bid), (Field::Ask, top.ask)] {
            update.tell_side(field, level.map(|level| level.price), level.map(|level| level.size));
        }
        batch.push(instrument, update);
        self.told = Some(top);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use market::Price;
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Price::parse(text).unwrap().decimal()
    }

    fn shown(book: &Book, ladder: Ladder) -> Vec<String> {
        book.levels(ladder).map(|level| format!("{}@{}", level.size, level.price)).collect()
    }

    fn book(depth: usize, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> Book {
        let mut book = Book::new(depth);
        for (ladder, levels) in [(Ladder::Bids, bids), (Ladder::Asks, asks)] {
            for (price, size) in levels {
                book.set(ladder, decimal(price), decimal(size));
            }
        }
        book
    }

    #[test]
    fn best_comes_first_on_both_sides() {
        let book = book(10, &[("1", "5"), ("3", "6"), ("2", "7")], &[("5", "1"), ("4", "2")]);
        assert_eq!(shown(&book, Ladder::Bids), ["6@3", "7@2", "5@1"]);
        assert_eq!(shown(&book, Ladder::Asks), ["2@4", "1@5"]);
        let top = book.top();
        assert_eq!(top.bid.unwrap().price, decimal("3"));
        assert_eq!(top.ask.unwrap().price, decimal("4"));
    }

    #[test]
    fn prices_are_numbers_and_digits_stay_as_they_came_last() {
        let mut book = book(10, &[("1.0", "5.00")], &[]);
        book.set(Ladder::Bids, decimal("1.00"), decimal("6.0"));
        assert_eq!(shown(&book, Ladder::Bids), ["6.0@1.00"], "the same price, with the newer digits");
        book.set(Ladder::Bids, decimal("1"), decimal("0.000"));
        assert_eq!(book.top(), Top::default(), "zero is zero however it is written");
        book.set(Ladder::Bids, decimal("7"), decimal("0"));
        assert_eq!(book.top(), Top::default(), "removing what is not there does nothing");
    }

    #[test]
    fn a_level_pushed_out_of_the_depth_does_not_come_back() {
        let mut book = book(2, &[], &[("1", "1"), ("2", "1")]);
        book.set(Ladder::Asks, decimal("1.5"), decimal("1"));
        book.truncate();
        assert_eq!(shown(&book, Ladder::Asks), ["1@1", "1@1.5"]);
        book.set(Ladder::Asks, decimal("1.5"), decimal("0"));
        book.set(Ladder::Asks, decimal("3"), decimal("1"));
        book.truncate();
        assert_eq!(shown(&book, Ladder::Asks), ["1@1", "1@3"], "2 is gone, as it is at the venue");
    }

    #[test]
    fn a_restart_empties_it() {
        let mut book = book(2, &[("1", "1")], &[("2", "1")]);
        book.restart(5);
        assert_eq!((book.top(), book.depth()), (Top::default(), 5));
    }

    #[test]
    fn a_lost_book_is_suspect_until_a_snapshot_states_it_afresh() {
        let mut batch = Batch::new(crate::Instruments::new("X", 1));
        let (id, now) = (InstrumentId(0), Micros(7));
        let mut rebuilt = Rebuilt::default();
        assert!(!rebuilt.is_synchronised(), "nothing came yet");
        rebuilt.restart(10);
        rebuilt.book.set(Ladder::Bids, decimal("1.50"), decimal("2"));
        rebuilt.tell(id, Some(Micros(5)), now, &mut batch);
        rebuilt.tell(id, Some(Micros(6)), now, &mut batch);
        assert_eq!((&batch.ignored[..], &batch.heard[..]), (&[Ignored::TopUnmoved][..], &[id][..]));
        let (_, first) = &batch.updates[0];
        assert!(first.snapshot && first.source == Source::Book && first.ts_event == Some(Micros(5)));
        assert_eq!(first.values().bid().map(|p| p.to_string()).as_deref(), Some("1.50"));
        assert!(
            first.told().contains(Field::Ask) && first.values().ask().is_none(),
            "the empty side is told"
        );

        rebuilt.book.set(Ladder::Bids, decimal("1.50"), decimal("3"));
        rebuilt.tell(id, None, now, &mut batch);
        assert!(!batch.updates[1].1.snapshot, "a change continues");

        assert_eq!(rebuilt.lose(id, Reason::Checksum, now, &mut batch), Ok(()));
        assert_eq!(batch.updates[2].1.status, Some((Status::Suspect, Reason::Checksum)));
        assert!(!rebuilt.is_synchronised() && rebuilt.book.top() == Top::default());
        rebuilt.restart(10);
        rebuilt.book.set(Ladder::Bids, decimal("1.50"), decimal("3"));
        rebuilt.tell(id, None, now, &mut batch);
        assert!(batch.updates[3].1.snapshot, "told afresh although the top is the same");
    }

    #[test]
    fn losing_it_again_and_again_asks_for_a_new_connection() {
        let mut rebuilt = Rebuilt::default();
        for _ in 0..LOSSES_MAX {
            assert_eq!(rebuilt.lose_unseen(Reason::Gap), Ok(()));
        }
        assert_eq!(rebuilt.lose_unseen(Reason::Gap), Err(DecodeError::Reconnect(Reason::Gap)));
        rebuilt.confirm();
        assert_eq!(rebuilt.lose_unseen(Reason::Gap), Ok(()));
    }

    proptest! {
        /// Against a sorted map that is cut to the depth after every message.
        #[test]
        fn it_is_a_sorted_map_cut_to_the_depth(
            depth in 1_usize..6,
            messages in prop::collection::vec(
                prop::collection::vec((any::<bool>(), 0_i64..12, 0_i64..3), 0..5), 0..40),
        ) {
            let mut book = Book::new(depth);
            let mut model: [BTreeMap<i64, i64>; 2] = Default::default();
            for message in messages {
                for (bid, price, size) in message {
                    let ladder = if bid { Ladder::Bids } else { Ladder::Asks };
                    book.set(ladder, Decimal::new(price, 1), Decimal::new(size, 0));
                    let side = &mut model[usize::from(bid)];
                    if size == 0 { side.remove(&price); } else { side.insert(price, size); }
                }
                book.truncate();
                while model[0].len() > depth { model[0].pop_last(); }
                while model[1].len() > depth { model[1].pop_first(); }
                let of = |(&price, &size): (&i64, &i64)| Level {
                    price: Decimal::new(price, 1),
                    size: Decimal::new(size, 0),
                };
                let asks: Vec<Level> = model[0].iter().map(of).collect();
                let bids: Vec<Level> = model[1].iter().rev().map(of).collect();
                prop_assert_eq!(book.levels(Ladder::Asks).copied().collect::<Vec<_>>(), asks);
                prop_assert_eq!(book.levels(Ladder::Bids).copied().collect::<Vec<_>>(), bids);
            }
        }
    }
}
