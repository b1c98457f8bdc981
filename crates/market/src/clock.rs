//! Time as an input: microseconds since 1970, and clocks that can be real or driven by a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in whole microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

impl Micros {
    /// The moment of that many milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Micros {
        Micros(millis.saturating_mul(1_000))
    }

    /// The moment of that many nanoseconds since 1970, rounded down.
    pub const fn from_nanos(nanos: i64) -> Micros {
        Micros(nanos.div_euclid(1_000))
    }

    /// Microseconds since 1970.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Micros) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment that much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Micros {
        Micros(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Reads the ISO 8601 form in UTC that venues use: `2021-04-17T16:43:30.452702Z`, with 0 to 9 digits of fraction
    /// (digits past the sixth are dropped).
    pub fn parse_iso(text: &str) -> Option<Micros> {
        let bytes = text.as_bytes();
        let digits = |range: std::ops::Range<usize>| -> Option<i64> {
            bytes
                .get(range)?
                .iter()
                .try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|&(at, mark)| bytes.get(at) != Some(&mark)) || bytes.last() != Some(&b'Z') {
            return None;
        }
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut micros = 0;
        match &bytes[19..bytes.len() - 1] {
            [] => {}
            [b'.', fraction @ ..] if (1..=9).contains(&fraction.len()) => {
                for place in 0..6 {
                    let digit = fraction.get(place).copied().unwrap_or(b'0');
                    micros = micros * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
                }
            }
            _ => return None,
        }
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Micros(seconds * 1_000_000 + micros))
    }

    /// The day in UTC as symbols of dated contracts have it: `20220527`. `None` outside the years 1970 to 9999.
    pub fn date8(self) -> Option<String> {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MICROS_PER_DAY));
        (1970..=9999).contains(&year).then(|| format!("{year}{month:02}{day:02}"))
    }
}

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted from a year that starts in March so that the
/// leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The other way round: the date of the Gregorian calendar that many days after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Tells the time. Wall time is for display and events; ages are differences of monotonic time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall time.
    fn now(&self) -> Micros;
    /// Time since some fixed moment; never goes back, whatever happens to the wall clock.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> RealClock {
        RealClock { start: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> RealClock {
        RealClock::new()
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Micros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves only when told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    /// Written by [`ManualClock::set`] and [`ManualClock::advance`], read by anyone; it guards no other memory.
    now: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Micros) -> ManualClock {
        ManualClock { now: AtomicI64::new(now.0) }
    }

    /// Moves the clock to `now`.
    pub fn set(&self, now: Micros) {
        self.now.store(now.0, Ordering::Relaxed);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros(self.now.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.now.load(Ordering::Relaxed)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_times_of_every_length_are_read() {
        let micros = |text| Micros::parse_iso(text).map(Micros::get);
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("2021-04-17T16:43:30.452702Z"), Some(1_618_677_810_452_702));
        assert_eq!(micros("2021-04-17T16:43:30.4Z"), Some(1_618_677_810_400_000));
        assert_eq!(micros("2021-04-17T16:43:30.452702999Z"), Some(1_618_677_810_452_702));
        assert_eq!(micros("2000-02-29T23:59:59Z"), Some(951_868_799_000_000));
        for bad in [
            "",
            "2021-04-17",
            "2021-13-17T16:43:30Z",
            "2021-04-17T16:43:30.Z",
            "2021-04-17T16:43:30",
            "2021-04-17T16:43:30.1234567890Z",
            "2021-04-17T1é:43:30Z",
        ] {
            assert_eq!(micros(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (19_139, (2022, 5, 27)),
            (20_819, (2027, 1, 1)),
            (-1, (1969, 12, 31)),
        ] {
            assert_eq!(civil_from_days(days), date, "{days}");
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
        }
        assert_eq!(Micros::from_millis(1_653_638_400_000).date8().as_deref(), Some("20220527"));
        assert_eq!(Micros(-1).date8(), None);
        assert_eq!(Micros(i64::MAX).date8(), None);
    }

    #[test]
    fn ages_are_never_negative() {
        assert_eq!(Micros(5).since(Micros(9)), Duration::ZERO);
        assert_eq!(Micros(9).since(Micros(5)), Duration::from_micros(4));
        assert_eq!(Micros::from_nanos(1_999), Micros(1));
    }
}
