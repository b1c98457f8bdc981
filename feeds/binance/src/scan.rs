//! The best bid and offer and the trades, read without a JSON parser: they are nearly all messages at full rate.
//!
//! [`book_ticker`] and [`trade`] take exactly one shape: a flat object of strings without escapes, of whole numbers and of
//! `true` and `false`, alone or as the `data` of a combined stream. Anything else is `None` and goes to the full parser, so a change of the venue costs
//! time and never a price. The test `scanner_and_parser_agree` holds the two together over every recorded frame.

use feed::json::string;

/// The fields of one `bookTicker` message as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BookTicker<'a> {
    /// `u`: update id of the book; it only grows.
    pub(crate) update_id: u64,
    /// `s`: the symbol in the venue's spelling.
    pub(crate) symbol: &'a str,
    /// `b` and `B`: best bid, price and quantity.
    pub(crate) bid: [&'a str; 2],
    /// `a` and `A`: best ask, price and quantity.
    pub(crate) ask: [&'a str; 2],
    /// `T` of futures: when the matching engine changed the book.
    pub(crate) transacted: Option<u64>,
    /// `E` of futures: when the message was made.
    pub(crate) event: Option<u64>,
}

/// The fields of one `trade` or `aggTrade` message as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trade<'a> {
    /// `e`: which of the two.
    pub(crate) kind: &'static str,
    /// `s`: the symbol in the venue's spelling.
    pub(crate) symbol: &'a str,
    /// `p`.
    pub(crate) price: &'a str,
    /// `q`.
    pub(crate) size: &'a str,
    /// `l`, the last trade of several, else `t`.
    pub(crate) id: Option<u64>,
    /// `T`: when it happened.
    pub(crate) traded: u64,
    /// `m`: the buyer was the maker.
    pub(crate) sold: bool,
    /// `X` of futures: whether it happened in the book.
    pub(crate) book: Option<&'a str>,
}

/// The name of the stream and the place behind `"data":`, when the text is a message of a combined stream in the form
/// in which the venue writes it.
pub(crate) fn stream(text: &str) -> Option<(&str, usize)> {
    const HEAD: &str = "{\"stream\":";
    const DATA: &str = ",\"data\":";
    if !text.starts_with(HEAD) {
        return None;
    }
    let (name, end) = string(text, HEAD.len())?;
    text[end..].starts_with(DATA).then_some((name, end + DATA.len()))
}

/// Reads a `bookTicker` message; `None` when the text has any other shape.
pub(crate) fn book_ticker(text: &str) -> Option<BookTicker<'_>> {
    let place = object(text, |name| name.ends_with("bookTicker"))?;
    let (mut update_id, mut symbol, mut transacted, mut event) = (None, None, None, None);
    let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
    members(text, place, |key, value| {
        match (key, value) {
            (b'b', Value::Words(words)) => bid = Some(words),
            (b'B', Value::Words(words)) => bid_size = Some(words),
            (b'a', Value::Words(words)) => ask = Some(words),
            (b'A', Value::Words(words)) => ask_size = Some(words),
            (b's', Value::Words(words)) => symbol = Some(words),
            (b'e', Value::Words("bookTicker")) => {}
            (b'u', Value::Whole(number)) => update_id = Some(number),
            (b'T', Value::Whole(number)) => transacted = Some(number),
            (b'E', Value::Whole(number)) => event = Some(number),
            (b'b' | b'B' | b'a' | b'A' | b's' | b'e' | b'u' | b'T' | b'E', _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(BookTicker {
        update_id: update_id?,
        symbol: symbol?,
        bid: [bid?, bid_size?],
        ask: [ask?, ask_size?],
        transacted,
        event,
    })
}

/// Reads a `trade` or `aggTrade` message; `None` when the text has any other shape.
pub(crate) fn trade(text: &str) -> Option<Trade<'_>> {
    let place = object(text, |name| name.ends_with("@trade") || name.ends_with("@aggTrade"))?;
    let (mut kind, mut symbol, mut price, mut size) = (None, None, None, None);
    let (mut id, mut last_id, mut traded, mut sold, mut book) = (None, None, None, None, None);
    members(text, place, |key, value| {
        match (key, value) {
            (b'e', Value::Words("trade")) => kind = Some("trade"),
            (b'e', Value::Words("aggTrade")) => kind = Some("aggTrade"),
            (b's', Value::Words(words)) => symbol = Some(words),
            (b'p', Value::Words(words)) => price = Some(words),
            (b'q', Value::Words(words)) => size = Some(words),
            (b'X', Value::Words(words)) => book = Some(words),
            (b't', Value::Whole(number)) => id = Some(number),
            (b'l', Value::Whole(number)) => last_id = Some(number),
            (b'T', Value::Whole(number)) => traded = Some(number),
            (b'm', Value::Flag(flag)) => sold = Some(flag),
            (b'e' | b's' | b'p' | b'q' | b'X' | b't' | b'l' | b'T' | b'm', _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(Trade {
        kind: kind?,
        symbol: symbol?,
        price: price?,
        size: size?,
        id: last_id.or(id),
        traded: traded?,
        sold: sold?,
        book,
    })
}

/// The object of a message: where it opens, and whether a combined stream is around it.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    wrapped: bool,
}

/// Finds the object, in a stream whose name is wanted or alone.
fn object(text: &str, wanted: impl Fn(&str) -> bool) -> Option<Place> {
    match stream(text) {
        Some((name, at)) => wanted(name).then_some(Place { at, wrapped: true }),
        None => Some(Place { at: 0, wrapped: false }),
    }
}

/// What stands behind a key.
#[derive(Clone, Copy)]
enum Value<'a> {
    Words(&'a str),
    Whole(u64),
    Flag(bool),
}

/// Shows every member to `see`, by its key when that is one letter, else by 0. `None` when the object has another shape,
/// when something stands behind it, or when `see` does not know what to do.
#[inline(always)]
fn members<'a>(text: &'a str, place: Place, mut see: impl FnMut(u8, Value<'a>) -> Option<()>) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = place.at;
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut seen = 0_u64;
    loop {
        // The first pass skips the brace, later ones a comma.
        at += 1;
        // All keys that matter are one letter long; 0 stands for any other.
        let (key, value) = match bytes.get(at..at + 4)? {
            [b'"', letter, b'"', b':'] if letter.is_ascii_alphabetic() => (*letter, at + 4),
            _ => match string(text, at)? {
                (_, colon) if bytes.get(colon) == Some(&b':') => (0, colon + 1),
                _ => return None,
            },
        };
        if key != 0 {
            // A key that stands twice: the parser refuses it. Letters differ in their low six bits.
            let bit = 1 << (key & 63);
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        let (value, after) = match bytes.get(value)? {
            b'"' => string(text, value).map(|(words, after)| (Value::Words(words), after))?,
            b't' if bytes[value..].starts_with(b"true") => (Value::Flag(true), value + 4),
            b'f' if bytes[value..].starts_with(b"false") => (Value::Flag(false), value + 5),
            _ => whole(bytes, value).map(|(number, after)| (Value::Whole(number), after))?,
        };
        see(key, value)?;
        at = after;
        match bytes.get(at) {
            Some(b',') => {}
            Some(b'}') => break,
            _ => return None,
        }
    }
    let end: &[u8] = if place.wrapped { b"}}" } else { b"}" };
    (&bytes[at..] == end).then_some(())
}

/// The whole number at `at` and the place behind it. More digits than JSON allows (`007`) and numbers past 64 bits are
/// not read here.
fn whole(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    let mut end = at;
    while let Some(digit) = bytes.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
        end += 1;
    }
    let len = end - at;
    (len == 1 || len > 1 && bytes[at] != b'0').then_some((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_the_venue_are_read() {
        let spot = r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#;
        let read = book_ticker(spot).unwrap();
        assert_eq!((read.update_id, read.symbol), (400_900_217, "BNBUSDT"));
        assert_eq!((read.bid, read.ask), (["25.35190000", "31.21000000"], ["25.36520000", "40.66000000"]));
        let futures = r#"{"stream":"bchusd_perp@bookTicker","data":{"u":167006084895,"e":"bookTicker","s":"BCHUSD_PERP","ps":"BCHUSD","b":"427.84","B":"24","a":"427.90","A":"669","T":1626916403864,"E":1626916403871}}"#;
        let read = book_ticker(futures).unwrap();
        assert_eq!((read.transacted, read.event), (Some(1_626_916_403_864), Some(1_626_916_403_871)));
        assert_eq!(read.symbol, "BCHUSD_PERP");
    }

    #[test]
    fn trades_of_both_kinds_are_read() {
        let spot = r#"{"stream":"ethusdt@trade","data":{"e":"trade","E":1723161254037,"s":"ETHUSDT","t":1532346834,"p":"2683.81000000","q":"0.00400000","b":18,"a":19,"T":1723161254036,"m":false,"M":true}}"#;
        let read = trade(spot).unwrap();
        assert_eq!((read.kind, read.symbol, read.price), ("trade", "ETHUSDT", "2683.81000000"));
        assert_eq!((read.id, read.traded, read.sold), (Some(1_532_346_834), 1_723_161_254_036, false));
        let several = r#"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":26129,"p":"0.01","q":"5","f":100,"l":105,"T":7,"m":true}"#;
        let read = trade(several).unwrap();
        assert_eq!((read.kind, read.size, read.id, read.sold), ("aggTrade", "5", Some(105), true));
        for text in [
            several.replace("aggTrade", "kline"),
            several.replace("\"p\":\"0.01\"", "\"p\":0.01"),
            several.replace("true", "null"),
            several.replace("\"m\":true", "\"m\":true,\"m\":true"),
            several.replace("\"T\":7,", ""),
            several.replace("true", "truly"),
            format!("{several} "),
        ] {
            assert_eq!(trade(&text), None, "{text}");
        }
    }

    #[test]
    fn every_other_shape_is_left_to_the_parser() {
        for text in [
            "",
            "{",
            "{}",
            r#"{"u":1}"#,
            r#"{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"} "#,
            r#"{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}}"#,
            r#"{"u": 1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":01,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":-1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":99999999999999999999,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":1,"s":"\u0058","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":1,"s":"X","b":"1","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"u":1,"s":"X","b":1,"B":"1","a":"1","A":"1"}"#,
            r#"{"u":1,"s":"X","b":"1","B":null,"a":"1","A":"1"}"#,
            r#"{"e":"trade","u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"stream":"x@bookTicker","data":{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#,
            r#"{"stream":"x@depth","data":{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}}"#,
        ] {
            assert_eq!(book_ticker(text), None, "{text}");
        }
    }
}
