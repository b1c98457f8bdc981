//! Borrowed JSON pieces that keep the venue's digits: numbers reach a decimal through their text, never a float.

use std::borrow::Cow;

use market::{Decimal, Price};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A price or size that a venue writes as a JSON string, as a JSON number (exponents too), or not at all.
///
/// Borrowed from the message: nothing is allocated.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct Number<'a>(#[serde(borrow)] &'a RawValue);

/// A number that is absent, exact, or not one we can keep.
pub type Exactly = Result<Option<Decimal>, market::NumberError>;

impl Number<'_> {
    /// The decimal: `None` for `null` and `""`.
    ///
    /// # Errors
    /// When the text is no number or cannot be kept exactly; count it and drop it.
    pub fn decimal(self) -> Exactly {
        let raw = self.0.get();
        let text = raw.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(raw);
        decimal(text, raw.len() == text.len())
    }

    /// The text of the JSON token, quotes and all.
    pub fn raw(&self) -> &str {
        self.0.get()
    }
}

/// The decimal in a venue's plain text: `None` for empty text.
///
/// # Errors
/// When the text is no number or cannot be kept exactly.
pub fn text_decimal(text: &str) -> Exactly {
    decimal(text, false)
}

fn decimal(text: &str, bare: bool) -> Exactly {
    if text.is_empty() || (bare && text == "null") {
        return Ok(None);
    }
    match Price::parse(text) {
        Ok(number) => Ok(Some(number.decimal())),
        // JSON numbers may carry an exponent, and some venues write one inside a string as well.
        Err(_) if text.bytes().any(|b| matches!(b, b'e' | b'E')) => {
            Price::parse_scientific(text).map(|number| Some(number.decimal()))
        }
        Err(error) => Err(error),
    }
}

/// Text that may hold JSON escapes, borrowed where it holds none.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// The string that opens at `at`, without its quotes, and the place behind it. Escapes and control characters are not read here:
/// for decoders that read the shape a venue writes most in one pass, and leave everything else to the parser.
#[inline]
pub fn string(text: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let start = at + 1;
    let len = bytes.get(start..)?.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
    let end = start + len;
    (bytes[end] == b'"').then(|| (&text[start..end], end + 1))
}

/// The place behind the whole number at `at`. More digits than JSON allows (`007`) are not read here.
#[inline]
pub fn whole(bytes: &[u8], at: usize) -> Option<usize> {
    let len = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (len == 1 || len > 1 && bytes[at] != b'0').then_some(at + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Option<String> {
        let number: Number<'_> = serde_json::from_str(json).unwrap();
        number.decimal().unwrap().map(|d| d.to_string())
    }

    #[test]
    fn digits_survive_strings_numbers_and_exponents() {
        assert_eq!(number("\"1.0840\"").as_deref(), Some("1.0840"));
        assert_eq!(number("1.0840").as_deref(), Some("1.0840"));
        assert_eq!(number("100000000000.12345678").as_deref(), Some("100000000000.12345678"));
        assert_eq!(number("1.58E-4").as_deref(), Some("0.000158"));
        assert_eq!(number("null"), None);
        assert_eq!(number("\"\""), None);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for json in ["\"null\"", "\"abc\"", "true", "[1]", "\"1_0\""] {
            let number: Number<'_> = serde_json::from_str(json).unwrap();
            assert!(number.decimal().is_err(), "{json}");
        }
    }

    #[test]
    fn escaped_text_is_still_read() {
        let text: Text<'_> = serde_json::from_str(r#""AAVE\/USD""#).unwrap();
        assert_eq!(&*text, "AAVE/USD");
    }
}
