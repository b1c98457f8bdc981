//! The shape of a message, borrowed from its text: all of them are flat, and one pass reads any of them.

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::Deserializer;

/// Every field of every message that we look at.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) feed: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) product_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) product_ids: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
    /// Of `book` and `trade`; trades of old have none.
    #[serde(default)]
    pub(super) seq: Option<u64>,
    /// Of a book, in milliseconds.
    #[serde(default)]
    pub(super) timestamp: Option<i64>,
    /// Of a trade or a ticker, in milliseconds.
    #[serde(default)]
    pub(super) time: Option<i64>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) qty: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) bids: Option<Vec<LevelData<'a>>>,
    #[serde(borrow, default)]
    pub(super) asks: Option<Vec<LevelData<'a>>>,
    #[serde(borrow, default)]
    pub(super) trades: Option<Vec<TradeData<'a>>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "markPrice")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) relative_funding_rate: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) tag: Option<Text<'a>>,
    #[serde(default)]
    pub(super) suspended: Option<bool>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Milliseconds since 1970; what is not after it is no time.
pub(super) fn moment(millis: Option<i64>) -> Option<Micros> {
    millis.filter(|&millis| millis > 0).map(Micros::from_millis)
}

#[derive(Deserialize)]
pub(super) struct LevelData<'a> {
    #[serde(borrow)]
    price: Number<'a>,
    #[serde(borrow)]
    qty: Number<'a>,
}

impl LevelData<'_> {
    /// Price and quantity, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.qty.decimal().ok()??))
    }
}

/// One of a `trade_snapshot`.
#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(default)]
    pub(super) seq: Option<u64>,
    #[serde(default)]
    pub(super) time: Option<i64>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) qty: Option<Number<'a>>,
}
