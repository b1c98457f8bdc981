//! `/v1/symbols`: the names that the upstream serves, which are canonical already.

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/v1/symbols";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    symbols: Listed<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
}

/// The symbol of a name, unless it is a composite.
pub(crate) fn symbol(name: &str) -> Option<Symbol> {
    Symbol::parse(name).ok().filter(|symbol| symbol.venue().is_some())
}

/// Adds every symbol of every answer that is no composite. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        let entries = sound::<Entry<'_>>(&read.symbols, instruments)?;
        for symbol in entries.iter().filter_map(|entry| symbol(&entry.symbol)) {
            instruments.add(symbol.as_str(), symbol.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_over_and_composites_are_not() {
        let body = r#"{"symbols":[{"symbol":"KRAKEN:BTC-USD","status":"live"},{"symbol":"BTC-USD","status":"live"},
            {"symbol":"no symbol"},{"symbol":"IEX:BRK.B","new":1}],"total":4}"#;
        let answer =
            RestAnswer { url: "http://127.0.0.1:8080/v1/symbols?limit=1000".into(), body: body.into() };
        let mut instruments = Instruments::new("UPSTREAM", 10);
        assert_eq!(read(&[answer], &mut instruments), Ok(()));
        let names: Vec<String> =
            instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect();
        assert_eq!(names, ["KRAKEN:BTC-USD KRAKEN:BTC-USD", "IEX:BRK.B IEX:BRK.B"]);
        let broken = RestAnswer { url: PATH.into(), body: "<html>".into() };
        assert!(read(&[broken], &mut instruments).is_err());
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
