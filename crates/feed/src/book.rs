//! A rebuilt order book: two ladders of price levels with a bounded depth.
//!
//! A decoder keeps one per symbol where a venue sends a snapshot and then changes. The digits of every price and size
//! stay as the venue wrote them (a [`Decimal`] keeps its scale, so `0.10` and `0.1` are equal and print differently):
//! checksums are computed over them.
//!
//! Venues do not say that a level fell out of the subscribed depth, so the book has to forget it by itself: call
//! [`Book::truncate`] after *all* levels of a message were set, not after each.

use market::Decimal;

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
