//! `/v1/common/symbols`: HTX's spot symbols and what we call them: `HTX:BTC-USDT` from `base-currency` and `quote-currency`.
//!
//! The native name (`btcusdt`) is never cut. A symbol that is `offline` is left out: its subscription would be refused.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/v1/common/symbols";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Answer<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow, default)]
    err_msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Listed<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    base_currency: Text<'a>,
    #[serde(borrow)]
    quote_currency: Text<'a>,
    #[serde(borrow, default)]
    state: Option<Text<'a>>,
}

/// Adds every symbol of every list. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        if &*read.status != "ok" {
            let words = read.err_msg.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("symbols were refused: {words}")));
        }
        let entries = sound::<Entry<'_>>(&read.data, instruments)?;
        for entry in entries.iter().filter(|entry| entry.state.as_deref() != Some("offline")) {
            let name = format!("{}-{}", &*entry.base_currency, &*entry.quote_currency).to_ascii_uppercase();
            if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &name) {
                instruments.add(&entry.symbol, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("HTX", 10);
        let answer = RestAnswer { url: format!("https://api.huobi.pro{PATH}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn names_come_from_the_two_currencies() {
        let body = r#"{"status":"ok","data":[
            {"base-currency":"btc","quote-currency":"usdt","symbol":"btcusdt","state":"online"},
            {"base-currency":"fil3s","quote-currency":"usdt","symbol":"fil3susdt","state":"suspend"},
            {"base-currency":"old","quote-currency":"btc","symbol":"oldbtc","state":"offline"}]}"#;
        let (result, names) = check(body);
        assert_eq!(result, Ok(()));
        assert_eq!(names, ["btcusdt HTX:BTC-USDT", "fil3susdt HTX:FIL3S-USDT"]);
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(r#"{"status":"error","err-code":"x","err-msg":"system busy","data":[]}"#);
        assert_eq!(result, Err(CatalogueError("symbols were refused: system busy".into())));
        assert!(check("<html>").0.is_err());
        let mut instruments = Instruments::new("HTX", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
