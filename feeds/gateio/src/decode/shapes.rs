//! The shapes of v4 messages, borrowed from their text. Spot and futures have the same names for most things.

use std::fmt;

use feed::json::{Exactly, Number, Text};
use feed::{Batch, Ignored};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every message has on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow, default)]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) time: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) time_ms: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<Refusal<'a>>,
    /// What was subscribed; answers of today repeat it.
    #[serde(borrow, default)]
    pub(super) payload: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(default)]
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// `tickers`.
#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    /// Spot says `currency_pair`.
    #[serde(borrow, alias = "currency_pair")]
    pub(super) contract: Text<'a>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) highest_bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) lowest_ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low_24h: Option<Number<'a>>,
    /// Spot, in the base currency.
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) base_volume: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) quote_volume: Option<Number<'a>>,
    /// Futures, in contracts.
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume_24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume_24h_quote: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) funding_rate: Option<Number<'a>>,
}

/// `trades`.
#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow, alias = "currency_pair")]
    pub(super) contract: Text<'a>,
    #[serde(borrow, default)]
    pub(super) price: Option<Number<'a>>,
    /// Spot.
    #[serde(borrow, default)]
    pub(super) amount: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    /// Futures: contracts, negative when the taker sold.
    #[serde(borrow, default)]
    pub(super) size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) create_time: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) create_time_ms: Option<Number<'a>>,
}

/// `book_ticker`.
#[derive(Deserialize)]
pub(super) struct BestData<'a> {
    #[serde(borrow)]
    pub(super) s: Text<'a>,
    #[serde(borrow, default)]
    pub(super) t: Option<Number<'a>>,
    #[serde(default)]
    pub(super) u: Option<u64>,
    #[serde(borrow, default, deserialize_with = "told", rename = "b")]
    pub(super) bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "B")]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "a")]
    pub(super) ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "A")]
    pub(super) ask_size: Option<Number<'a>>,
}

/// `order_book_update` and `obu`: changes from number `first` to number `end`, or (`full`) a whole book.
#[derive(Deserialize)]
pub(super) struct ChangesData<'a> {
    #[serde(borrow)]
    pub(super) s: Text<'a>,
    #[serde(borrow, default)]
    pub(super) t: Option<Number<'a>>,
    #[serde(default)]
    pub(super) full: bool,
    #[serde(default, rename = "U")]
    pub(super) first: Option<u64>,
    #[serde(rename = "u")]
    pub(super) end: u64,
    #[serde(borrow, default)]
    pub(super) b: Option<Vec<LevelData<'a>>>,
    #[serde(borrow, default)]
    pub(super) a: Option<Vec<LevelData<'a>>>,
}

/// `order_book`, and the HTTP interface's book: a few levels, whole.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    /// Spot says `s`; the HTTP interface does not say it.
    #[serde(borrow, default, alias = "contract")]
    pub(super) s: Option<Text<'a>>,
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(borrow, default)]
    pub(super) t: Option<Number<'a>>,
    /// The HTTP interface's time: milliseconds on spot, seconds with a fraction on futures.
    #[serde(borrow, default)]
    pub(super) update: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) asks: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<LevelData<'a>>,
}

/// A change of `futures.order_book`: one level, negative for an ask.
#[derive(Deserialize)]
pub(super) struct SignedLevel<'a> {
    #[serde(borrow)]
    pub(super) c: Text<'a>,
    #[serde(borrow)]
    pub(super) p: Number<'a>,
    #[serde(borrow)]
    pub(super) s: Number<'a>,
}

/// `futures.system`.
#[derive(Deserialize)]
pub(super) struct SystemData<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
}

/// `[price, size]` on spot, `{"p":price,"s":size}` on futures.
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
                f.write_str("a price and a size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelData<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelData { price, size })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LevelData<'de>, A::Error> {
                let (mut price, mut size) = (None, None);
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "p" => price = Some(map.next_value()?),
                        "s" => size = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                let missing = |what| move || de::Error::missing_field(what);
                Ok(LevelData { price: price.ok_or_else(missing("p"))?, size: size.ok_or_else(missing("s"))? })
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

/// A time in units of that many microseconds, as a text or a number and perhaps with a fraction; zero and what is no number
/// are no time.
fn time(number: Option<Number<'_>>, micros_per_unit: i64) -> Option<Micros> {
    let micros = number?.decimal().ok()??.checked_mul(Decimal::from(micros_per_unit))?.trunc();
    let micros = i64::try_from(micros).ok()?;
    (micros > 0).then_some(Micros(micros))
}

/// Milliseconds since 1970.
pub(super) fn millis(number: Option<Number<'_>>) -> Option<Micros> {
    time(number, 1_000)
}

/// Seconds since 1970.
pub(super) fn seconds(number: Option<Number<'_>>) -> Option<Micros> {
    time(number, 1_000_000)
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
pub(super) fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    exact(number?.decimal(), batch)
}

/// The same of a number that was read already.
pub(super) fn exact(read: Exactly, batch: &mut Batch) -> Option<Option<Decimal>> {
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}
