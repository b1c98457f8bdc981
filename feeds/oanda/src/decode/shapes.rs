//! What a line holds, borrowed from it.

use std::fmt;

use feed::json::{Number, Text};
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// What every line has.
#[derive(serde::Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// A line of type `PRICE`.
#[derive(serde::Deserialize)]
pub(super) struct Price<'a> {
    #[serde(borrow)]
    pub(super) instrument: Text<'a>,
    #[serde(borrow, default)]
    pub(super) time: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(default)]
    pub(super) tradeable: Option<bool>,
    #[serde(borrow, default)]
    pub(super) bids: Option<Best<'a>>,
    #[serde(borrow, default)]
    pub(super) asks: Option<Best<'a>>,
}

/// One price level.
#[derive(serde::Deserialize)]
pub(super) struct Level<'a> {
    #[serde(borrow)]
    pub(super) price: Number<'a>,
    #[serde(borrow, default)]
    pub(super) liquidity: Option<Number<'a>>,
}

/// The first level of a list; the others are passed over without being kept.
pub(super) struct Best<'a>(pub(super) Option<Level<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Best<'a> {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Best<'a>, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Option<Level<'de>>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of price levels")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }
        list.deserialize_seq(First).map(Best)
    }
}
