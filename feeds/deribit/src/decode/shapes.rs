//! The shapes of JSON-RPC frames, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A notification, or the answer to a call.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<Params<'a>>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<Refusal<'a>>,
}

impl Envelope<'_> {
    /// The number of the call, if it is one of ours.
    pub(super) fn number(&self) -> Option<u64> {
        self.id?.get().parse().ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    /// Of a heartbeat.
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message.as_deref().unwrap_or_default())
    }
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Milliseconds since 1970; what is not after it is no time.
pub(super) fn moment(millis: Option<i64>) -> Option<Micros> {
    millis.filter(|&millis| millis > 0).map(Micros::from_millis)
}

/// `ticker`, `incremental_ticker` and `quote`, which has its first half.
#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) instrument_name: Text<'a>,
    #[serde(default)]
    pub(super) timestamp: Option<i64>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_amount: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_amount: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) current_funding: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) state: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) stats: Option<StatsData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct StatsData<'a> {
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume_notional: Option<Number<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow)]
    pub(super) instrument_name: Text<'a>,
    #[serde(default)]
    pub(super) timestamp: Option<i64>,
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow)]
    pub(super) amount: Number<'a>,
    #[serde(borrow, default)]
    pub(super) direction: Option<Text<'a>>,
}

/// `perpetual` and `deribit_price_index`.
#[derive(Deserialize)]
pub(super) struct FigureData<'a> {
    #[serde(default)]
    pub(super) timestamp: Option<i64>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) interest: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) index_name: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
}

/// `platform_state` and `instrument.state`.
#[derive(Deserialize)]
pub(super) struct StateData<'a> {
    #[serde(default)]
    pub(super) maintenance: Option<bool>,
    #[serde(default)]
    pub(super) locked: Option<bool>,
    #[serde(borrow, default)]
    pub(super) price_index: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) instrument_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) state: Option<Text<'a>>,
}

/// A book or a change of one; the grouped channel has no `type` and is whole each time.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) instrument_name: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(default)]
    pub(super) timestamp: Option<i64>,
    #[serde(default)]
    pub(super) change_id: Option<u64>,
    #[serde(default)]
    pub(super) prev_change_id: Option<u64>,
    #[serde(borrow)]
    pub(super) bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) asks: Vec<LevelData<'a>>,
}

/// `[action, price, amount]` or `[price, amount]`.
pub(super) struct LevelData<'a> {
    deleted: bool,
    price: Number<'a>,
    amount: Number<'a>,
}

impl LevelData<'_> {
    /// Price and amount, if both are numbers; nothing is left of a deleted level, whatever amount stands beside it.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        let (price, amount) = (self.price.decimal().ok()??, self.amount.decimal().ok()??);
        Some((price, if self.deleted { Decimal::ZERO } else { amount }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LevelData<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = LevelData<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of an action, if any, price and amount")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelData<'de>, A::Error> {
                let (Some(first), Some(second)) =
                    (seq.next_element::<Number<'de>>()?, seq.next_element::<Number<'de>>()?)
                else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                let Some(third) = seq.next_element::<Number<'de>>()? else {
                    return Ok(LevelData { deleted: false, price: first, amount: second });
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                let deleted = first.raw() == r#""delete""#;
                Ok(LevelData { deleted, price: second, amount: third })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}
