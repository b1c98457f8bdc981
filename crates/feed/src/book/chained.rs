//! A book whose changes are numbered and whose snapshot comes from elsewhere (the HTTP interface of Gate, KuCoin and others):
//! changes wait for it, old ones are passed over, a missing one is a gap.
//!
//! A message holds the changes of a range of numbers. It fits when the range begins at most one above the book's number and
//! ends above it.

use std::collections::VecDeque;

use market::Decimal;

use super::{Ladder, Rebuilt};

/// Changes that are kept while a book waits for its snapshot. The first message of a book of Gate can hold a hundred of them
/// and more; so many cost a symbol about 48 KiB.
const WAITING_MAX: usize = 1_024;

/// What stands at a price after the change of that number.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Its number. Where a venue numbers messages and not changes, that of the message's end.
    pub seq: u64,
    /// Which side.
    pub ladder: Ladder,
    /// Where.
    pub price: Decimal,
    /// How much stands there now; zero removes the level.
    pub size: Decimal,
}

/// What a message was to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The book is as the message says.
    Applied,
    /// It waits for a snapshot.
    Waits,
    /// The book knew it before.
    Old,
    /// Something between the book and the message is missing.
    Gap,
    /// The venue has started its numbers anew.
    Restarted,
}

/// A rebuilt book and the number of its latest change.
#[derive(Debug, Default)]
pub struct Chained {
    /// The levels, and what was told of them.
    pub rebuilt: Rebuilt,
    last: u64,
    /// Whether a change has followed the snapshot. Until then older ones are no surprise.
    followed: bool,
    /// Changes that wait, without a gap between them: those from number `from` to number `upto`.
    waiting: VecDeque<Change>,
    from: u64,
    upto: u64,
}

impl Chained {
    /// Takes a snapshot of `depth` levels a side that the venue pushed itself: it holds whatever came before.
    pub fn replace(&mut self, depth: usize, seq: u64, levels: &[Change]) {
        self.waiting.clear();
        self.rebuilt.restart(depth);
        self.set_all(levels);
        self.last = seq;
        // It came in the order of the changes, so an older number after it is a new count.
        self.followed = true;
    }

    /// Takes a whole book without a number, as another state of what was told before.
    pub fn set_whole(&mut self, levels: &[Change]) {
        let depth = self.rebuilt.book.depth();
        self.rebuilt.book.restart(depth);
        self.set_all(levels);
    }

    fn set_all(&mut self, levels: &[Change]) {
        for level in levels {
            self.rebuilt.book.set(level.ladder, level.price, level.size);
        }
        self.rebuilt.book.truncate();
    }

    /// Takes a snapshot of that number that was asked for, `depth` levels a side of it, and the changes that have waited for it.
    pub fn snapshot(&mut self, depth: usize, seq: u64, levels: &[Change]) -> Fit {
        if self.rebuilt.is_synchronised() && seq <= self.last {
            return Fit::Old;
        }
        let waited = !self.waiting.is_empty() && self.upto > seq;
        if waited && self.from > seq.saturating_add(1) {
            return Fit::Gap;
        }
        self.rebuilt.restart(depth);
        for level in levels {
            self.rebuilt.book.set(level.ladder, level.price, level.size);
        }
        for change in self.waiting.drain(..).filter(|change| change.seq > seq) {
            self.rebuilt.book.set(change.ladder, change.price, change.size);
        }
        self.rebuilt.book.truncate();
        self.last = if waited { self.upto } else { seq };
        self.followed = waited;
        Fit::Applied
    }

    /// Takes the changes numbered `first` to `end`; numbers of which none moves a level are legal.
    pub fn change(&mut self, first: u64, end: u64, changes: &[Change]) -> Fit {
        if !self.rebuilt.is_synchronised() {
            self.wait(first, end, changes);
            return Fit::Waits;
        }
        if end <= self.last {
            return if self.followed && end < self.last { Fit::Restarted } else { Fit::Old };
        }
        if first > self.last.saturating_add(1) {
            return Fit::Gap;
        }
        for change in changes.iter().filter(|change| change.seq > self.last) {
            self.rebuilt.book.set(change.ladder, change.price, change.size);
        }
        self.rebuilt.book.truncate();
        self.last = end;
        self.followed = true;
        self.rebuilt.confirm();
        Fit::Applied
    }

    fn wait(&mut self, first: u64, end: u64, changes: &[Change]) {
        if self.waiting.is_empty() || first != self.upto.saturating_add(1) {
            // What came before a gap helps no snapshot: it would be missing the same changes.
            self.waiting.clear();
            self.from = first;
        }
        self.upto = end;
        for &change in changes {
            if self.waiting.len() == WAITING_MAX
                && let Some(forgotten) = self.waiting.pop_front()
            {
                self.from = forgotten.seq.saturating_add(1);
            }
            self.waiting.push_back(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Book;
    use super::*;

    fn bid(seq: u64, price: i64, size: i64) -> Change {
        Change { seq, ladder: Ladder::Bids, price: price.into(), size: size.into() }
    }

    fn best(book: &Chained) -> Option<i64> {
        book.rebuilt.book.top().bid.map(|level| i64::try_from(level.price).unwrap())
    }

    #[test]
    fn changes_wait_for_their_snapshot_and_older_ones_are_passed_over() {
        let mut book = Chained::default();
        assert_eq!(book.change(5, 5, &[bid(5, 9, 1)]), Fit::Waits);
        assert_eq!(book.change(6, 7, &[bid(7, 3, 1)]), Fit::Waits);
        assert_eq!(book.snapshot(10, 5, &[bid(5, 2, 1)]), Fit::Applied);
        assert_eq!(best(&book), Some(3), "5 is in the snapshot as it stands, 7 is newer");
        assert_eq!(book.change(8, 8, &[bid(8, 3, 0)]), Fit::Applied);
        assert_eq!(best(&book), Some(2));
        assert_eq!(book.snapshot(10, 4, &[bid(4, 8, 1)]), Fit::Old);
        assert_eq!(book.change(10, 10, &[]), Fit::Gap);
        assert_eq!(book.change(8, 8, &[]), Fit::Old, "said twice");
        assert_eq!(book.change(2, 3, &[]), Fit::Restarted);
        book.replace(10, 3, &[bid(3, 6, 1)]);
        assert_eq!((best(&book), book.change(4, 4, &[])), (Some(6), Fit::Applied));
        book.set_whole(&[bid(0, 1, 1)]);
        assert_eq!((best(&book), book.change(5, 5, &[])), (Some(1), Fit::Applied), "the number stays");
    }

    #[test]
    fn a_snapshot_older_than_all_that_waits_is_no_beginning() {
        let mut book = Chained::default();
        book.change(5, 6, &[bid(6, 9, 1)]);
        assert_eq!(book.snapshot(10, 3, &[]), Fit::Gap);
        assert_eq!(book.snapshot(10, 4, &[bid(4, 1, 1)]), Fit::Applied);
        assert_eq!(best(&book), Some(9));
    }

    #[test]
    fn a_snapshot_that_comes_first_is_met_by_the_changes() {
        let mut book = Chained::default();
        assert_eq!(book.snapshot(10, 10, &[bid(10, 1, 1)]), Fit::Applied);
        assert_eq!(book.change(4, 4, &[bid(4, 7, 1)]), Fit::Old);
        assert_eq!(book.change(9, 11, &[bid(9, 7, 1), bid(11, 2, 1)]), Fit::Applied);
        assert_eq!(best(&book), Some(2), "9 is older than the snapshot");
        assert_eq!(book.change(11, 12, &[bid(12, 3, 1)]), Fit::Applied, "what both hold is the same in both");
        assert_eq!(best(&book), Some(3));
    }

    #[test]
    fn a_count_that_begins_anew_after_a_pushed_book_is_seen() {
        let mut book = Chained::default();
        book.replace(10, 1_000, &[bid(1_000, 100, 1)]);
        assert_eq!(book.change(1, 2, &[bid(2, 101, 1)]), Fit::Restarted);
    }

    #[test]
    fn what_waits_is_bounded_and_a_forgotten_change_is_a_gap() {
        let mut book = Chained::default();
        for seq in 1..=WAITING_MAX as u64 + 1 {
            book.change(seq, seq, &[bid(seq, 1, 1)]);
        }
        assert_eq!(book.waiting.len(), WAITING_MAX);
        assert_eq!(book.snapshot(10, 0, &[]), Fit::Gap, "the first is forgotten");
        assert_eq!(book.snapshot(10, 1, &[]), Fit::Applied);
        book.rebuilt.lose_unseen(market::Reason::Gap).unwrap();
        book.change(6_000, 6_000, &[bid(6_000, 1, 1)]);
        book.change(6_002, 6_002, &[bid(6_002, 1, 1)]);
        assert_eq!(book.snapshot(10, 6_000, &[]), Fit::Gap, "6,001 is missing");
        assert_eq!(book.snapshot(10, 6_001, &[]), Fit::Applied);
    }

    proptest! {
        /// Whatever a book says it has applied is what all changes up to its number make, in any order of messages, however
        /// often they come, and whenever the snapshot does.
        #[test]
        fn an_applied_book_is_what_all_changes_up_to_its_number_make(
            truth in prop::collection::vec((0_i64..6, 0_i64..3), 1..30),
            cuts in prop::collection::vec(1_usize..4, 1..30),
            order in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..60),
        ) {
            let change = |seq: usize| bid(seq as u64 + 1, truth[seq].0, truth[seq].1);
            let mut messages = Vec::new();
            let mut at = 0;
            for cut in cuts {
                let end = (at + cut).min(truth.len());
                if at < end {
                    messages.push((at..end).map(change).collect::<Vec<_>>());
                }
                at = end;
            }
            let upto = |seq: u64| {
                let mut book = Book::new(10);
                for at in 0..seq as usize {
                    let change = change(at);
                    book.set(change.ladder, change.price, change.size);
                }
                book
            };
            let mut book = Chained::default();
            let mut next = 0;
            for (follow, pick) in order {
                let fit = if follow && next < messages.len() {
                    let message = &messages[next];
                    next += 1;
                    book.change(message[0].seq, message[message.len() - 1].seq, message)
                } else if pick.index(3) == 0 {
                    let seq = pick.index(truth.len() + 1) as u64;
                    let levels: Vec<Change> = upto(seq)
                        .levels(Ladder::Bids)
                        .map(|level| Change { seq, ladder: Ladder::Bids, price: level.price, size: level.size })
                        .collect();
                    book.snapshot(10, seq, &levels)
                } else {
                    let message = &messages[pick.index(messages.len())];
                    book.change(message[0].seq, message[message.len() - 1].seq, message)
                };
                if fit == Fit::Gap && book.rebuilt.is_synchronised() {
                    // What every decoder does; how often is not the question here.
                    let _too_often = book.rebuilt.lose_unseen(market::Reason::Gap);
                }
                if book.rebuilt.is_synchronised() {
                    let want: Vec<_> = upto(book.last).levels(Ladder::Bids).copied().collect();
                    prop_assert_eq!(book.rebuilt.book.levels(Ladder::Bids).copied().collect::<Vec<_>>(), want);
                }
            }
        }
    }
}
