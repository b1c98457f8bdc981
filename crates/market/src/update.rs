//! What a venue said of one symbol in one message.

use rust_decimal::Decimal;

use crate::{Field, FieldSet, Micros, Reason, Side, Status, Values};

/// The kind of message behind a group of fields, worst first: where times cannot be compared, a lower kind does not
/// overwrite a higher one of the same symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Source {
    /// Old trades or a summary sent when subscribing.
    History = 1,
    /// A periodic or trade-driven summary.
    Ticker = 2,
    /// A rebuilt book.
    Book = 3,
    /// A best-bid-offer or trade message: the venue's own word for exactly this.
    Direct = 4,
}

impl Source {
    /// The name in documents and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Source::History => "history",
            Source::Ticker => "ticker",
            Source::Book => "book",
            Source::Direct => "direct",
        }
    }

    /// The source of that discriminant.
    pub fn from_u8(byte: u8) -> Option<Source> {
        [Source::History, Source::Ticker, Source::Book, Source::Direct].into_iter().find(|s| *s as u8 == byte)
    }
}

/// What a venue said of one symbol in one message: values for some fields ("absent" is a value too), or a status.
///
/// Fields that are not told keep what they had. An update without a status and with at least one field confirms that
/// the symbol is live.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// Stored fields the venue spoke of, present or absent.
    told: FieldSet,
    values: Values,
    /// The kind of message.
    pub source: Source,
    /// Venue's clock, if the message has it.
    pub ts_event: Option<Micros>,
    /// When the message arrived.
    pub ts_recv: Micros,
    /// Venue's own sequence for exactly this kind of message, if it must only grow; never compared across sources.
    pub venue_seq: Option<u64>,
    /// A new status, and why. `Suspect` is cleared only by an update with [`Update::snapshot`].
    pub status: Option<(Status, Reason)>,
    /// Whether this states the symbol afresh (after subscribing or resynchronising) instead of continuing.
    pub snapshot: bool,
}

impl Update {
    /// An update that says nothing yet.
    pub fn new(source: Source, ts_recv: Micros) -> Update {
        Update {
            told: FieldSet::EMPTY,
            values: Values::default(),
            source,
            ts_event: None,
            ts_recv,
            venue_seq: None,
            status: None,
            snapshot: false,
        }
    }

    /// An update that only tells a status.
    pub fn of_status(status: Status, reason: Reason, ts_recv: Micros) -> Update {
        let mut update = Update::new(Source::Direct, ts_recv);
        update.status = Some((status, reason));
        update
    }

    /// Tells a number, or that it is absent.
    pub fn tell(&mut self, field: Field, value: Option<Decimal>) {
        if FieldSet::NUMBERS.contains(field) {
            self.told = self.told.with(field);
            self.values.set_number(field, value);
        }
    }

    /// Tells one side of the top of book. A price without a size, or a size of `None`, leaves that size absent; a
    /// price of zero with no size or a zero size means that the side is empty.
    pub fn tell_side(&mut self, price_field: Field, price: Option<Decimal>, size: Option<Decimal>) {
        let size_field = if price_field == Field::Bid { Field::BidSize } else { Field::AskSize };
        let empty = price.is_none_or(|p| p.is_zero()) && size.is_none_or(|s| s.is_zero());
        self.tell(price_field, price.filter(|_| !empty));
        self.tell(size_field, size.filter(|_| !empty));
    }

    /// Tells a trade: price, size and the taker's side.
    pub fn tell_trade(&mut self, price: Option<Decimal>, size: Option<Decimal>, side: Option<Side>) {
        self.tell(Field::Last, price);
        self.tell(Field::LastSize, size);
        self.told = self.told.with(Field::LastSide);
        self.values.set_side(side);
    }

    /// Takes back what was told of these fields.
    pub fn untell(&mut self, fields: FieldSet) {
        self.told = self.told.minus(fields);
        for field in fields.intersection(FieldSet::NUMBERS).iter() {
            self.values.set_number(field, None);
        }
        if fields.contains(Field::LastSide) {
            self.values.set_side(None);
        }
    }

    /// Tells what another update told, of the fields that this one does not speak of.
    pub fn fill_from(&mut self, other: &Update) {
        let more = other.told.minus(self.told);
        self.told = self.told.union(more);
        for field in more.intersection(FieldSet::NUMBERS).iter() {
            self.values.set_number(field, other.values.number(field));
        }
        if more.contains(Field::LastSide) {
            self.values.set_side(other.values.side());
        }
    }

    /// Which fields the venue spoke of.
    pub const fn told(&self) -> FieldSet {
        self.told
    }

    /// What it said of them.
    pub const fn values(&self) -> &Values {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_side_is_absent_and_a_bare_price_is_not() {
        let mut update = Update::new(Source::Ticker, Micros(1));
        update.tell_side(Field::Bid, Some(Decimal::ZERO), Some(Decimal::ZERO));
        update.tell_side(Field::Ask, Some(Decimal::ONE), None);
        assert_eq!(update.values().bid(), None);
        assert!(update.values().ask().is_some() && update.values().ask_size().is_none());
        assert_eq!(update.told().len(), 4, "absence is told too");
    }

    #[test]
    fn what_is_taken_back_was_never_told_and_can_be_filled_from_another() {
        let mut update = Update::new(Source::Direct, Micros(1));
        update.tell_trade(Some(Decimal::ONE), Some(Decimal::TWO), Some(Side::Buy));
        let whole = update;
        update.untell(FieldSet::EMPTY.with(Field::Last).with(Field::LastSide));
        assert_eq!(update.told(), FieldSet::EMPTY.with(Field::LastSize));
        assert_eq!((update.values().last(), update.values().side()), (None, None));
        update.tell(Field::LastSize, None);
        update.fill_from(&whole);
        assert_eq!(update.told().len(), 3);
        assert_eq!(update.values().side(), Some(Side::Buy));
        assert_eq!(update.values().last_size(), None, "what it says itself stands");
    }

    #[test]
    fn only_stored_numbers_can_be_told() {
        let mut update = Update::new(Source::Ticker, Micros(1));
        update.tell(Field::Mid, Some(Decimal::ONE));
        assert!(update.told().is_empty());
    }
}
