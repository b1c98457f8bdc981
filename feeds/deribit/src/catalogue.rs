//! `public/get_instruments`: Deribit's instruments and what we call them.
//!
//! | `kind` | canonical name | from |
//! |---|---|---|
//! | `spot` | `DERIBIT:BTC-USDC` | `base_currency`, `quote_currency` |
//! | `future`, `settlement_period` `perpetual` | `DERIBIT:BTC-USD-PERP`, `DERIBIT:BTC-USDC-PERP` | the same |
//! | `future` | `DERIBIT:BTC-USD-20210924` | and `expiration_timestamp` |
//! | `option` | `DERIBIT:BTC-USD-20210924-40000-P` | and `counter_currency`, `strike`, `option_type` |
//!
//! An option on BTC is quoted in BTC itself; what its strike is counted in is the `counter_currency`. That field came later than
//! the recorded catalogue of 2021: until then every option that is quoted in its base currency has a strike in USD.
//!
//! The native name is never cut. Combinations (`future_combo`, `option_combo`) and entries without these fields are left out.

use feed::json::{Number, Text};
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/api/v2/public/get_instruments";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    result: Option<Listed<'a>>,
    #[serde(borrow, default)]
    error: Option<Refusal<'a>>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    code: i64,
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    instrument_name: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    base_currency: Option<Text<'a>>,
    #[serde(borrow, default)]
    quote_currency: Option<Text<'a>>,
    #[serde(borrow, default)]
    counter_currency: Option<Text<'a>>,
    #[serde(borrow, default)]
    settlement_period: Option<Text<'a>>,
    #[serde(borrow, default)]
    option_type: Option<Text<'a>>,
    #[serde(default)]
    expiration_timestamp: Option<i64>,
    #[serde(borrow, default)]
    strike: Option<Number<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` when a field for it is missing.
    fn name(&self) -> Option<String> {
        let (base, quote) = (self.base_currency.as_deref()?, self.quote_currency.as_deref()?);
        Some(match &*self.kind {
            "spot" => format!("{base}-{quote}"),
            "future" if self.settlement_period.as_deref() == Some("perpetual") => {
                format!("{base}-{quote}-PERP")
            }
            "future" => format!("{base}-{quote}-{}", self.day()?),
            "option" => {
                let counter = self.counter_currency.as_deref();
                let counter = counter.unwrap_or(if quote == base { "USD" } else { quote });
                let strike = self.strike?.decimal().ok()??.normalize();
                let right = match self.option_type.as_deref()? {
                    "call" => 'C',
                    "put" => 'P',
                    _ => return None,
                };
                format!("{base}-{counter}-{}-{strike}-{right}", self.day()?)
            }
            _ => return None,
        })
    }

    /// The day of expiry as `20210924`.
    fn day(&self) -> Option<String> {
        Micros::from_millis(self.expiration_timestamp?).date8()
    }
}

/// Adds every instrument of every answer. Answers to other questions are passed over, and so are instruments beyond the
/// capacity of `instruments`.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("instruments are not as documented: {error}")))?;
        if let Some(error) = &read.error {
            let words = error.message.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("instruments were refused: {} {words}", error.code)));
        }
        let Some(entries) = &read.result else {
            return Err(CatalogueError("instruments are not as documented: neither result nor error".into()));
        };
        for entry in sound::<Entry<'_>>(entries, instruments)? {
            if let Some(Ok(symbol)) = entry.name().map(|name| Symbol::of_venue(instruments.venue(), &name)) {
                instruments.add(&entry.instrument_name, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("DERIBIT", 20);
        let answer = RestAnswer {
            url: format!("https://www.deribit.com{PATH}?currency=any&expired=false"),
            body: body.to_owned(),
        };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        let (result, names) = check(
            r#"{"jsonrpc":"2.0","result":[
            {"kind":"future","instrument_name":"BTC-PERPETUAL","base_currency":"BTC","quote_currency":"USD","settlement_period":"perpetual","expiration_timestamp":32503708800000},
            {"kind":"future","instrument_name":"BTC_USDC-PERPETUAL","base_currency":"BTC","quote_currency":"USDC","counter_currency":"USDC","settlement_period":"perpetual","expiration_timestamp":32503708800000},
            {"kind":"future","instrument_name":"BTC-24SEP21","base_currency":"BTC","quote_currency":"USD","settlement_period":"month","expiration_timestamp":1632470400000},
            {"kind":"option","instrument_name":"BTC-24SEP21-40000-P","base_currency":"BTC","quote_currency":"BTC","option_type":"put","strike":40000.0,"expiration_timestamp":1632470400000},
            {"kind":"option","instrument_name":"XRP_USDC-27JUN25-0d5825-C","base_currency":"XRP","quote_currency":"USDC","counter_currency":"USDC","option_type":"call","strike":0.5825,"expiration_timestamp":1751011200000},
            {"kind":"option","instrument_name":"ETH-27JUN25-2e3-C","base_currency":"ETH","quote_currency":"ETH","counter_currency":"USD","option_type":"call","strike":2.0e3,"expiration_timestamp":1751011200000},
            {"kind":"spot","instrument_name":"BTC_USDC","base_currency":"BTC","quote_currency":"USDC"},
            {"kind":"future_combo","instrument_name":"BTC-FS-29APR22_PERP","base_currency":"BTC","quote_currency":"USD","expiration_timestamp":1751011200000},
            {"kind":"option","instrument_name":"NO-STRIKE","base_currency":"BTC","quote_currency":"BTC","option_type":"put","strike":null,"expiration_timestamp":1632470400000}]}"#,
        );
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "BTC-PERPETUAL DERIBIT:BTC-USD-PERP",
                "BTC_USDC-PERPETUAL DERIBIT:BTC-USDC-PERP",
                "BTC-24SEP21 DERIBIT:BTC-USD-20210924",
                "BTC-24SEP21-40000-P DERIBIT:BTC-USD-20210924-40000-P",
                "XRP_USDC-27JUN25-0d5825-C DERIBIT:XRP-USDC-20250627-0.5825-C",
                "ETH-27JUN25-2e3-C DERIBIT:ETH-USD-20250627-2000-C",
                "BTC_USDC DERIBIT:BTC-USDC",
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        let refused = r#"{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"}}"#;
        let (result, _) = check(refused);
        assert_eq!(result, Err(CatalogueError("instruments were refused: 10028 too_many_requests".into())));
        assert!(check("<html>").0.is_err() && check("{}").0.is_err());
        let mut instruments = Instruments::new("DERIBIT", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
