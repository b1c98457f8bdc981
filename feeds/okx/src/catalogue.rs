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
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/api/v5/public/instruments";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow, default)]
    msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Listed<'a>,
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
        Micros::from_millis(full(&self.exp_time)?.parse().ok()?).date8()
    }
}

/// The text, unless it is missing or empty.
fn full<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
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
        for entry in sound::<Entry<'_>>(&read.data, instruments)? {
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
}
