//! `symbols`, `contracts` and their forms of v1: Bitget's instruments and what we call them.
//!
//! | kind | native | canonical name | from |
//! |---|---|---|---|
//! | spot | `BTCUSDT` | `BITGET:BTC-USDT` | `baseCoin`, `quoteCoin` |
//! | perpetual | `BTCUSDT`, `BTCUSD` | `BITGET_USDTM:BTC-USDT-PERP` | the same |
//! | dated | `BTCUSDU26` | `BITGET_COINM:BTC-USD-20260925` | the same, `deliveryTime` |
//!
//! An odd entry is left out and counted. `status` of a pair says that it is suspended (`offline`, `gray`, `halt`), `symbolStatus` of
//! a contract likewise (`listed`, `maintain`, `off`); with other words, or none, it is traded.
//!
//! A spot pair and a contract may have the same native name. v2 is asked for one of the two. A recording of v1 has both lists, and
//! only a message says which is meant: such names wait in [`Recorded`] until they are met.

use std::collections::{HashMap, HashSet};

use feed::json::{Number, Text};
use feed::listing::each_entry;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Spot.
pub(crate) const SPOT_PATH: &str = "/api/v2/spot/public/symbols";
/// Contracts.
pub(crate) const CONTRACTS_PATH: &str = "/api/v2/mix/market/contracts";

const SPOT_PATH_V1: &str = "/api/spot/v1/public/products";
const CONTRACTS_PATH_V1: &str = "/api/mix/v1/market/contracts";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow, default)]
    msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    /// The name without the kind, in v1's list of spot pairs.
    #[serde(borrow, default)]
    symbol_name: Option<Text<'a>>,
    #[serde(borrow)]
    base_coin: Text<'a>,
    #[serde(borrow)]
    quote_coin: Text<'a>,
    #[serde(borrow, default)]
    symbol_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    delivery_time: Option<Number<'a>>,
    /// Spot.
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    /// Contracts.
    #[serde(borrow, default)]
    symbol_status: Option<Text<'a>>,
}

impl Entry<'_> {
    /// The name in messages. v1 lists contracts as `BTCUSDT_UMCBL`, of which messages say what stands before the kind.
    fn native(&self) -> Option<&str> {
        let name = self.symbol_name.as_deref().unwrap_or(&self.symbol);
        match name.split_once('_') {
            None => Some(name),
            Some((native, "UMCBL" | "DMCBL" | "CMCBL")) => Some(native),
            Some(_) => None,
        }
    }

    fn is_suspended(&self) -> bool {
        matches!(self.status.as_deref(), Some("offline" | "gray" | "halt"))
            || matches!(self.symbol_status.as_deref(), Some("listed" | "maintain" | "off"))
    }

    /// The canonical name without the venue.
    fn name(&self, contract: bool) -> Option<String> {
        let (base, quote) = (&*self.base_coin, &*self.quote_coin);
        match self.symbol_type.as_deref() {
            _ if !contract => Some(format!("{base}-{quote}")),
            None | Some("perpetual") => Some(format!("{base}-{quote}-PERP")),
            Some("delivery") => {
                let millis = i64::try_from(self.delivery_time?.decimal().ok()??).ok()?;
                Some(format!("{base}-{quote}-{}", Micros::from_millis(millis).date8()?))
            }
            Some(_) => None,
        }
    }
}

/// Names of a recorded catalogue that mean two things: the spot pair first, then the contract.
#[derive(Debug, Default)]
pub struct Recorded(HashMap<Box<str>, [Option<Symbol>; 2]>);

impl Recorded {
    /// What the name means for a message of that kind.
    pub(crate) fn of(&self, native: &str, contract: bool) -> Option<&Symbol> {
        self.0.get(native)?[usize::from(contract)].as_ref()
    }
}

/// Adds every instrument of every answer of the session's kind. Of v1's lists, which only recordings have, the other kind is
/// added as well, and what has the same name in both is returned instead. Other answers are passed over. Returned are also those that
/// are suspended, by their native names.
pub(crate) fn read(
    answers: &[RestAnswer],
    contracts: bool,
    instruments: &mut Instruments,
) -> Result<(Recorded, HashSet<Box<str>>), CatalogueError> {
    let (mut recorded, mut suspended) = (Recorded::default(), HashSet::new());
    for answer in answers {
        let path = answer.url.split('?').next().unwrap_or_default();
        let (contract, is_recorded) = match path {
            path if path.ends_with(SPOT_PATH) => (false, false),
            path if path.ends_with(CONTRACTS_PATH) => (true, false),
            path if path.ends_with(SPOT_PATH_V1) => (false, true),
            path if path.ends_with(CONTRACTS_PATH_V1) => (true, true),
            _ => continue,
        };
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
        if &*read.code != "00000" {
            let msg = read.msg.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("symbols were refused: {} {msg}", &*read.code)));
        }
        if !is_recorded && contract != contracts {
            continue;
        }
        let entries = read.data.unwrap_or_default();
        each_entry(&entries, instruments, |entry: &Entry<'_>, instruments| {
            let (Some(native), Some(name)) = (entry.native(), entry.name(contract)) else { return false };
            let Ok(symbol) = Symbol::of_venue(instruments.venue(), &name) else { return false };
            if entry.is_suspended() {
                suspended.insert(native.into());
            }
            if is_recorded {
                recorded.0.entry(native.into()).or_default()[usize::from(contract)] = Some(symbol);
            } else {
                instruments.add(native, symbol);
            }
            true
        })?;
    }
    settle(&mut recorded, instruments);
    // Of a name that means two things it is not known which of them is suspended.
    suspended.retain(|native| !recorded.0.contains_key(native));
    Ok((recorded, suspended))
}

/// Adds what has one meaning, in the order of the names, and leaves the rest.
fn settle(recorded: &mut Recorded, instruments: &mut Instruments) {
    let mut plain: Vec<(Box<str>, Symbol)> = recorded
        .0
        .iter()
        .filter_map(|(native, meanings)| match meanings {
            [Some(symbol), None] | [None, Some(symbol)] => Some((native.clone(), symbol.clone())),
            _ => None,
        })
        .collect();
    plain.sort_by(|one, other| one.0.cmp(&other.0));
    for (native, symbol) in plain {
        recorded.0.remove(&native);
        instruments.add(&native, symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(contracts: bool, answers: &[(&str, &str)]) -> (Result<Recorded, CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("BITGET", 10);
        let answers: Vec<RestAnswer> = answers
            .iter()
            .map(|(path, body)| RestAnswer {
                url: format!("https://api.bitget.com{path}"),
                body: (*body).to_owned(),
            })
            .collect();
        let result = read(&answers, contracts, &mut instruments).map(|(recorded, _)| recorded);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    const SPOT: (&str, &str) = (
        SPOT_PATH,
        r#"{"code":"00000","msg":"success","data":[{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","status":"online"}]}"#,
    );
    const CONTRACTS: (&str, &str) = (
        "/api/v2/mix/market/contracts?productType=USDT-FUTURES",
        r#"{"code":"00000","msg":"success","data":[
            {"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","symbolType":"perpetual","deliveryTime":""},
            {"symbol":"1000BONKUSDT","baseCoin":"1000BONK","quoteCoin":"USDT","symbolType":"perpetual"},
            {"symbol":"BTCUSDU26","baseCoin":"BTC","quoteCoin":"USD","symbolType":"delivery","deliveryTime":"1790323200000"},
            {"symbol":"ODD","baseCoin":"A","quoteCoin":"B","symbolType":"else"}]}"#,
    );

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        assert_eq!(check(false, &[SPOT, CONTRACTS]).1, ["BTCUSDT BITGET:BTC-USDT"]);
        assert_eq!(
            check(true, &[SPOT, CONTRACTS]).1,
            [
                "BTCUSDT BITGET:BTC-USDT-PERP",
                "1000BONKUSDT BITGET:1000BONK-USDT-PERP",
                "BTCUSDU26 BITGET:BTC-USD-20260925"
            ]
        );
    }

    #[test]
    fn a_name_that_means_two_things_waits_for_a_message() {
        let spot = r#"{"code":"00000","data":[
            {"symbol":"UNIUSDT_SPBL","symbolName":"UNIUSDT","baseCoin":"UNI","quoteCoin":"USDT"},
            {"symbol":"CULTUSDT_SPBL","symbolName":"CULTUSDT","baseCoin":"CULT","quoteCoin":"USDT"}]}"#;
        let contracts = r#"{"code":"00000","data":[
            {"symbol":"UNIUSDT_UMCBL","baseCoin":"UNI","quoteCoin":"USDT"},
            {"symbol":"BTCUSD_DMCBL","baseCoin":"BTC","quoteCoin":"USD"},
            {"symbol":"BTCUSD_DMCBL_221230","baseCoin":"BTC","quoteCoin":"USD"}]}"#;
        let contracts_path = format!("{CONTRACTS_PATH_V1}?productType=umcbl");
        let (recorded, names) = check(false, &[(SPOT_PATH_V1, spot), (&contracts_path, contracts)]);
        assert_eq!(names, ["BTCUSD BITGET:BTC-USD-PERP", "CULTUSDT BITGET:CULT-USDT"]);
        let recorded = recorded.unwrap();
        let of = |contract| recorded.of("UNIUSDT", contract).map(ToString::to_string);
        assert_eq!(
            [of(false), of(true)],
            [Some("BITGET:UNI-USDT".to_owned()), Some("BITGET:UNI-USDT-PERP".to_owned())]
        );
        assert!(recorded.of("CULTUSDT", false).is_none(), "it is listed already");
    }

    #[test]
    fn an_odd_entry_keeps_no_other_one_out() {
        let entries =
            r#"{"symbol":"AB"},{"symbol":"CD","baseCoin":"C","quoteCoin":"D","status":"of a new kind"}"#;
        let body = format!(r#"{{"code":"00000","data":[{entries}]}}"#);
        let (result, names) = check(false, &[(SPOT_PATH, &body)]);
        assert!(result.is_ok());
        assert_eq!(names, ["CD BITGET:C-D"]);
        let body = r#"{"code":"00000","data":[{"symbol":"AB"}]}"#;
        assert!(check(false, &[(SPOT_PATH, body)]).0.is_err(), "nothing is of use");
    }

    #[test]
    fn suspended_instruments_are_known() {
        let suspended = |contracts, path: &str, key: &str, words: &[&str]| {
            let entries: Vec<String> = words
                .iter()
                .map(|word| {
                    format!(r#"{{"symbol":"{word}","baseCoin":"{word}","quoteCoin":"B","{key}":"{word}"}}"#)
                })
                .collect();
            let body = format!(r#"{{"code":"00000","data":[{}]}}"#, entries.join(","));
            let answer = RestAnswer { url: path.to_owned(), body };
            let (_, suspended) = read(&[answer], contracts, &mut Instruments::new("BITGET", 10)).unwrap();
            let mut names: Vec<_> = suspended.into_iter().map(String::from).collect();
            names.sort();
            names
        };
        let words = ["online", "offline", "gray", "halt", "else"];
        assert_eq!(suspended(false, SPOT_PATH, "status", &words), ["gray", "halt", "offline"]);
        let words = ["normal", "maintain", "off", "listed", "restrictedAPI"];
        assert_eq!(suspended(true, CONTRACTS_PATH, "symbolStatus", &words), ["listed", "maintain", "off"]);
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(false, &[(SPOT_PATH, r#"{"code":"429","msg":"Too Many Requests"}"#)]);
        assert_eq!(result.unwrap_err(), CatalogueError("symbols were refused: 429 Too Many Requests".into()));
        assert!(check(false, &[(SPOT_PATH, "<html>")]).0.is_err());
        let other = check(false, &[("/api/v2/spot/market/tickers", "<html>")]);
        assert!(other.0.is_ok() && other.1.is_empty(), "not an answer to our question");
    }
}
