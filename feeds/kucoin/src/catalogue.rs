//! `symbols` and `contracts/active`: KuCoin's instruments and what we call them.
//!
//! | kind | native | canonical name | from |
//! |---|---|---|---|
//! | spot | `BTC-USDT` | `KUCOIN:BTC-USDT` | `baseCurrency`, `quoteCurrency` |
//! | perpetual (`FFWCSX`) | `XBTUSDTM` | `KUCOIN_FUTURES:BTC-USDT-PERP` | the same |
//! | future (`FFICSX`) | `XBTMM22` | `KUCOIN_FUTURES:BTC-USD-20220624` | the same, `expireDate` |
//!
//! An odd entry is left out and counted. Futures say `XBT` for BTC. No name is in both catalogues, so both are read wherever they are found.

use feed::json::{Number, Text};
use feed::listing::each_entry;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Spot (the path of v1 is that of the recordings).
pub(crate) const SPOT_PATH: &str = "/api/v2/symbols";
/// Futures.
pub(crate) const FUTURES_PATH: &str = "/api/v1/contracts/active";

const PATHS: [&str; 3] = [SPOT_PATH, "/api/v1/symbols", FUTURES_PATH];

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow, default)]
    msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    base_currency: Text<'a>,
    #[serde(borrow)]
    quote_currency: Text<'a>,
    /// Contracts only.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    expire_date: Option<Number<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` for kinds of contracts that are not known.
    fn name(&self) -> Option<String> {
        let (base, quote) = (&*self.base_currency, &*self.quote_currency);
        let base = if self.kind.is_some() && base == "XBT" { "BTC" } else { base };
        match self.kind.as_deref() {
            None => Some(format!("{base}-{quote}")),
            Some("FFWCSX") => Some(format!("{base}-{quote}-PERP")),
            Some("FFICSX") => {
                let millis = i64::try_from(self.expire_date?.decimal().ok()??).ok()?;
                Some(format!("{base}-{quote}-{}", Micros::from_millis(millis).date8()?))
            }
            Some(_) => None,
        }
    }
}

/// Adds every instrument of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let asked = |answer: &&RestAnswer| {
        let path = answer.url.split('?').next().unwrap_or_default();
        PATHS.iter().any(|known| path.ends_with(known))
    };
    for answer in answers.iter().filter(asked) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        if &*read.code != "200000" {
            let msg = read.msg.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("symbols were refused: {} {msg}", &*read.code)));
        }
        each_entry(&read.data, instruments, |entry: &Entry<'_>, instruments| {
            let symbol = entry.name().and_then(|name| Symbol::of_venue(instruments.venue(), &name).ok());
            symbol.map(|symbol| instruments.add(&entry.symbol, symbol)).is_some()
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("KUCOIN", 10);
        let answer = RestAnswer { url: format!("https://api.kucoin.com{path}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        let spot = r#"{"code":"200000","data":[
            {"symbol":"BCHSV-USDT","name":"BSV-USDT","baseCurrency":"BSV","quoteCurrency":"USDT","enableTrading":true}]}"#;
        for path in ["/api/v1/symbols", "/api/v2/symbols?market=USDS"] {
            assert_eq!(check(path, spot), (Ok(()), vec!["BCHSV-USDT KUCOIN:BSV-USDT".to_owned()]));
        }
        let futures = r#"{"code":"200000","data":[
            {"symbol":"XBTUSDTM","type":"FFWCSX","expireDate":null,"baseCurrency":"XBT","quoteCurrency":"USDT","multiplier":0.001},
            {"symbol":"1000PEPEUSDTM","type":"FFWCSX","baseCurrency":"1000PEPE","quoteCurrency":"USDT"},
            {"symbol":"XBTMM22","type":"FFICSX","expireDate":1656057600000,"baseCurrency":"XBT","quoteCurrency":"USD"},
            {"symbol":"ODD","type":"FFXXXX","baseCurrency":"A","quoteCurrency":"B"}]}"#;
        let (result, names) = check(FUTURES_PATH, futures);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "XBTUSDTM KUCOIN:BTC-USDT-PERP",
                "1000PEPEUSDTM KUCOIN:1000PEPE-USDT-PERP",
                "XBTMM22 KUCOIN:BTC-USD-20220624"
            ]
        );
    }

    #[test]
    fn an_odd_entry_keeps_no_other_one_out() {
        let entries = r#"{"symbol":"A-B"},{"symbol":"C-D","baseCurrency":"C","quoteCurrency":"D"}"#;
        let body = format!(r#"{{"code":"200000","data":[{entries},null]}}"#);
        assert_eq!(check(SPOT_PATH, &body), (Ok(()), vec!["C-D KUCOIN:C-D".to_owned()]));
        let body = r#"{"code":"200000","data":[{"symbol":"A-B"}]}"#;
        assert!(check(SPOT_PATH, body).0.is_err(), "nothing is of use");
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(SPOT_PATH, r#"{"code":"429000","msg":"Too many requests"}"#);
        assert_eq!(result, Err(CatalogueError("symbols were refused: 429000 Too many requests".into())));
        assert!(check(SPOT_PATH, "<html>").0.is_err());
        let (result, names) = check("/api/v2/market/orderbook/level2?symbol=A-B", "<html>");
        assert_eq!((result, names.len()), (Ok(()), 0), "not an answer to our question");
    }
}
