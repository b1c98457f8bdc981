//! The shapes of v2 frames, borrowed from their text.

use feed::json::{Number, Text};
use market::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What every frame may have on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(default)]
    pub(super) success: Option<bool>,
    #[serde(borrow, default)]
    pub(super) error: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid_qty: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask_qty: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) change: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) qty: Option<Number<'a>>,
    #[serde(default)]
    pub(super) trade_id: u64,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(super) bids: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(default)]
    pub(super) checksum: Option<u32>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct LevelData<'a> {
    #[serde(borrow)]
    price: Number<'a>,
    #[serde(borrow)]
    qty: Number<'a>,
}

impl LevelData<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.qty.decimal().ok()??))
    }
}
