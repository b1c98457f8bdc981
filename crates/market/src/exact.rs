//! Exact decimal numbers: [`Price`], [`Size`] and [`Ratio`], one type with three units.
//!
//! Text from outside goes through a strict grammar and is refused, never rounded, when it does not fit. The digits
//! stay as they came (`1.50` prints as `1.50`), while equality, order and hash are numeric (`1.50 == 1.5`).

use std::fmt;
use std::marker::PhantomData;

use rust_decimal::Decimal;

/// The unit of a price: quote units per base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PerUnit {}
/// The unit of a size: base units, or what the venue counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {}
/// A plain ratio, such as a funding rate or a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plain {}

/// A price. Negative prices are legal (spreads and some energy contracts have them).
pub type Price = Exact<PerUnit>;
/// A size.
pub type Size = Exact<Quantity>;
/// A ratio.
pub type Ratio = Exact<Plain>;

/// The longest text that can hold an exact number here: sign, 29 digits and a point, with room for leading zeros.
pub const MAX_TEXT: usize = 64;
/// Most digits after the point that a number can keep.
pub const MAX_SCALE: u32 = Decimal::MAX_SCALE;

/// An exact decimal number of unit `U`: 96 bits of digits and 0 to 28 places after the point.
pub struct Exact<U> {
    value: Decimal,
    unit: PhantomData<fn() -> U>,
}

/// Why a text is not a number we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// The text is empty.
    Empty,
    /// The text does not follow the grammar: optional sign, digits, optional point and digits.
    Malformed,
    /// More than 28 places after the point, or more digits than 96 bits hold: keeping it would mean rounding it.
    TooPrecise,
    /// The text is longer than [`MAX_TEXT`].
    TooLong,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NumberError::Empty => "empty number",
            NumberError::Malformed => "not a plain decimal number",
            NumberError::TooPrecise => "more digits than can be kept exactly",
            NumberError::TooLong => "number text too long",
        })
    }
}

impl std::error::Error for NumberError {}

impl<U> Exact<U> {
    /// Zero.
    pub const ZERO: Exact<U> = Exact::from_decimal(Decimal::ZERO);

    /// Wraps a decimal.
    pub const fn from_decimal(value: Decimal) -> Exact<U> {
        Exact { value, unit: PhantomData }
    }

    /// The decimal inside.
    pub const fn decimal(self) -> Decimal {
        self.value
    }

    /// Reads plain decimal text: optional sign, digits, optional point followed by digits. No exponent, no blanks,
    /// no separators.
    ///
    /// # Errors
    /// When the text is not of that form or cannot be kept exactly; drop the value, never guess.
    ///
    /// ```
    /// use market::Price;
    /// let price = Price::parse("61685.99000000").unwrap();
    /// assert_eq!(price.to_string(), "61685.99000000");
    /// assert_eq!(price, Price::parse("61685.99").unwrap());
    /// assert!(Price::parse("1e5").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Exact<U>, NumberError> {
        parse_plain(text.as_bytes()).map(Exact::from_decimal)
    }

    /// Reads decimal text that may also carry an exponent (`1.58E-4`), as some venues' JSON numbers do. The value is
    /// kept as the plain decimal it denotes: `1.50E-4` becomes `0.000150`.
    ///
    /// # Errors
    /// As for [`Exact::parse`].
    pub fn parse_scientific(text: &str) -> Result<Exact<U>, NumberError> {
        parse_scientific(text.as_bytes()).map(Exact::from_decimal)
    }

    /// The sum, unless it cannot be kept exactly.
    #[must_use]
    pub fn checked_add(self, other: Exact<U>) -> Option<Exact<U>> {
        self.value.checked_add(other.value).map(Exact::from_decimal)
    }

    /// The difference, unless it cannot be kept exactly.
    #[must_use]
    pub fn checked_sub(self, other: Exact<U>) -> Option<Exact<U>> {
        self.value.checked_sub(other.value).map(Exact::from_decimal)
    }

    /// Whether the number is zero, however many places it is written with.
    pub fn is_zero(self) -> bool {
        self.value.is_zero()
    }

    /// Appends the digits as they came.
    pub fn write_text(self, out: &mut Vec<u8>) {
        write_decimal(self.value, out);
    }
}

impl<U> Clone for Exact<U> {
    fn clone(&self) -> Exact<U> {
        *self
    }
}
impl<U> Copy for Exact<U> {}
impl<U> PartialEq for Exact<U> {
    fn eq(&self, other: &Exact<U>) -> bool {
        self.value == other.value
    }
}
impl<U> Eq for Exact<U> {}
impl<U> PartialOrd for Exact<U> {
    fn partial_cmp(&self, other: &Exact<U>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<U> Ord for Exact<U> {
    fn cmp(&self, other: &Exact<U>) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}
impl<U> std::hash::Hash for Exact<U> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}
impl<U> fmt::Display for Exact<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(32);
        write_decimal(self.value, &mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}
impl<U> fmt::Debug for Exact<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Most digits that surely fit 64 bits.
const U64_DIGITS: usize = 19;

fn parse_plain(text: &[u8]) -> Result<Decimal, NumberError> {
    let (negative, digits) = match text {
        [] => return Err(NumberError::Empty),
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.len() > MAX_TEXT {
        return Err(NumberError::TooLong);
    }
    if digits.len() > U64_DIGITS {
        return parse_wide(digits, negative);
    }
    // At most 19 characters, so at most 19 digits: no overflow to check on the hot path.
    let mut mantissa: u64 = 0;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return Err(NumberError::Malformed);
        }
    }
    let scale = places(digits.len(), point)?;
    Ok(Decimal::from_parts(mantissa as u32, (mantissa >> 32) as u32, 0, negative, scale))
}

/// Digits after the point, given where the point is; refuses `.5`, `5.` and no digits at all.
fn places(len: usize, point: Option<usize>) -> Result<u32, NumberError> {
    match point {
        None if len == 0 => Err(NumberError::Malformed),
        None => Ok(0),
        Some(at) if at == 0 || at + 1 == len => Err(NumberError::Malformed),
        Some(at) => Ok((len - at - 1) as u32),
    }
}

fn parse_wide(digits: &[u8], negative: bool) -> Result<Decimal, NumberError> {
    let mut mantissa: u128 = 0;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|m| m.checked_add(u128::from(digit)))
                .ok_or(NumberError::TooPrecise)?;
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return Err(NumberError::Malformed);
        }
    }
    let scale = places(digits.len(), point)?;
    compose(mantissa, scale, negative)
}

fn compose(mantissa: u128, scale: u32, negative: bool) -> Result<Decimal, NumberError> {
    if mantissa >> 96 != 0 || scale > MAX_SCALE {
        return Err(NumberError::TooPrecise);
    }
    Ok(Decimal::from_parts(
        mantissa as u32,
        (mantissa >> 32) as u32,
        (mantissa >> 64) as u32,
        negative,
        scale,
    ))
}

fn parse_scientific(text: &[u8]) -> Result<Decimal, NumberError> {
    let Some(at) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return parse_plain(text);
    };
    let head = parse_plain(&text[..at])?;
    let (sign, digits) = match &text[at + 1..] {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    // Three digits are more than enough: beyond 10^±60 nothing fits anyway.
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Malformed);
    }
    if digits.len() > 3 {
        return Err(NumberError::TooPrecise);
    }
    let exponent = sign * digits.iter().fold(0_i32, |e, d| e * 10 + i32::from(d - b'0'));
    let places = head.scale() as i32 - exponent;
    let mantissa = head.mantissa().unsigned_abs();
    if places >= 0 {
        return compose(mantissa, places as u32, head.is_sign_negative());
    }
    let grown = 10_u128
        .checked_pow(places.unsigned_abs())
        .and_then(|factor| mantissa.checked_mul(factor))
        .ok_or(NumberError::TooPrecise)?;
    compose(grown, 0, head.is_sign_negative())
}

/// Appends a decimal's digits to `out`, trailing zeros and all.
///
/// Same text as `Decimal`'s `Display`, at a quarter of its cost (`benches`: `number/write`).
pub fn write_decimal(value: Decimal, out: &mut Vec<u8>) {
    let scale = value.scale() as usize;
    let mantissa = value.mantissa();
    if mantissa < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let magnitude = mantissa.unsigned_abs();
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    }
    .as_bytes();
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(&[b'0'; MAX_SCALE as usize][..scale - digits.len()]);
        out.extend_from_slice(digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Result<String, NumberError> {
        Price::parse(text).map(|p| p.to_string())
    }

    #[test]
    fn digits_leave_as_they_came() {
        for text in [
            "0",
            "1",
            "-1",
            "0.0",
            "1.50",
            "100",
            "0.00000001",
            "61685.99000000",
            "-0.5",
            "0.00000000000000000000",
            "79228162514264337593543950335",
            "-79228162514264337593543950335",
            "7.9228162514264337593543950335",
            "0.0000000000000000000000000001",
            "12345678901234567890.12",
        ] {
            assert_eq!(price(text).as_deref(), Ok(text));
        }
        assert_eq!(price("+1.5").as_deref(), Ok("1.5"), "a plus sign is taken and not kept");
        assert_eq!(price("007.10").as_deref(), Ok("7.10"), "leading zeros carry nothing");
    }

    #[test]
    fn text_outside_the_grammar_is_refused() {
        for text in [
            ".5", "5.", ".", "-", "+", "1_000", "1,5", " 1", "1 ", "0x10", "1e5", "--1", "1.2.3", "NaN", "∞",
            "1.5-",
        ] {
            assert_eq!(price(text), Err(NumberError::Malformed), "{text:?}");
        }
        assert_eq!(price(""), Err(NumberError::Empty));
        assert_eq!(price(&"1".repeat(65)), Err(NumberError::TooLong));
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused_not_rounded() {
        assert_eq!(price("0.00000000000000000000000000001"), Err(NumberError::TooPrecise));
        assert_eq!(price("79228162514264337593543950336"), Err(NumberError::TooPrecise));
        assert_eq!(price(&"9".repeat(60)), Err(NumberError::TooPrecise));
    }

    #[test]
    fn exponents_have_their_own_door() {
        let read = |text| Price::parse_scientific(text).map(|p| p.to_string());
        assert_eq!(read("1.58E-4").as_deref(), Ok("0.000158"));
        assert_eq!(read("1.50e-4").as_deref(), Ok("0.000150"));
        assert_eq!(read("1.1e-7").as_deref(), Ok("0.00000011"));
        assert_eq!(read("-2e3").as_deref(), Ok("-2000"));
        assert_eq!(read("2.5E+1").as_deref(), Ok("25"));
        assert_eq!(read("12.5").as_deref(), Ok("12.5"));
        assert_eq!(read("1e-29"), Err(NumberError::TooPrecise));
        assert_eq!(read("1e29"), Err(NumberError::TooPrecise));
        assert_eq!(read("1e"), Err(NumberError::Malformed));
        assert_eq!(read("1e1.5"), Err(NumberError::Malformed));
        assert_eq!(read("e5"), Err(NumberError::Empty));
        assert_eq!(read("1e99999999999999999999"), Err(NumberError::TooPrecise));
    }

    #[test]
    fn equality_is_numeric() {
        assert_eq!(Size::parse("4.0").unwrap(), Size::parse("4.00000000").unwrap());
        assert!(Size::parse("4.01").unwrap() > Size::parse("4").unwrap());
    }

    #[test]
    fn arithmetic_is_checked() {
        let max = Price::parse("79228162514264337593543950335").unwrap();
        assert_eq!(max.checked_add(Price::parse("1").unwrap()), None);
        let spread = Price::parse("1.0840").unwrap().checked_sub(Price::parse("1.0830").unwrap()).unwrap();
        assert_eq!(spread.to_string(), "0.0010");
    }
}
