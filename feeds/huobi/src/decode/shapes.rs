//! The shapes of HTX's frames, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every frame may have on its outermost level.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) ch: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) ts: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) tick: Option<Tick<'a>>,
    #[serde(borrow)]
    pub(super) ping: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) pong: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) rep: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) op: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) topic: Option<Text<'a>>,
    #[serde(borrow, rename = "err-code")]
    pub(super) err_code: Option<&'a RawValue>,
    #[serde(borrow, rename = "err-msg")]
    pub(super) err_msg: Option<Text<'a>>,
}

/// The `tick` of every channel, taken in one pass: books, best levels, trades, figures, candles.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Tick<'a> {
    #[serde(borrow)]
    pub(super) bids: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) asks: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) bid: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) bid_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) ask: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) ask_size: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) seq_id: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) seq_num: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) prev_seq_num: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) version: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) event: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) ts: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) quote_time: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) open: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) high: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) low: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) close: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) amount: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) vol: Option<Number<'a>>,
    #[serde(borrow, rename = "trade_turnover")]
    pub(super) trade_turnover: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) last_price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) last_size: Option<Number<'a>>,
    #[serde(borrow, rename = "index_price")]
    pub(super) index_price: Option<Number<'a>>,
}

impl Tick<'_> {
    /// Whether the venue put a number or a time on it. A side that is left out has no orders, so that a tick of nothing at
    /// all would read as an empty book.
    pub(super) fn is_marked(&self) -> bool {
        [self.version, self.seq_id, self.seq_num, self.ts, self.quote_time].iter().any(Option::is_some)
    }

    /// The best bid or ask: `price` with its size beside it (spot), or `[price, size]` (derivatives). `Some(None)` where
    /// nobody stands, `None` when it cannot be read.
    pub(super) fn best(side: Option<&RawValue>, size: Option<Number<'_>>) -> Option<Option<Best>> {
        let Some(side) = side else { return Some(None) };
        if side.get().starts_with('[') {
            if side.get() == "[]" {
                return Some(None);
            }
            let (price, size) = serde_json::from_str::<LevelText<'_>>(side.get()).ok()?.numbers()?;
            return Some(Some((price, Some(size))));
        }
        let price: Number<'_> = serde_json::from_str(side.get()).ok()?;
        let size = match size {
            Some(size) => size.decimal().ok()?,
            None => None,
        };
        Some(price.decimal().ok()?.map(|price| (price, size)))
    }
}

/// A price and, where it was said, its size.
pub(super) type Best = (Decimal, Option<Decimal>);

/// A trade of `trade.detail`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeText<'a> {
    #[serde(borrow, default)]
    id: Option<Number<'a>>,
    #[serde(borrow, default)]
    trade_id: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) direction: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) ts: Option<Number<'a>>,
}

impl TradeText<'_> {
    /// What tells the order of trades: `tradeId`, of derivatives `id`.
    pub(super) fn order(&self) -> Option<u128> {
        self.trade_id.or(self.id)?.raw().parse().ok()
    }
}

/// A row of `funding_rate`.
#[derive(Deserialize)]
pub(super) struct FundingText<'a> {
    #[serde(borrow)]
    pub(super) contract_code: Text<'a>,
    #[serde(borrow, default)]
    pub(super) funding_rate: Option<Number<'a>>,
}

/// The book that answers a `req` of `mbp.N`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookText<'a> {
    #[serde(borrow)]
    pub(super) seq_num: Number<'a>,
    #[serde(borrow, default)]
    pub(super) bids: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) asks: Option<&'a RawValue>,
}

/// Milliseconds since 1970, as a text or a number; zero and what is no number are no time.
pub(super) fn moment(millis: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(whole(millis)?).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// A whole number, as a text or a number.
pub(super) fn whole(number: Option<Number<'_>>) -> Option<u64> {
    number?.raw().trim_matches('"').parse().ok()
}

/// `[price, size]`.
pub(super) struct LevelText<'a> {
    price: Number<'a>,
    size: Number<'a>,
}

impl LevelText<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.size.decimal().ok()??))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LevelText<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = LevelText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of price and size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LevelText<'de>, A::Error> {
                let (Some(price), Some(size)) = (seq.next_element()?, seq.next_element()?) else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelText { price, size })
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

/// The first level of a whole side, which is its best: `Some(None)` of an empty or missing one, `None` when it is no list
/// of levels. The rest was skipped already when the frame was read, and is not looked at again.
pub(super) fn first(levels: Option<&RawValue>) -> Option<Option<Best>> {
    let Some(levels) = levels else { return Some(None) };
    let inside = levels.get().strip_prefix('[')?.trim_start();
    if inside == "]" {
        return Some(None);
    }
    let mut levels = serde_json::Deserializer::from_str(inside).into_iter::<LevelText<'_>>();
    let (price, size) = levels.next()?.ok()?.numbers()?;
    Some(Some((price, Some(size))))
}
