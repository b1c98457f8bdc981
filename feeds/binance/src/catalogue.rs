//! `exchangeInfo` to canonical names.
//!
//! | market | native | canonical |
//! |---|---|---|
//! | spot, US | `BTCUSDT` | `BTC-USDT` |
//! | USD-M, COIN-M perpetual | `BTCUSDT`, `BTCUSD_PERP` | `BTC-USDT-PERP`, `BTC-USD-PERP` |
//! | dated | `BTCUSD_210924` | `BTC-USD-20210924` |
//!
//! Base and quote come from the answer and are never cut out of the name. The day of a dated contract is the one in
//! its name; where there is none, its `deliveryDate`. Symbols that are not trading stay listed: their quotes go quiet,
//! their names do not go away. A name with letters that no canonical name can hold (there are Chinese ones) is left
//! out, because two of them could become the same.

use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::{Micros, Symbol};
use serde::Deserialize;

/// `deliveryDate` of contracts without an end: 2100-12-25.
const NEVER_MILLIS: i64 = 4_133_404_800_000;

#[derive(Deserialize)]
struct ExchangeInfo<'a> {
    #[serde(borrow)]
    symbols: Listed<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    symbol: String,
    base_asset: String,
    quote_asset: String,
    contract_type: Option<String>,
    delivery_date: Option<i64>,
}

/// Reads every `exchangeInfo` among the answers; others (book snapshots) are passed over.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    for answer in answers {
        let asked = answer.url.contains("exchangeInfo");
        match serde_json::from_str::<ExchangeInfo<'_>>(&answer.body) {
            Ok(info) => {
                let before = instruments.len();
                let entries = sound(&info.symbols, instruments)?;
                let read = entries.iter().filter(|entry| add(entry, instruments)).count();
                if read == 0 && instruments.len() == before {
                    return Err(CatalogueError(format!("{} lists no symbol", answer.url)));
                }
            }
            Err(error) if asked => {
                return Err(CatalogueError(format!("{} is not an exchangeInfo: {error}", answer.url)));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Adds one entry; `false` when it cannot be named or has no room.
fn add(listed: &Entry, instruments: &mut Instruments) -> bool {
    let Some(name) = canonical(listed) else { return false };
    let Ok(symbol) = Symbol::parse(&format!("{}:{name}", instruments.venue())) else { return false };
    instruments.add(&listed.symbol, symbol).is_some()
}

fn canonical(listed: &Entry) -> Option<String> {
    let pair = format!("{}-{}", listed.base_asset, listed.quote_asset);
    if listed.base_asset.is_empty() || listed.quote_asset.is_empty() {
        return None;
    }
    let Some(delivery) = listed.delivery_date else { return Some(pair) };
    let endless = listed.contract_type.as_deref().is_some_and(|kind| kind.contains("PERPETUAL"));
    let suffix = listed.symbol.rsplit_once('_').map(|(_, suffix)| suffix);
    Some(match suffix {
        Some(day) if day.len() == 6 && day.bytes().all(|b| b.is_ascii_digit()) => format!("{pair}-20{day}"),
        _ if endless || delivery >= NEVER_MILLIS => format!("{pair}-PERP"),
        _ => format!("{pair}-{}", day(Micros::from_millis(delivery))),
    })
}

/// `YYYYMMDD` of a moment, by the Gregorian calendar counted from a year that starts in March.
fn day(moment: Micros) -> String {
    let days = moment.get().div_euclid(86_400_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(symbol: &str, kind: &str, delivery: i64) -> Option<String> {
        canonical(&Entry {
            symbol: symbol.into(),
            base_asset: "BTC".into(),
            quote_asset: "USD".into(),
            contract_type: Some(kind.into()),
            delivery_date: Some(delivery),
        })
    }

    #[test]
    fn contracts_are_named_by_their_end() {
        assert_eq!(listed("BTCUSD_PERP", "PERPETUAL", NEVER_MILLIS).as_deref(), Some("BTC-USD-PERP"));
        assert_eq!(listed("BTCUSD", "TRADIFI_PERPETUAL", NEVER_MILLIS).as_deref(), Some("BTC-USD-PERP"));
        assert_eq!(listed("BTCUSD", "", NEVER_MILLIS).as_deref(), Some("BTC-USD-PERP"));
        assert_eq!(
            listed("BTCUSD_210924", "CURRENT_QUARTER", 1_632_470_400_000).as_deref(),
            Some("BTC-USD-20210924")
        );
        assert_eq!(listed("BTCQ", "CURRENT_QUARTER", 1_632_470_400_000).as_deref(), Some("BTC-USD-20210924"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (micros, text) in [
            (0, "19700101"),
            (951_782_400_000_000, "20000229"),
            (1_640_937_600_000_000, "20211231"),
            (4_133_404_800_000_000, "21001225"),
        ] {
            assert_eq!(day(Micros(micros)), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_or_passed_over() {
        let mut instruments = Instruments::new("BINANCE", 10);
        let answer = |url: &str, body: &str| RestAnswer { url: url.into(), body: body.into() };
        let one = r#"{"symbols":[{"symbol":"BTCUSDT","status":"BREAK","baseAsset":"BTC","quoteAsset":"USDT"},7,{"symbol":"币USDT","baseAsset":"币","quoteAsset":"USDT"}]}"#;
        let answers = [answer("-", r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#), answer("-", one)];
        assert_eq!(read(&answers, &mut instruments), Ok(()));
        let names: Vec<_> = instruments.iter().map(|(_, i)| i.symbol.to_string()).collect();
        assert_eq!(names, ["BINANCE:BTC-USDT"]);
        let limited = answer("https://x/api/v3/exchangeInfo", r#"{"code":-1003,"msg":"Too many requests"}"#);
        assert!(read(&[limited], &mut instruments).unwrap_err().0.contains("exchangeInfo"));
        let empty = answer("https://x/api/v3/exchangeInfo", r#"{"symbols":[]}"#);
        assert!(read(&[empty], &mut instruments).is_err());
    }
}
