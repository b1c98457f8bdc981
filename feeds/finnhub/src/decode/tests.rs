//! One test for each kind of message, over the examples of the documents.

use feed::Instruments;
use market::{Field, Symbol};

use super::*;

struct Read {
    kind: Result<&'static str, DecodeError>,
    batch: Batch,
}

impl Read {
    /// Last and its size of every update, absent ones as `-`.
    fn told(&self) -> Vec<String> {
        let text = |update: &Update, field: Field| {
            assert!(update.told().contains(field));
            update.values().number(field).map_or("-".to_owned(), |n| n.to_string())
        };
        let updates = self.batch.updates.iter().map(|(_, update)| update);
        updates.map(|u| format!("{} {}", text(u, Field::Last), text(u, Field::LastSize))).collect()
    }
}

fn read_one(text: &str) -> Read {
    let mut instruments = Instruments::new("FINNHUB", 10);
    for (native, name) in [("TSLA", "TSLA"), ("AAPL", "AAPL"), ("OANDA:EUR_USD", "EUR-USD")] {
        instruments.add(native, Symbol::of_venue("FINNHUB", name).unwrap());
    }
    instruments.close();
    let mut batch = Batch::new(instruments);
    let kind = Trades::new().decode(Frame::Text(text), Micros(7), &mut batch);
    Read { kind, batch }
}

const TRADES: &str = r#"{"data":[{"c":["1","8","24","12"],"p":122.1,"s":"TSLA","t":1672348887195,"v":1},{"c":["1","24","12"],"p":129.575,"s":"AAPL","t":1672348887785,"v":1}],"type":"trade"}"#;

#[test]
fn every_trade_of_a_message_is_told() {
    let read = read_one(TRADES);
    assert_eq!((read.kind.clone(), read.told()), (Ok("trade"), vec!["122.1 1".into(), "129.575 1".into()]));
    let (_, update) = &read.batch.updates[1];
    assert_eq!((update.source, update.values().side()), (Source::Direct, None));
    assert_eq!(update.ts_event, Some(Micros::from_millis(1_672_348_887_785)));
}

/// Trap: a volume of zero marks a price without a trade.
#[test]
fn trap_a_volume_of_zero_is_a_price_without_a_trade() {
    let text = r#"{"data":[{"p":1.0841,"s":"OANDA:EUR_USD","t":1672348887195,"v":0}],"type":"trade"}"#;
    assert_eq!(read_one(text).told(), ["1.0841 -"]);
    assert_eq!(read_one(&text.replace("\"v\":0", "\"v\":0.0")).told(), ["1.0841 -"]);
    assert_eq!(read_one(&text.replace("\"v\":0", "\"v\":null")).told(), Vec::<String>::new());
}

#[test]
fn pings_errors_and_news_tell_no_quote() {
    assert_eq!(read_one(r#"{"type":"ping"}"#).kind, Ok("ping"));
    let read = read_one(r#"{"type":"error","msg":"Subscribing to too many symbols"}"#);
    assert_eq!(read.batch.refused, [(None, "Subscribing to too many symbols".to_owned())]);
    let read = read_one(r#"{"type":"error","msg":"Invalid symbol TSLA"}"#);
    let id = read.batch.instruments.find("TSLA");
    assert_eq!(read.batch.refused, [(id, "Invalid symbol TSLA".to_owned())]);
    let read = read_one(r#"{"type":"news","data":[{"category":"company","headline":"x"}]}"#);
    assert_eq!((read.kind, read.batch.ignored), (Ok("other"), vec![Ignored::NotAQuote]));
    let read = read_one(&TRADES.replace("TSLA", "NOPE"));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (1, vec![Ignored::UnknownSymbol]));
}

#[test]
fn broken_frames_are_garbage_and_bad_numbers_counted() {
    for text in ["", "[]", "{}", r#"{"type":7}"#, r#"{"type":"trade","data":[1]}"#] {
        assert!(read_one(text).kind.is_err(), "{text}");
    }
    let read = read_one(&TRADES.replace("122.1", &"9".repeat(40)));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (1, vec![Ignored::BadNumber]));
    let read = read_one(&TRADES.replace("1672348887195", &"1".repeat(27)));
    assert_eq!((read.batch.updates.len(), read.batch.updates[0].1.ts_event), (2, None));
    let binary = Trades::new().decode(Frame::Binary(b"{}"), Micros(1), &mut read_one("{}").batch);
    assert!(binary.is_err());
    assert!(read_one(&format!(r#"{{"type":"trade","data":{}"#, "[".repeat(5_000))).kind.is_err());
}
