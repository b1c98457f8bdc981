//! Trades of spot, read without a JSON parser.
//!
//! [`trade`] takes exactly the shape in which the venue writes them: a flat object of strings without escapes and of whole
//! numbers. Anything else is `None` and goes to the parser, so a change of the venue costs time and never a price. The test
//! `both_ways_of_reading_trades_agree` holds the two together.

use feed::json::{string, whole};
use market::Micros;

/// The fields of a trade as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trade<'a> {
    pub(super) native: &'a str,
    pub(super) price: &'a str,
    pub(super) size: &'a str,
    pub(super) side: &'a str,
    pub(super) moment: Micros,
}

/// Reads an update of `spot.trades`; `None` when the text has any other shape.
pub(super) fn trade(text: &str) -> Option<Trade<'_>> {
    const HEAD: &str = "{\"time\":";
    const MILLIS: &str = ",\"time_ms\":";
    const RESULT: &str = ",\"channel\":\"spot.trades\",\"event\":\"update\",\"result\":{";
    let bytes = text.as_bytes();
    if !text.starts_with(HEAD) {
        return None;
    }
    let mut at = whole(bytes, HEAD.len())?;
    if text.get(at..)?.starts_with(MILLIS) {
        at = whole(bytes, at + MILLIS.len())?;
    }
    if !text.get(at..)?.starts_with(RESULT) {
        return None;
    }
    at += RESULT.len() - 1;
    let (mut native, mut price, mut size, mut side, mut millis) = (None, None, None, None, None);
    let mut dated = false;
    loop {
        // The first pass skips the brace, later ones a comma.
        let (key, colon) = string(text, at + 1)?;
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let place = match key {
            "currency_pair" => Some(&mut native),
            "price" => Some(&mut price),
            "amount" => Some(&mut size),
            "side" => Some(&mut side),
            "create_time_ms" => Some(&mut millis),
            // The parser knows these too, and says what two of them, or two names of one thing, mean.
            "contract" | "size" => return None,
            "create_time" if std::mem::replace(&mut dated, true) => return None,
            _ => None,
        };
        at = match (place, bytes.get(colon + 1)?) {
            (Some(place), _) => {
                let (words, end) = string(text, colon + 1)?;
                // A key that stands twice: the parser refuses it.
                if place.replace(words).is_some() {
                    return None;
                }
                end
            }
            (None, b'"') => string(text, colon + 1)?.1,
            (None, _) => whole(bytes, colon + 1)?,
        };
        match bytes.get(at)? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if text.get(at..) != Some("}}") {
        return None;
    }
    Some(Trade { native: native?, price: price?, size: size?, side: side?, moment: moment(millis?)? })
}

/// Milliseconds since 1970, perhaps with a fraction of up to nine places. Zero is no time, and what else is written goes to the parser.
fn moment(millis: &str) -> Option<Micros> {
    let (before, behind) = millis.split_once('.').unwrap_or((millis, "0"));
    let digits =
        |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(before, 15) || !digits(behind, 9) {
        return None;
    }
    let places = behind.bytes().chain([b'0'; 2]).take(3);
    let fraction = places.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let micros = before.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(fraction)?;
    (micros > 0).then_some(Micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the recording of 2021-04-22, and with the entries that were added since.
    const SHAPES: [&str; 2] = [
        r#"{"time":1619093543,"channel":"spot.trades","event":"update","result":{"id":816995772,"create_time":1619093543,"create_time_ms":"1619093543708.2642","side":"sell","currency_pair":"DIS_USDT","amount":"0.2010000000","price":"121.5800000000"}}"#,
        r#"{"time":1619093543,"time_ms":1619093543710,"channel":"spot.trades","event":"update","result":{"id":816995772,"id_market":7,"create_time":1619093543,"create_time_ms":"1619093543708.264200","side":"sell","currency_pair":"DIS_USDT","amount":"0.2010000000","price":"121.5800000000","range":"1-1"}}"#,
    ];

    #[test]
    fn both_shapes_are_read() {
        let moment = Micros(1_619_093_543_708_264);
        let (native, price, size) = ("DIS_USDT", "121.5800000000", "0.2010000000");
        for text in SHAPES {
            assert_eq!(trade(text), Some(Trade { native, price, size, side: "sell", moment }));
        }
    }

    #[test]
    fn milliseconds_may_have_a_fraction() {
        let micros = |text| moment(text).map(|micros| micros.0);
        assert_eq!(micros("5"), Some(5_000));
        assert_eq!(micros("5.1"), Some(5_100));
        assert_eq!(micros("5.12"), Some(5_120));
        assert_eq!(micros("5.1239999"), Some(5_123), "cut, as the parser's decimals are");
        for odd in ["", "0", "0.0", "-5", "5.", ".5", "5e3", "5.1.2", "1234567890123456"] {
            assert_eq!(micros(odd), None, "{odd}");
        }
    }

    #[test]
    fn every_other_shape_is_left_to_the_parser() {
        let one = SHAPES[0];
        for text in [
            String::new(),
            format!("{one} "),
            one.replace("spot.trades", "spot.tickers"),
            one.replace("update", "subscribe"),
            one.replace("1619093543,", "01619093543,"),
            one.replace("\"sell\"", "\"s\\u0065ll\""),
            one.replace("\"sell\"", "null"),
            one.replace("\"0.2010000000\"", "0.2010000000"),
            one.replace("\"price\":", "\"amount\":\"1\",\"price\":"),
            one.replace("\"price\":", "\"contract\":\"A_B\",\"price\":"),
            one.replace("\"price\":", "\"create_time\":1,\"price\":"),
            one.replace("\"price\":", "\"more\":{},\"price\":"),
            one.replace("\"price\":", "\"prices\":"),
            one.replace("}}", ",}}"),
            one.replace("}}", "}"),
            one.replace("}}", "},\"error\":null}"),
        ] {
            assert_eq!(trade(&text), None, "{text}");
        }
    }
}
