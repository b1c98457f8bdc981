//! Books, the most frequent frames, read in one pass and without a JSON parser.
//!
//! [`book`] takes exactly the shape in which the venue writes them: the topic first, strings without escapes, whole numbers, a few
//! levels a side. Anything else is `None` and goes to the parser, so a change of the venue costs time and never a price. The
//! test `both_ways_of_reading_books_agree` holds the two together.

use feed::json::string;

/// Most levels of one side that are read here. A top has one, a change of a deep book seldom more; whole books go to the parser.
const LEVELS_MAX: usize = 8;

/// The fields of one book message as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Book<'a> {
    pub(super) depth: usize,
    pub(super) kind: Option<&'a str>,
    pub(super) native: &'a str,
    pub(super) bids: Levels<'a>,
    pub(super) asks: Levels<'a>,
    pub(super) u: u64,
    /// When the matching engine changed the book, and when the message was made: milliseconds since 1970.
    pub(super) cts: Option<u64>,
    pub(super) ts: Option<u64>,
}

/// Prices and sizes of one side, in the order of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels<'a> {
    all: [(&'a str, &'a str); LEVELS_MAX],
    len: usize,
}

impl<'a> Levels<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.all.into_iter().take(self.len)
    }
}

/// Reads a book message; `None` when the text has any other shape.
pub(super) fn book(text: &str) -> Option<Book<'_>> {
    const HEAD: &str = "{\"topic\":\"orderbook.";
    let rest = text.strip_prefix(HEAD)?;
    let (depth, _) = rest.split_once('.')?;
    let depth = depth.parse().ok()?;
    let (mut topic, mut kind, mut ts, mut outer, mut cts, mut data) = (None, None, None, None, None, None);
    let end = members(text, 0, |key, at| match key {
        "topic" => once(&mut topic, string(text, at)?),
        "type" => once(&mut kind, string(text, at)?),
        "ts" => once(&mut ts, whole(text, at)?),
        "cts" => once(&mut outer, whole(text, at)?),
        "data" => {
            let (mut native, mut bids, mut asks, mut u, mut seq) = (None, None, None, None, None);
            let end = members(text, at, |key, at| match key {
                "s" => once(&mut native, string(text, at)?),
                "b" => once(&mut bids, levels(text, at)?),
                "a" => once(&mut asks, levels(text, at)?),
                "u" => once(&mut u, whole(text, at)?),
                "seq" => once(&mut seq, whole(text, at)?),
                "cts" => once(&mut cts, whole(text, at)?),
                _ => None,
            })?;
            once(&mut data, ((native?, bids?, asks?, u?), end))
        }
        _ => None,
    })?;
    let (native, bids, asks, u) = data?;
    (end == text.len()).then_some(Book { depth, kind, native, bids, asks, u, cts: outer.or(cts), ts })
}

/// Puts a value that was read into its place, and returns the place behind it. A key that stands twice is not read here: the
/// parser refuses it.
fn once<T>(place: &mut Option<T>, (value, end): (T, usize)) -> Option<usize> {
    place.replace(value).is_none().then_some(end)
}

/// Shows every member of the object at `at` to `see`, which returns the place behind its value; returns the place behind the
/// object.
#[inline(always)]
fn members<'a>(
    text: &'a str,
    at: usize,
    mut see: impl FnMut(&'a str, usize) -> Option<usize>,
) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = at;
    loop {
        // The first pass skips the brace, later ones a comma.
        let (key, colon) = string(text, at + 1)?;
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        at = see(key, colon + 1)?;
        match bytes.get(at)? {
            b',' => {}
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The levels of the list at `at`.
fn levels(text: &str, at: usize) -> Option<(Levels<'_>, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut levels = Levels::default();
    if bytes.get(at + 1) == Some(&b']') {
        return Some((levels, at + 2));
    }
    let mut at = at;
    loop {
        if bytes.get(at + 1) != Some(&b'[') {
            return None;
        }
        let (price, comma) = string(text, at + 2)?;
        if bytes.get(comma) != Some(&b',') {
            return None;
        }
        let (size, close) = string(text, comma + 1)?;
        if bytes.get(close) != Some(&b']') {
            return None;
        }
        *levels.all.get_mut(levels.len)? = (price, size);
        levels.len += 1;
        at = close + 1;
        match bytes.get(at)? {
            b',' => {}
            b']' => return Some((levels, at + 1)),
            _ => return None,
        }
    }
}

/// The whole number at `at`. More digits than JSON allows (`007`), or than 64 bits have, are not read here.
fn whole(text: &str, at: usize) -> Option<(u64, usize)> {
    let bytes = text.as_bytes();
    let mut number = 0_u64;
    let mut end = at;
    while let Some(digit) = bytes.get(end).filter(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        end += 1;
    }
    (end == at + 1 || end > at && bytes[at] != b'0').then_some((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"topic":"orderbook.1.BTCUSDT","ts":5,"type":"delta","data":{"s":"BTCUSDT","b":[["61873.90","3.783"],["61873.80","0"]],"a":[],"u":7,"seq":8},"cts":4}"#;

    #[test]
    fn a_book_is_read_whatever_the_order_of_its_members() {
        let read = book(ONE).unwrap();
        assert_eq!((read.depth, read.kind, read.native, read.u), (1, Some("delta"), "BTCUSDT", 7));
        assert_eq!((read.ts, read.cts), (Some(5), Some(4)));
        let levels = [("61873.90", "3.783"), ("61873.80", "0")];
        assert_eq!((read.bids.iter().collect::<Vec<_>>(), read.asks.iter().count()), (levels.to_vec(), 0));
        let inside = ONE.replace(r#""seq":8}"#, r#""cts":3}"#).replace(r#","cts":4"#, "");
        let read = book(&inside).unwrap();
        assert_eq!(read.cts, Some(3));
        let both = ONE.replace(r#""seq":8}"#, r#""cts":3}"#);
        assert_eq!(book(&both).unwrap().cts, Some(4), "the outer one is the venue's form");
    }

    #[test]
    fn every_other_shape_is_left_to_the_parser() {
        let level = r#"["1","2"]"#;
        let many = format!("[{}]", [level; LEVELS_MAX + 1].join(","));
        for text in [
            String::new(),
            format!("{ONE} "),
            format!(" {ONE}"),
            ONE.replace("orderbook.1.", "tickers."),
            ONE.replace("orderbook.1.", "orderbook.rpi."),
            ONE.replace(r#""u":7,"#, ""),
            ONE.replace(r#""u":7"#, r#""u":"7""#),
            ONE.replace(r#""u":7"#, r#""u":007"#),
            ONE.replace(r#""u":7"#, r#""u":123456789012345678901234567"#),
            ONE.replace(r#""u":7"#, r#""u":7,"u":8"#),
            ONE.replace(r#""u":7"#, r#""new":7,"u":8"#),
            ONE.replace(r#""61873.90""#, "61873.90"),
            ONE.replace(r#""61873.90""#, r#""6\u0031""#),
            ONE.replace(r#""3.783"]"#, r#""3.783","x"]"#),
            ONE.replace(r#""a":[]"#, r#""a":[[]]"#),
            ONE.replace(r#""a":[]"#, r#""a":null"#),
            ONE.replace(r#""a":[]"#, &format!(r#""a":{many}"#)),
            ONE.replace(r#""delta""#, "null"),
            ONE.replace(r#","cts":4"#, r#","op":"x""#),
            ONE.replace(r#","cts":4}"#, ""),
        ] {
            assert_eq!(book(&text), None, "{text}");
        }
    }
}
