//! The shapes of JSON-RPC messages, borrowed from their text.

use feed::json::{Number, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message of the venue: data of a channel, or the answer to a call.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) params: Option<Params<'a>>,
    #[serde(borrow, default)]
    pub(super) id: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<Refusal<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow)]
    pub(super) message: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow, default)]
    pub(super) code: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// A book, or changed levels of one.
#[derive(Deserialize)]
pub(super) struct Board<'a> {
    #[serde(borrow, default)]
    pub(super) mid_price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) bids: Vec<Rung<'a>>,
    #[serde(borrow)]
    pub(super) asks: Vec<Rung<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Rung<'a> {
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow)]
    pub(super) size: Number<'a>,
}

#[derive(Deserialize)]
pub(super) struct Ticker<'a> {
    #[serde(borrow, default)]
    pub(super) state: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) best_bid: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) best_bid_size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) best_ask: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) best_ask_size: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) ltp: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) volume: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) volume_by_product: Option<Number<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Execution<'a> {
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow)]
    pub(super) size: Number<'a>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) exec_date: Option<Text<'a>>,
}
