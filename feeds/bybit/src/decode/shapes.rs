//! The shapes of v5 messages, borrowed from their text.

use feed::book::Ladder;
use feed::json::{Number, Text};
use feed::{Batch, Ignored};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

/// What every message may have on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) topic: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
    /// When the matching engine changed the book.
    #[serde(borrow, default)]
    pub(super) cts: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) success: Option<bool>,
    #[serde(borrow, default)]
    pub(super) ret_msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) op: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) req_id: Option<Text<'a>>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// `tickers`: in deltas a field that is not there has not changed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) last_price: Option<Number<'a>>,
    /// Options say `bidPrice`, and so on.
    #[serde(borrow, default, deserialize_with = "told", rename = "bid1Price", alias = "bidPrice")]
    pub(super) bid: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "bid1Size", alias = "bidSize")]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "ask1Price", alias = "askPrice")]
    pub(super) ask: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told", rename = "ask1Size", alias = "askSize")]
    pub(super) ask_size: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) prev_price24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) high_price24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) low_price24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) volume24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) turnover24h: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) funding_rate: Option<Number<'a>>,
}

/// `publicTrade`.
#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow)]
    pub(super) s: Text<'a>,
    #[serde(borrow, default, rename = "T")]
    pub(super) time: Option<Number<'a>>,
    #[serde(borrow, default, rename = "S")]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) v: Number<'a>,
    #[serde(borrow)]
    pub(super) p: Number<'a>,
}

/// `orderbook`.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) s: Text<'a>,
    #[serde(borrow)]
    pub(super) b: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(super) a: Vec<LevelData<'a>>,
    pub(super) u: u64,
    #[serde(borrow, default)]
    pub(super) cts: Option<Number<'a>>,
}

impl BookData<'_> {
    /// Every level, bids first; `None` where one cannot be read.
    pub(super) fn levels(&self) -> impl Iterator<Item = (Ladder, Option<(Decimal, Decimal)>)> {
        let bids = self.b.iter().map(|level| (Ladder::Bids, level.numbers()));
        bids.chain(self.a.iter().map(|level| (Ladder::Asks, level.numbers())))
    }
}

/// The answer of the options' socket to a subscription.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommandData<'a> {
    #[serde(borrow, default)]
    pub(super) fail_topics: Vec<Text<'a>>,
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

/// Milliseconds since 1970; zero and what is no number are no time.
pub(super) fn millis(number: Option<Number<'_>>) -> Option<Micros> {
    let millis: i64 = number?.raw().trim_matches('"').parse().ok()?;
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
