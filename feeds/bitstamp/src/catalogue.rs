//! `markets/` and, in recordings before 2025, `trading-pairs-info/`: Bitstamp's markets and what we call them.
//!
//! | market | canonical name | from |
//! |---|---|---|
//! | spot | `BITSTAMP:BTC-USD` | `base_currency` and `counter_currency`, in the older list the two halves of `name` (`BTC/USD`) |
//! | perpetual | `BITSTAMP:BTC-USD-PERP` | the same, where `market_type` is `PERPETUAL` |
//!
//! An odd entry is left out and counted. `trading` says `Disabled` of a market that is suspended.
//!
//! The native name is `market_symbol` (`url_symbol` in the older list): it ends every channel's name.

use std::collections::HashSet;

use feed::json::Text;
use feed::listing::each_entry;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;
use serde_json::value::RawValue;

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
    #[serde(borrow, default)]
    trading: Option<Text<'a>>,
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

/// Adds every market of every list. Answers to other questions are passed over. Returns those that are suspended, by their native
/// names.
pub(crate) fn read(
    answers: &[RestAnswer],
    instruments: &mut Instruments,
) -> Result<HashSet<Box<str>>, CatalogueError> {
    let mut suspended = HashSet::new();
    let lists = answers.iter().filter(|answer| answer.url.contains(MARKETS) || answer.url.contains(PAIRS));
    for answer in lists {
        let entries: Vec<&RawValue> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("markets are not as documented: {error}")))?;
        each_entry(&entries, instruments, |entry: &Entry<'_>, instruments| {
            let symbol = entry.canonical().and_then(|name| Symbol::of_venue(instruments.venue(), &name).ok());
            if symbol.is_some() && entry.trading.as_deref() == Some("Disabled") {
                suspended.insert((*entry.market_symbol).into());
            }
            symbol.map(|symbol| instruments.add(&entry.market_symbol, symbol)).is_some()
        })?;
    }
    Ok(suspended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("BITSTAMP", 10);
        let answer = RestAnswer { url: format!("https://www.bitstamp.net{path}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments).map(drop);
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
    fn an_odd_entry_keeps_no_other_one_out_and_suspended_markets_are_known() {
        let body = r#"[
            {"name":"A/B","url_symbol":"ab","trading":"Enabled"},
            {"name":"C/D","trading":"Enabled"},
            {"name":"ETH2/ETH","url_symbol":"eth2eth","trading":"Disabled"},
            {"name":"E/F","url_symbol":"ef","trading":"of a new kind"}]"#;
        let mut known = Instruments::new("BITSTAMP", 10);
        let answer = RestAnswer { url: PAIRS.to_owned(), body: body.to_owned() };
        assert_eq!(read(&[answer], &mut known), Ok(HashSet::from(["eth2eth".into()])));
        assert_eq!((known.len(), known.left_out().0), (3, 1));
        assert!(check(MARKETS, r#"[{"name":"C/D"}]"#).0.is_err(), "nothing is of use");
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        let (result, _) = check(MARKETS, "<html>");
        assert!(result.is_err_and(|error| error.0.starts_with("markets are not as documented")));
        assert_eq!(check("/api/v2/order_book/btcusd", "{}"), (Ok(()), vec![]));
    }
}
