//! Highest rates: so many events a second of each symbol.

use std::fmt;
use std::time::Duration;

/// At most so many events a second of one symbol: 0.01 to 1000, with at most three decimals, kept exactly.
///
/// ```
/// use wire::Rate;
/// let rate = Rate::parse("2.50").unwrap();
/// assert_eq!(rate.to_string(), "2.5");
/// assert_eq!(rate.window().as_millis(), 400);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// Least, in thousandths of an event a second: one event in 100 s.
    const MIN_MILLIHERTZ: u32 = 10;
    /// Most, in thousandths of an event a second.
    const MAX_MILLIHERTZ: u32 = 1_000_000;

    /// Reads plain decimal text; `None` when it is none, or out of range, or has more than three decimals.
    pub fn parse(text: &str) -> Option<Rate> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let good = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if !good(whole, 4) || !good(fraction, 3) {
            return None;
        }
        let millihertz =
            whole.parse::<u32>().ok()? * 1_000 + format!("{fraction:0<3}").parse::<u32>().ok()?;
        (Rate::MIN_MILLIHERTZ..=Rate::MAX_MILLIHERTZ).contains(&millihertz).then_some(Rate(millihertz))
    }

    /// The time in which one event is allowed.
    pub const fn window(self) -> Duration {
        Duration::from_nanos(1_000_000_000_000 / self.0 as u64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0 / 1_000, self.0 % 1_000);
        if thousandths == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{thousandths:03}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_exactly_and_written_shortest() {
        for (text, shortest, nanos) in [
            ("1000", "1000", 1_000_000),
            ("1000.000", "1000", 1_000_000),
            ("0.01", "0.01", 100_000_000_000),
            ("0.010", "0.01", 100_000_000_000),
            ("10", "10", 100_000_000),
            ("0.5", "0.5", 2_000_000_000),
            ("12.125", "12.125", 82_474_226),
            ("3", "3", 333_333_333),
            ("7.05", "7.05", 141_843_971),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.to_string().as_str(), rate.window().as_nanos()), (shortest, nanos), "{text}");
            assert_eq!(Rate::parse(shortest), Some(rate));
        }
    }

    #[test]
    fn what_lies_beside_the_range_is_refused() {
        for text in [
            "0",
            "0.009",
            "0.0",
            "1000.001",
            "1001",
            "10000",
            "-1",
            "+1",
            "",
            ".",
            "1.",
            ".5",
            "1.0000",
            "1e1",
            " 1",
            "1 ",
            "1,5",
            "１",
            "NaN",
            "99999999999999999999",
        ] {
            assert_eq!(Rate::parse(text), None, "{text:?}");
        }
    }
}
