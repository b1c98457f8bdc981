//! Where everything of a quote lies in the words of its slot.
//!
//! | words | what |
//! |---|---|
//! | 0 | sequence of the last change |
//! | 1 | how many changes |
//! | 2 | [`Meta`]: what is present, status, sources |
//! | 3 to 6 | status since, venue's clock, arrival, publication |
//! | 7 to 34 | the stored numbers, two words each |
//! | 35 to 50 | per stored field the sequence of its last change |
//! | 51 to 58 | per group the venue's clock and the venue's sequence |
//!
//! With the lane's version in front, the first line of the cache holds the head of the quote and the second the top of
//! the book. A word whose bit in `Meta` is off means nothing and is neither written nor read.

use market::quote::Origin;
use market::{Decimal, Field, FieldSet, Group, Micros, Quote, Reason, Side, Source, Status};

/// Sequence of the last change.
pub(crate) const SEQ: usize = 0;
/// How many changes.
pub(crate) const CHANGES: usize = 1;
/// [`Meta`].
pub(crate) const META: usize = 2;
/// Since when the status holds.
pub(crate) const STATUS_SINCE: usize = 3;
/// Venue's clock of the last change.
pub(crate) const TS_EVENT: usize = 4;
/// Arrival of the update behind the last change.
pub(crate) const TS_RECV: usize = 5;
/// Publication of the last change.
pub(crate) const TS_PUB: usize = 6;
/// The first number.
pub(crate) const NUMBERS: usize = 7;
/// The first field's last change.
pub(crate) const CHANGED_AT: usize = NUMBERS + 2 * Field::NUMBERS;
/// The first group's origin.
pub(crate) const ORIGINS: usize = CHANGED_AT + Field::STORED;
/// How many words a quote has.
pub(crate) const WORDS: usize = ORIGINS + 2 * Group::COUNT;

/// Words that can be looked at: a slot's, or a plain array's in a test.
pub(crate) trait Words {
    /// The word at that place.
    fn get(&self, at: usize) -> u64;
}

impl Words for crate::slot::View<'_, WORDS> {
    #[inline]
    fn get(&self, at: usize) -> u64 {
        crate::slot::View::get(self, at)
    }
}

/// Presence, states and sources in one word, so that one load tells a reader which others to take.
///
/// | bits | what |
/// |---|---|
/// | 0 to 14 | present: the numbers and the side, by discriminant |
/// | 15 | the side is `sell` |
/// | 16 to 31 | not used |
/// | 32 to 35 | status |
/// | 36 to 40 | reason |
/// | 41 | a gap has not been made good by a snapshot yet |
/// | 42 to 61 | [`OriginBits`] of each group |
/// | 62, 63 | the quote has `ts_event`, `ts_recv` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Meta(pub(crate) u64);

const PRESENT: u64 = 0x7fff;
const SELL: u32 = 15;
const STATUS: u32 = 32;
const REASON: u32 = 36;
const UNSYNCED: u32 = 41;
const ORIGIN: u32 = 42;
const HAS_EVENT: u32 = 62;
const HAS_RECV: u32 = 63;

const _: () = {
    assert!(WORDS <= crate::slot::WORDS_MAX);
    assert!(Field::STORED == 16 && Field::NUMBERS == 14 && Field::LastSide as u32 == 14);
    assert!(Source::History as u8 == 1 && Source::Ticker as u8 == 2);
    assert!(Source::Book as u8 == 3 && Source::Direct as u8 == 4);
    assert!(Status::ALL.len() <= 16 && Reason::ALL.len() <= 32 && Group::COUNT == 4);
};

impl Meta {
    fn bit(self, at: u32) -> bool {
        self.0 >> at & 1 != 0
    }

    fn put(&mut self, at: u32, on: bool) {
        self.0 = self.0 & !(1 << at) | u64::from(on) << at;
    }

    fn put_bits(&mut self, at: u32, width: u32, value: u64) {
        let mask = (1 << width) - 1;
        self.0 = self.0 & !(mask << at) | (value & mask) << at;
    }

    /// Which numbers are present, and the side.
    pub(crate) fn present(self) -> FieldSet {
        FieldSet::from_bits((self.0 & PRESENT) as u32)
    }

    pub(crate) fn set_present(&mut self, present: FieldSet) {
        self.put_bits(0, 15, u64::from(present.bits()));
    }

    /// The side; meaningless when it is not present.
    pub(crate) fn side(self) -> Side {
        if self.bit(SELL) { Side::Sell } else { Side::Buy }
    }

    pub(crate) fn set_side(&mut self, side: Side) {
        self.put(SELL, side == Side::Sell);
    }

    pub(crate) fn status(self) -> Status {
        Status::from_u8((self.0 >> STATUS & 0xf) as u8)
    }

    pub(crate) fn reason(self) -> Reason {
        Reason::from_u8((self.0 >> REASON & 0x1f) as u8)
    }

    pub(crate) fn set_status(&mut self, status: Status, reason: Reason) {
        self.put_bits(STATUS, 4, status as u64);
        self.put_bits(REASON, 5, reason as u64);
    }

    /// Whether a gap has not been made good yet.
    pub(crate) fn unsynced(self) -> bool {
        self.bit(UNSYNCED)
    }

    pub(crate) fn set_unsynced(&mut self, on: bool) {
        self.put(UNSYNCED, on);
    }

    /// What is known of a group's origin.
    pub(crate) fn origin(self, group: Group) -> OriginBits {
        OriginBits(self.0 >> (ORIGIN + OriginBits::WIDTH * group as u32) & OriginBits::MASK)
    }

    pub(crate) fn set_origin(&mut self, group: Group, origin: OriginBits) {
        let at = ORIGIN + OriginBits::WIDTH * group as u32;
        self.0 = self.0 & !(OriginBits::MASK << at) | origin.0 << at;
    }

    /// Forgets the venue sequence of every group.
    pub(crate) fn clear_venue_seqs(&mut self) {
        for group in Group::ALL {
            self.set_origin(group, OriginBits(self.origin(group).0 & !OriginBits::SEQ));
        }
    }

    pub(crate) fn set_times(&mut self, has_event: bool, has_recv: bool) {
        self.put(HAS_EVENT, has_event);
        self.put(HAS_RECV, has_recv);
    }
}

/// What is known of a group's origin: three bits for the source (0 for none), one each for a venue time and a venue
/// sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OriginBits(u64);

impl OriginBits {
    /// Of a group that was never told, or not in this life of its feed.
    pub(crate) const NONE: OriginBits = OriginBits(0);
    const WIDTH: u32 = 5;
    const MASK: u64 = 0b1_1111;
    const TIME: u64 = 0b0_1000;
    const SEQ: u64 = 0b1_0000;

    pub(crate) fn new(source: Source, has_time: bool, has_seq: bool) -> OriginBits {
        OriginBits(source as u64 | u64::from(has_time) << 3 | u64::from(has_seq) << 4)
    }

    pub(crate) fn source(self) -> Option<Source> {
        match self.0 & 0b111 {
            1 => Some(Source::History),
            2 => Some(Source::Ticker),
            3 => Some(Source::Book),
            4 => Some(Source::Direct),
            _ => None,
        }
    }

    /// The venue's clock of the group, out of its word.
    #[inline]
    pub(crate) fn time(self, words: &impl Words, group: Group) -> Option<Micros> {
        let time = micros(words.get(ORIGINS + 2 * group as usize));
        (self.0 & OriginBits::TIME != 0).then_some(time)
    }

    /// The venue's sequence of the group, out of its word.
    #[inline]
    pub(crate) fn seq(self, words: &impl Words, group: Group) -> Option<u64> {
        let seq = words.get(ORIGINS + 2 * group as usize + 1);
        (self.0 & OriginBits::SEQ != 0).then_some(seq)
    }
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
    [words.get(NUMBERS + 2 * field), words.get(NUMBERS + 2 * field + 1)]
}

/// Fills a quote from words. Nothing of what `quote` held before remains visible.
#[inline]
pub(crate) fn fill(quote: &mut Quote, words: &impl Words) {
    let meta = Meta(words.get(META));
    quote.seq = words.get(SEQ);
    quote.changes = words.get(CHANGES);
    quote.status = meta.status();
    quote.reason = meta.reason();
    quote.status_since = micros(words.get(STATUS_SINCE));
    // Loaded in any case: a load is cheaper than a branch.
    let (ts_event, ts_recv) = (micros(words.get(TS_EVENT)), micros(words.get(TS_RECV)));
    quote.ts_event = meta.bit(HAS_EVENT).then_some(ts_event);
    quote.ts_recv = meta.bit(HAS_RECV).then_some(ts_recv);
    quote.ts_pub = micros(words.get(TS_PUB));

    let present = meta.present();
    let numbers = quote.values.store(present, meta.side());
    let mut left = present.bits() & FieldSet::NUMBERS.bits();
    while left != 0 {
        let field = left.trailing_zeros() as usize;
        numbers[field] = decimal(number(words, field));
        left &= left - 1;
    }

    // All of them: sixteen loads are cheaper than knowing which ones to spare.
    for (field, at) in quote.changed_at.iter_mut().enumerate() {
        *at = words.get(CHANGED_AT + field);
    }

    for (origin, group) in quote.origins.iter_mut().zip(Group::ALL) {
        let bits = meta.origin(group);
        let source = bits.source();
        if source.is_some() {
            *origin = Origin { source, ts_event: bits.time(words, group), venue_seq: bits.seq(words, group) };
        } else if origin.source.is_some() | origin.ts_event.is_some() | origin.venue_seq.is_some() {
            // Looked at first: stores are what a read has most of.
            *origin = Origin { source: None, ts_event: None, venue_seq: None };
        }
    }
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
    fn the_parts_of_the_meta_word_do_not_touch_each_other() {
        let mut meta = Meta::default();
        for status in Status::ALL {
            for reason in Reason::ALL {
                meta.set_status(status, reason);
                assert_eq!((meta.status(), meta.reason()), (status, reason));
            }
        }
        let groups = [Source::History, Source::Ticker, Source::Book, Source::Direct];
        for (group, source) in Group::ALL.into_iter().zip(groups) {
            meta.set_origin(group, OriginBits::new(source, true, true));
        }
        meta.set_unsynced(true);
        meta.set_times(true, true);
        meta.set_present(FieldSet::STORED.without(Field::Status));
        meta.set_side(Side::Sell);
        meta.set_status(Status::Live, Reason::None);
        meta.clear_venue_seqs();
        for (group, source) in Group::ALL.into_iter().zip(groups) {
            assert_eq!(meta.origin(group), OriginBits::new(source, true, false));
            assert_eq!(meta.origin(group).source(), Some(source));
        }
        assert_eq!((meta.status(), meta.reason(), meta.side()), (Status::Live, Reason::None, Side::Sell));
        assert_eq!(meta.present(), FieldSet::STORED.without(Field::Status));
        assert!(meta.unsynced() && meta.bit(HAS_EVENT) && meta.bit(HAS_RECV));
    }
}
