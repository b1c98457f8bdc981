//! The shape of messages, borrowed from their text.

use feed::json::{Number, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Any message: the fields of all types, of which each type uses its own.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, rename = "T")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default, rename = "S")]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default, rename = "t")]
    pub(super) time: Option<Text<'a>>,
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
    /// The number of a trade; text in messages about price bands.
    #[serde(borrow, default, rename = "i")]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "x")]
    pub(super) exchange: Option<Text<'a>>,
    /// Conditions of a trade or a quote.
    #[serde(borrow, default, rename = "c")]
    pub(super) conditions: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "z")]
    pub(super) tape: Option<Text<'a>>,
    #[serde(borrow, default, rename = "oi")]
    pub(super) original_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "ci")]
    pub(super) corrected_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "cp")]
    pub(super) corrected_price: Option<Number<'a>>,
    #[serde(borrow, default, rename = "cs")]
    pub(super) corrected_size: Option<Number<'a>>,
    #[serde(borrow, default, rename = "cc")]
    pub(super) corrected_conditions: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "sc")]
    pub(super) status_code: Option<Text<'a>>,
    #[serde(default)]
    pub(super) code: Option<u32>,
    #[serde(borrow, default)]
    pub(super) msg: Option<Text<'a>>,
}
