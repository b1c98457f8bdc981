//! `derivatives/api/v3/instruments`: the contracts and what we call them.
//!
//! | contract | canonical name | from |
//! |---|---|---|
//! | perpetual | `KRAKEN_FUTURES:BTC-USD-PERP` | `base`, `quote`, no `lastTradingTime` |
//! | dated | `KRAKEN_FUTURES:BTC-USD-20220930` | and `lastTradingTime` |
//! | inverse, while a contract of that name settles in another way | `KRAKEN_FUTURES:PI_XBTUSD` | `symbol` |
//! | without `base` and `quote` (catalogues of 2021 have neither) | `KRAKEN_FUTURES:FI_XBTUSD_210924` | `symbol` |
//!
//! `XBT` is BTC and `XDG` is DOGE. The native name is never cut. Indices, which nobody trades, are left out.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/derivatives/api/v3/instruments";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow, default)]
    error: Option<Text<'a>>,
    #[serde(borrow, default)]
    instruments: Listed<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(default)]
    tradeable: bool,
    #[serde(borrow, default)]
    base: Option<Text<'a>>,
    #[serde(borrow, default)]
    quote: Option<Text<'a>>,
    #[serde(borrow, default)]
    last_trading_time: Option<Text<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` when a field for it is missing.
    fn name(&self) -> Option<String> {
        let (base, quote) = (currency(full(&self.base)?), currency(full(&self.quote)?));
        Some(match self.last_trading_time.as_deref() {
            None => format!("{base}-{quote}-PERP"),
            Some(time) => format!("{base}-{quote}-{}", Micros::parse_iso(time)?.date8()?),
        })
    }

    fn is_inverse(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.contains("inverse"))
    }
}

/// The text, unless it is missing or empty.
fn full<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// What everybody else calls a currency.
fn currency(name: &str) -> &str {
    match name {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

/// Adds every contract of every answer. Answers to other questions are passed over, and so are contracts beyond the
/// capacity of `instruments`.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("instruments are not as documented: {error}")))?;
        if &*read.result != "success" {
            let words = read.error.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("instruments were refused: {words}")));
        }
        let entries = sound::<Entry<'_>>(&read.instruments, instruments)?;
        let traded = || entries.iter().filter(|entry| entry.tradeable);
        let named: std::collections::HashSet<String> =
            traded().filter(|entry| !entry.is_inverse()).filter_map(Entry::name).collect();
        for entry in traded() {
            let native = entry.symbol.to_ascii_uppercase();
            let name = entry.name().filter(|name| !(entry.is_inverse() && named.contains(name)));
            if let Ok(symbol) = Symbol::of_venue(instruments.venue(), name.as_deref().unwrap_or(&native)) {
                instruments.add(&native, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("KRAKEN_FUTURES", 20);
        let answer = RestAnswer { url: format!("https://futures.kraken.com{PATH}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_contract_has_its_form() {
        let (result, names) = check(
            r#"{"result":"success","instruments":[
            {"symbol":"PI_XBTUSD","type":"futures_inverse","base":"XBT","quote":"USD","tradeable":true},
            {"symbol":"PF_XBTUSD","type":"flexible_futures","base":"XBT","quote":"USD","tradeable":true},
            {"symbol":"PF_XDGUSD","type":"flexible_futures","base":"XDG","quote":"USD","tradeable":true},
            {"symbol":"FI_XBTUSD_220930","type":"futures_inverse","base":"XBT","quote":"USD","lastTradingTime":"2022-09-30T15:00:00.000Z","tradeable":true},
            {"symbol":"fi_ethusd_210924","type":"futures_inverse","underlying":"rr_ethusd","lastTradingTime":"2021-09-24T15:00:00.000Z","tradeable":true},
            {"symbol":"in_xbtusd","type":"spot index","tradeable":false},
            {"symbol":"PF_OLDUSD","type":"flexible_futures","base":"OLD","quote":"USD","tradeable":false}]}"#,
        );
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "PI_XBTUSD KRAKEN_FUTURES:PI_XBTUSD",
                "PF_XBTUSD KRAKEN_FUTURES:BTC-USD-PERP",
                "PF_XDGUSD KRAKEN_FUTURES:DOGE-USD-PERP",
                "FI_XBTUSD_220930 KRAKEN_FUTURES:BTC-USD-20220930",
                "FI_ETHUSD_210924 KRAKEN_FUTURES:FI_ETHUSD_210924",
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(r#"{"result":"error","error":"apiLimitExceeded"}"#);
        assert_eq!(result, Err(CatalogueError("instruments were refused: apiLimitExceeded".into())));
        assert!(check("<html>").0.is_err());
        let mut instruments = Instruments::new("KRAKEN_FUTURES", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
