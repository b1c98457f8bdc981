//! `market/products`: the products and what we call them.
//!
//! | product | canonical name | from |
//! |---|---|---|
//! | spot | `COINBASE_ADVANCED:BTC-USD` | `base_currency_id`, `quote_currency_id` |
//! | perpetual | `COINBASE_ADVANCED:BTC-USD-PERP` | `contract_root_unit`, `quote_currency_id`; `contract_expiry_type` `PERPETUAL`, or `EXPIRING` with a `funding_rate` |
//! | future | `COINBASE_ADVANCED:BTC-USD-20260424` | and `contract_expiry` |
//! | one whose name is taken (contracts of another size), or without these fields | `COINBASE_ADVANCED:BIT-24APR26-CDE` | `product_id` |
//!
//! A product that is an alias of another (`alias`) is left out: it has no messages of its own. The native name is never cut.

use std::collections::HashSet;

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/api/v3/brokerage/market/products";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    products: Listed<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
    #[serde(borrow, default)]
    base_currency_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    quote_currency_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    alias: Option<Text<'a>>,
    #[serde(borrow, default)]
    future_product_details: Option<Contract<'a>>,
}

#[derive(Deserialize)]
struct Contract<'a> {
    #[serde(borrow, default)]
    contract_root_unit: Option<Text<'a>>,
    #[serde(borrow, default)]
    contract_expiry_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    contract_expiry: Option<Text<'a>>,
    #[serde(borrow, default)]
    funding_rate: Option<Text<'a>>,
}

/// The text, unless it is missing or empty.
fn full<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` when a field for it is missing or empty.
    fn name(&self) -> Option<String> {
        let quote = full(&self.quote_currency_id)?;
        let Some(contract) = &self.future_product_details else {
            return Some(format!("{}-{quote}", full(&self.base_currency_id)?));
        };
        let base = full(&contract.contract_root_unit)?;
        // Perpetuals of the US exchange carry a date some years away, and a funding rate.
        let perpetual = contract.contract_expiry_type.as_deref() == Some("PERPETUAL")
            || full(&contract.funding_rate).is_some();
        if perpetual {
            return Some(format!("{base}-{quote}-PERP"));
        }
        let day = Micros::parse_iso(full(&contract.contract_expiry)?)?.date8()?;
        Some(format!("{base}-{quote}-{day}"))
    }
}

/// Adds every product of every answer. Answers to other questions are passed over, and so are products beyond the capacity
/// of `instruments`.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("products are not as documented: {error}")))?;
        let mut taken = HashSet::new();
        let products = sound::<Entry<'_>>(&read.products, instruments)?;
        for entry in products.iter().filter(|entry| full(&entry.alias).is_none()) {
            let venue = instruments.venue();
            let named = entry.name().and_then(|name| Symbol::of_venue(venue, &name).ok());
            let free = named.filter(|symbol| taken.insert(symbol.clone()));
            if let Some(symbol) = free.or_else(|| Symbol::of_venue(venue, &entry.product_id).ok()) {
                instruments.add(&entry.product_id, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("COINBASE_ADVANCED", 20);
        let answer = RestAnswer { url: format!("https://api.coinbase.com{PATH}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_product_has_its_form() {
        let (result, names) = check(
            r#"{"num_products":6,"products":[
            {"product_id":"BTC-USD","product_type":"SPOT","base_currency_id":"BTC","quote_currency_id":"USD","alias":"","alias_to":["BTC-USDC"],"future_product_details":null},
            {"product_id":"BTC-USDC","product_type":"SPOT","base_currency_id":"BTC","quote_currency_id":"USDC","alias":"BTC-USD","alias_to":[]},
            {"product_id":"BIT-24APR26-CDE","product_type":"FUTURE","base_currency_id":"","quote_currency_id":"USD","future_product_details":{"contract_root_unit":"BTC","contract_expiry_type":"EXPIRING","contract_expiry":"2026-04-24T15:00:00Z","funding_rate":""}},
            {"product_id":"BTI-24APR26-CDE","product_type":"FUTURE","quote_currency_id":"USD","future_product_details":{"contract_root_unit":"BTC","contract_expiry_type":"EXPIRING","contract_expiry":"2026-04-24T15:00:00Z"}},
            {"product_id":"BIP-20DEC30-CDE","product_type":"FUTURE","quote_currency_id":"USD","future_product_details":{"contract_root_unit":"BTC","contract_expiry_type":"EXPIRING","contract_expiry":"2030-12-20T16:00:00Z","funding_rate":"0.000005"}},
            {"product_id":"BTC-PERP-INTX","product_type":"FUTURE","quote_currency_id":"USDC","future_product_details":{"contract_root_unit":"BTC","contract_expiry_type":"PERPETUAL"}}]}"#,
        );
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "BTC-USD COINBASE_ADVANCED:BTC-USD",
                "BIT-24APR26-CDE COINBASE_ADVANCED:BTC-USD-20260424",
                "BTI-24APR26-CDE COINBASE_ADVANCED:BTI-24APR26-CDE",
                "BIP-20DEC30-CDE COINBASE_ADVANCED:BTC-USD-PERP",
                "BTC-PERP-INTX COINBASE_ADVANCED:BTC-USDC-PERP",
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        assert!(check("<html>").0.is_err() && check(r#"{"error":"x"}"#).0.is_err());
        let mut instruments = Instruments::new("COINBASE_ADVANCED", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
