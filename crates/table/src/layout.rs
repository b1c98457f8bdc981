//! Where everything of a quote lies in the words of its slot.
//!
//! | words of a lane | what |
//! |---|---|
//! | 0 | sequence of the last change |
//! | 1 | how many changes |
//! | 2 | [`Meta`]: what is present, what ever changed, status |
//! | 3 to 6 | status since, venue's clock, arrival, publication |
//! | 7 | sequence of the status's last change |
//! | 8 to 49 | the stored numbers, three words each: two of the number, then the sequence of its last change |
//! | 50 | sequence of the side's last change |
//!
//! With the lane's tag in front, the first line of the cache holds the head of the quote and the next two the top of the
//! book. Readers take the head and the groups that ever changed. What lies in a word that `Meta` does not name means
//! nothing.
//!
//! | notes | what |
//! |---|---|
//! | 0 | [`Origins`]: the source of each group, and whether a gap is open |
//! | 1 | arrival of the latest update, changed or not |
//! | 2 to 9 | per group the venue's clock and the venue's sequence |
//!
//! Readers do not need these, so they are not in the lanes: an update that shows nothing new publishes nothing.

use market::{Decimal, Field, FieldSet, Group, Micros, Quote, Reason, Side, Source, Status, Update};

use crate::groups::{Each, each_number};

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
/// The status's last change.
pub(crate) const STATUS_CHANGED: usize = 7;
/// The first number.
const NUMBERS: usize = 8;
/// The side's last change.
pub(crate) const SIDE_CHANGED: usize = NUMBERS + 3 * Field::NUMBERS;
/// How many words a lane has.
pub(crate) const WORDS: usize = SIDE_CHANGED + 1;

/// A word in each line of the cache that nearly every write needs, but for the line of the tag: the end of the head and
/// the top of the book.
pub(crate) const FIRST_LINES: [usize; 2] = [place(0), place(Field::AskSize as usize)];

/// The first of a number's three words.
pub(crate) const fn place(field: usize) -> usize {
    NUMBERS + 3 * field
}

/// [`Origins`].
pub(crate) const ORIGINS: usize = 0;
/// Arrival of the latest update, as [`of_heard`] writes it.
pub(crate) const HEARD: usize = 1;
/// The first group's venue time; its venue sequence follows.
const GROUPS: usize = 2;
/// How many notes a slot has.
pub(crate) const NOTES: usize = GROUPS + 2 * Group::COUNT;

/// The note of a group's venue time.
pub(crate) const fn time_note(group: usize) -> usize {
    GROUPS + 2 * group
}

/// The note of a group's venue sequence.
pub(crate) const fn seq_note(group: usize) -> usize {
    GROUPS + 2 * group + 1
}

/// The words of a lane that can be looked at: a slot's, or a plain array's in a test.
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

/// Presence and states in one word, so that one load tells a reader which others to take.
///
/// | bits | what |
/// |---|---|
/// | 0 to 14 | present: the numbers and the side, by discriminant |
/// | 15 | the side is `sell` |
/// | 16 to 31 | which stored fields ever changed, by discriminant |
/// | 32 to 35 | status |
/// | 36 to 40 | reason |
/// | 62, 63 | the quote has `ts_event`, `ts_recv` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Meta(pub(crate) u64);

const PRESENT: u64 = 0x7fff;
const SELL: u32 = 15;
const EVER: u32 = 16;
const STATUS: u32 = 32;
const REASON: u32 = 36;
const HAS_EVENT: u32 = 62;
const HAS_RECV: u32 = 63;

const _: () = {
    assert!(WORDS <= crate::slot::WORDS_MAX);
    assert!(Field::STORED == 16 && Field::NUMBERS == 14);
    assert!(Field::LastSide as u32 == 14 && Field::Status as u32 == 15);
    assert!(Source::History as u8 == 1 && Source::Ticker as u8 == 2);
    assert!(Source::Book as u8 == 3 && Source::Direct as u8 == 4);
    assert!(Status::ALL.len() <= STATUSES.len() && Reason::ALL.len() <= REASONS.len() && Group::COUNT == 4);
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

    #[inline]
    pub(crate) fn set_times(&mut self, has_event: bool, has_recv: bool) {
        self.put_bits(HAS_EVENT, 2, u64::from(has_event) | u64::from(has_recv) << 1);
    }
}

/// What writers know of the groups' origins, in one note.
///
/// | bits | what |
/// |---|---|
/// | 0 to 19 | [`OriginBits`] of each group |
/// | 20 | a gap has not been made good by a snapshot yet |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Origins(pub(crate) u64);

const UNSYNCED: u64 = 1 << 20;

impl Origins {
    /// Whether a gap has not been made good yet.
    #[inline]
    pub(crate) fn unsynced(self) -> bool {
        self.0 & UNSYNCED != 0
    }

    #[inline]
    pub(crate) fn set_unsynced(&mut self, on: bool) {
        self.0 = self.0 & !UNSYNCED | if on { UNSYNCED } else { 0 };
    }

    /// What is known of a group's origin.
    #[inline]
    pub(crate) fn group(self, group: usize) -> OriginBits {
        OriginBits(self.0 >> (OriginBits::WIDTH * group as u32) & OriginBits::MASK)
    }

    #[inline]
    pub(crate) fn set_group(&mut self, group: usize, origin: OriginBits) {
        let at = OriginBits::WIDTH * group as u32;
        self.0 = self.0 & !(OriginBits::MASK << at) | origin.0 << at;
    }

    /// Forgets the venue sequence of every group.
    pub(crate) fn clear_venue_seqs(&mut self) {
        for group in 0..Group::COUNT {
            self.set_group(group, OriginBits(self.group(group).0 & !OriginBits::SEQ));
        }
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

    /// Of a group that this update tells.
    #[inline]
    pub(crate) fn of(update: &Update) -> OriginBits {
        let (has_time, has_seq) = (update.ts_event.is_some(), update.venue_seq.is_some());
        OriginBits(update.source as u64 | u64::from(has_time) << 3 | u64::from(has_seq) << 4)
    }

    #[inline]
    pub(crate) fn source(self) -> Option<Source> {
        match self.0 & 0b111 {
            1 => Some(Source::History),
            2 => Some(Source::Ticker),
            3 => Some(Source::Book),
            4 => Some(Source::Direct),
            _ => None,
        }
    }

    /// The venue's clock of the group, out of its note.
    #[inline]
    pub(crate) fn time(self, notes: &impl Notes, group: usize) -> Option<Micros> {
        (self.0 & OriginBits::TIME != 0).then(|| micros(notes.note(time_note(group))))
    }

    /// The venue's sequence of the group, out of its note.
    #[inline]
    pub(crate) fn seq(self, notes: &impl Notes, group: usize) -> Option<u64> {
        (self.0 & OriginBits::SEQ != 0).then(|| notes.note(seq_note(group)))
    }
}

/// Where the values of one group came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The kind of message; `None` until the group was told, and again after its feed was lost.
    pub source: Option<Source>,
    /// Venue's clock of the latest update that was taken, if it sends one.
    pub ts_event: Option<Micros>,
    /// Venue's own sequence number of that update, if it sends one.
    pub venue_seq: Option<u64>,
}

/// The origin of a group, out of the notes.
pub(crate) fn origin(notes: &impl Notes, group: Group) -> Origin {
    let group = group as usize;
    let bits = Origins(notes.note(ORIGINS)).group(group);
    Origin { source: bits.source(), ts_event: bits.time(notes, group), venue_seq: bits.seq(notes, group) }
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
    quote.changes = words.get(CHANGES);
    quote.status = meta.status();
    quote.reason = meta.reason();
    quote.status_since = micros(words.get(STATUS_SINCE));
    // Loaded in any case: a load is cheaper than a branch.
    let (ts_event, ts_recv) = (micros(words.get(TS_EVENT)), micros(words.get(TS_RECV)));
    quote.ts_event = meta.bit(HAS_EVENT).then_some(ts_event);
    quote.ts_recv = meta.bit(HAS_RECV).then_some(ts_recv);
    quote.ts_pub = micros(words.get(TS_PUB));

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
        assert!(meta.bit(HAS_EVENT) && meta.bit(HAS_RECV));
    }

    #[test]
    fn the_parts_of_the_origins_do_not_touch_each_other() {
        let mut origins = Origins::default();
        let sources = [Source::History, Source::Ticker, Source::Book, Source::Direct];
        let told = |source| {
            let mut update = Update::new(source, Micros(1));
            (update.ts_event, update.venue_seq) = (Some(Micros(1)), Some(1));
            update
        };
        for (group, source) in sources.into_iter().enumerate() {
            origins.set_group(group, OriginBits::of(&told(source)));
        }
        origins.set_unsynced(true);
        origins.clear_venue_seqs();
        for (group, source) in sources.into_iter().enumerate() {
            let mut without = told(source);
            without.venue_seq = None;
            assert_eq!(origins.group(group), OriginBits::of(&without));
            assert_eq!(origins.group(group).source(), Some(source));
        }
        assert!(origins.unsynced());
        origins.set_unsynced(false);
        assert!(!origins.unsynced() && origins.group(3).source() == Some(Source::Direct));
    }

    #[test]
    fn every_number_has_words_of_its_own() {
        let mut places: Vec<usize> =
            (0..Field::NUMBERS).flat_map(|field| place(field)..place(field) + 3).collect();
        places.extend([SEQ, CHANGES, META, STATUS_SINCE, TS_EVENT, TS_RECV, TS_PUB]);
        places.extend([STATUS_CHANGED, SIDE_CHANGED]);
        places.sort_unstable();
        assert_eq!(places, (0..WORDS).collect::<Vec<_>>());
    }

    #[test]
    fn arrivals_are_in_order_and_never_is_before_all() {
        let times = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Micros);
        assert!(times.map(of_heard).is_sorted());
        assert_eq!(times.map(of_heard).map(heard), times.map(Some));
        assert_eq!(heard(0), None);
    }
}
