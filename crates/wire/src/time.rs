//! Moments on the wire, written and read: microseconds, nanoseconds, or ISO 8601 text.

use market::Micros;

use crate::{Times, json};

/// The first and the last moment that ISO text with four digits of year can tell: 0000-01-01T00:00:00.000000Z and
/// 9999-12-31T23:59:59.999999Z. A venue's clock may say anything; what lies outside is told as the nearer of the two.
const ISO_FIRST: i64 = -62_167_219_200_000_000;
const ISO_LAST: i64 = 253_402_300_799_999_999;

/// Appends a moment as a JSON value.
#[inline]
pub(crate) fn json_value(out: &mut Vec<u8>, times: Times, moment: Micros) {
    match times {
        Times::Us => json::integer(out, moment.get()),
        Times::Ns => json::integer(out, nanos(moment)),
        Times::Iso => {
            out.push(b'"');
            iso(out, moment);
            out.push(b'"');
        }
    }
}

/// Appends a moment as a CSV value: the same without quotes.
pub(crate) fn csv_value(out: &mut Vec<u8>, times: Times, moment: Micros) {
    match times {
        Times::Us => json::integer(out, moment.get()),
        Times::Ns => json::integer(out, nanos(moment)),
        Times::Iso => iso(out, moment),
    }
}

/// Nanoseconds need more than 64 bits for moments far away, which venues' clocks do tell when they are broken.
fn nanos(moment: Micros) -> i128 {
    i128::from(moment.get()) * 1_000
}

/// Appends `2026-11-21T13:37:18.250000Z`, always with six decimals.
fn iso(out: &mut Vec<u8>, moment: Micros) {
    let micros = moment.get().clamp(ISO_FIRST, ISO_LAST);
    let (days, micros) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = date(days);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], seconds / 3_600);
    digits(&mut text[14..16], seconds / 60 % 60);
    digits(&mut text[17..19], seconds % 60);
    digits(&mut text[20..26], micros);
    out.extend_from_slice(&text);
}

fn digits(place: &mut [u8], mut value: i64) {
    for digit in place.iter_mut().rev() {
        // At most 9, so that it always fits.
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01. Years are counted from March, so that the
/// leap day is the last; 719,468 days lie between 0000-03-01 and 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Reads a moment: an integer of that unit, or ISO text, which says by itself what it is.
pub(crate) fn read(json: &str, times: Times) -> Option<Micros> {
    if let Some(text) = json.strip_prefix('"') {
        return Micros::parse_iso(text.strip_suffix('"')?);
    }
    match times {
        Times::Ns => {
            let micros = json.parse::<i128>().ok()?.div_euclid(1_000);
            i64::try_from(micros).ok().map(Micros)
        }
        Times::Us | Times::Iso => json.parse().ok().map(Micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn written(times: Times, micros: i64) -> String {
        let mut out = Vec::new();
        json_value(&mut out, times, Micros(micros));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn iso_text_is_what_an_independent_crate_writes() {
        let mut micros: u64 = 1;
        // Steps of a growing length from 1970 to the end of 9999, leap days and turns of centuries among them.
        while micros <= ISO_LAST as u64 {
            let expected = humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros));
            assert_eq!(written(Times::Iso, micros as i64), format!("\"{expected}\""));
            micros += 1 + micros / 1_000;
        }
        for day in 0..=60_000 {
            let micros = day * 86_400_000_000;
            let expected = humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros));
            assert_eq!(written(Times::Iso, micros as i64), format!("\"{expected}\""));
        }
    }

    #[test]
    fn moments_before_1970_and_out_of_reach_are_told_too() {
        assert_eq!(written(Times::Iso, -1), "\"1969-12-31T23:59:59.999999Z\"");
        assert_eq!(written(Times::Iso, -11_644_473_600_000_000), "\"1601-01-01T00:00:00.000000Z\"");
        assert_eq!(written(Times::Iso, ISO_FIRST), "\"0000-01-01T00:00:00.000000Z\"");
        assert_eq!(written(Times::Iso, ISO_LAST), "\"9999-12-31T23:59:59.999999Z\"");
        assert_eq!(written(Times::Iso, i64::MIN), written(Times::Iso, ISO_FIRST));
        assert_eq!(written(Times::Iso, i64::MAX), written(Times::Iso, ISO_LAST));
        assert_eq!(written(Times::Ns, i64::MAX), format!("{}000", i64::MAX));
        assert_eq!(written(Times::Us, i64::MIN), i64::MIN.to_string());
    }

    #[test]
    fn what_is_written_is_read() {
        for micros in [0, 1, -1, 1_795_253_400_250_000, i64::MAX, i64::MIN] {
            for times in [Times::Us, Times::Ns] {
                assert_eq!(read(&written(times, micros), times), Some(Micros(micros)));
            }
        }
        let iso = written(Times::Iso, 1_795_253_400_250_000);
        for times in Times::ALL {
            assert_eq!(read(&iso, times), Some(Micros(1_795_253_400_250_000)), "it says what it is");
        }
        for bad in ["", "\"", "\"yesterday\"", "1.5", "null", "[]", "99999999999999999999"] {
            assert_eq!(read(bad, Times::Us), None, "{bad}");
        }
    }
}
