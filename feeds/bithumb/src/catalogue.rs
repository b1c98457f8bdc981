//! Bithumb's markets and what we call them.
//!
//! | answer | native name | canonical name |
//! |---|---|---|
//! | `/v1/market/all` | `KRW-BTC` | `BITHUMB:BTC-KRW`: the name's documented form is quote currency, hyphen, base currency |
//! | `/public/ticker/ALL_KRW` (older interface) | `BTC_KRW` | `BITHUMB:BTC-KRW`: a key of the answer, and the currency that was asked for |

use std::collections::BTreeMap;

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The path of the current catalogue.
pub(crate) const PATH: &str = "/v1/market/all";
/// The path of the older one, up to the quote currency.
const OLD_PATH: &str = "/public/ticker/ALL_";
/// The one key of the older answer that is no currency.
const OLD_DATE: &str = "date";

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    market: Text<'a>,
}

#[derive(Deserialize)]
struct OldAnswer<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(default)]
    data: BTreeMap<String, IgnoredAny>,
}

fn add(instruments: &mut Instruments, native: &str, base: &str, quote: &str) {
    if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &format!("{base}-{quote}")) {
        instruments.add(native, symbol);
    }
}

/// Adds every market of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let fault = |error: serde_json::Error| CatalogueError(format!("markets are not as documented: {error}"));
    for answer in answers {
        if answer.url.contains(PATH) {
            let entries: Listed<'_> = serde_json::from_str(&answer.body).map_err(fault)?;
            for entry in sound::<Entry<'_>>(&entries, instruments)? {
                match entry.market.split_once('-') {
                    Some((quote, base)) if !quote.is_empty() && !base.is_empty() && !base.contains('-') => {
                        add(instruments, &entry.market, base, quote);
                    }
                    _ => {}
                }
            }
        } else if let Some((_, quote)) = answer.url.split_once(OLD_PATH) {
            let read: OldAnswer<'_> = serde_json::from_str(&answer.body).map_err(fault)?;
            if &*read.status != "0000" {
                return Err(CatalogueError(format!("markets were refused: {}", &*read.status)));
            }
            for base in read.data.keys().filter(|key| *key != OLD_DATE) {
                add(instruments, &format!("{base}_{quote}"), base, quote);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, body: &str) -> (bool, Vec<String>) {
        let mut instruments = Instruments::new("BITHUMB", 10);
        let answer = RestAnswer { url: url.to_owned(), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result.is_ok(), instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn both_catalogues_give_the_same_names() {
        let body = r#"[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"},{"market":"BTC-ETH"},{"market":"X"}]"#;
        let names = ["KRW-BTC BITHUMB:BTC-KRW", "BTC-ETH BITHUMB:ETH-BTC"].map(str::to_owned);
        assert_eq!(check("https://api.bithumb.com/v1/market/all", body), (true, names.to_vec()));
        let body = r#"{"status":"0000","data":{"ETH":{"opening_price":"0.07"},"date":"1622591000"}}"#;
        let names = ["ETH_BTC BITHUMB:ETH-BTC"].map(str::to_owned);
        assert_eq!(check("https://api.bithumb.com/public/ticker/ALL_BTC", body), (true, names.to_vec()));
    }

    #[test]
    fn faults_are_told_and_other_answers_passed_over() {
        assert!(!check("https://api.bithumb.com/v1/market/all", "<html>").0);
        assert!(!check("https://api.bithumb.com/public/ticker/ALL_KRW", r#"{"status":"5600"}"#).0);
        assert_eq!(check("https://api.bithumb.com/public/orderbook/BTC_KRW", "<html>"), (true, vec![]));
    }
}
