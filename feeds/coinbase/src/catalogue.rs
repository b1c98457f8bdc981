//! `GET /products` to canonical names: `BTC-USD` is `BTC-USD`, with base and quote as the answer gives them.
//!
//! Products that are offline stay listed: their quotes go quiet, their names do not go away. Delisted ones are left out:
//! a wish for one is told as not listed, and one unknown product makes the venue ignore a whole subscription.

use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

#[derive(Deserialize)]
struct Product {
    id: String,
    base_currency: String,
    quote_currency: String,
    /// `online`, `offline`, `internal` or `delisted`.
    status: Option<String>,
}

/// Reads every list of products among the answers; others are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers {
        match serde_json::from_str::<Listed<'_>>(&answer.body) {
            Ok(products) => {
                let products = sound(&products, instruments)?;
                let read = products.iter().filter(|product| add(product, instruments)).count();
                if read == 0 {
                    return Err(CatalogueError(format!("{} lists no product", answer.url)));
                }
            }
            Err(error) if answer.url.contains("/products") => {
                return Err(CatalogueError(format!("{} is not a list of products: {error}", answer.url)));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Adds one product; `false` when it cannot be named or has no room.
fn add(product: &Product, instruments: &mut Instruments) -> bool {
    if product.status.as_deref() == Some("delisted") {
        return false;
    }
    if product.base_currency.is_empty() || product.quote_currency.is_empty() {
        return false;
    }
    let name = format!("{}:{}-{}", instruments.venue(), product.base_currency, product.quote_currency);
    let Ok(symbol) = Symbol::parse(&name) else { return false };
    instruments.add(&product.id, symbol).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_or_passed_over() {
        let mut instruments = Instruments::new("COINBASE", 10);
        let answer = |url: &str, body: &str| RestAnswer { url: url.into(), body: body.into() };
        let body = r#"[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","status":"offline"},7,{"id":"X"},{"id":"A-USD","base_currency":"A","quote_currency":"USD","status":"delisted"}]"#;
        let answers = [answer("-", r#"{"epoch":1}"#), answer("-", body)];
        assert_eq!(read(&answers, &mut instruments), Ok(()));
        let names: Vec<_> = instruments.iter().map(|(_, i)| i.symbol.to_string()).collect();
        assert_eq!(names, ["COINBASE:BTC-USD"]);
        let refused = answer("https://x/products", r#"{"message":"Forbidden"}"#);
        assert!(read(&[refused], &mut instruments).unwrap_err().0.contains("/products"));
        assert!(read(&[answer("https://x/products", "[]")], &mut instruments).is_err());
    }
}
