//! The shapes of v1 and v2 messages, borrowed from their text. The two share the envelope; where the names of fields differ,
//! both stand here, and no message has both.

use std::fmt;

use feed::json::{Number, Text};
use feed::{Batch, Ignored};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every message may have on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) code: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) msg: Option<Text<'a>>,
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
    pub(super) inst_type: Text<'a>,
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow)]
    pub(super) inst_id: Text<'a>,
}

impl Argument<'_> {
    /// Spot is `sp` in v1 and `SPOT` in v2; everything else is a contract.
    pub(super) fn is_contract(&self) -> bool {
        !self.inst_type.eq_ignore_ascii_case("sp") && !self.inst_type.eq_ignore_ascii_case("spot")
    }
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// `ticker`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerData<'a> {
    #[serde(borrow, default, deserialize_with = "told", alias = "last")]
    pub(super) last_pr: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", alias = "bestBid")]
    pub(super) bid_pr: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", alias = "bestAsk")]
    pub(super) ask_pr: Option<Number<'a>>,
    /// v2 only.
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) bid_sz: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) ask_sz: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) open24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) base_volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) quote_volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", alias = "capitalRate")]
    pub(super) funding_rate: Option<Number<'a>>,
    #[serde(borrow, default, alias = "systemTime")]
    pub(super) ts: Option<Number<'a>>,
}

/// A book, a change of one, or its best levels.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
    #[serde(default)]
    pub(super) checksum: Option<i32>,
    /// v2 only.
    #[serde(borrow, default)]
    pub(super) seq: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) pseq: Option<Number<'a>>,
}

/// `[price, size]`.
#[derive(Deserialize)]
pub(super) struct LevelData<'a>(#[serde(borrow)] Number<'a>, #[serde(borrow)] Number<'a>);

impl LevelData<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.0.decimal().ok()??, self.1.decimal().ok()??))
    }
}

/// `[time, price, size, side]` in v1, an object in v2.
pub(super) struct TradeData<'a> {
    pub(super) ts: Number<'a>,
    pub(super) price: Number<'a>,
    pub(super) size: Number<'a>,
    pub(super) side: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for TradeData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TradeData<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = TradeData<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time, a price, a size and a side")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TradeData<'de>, A::Error> {
                let short = |at| move || de::Error::invalid_length(at, &"four entries");
                let ts = seq.next_element()?.ok_or_else(short(0))?;
                let price = seq.next_element()?.ok_or_else(short(1))?;
                let size = seq.next_element()?.ok_or_else(short(2))?;
                let side = seq.next_element()?.ok_or_else(short(3))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(TradeData { ts, price, size, side })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TradeData<'de>, A::Error> {
                let (mut ts, mut price, mut size, mut side) = (None, None, None, None);
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "ts" => ts = Some(map.next_value()?),
                        "price" => price = Some(map.next_value()?),
                        "size" => size = Some(map.next_value()?),
                        "side" => side = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                let missing = |what| move || de::Error::missing_field(what);
                Ok(TradeData {
                    ts: ts.ok_or_else(missing("ts"))?,
                    price: price.ok_or_else(missing("price"))?,
                    size: size.ok_or_else(missing("size"))?,
                    side: side.ok_or_else(missing("side"))?,
                })
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

/// A whole number, as a text or a number.
pub(super) fn whole(number: Option<Number<'_>>) -> Option<u64> {
    number?.raw().trim_matches('"').parse().ok()
}

/// Milliseconds since 1970; zero and what is no number are no time.
pub(super) fn millis(number: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(whole(number)?).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
pub(super) fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let read = number?.decimal();
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}
