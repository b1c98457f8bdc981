//! The shapes of KuCoin's messages, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use feed::{Batch, Ignored};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every message may have on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) topic: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) subject: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) code: Option<Number<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// `/market/ticker`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerData<'a> {
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) time: Option<Number<'a>>,
}

/// `/market/match` and `/contractMarket/execution`.
#[derive(Deserialize)]
pub(super) struct MatchData<'a> {
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    /// Spot.
    #[serde(borrow, default)]
    pub(super) time: Option<Number<'a>>,
    /// Futures.
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

/// `/market/snapshot` has the figures one level deeper.
#[derive(Deserialize)]
pub(super) struct Wrapped<'a> {
    #[serde(borrow)]
    pub(super) data: SnapshotData<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SnapshotData<'a> {
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) buy: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) sell: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last_traded_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) open: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) vol: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) vol_value: Option<Number<'a>>,
    #[serde(default)]
    pub(super) trading: Option<bool>,
    #[serde(borrow, default)]
    pub(super) datetime: Option<Number<'a>>,
}

/// `/market/level2`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangesData<'a> {
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) changes: Sides<'a>,
    pub(super) sequence_start: u64,
    pub(super) sequence_end: u64,
    #[serde(borrow, default)]
    pub(super) time: Option<Number<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Sides<'a> {
    #[serde(borrow, default)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(super) bids: Vec<LevelData<'a>>,
}

/// Books that are whole: `level2Depth5`, `level2Depth50` and the HTTP interface's.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(super) sequence: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) time: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

/// `/spotMarket/level1`: one level a side, not wrapped in a list; an empty list or `null` is an empty side.
#[derive(Deserialize)]
pub(super) struct BestData<'a> {
    #[serde(borrow, default)]
    pub(super) asks: Option<Vec<Number<'a>>>,
    #[serde(borrow, default)]
    pub(super) bids: Option<Vec<Number<'a>>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
}

/// `/contractMarket/tickerV2`, and `/contractMarket/ticker` with a trade beside the top.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContractTopData<'a> {
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) best_ask_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

/// `/contractMarket/level2`: one level as text, `price,side,size`.
#[derive(Deserialize)]
pub(super) struct ContractChangeData<'a> {
    pub(super) sequence: u64,
    #[serde(borrow)]
    pub(super) change: Text<'a>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
}

/// `/contractMarket/snapshot` and `/contract/instrument`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContractData<'a> {
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) turnover: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) funding_rate: Option<Number<'a>>,
    /// Nanoseconds.
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
    /// Milliseconds.
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Number<'a>>,
}

/// An answer of the HTTP interface.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) data: BookData<'a>,
}

/// `[price, size]` or `[price, size, sequence]`, each a text or a number.
pub(super) struct LevelData<'a> {
    price: Number<'a>,
    size: Number<'a>,
    seq: Option<Number<'a>>,
}

impl LevelData<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.size.decimal().ok()??))
    }

    /// The number of the change that set the level.
    pub(super) fn seq(&self) -> Option<u64> {
        whole(self.seq?)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LevelData<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = LevelData<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of price, size and perhaps a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelData<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                let number = seq.next_element()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelData { price, size, seq: number })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

/// A whole number, as a text or a number.
pub(super) fn whole(number: Number<'_>) -> Option<u64> {
    number.raw().trim_matches('"').parse().ok()
}

/// Milliseconds since 1970; zero and what is no number are no time.
pub(super) fn millis(number: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(whole(number?)?).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// Nanoseconds since 1970, likewise.
pub(super) fn nanos(number: Option<Number<'_>>) -> Option<Micros> {
    let nanos = i64::try_from(whole(number?)?).ok()?;
    (nanos > 0).then(|| Micros::from_nanos(nanos))
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
pub(super) fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let number = number?;
    let read = number.decimal().or_else(|error| bare(number.raw()).ok_or(error));
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}

/// The number without the zeros at its end. `/market/snapshot` pads to 20 places, and then a turnover of ten digits no longer
/// fits into what a decimal holds, although all that it says would.
fn bare(raw: &str) -> Option<Option<Decimal>> {
    let (whole, fraction) = raw.trim_matches('"').split_once('.')?;
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    feed::json::text_decimal(&format!("{whole}{point}{fraction}")).ok()
}
