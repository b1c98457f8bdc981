//! The venue's messages as they stand on the wire. Everything is borrowed from the frame.

use feed::json::{Number, Text};
use serde::Deserialize;

/// What every message has.
#[derive(Debug, Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Text<'a>>,
}

/// One `[price, size]` of a snapshot. The REST book has a third element, the number of orders; it is not read here.
pub(crate) type Level<'a> = (Number<'a>, Number<'a>);

/// `snapshot` of `level2` and `level2_batch`.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) bids: Vec<Level<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<Level<'a>>,
    /// Newer messages say when it was made.
    #[serde(borrow)]
    pub(crate) time: Option<Text<'a>>,
}

/// One `[side, price, size]` of an update; a size of zero removes the level.
pub(crate) type Change<'a> = (Text<'a>, Number<'a>, Number<'a>);

/// `l2update`
#[derive(Debug, Deserialize)]
pub(crate) struct L2Update<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) changes: Vec<Change<'a>>,
    #[serde(borrow)]
    pub(crate) time: Option<Text<'a>>,
}

/// `ticker` and `ticker_batch` (which says `ticker` of itself).
#[derive(Debug, Deserialize)]
pub(crate) struct Ticker<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    pub(crate) sequence: Option<u64>,
    #[serde(borrow)]
    pub(crate) time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) last_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) side: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) best_bid: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) best_bid_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) best_ask: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) best_ask_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) open_24h: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) high_24h: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) low_24h: Option<Number<'a>>,
    #[serde(borrow)]
    pub(crate) volume_24h: Option<Number<'a>>,
}

/// `match` and `last_match`.
#[derive(Debug, Deserialize)]
pub(crate) struct Match<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    pub(crate) sequence: Option<u64>,
    #[serde(borrow)]
    pub(crate) time: Text<'a>,
    #[serde(borrow)]
    pub(crate) price: Number<'a>,
    #[serde(borrow)]
    pub(crate) size: Number<'a>,
    /// The maker's side.
    #[serde(borrow)]
    pub(crate) side: Text<'a>,
}

/// `error`
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal<'a> {
    #[serde(borrow)]
    pub(crate) message: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) reason: Option<Text<'a>>,
}
