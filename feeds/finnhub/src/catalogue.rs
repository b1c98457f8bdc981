//! The lists of symbols.
//!
//! | list | native name | canonical name |
//! |---|---|---|
//! | stocks | `AAPL` | `FINNHUB:AAPL` |
//! | crypto and forex | `BINANCE:BTCUSDT` | `FINNHUB:BTC-USDT`, from `displaySymbol` `BTC/USDT` |

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// What the paths of all lists have in common.
const PATH: &str = "/api/v1/";
const QUESTION: &str = "/symbol?exchange=";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow, default)]
    display_symbol: Option<Text<'a>>,
}

/// Adds every symbol of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|a| a.url.contains(PATH) && a.url.contains(QUESTION)) {
        let pairs = !answer.url.contains("/stock/");
        let entries: Listed<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        let entries = sound::<Entry<'_>>(&entries, instruments)?;
        for entry in &entries {
            let name = if pairs {
                match entry.display_symbol.as_deref().and_then(|shown| shown.split_once('/')) {
                    Some((base, quote)) => format!("{base}-{quote}"),
                    None => continue,
                }
            } else {
                entry.symbol.to_string()
            };
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

    fn check(path: &str, body: &str) -> (bool, Vec<String>) {
        let mut instruments = Instruments::new("FINNHUB", 10);
        let answer = RestAnswer { url: format!("https://finnhub.io{path}"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result.is_ok(), instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn stocks_keep_their_tickers_and_pairs_are_split_by_the_venue() {
        let stocks = r#"[{"currency":"USD","description":"APPLE INC","displaySymbol":"AAPL","mic":"XNAS","symbol":"AAPL","type":"Common Stock"}]"#;
        let names = vec!["AAPL FINNHUB:AAPL".to_owned()];
        assert_eq!(check("/api/v1/stock/symbol?exchange=US", stocks), (true, names));
        let pairs = r#"[{"description":"Binance BTCUSDT","displaySymbol":"BTC/USDT","symbol":"BINANCE:BTCUSDT"},{"symbol":"BINANCE:ODD"}]"#;
        let names = vec!["BINANCE:BTCUSDT FINNHUB:BTC-USDT".to_owned()];
        assert_eq!(check("/api/v1/crypto/symbol?exchange=binance", pairs), (true, names));
    }

    #[test]
    fn faults_are_told_and_other_answers_passed_over() {
        let path = "/api/v1/stock/symbol?exchange=US";
        assert!(!check(path, r#"{"error":"Invalid API key"}"#).0);
        assert_eq!(check("/api/v1/quote?symbol=AAPL", "<html>"), (true, vec![]));
    }
}
