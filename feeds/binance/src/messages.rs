//! The venue's messages as they stand on the wire. Everything is borrowed from the frame.

use feed::json::{Number, Text};
use market::Micros;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// What stands around a payload, or a control message. Every field that can tell one message from another.
#[derive(Debug, Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) stream: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) event: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) msg: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) error: Option<Refusal<'a>>,
}

/// `{"code":2,"msg":"Invalid request: ..."}`
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal<'a> {
    #[serde(borrow)]
    pub(crate) msg: Option<Text<'a>>,
}

/// The event type of a payload; spot's `bookTicker` and partial depth have none.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    pub(crate) e: Option<Text<'a>>,
    pub(crate) u: Option<IgnoredAny>,
}

/// `bookTicker`
#[derive(Debug, Deserialize)]
pub(crate) struct BookTicker<'a> {
    pub(crate) u: u64,
    #[serde(borrow)]
    pub(crate) s: Text<'a>,
    #[serde(borrow)]
    pub(crate) b: Number<'a>,
    #[serde(borrow, rename = "B")]
    pub(crate) bid_size: Number<'a>,
    #[serde(borrow)]
    pub(crate) a: Number<'a>,
    #[serde(borrow, rename = "A")]
    pub(crate) ask_size: Number<'a>,
    #[serde(rename = "T")]
    pub(crate) transacted: Option<u64>,
    #[serde(rename = "E")]
    pub(crate) event: Option<u64>,
}

/// `trade` and `aggTrade`
#[derive(Debug, Deserialize)]
pub(crate) struct Trade<'a> {
    #[serde(borrow)]
    pub(crate) s: Text<'a>,
    /// The trade's id (`trade`).
    pub(crate) t: Option<u64>,
    /// The id of the last trade in it (`aggTrade`).
    pub(crate) l: Option<u64>,
    #[serde(borrow)]
    pub(crate) p: Number<'a>,
    #[serde(borrow)]
    pub(crate) q: Number<'a>,
    #[serde(rename = "T")]
    pub(crate) traded: u64,
    /// Whether the buyer was the maker.
    pub(crate) m: bool,
    #[serde(borrow, rename = "X")]
    pub(crate) kind: Option<Text<'a>>,
}

/// `24hrTicker` and `24hrMiniTicker`
#[derive(Debug, Deserialize)]
pub(crate) struct Ticker<'a> {
    #[serde(borrow)]
    pub(crate) s: Text<'a>,
    #[serde(rename = "E")]
    pub(crate) event: u64,
    /// Up to when the figures go.
    #[serde(rename = "C")]
    pub(crate) closed: Option<u64>,
    #[serde(borrow)]
    pub(crate) c: Number<'a>,
    #[serde(borrow, rename = "Q")]
    pub(crate) last_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) b: Option<Number<'a>>,
    #[serde(borrow, rename = "B")]
    pub(crate) bid_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) a: Option<Number<'a>>,
    #[serde(borrow, rename = "A")]
    pub(crate) ask_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) o: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) h: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) l: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) v: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) q: Option<Number<'a>>,
    /// The id of the last trade of the window; -1 when there was none.
    #[serde(rename = "L")]
    pub(crate) last_trade: Option<i64>,
}

/// `markPriceUpdate`
#[derive(Debug, Deserialize)]
pub(crate) struct MarkPrice<'a> {
    #[serde(borrow)]
    pub(crate) s: Text<'a>,
    #[serde(rename = "E")]
    pub(crate) event: u64,
    #[serde(borrow)]
    pub(crate) p: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) i: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) r: Option<Number<'a>>,
}

/// The first number of microseconds that is not read as milliseconds: as milliseconds it is the year 5138, as
/// microseconds 1973. With `timeUnit=MICROSECOND` the venue writes microseconds, otherwise milliseconds.
const FIRST_MICROS: u64 = 100_000_000_000_000;

/// A time in either unit.
pub(crate) fn time(number: u64) -> Option<Micros> {
    let signed = i64::try_from(number).ok()?;
    Some(if number < FIRST_MICROS { Micros::from_millis(signed) } else { Micros(signed) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_units_of_time_are_read() {
        assert_eq!(time(1_672_515_782_136), Some(Micros(1_672_515_782_136_000)));
        assert_eq!(time(1_672_515_782_136_789), Some(Micros(1_672_515_782_136_789)));
        assert_eq!(time(0), Some(Micros(0)));
        assert_eq!(time(u64::MAX), None);
    }
}
