//! The shapes of messages, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Any message of both interfaces: the fields of all types, of which each type uses its own. `content` is only in those of the
/// older one.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default, rename = "ty", alias = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "cd", alias = "code")]
    pub(super) code: Option<Text<'a>>,
    #[serde(borrow, default, rename = "tms", alias = "timestamp")]
    pub(super) timestamp: Option<Number<'a>>,
    #[serde(borrow, default, rename = "st", alias = "stream_type")]
    pub(super) stream: Option<Text<'a>>,
    #[serde(borrow, default, rename = "tp", alias = "trade_price")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, rename = "tv", alias = "trade_volume")]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default, rename = "ab", alias = "ask_bid")]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default, rename = "atv24h", alias = "acc_trade_volume_24h")]
    pub(super) volume_24h: Option<Number<'a>>,
    #[serde(borrow, default, rename = "atp24h", alias = "acc_trade_price_24h")]
    pub(super) quote_volume_24h: Option<Number<'a>>,
    #[serde(borrow, default, rename = "ms", alias = "market_state")]
    pub(super) state: Option<Text<'a>>,
    #[serde(default, rename = "its", alias = "is_trading_suspended")]
    pub(super) suspended: Option<bool>,
    #[serde(borrow, default, rename = "obu", alias = "orderbook_units")]
    pub(super) units: Option<Vec<Unit<'a>>>,
    #[serde(borrow, default, rename = "lv", alias = "level")]
    pub(super) level: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<Refusal<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default, rename = "resmsg")]
    pub(super) words: Option<Text<'a>>,
    #[serde(default, rename = "data")]
    pub(super) foreign: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// One rung of both ladders: the n-th best ask beside the n-th best bid.
#[derive(Deserialize)]
pub(super) struct Unit<'a> {
    #[serde(borrow, rename = "ap", alias = "ask_price")]
    pub(super) ask: Number<'a>,
    #[serde(borrow, rename = "as", alias = "ask_size")]
    pub(super) ask_size: Number<'a>,
    #[serde(borrow, rename = "bp", alias = "bid_price")]
    pub(super) bid: Number<'a>,
    #[serde(borrow, rename = "bs", alias = "bid_size")]
    pub(super) bid_size: Number<'a>,
}

/// The content of `transaction`.
#[derive(Deserialize)]
pub(super) struct OldTrades<'a> {
    #[serde(borrow)]
    pub(super) list: Vec<OldTrade<'a>>,
}

/// The content of `orderbookdepth`.
#[derive(Deserialize)]
pub(super) struct OldDepth<'a> {
    #[serde(borrow)]
    pub(super) list: Vec<OldLevel<'a>>,
    #[serde(borrow, default)]
    pub(super) datetime: Option<Number<'a>>,
}

/// A trade of the older interface.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OldTrade<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(super) buy_sell_gb: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) cont_price: Number<'a>,
    #[serde(borrow)]
    pub(super) cont_qty: Number<'a>,
    #[serde(borrow, default)]
    pub(super) cont_dtm: Option<Text<'a>>,
}

/// A changed level of the older interface; a quantity of zero removes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OldLevel<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow)]
    pub(super) order_type: Text<'a>,
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow)]
    pub(super) quantity: Number<'a>,
}

/// A whole book of the older interface.
#[derive(Deserialize)]
pub(super) struct OldBook<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(super) datetime: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) asks: Vec<Pair<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<Pair<'a>>,
}

/// A ticker of the older interface.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OldTicker<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(super) tick_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) date: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) time: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) open_price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) close_price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) low_price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) high_price: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) value: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) volume: Option<Number<'a>>,
}

/// `[price, size]`.
pub(super) struct Pair<'a>(pub(super) Number<'a>, pub(super) Number<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Pair<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pair<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Pair<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of price and size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pair<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(serde::de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Pair(price, size))
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

/// Price and size, if both are numbers.
pub(super) fn level(price: Number<'_>, size: Number<'_>) -> Option<(Decimal, Decimal)> {
    Some((price.decimal().ok()??, size.decimal().ok()??))
}

/// The first number that only microseconds since 1970 can be: as milliseconds it would be in the year 5138.
const MICROS_FROM: i64 = 100_000_000_000_000;

/// Milliseconds or microseconds since 1970: the current interface gives trades the first and books the second. Zero and what is
/// no number are no time.
pub(super) fn moment(time: Option<Number<'_>>) -> Option<Micros> {
    let time = i64::try_from(time?.decimal().ok()??.trunc()).ok()?;
    match time {
        ..=0 => None,
        MICROS_FROM.. => Some(Micros(time)),
        _ => Some(Micros::from_millis(time)),
    }
}

/// What Korea's clock is ahead of UTC.
const KOREA_MICROS: i64 = 9 * 3_600 * 1_000_000;

/// `2021-06-02 08:43:34.555058` of Korea's clock.
pub(super) fn korean(text: &str) -> Option<Micros> {
    let (day, time) = text.split_once(' ')?;
    // Room for the longest form with nine digits of a second's fraction.
    let mut iso = String::with_capacity(32);
    for part in [day, "T", time, "Z"] {
        iso.push_str(part);
    }
    Micros::parse_iso(&iso).map(|at| Micros(at.get() - KOREA_MICROS))
}

/// `20200129` and `121844` of Korea's clock.
pub(super) fn korean_parts(date: &str, time: &str) -> Option<Micros> {
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    korean(&format!("{year}-{month}-{day} {hour}:{minute}:{second}"))
}
