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
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The list of symbols.
pub(crate) const SYMBOLS: &str = "/v1/symbols";
/// The details of one symbol, whose name follows.
pub(crate) const DETAILS: &str = "/v1/symbols/details/";

/// Most characters of odd details that are kept to be shown.
const DETAILS_SHOWN_MAX: usize = 200;

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
    let (mut closed, mut odd) = (HashSet::new(), None);
    for answer in answers.iter().filter(|answer| answer.url.contains(DETAILS)) {
        // They concern one symbol, and an odd one keeps no other out: it has the name of the list.
        let details: Details<'_> = match serde_json::from_str(&answer.body) {
            Ok(details) => details,
            Err(error) => {
                instruments.leave_out(&answer.body.chars().take(DETAILS_SHOWN_MAX).collect::<String>());
                odd.get_or_insert(CatalogueError(format!("details are not as documented: {error}")));
                continue;
            }
        };
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
        let listed: Listed<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        let listed = sound::<Text<'_>>(&listed, instruments)?;
        for native in listed.iter().map(|native| native.to_ascii_uppercase()) {
            if !closed.contains(&native)
                && let Ok(symbol) = Symbol::of_venue(instruments.venue(), &native)
            {
                instruments.add(&native, symbol);
            }
        }
    }
    match odd {
        Some(why) if instruments.is_empty() => Err(why),
        _ => Ok(()),
    }
}

/// Natives, in lower case, that are listed and whose names a wish splits: their details tell whether it splits them right.
pub(crate) fn wished<'a>(
    answers: &'a [RestAnswer],
    venue: &'a str,
    wishes: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    let listed: HashSet<String> = answers
        .iter()
        .filter(|answer| answer.url.ends_with(SYMBOLS))
        .filter_map(|answer| serde_json::from_str::<Listed<'_>>(&answer.body).ok())
        .flatten()
        .filter_map(|native| serde_json::from_str::<Text<'_>>(native.get()).ok())
        .map(|native| native.to_ascii_lowercase())
        .collect();
    let split = move |wish: &'a String| {
        let name = match wish.split_once(':') {
            Some((of, name)) if of.eq_ignore_ascii_case(venue) => name,
            Some(_) => return None,
            None => wish,
        };
        name.contains('-').then(|| name.replace('-', "").to_ascii_lowercase())
    };
    let known = |native: &str| {
        answers.iter().any(|answer| answer.url.rsplit_once(DETAILS).is_some_and(|(_, of)| of == native))
    };
    wishes.iter().filter_map(split).filter(move |native| listed.contains(native) && !known(native))
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
    fn details_of_listed_symbols_are_asked_for_when_a_wish_splits_their_names() {
        let answers = [
            answer("/v1/symbols", r#"["btcusd","ethusd","shibusd","solgusdperp"]"#),
            answer("/v1/symbols/details/btcusd", "{}"),
        ];
        let wishes = [
            "GEMINI:BTC-USD",
            "gemini:SHIB-USD",
            "SOL-GUSD-PERP",
            "ETHUSD",
            "KRAKEN:ETH-USD",
            "FOO-USD",
            "*",
        ];
        let wishes = wishes.map(str::to_owned);
        let asked: Vec<String> = wished(&answers, "GEMINI", &wishes).collect();
        assert_eq!(asked, ["shibusd", "solgusdperp"]);
    }

    #[test]
    fn one_odd_entry_loses_no_wish() {
        let listed = [answer(SYMBOLS, r#"["btcusd",null,"shibusd"]"#)];
        let wishes = ["SHIB-USD".to_owned()];
        assert_eq!(wished(&listed, "GEMINI", &wishes).collect::<Vec<_>>(), ["shibusd"]);
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        for path in [SYMBOLS, "/v1/symbols/details/btcusd"] {
            assert!(check(&[answer(path, "<html>")]).0.is_err(), "{path}");
        }
        assert_eq!(check(&[answer("/v1/pricefeed", "<html>")]), (Ok(()), vec![]));
    }
}
