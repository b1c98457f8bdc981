//! The current state of a symbol.

use std::fmt;

use rust_decimal::Decimal;

use crate::{Exact, Field, FieldSet, Micros, Price, Ratio, Reason, Sides, Size, Status};

/// Which side took liquidity in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

impl Side {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }

    /// The other side: venues that name the maker's side are turned round with it.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// How bid and ask of two venues stand to each other when they leave no room between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cross {
    /// The best bid is the best ask.
    Locked,
    /// The best bid is above the best ask.
    Crossed,
}

impl Cross {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Cross::Locked => "locked",
            Cross::Crossed => "crossed",
        }
    }
}

/// The stored values of a quote, each present or absent. Absent is not zero.
#[derive(Clone, Copy, Debug)]
// So that no number lies across two lines of the cache.
#[repr(C, align(16))]
pub struct Values {
    /// By [`Field`] discriminant; meaningless where not present.
    numbers: [Decimal; Field::NUMBERS],
    /// Which of the numbers and the side are present.
    present: FieldSet,
    side: Side,
}

impl Default for Values {
    fn default() -> Values {
        Values { present: FieldSet::EMPTY, numbers: [Decimal::ZERO; Field::NUMBERS], side: Side::Buy }
    }
}

impl Values {
    /// Which fields have a value.
    pub const fn present(&self) -> FieldSet {
        self.present
    }

    /// The stored number of that field; `None` when absent or when the field is not a stored number.
    pub fn number(&self, field: Field) -> Option<Decimal> {
        (self.present.contains(field) && (field as usize) < Field::NUMBERS)
            .then(|| self.numbers[field as usize])
    }

    /// Sets or clears a stored number. Fields that are not stored numbers are left alone.
    pub fn set_number(&mut self, field: Field, value: Option<Decimal>) {
        let Some(slot) = self.numbers.get_mut(field as usize) else { return };
        match value {
            Some(value) => {
                *slot = value;
                self.present = self.present.with(field);
            }
            None => self.present = self.present.without(field),
        }
    }

    /// The taker's side of the last trade.
    pub fn side(&self) -> Option<Side> {
        self.present.contains(Field::LastSide).then_some(self.side)
    }

    /// Sets or clears the taker's side of the last trade.
    pub fn set_side(&mut self, side: Option<Side>) {
        match side {
            Some(side) => {
                self.side = side;
                self.present = self.present.with(Field::LastSide);
            }
            None => self.present = self.present.without(Field::LastSide),
        }
    }

    /// All stored numbers by discriminant, for a store that keeps them in its own form. A number that is not
    /// [`Values::present`] means nothing.
    #[inline]
    pub const fn stored(&self) -> &[Decimal; Field::NUMBERS] {
        &self.numbers
    }

    /// Says what is present, and gives room to put those numbers in by discriminant and the side: the other half of
    /// [`Values::stored`].
    #[inline]
    pub const fn store(&mut self, present: FieldSet) -> (&mut [Decimal; Field::NUMBERS], &mut Side) {
        self.present = present;
        (&mut self.numbers, &mut self.side)
    }

    fn exact<U>(&self, field: Field) -> Option<Exact<U>> {
        self.number(field).map(Exact::from_decimal)
    }

    /// Best bid price.
    pub fn bid(&self) -> Option<Price> {
        self.exact(Field::Bid)
    }

    /// Best ask price.
    pub fn ask(&self) -> Option<Price> {
        self.exact(Field::Ask)
    }

    /// Size at the best bid.
    pub fn bid_size(&self) -> Option<Size> {
        self.exact(Field::BidSize)
    }

    /// Size at the best ask.
    pub fn ask_size(&self) -> Option<Size> {
        self.exact(Field::AskSize)
    }

    /// Price of the last trade.
    pub fn last(&self) -> Option<Price> {
        self.exact(Field::Last)
    }

    /// Size of the last trade.
    pub fn last_size(&self) -> Option<Size> {
        self.exact(Field::LastSize)
    }

    /// A derived number ([`Field::Change24h`], [`Field::ChangePct24h`], [`Field::Mid`], [`Field::Spread`]) or a stored
    /// one; `None` when a source is absent or the result cannot be kept exactly.
    pub fn figure(&self, field: Field) -> Option<Decimal> {
        match field {
            Field::Change24h => self.number(Field::Last)?.checked_sub(self.number(Field::Open24h)?),
            Field::ChangePct24h => {
                let open = self.number(Field::Open24h)?;
                let change = self.number(Field::Last)?.checked_sub(open)?;
                change.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(open).map(|pct| {
                    let mut pct = pct.round_dp(4);
                    pct.rescale(4);
                    pct
                })
            }
            Field::Mid => {
                let sum = self.number(Field::Bid)?.checked_add(self.number(Field::Ask)?)?;
                sum.checked_mul(Decimal::new(5, 1))
            }
            Field::Spread => self.number(Field::Ask)?.checked_sub(self.number(Field::Bid)?),
            stored => self.number(stored),
        }
    }

    /// A price, size or ratio by field, typed as a ratio.
    pub fn ratio(&self, field: Field) -> Option<Ratio> {
        self.figure(field).map(Ratio::from_decimal)
    }

    /// Whether the field has the same value in both: numbers compare as decimals, absent equals only absent.
    pub fn same(&self, other: &Values, field: Field) -> bool {
        match field {
            Field::LastSide => self.side() == other.side(),
            _ => self.number(field) == other.number(field),
        }
    }
}

/// Per stored field the sequence of its last change.
#[derive(Clone, Copy, Default)]
pub struct ChangedAt {
    /// Which fields have changed at all.
    ever: FieldSet,
    /// By [`Field`] discriminant; meaningless where never changed.
    at: [u64; Field::STORED],
}

impl fmt::Debug for ChangedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.ever.iter().map(|field| (field.name(), self.get(field)))).finish()
    }
}

impl ChangedAt {
    /// The sequence of the field's last change; 0 when it has never changed or is not a stored one.
    pub fn get(&self, field: Field) -> u64 {
        if self.ever.contains(field) { self.at[field as usize] } else { 0 }
    }

    /// Says that the field changed last at `seq`. Fields that are not stored are left alone.
    pub fn set(&mut self, field: Field, seq: u64) {
        let Some(at) = self.at.get_mut(field as usize) else { return };
        *at = seq;
        self.ever = self.ever.with(field);
    }

    /// The fields that changed after `seq`.
    #[inline]
    pub fn since(&self, seq: u64) -> FieldSet {
        let mut bits = 0_u32;
        for (place, &at) in self.at.iter().enumerate() {
            bits |= u32::from(at > seq) << place;
        }
        FieldSet::from_bits(bits).intersection(self.ever)
    }

    /// Says which stored fields have changed at all, and gives room to put their sequences in by discriminant: for a
    /// store that keeps them in its own form.
    #[inline]
    pub const fn store(&mut self, ever: FieldSet) -> &mut [u64; Field::STORED] {
        self.ever = ever.intersection(FieldSet::STORED);
        &mut self.at
    }
}

/// The current state of a symbol, as one consistent picture.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quote {
    /// Table-wide sequence of the last change; 0 before the first.
    pub seq: u64,
    /// How many changes this symbol has seen.
    pub changes: u64,
    /// The values.
    pub values: Values,
    /// Whether they can be believed.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub status_since: Micros,
    /// Venue's clock of the last change, if the venue sends one.
    pub ts_event: Option<Micros>,
    /// When the update behind the last change arrived; `None` while nothing has arrived.
    pub ts_recv: Option<Micros>,
    /// When the last change was published.
    pub ts_pub: Micros,
    /// Whose the two sides are, if it is a composite.
    pub sides: Sides,
    /// Per stored field the sequence of its last change.
    pub changed_at: ChangedAt,
}

impl Quote {
    /// The stored fields that changed after `seq`, and what a composite tells with them.
    #[inline]
    pub fn changed_since(&self, seq: u64) -> FieldSet {
        let changed = self.changed_at.since(seq);
        if self.sides.is_composite() { changed.with_sides() } else { changed }
    }

    /// How the two sides of a composite stand to each other; `None` when there is room between them, or not both, or the
    /// quote is of one venue.
    pub fn cross(&self) -> Option<Cross> {
        let (bid, ask) = (self.values.bid()?, self.values.ask()?);
        match bid.cmp(&ask) {
            _ if !self.sides.is_composite() => None,
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(Cross::Locked),
            std::cmp::Ordering::Greater => Some(Cross::Crossed),
        }
    }

    /// The word of a field of [`FieldSet::WORDS`]; `None` when it has none, and for every other field.
    pub fn word(&self, field: Field) -> Option<&'static str> {
        match field {
            Field::LastSide => self.values.side().map(Side::name),
            Field::BidVenue => self.sides.bid().map(crate::Venue::name),
            Field::AskVenue => self.sides.ask().map(crate::Venue::name),
            Field::Cross => self.cross().map(Cross::name),
            _ => None,
        }
    }

    /// Whether something can be shown for the field: a value, a derivable figure, a known time, or the status.
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Status => true,
            Field::TsPub => self.seq > 0,
            Field::TsRecv => self.ts_recv.is_some(),
            Field::TsEvent => self.ts_event.is_some(),
            word if FieldSet::WORDS.contains(word) => self.word(word).is_some(),
            number => self.values.figure(number).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Option<Decimal> {
        Price::parse(text).ok().map(Price::decimal)
    }

    #[test]
    fn absent_is_not_zero() {
        let mut values = Values::default();
        assert_eq!(values.bid(), None);
        values.set_number(Field::Bid, decimal("0"));
        assert_eq!(values.bid(), Some(Price::ZERO));
        values.set_number(Field::Bid, None);
        assert_eq!(values.bid(), None);
        values.set_number(Field::Status, decimal("1"));
        assert!(values.present().is_empty(), "only stored numbers can be set");
    }

    #[test]
    fn figures_follow_from_their_sources() {
        let mut values = Values::default();
        for (field, text) in
            [(Field::Bid, "1.0830"), (Field::Ask, "1.0840"), (Field::Last, "110"), (Field::Open24h, "100")]
        {
            values.set_number(field, decimal(text));
        }
        let text = |field| values.ratio(field).unwrap().to_string();
        assert_eq!(text(Field::Spread), "0.0010");
        assert_eq!(values.ratio(Field::Mid), Ratio::parse("1.0835").ok());
        assert_eq!(text(Field::Change24h), "10");
        assert_eq!(text(Field::ChangePct24h), "10.0000");
        values.set_number(Field::Open24h, decimal("0"));
        assert_eq!(values.figure(Field::ChangePct24h), None, "no division by zero");
        values.set_number(Field::Ask, None);
        assert_eq!(values.figure(Field::Mid), None);
    }

    #[test]
    fn only_a_composite_has_venues_and_can_be_crossed() {
        let [kraken, okx] = ["KRAKEN", "OKX"].map(crate::Venue::intern);
        let mut quote = Quote::default();
        let mut words = |bid: &str, ask: Option<&str>, sides: Sides| {
            quote.values.set_number(Field::Bid, decimal(bid));
            quote.values.set_number(Field::Ask, ask.and_then(decimal));
            quote.sides = sides;
            [Field::BidVenue, Field::AskVenue, Field::Cross].map(|field| quote.word(field))
        };
        let sides = Sides::of(kraken, okx);
        assert_eq!(words("1", Some("2"), sides), [Some("KRAKEN"), Some("OKX"), None]);
        assert_eq!(words("2.0", Some("2"), sides), [Some("KRAKEN"), Some("OKX"), Some("locked")]);
        assert_eq!(words("2.1", Some("2"), sides)[2], Some("crossed"));
        assert_eq!(words("2.1", None, Sides::of(kraken, None)), [Some("KRAKEN"), None, None]);
        assert_eq!(words("2.1", Some("2"), Sides::default()), [None; 3], "a venue's own book");
        quote.changed_at.set(Field::Ask, 7);
        assert_eq!(quote.changed_since(6), FieldSet::EMPTY.with(Field::Ask));
        quote.sides = sides;
        let told = [Field::Ask, Field::AskVenue, Field::Cross].into_iter().collect();
        assert_eq!(quote.changed_since(6), told);
        assert!(quote.changed_since(7).is_empty());
    }

    #[test]
    fn changed_since_names_the_fields() {
        let mut quote = Quote::default();
        quote.changed_at.set(Field::Ask, 7);
        quote.changed_at.set(Field::Status, 9);
        assert_eq!(quote.changed_since(8), FieldSet::EMPTY.with(Field::Status));
        assert_eq!(quote.changed_since(6), FieldSet::EMPTY.with(Field::Status).with(Field::Ask));
        assert!(quote.changed_since(9).is_empty());
    }

    #[test]
    fn what_never_changed_has_no_sequence_whatever_lies_there() {
        let mut changed_at = ChangedAt::default();
        changed_at.set(Field::Mid, 3);
        assert_eq!(changed_at.since(0), FieldSet::EMPTY, "only stored fields have a sequence");
        changed_at.store(FieldSet::EMPTY.with(Field::Bid).with(Field::Mid)).fill(5);
        assert_eq!(changed_at.since(4), FieldSet::EMPTY.with(Field::Bid));
        assert_eq!([Field::Bid, Field::Ask, Field::Mid].map(|field| changed_at.get(field)), [5, 0, 0]);
        assert_eq!(format!("{changed_at:?}"), r#"{"bid": 5}"#);
    }
}
