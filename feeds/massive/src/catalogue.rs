//! `reference/tickers`: the stocks that Massive knows. The canonical name is the ticker: `MASSIVE:AAPL`, `MASSIVE:BRK.B`.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/v3/reference/tickers";

/// Path and query of every request: each first letter in two halves, because an answer holds 1,000 tickers at most, and no half
/// comes near that.
pub(crate) fn requests() -> impl Iterator<Item = String> {
    let mut bounds: Vec<String> =
        ('A'..='Z').flat_map(|letter| [format!("{letter}"), format!("{letter}M")]).collect();
    // The first character after the letters, in the order of the venue.
    bounds.push("[".to_owned());
    (1..bounds.len()).map(move |at| {
        let to = if bounds[at] == "[" { "%5B" } else { &bounds[at] };
        let from = &bounds[at - 1];
        format!("{PATH}?market=stocks&active=true&limit=1000&ticker.gte={from}&ticker.lt={to}")
    })
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<Text<'a>>,
    #[serde(borrow, default)]
    next_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    results: Listed<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    ticker: Text<'a>,
}

/// Adds every ticker of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("tickers are not as documented: {error}")))?;
        // Of a delayed plan the answer says `DELAYED`, which is as good.
        if let Some(status) = read.status.as_deref().filter(|status| !matches!(*status, "OK" | "DELAYED")) {
            let error = read.error.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("tickers were refused: {status} {error}")));
        }
        if read.next_url.is_some() {
            return Err(CatalogueError("an answer with tickers is full, so some are missing".to_owned()));
        }
        for entry in sound::<Entry<'_>>(&read.results, instruments)? {
            if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &entry.ticker) {
                instruments.add(&entry.ticker, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("MASSIVE", 10);
        let url = format!("https://api.massive.com{}", requests().next().unwrap());
        let result = read(&[RestAnswer { url, body: body.to_owned() }], &mut instruments);
        (result, instruments.iter().map(|(_, i)| i.symbol.to_string()).collect())
    }

    #[test]
    fn stocks_are_taken_under_their_tickers() {
        let body = r#"{"results":[{"ticker":"AAPL","name":"Apple Inc.","market":"stocks","active":true},{"ticker":"BRK.B"}],"status":"OK","count":2}"#;
        assert_eq!(check(body), (Ok(()), vec!["MASSIVE:AAPL".to_owned(), "MASSIVE:BRK.B".to_owned()]));
        assert_eq!(check(r#"{"status":"OK","count":0}"#), (Ok(()), vec![]), "a half without tickers");
    }

    #[test]
    fn faults_are_named_and_a_full_answer_is_one() {
        let refused = check(r#"{"status":"ERROR","error":"Unknown API Key"}"#).0.unwrap_err();
        assert_eq!(refused.0, "tickers were refused: ERROR Unknown API Key");
        assert!(check(r#"{"status":"OK","results":[],"next_url":"https://api.massive.com/x"}"#).0.is_err());
        assert!(check("<html>").0.is_err());
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut Instruments::new("MASSIVE", 1)), Ok(()));
    }

    #[test]
    fn the_requests_leave_no_ticker_out() {
        let all: Vec<String> = requests().collect();
        assert_eq!(all.len(), 52);
        let bound = |text: &str, name: &str| {
            text.split(&['?', '&'][..]).find_map(|part| part.strip_prefix(name)).unwrap().to_owned()
        };
        assert!(all.windows(2).all(|w| bound(&w[0], "ticker.lt=") == bound(&w[1], "ticker.gte=")));
        assert_eq!(
            (bound(&all[0], "ticker.gte="), bound(&all[51], "ticker.lt=")),
            ("A".into(), "%5B".into())
        );
    }
}
