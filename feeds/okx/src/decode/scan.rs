//! Trades, the most frequent frames beside books, read without a JSON parser.
//!
//! [`trades`] takes exactly the shape in which the venue writes them: flat objects of strings without escapes and of whole
//! numbers. Anything else is `None` and goes to the parser, so a change of the venue costs time and never a price. The
//! test `both_ways_of_reading_trades_agree` holds the two together.

use feed::json::{string, whole};

/// The fields of one trade as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trade<'a> {
    pub(super) native: &'a str,
    pub(super) price: &'a str,
    pub(super) size: &'a str,
    pub(super) side: &'a str,
    /// Milliseconds since 1970.
    pub(super) millis: i64,
}

/// Shows every trade of a frame to `see`, in the order of the text; `None` when the text has any other shape, and then
/// nothing was shown.
pub(super) fn trades<'a>(text: &'a str, mut see: impl FnMut(&Trade<'a>)) -> Option<()> {
    const HEAD: &str = "{\"arg\":{\"channel\":\"trades\",\"instId\":";
    const DATA: &str = "},\"data\":[";
    if !text.starts_with(HEAD) {
        return None;
    }
    let (_, end) = string(text, HEAD.len())?;
    let first = end + DATA.len();
    if !text.get(end..)?.starts_with(DATA) {
        return None;
    }
    // Most frames hold one trade. Of several, the shape of all is known before the first is shown.
    let (trade, mut at) = one(text, first)?;
    if text.get(at..) == Some("]}") {
        see(&trade);
        return Some(());
    }
    while text.get(at..) != Some("]}") {
        at = one(text, after_comma(text, at)?)?.1;
    }
    see(&trade);
    let mut at = one(text, first)?.1;
    while text.get(at..) != Some("]}") {
        let (trade, end) = one(text, after_comma(text, at)?)?;
        see(&trade);
        at = end;
    }
    Some(())
}

fn after_comma(text: &str, at: usize) -> Option<usize> {
    (text.as_bytes().get(at) == Some(&b',')).then_some(at + 1)
}

/// The trade that opens at `at`, and the place behind it.
fn one(text: &str, at: usize) -> Option<(Trade<'_>, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = at;
    let (mut native, mut price, mut size, mut side, mut millis) = (None, None, None, None, None);
    loop {
        // The first pass skips the brace, later ones a comma.
        let (key, colon) = string(text, at + 1)?;
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let place = match key {
            "instId" => &mut native,
            "px" => &mut price,
            "sz" => &mut size,
            "side" => &mut side,
            "ts" => &mut millis,
            _ => {
                at = match bytes.get(colon + 1)? {
                    b'"' => string(text, colon + 1)?.1,
                    _ => whole(bytes, colon + 1)?,
                };
                match bytes.get(at)? {
                    b',' => continue,
                    b'}' => break,
                    _ => return None,
                }
            }
        };
        let (words, end) = string(text, colon + 1)?;
        // A key that stands twice: the parser refuses it.
        if place.replace(words).is_some() {
            return None;
        }
        at = end;
        match bytes.get(at)? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    let millis: i64 = millis.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    Some((Trade { native: native?, price: price?, size: size?, side: side?, millis }, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Trade<'_>>> {
        let mut all = Vec::new();
        let end = trades(text, |trade| all.push(*trade));
        assert!(end.is_some() || all.is_empty(), "shown before the shape was known: {text}");
        end.map(|()| all)
    }

    const ONE: &str = r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"338476307","px":"30236","sz":"0.0002","side":"buy","ts":"1652459224818","count":"1","source":"0","seqId":12}]}"#;

    #[test]
    fn one_trade_and_several_are_read() {
        let only = read(ONE).unwrap();
        let Trade { native, price, size, side, millis } = only[0];
        assert_eq!((native, price, size), ("BTC-USDT", "30236", "0.0002"));
        assert_eq!((only.len(), side, millis), (1, "buy", 1_652_459_224_818));
        let again =
            ONE.replace("]}", r#",{"instId":"BTC-USDT","px":"30237","sz":"1","side":"sell","ts":"5"}]}"#);
        let both = read(&again).unwrap();
        assert_eq!((both[0].price, both[1].price, both[1].side, both.len()), ("30236", "30237", "sell", 2));
    }

    #[test]
    fn every_other_shape_is_left_to_the_parser() {
        for text in [
            String::new(),
            format!("{ONE} "),
            ONE.replace("trades", "tickers"),
            ONE.replace("\"px\":\"30236\",", ""),
            ONE.replace("\"px\":\"30236\"", "\"px\":30236"),
            ONE.replace("\"px\":\"30236\"", "\"px\":\"30\\u0032\""),
            ONE.replace("\"side\":", "\"px\":\"1\",\"side\":"),
            ONE.replace("1652459224818", "-1652459224818"),
            ONE.replace("12}", "012}"),
            ONE.replace("12}", "null}"),
            ONE.replace("]}", ",]}"),
            ONE.replace("]}", ",{\"px\":\"1\"}]}"),
            ONE.replace("]}", "]"),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
