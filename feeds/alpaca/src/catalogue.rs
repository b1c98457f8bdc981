//! `assets`: the stocks that Alpaca knows. The canonical name is the ticker: `ALPACA:AAPL`, `ALPACA:BRK.B`.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// Path and query of the catalogue.
pub(crate) const PATH: &str = "/v2/assets?status=active&asset_class=us_equity";

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow, default)]
    class: Option<Text<'a>>,
}

/// Adds every stock of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains("/v2/assets")) {
        let entries: Listed<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("assets are not as documented: {error}")))?;
        let entries = sound::<Entry<'_>>(&entries, instruments)?;
        for entry in entries.iter().filter(|entry| entry.class.as_deref().is_none_or(|c| c == "us_equity")) {
            if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &entry.symbol) {
                instruments.add(&entry.symbol, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stocks_are_taken_under_their_tickers() {
        let mut instruments = Instruments::new("ALPACA", 10);
        let body = r#"[{"id":"x","class":"us_equity","exchange":"NASDAQ","symbol":"AAPL","status":"active","tradable":true},
            {"class":"us_equity","symbol":"BRK.B"},{"class":"crypto","symbol":"BTC/USD"}]"#;
        let url = format!("https://paper-api.alpaca.markets{PATH}");
        let mut answers = vec![RestAnswer { url, body: body.to_owned() }];
        assert_eq!(read(&answers, &mut instruments), Ok(()));
        let names: Vec<String> = instruments.iter().map(|(_, i)| i.symbol.to_string()).collect();
        assert_eq!(names, ["ALPACA:AAPL", "ALPACA:BRK.B"]);
        answers[0].body = r#"{"code":40110000,"message":"request is not authorized"}"#.to_owned();
        assert!(read(&answers, &mut instruments).is_err());
        answers[0].url = "-".to_owned();
        assert_eq!(read(&answers, &mut instruments), Ok(()), "not an answer to our question");
    }
}
