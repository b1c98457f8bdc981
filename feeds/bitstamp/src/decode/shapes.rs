//! The shapes of v2 frames, borrowed from their text.

use std::fmt;
use std::time::Duration;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How far the venue's clock may be ahead of ours. Recorded clocks differ by less than two seconds; where ours is further
/// behind than this, messages count in the order in which they come.
const AHEAD_MAX: Duration = Duration::from_secs(5);

/// What every frame has on its outermost level.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<Told<'a>>,
}

/// The same of a channel that is none of ours, whose `data` may be anything.
#[derive(Deserialize)]
pub(super) struct Foreign<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
}

/// The `data` of our channels, and the HTTP answer with a book, taken in one pass: books, trades, figures, errors.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Told<'a> {
    #[serde(borrow)]
    pub(super) microtimestamp: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) timestamp: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) bids: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) asks: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) price_str: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) amount: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) amount_str: Option<Number<'a>>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) mark_price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) index_price: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) funding_rate: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) code: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Text<'a>>,
}

impl Told<'_> {
    /// The venue's time to the microsecond; without one, its time to the second. A time of the future is none: everything
    /// after it would seem old, and the market would stand still until then.
    pub(super) fn moment(&self, ts_recv: Micros) -> Option<Micros> {
        let micros = whole(self.microtimestamp);
        let moment = micros.or_else(|| whole(self.timestamp)?.checked_mul(1_000_000)).map(Micros)?;
        (moment.since(ts_recv) <= AHEAD_MAX).then_some(moment)
    }
}

/// A positive whole number, written as text or as a number.
fn whole(number: Option<Number<'_>>) -> Option<i64> {
    let raw = number?;
    let number: i64 = raw.raw().trim_matches('"').parse().ok()?;
    (number > 0).then_some(number)
}

/// `[price, size]`, and more in channels that name orders.
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
                f.write_str("an array of price, size and more")
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

/// The first level of a side; `Some(None)` of an empty one, `None` when it is no list of levels. The rest was skipped
/// already when the frame was read, and is not looked at again.
pub(super) fn first(levels: &RawValue) -> Option<Option<(Decimal, Decimal)>> {
    let inside = levels.get().strip_prefix('[')?.trim_start();
    if inside == "]" {
        return Some(None);
    }
    let mut levels = serde_json::Deserializer::from_str(inside).into_iter::<LevelText<'_>>();
    let level = levels.next()?.ok()?;
    level.numbers().map(Some)
}
