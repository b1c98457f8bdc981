//! The shapes of v5 frames, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every frame may have on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) code: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) arg: Option<Argument<'a>>,
    #[serde(borrow, default)]
    pub(super) action: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Argument<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow, default)]
    pub(super) inst_id: Option<Text<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Milliseconds since 1970, as a text or a number; zero and what is no number are no time.
pub(super) fn moment(millis: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(millis?.decimal().ok()??.trunc()).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerData<'a> {
    #[serde(borrow, default)]
    pub(super) inst_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) inst_type: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last_sz: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask_sz: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid_sz: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) open24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) vol24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) vol_ccy24h: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeData<'a> {
    #[serde(borrow, default)]
    pub(super) inst_id: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) sz: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

/// `mark-price`, `index-tickers` and `funding-rate`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContractData<'a> {
    #[serde(borrow, default)]
    pub(super) inst_id: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) idx_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) funding_rate: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

/// A book, a change of one, or its best level a side.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
    #[serde(default)]
    pub(super) checksum: Option<i32>,
    #[serde(default)]
    pub(super) seq_id: Option<i64>,
    #[serde(default)]
    pub(super) prev_seq_id: Option<i64>,
}

/// `[price, size, a deprecated zero, number of orders]`.
pub(super) struct LevelData<'a> {
    price: Number<'a>,
    size: Number<'a>,
}

impl LevelData<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.size.decimal().ok()??))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LevelData<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = LevelData<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of price, size and more")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelData<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelData { price, size })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}
