//! Where everything of a quote lies in the words of its slot.
//!
//! A change costs what it touches: with more symbols than a cache holds, every line of it is fetched from memory. So what
//! nearly every write needs stands together:
//!
//! | line | what |
//! |---|---|
//! | 0 | the symbol's name (`names.rs`), notes of the groups contract, day and, half, trade |
//! | 1 | notes of trade and top, [`Origins`](crate::origins::Origins), the latest arrival, the slot's lock and counts |
//! | 2 to 4 | words 0 to 18 of lane 0, its tag in front: the head and the top of the book |
//! | 4 to 8 | the rest of lane 0 |
//! | 8 to 10 | words 0 to 18 of lane 1, its tag in front |
//! | 10 to 14 | the rest of lane 1 |
//!
//! | words of a lane | what |
//! |---|---|
//! | 0 | sequence of the last change |
//! | 1 | [`Meta`]: what is present, what ever changed, status |
//! | 2 to 5 | status since, venue's clock, arrival, publication |
//! | 6 | sequence of the status's last change |
//! | 7 to 18 | the four numbers of the top, three words each: two of the number, then the sequence of its last change |
//! | 19 to 24 | the two of the trade |
//! | 25 | sequence of the side's last change |
//! | 26 to 49 | the other eight numbers |
//!
//! How many changes there have been is the number of the publication: every change is one. Readers take the head and the
//! groups that ever changed. What lies in a word that `Meta` does not name means nothing.
//!
//! | notes | what |
//! |---|---|
//! | 0 to 7 | per group, the last one first, the venue's clock and the venue's sequence |
//! | 8 | [`Origins`](crate::origins::Origins): the source of each group, and whether a gap is open |
//! | 9 | arrival of the latest update, changed or not |
//!
//! Readers do not need these, so they are not in the lanes: an update that shows nothing new publishes nothing.

use market::{Decimal, Field, Group, Micros, Quote};

use crate::groups::{Each, each_number};
use crate::meta::Meta;

/// The slot of a quote.
pub(crate) type QuoteSlot = crate::slot::Slot<WORDS, NOTES>;

/// Sequence of the last change.
pub(crate) const SEQ: usize = 0;
/// [`Meta`].
pub(crate) const META: usize = 1;
/// Since when the status holds.
pub(crate) const STATUS_SINCE: usize = 2;
/// Venue's clock of the last change.
pub(crate) const TS_EVENT: usize = 3;
/// Arrival of the update behind the last change.
pub(crate) const TS_RECV: usize = 4;
/// Publication of the last change.
pub(crate) const TS_PUB: usize = 5;
/// The status's last change.
pub(crate) const STATUS_CHANGED: usize = 6;
/// The first number.
const NUMBERS: usize = 7;
/// The side's last change: behind the numbers of the trade.
pub(crate) const SIDE_CHANGED: usize = place(Field::LastSize as usize) + 3;
/// How many words a lane has.
pub(crate) const WORDS: usize = place(Field::FundingRate as usize) + 3;

/// A word in each line that nearly every write needs, but for the lines of the tags.
const FIRST_LINES: [usize; 2] = [9, 16];

/// The first of a number's three words.
pub(crate) const fn place(field: usize) -> usize {
    let side = if field > Field::LastSize as usize { 1 } else { 0 };
    NUMBERS + 3 * field + side
}

/// How many notes a slot has: two a group, and two of all.
pub(crate) const NOTES: usize = 2 * Group::COUNT + 2;
/// [`Origins`](crate::origins::Origins).
pub(crate) const ORIGINS: usize = NOTES - 2;
/// Arrival of the latest update, as [`of_heard`] writes it.
pub(crate) const HEARD: usize = NOTES - 1;

/// The note of a group's venue time.
pub(crate) const fn time_note(group: usize) -> usize {
    // Top and trade, which are told most, next to what every write needs.
    2 * (Group::COUNT - 1 - group)
}

/// The note of a group's venue sequence.
pub(crate) const fn seq_note(group: usize) -> usize {
    time_note(group) + 1
}

/// The words of a lane that can be looked at: a slot's, or a plain array's in a test.
pub(crate) trait Words {
    /// The word at that place.
    fn get(&self, at: usize) -> u64;
    /// How many changes led to these words.
    fn changes(&self) -> u64;
}

impl Words for crate::slot::View<'_, WORDS> {
    #[inline]
    fn get(&self, at: usize) -> u64 {
        crate::slot::View::get(self, at)
    }

    #[inline]
    fn changes(&self) -> u64 {
        self.publication()
    }
}

/// The notes of a slot, or a plain array's in a test.
pub(crate) trait Notes {
    /// The note at that place.
    fn note(&self, at: usize) -> u64;
}

impl Notes for crate::slot::Guard<'_, WORDS, NOTES> {
    #[inline]
    fn note(&self, at: usize) -> u64 {
        crate::slot::Guard::note(self, at)
    }
}

/// An arrival as a note: in the order of time, and 0 for never.
#[inline]
pub(crate) fn of_heard(at: Micros) -> u64 {
    of_micros(at) ^ 1 << 63
}

/// An arrival out of its note; the earliest of all moments stands for never.
pub(crate) fn heard(note: u64) -> Option<Micros> {
    (note != 0).then(|| micros(note ^ 1 << 63))
}

/// A time out of a word.
#[inline]
pub(crate) fn micros(word: u64) -> Micros {
    Micros(word.cast_signed())
}

/// A time as a word.
#[inline]
pub(crate) fn of_micros(time: Micros) -> u64 {
    time.0.cast_unsigned()
}

/// A number as two words, bit for bit. Scale and sign stand together in the first, so any mixture of two numbers' words,
/// as a reader may see it before it is dropped, is still a number.
#[inline]
pub(crate) fn of_decimal(number: Decimal) -> [u64; 2] {
    bytemuck::cast(number)
}

/// A number out of two words.
#[inline]
pub(crate) fn decimal(words: [u64; 2]) -> Decimal {
    bytemuck::cast(words)
}

/// Scale and sign, as they stand in the first word.
#[inline]
pub(crate) fn scale_and_sign([first, _]: [u64; 2]) -> u32 {
    // The layout is C's: flags, high, low, middle digits, each of 32 bits in the machine's own order.
    let [flags, _]: [u32; 2] = bytemuck::cast(first);
    flags
}

/// The words of a stored number.
#[inline]
pub(crate) fn number(words: &impl Words, field: usize) -> [u64; 2] {
    [words.get(place(field)), words.get(place(field) + 1)]
}

/// Fills a quote from words. Nothing of what `quote` held before remains visible.
#[inline]
pub(crate) fn fill(quote: &mut Quote, words: &impl Words) {
    let meta = Meta(words.get(META));
    quote.seq = words.get(SEQ);
    quote.changes = words.changes();
    quote.status = meta.status();
    quote.reason = meta.reason();
    quote.status_since = micros(words.get(STATUS_SINCE));
    // Loaded in any case: a load is cheaper than a branch.
    let (ts_event, ts_recv) = (micros(words.get(TS_EVENT)), micros(words.get(TS_RECV)));
    let (has_event, has_recv) = meta.times();
    quote.ts_event = has_event.then_some(ts_event);
    quote.ts_recv = has_recv.then_some(ts_recv);
    quote.ts_pub = micros(words.get(TS_PUB));
    quote.sides = meta.sides();

    let ever = meta.ever();
    let (numbers, side) = quote.values.store(meta.present());
    let changed_at = quote.changed_at.store(ever);
    changed_at[Field::Status as usize] = words.get(STATUS_CHANGED);
    if ever.contains(Field::LastSide) {
        *side = meta.side();
        changed_at[Field::LastSide as usize] = words.get(SIDE_CHANGED);
    }
    // What is taken beyond need is neither present nor ever changed, so nobody sees it.
    each_number(ever, &mut Take { words, numbers, changed_at });
}

/// Takes a number and the sequence of its last change.
struct Take<'a, W> {
    words: &'a W,
    numbers: &'a mut [Decimal; Field::NUMBERS],
    changed_at: &'a mut [u64; Field::STORED],
}

impl<W: Words> Each for Take<'_, W> {
    #[inline(always)]
    fn number<const FIELD: usize>(&mut self) {
        self.numbers[FIELD] = decimal(number(self.words, FIELD));
        self.changed_at[FIELD] = self.words.get(place(FIELD) + 2);
    }
}

/// Looks at the lines that nearly every write needs ([`QuoteSlot::glance`]).
#[inline]
pub(crate) fn glance(slot: &QuoteSlot) -> u64 {
    slot.glance(FIRST_LINES)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use market::Price;

    #[test]
    fn numbers_keep_every_digit() {
        for text in [
            "0",
            "0.000",
            "1.50",
            "-0.5",
            "61685.99000000",
            "79228162514264337593543950335",
            "-7.9228162514264337593543950335",
            "0.0000000000000000000000000001",
        ] {
            let number = Price::parse(text).unwrap();
            let back = Price::from_decimal(decimal(of_decimal(number.decimal())));
            assert_eq!(back.to_string(), text);
        }
    }

    #[test]
    fn every_number_has_words_of_its_own() {
        let mut places: Vec<usize> =
            (0..Field::NUMBERS).flat_map(|field| place(field)..place(field) + 3).collect();
        places.extend([SEQ, META, STATUS_SINCE, TS_EVENT, TS_RECV, TS_PUB]);
        places.extend([STATUS_CHANGED, SIDE_CHANGED]);
        places.sort_unstable();
        assert_eq!(places, (0..WORDS).collect::<Vec<_>>());
        let mut notes: Vec<usize> =
            (0..Group::COUNT).flat_map(|group| [time_note(group), seq_note(group)]).collect();
        notes.extend([ORIGINS, HEARD]);
        notes.sort_unstable();
        assert_eq!(notes, (0..NOTES).collect::<Vec<_>>());
    }

    /// The line of a word of a lane, counted from the name.
    fn line(lane: usize, word: usize) -> usize {
        (3 + NOTES + 3 + (1 + WORDS) * lane + 1 + word) / 8
    }

    #[test]
    fn a_new_top_of_the_book_touches_seven_lines() {
        let notes = [ORIGINS, HEARD, time_note(Group::Top as usize), seq_note(Group::Top as usize)];
        assert!(notes.iter().all(|note| (3 + note) / 8 == 1), "beside the lock");
        assert_eq!((3 + NOTES + 3) * 8, 128, "the lanes begin with a line");
        for (lane, first) in [(0, 2), (1, 8)] {
            assert_eq!((line(lane, SEQ), line(lane, place(Field::AskSize as usize) + 2)), (first, first + 2));
            assert_eq!(FIRST_LINES.map(|word| line(lane, word)), [first + 1, first + 2]);
        }
        assert_eq!(line(1, WORDS - 1), 14);
    }

    #[test]
    fn arrivals_are_in_order_and_never_is_before_all() {
        let times = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Micros);
        assert!(times.map(of_heard).is_sorted());
        assert_eq!(times.map(of_heard).map(heard), times.map(Some));
        assert_eq!(heard(0), None);
    }
}
