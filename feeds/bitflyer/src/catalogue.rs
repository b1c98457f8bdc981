//! `getmarkets`: bitFlyer's products and what we call them.
//!
//! | `market_type` | product | canonical name |
//! |---|---|---|
//! | `Spot` | `BTC_JPY` | `BITFLYER:BTC-JPY`: the documented form is base currency, `_`, quote currency |
//! | `FX` | `FX_BTC_JPY` | `BITFLYER:BTC-JPY-PERP`: `FX_` before the name of a spot product; it does not expire |
//! | `Futures` | `BTCJPY24DEC2021` | `BITFLYER:BTC-JPY-20211224`: the currencies of a spot product of the catalogue, and the day |
//!
//! Three regions list different products, so three answers are read, and the first name of a product stands.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path of a catalogue; `/usa` and `/eu` follow for the other regions.
pub(crate) const PATH: &str = "/v1/getmarkets";
/// Another spelling of it that the venue documents.
const OTHER_PATH: &str = "/v1/markets";

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    product_code: Text<'a>,
    #[serde(borrow, default)]
    market_type: Option<Text<'a>>,
}

/// Base and quote currency of a spot product.
fn currencies(product: &str) -> Option<(&str, &str)> {
    let (base, quote) = product.split_once('_')?;
    (!base.is_empty() && !quote.is_empty() && !quote.contains('_')).then_some((base, quote))
}

/// `24DEC2021` as `20211224`.
fn day(text: &str) -> Option<String> {
    let (day, month, year) = (text.get(..2)?, text.get(2..5)?, text.get(5..)?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (digits(day) && year.len() == 4 && digits(year)).then(|| format!("{year}{month:02}{day}"))
}

/// The canonical name without the venue. `pairs` are the currencies of all spot products.
fn name(kind: &str, product: &str, pairs: &[(&str, &str)]) -> Option<String> {
    match kind {
        "Spot" => currencies(product).map(|(base, quote)| format!("{base}-{quote}")),
        "FX" => {
            let (base, quote) = currencies(product.strip_prefix("FX_")?)?;
            Some(format!("{base}-{quote}-PERP"))
        }
        "Futures" => pairs.iter().find_map(|(base, quote)| {
            let day = day(product.strip_prefix(base)?.strip_prefix(quote)?)?;
            Some(format!("{base}-{quote}-{day}"))
        }),
        _ => None,
    }
}

/// Adds every product of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for answer in answers.iter().filter(|a| a.url.contains(PATH) || a.url.contains(OTHER_PATH)) {
        let read: Listed<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("markets are not as documented: {error}")))?;
        entries.extend(sound::<Entry<'_>>(&read, instruments)?);
    }
    let kind = |entry: &Entry<'_>| entry.market_type.as_deref().unwrap_or("Spot").to_owned();
    let pairs: Vec<(&str, &str)> = entries
        .iter()
        .filter(|entry| kind(entry) == "Spot")
        .filter_map(|entry| currencies(&entry.product_code))
        .collect();
    for entry in &entries {
        if let Some(Ok(symbol)) = name(&kind(entry), &entry.product_code, &pairs)
            .map(|name| Symbol::of_venue(instruments.venue(), &name))
        {
            instruments.add(&entry.product_code, symbol);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[(&str, &str)]) -> (bool, Vec<String>) {
        let mut instruments = Instruments::new("BITFLYER", 20);
        let answers: Vec<RestAnswer> = answers
            .iter()
            .map(|(url, body)| RestAnswer { url: (*url).to_owned(), body: (*body).to_owned() })
            .collect();
        let result = read(&answers, &mut instruments);
        (result.is_ok(), instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_product_has_its_form() {
        let japan = r#"[{"product_code":"BTC_JPY","market_type":"Spot"},{"product_code":"FX_BTC_JPY","market_type":"FX"},
            {"product_code":"BTCJPY24DEC2021","alias":"BTCJPY_MAT2WK","market_type":"Futures"},
            {"product_code":"XYZJPY24DEC2021","market_type":"Futures"},{"product_code":"BTCJPY24DEX2021","market_type":"Futures"}]"#;
        let europe = r#"[{"product_code":"BTC_EUR","market_type":"Spot"},{"product_code":"BTC_JPY","market_type":"Spot"}]"#;
        let names = [
            "BTC_JPY BITFLYER:BTC-JPY",
            "FX_BTC_JPY BITFLYER:BTC-JPY-PERP",
            "BTCJPY24DEC2021 BITFLYER:BTC-JPY-20211224",
            "BTC_EUR BITFLYER:BTC-EUR",
        ];
        let answers = [
            ("https://api.bitflyer.com/v1/getmarkets", japan),
            ("https://api.bitflyer.com/v1/markets/eu", europe),
        ];
        assert_eq!(check(&answers), (true, names.map(str::to_owned).to_vec()));
    }

    #[test]
    fn faults_are_told_and_other_answers_passed_over() {
        assert!(!check(&[("https://api.bitflyer.com/v1/getmarkets", r#"{"status":-1}"#)]).0);
        assert_eq!(check(&[("https://api.bitflyer.com/v1/getboard", "<html>")]), (true, vec![]));
    }
}
