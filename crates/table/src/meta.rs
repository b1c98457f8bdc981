//! Presence and states of a quote in one word.

use market::{Field, FieldSet, Reason, Side, Sides, Status};

/// Presence and states in one word, so that one load tells a reader which others to take.
///
/// | bits | what |
/// |---|---|
/// | 0 to 14 | present: the numbers and the side, by discriminant |
/// | 15 | the side is `sell` |
/// | 16 to 31 | which stored fields ever changed, by discriminant |
/// | 32 to 35 | status |
/// | 36 to 40 | reason |
/// | 41 to 61 | [`Sides`]: that it is a composite, and whose its bid and its ask are |
/// | 62, 63 | the quote has `ts_event`, `ts_recv` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Meta(pub(crate) u64);

const PRESENT: u64 = 0x7fff;
const SELL: u32 = 15;
const EVER: u32 = 16;
const STATUS: u32 = 32;
const REASON: u32 = 36;
const SIDES: u32 = 41;
const HAS_EVENT: u32 = 62;
const HAS_RECV: u32 = 63;

const _: () = {
    assert!(Field::STORED == 16 && Field::NUMBERS == 14);
    assert!(SIDES + Sides::BITS == HAS_EVENT);
    assert!(Field::LastSide as u32 == 14 && Field::Status as u32 == 15);
    assert!(Status::ALL.len() <= STATUSES.len() && Reason::ALL.len() <= REASONS.len());
};

/// By discriminant, for every value that the bits can have: then no look has to be checked.
const STATUSES: [Status; 16] = {
    let mut all = [Status::Unknown; 16];
    let mut at = 0;
    while at < Status::ALL.len() {
        all[at] = Status::ALL[at];
        at += 1;
    }
    all
};

/// As [`STATUSES`].
const REASONS: [Reason; 32] = {
    let mut all = [Reason::None; 32];
    let mut at = 0;
    while at < Reason::ALL.len() {
        all[at] = Reason::ALL[at];
        at += 1;
    }
    all
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
    #[inline]
    pub(crate) fn present(self) -> FieldSet {
        FieldSet::from_bits((self.0 & PRESENT) as u32)
    }

    #[inline]
    pub(crate) fn set_present(&mut self, present: FieldSet) {
        self.put_bits(0, 15, u64::from(present.bits()));
    }

    /// Which stored fields ever changed.
    #[inline]
    pub(crate) fn ever(self) -> FieldSet {
        FieldSet::from_bits((self.0 >> EVER) as u32 & 0xffff)
    }

    #[inline]
    pub(crate) fn add_ever(&mut self, changed: FieldSet) {
        self.0 |= u64::from(changed.intersection(FieldSet::STORED).bits()) << EVER;
    }

    /// The side; meaningless when it is not present.
    #[inline]
    pub(crate) fn side(self) -> Side {
        if self.bit(SELL) { Side::Sell } else { Side::Buy }
    }

    #[inline]
    pub(crate) fn set_side(&mut self, side: Side) {
        self.put(SELL, side == Side::Sell);
    }

    #[inline]
    pub(crate) fn status(self) -> Status {
        STATUSES[(self.0 >> STATUS & 0xf) as usize]
    }

    #[inline]
    pub(crate) fn reason(self) -> Reason {
        REASONS[(self.0 >> REASON & 0x1f) as usize]
    }

    #[inline]
    pub(crate) fn set_status(&mut self, status: Status, reason: Reason) {
        self.put_bits(STATUS, 4, status as u64);
        self.put_bits(REASON, 5, reason as u64);
    }

    /// Whose the two sides are.
    #[inline]
    pub(crate) fn sides(self) -> Sides {
        Sides::from_bits((self.0 >> SIDES) as u32)
    }

    pub(crate) fn set_sides(&mut self, sides: Sides) {
        self.put_bits(SIDES, Sides::BITS, u64::from(sides.bits()));
    }

    #[inline]
    pub(crate) fn set_times(&mut self, has_event: bool, has_recv: bool) {
        self.put_bits(HAS_EVENT, 2, u64::from(has_event) | u64::from(has_recv) << 1);
    }

    /// Which times the quote has: `ts_event`, `ts_recv`.
    #[inline]
    pub(crate) fn times(self) -> (bool, bool) {
        (self.bit(HAS_EVENT), self.bit(HAS_RECV))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_meta_word_do_not_touch_each_other() {
        let mut meta = Meta::default();
        for status in Status::ALL {
            for reason in Reason::ALL {
                meta.set_status(status, reason);
                assert_eq!((meta.status(), meta.reason()), (status, reason));
            }
        }
        let venue = market::Venue::intern("KRAKEN");
        let sides = Sides::of(venue, None);
        meta.set_sides(sides);
        assert_eq!((meta.status(), meta.times()), (Status::ALL[7], (false, false)));
        meta.set_times(true, true);
        meta.set_present(FieldSet::STORED.without(Field::Status));
        meta.set_side(Side::Sell);
        meta.set_status(Status::Live, Reason::None);
        meta.add_ever(FieldSet::EMPTY.with(Field::Status));
        assert_eq!(meta.ever(), FieldSet::EMPTY.with(Field::Status));
        meta.add_ever(FieldSet::ALL);
        assert_eq!(meta.ever(), FieldSet::STORED, "what follows from others is not stored");
        assert_eq!((meta.status(), meta.reason(), meta.side()), (Status::Live, Reason::None, Side::Sell));
        assert_eq!(meta.present(), FieldSet::STORED.without(Field::Status));
        assert_eq!(meta.times(), (true, true));
        assert_eq!(meta.sides(), sides);
    }
}
