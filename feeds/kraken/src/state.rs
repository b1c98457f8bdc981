//! What both decoders remember of each symbol, and the checksum that both protocols share.

use feed::book::{Book, Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, Ignored, InstrumentId};
use market::{Decimal, Micros};

/// Levels of each side that go into the checksum, whatever depth is subscribed.
const CHECKSUM_LEVELS: usize = 10;

/// The depths that can be subscribed.
const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1000];

/// What is remembered of one symbol on one connection.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The book, if one is subscribed.
    pub(crate) rebuilt: Rebuilt,
    /// Whether the trade channel has spoken: then the ticker does not tell the last trade any more.
    pub(crate) traded: bool,
    /// Most places after the point seen so far in the book's prices and sizes.
    pub(crate) places: Places,
}

/// Places after the point of a pair's prices and sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    pub(crate) price: u32,
    pub(crate) size: u32,
}

impl Places {
    /// Learns from one level. Kraken writes every number of a pair with the same places, so the most is all.
    pub(crate) fn see(&mut self, price: Decimal, size: Decimal) {
        self.price = self.price.max(price.scale());
        self.size = self.size.max(size.scale());
    }
}

/// The slots of one connection, by instrument. Bounded by the capacity of the instruments.
#[derive(Debug, Default)]
pub(crate) struct Slots(Vec<Slot>);

impl Slots {
    pub(crate) fn of(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.0.len() <= at {
            self.0.resize_with(at + 1, Slot::default);
        }
        &mut self.0[at]
    }
}

/// The depth to keep when a snapshot has that many levels on its longer side: the one subscribed, or if the snapshot is
/// deeper (a recording of another subscription) the least that Kraken offers for it.
pub(crate) fn depth_for(subscribed: usize, levels: usize) -> usize {
    if levels <= subscribed {
        return subscribed;
    }
    DEPTHS.into_iter().find(|depth| *depth >= levels).unwrap_or(DEPTHS[DEPTHS.len() - 1])
}

/// CRC32 over the ten best asks, then the ten best bids, best first: of each level the digits of its price and then of
/// its size, without the point and without leading zeros.
///
/// That is the integer behind a decimal. Where `places` are given, trailing zeros that a JSON writer took away are put
/// back first; numbers that have them already stay as they are.
pub(crate) fn checksum(book: &Book, places: Option<Places>, text: &mut Vec<u8>) -> u32 {
    text.clear();
    for ladder in [Ladder::Asks, Ladder::Bids] {
        for level in book.levels(ladder).take(CHECKSUM_LEVELS) {
            digits(level.price, places.map(|p| p.price), text);
            digits(level.size, places.map(|p| p.size), text);
        }
    }
    crc32fast::hash(text)
}

fn digits(number: Decimal, places: Option<u32>, text: &mut Vec<u8>) {
    let start = text.len();
    market::exact::write_decimal(number.abs(), text);
    let mut kept = start;
    for at in start..text.len() {
        let byte = text[at];
        if byte == b'.' || (kept == start && byte == b'0') {
            continue;
        }
        text[kept] = byte;
        kept += 1;
    }
    text.truncate(kept);
    let missing = places.unwrap_or(0).saturating_sub(number.scale());
    if kept > start {
        text.extend(std::iter::repeat_n(b'0', missing as usize));
    }
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
pub(crate) fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let read = number?.decimal();
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}

/// As [`read`], for figures of which zero says that there is none: before its first trade a pair has a last price, a
/// high and a low of zero.
pub(crate) fn read_nonzero(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    read(number, batch).map(|read| read.filter(|number| !number.is_zero()))
}

/// The moment of decimal seconds since 1970 (`1618678158.135041`); `None` for zero and for text that is no time.
pub(crate) fn seconds(number: Number<'_>) -> Option<Micros> {
    let micros = number.decimal().ok()??.checked_mul(Decimal::from(1_000_000))?.trunc();
    i64::try_from(micros).ok().filter(|micros| *micros > 0).map(Micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        feed::json::text_decimal(text).unwrap().unwrap()
    }

    fn shown(text: &str, places: Option<u32>) -> String {
        let mut out = Vec::new();
        digits(decimal(text), places, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The example in Kraken's guide to the v1 checksum: ten levels a side and `974947235`.
    #[test]
    fn the_example_of_the_guide_gives_its_checksum() {
        let mut book = Book::new(10);
        let size = decimal("0.00000500");
        for price in [
            "0.05005", "0.05010", "0.05015", "0.05020", "0.05025", "0.05030", "0.05035", "0.05040",
            "0.05045", "0.05050",
        ] {
            book.set(Ladder::Asks, decimal(price), size);
        }
        for price in [
            "0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970", "0.04965", "0.04960",
            "0.04955", "0.04950",
        ] {
            book.set(Ladder::Bids, decimal(price), size);
        }
        assert_eq!(checksum(&book, None, &mut Vec::new()), 974_947_235);
    }

    #[test]
    fn digits_lose_the_point_and_leading_zeros_only() {
        assert_eq!(shown("0.05000", None), "5000");
        assert_eq!(shown("0.00000304", None), "304");
        assert_eq!(shown("100.0", None), "1000");
        assert_eq!(shown("0.00000", None), "");
        assert_eq!(shown("4.0", Some(8)), "400000000", "what a JSON writer took is put back");
        assert_eq!(shown("4.00000000", Some(8)), "400000000", "what is there already stays");
        assert_eq!(shown("29430", Some(1)), "294300");
    }

    #[test]
    fn depths_are_those_on_offer() {
        assert_eq!(depth_for(10, 3), 10);
        assert_eq!(depth_for(25, 10), 25);
        assert_eq!(depth_for(10, 11), 25);
        assert_eq!(depth_for(10, 5000), 1000);
    }

    #[test]
    fn decimal_seconds_are_a_moment_and_zero_is_none() {
        let read = |json: &str| seconds(serde_json::from_str(json).unwrap());
        assert_eq!(read("\"1618678158.135041\""), Some(Micros(1_618_678_158_135_041)));
        assert_eq!(read("1618678158"), Some(Micros(1_618_678_158_000_000)));
        for json in ["\"0.000000\"", "\"\"", "null", "\"x\"", "\"-5\"", "99999999999999999999999999"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
