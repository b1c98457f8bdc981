//! The shape of messages, borrowed from their text.

use feed::json::{Number, Text};
use market::Micros;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Any message: the fields of all events, of which each uses its own.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) ev: Text<'a>,
    #[serde(borrow, default)]
    pub(super) sym: Option<Text<'a>>,
    /// The ticker of `LULD`.
    #[serde(borrow, default, rename = "T")]
    pub(super) ticker: Option<Text<'a>>,
    #[serde(borrow, default, rename = "t")]
    pub(super) time: Option<Number<'a>>,
    #[serde(borrow, default, rename = "bp")]
    pub(super) bid: Option<Number<'a>>,
    #[serde(borrow, default, rename = "bs")]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow, default, rename = "ap")]
    pub(super) ask: Option<Number<'a>>,
    #[serde(borrow, default, rename = "as")]
    pub(super) ask_size: Option<Number<'a>>,
    #[serde(borrow, default, rename = "p")]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow, default, rename = "s")]
    pub(super) size: Option<Number<'a>>,
    /// The conditions of a trade; a single number in `Q`.
    #[serde(borrow, default, rename = "c")]
    pub(super) conditions: Option<&'a RawValue>,
    /// The indicators of `LULD` and `Q`; in `T` the text that names the trade.
    #[serde(borrow, default, rename = "i")]
    pub(super) indicators: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// The first number that only microseconds since 1970 can be: as milliseconds it would be in the year 5138.
const MICROS_FROM: i64 = 100_000_000_000_000;

/// Milliseconds since 1970, or microseconds as the example of `LULD` has them; zero and what is no number are no time.
pub(super) fn moment(time: Option<Number<'_>>) -> Option<Micros> {
    let time = i64::try_from(time?.decimal().ok()??.trunc()).ok()?;
    match time {
        ..=0 => None,
        MICROS_FROM.. => Some(Micros(time)),
        _ => Some(Micros::from_millis(time)),
    }
}
