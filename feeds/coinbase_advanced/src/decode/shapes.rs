//! The shapes of messages, borrowed from their text.

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

/// What every message has, and an error instead of a channel.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Text<'a>>,
    #[serde(default)]
    pub(super) sequence_num: Option<u64>,
    #[serde(borrow, default)]
    pub(super) events: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
pub(super) struct BookEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) product_id: Text<'a>,
    #[serde(borrow)]
    pub(super) updates: Vec<LevelData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct LevelData<'a> {
    #[serde(borrow)]
    pub(super) side: Text<'a>,
    #[serde(borrow)]
    price_level: Number<'a>,
    #[serde(borrow)]
    new_quantity: Number<'a>,
}

impl LevelData<'_> {
    /// Price and quantity, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price_level.decimal().ok()??, self.new_quantity.decimal().ok()??))
    }
}

#[derive(Deserialize)]
pub(super) struct TickerEvent<'a> {
    #[serde(borrow)]
    pub(super) tickers: Vec<TickerData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) product_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume_24_h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low_24_h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high_24_h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_quantity: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_quantity: Option<Number<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TradeEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) trades: Vec<TradeData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow)]
    pub(super) product_id: Text<'a>,
    #[serde(borrow, default)]
    trade_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow)]
    pub(super) size: Number<'a>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
}

impl TradeData<'_> {
    pub(super) fn moment(&self) -> Option<Micros> {
        Micros::parse_iso(self.time.as_deref()?)
    }

    /// What a later trade has more of.
    pub(super) fn order(&self) -> (Option<u64>, Option<Micros>) {
        (self.trade_id.as_deref().and_then(|id| id.parse().ok()), self.moment())
    }
}

#[derive(Deserialize)]
pub(super) struct StatusEvent<'a> {
    #[serde(borrow)]
    pub(super) products: Vec<ProductData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ProductData<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
}
