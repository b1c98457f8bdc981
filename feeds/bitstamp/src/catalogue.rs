//! `markets/` and, in recordings before 2025, `trading-pairs-info/`: Bitstamp's markets and what we call them.
//!
//! | market | canonical name | from |
//! |---|---|---|
//! | spot | `BITSTAMP:BTC-USD` | `base_currency` and `counter_currency`, in the older list the two halves of `name` (`BTC/USD`) |
//! | perpetual | `BITSTAMP:BTC-USD-PERP` | the same, where `market_type` is `PERPETUAL` |
//!
//! The native name is `market_symbol` (`url_symbol` in the older list): it ends every channel's name.

use feed::json::Text;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The list of markets.
pub(crate) const MARKETS: &str = "/api/v2/markets/";
/// Its predecessor.
const PAIRS: &str = "/api/v2/trading-pairs-info";

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, alias = "url_symbol")]
    market_symbol: Text<'a>,
    #[serde(borrow, default)]
    market_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    base_currency: Option<Text<'a>>,
    #[serde(borrow, default)]
    counter_currency: Option<Text<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` when a field for it is missing.
    fn canonical(&self) -> Option<String> {
        let perpetual = match self.market_type.as_deref() {
            None | Some("SPOT") => false,
            Some("PERPETUAL") => true,
            Some(_) => return None,
        };
        let name = if perpetual { self.name.strip_suffix("-PERP").unwrap_or(&self.name) } else { &self.name };
        let (base, counter) = match (self.base_currency.as_deref(), self.counter_currency.as_deref()) {
            (Some(base), Some(counter)) => (base, counter),
            _ => name.split_once('/')?,
        };
        let suffix = if perpetual { "-PERP" } else { "" };
        Some(format!("{base}-{counter}{suffix}"))
    }
}

/// Adds every market of every list. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let lists = answers.iter().filter(|answer| answer.url.contains(MARKETS) || answer.url.contains(PAIRS));
    for answer in lists {
        let entries: Vec<Entry<'_>> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("markets are not as documented: {error}")))?;
        for entry in &entries {
            let name = entry.canonical().map(|name| Symbol::of_venue(instruments.venue(), &name));
            if let Some(Ok(symbol)) = name {
                instruments.add(&entry.market_symbol, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("BITSTAMP", 10);
        let answer = RestAnswer { url: format!("https://www.bitstamp.net{path}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn spot_and_perpetuals_have_their_form_in_both_lists() {
        let body = r#"[
            {"name":"BTC/USD","market_symbol":"btcusd","market_type":"SPOT","base_currency":"BTC","counter_currency":"USD","trading":"Enabled"},
            {"name":"BTC/USD-PERP","market_symbol":"btcusd-perp","market_type":"PERPETUAL","counter_currency":"USD"},
            {"name":"X/Y","market_symbol":"xy","market_type":"SWAPTION"}]"#;
        let (result, names) = check(MARKETS, body);
        assert_eq!(result, Ok(()));
        assert_eq!(names, ["btcusd BITSTAMP:BTC-USD", "btcusd-perp BITSTAMP:BTC-USD-PERP"]);
        let (_, names) =
            check("/api/v2/trading-pairs-info/", r#"[{"name": "GUSD/USD", "url_symbol": "gusdusd"}]"#);
        assert_eq!(names, ["gusdusd BITSTAMP:GUSD-USD"]);
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        let (result, _) = check(MARKETS, "<html>");
        assert!(result.is_err_and(|error| error.0.starts_with("markets are not as documented")));
        assert_eq!(check("/api/v2/order_book/btcusd", "{}"), (Ok(()), vec![]));
    }
}
