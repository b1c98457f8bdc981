//! The shapes of v1 frames, borrowed from their text.

use std::fmt;

use feed::DecodeError;
use feed::json::{Number, Text};
use market::Decimal;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default, rename = "errorMessage")]
    pub(super) error: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) pair: Option<Text<'a>>,
}

/// The four or five pieces of a data frame, unread.
pub(super) struct Pieces<'a>([Option<&'a RawValue>; 5]);

impl<'a> Pieces<'a> {
    /// Channel name, pair, and the one or two pieces of data before them.
    pub(super) fn split(self) -> Result<(Text<'a>, Text<'a>, [Option<&'a RawValue>; 2]), DecodeError> {
        let (data, channel, pair) = match self.0 {
            [Some(_), Some(data), Some(channel), Some(pair), None] => ([Some(data), None], channel, pair),
            [Some(_), Some(a), Some(b), Some(channel), Some(pair)] => ([Some(a), Some(b)], channel, pair),
            _ => return Err(DecodeError::Garbage("data frame of another length")),
        };
        let text = |raw: &'a RawValue| serde_json::from_str::<Text<'a>>(raw.get());
        match (text(channel), text(pair)) {
            (Ok(channel), Ok(pair)) => Ok((channel, pair, data)),
            _ => Err(DecodeError::Garbage("channel or pair is no text")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pieces<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pieces<'a>, D::Error> {
        struct Five;
        impl<'de> Visitor<'de> for Five {
            type Value = Pieces<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of at most five")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pieces<'de>, A::Error> {
                let mut pieces = [None; 5];
                for piece in &mut pieces {
                    *piece = seq.next_element::<&RawValue>()?;
                }
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(Pieces(pieces)),
                    Some(_) => Err(de::Error::invalid_length(6, &self)),
                }
            }
        }
        deserializer.deserialize_seq(Five)
    }
}

/// The first three entries of an array, of which a ticker has two or three.
pub(super) struct Entries<'a> {
    pub(super) first: Option<Number<'a>>,
    pub(super) second: Option<Number<'a>>,
    pub(super) third: Option<Number<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<'a>, D::Error> {
        let (first, second, third, _) = deserializer.deserialize_seq(Mixed)?;
        Ok(Entries { first, second, third })
    }
}

/// One trade: price, size, decimal seconds, `b` or `s`; then order type and room for more.
pub(super) struct Trade<'a> {
    pub(super) price: Option<Number<'a>>,
    pub(super) size: Option<Number<'a>>,
    pub(super) time: Option<Number<'a>>,
    pub(super) side: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Trade<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Trade<'a>, D::Error> {
        let (price, size, time, side) = deserializer.deserialize_seq(Mixed)?;
        if side.is_none() {
            return Err(de::Error::invalid_length(3, &"four entries"));
        }
        Ok(Trade { price, size, time, side })
    }
}

/// One level of a book: price, size, decimal seconds, and `r` where an old level is shown again because a better one
/// went away.
pub(super) struct BookLevel<'a> {
    pub(super) price: Number<'a>,
    pub(super) size: Number<'a>,
    pub(super) time: Number<'a>,
    pub(super) republished: bool,
}

impl BookLevel<'_> {
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        Some((self.price.decimal().ok()??, self.size.decimal().ok()??))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for BookLevel<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BookLevel<'a>, D::Error> {
        let (price, size, time, flag) = deserializer.deserialize_seq(Mixed)?;
        match (price, size, time) {
            (Some(price), Some(size), Some(time)) => {
                Ok(BookLevel { price, size, time, republished: flag.is_some_and(|flag| &*flag == "r") })
            }
            _ => Err(de::Error::invalid_length(2, &"three or four entries")),
        }
    }
}

type MixedEntries<'a> = (Option<Number<'a>>, Option<Number<'a>>, Option<Number<'a>>, Option<Text<'a>>);

/// Up to three numbers, then up to one text, then anything.
struct Mixed;

impl<'de> Visitor<'de> for Mixed {
    type Value = MixedEntries<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers with text after them")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MixedEntries<'de>, A::Error> {
        let numbers = (seq.next_element()?, seq.next_element()?, seq.next_element()?);
        let text = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok((numbers.0, numbers.1, numbers.2, text))
    }
}

#[derive(Deserialize)]
pub(super) struct Ticker<'a> {
    #[serde(borrow, default)]
    pub(super) a: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) b: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) c: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) v: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) l: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) h: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) o: Option<Entries<'a>>,
}

/// `[bid, ask, decimal seconds, bid size, ask size]`.
#[derive(Deserialize)]
pub(super) struct Spread<'a> {
    #[serde(borrow)]
    pub(super) bid: Number<'a>,
    #[serde(borrow)]
    pub(super) ask: Number<'a>,
    #[serde(borrow)]
    pub(super) time: Number<'a>,
    #[serde(borrow)]
    pub(super) bid_size: Number<'a>,
    #[serde(borrow)]
    pub(super) ask_size: Number<'a>,
}

#[derive(Deserialize)]
pub(super) struct Half<'a> {
    #[serde(borrow, default, rename = "as")]
    pub(super) as_: Option<Vec<BookLevel<'a>>>,
    #[serde(borrow, default)]
    pub(super) bs: Option<Vec<BookLevel<'a>>>,
    #[serde(borrow, default)]
    pub(super) a: Option<Vec<BookLevel<'a>>>,
    #[serde(borrow, default)]
    pub(super) b: Option<Vec<BookLevel<'a>>>,
    #[serde(borrow, default)]
    pub(super) c: Option<Text<'a>>,
}
