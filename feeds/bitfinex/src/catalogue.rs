//! The lists of `v2/conf`: Bitfinex's pairs and what we call them.
//!
//! | pair | canonical name | from |
//! |---|---|---|
//! | `BTCUSD` | `BITFINEX:BTC-USD` | two codes of three letters, both in the list of currencies |
//! | `AAVE:USD` | `BITFINEX:AAVE-USD` | two codes with a colon between |
//! | `BTCF0:USTF0` | `BITFINEX:BTC-USDT-PERP` | the list of futures; `F0` marks a perpetual's codes |
//!
//! A code is called by what `pub:map:currency:sym` maps it to (`DSH`: DASH), and `UST` is USDT where that list is missing.
//! An odd entry of a list is left out and counted, and so is a pair of codes that are not in the list of currencies. One question may ask for several lists, separated by commas; the answer holds them in that order.

use std::collections::{HashMap, HashSet};

use feed::listing::each_entry;
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

/// Adds every entry of a list to `all`.
fn read_list<'a, T: Deserialize<'a> + Clone>(
    list: &'a RawValue,
    what: &str,
    instruments: &mut Instruments,
    all: &mut impl Extend<T>,
) -> Result<(), CatalogueError> {
    let odd = |error: String| CatalogueError(format!("{what} is not as documented: {error}"));
    let entries: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|error| odd(error.to_string()))?;
    each_entry(&entries, instruments, |entry: &T, _| {
        all.extend([entry.clone()]);
        true
    })
    .map_err(|error| odd(error.0))
}

impl Lists {
    fn of(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<Lists, CatalogueError> {
        let mut all = Lists::default();
        for answer in answers {
            let Some((_, names)) = answer.url.split_once(PATH) else { continue };
            let lists: Vec<&RawValue> = serde_json::from_str(&answer.body)
                .map_err(|error| CatalogueError(format!("lists are not as documented: {error}")))?;
            let names = names.split('?').next().unwrap_or_default();
            for (name, list) in names.split(',').zip(lists) {
                match name {
                    "pub:list:pair:exchange" => read_list(list, name, instruments, &mut all.spot)?,
                    "pub:list:pair:futures" => read_list(list, name, instruments, &mut all.perpetual)?,
                    "pub:list:currency" => read_list(list, name, instruments, &mut all.currencies)?,
                    "pub:map:currency:sym" => read_list(list, name, instruments, &mut all.names)?,
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    /// The canonical name of a pair without the venue.
    fn canonical(&self, pair: &str, perpetual: bool) -> Option<String> {
        let (base, quote) = self.codes(pair)?;
        if perpetual {
            let (base, quote) = (base.strip_suffix("F0")?, quote.strip_suffix("F0")?);
            Some(format!("{}-{}-PERP", self.name(base), self.name(quote)))
        } else {
            Some(format!("{}-{}", self.name(base), self.name(quote)))
        }
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
    let lists = Lists::of(answers, instruments)?;
    for (pairs, perpetual) in [(&lists.spot, false), (&lists.perpetual, true)] {
        for pair in pairs {
            let name = lists.canonical(pair, perpetual);
            match name.and_then(|name| Symbol::of_venue(instruments.venue(), &name).ok()) {
                Some(symbol) => drop(instruments.add(&format!("t{pair}"), symbol)),
                None => instruments.leave_out(pair),
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
    fn an_odd_entry_keeps_no_other_one_out() {
        let body = r#"[["BTCUSD",7,"NOPE"],[],["BTC",null,"USD"],[["DSH","DASH"],["UST"]]]"#;
        let mut known = Instruments::new("BITFINEX", 20);
        let answer = RestAnswer { url: format!("{PATH}{LISTS}"), body: body.to_owned() };
        assert_eq!(read(&[answer], &mut known), Ok(()));
        assert_eq!((known.len(), known.left_out()), (1, (4, "7")));
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
