//! `AssetPairs`: Kraken's pairs and what we call them.
//!
//! Only `wsname` (`XBT/USD`) is used. The REST names (`XXBTZUSD`, `XBTUSD`) have no mark between base and quote, and
//! cutting them would be a guess. Pairs without a `wsname` (the dark pools, `XBTUSD.d`) have no public WebSocket data
//! and are left out.

use std::collections::BTreeMap;

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Version;

/// The last part of the catalogue's URL, by which its answer is recognised among others.
pub(crate) const PATH: &str = "/0/public/AssetPairs";

/// Kraken's own codes for what everybody else calls otherwise. v1 says XBT and XDG, in `wsname` and on the wire; v2 says
/// BTC and DOGE on the wire.
const ALIASES: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    error: Vec<Text<'a>>,
    // Sorted by REST name, so that the same answer always gives the same ids.
    #[serde(borrow, default)]
    result: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow, default)]
    wsname: Option<Text<'a>>,
}

/// Adds every pair of every `AssetPairs` answer. Answers to other questions are passed over, and so are pairs beyond
/// the capacity of `instruments`.
pub(crate) fn read(
    answers: &[RestAnswer],
    version: Version,
    instruments: &mut Instruments,
) -> Result<(), CatalogueError> {
    let fitting = answers.iter().filter(|answer| answer.url.contains(PATH));
    for answer in fitting {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("AssetPairs is not as documented: {error}")))?;
        if let Some(error) = read.error.first() {
            return Err(CatalogueError(format!("AssetPairs was refused: {}", &**error)));
        }
        let pairs: Listed<'_> = read.result.into_values().collect();
        for pair in sound::<Pair<'_>>(&pairs, instruments)? {
            let Some((base, quote)) = pair.wsname.as_deref().and_then(|name| name.split_once('/')) else {
                continue;
            };
            let (base, quote) = (common(base), common(quote));
            let Ok(symbol) = Symbol::of_venue(instruments.venue(), &format!("{base}-{quote}")) else {
                continue;
            };
            match (version, pair.wsname.as_deref()) {
                (Version::V1, Some(wsname)) => instruments.add(wsname, symbol),
                _ => instruments.add(&format!("{base}/{quote}"), symbol),
            };
        }
    }
    Ok(())
}

/// The common code of a currency.
fn common(code: &str) -> &str {
    ALIASES.iter().find(|(kraken, _)| *kraken == code).map_or(code, |(_, common)| common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> RestAnswer {
        RestAnswer { url: format!("https://api.kraken.com{PATH}"), body: body.to_owned() }
    }

    const BODY: &str = r#"{"error":[],"result":{
        "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD"},
        "XXDGXXBT":{"altname":"XDGXBT","wsname":"XDG/XBT"},
        "AAVEAUD":{"altname":"AAVEAUD","wsname":"AAVE/AUD"},
        "XXBTZUSD.d":{"altname":"XBTUSD.d"}}}"#;

    fn names(version: Version) -> Vec<(String, String)> {
        let mut instruments = Instruments::new("KRAKEN", 10);
        read(&[answer(BODY)], version, &mut instruments).unwrap();
        instruments.iter().map(|(_, i)| (i.native.to_string(), i.symbol.as_str().to_owned())).collect()
    }

    #[test]
    fn each_version_has_its_own_native_names_for_the_same_symbols() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            names(Version::V1),
            [
                pair("AAVE/AUD", "KRAKEN:AAVE-AUD"),
                pair("XBT/USD", "KRAKEN:BTC-USD"),
                pair("XDG/XBT", "KRAKEN:DOGE-BTC")
            ]
        );
        assert_eq!(
            names(Version::V2),
            [
                pair("AAVE/AUD", "KRAKEN:AAVE-AUD"),
                pair("BTC/USD", "KRAKEN:BTC-USD"),
                pair("DOGE/BTC", "KRAKEN:DOGE-BTC")
            ]
        );
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        let mut instruments = Instruments::new("KRAKEN", 10);
        let mut check = |answer| read(&[answer], Version::V2, &mut instruments);
        let refused = check(answer(r#"{"error":["EGeneral:Too many requests"]}"#));
        assert_eq!(refused, Err(CatalogueError("AssetPairs was refused: EGeneral:Too many requests".into())));
        assert!(check(answer("<html>")).is_err());
        assert!(check(answer(r#"{"result":[]}"#)).is_err());
        assert_eq!(check(RestAnswer { url: "-".into(), body: "<html>".into() }), Ok(()));
        assert!(instruments.is_empty());
    }
}
