//! The shapes of messages, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

/// Keeps `null` apart from a field that is not there: the first tells "absent", the second tells nothing.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number<'de>>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Milliseconds since 1970; what is not after it is no time.
pub(super) fn moment(millis: Option<i64>) -> Option<Micros> {
    millis.filter(|&millis| millis > 0).map(Micros::from_millis)
}

#[derive(Deserialize)]
pub(super) struct LevelData<'a> {
    #[serde(borrow)]
    px: Number<'a>,
    #[serde(borrow)]
    sz: Number<'a>,
}

impl LevelData<'_> {
    /// Price and size, if both are numbers.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.px.decimal().ok()??, self.sz.decimal().ok()??))
    }
}

#[derive(Deserialize)]
pub(super) struct BboData<'a> {
    #[serde(borrow)]
    pub(super) coin: Text<'a>,
    #[serde(default)]
    pub(super) time: Option<i64>,
    /// Bid and ask; a side without orders is `null`.
    #[serde(borrow)]
    pub(super) bbo: [Option<LevelData<'a>>; 2],
}

#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) coin: Text<'a>,
    #[serde(default)]
    pub(super) time: Option<i64>,
    /// Bids and asks.
    #[serde(borrow)]
    pub(super) levels: [Best<'a>; 2],
}

/// The best level of a side, which comes first. The others are skipped, not read.
pub(super) struct Best<'a>(pub(super) Option<LevelData<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Best<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Best<'a>, D::Error> {
        struct Levels;
        impl<'de> Visitor<'de> for Levels {
            type Value = Best<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of levels")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Best<'de>, A::Error> {
                let first = seq.next_element()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Best(first))
            }
        }
        deserializer.deserialize_seq(Levels)
    }
}

#[derive(Deserialize)]
pub(super) struct TradeData<'a> {
    #[serde(borrow)]
    pub(super) coin: Text<'a>,
    #[serde(borrow, default)]
    pub(super) side: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) px: Number<'a>,
    #[serde(borrow)]
    pub(super) sz: Number<'a>,
    #[serde(default)]
    pub(super) time: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ContextData<'a> {
    #[serde(borrow)]
    pub(super) coin: Text<'a>,
    #[serde(borrow)]
    pub(super) ctx: Figures<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures<'a> {
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) prev_day_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) day_base_vlm: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) day_ntl_vlm: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) mark_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) oracle_px: Option<Number<'a>>,
    #[serde(borrow, default, deserialize_with = "told")]
    pub(super) funding: Option<Number<'a>>,
}

/// What we asked for, as an error repeats it.
#[derive(Deserialize)]
pub(super) struct Asked<'a> {
    #[serde(borrow)]
    pub(super) subscription: Subscription<'a>,
}

#[derive(Deserialize)]
pub(super) struct Subscription<'a> {
    #[serde(borrow)]
    pub(super) coin: Text<'a>,
}
