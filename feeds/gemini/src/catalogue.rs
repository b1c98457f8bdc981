//! `/v1/symbols` and `/v1/symbols/details/X`: Gemini's symbols and what we call them.
//!
//! | symbol | canonical name | from |
//! |---|---|---|
//! | spot | `GEMINI:BTC-USD` | `base_currency`, `quote_currency` |
//! | perpetual | `GEMINI:BTC-GUSD-PERP` | the same, where `product_type` is `swap` |
//! | only listed | `GEMINI:SHIBUSD` | its name, unsplit |
//!
//! The native name is that of the details, in upper case; what is closed there is left out.

use std::collections::HashSet;

use feed::json::Text;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The list of symbols.
pub(crate) const SYMBOLS: &str = "/v1/symbols";
/// The details of one symbol, whose name follows.
pub(crate) const DETAILS: &str = "/v1/symbols/details/";

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    base_currency: Text<'a>,
    #[serde(borrow)]
    quote_currency: Text<'a>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    product_type: Option<Text<'a>>,
}

/// Adds every symbol. Details come first, whatever the order of the answers. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let mut closed = HashSet::new();
    for answer in answers.iter().filter(|answer| answer.url.contains(DETAILS)) {
        let details: Details<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("details are not as documented: {error}")))?;
        let native = details.symbol.to_ascii_uppercase();
        if details.status.as_deref() == Some("closed") {
            closed.insert(native);
            continue;
        }
        let suffix = if details.product_type.as_deref() == Some("swap") { "-PERP" } else { "" };
        let name = format!("{}-{}{suffix}", &*details.base_currency, &*details.quote_currency);
        if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &name) {
            instruments.add(&native, symbol);
        }
    }
    for answer in answers.iter().filter(|answer| answer.url.ends_with(SYMBOLS)) {
        let listed: Vec<Text<'_>> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        for native in listed.iter().map(|native| native.to_ascii_uppercase()) {
            if !closed.contains(&native)
                && let Ok(symbol) = Symbol::of_venue(instruments.venue(), &native)
            {
                instruments.add(&native, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(path: &str, body: &str) -> RestAnswer {
        RestAnswer { url: format!("https://api.gemini.com{path}"), body: body.to_owned() }
    }

    fn check(answers: &[RestAnswer]) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("GEMINI", 10);
        let result = read(answers, &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn details_name_symbols_and_what_is_only_listed_stays_unsplit() {
        let (result, names) = check(&[
            answer("/v1/symbols", r#"["btcusd","btcgusd","btcgusdperp","shibusd"]"#),
            answer(
                "/v1/symbols/details/btcusd",
                r#"{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","tick_size":1E-8,"status":"open"}"#,
            ),
            answer(
                "/v1/symbols/details/btcgusd",
                r#"{"symbol":"BTCGUSD","base_currency":"BTC","quote_currency":"GUSD","status":"closed"}"#,
            ),
            answer(
                "/v1/symbols/details/btcgusdperp",
                r#"{"symbol":"BTCGUSDPERP","base_currency":"BTC","quote_currency":"GUSD","status":"open","product_type":"swap","contract_type":"linear"}"#,
            ),
        ]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            ["BTCUSD GEMINI:BTC-USD", "BTCGUSDPERP GEMINI:BTC-GUSD-PERP", "SHIBUSD GEMINI:SHIBUSD"]
        );
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        for path in [SYMBOLS, "/v1/symbols/details/btcusd"] {
            assert!(check(&[answer(path, "<html>")]).0.is_err(), "{path}");
        }
        assert_eq!(check(&[answer("/v1/pricefeed", "<html>")]), (Ok(()), vec![]));
    }
}
