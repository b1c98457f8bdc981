//! The lists of `v2/conf`: Bitfinex's pairs and what we call them.
//!
//! | pair | canonical name | from |
//! |---|---|---|
//! | `BTCUSD` | `BITFINEX:BTC-USD` | two codes of three letters, both in the list of currencies |
//! | `AAVE:USD` | `BITFINEX:AAVE-USD` | two codes with a colon between |
//! | `BTCF0:USTF0` | `BITFINEX:BTC-USDT-PERP` | the list of futures; `F0` marks a perpetual's codes |
//!
//! A code is called by what `pub:map:currency:sym` maps it to (`DSH`: DASH), and `UST` is USDT where that list is missing.
//! One question may ask for several lists, separated by commas; the answer holds them in that order.

use std::collections::{HashMap, HashSet};

use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The path before the names of lists.
pub(crate) const PATH: &str = "/v2/conf/";
/// The lists that a session asks for, in one question.
pub(crate) const LISTS: &str =
    "pub:list:pair:exchange,pub:list:pair:futures,pub:list:currency,pub:map:currency:sym";

/// What all answers together say.
#[derive(Default)]
struct Lists {
    spot: Vec<String>,
    perpetual: Vec<String>,
    currencies: HashSet<String>,
    names: HashMap<String, String>,
}

fn read_list<'a, T: Deserialize<'a>>(list: &'a RawValue, what: &str) -> Result<T, CatalogueError> {
    serde_json::from_str(list.get())
        .map_err(|error| CatalogueError(format!("{what} is not as documented: {error}")))
}

impl Lists {
    fn of(answers: &[RestAnswer]) -> Result<Lists, CatalogueError> {
        let mut all = Lists::default();
        for answer in answers {
            let Some((_, names)) = answer.url.split_once(PATH) else { continue };
            let lists: Vec<&RawValue> = serde_json::from_str(&answer.body)
                .map_err(|error| CatalogueError(format!("lists are not as documented: {error}")))?;
            let names = names.split('?').next().unwrap_or_default();
            for (name, list) in names.split(',').zip(lists) {
                match name {
                    "pub:list:pair:exchange" => all.spot.extend(read_list::<Vec<String>>(list, name)?),
                    "pub:list:pair:futures" => all.perpetual.extend(read_list::<Vec<String>>(list, name)?),
                    "pub:list:currency" => all.currencies.extend(read_list::<Vec<String>>(list, name)?),
                    "pub:map:currency:sym" => {
                        all.names.extend(read_list::<Vec<(String, String)>>(list, name)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    /// The two codes of a pair; `None` when they are not what the venue lists.
    fn codes<'a>(&self, pair: &'a str) -> Option<(&'a str, &'a str)> {
        let codes = match pair.split_once(':') {
            Some(codes) => codes,
            None if pair.len() == 6 => pair.split_at_checked(3)?,
            None => return None,
        };
        let listed = |code: &str| self.currencies.is_empty() || self.currencies.contains(code);
        (listed(codes.0) && listed(codes.1)).then_some(codes)
    }

    /// What a currency is called.
    fn name(&self, code: &str) -> String {
        // Names with other characters (`LEO-EOS`) could not be told from two; such a code stays as it is.
        let plain =
            |name: &&String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match self.names.get(code).filter(plain) {
            Some(name) => name.to_ascii_uppercase(),
            None if code == "UST" => "USDT".to_owned(),
            None => code.to_owned(),
        }
    }
}

/// Adds every pair of every list. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let lists = Lists::of(answers)?;
    for (pairs, perpetual) in [(&lists.spot, false), (&lists.perpetual, true)] {
        for pair in pairs {
            let Some((base, quote)) = lists.codes(pair) else { continue };
            let name = if perpetual {
                let (Some(base), Some(quote)) = (base.strip_suffix("F0"), quote.strip_suffix("F0")) else {
                    continue;
                };
                format!("{}-{}-PERP", lists.name(base), lists.name(quote))
            } else {
                format!("{}-{}", lists.name(base), lists.name(quote))
            };
            if let Ok(symbol) = Symbol::of_venue(instruments.venue(), &name) {
                instruments.add(&format!("t{pair}"), symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[(&str, &str)]) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("BITFINEX", 20);
        let answers: Vec<RestAnswer> = answers
            .iter()
            .map(|(lists, body)| RestAnswer {
                url: format!("https://api-pub.bitfinex.com/v2/conf/{lists}"),
                body: (*body).to_owned(),
            })
            .collect();
        let result = read(&answers, &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_form_of_pair_has_its_name() {
        let body = r#"[["BTCUSD","DSHUST","AAVE:UST","TESTBTC:TESTUSD","XYZUSD"],["BTCF0:USTF0","ALGF0:USTF0"],
            ["BTC","USD","DSH","UST","AAVE","TESTBTC","TESTUSD","BTCF0","USTF0","ALGF0","ALG"],
            [["DSH","DASH"],["UST","USDt"],["ALG","ALGO"],["LES","LEO-EOS"]]]"#;
        let (result, names) = check(&[(LISTS, body)]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "tBTCUSD BITFINEX:BTC-USD",
                "tDSHUST BITFINEX:DASH-USDT",
                "tAAVE:UST BITFINEX:AAVE-USDT",
                "tTESTBTC:TESTUSD BITFINEX:TESTBTC-TESTUSD",
                "tBTCF0:USTF0 BITFINEX:BTC-USDT-PERP",
                "tALGF0:USTF0 BITFINEX:ALGO-USDT-PERP"
            ],
            "XYZ is no currency of the venue"
        );
    }

    #[test]
    fn lists_may_come_one_by_one_and_without_names() {
        let (_, names) = check(&[
            ("pub:list:pair:exchange", r#"[["BTCUST"]]"#),
            ("pub:list:currency", r#"[["BTC","UST"]]"#),
        ]);
        assert_eq!(names, ["tBTCUST BITFINEX:BTC-USDT"]);
    }

    #[test]
    fn faults_are_named_and_other_answers_passed_over() {
        assert!(check(&[(LISTS, "<html>")]).0.is_err());
        let (result, _) = check(&[("pub:list:pair:exchange", "[5]")]);
        assert!(
            result.is_err_and(|error| error.0.starts_with("pub:list:pair:exchange is not as documented"))
        );
        let mut instruments = Instruments::new("BITFINEX", 1);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()));
    }
}
