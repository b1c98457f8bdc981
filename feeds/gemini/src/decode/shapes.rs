//! The shapes of both interfaces' frames, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What a frame of either interface may have, taken in one pass.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Envelope<'a> {
    // Market data v2.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) changes: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) trades: Option<&'a RawValue>,
    pub(super) auction_events: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) event_id: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) timestamp: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) quantity: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) result: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
    // The current interface.
    #[serde(borrow, rename = "e")]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow, rename = "E")]
    pub(super) event_time: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) s: Option<Text<'a>>,
    #[serde(borrow, rename = "U")]
    pub(super) first: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) u: Option<Number<'a>>,
    #[serde(borrow, rename = "lastUpdateId")]
    pub(super) last_update_id: Option<Number<'a>>,
    /// A price in `bookTicker`, levels in `depthUpdate`.
    #[serde(borrow)]
    pub(super) b: Option<&'a RawValue>,
    #[serde(borrow, rename = "B")]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) a: Option<&'a RawValue>,
    #[serde(borrow, rename = "A")]
    pub(super) ask_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) bids: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) asks: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) c: Option<Number<'a>>,
    #[serde(borrow, rename = "C")]
    pub(super) last_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) t: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) p: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) q: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) m: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<ErrorText<'a>>,
}

/// Why a text was refused.
#[derive(Deserialize)]
pub(super) struct ErrorText<'a> {
    #[serde(borrow, default)]
    pub(super) code: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) msg: Option<Text<'a>>,
}

/// A trade of v2, alone or in the list that begins `l2`.
#[derive(Deserialize)]
pub(super) struct TradeText<'a> {
    #[serde(borrow, default)]
    pub(super) event_id: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow, default)]
    pub(super) quantity: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
}

/// An entry of `mark_price_updates` and `funding_amount_updates`.
#[derive(Deserialize)]
pub(super) struct FigureText<'a> {
    #[serde(borrow, default)]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) spot_index: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
}

/// A whole number, as a text or a number.
pub(super) fn whole(number: Option<Number<'_>>) -> Option<u64> {
    number?.raw().trim_matches('"').parse().ok()
}

/// Milliseconds since 1970; zero is no time.
pub(super) fn millis(number: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(whole(number)?).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// Nanoseconds since 1970; zero is no time.
pub(super) fn nanos(number: Option<Number<'_>>) -> Option<Micros> {
    let nanos = i64::try_from(whole(number)?).ok()?;
    (nanos > 0).then(|| Micros::from_nanos(nanos))
}

/// `["buy", price, size]`.
pub(super) struct ChangeText<'a> {
    pub(super) side: Text<'a>,
    price: Number<'a>,
    size: Number<'a>,
}

/// `[price, size]`.
pub(super) struct LevelText<'a> {
    price: Number<'a>,
    size: Number<'a>,
}

fn numbers(price: Number<'_>, size: Number<'_>) -> Option<(Decimal, Decimal)> {
    Some((price.decimal().ok()??, size.decimal().ok()??))
}

impl ChangeText<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        numbers(self.price, self.size)
    }
}

impl LevelText<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        numbers(self.price, self.size)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ChangeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ChangeText<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ChangeText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of side, price and size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ChangeText<'de>, A::Error> {
                let (Some(side), Some(price), Some(size)) =
                    (seq.next_element()?, seq.next_element()?, seq.next_element()?)
                else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ChangeText { side, price, size })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LevelText<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = LevelText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of price and size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelText<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelText { price, size })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}
