//! The shapes of v2 frames, borrowed from their text.

use std::fmt;

use feed::json::{Number, Text};
use market::{Decimal, Micros};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An event: an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow, default)]
    pub(super) channel: Option<Text<'a>>,
    #[serde(default)]
    pub(super) chan_id: Option<u64>,
    #[serde(borrow, default)]
    pub(super) symbol: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) key: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) prec: Option<Text<'a>>,
    #[serde(default)]
    pub(super) flags: Option<u64>,
    #[serde(default)]
    pub(super) code: Option<u64>,
    #[serde(borrow, default)]
    pub(super) msg: Option<Text<'a>>,
    #[serde(default)]
    pub(super) platform: Option<Platform>,
}

/// Whether the venue is at work (1) or in maintenance (0).
#[derive(Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) status: Option<i64>,
}

/// Most parts that a frame has after its channel: a word, what it tells, a counter, a time.
const PARTS_MAX: usize = 4;

/// Data: an array of the channel's number and its parts.
pub(super) struct Array<'a> {
    pub(super) channel: u64,
    parts: [Option<&'a RawValue>; PARTS_MAX],
    count: usize,
}

impl<'a> Array<'a> {
    /// The parts without what the flags add at the end.
    pub(super) fn parts(&self, added: usize) -> impl Iterator<Item = &'a RawValue> {
        self.parts.into_iter().flatten().take(self.count.saturating_sub(added))
    }

    /// The part that stands so many places before the end (0: the last).
    pub(super) fn back(&self, place: usize) -> Option<u64> {
        let at = self.count.checked_sub(place + 1)?;
        self.parts.get(at).copied().flatten()?.get().parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Array<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array<'a>, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Array<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with a channel")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<'de>, A::Error> {
                use serde::de::Error;
                let channel = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let mut array = Array { channel, parts: [None; PARTS_MAX], count: 0 };
                while let Some(part) = seq.next_element::<&'de RawValue>()? {
                    let place = array.parts.get_mut(array.count);
                    *place.ok_or_else(|| A::Error::invalid_length(PARTS_MAX + 2, &self))? = Some(part);
                    array.count += 1;
                }
                Ok(array)
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

/// The first `N` entries of an array of numbers; it may be longer.
pub(super) struct Row<'a, const N: usize>(pub(super) [Number<'a>; N]);

impl<const N: usize> Row<'_, N> {
    /// The decimal at a place; `None` when it is no number.
    pub(super) fn decimal(&self, place: usize) -> Option<Decimal> {
        self.0.get(place)?.decimal().ok()?
    }

    /// The text of the number at a place.
    pub(super) fn raw(&self, place: usize) -> &str {
        self.0.get(place).map(Number::raw).unwrap_or_default()
    }
}

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Row<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row<'a, N>, D::Error> {
        struct Entries<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for Entries<N> {
            type Value = Row<'de, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an array of at least {N} numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Row<'de, N>, A::Error> {
                use serde::de::Error;
                let first: Number<'de> =
                    seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let mut row = [first; N];
                for (place, entry) in row.iter_mut().enumerate().skip(1) {
                    *entry = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(place, &self))?;
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row(row))
            }
        }
        deserializer.deserialize_seq(Entries::<N>)
    }
}

/// Milliseconds since 1970 as a bare number; zero and what is no number are no time.
pub(super) fn moment(millis: &str) -> Option<Micros> {
    let millis: i64 = millis.parse().ok()?;
    (millis > 0).then(|| Micros::from_millis(millis))
}

/// Whether an array holds arrays: a snapshot of several rows. An empty one is such, too.
pub(super) fn holds_rows(part: &RawValue) -> bool {
    let inside = part.get().strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with('[') || inside == "]")
}
