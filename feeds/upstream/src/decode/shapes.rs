//! What an event holds, borrowed from its line.

use feed::json::{Number, Text};
use market::{Field, Micros};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A member that is there: `null` is a value of it. Missing members are `None`.
fn there<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(value).map(Some)
}

/// The same of a text.
fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<Text<'de>>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// `snapshot`, `quote` and `status`; of the others only the type is looked at.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(default)]
    pub(super) seq: Option<u64>,
    #[serde(borrow, default, deserialize_with = "there")]
    bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    ask_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    last: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    last_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(super) last_side: Option<Option<Text<'a>>>,
    #[serde(borrow, default, deserialize_with = "there")]
    open_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    high_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    low_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    volume_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    quote_volume_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    mark: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    index: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    funding_rate: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ts_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) reason: Option<Text<'a>>,
}

impl<'a> Event<'a> {
    /// The stored numbers, each with what is told of it.
    pub(super) fn numbers(&self) -> [(Field, Option<Number<'a>>); Field::NUMBERS] {
        [
            (Field::Bid, self.bid),
            (Field::BidSize, self.bid_size),
            (Field::Ask, self.ask),
            (Field::AskSize, self.ask_size),
            (Field::Last, self.last),
            (Field::LastSize, self.last_size),
            (Field::Open24h, self.open_24h),
            (Field::High24h, self.high_24h),
            (Field::Low24h, self.low_24h),
            (Field::Volume24h, self.volume_24h),
            (Field::QuoteVolume24h, self.quote_volume_24h),
            (Field::Mark, self.mark),
            (Field::Index, self.index),
            (Field::FundingRate, self.funding_rate),
        ]
    }
}

/// `hello`.
#[derive(Deserialize)]
pub(super) struct Hello<'a> {
    #[serde(borrow, default)]
    pub(super) rejected: Vec<Rejected<'a>>,
    #[serde(borrow, default)]
    pub(super) effective: Effective<'a>,
}

/// The settings in force.
#[derive(Default, Deserialize)]
pub(super) struct Effective<'a> {
    #[serde(borrow, default)]
    pub(super) times: Option<Text<'a>>,
}

/// A symbol that is not streamed.
#[derive(Deserialize)]
pub(super) struct Rejected<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
}

/// `lagged`.
#[derive(Deserialize)]
pub(super) struct Lagged<'a> {
    #[serde(borrow, default)]
    pub(super) symbols: Vec<Text<'a>>,
}

/// How times are written on this stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Times {
    #[default]
    Micros,
    Nanos,
    Iso,
}

impl Times {
    /// The form of that name; microseconds where none is said.
    pub(super) fn of(name: Option<&str>) -> Times {
        match name {
            Some("ns") => Times::Nanos,
            Some("iso") => Times::Iso,
            Some(_) | None => Times::Micros,
        }
    }

    /// The moment that a JSON value stands for.
    pub(super) fn micros(self, value: &str) -> Option<Micros> {
        match self {
            Times::Micros => value.parse().ok().map(Micros),
            Times::Nanos => value.parse().ok().map(Micros::from_nanos),
            Times::Iso => Micros::parse_iso(value.trim_matches('"')),
        }
    }
}
