//! The best-bid-offer message, read without a JSON parser: it is nine of ten messages at full rate.
//!
//! [`book_ticker`] takes exactly one shape: a flat object of strings without escapes and of whole numbers, alone or as
//! the `data` of a combined stream. Anything else is `None` and goes to the full parser, so a change of the venue costs
//! time and never a price. The test `scanner_and_parser_agree` holds the two together over every recorded frame.

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
    let (mut at, wrapped) = match stream(text) {
        Some((name, data)) if name.ends_with("bookTicker") => (data, true),
        Some(_) => return None,
        None => (0, false),
    };
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let (mut update_id, mut symbol, mut transacted, mut event) = (None, None, None, None);
    let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
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
        if bytes.get(value) == Some(&b'"') {
            let (words, after) = string(text, value)?;
            at = after;
            match key {
                b'b' => bid = Some(words),
                b'B' => bid_size = Some(words),
                b'a' => ask = Some(words),
                b'A' => ask_size = Some(words),
                b's' => symbol = Some(words),
                b'e' if words != "bookTicker" => return None,
                b'u' | b'T' | b'E' => return None,
                _ => {}
            }
        } else {
            let (number, after) = whole(bytes, value)?;
            at = after;
            match key {
                b'u' => update_id = Some(number),
                b'T' => transacted = Some(number),
                b'E' => event = Some(number),
                b'b' | b'B' | b'a' | b'A' | b's' | b'e' => return None,
                _ => {}
            }
        }
        match bytes.get(at) {
            Some(b',') => {}
            Some(b'}') => break,
            _ => return None,
        }
    }
    let end: &[u8] = if wrapped { b"}}" } else { b"}" };
    if &bytes[at..] != end {
        return None;
    }
    Some(BookTicker {
        update_id: update_id?,
        symbol: symbol?,
        bid: [bid?, bid_size?],
        ask: [ask?, ask_size?],
        transacted,
        event,
    })
}

/// The string that opens at `at`, without its quotes, and the place behind it. Escapes and control characters are not
/// read here.
fn string(text: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let start = at + 1;
    let len = bytes.get(start..)?.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
    let end = start + len;
    (bytes[end] == b'"').then(|| (&text[start..end], end + 1))
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
