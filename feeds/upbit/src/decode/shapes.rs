//! The shapes of messages in both spellings, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

/// Any message: the fields of all types, of which each type uses its own.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default, rename = "ty", alias = "type")]
    pub(super) kind: Option<Text<'a>>,
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
    pub(super) units: Option<Units<'a>>,
    #[serde(borrow, default, rename = "lv", alias = "level")]
    pub(super) level: Option<Number<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<Refusal<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
}

/// Milliseconds since 1970; zero and what is no number are no time.
pub(super) fn moment(millis: Option<Number<'_>>) -> Option<Micros> {
    let millis = i64::try_from(millis?.decimal().ok()??.trunc()).ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// One rung of both ladders: the n-th best ask beside the n-th best bid.
#[derive(Deserialize)]
struct Unit<'a> {
    #[serde(borrow, rename = "ap", alias = "ask_price")]
    ask: Number<'a>,
    #[serde(borrow, rename = "as", alias = "ask_size")]
    ask_size: Number<'a>,
    #[serde(borrow, rename = "bp", alias = "bid_price")]
    bid: Number<'a>,
    #[serde(borrow, rename = "bs", alias = "bid_size")]
    bid_size: Number<'a>,
}

/// Price and size of a level.
pub(super) type Level = (Decimal, Decimal);

/// The best level of each side of a book. Levels of price or size zero are no orders, so the first that is none of these
/// counts; an error is a number that cannot be kept.
#[derive(Default)]
pub(super) struct Units<'a> {
    pub(super) bid: Option<Level>,
    pub(super) ask: Option<Level>,
    pub(super) broken: bool,
    text: std::marker::PhantomData<&'a str>,
}

impl<'a> Units<'a> {
    fn take(&mut self, unit: &Unit<'_>) {
        for (best, price, size) in
            [(&mut self.bid, unit.bid, unit.bid_size), (&mut self.ask, unit.ask, unit.ask_size)]
        {
            if best.is_some() {
                continue;
            }
            match (price.decimal(), size.decimal()) {
                (Ok(Some(price)), Ok(Some(size))) if !price.is_zero() && !size.is_zero() => {
                    *best = Some((price, size));
                }
                (Ok(_), Ok(_)) => {}
                _ => self.broken = true,
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Units<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Units<'a>, D::Error> {
        struct Rungs;
        impl<'de> Visitor<'de> for Rungs {
            type Value = Units<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of levels")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Units<'de>, A::Error> {
                let mut units = Units::default();
                while units.bid.is_none() || units.ask.is_none() {
                    match seq.next_element::<Unit<'de>>()? {
                        Some(unit) => units.take(&unit),
                        None => return Ok(units),
                    }
                }
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(units)
            }
        }
        deserializer.deserialize_seq(Rungs)
    }
}
