//! The fields of a quote, sets of them, and the groups that share a time and a source.

use std::fmt;

/// One field of a quote, as named on the wire.
///
/// The first fourteen are the stored numbers and their discriminant is their place in [`crate::Values`]. Then come
/// the two stored fields that are not numbers, the derived numbers, and the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Best bid price.
    Bid = 0,
    /// Size at the best bid, in the venue's unit (`feeds/README.md` says which).
    BidSize = 1,
    /// Best ask price.
    Ask = 2,
    /// Size at the best ask.
    AskSize = 3,
    /// Price of the last trade.
    Last = 4,
    /// Size of the last trade.
    LastSize = 5,
    /// Price 24 hours ago (rolling window, never a calendar day).
    Open24h = 6,
    /// Highest price of the last 24 hours.
    High24h = 7,
    /// Lowest price of the last 24 hours.
    Low24h = 8,
    /// Volume of the last 24 hours in the base unit (contracts on derivatives, see `feeds/README.md`).
    Volume24h = 9,
    /// Volume of the last 24 hours in the quote unit.
    QuoteVolume24h = 10,
    /// Mark price (derivatives).
    Mark = 11,
    /// Index price (derivatives).
    Index = 12,
    /// Funding rate as a ratio: 0.0001 is one basis point (derivatives).
    FundingRate = 13,
    /// Which side took liquidity in the last trade.
    LastSide = 14,
    /// Whether the quote can be believed.
    Status = 15,
    /// `last - open_24h`, derived.
    Change24h = 16,
    /// `100 * change_24h / open_24h` to four places, derived.
    ChangePct24h = 17,
    /// `(bid + ask) / 2`, derived.
    Mid = 18,
    /// `ask - bid`, derived; negative when the venue's book is crossed.
    Spread = 19,
    /// Venue's clock, microseconds since 1970.
    TsEvent = 20,
    /// Our socket's clock, microseconds since 1970.
    TsRecv = 21,
    /// When the change was published, microseconds since 1970.
    TsPub = 22,
    /// Composites only: whose the best bid is.
    BidVenue = 23,
    /// Composites only: whose the best ask is.
    AskVenue = 24,
    /// Composites only: whether bid and ask of two venues meet or overlap ([`crate::Cross`]), derived.
    Cross = 25,
}

impl Field {
    /// How many stored numbers there are.
    pub const NUMBERS: usize = 14;
    /// How many stored fields remember the sequence of their last change: the numbers, the side and the status.
    pub const STORED: usize = 16;
    /// Every field in the order in which events carry them.
    pub const ALL: [Field; 26] = [
        Field::Bid,
        Field::BidSize,
        Field::Ask,
        Field::AskSize,
        Field::Last,
        Field::LastSize,
        Field::LastSide,
        Field::Open24h,
        Field::High24h,
        Field::Low24h,
        Field::Volume24h,
        Field::QuoteVolume24h,
        Field::Change24h,
        Field::ChangePct24h,
        Field::Mark,
        Field::Index,
        Field::FundingRate,
        Field::Mid,
        Field::Spread,
        Field::BidVenue,
        Field::AskVenue,
        Field::Cross,
        Field::TsEvent,
        Field::TsRecv,
        Field::TsPub,
        Field::Status,
    ];

    /// The stored numbers in storage order.
    pub const NUMBER_FIELDS: [Field; Field::NUMBERS] = [
        Field::Bid,
        Field::BidSize,
        Field::Ask,
        Field::AskSize,
        Field::Last,
        Field::LastSize,
        Field::Open24h,
        Field::High24h,
        Field::Low24h,
        Field::Volume24h,
        Field::QuoteVolume24h,
        Field::Mark,
        Field::Index,
        Field::FundingRate,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Bid => "bid",
            Field::BidSize => "bid_size",
            Field::Ask => "ask",
            Field::AskSize => "ask_size",
            Field::Last => "last",
            Field::LastSize => "last_size",
            Field::LastSide => "last_side",
            Field::Open24h => "open_24h",
            Field::High24h => "high_24h",
            Field::Low24h => "low_24h",
            Field::Volume24h => "volume_24h",
            Field::QuoteVolume24h => "quote_volume_24h",
            Field::Change24h => "change_24h",
            Field::ChangePct24h => "change_pct_24h",
            Field::Mark => "mark",
            Field::Index => "index",
            Field::FundingRate => "funding_rate",
            Field::Mid => "mid",
            Field::Spread => "spread",
            Field::TsEvent => "ts_event",
            Field::TsRecv => "ts_recv",
            Field::TsPub => "ts_pub",
            Field::BidVenue => "bid_venue",
            Field::AskVenue => "ask_venue",
            Field::Cross => "cross",
            Field::Status => "status",
        }
    }

    /// The field of that wire name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The group of a stored field; `None` for status, derived fields and times.
    pub const fn group(self) -> Option<Group> {
        Some(match self {
            Field::Bid | Field::BidSize | Field::Ask | Field::AskSize => Group::Top,
            Field::Last | Field::LastSize | Field::LastSide => Group::Trade,
            Field::Open24h | Field::High24h | Field::Low24h | Field::Volume24h | Field::QuoteVolume24h => {
                Group::Day
            }
            Field::Mark | Field::Index | Field::FundingRate => Group::Contract,
            _ => return None,
        })
    }
}

/// Fields that a venue tells together, and that therefore share one source, one venue time and one venue sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Group {
    /// Top of book: best bid and ask with sizes.
    Top = 0,
    /// Last trade.
    Trade = 1,
    /// Rolling 24 h figures.
    Day = 2,
    /// Figures of a derivative contract: mark, index, funding.
    Contract = 3,
}

impl Group {
    /// How many groups there are.
    pub const COUNT: usize = 4;
    /// Every group in storage order.
    pub const ALL: [Group; Group::COUNT] = [Group::Top, Group::Trade, Group::Day, Group::Contract];

    /// The fields of the group.
    pub const fn fields(self) -> FieldSet {
        match self {
            Group::Top => {
                FieldSet::EMPTY.with(Field::Bid).with(Field::BidSize).with(Field::Ask).with(Field::AskSize)
            }
            Group::Trade => FieldSet::EMPTY.with(Field::Last).with(Field::LastSize).with(Field::LastSide),
            Group::Day => FieldSet::EMPTY
                .with(Field::Open24h)
                .with(Field::High24h)
                .with(Field::Low24h)
                .with(Field::Volume24h)
                .with(Field::QuoteVolume24h),
            Group::Contract => FieldSet::EMPTY.with(Field::Mark).with(Field::Index).with(Field::FundingRate),
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(u32);

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);
    /// Every field there is.
    pub const ALL: FieldSet = FieldSet((1 << 26) - 1);
    /// The fields the table stores and compares.
    pub const STORED: FieldSet = FieldSet((1 << Field::STORED) - 1);
    /// The stored numbers.
    pub const NUMBERS: FieldSet = FieldSet((1 << Field::NUMBERS) - 1);
    /// The times.
    pub const TIMES: FieldSet = FieldSet(0b111 << 20);
    /// What only composites have.
    pub const COMPOSITE: FieldSet = FieldSet(0b111 << Field::BidVenue as u32);
    /// The fields whose value is a word: the side, and what only composites have.
    pub const WORDS: FieldSet = FieldSet::COMPOSITE.with(Field::LastSide);
    /// What a client gets that does not choose: everything but `mid` and `spread`, which follow from bid and ask.
    pub const DEFAULT: FieldSet =
        FieldSet(FieldSet::ALL.0 & !(1 << Field::Mid as u32) & !(1 << Field::Spread as u32));

    /// The set with one more field.
    #[must_use]
    pub const fn with(self, field: Field) -> FieldSet {
        FieldSet(self.0 | 1 << field as u32)
    }

    /// The set with one field less.
    #[must_use]
    pub const fn without(self, field: Field) -> FieldSet {
        FieldSet(self.0 & !(1 << field as u32))
    }

    /// Fields in either set.
    #[must_use]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    /// Fields in both sets.
    #[must_use]
    pub const fn intersection(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    /// Fields of this set that are not in the other.
    #[must_use]
    pub const fn minus(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & !other.0)
    }

    /// Whether the field is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u32) != 0
    }

    /// Whether no field is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many fields are in the set.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The set as bits, bit `n` being the field of discriminant `n`.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of those bits; bits that name no field are dropped.
    pub const fn from_bits(bits: u32) -> FieldSet {
        FieldSet(bits & FieldSet::ALL.0)
    }

    /// The set together with every derived field that moves when a field of the set moves.
    #[must_use]
    pub const fn with_derived(self) -> FieldSet {
        let mut set = self;
        if self.contains(Field::Last) || self.contains(Field::Open24h) {
            set = set.with(Field::Change24h).with(Field::ChangePct24h);
        }
        if self.contains(Field::Bid) || self.contains(Field::Ask) {
            set = set.with(Field::Mid).with(Field::Spread);
        }
        set
    }

    /// The set together with every field of a composite that moves when a field of the set moves: a bid is told with its
    /// venue, and another venue at the same price is another bid.
    #[must_use]
    pub const fn with_sides(self) -> FieldSet {
        let mut set = self;
        if self.contains(Field::Bid) {
            set = set.with(Field::BidVenue).with(Field::Cross);
        }
        if self.contains(Field::Ask) {
            set = set.with(Field::AskVenue).with(Field::Cross);
        }
        set
    }

    /// The fields in the order in which events carry them.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |f| self.contains(*f))
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Field::name)).finish()
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> FieldSet {
        fields.into_iter().fold(FieldSet::EMPTY, FieldSet::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_named_once_and_found_again() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert_eq!(Field::ALL.into_iter().collect::<FieldSet>(), FieldSet::ALL);
        assert_eq!(Field::NUMBER_FIELDS.into_iter().collect::<FieldSet>(), FieldSet::NUMBERS);
        assert_eq!(Field::from_name("Bid"), None);
    }

    #[test]
    fn storage_order_is_the_discriminant() {
        for (place, field) in Field::NUMBER_FIELDS.into_iter().enumerate() {
            assert_eq!(field as usize, place);
        }
    }

    #[test]
    fn groups_cover_the_stored_fields_but_status_without_overlap() {
        let mut seen = FieldSet::EMPTY;
        for group in Group::ALL {
            assert!(seen.intersection(group.fields()).is_empty());
            assert!(group.fields().iter().all(|f| f.group() == Some(group)));
            seen = seen.union(group.fields());
        }
        assert_eq!(seen, FieldSet::STORED.without(Field::Status));
    }

    #[test]
    fn derived_fields_follow_their_sources() {
        let set = FieldSet::EMPTY.with(Field::Last).with_derived();
        assert!(set.contains(Field::ChangePct24h) && !set.contains(Field::Mid));
        let set = FieldSet::EMPTY.with(Field::Ask).with_derived();
        assert!(set.contains(Field::Mid) && set.contains(Field::Spread) && !set.contains(Field::Change24h));
    }
}
