//! The account's instruments and what we call them: `EUR_USD` is `OANDA:EUR-USD`, `US30_USD` is `OANDA:US30-USD`.
//!
//! The catalogue names no currencies apart. The name itself is documented as both of them with `_` between, so it is
//! divided there; a name of another form stays as it is.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// How the addresses of its answers end.
pub(crate) const PATH: &str = "/instruments";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    instruments: Listed<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

/// The canonical symbol of an instrument's name.
pub(crate) fn symbol(venue: &str, native: &str) -> Option<Symbol> {
    let name = match native.split_once('_') {
        Some((first, second)) if !first.is_empty() && !second.is_empty() && !second.contains('_') => {
            format!("{first}-{second}")
        }
        _ => native.to_owned(),
    };
    Symbol::of_venue(venue, &name).ok()
}

/// Adds every instrument of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let ours = |answer: &&RestAnswer| answer.url.split('?').next().is_some_and(|url| url.ends_with(PATH));
    for answer in answers.iter().filter(ours) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("instruments are not as documented: {error}")))?;
        for entry in sound::<Entry<'_>>(&read.instruments, instruments)? {
            if let Some(symbol) = symbol(instruments.venue(), &entry.name) {
                instruments.add(&entry.name, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("OANDA", 10);
        let url = "https://api-fxtrade.oanda.com/v3/accounts/001-1/instruments".to_owned();
        let result = read(&[RestAnswer { url, body: body.to_owned() }], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn names_are_divided_where_the_venue_says_that_they_divide() {
        let body = r#"{"instruments":[{"name":"EUR_USD","type":"CURRENCY","displayName":"EUR/USD","tags":[]},
            {"name":"US30_USD","type":"CFD"},{"name":"XAU_USD","type":"METAL"},{"name":"A_B_C"},{"name":"_A"},
            {"name":"ODD"}],"lastTransactionID":"6356"}"#;
        let (result, names) = check(body);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "EUR_USD OANDA:EUR-USD",
                "US30_USD OANDA:US30-USD",
                "XAU_USD OANDA:XAU-USD",
                "A_B_C OANDA:A_B_C",
                "_A OANDA:_A",
                "ODD OANDA:ODD"
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        assert!(check(r#"{"errorMessage":"Insufficient authorization to perform request."}"#).0.is_err());
        assert!(check("<html>").0.is_err());
        let mut instruments = Instruments::new("OANDA", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
