//! `currency_pairs` and `contracts`: Gate's instruments and what we call them.
//!
//! | kind | native | canonical name | from |
//! |---|---|---|---|
//! | spot | `BTC_USDT` | `GATE:BTC-USDT` | `base`, `quote` |
//! | perpetual | `BTC_USDT` | `GATE_USDTM:BTC-USDT-PERP` | `name`, whose parts stand on both sides of its only `_` |
//! | dated | `BTC_USDT_20220624` | `GATE_USDTM:BTC-USDT-20220624` | `underlying` likewise, `expire_time` |
//!
//! An odd entry is left out and counted. `trade_status` of a pair says that it is suspended (`untradable`, `buyable`, `sellable`: who can
//! only buy or only sell finds nobody), `status` of a contract likewise (`prelaunch`, `circuit_breaker`, `delisted`); with other
//! words, or none, it is traded.
//!
//! Contracts have no fields for base and quote: the venue's documents spell the name as `BASE_QUOTE`. A name with more than one
//! `_` and no underlying is left out, and appears as it is when the venue speaks of it.
//!
//! Spot pairs and contracts have the same names, so a session reads its own kind; a recording without its own kind of
//! catalogue is read by the other.

use std::collections::HashSet;

use feed::json::{Number, Text};
use feed::listing::each_entry;
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Spot.
pub(crate) const SPOT_PATH: &str = "/api/v4/spot/currency_pairs";
/// Perpetuals settled in USDT.
pub(crate) const FUTURES_PATH: &str = "/api/v4/futures/usdt/contracts";

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    base: Text<'a>,
    #[serde(borrow)]
    quote: Text<'a>,
    #[serde(borrow, default)]
    trade_status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Contract<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    underlying: Option<Text<'a>>,
    #[serde(borrow, default)]
    expire_time: Option<Number<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
}

/// One entry of a list.
trait Listed {
    /// The name in messages.
    fn native(&self) -> &str;
    /// The canonical name without the venue.
    fn canonical(&self) -> Option<String>;
    fn is_suspended(&self) -> bool;
}

impl Listed for Pair<'_> {
    fn native(&self) -> &str {
        &self.id
    }

    fn canonical(&self) -> Option<String> {
        Some(format!("{}-{}", &*self.base, &*self.quote))
    }

    fn is_suspended(&self) -> bool {
        matches!(self.trade_status.as_deref(), Some("untradable" | "buyable" | "sellable"))
    }
}

impl Listed for Contract<'_> {
    fn native(&self) -> &str {
        &self.name
    }

    fn is_suspended(&self) -> bool {
        matches!(self.status.as_deref(), Some("prelaunch" | "circuit_breaker" | "delisted"))
    }

    fn canonical(&self) -> Option<String> {
        let of = self.underlying.as_deref().unwrap_or(&self.name);
        let (base, quote) = of.split_once('_').filter(|(_, quote)| !quote.contains('_'))?;
        match (&self.underlying, self.expire_time) {
            (None, None) => Some(format!("{base}-{quote}-PERP")),
            (_, None) => None,
            (_, Some(seconds)) => {
                let seconds = i64::try_from(seconds.decimal().ok()??).ok()?;
                let day = Micros::from_millis(seconds.checked_mul(1_000)?).date8()?;
                Some(format!("{base}-{quote}-{day}"))
            }
        }
    }
}

fn is_spot(answer: &RestAnswer) -> bool {
    answer.url.split('?').next().unwrap_or_default().ends_with("/spot/currency_pairs")
}

fn is_futures(answer: &RestAnswer) -> bool {
    let path = answer.url.split('?').next().unwrap_or_default();
    path.ends_with("/contracts") && (path.contains("/futures/") || path.contains("/delivery/"))
}

/// Adds every instrument of every answer of the session's kind, or of the other where there is none of its own. Other
/// answers are passed over. Returns those that are suspended, by their native names.
pub(crate) fn read(
    answers: &[RestAnswer],
    futures: bool,
    instruments: &mut Instruments,
) -> Result<HashSet<Box<str>>, CatalogueError> {
    let mut suspended = HashSet::new();
    let of_futures =
        if answers.iter().any(if futures { is_futures } else { is_spot }) { futures } else { !futures };
    for answer in answers {
        if !of_futures && is_spot(answer) {
            add::<Pair<'_>>(&answer.body, instruments, &mut suspended)?;
        } else if of_futures && is_futures(answer) {
            add::<Contract<'_>>(&answer.body, instruments, &mut suspended)?;
        }
    }
    Ok(suspended)
}

fn add<'a, T: Listed + Deserialize<'a>>(
    body: &'a str,
    instruments: &mut Instruments,
    suspended: &mut HashSet<Box<str>>,
) -> Result<(), CatalogueError> {
    let entries: Vec<&RawValue> = serde_json::from_str(body)
        .map_err(|error| CatalogueError(format!("symbols are not as documented: {error}")))?;
    each_entry(&entries, instruments, |entry: &T, instruments| {
        let symbol = entry.canonical().and_then(|name| Symbol::of_venue(instruments.venue(), &name).ok());
        if entry.is_suspended() && symbol.is_some() {
            suspended.insert(entry.native().into());
        }
        symbol.map(|symbol| instruments.add(entry.native(), symbol)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(futures: bool, answers: &[(&str, &str)]) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("GATE", 10);
        let answers: Vec<RestAnswer> = answers
            .iter()
            .map(|(path, body)| RestAnswer {
                url: format!("https://api.gateio.ws{path}"),
                body: (*body).to_owned(),
            })
            .collect();
        let result = read(&answers, futures, &mut instruments).map(drop);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    const SPOT: (&str, &str) = (
        SPOT_PATH,
        r#"[{"id":"QTUM3S_USDT","base":"QTUM3S","quote":"USDT","fee":"0.2","trade_status":"tradable"}]"#,
    );
    const FUTURES: (&str, &str) = (
        FUTURES_PATH,
        r#"[{"name":"BTC_USDT","type":"direct","quanto_multiplier":"0.0001"},{"name":"A_B_USDT"}]"#,
    );

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        assert_eq!(check(false, &[FUTURES, SPOT]).1, ["QTUM3S_USDT GATE:QTUM3S-USDT"]);
        assert_eq!(check(true, &[FUTURES, SPOT]).1, ["BTC_USDT GATE:BTC-USDT-PERP"]);
        assert_eq!(check(false, &[FUTURES]).1, ["BTC_USDT GATE:BTC-USDT-PERP"], "nothing of its own kind");
        let dated = r#"[{"name":"BTC_USDT_20220624","underlying":"BTC_USDT","expire_time":1656057600,"cycle":"QUARTERLY"}]"#;
        let (result, names) = check(true, &[("/api/v4/delivery/usdt/contracts", dated)]);
        assert_eq!((result, names), (Ok(()), vec!["BTC_USDT_20220624 GATE:BTC-USDT-20220624".to_owned()]));
    }

    #[test]
    fn an_odd_entry_keeps_no_other_one_out() {
        let body = r#"[{"id":"A_B"},{"id":"C_D","base":"C","quote":"D","trade_status":"of a new kind"},7]"#;
        assert_eq!(check(false, &[(SPOT_PATH, body)]), (Ok(()), vec!["C_D GATE:C-D".to_owned()]));
        assert!(check(false, &[(SPOT_PATH, r#"[{"id":"A_B"}]"#)]).0.is_err(), "nothing is of use");
    }

    #[test]
    fn suspended_instruments_are_known() {
        let suspended = |futures, path: &str, body: &str| {
            let answer = RestAnswer { url: path.to_owned(), body: body.to_owned() };
            let mut names: Vec<_> = read(&[answer], futures, &mut Instruments::new("GATE", 10))
                .unwrap()
                .into_iter()
                .map(String::from)
                .collect();
            names.sort();
            names
        };
        let spot = ["tradable", "untradable", "buyable", "sellable", "else"].map(|word| {
            format!(r#"{{"id":"{word}_B","base":"{word}","quote":"B","trade_status":"{word}"}}"#)
        });
        let body = format!(r#"[{},{{"id":"A_B","base":"A","quote":"B"}}]"#, spot.join(","));
        assert_eq!(suspended(false, SPOT_PATH, &body), ["buyable_B", "sellable_B", "untradable_B"]);
        let futures = ["trading", "delisting", "prelaunch", "circuitbreaker"]
            .map(|word| format!(r#"{{"name":"{word}_USDT","status":"{word}"}}"#))
            .join(",")
            .replace(r#"status":"circuitbreaker"#, r#"status":"circuit_breaker"#);
        let futures = format!("[{futures}]");
        assert_eq!(suspended(true, FUTURES_PATH, &futures), ["circuitbreaker_USDT", "prelaunch_USDT"]);
    }

    #[test]
    fn faults_are_named() {
        assert!(check(false, &[(SPOT_PATH, r#"{"label":"TOO_MANY_REQUESTS","message":"x"}"#)]).0.is_err());
        assert!(check(true, &[(FUTURES_PATH, "<html>")]).0.is_err());
        let book = ("/api/v4/spot/order_book?currency_pair=A_B", "<html>");
        assert_eq!(check(false, &[book]), (Ok(()), Vec::new()), "not an answer to our question");
    }
}
