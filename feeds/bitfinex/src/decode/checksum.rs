//! The checksum of a book: CRC32, signed, over the best 25 levels of each side in turn.
//!
//! The venue computes it over the numbers as JavaScript spells them, and its frames carry the same spelling: without an
//! exponent from a millionth on, with one below (`1e-7`).

use feed::book::{Book, Ladder};
use market::Decimal;
use market::exact::write_decimal;

/// Levels of each side that go into the checksum.
const LEVELS: usize = 25;

/// Writes `bid price:bid amount:ask price:-ask amount:..`; where one side is shorter the other goes on alone.
pub(super) fn of(book: &Book, text: &mut Vec<u8>) -> i32 {
    text.clear();
    let mut bids = book.levels(Ladder::Bids);
    let mut asks = book.levels(Ladder::Asks);
    for _ in 0..LEVELS {
        for (level, sign) in [(bids.next(), ""), (asks.next(), "-")] {
            let Some(level) = level else { continue };
            for (number, sign) in [(level.price, ""), (level.size, sign)] {
                if !text.is_empty() {
                    text.push(b':');
                }
                text.extend_from_slice(sign.as_bytes());
                write_number(number, text);
            }
        }
    }
    crc32fast::hash(text).cast_signed()
}

/// A positive number as JavaScript spells it. Frames carry at most 17 digits, so there is no exponent above.
fn write_number(number: Decimal, text: &mut Vec<u8>) {
    let number = number.normalize();
    if number.is_zero() || number >= Decimal::new(1, 6) {
        return write_decimal(number, text);
    }
    let digits = number.mantissa().unsigned_abs().to_string();
    let (first, rest) = digits.split_at(1);
    let exponent = number.scale() as usize - rest.len();
    text.extend_from_slice(first.as_bytes());
    if !rest.is_empty() {
        text.push(b'.');
        text.extend_from_slice(rest.as_bytes());
    }
    text.extend_from_slice(format!("e-{exponent}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let number = feed::json::text_decimal(text).unwrap().unwrap();
        let mut written = Vec::new();
        write_number(number, &mut written);
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn numbers_are_spelled_as_in_javascript() {
        for text in
            ["1", "0.5", "36155", "0.000001", "0.0000015", "1e-7", "1.1e-7", "2.5e-10", "48578.50804052", "0"]
        {
            assert_eq!(written(text), text);
        }
        assert_eq!(written("0.00000011"), "1.1e-7");
        assert_eq!(written("1.50"), "1.5", "without zeros at the end");
    }

    #[test]
    fn sides_take_turns_and_asks_are_negative() {
        let mut book = Book::new(30);
        let decimal = |text: &str| feed::json::text_decimal(text).unwrap().unwrap();
        for (ladder, price, size) in [
            (Ladder::Bids, "36155", "0.5"),
            (Ladder::Bids, "36158", "1e-7"),
            (Ladder::Asks, "36171", "0.000006"),
        ] {
            book.set(ladder, decimal(price), decimal(size));
        }
        let mut text = Vec::new();
        let sum = of(&book, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), "36158:1e-7:36171:-0.000006:36155:0.5");
        assert_eq!(sum, crc32fast::hash(b"36158:1e-7:36171:-0.000006:36155:0.5").cast_signed());
    }
}
