//! `instruments-info`: Bybit's instruments and what we call them.
//!
//! | `contractType` | native | canonical name | from |
//! |---|---|---|---|
//! | none (spot) | `BTCUSDT` | `BYBIT:BTC-USDT` | `baseCoin`, `quoteCoin` |
//! | `LinearPerpetual`, `InversePerpetual` | `BTCUSDT`, `BTCPERP`, `BTCUSD` | `BYBIT_LINEAR:BTC-USDT-PERP`, `..:BTC-USDC-PERP` | the same |
//! | `LinearFutures`, `InverseFutures` | `BTCUSDU23` | `BYBIT_INVERSE:BTC-USD-20230929` | the same, `deliveryTime` |
//!
//! `BTCPERP` is settled in USDC, and its `quoteCoin` says so.
//!
//! An answer holds at most 1,000 instruments; `nextPageCursor` of one that is not the last stands for the next page.

use feed::json::{Number, Text};
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/v5/market/instruments-info";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    ret_code: i64,
    #[serde(borrow, default)]
    ret_msg: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<Found<'a>>,
}

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow, default)]
    list: Listed<'a>,
}

/// The part of an answer that leads on.
#[derive(Deserialize)]
struct Leading<'a> {
    #[serde(borrow, default)]
    result: Option<Cursor<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cursor<'a> {
    #[serde(borrow, default)]
    next_page_cursor: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    base_coin: Text<'a>,
    #[serde(borrow)]
    quote_coin: Text<'a>,
    #[serde(borrow, default)]
    contract_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    delivery_time: Option<Number<'a>>,
}

impl Entry<'_> {
    /// The canonical name without the venue; `None` for kinds of contracts that are not known.
    fn name(&self) -> Option<String> {
        let (base, quote) = (&*self.base_coin, &*self.quote_coin);
        match self.contract_type.as_deref() {
            None => Some(format!("{base}-{quote}")),
            Some("LinearPerpetual" | "InversePerpetual") => Some(format!("{base}-{quote}-PERP")),
            Some("LinearFutures" | "InverseFutures") => {
                let millis = i64::try_from(self.delivery_time?.decimal().ok()??).ok()?;
                Some(format!("{base}-{quote}-{}", Micros::from_millis(millis).date8()?))
            }
            Some(_) => None,
        }
    }
}

/// The cursor of the page after the last answer, as it stands in a query; `None` after the last page.
pub(crate) fn next_page(answers: &[RestAnswer]) -> Option<String> {
    let last = answers.iter().rfind(|answer| answer.url.contains(PATH))?;
    let read: Leading<'_> = serde_json::from_str(&last.body).ok()?;
    let cursor = read.result?.next_page_cursor.filter(|cursor| !cursor.is_empty())?;
    // The venue gives it in the form of a query already (`first%3D..%26last%3D..`) and takes it back so; anything else is escaped.
    let mut text = String::with_capacity(cursor.len());
    for byte in cursor.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(text)
}

/// Adds every instrument of every answer. Answers to other questions are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers.iter().filter(|answer| answer.url.contains(PATH)) {
        let read: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("instruments-info is not as documented: {error}")))?;
        if read.ret_code != 0 {
            let words = read.ret_msg.as_deref().unwrap_or_default();
            return Err(CatalogueError(format!("instruments-info was refused: {} {words}", read.ret_code)));
        }
        let list = read.result.map(|found| found.list).unwrap_or_default();
        for entry in sound::<Entry<'_>>(&list, instruments)? {
            if let Some(Ok(symbol)) = entry.name().map(|name| Symbol::of_venue(instruments.venue(), &name)) {
                instruments.add(&entry.symbol, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("BYBIT", 10);
        let answer =
            RestAnswer { url: format!("https://api.bybit.com{PATH}?category=x"), body: body.to_owned() };
        let result = read(&[answer], &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_instrument_has_its_form() {
        let body = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[
            {"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","innovation":"0","status":"Trading"},
            {"symbol":"1000PEPEUSDT","contractType":"LinearPerpetual","baseCoin":"1000PEPE","quoteCoin":"USDT","deliveryTime":"0"},
            {"symbol":"BTCPERP","contractType":"LinearPerpetual","baseCoin":"BTC","quoteCoin":"USDC"},
            {"symbol":"BTCUSDU23","contractType":"InverseFutures","baseCoin":"BTC","quoteCoin":"USD","deliveryTime":"1695974400000"},
            {"symbol":"ODD","contractType":"Spread","baseCoin":"A","quoteCoin":"B"}],"nextPageCursor":""},"time":1}"#;
        let (result, names) = check(body);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "BTCUSDT BYBIT:BTC-USDT",
                "1000PEPEUSDT BYBIT:1000PEPE-USDT-PERP",
                "BTCPERP BYBIT:BTC-USDC-PERP",
                "BTCUSDU23 BYBIT:BTC-USD-20230929"
            ]
        );
    }

    #[test]
    fn a_cursor_leads_to_the_next_page_until_it_is_empty() {
        let answer = |cursor: &str| RestAnswer {
            url: format!("https://api.bybit.com{PATH}?category=linear&limit=1000"),
            body: format!(r#"{{"retCode":0,"result":{{"list":[],"nextPageCursor":{cursor}}}}}"#),
        };
        let check = |cursor: &str| next_page(&[answer("\"old\""), answer(cursor)]);
        assert_eq!(check(r#""first%3D1%26last%3D500""#).as_deref(), Some("first%3D1%26last%3D500"));
        assert_eq!(check(r#""a=b&c d#é""#).as_deref(), Some("a%3Db%26c%20d%23%C3%A9"));
        for last in ["\"\"", "null", "7"] {
            assert_eq!(check(last), None, "{last}");
        }
        assert_eq!(next_page(&[RestAnswer { url: "-".into(), body: "{}".into() }]), None);
    }

    #[test]
    fn faults_are_named() {
        let (result, _) = check(r#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#);
        assert_eq!(
            result,
            Err(CatalogueError("instruments-info was refused: 10006 Too many visits!".into()))
        );
        assert!(check("<html>").0.is_err());
        let mut instruments = Instruments::new("BYBIT", 1);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
