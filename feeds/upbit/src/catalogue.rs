//! `market/all`: Upbit's markets and what we call them.
//!
//! `{"market":"KRW-BTC",..}` becomes `UPBIT:BTC-KRW`. The name is all that the catalogue tells of a market's currencies, and its
//! form is documented: quote currency, one hyphen, base currency. A name of any other form stays whole.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answer is recognised among others.
pub(crate) const PATH: &str = "/v1/market/all";

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    market: Text<'a>,
}

/// The canonical name without the venue.
pub(crate) fn name(market: &str) -> Option<String> {
    let (quote, base) = market.split_once('-')?;
    (!quote.is_empty() && !base.is_empty() && !base.contains('-')).then(|| format!("{base}-{quote}"))
}

/// Adds every market of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let entries: Listed<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("markets are not as documented: {error}")))?;
        let entries = sound::<Entry<'_>>(&entries, instruments)?;
        for entry in &entries {
            if let Some(Ok(symbol)) =
                name(&entry.market).map(|name| Symbol::of_venue(instruments.venue(), &name))
            {
                instruments.add(&entry.market, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, body: &str) -> (bool, Vec<String>) {
        let mut instruments = Instruments::new("UPBIT", 10);
        let answer = RestAnswer { url: url.to_owned(), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result.is_ok(), instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn the_quote_currency_stands_first_in_the_venues_name_and_last_in_ours() {
        let url = "https://api.upbit.com/v1/market/all?is_details=false";
        let body = r#"[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"},
            {"market":"BTC-FCT2"},{"market":"USDT-ETH","market_event":{"warning":false}},{"market":"ODD"},{"market":"A-B-C"}]"#;
        let names = ["KRW-BTC UPBIT:BTC-KRW", "BTC-FCT2 UPBIT:FCT2-BTC", "USDT-ETH UPBIT:ETH-USDT"];
        assert_eq!(check(url, body), (true, names.map(str::to_owned).to_vec()));
    }

    #[test]
    fn faults_are_told_and_other_answers_passed_over() {
        assert!(!check("https://api.upbit.com/v1/market/all", r#"{"error":{"name":"too_many"}}"#).0);
        assert_eq!(check("https://api.upbit.com/v1/orderbook", "<html>"), (true, vec![]));
    }
}
