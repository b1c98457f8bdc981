//! `public/instruments`: OKX's instruments and what we call them.
//!
//! | `instType` | canonical name | from |
//! |---|---|---|
//! | `SPOT` | `OKX:BTC-USDT` | `baseCcy`, `quoteCcy` |
//! | `SWAP` | `OKX:BTC-USDT-PERP` | `uly` |
//! | `FUTURES` | `OKX:BTC-USD-20220527` | `uly`, `expTime` |
//! | `OPTION` | `OKX:BTC-USD-20220527-32000-P` | `uly`, `expTime`, `stk`, `optType` |
//!
//! The native name is never cut: an instrument without these fields is left out here and appears as `OKX:NATIVE` when the
//! venue speaks of it.

use feed::json::Text;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/api/v5/public/instruments";

const MILLIS_PER_DAY: i64 = 86_400_000;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow, default)]
    msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    inst_id: Text<'a>,
    #[serde(borrow)]
    inst_type: Text<'a>,
    #[serde(borrow, default)]
    base_ccy: Option<Text<'a>>,
    #[serde(borrow, default)]
    quote_ccy: Option<Text<'a>>,
    #[serde(borrow, default)]
    uly: Option<Text<'a>>,
    #[serde(borrow, default)]
    exp_time: Option<Text<'a>>,
    #[serde(borrow, default)]
    stk: Option<Text<'a>>,
    #[serde(borrow, default)]
    opt_type: Option<Text<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` when a field for it is missing or empty.
    fn name(&self) -> Option<String> {
        let uly = full(&self.uly);
        Some(match &*self.inst_type {
            "SPOT" => format!("{}-{}", full(&self.base_ccy)?, full(&self.quote_ccy)?),
            "SWAP" => format!("{}-PERP", uly?),
            "FUTURES" => format!("{}-{}", uly?, self.day()?),
            "OPTION" => {
                format!("{}-{}-{}-{}", uly?, self.day()?, full(&self.stk)?, full(&self.opt_type)?)
            }
            _ => return None,
        })
    }

    /// The day of expiry as `20220527`.
    fn day(&self) -> Option<String> {
        let millis: i64 = full(&self.exp_time)?.parse().ok()?;
        let (year, month, day) = civil(millis.div_euclid(MILLIS_PER_DAY));
        (1970..=9999).contains(&year).then(|| format!("{year}{month:02}{day:02}"))
    }
}

/// The text, unless it is missing or empty.
fn full<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// The date in the Gregorian calendar that many days after 1970-01-01, counted from a year that starts in March so that
/// the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
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

/// Adds every instrument of every answer. Answers to other questions are passed over, and so are instruments beyond the
/// capacity of `instruments`.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("instruments are not as documented: {error}")))?;
        if &*read.code != "0" {
            let msg = read.msg.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("instruments were refused: {} {msg}", &*read.code)));
        }
        for entry in &read.data {
            if let Some(Ok(symbol)) = entry.name().map(|name| Symbol::of_venue(instruments.venue(), &name)) {
                instruments.add(&entry.inst_id, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("OKX", 10);
        let answer =
            RestAnswer { url: format!("https://www.okx.com{PATH}?instType=X"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        let body = r#"{"code":"0","msg":"","data":[
            {"instType":"SPOT","instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","uly":"","expTime":""},
            {"instType":"SWAP","instId":"UNI-USD-SWAP","baseCcy":"","quoteCcy":"","uly":"UNI-USD","expTime":""},
            {"instType":"FUTURES","instId":"BTC-USD-220527","uly":"BTC-USD","expTime":"1653638400000"},
            {"instType":"OPTION","instId":"ETH-USD-220514-1300-C","uly":"ETH-USD","expTime":"1652515200000","stk":"1300","optType":"C"},
            {"instType":"FUTURES","instId":"NO-EXPIRY","uly":"NO-EXPIRY","expTime":""},
            {"instType":"EVENTS","instId":"A-B","uly":"A-B"}]}"#;
        let (result, names) = check(body);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "BTC-USDT OKX:BTC-USDT",
                "UNI-USD-SWAP OKX:UNI-USD-PERP",
                "BTC-USD-220527 OKX:BTC-USD-20220527",
                "ETH-USD-220514-1300-C OKX:ETH-USD-20220514-1300-C"
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(r#"{"code":"50011","msg":"Too Many Requests","data":[]}"#);
        assert_eq!(result, Err(CatalogueError("instruments were refused: 50011 Too Many Requests".into())));
        assert!(check("<html>").0.is_err());
        let mut instruments = Instruments::new("OKX", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
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
            assert_eq!(civil(days), date, "{days}");
        }
    }
}
