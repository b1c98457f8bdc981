//! Single v2 frames: each kind of message and each oddity.

use feed::Instruments;
use market::{Status, Symbol};

use super::*;

struct Check {
    decoder: V2,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("KRAKEN", 4);
        instruments.add("BTC/USD", Symbol::parse("KRAKEN:BTC-USD").unwrap());
        instruments.close();
        Check { decoder: V2::new(10), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// A number that was told: `None` when it was not, empty when it was told absent.
    fn told(&self, at: usize, field: Field) -> Option<String> {
        let (_, update) = self.batch.updates.get(at)?;
        let number = || update.values().number(field).map(|n| n.to_string()).unwrap_or_default();
        update.told().contains(field).then(number)
    }

    fn book(&mut self, kind: &str, bids: &str, checksum: u32) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[],"checksum":{checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}"#
        ))
    }
}

const TICKER: &str = r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"volume":163.28908096,"vwap":105904.39279,"low":104711.00,"high":106613.10,"change":250.00,"change_pct":0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#;
const TRADES: &str = r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":105910.50,"qty":0.00012460,"ord_type":"market","trade_id":10218209,"timestamp":"2023-10-06T17:35:56.123456Z"},{"symbol":"BTC/USD","side":"buy","price":105944.20,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
/// One bid, and the CRC32 of its digits `105944213600000`.
const BID: &str = r#"{"price":1059442.0,"qty":0.13600000}"#;

fn crc(digits: &str) -> u32 {
    crc32fast::hash(digits.as_bytes())
}

#[test]
fn a_ticker_tells_top_last_figures_and_an_open_from_the_change() {
    let mut check = Check::new();
    assert_eq!(check.give(TICKER), Ok("ticker:snapshot"));
    for (field, text) in [
        (Field::Bid, "105944.20"),
        (Field::BidSize, "2.5"),
        (Field::Ask, "105944.30"),
        (Field::AskSize, "3.2"),
        (Field::Last, "105899.40"),
        (Field::LastSize, ""),
        (Field::Open24h, "105649.40"),
        (Field::High24h, "106613.10"),
        (Field::Low24h, "104711.00"),
        (Field::Volume24h, "163.28908096"),
    ] {
        assert_eq!(check.told(0, field).as_deref(), Some(text), "{}", field.name());
    }
    let (_, update) = &check.batch.updates[0];
    assert_eq!(update.ts_event, None, "a trade from before it may come after it");
    assert!(update.snapshot && update.source == Source::Ticker);
    assert_eq!(check.told(0, Field::QuoteVolume24h), None, "Kraken has none");
}

#[test]
fn all_zeros_and_a_time_of_1970_are_nothing() {
    let mut check = Check::new();
    let text = r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":0.0,"bid_qty":0.0,"ask":0.0,"ask_qty":0.0,"last":0.0,"volume":0.0,"low":0.0,"high":0.0,"change":0.0,"timestamp":"1970-01-01T00:00:00.000000Z"}]}"#;
    assert_eq!(check.give(text), Ok("ticker:update"));
    for field in
        [Field::Bid, Field::BidSize, Field::Ask, Field::Last, Field::Open24h, Field::High24h, Field::Low24h]
    {
        assert_eq!(check.told(0, field).as_deref(), Some(""), "{}", field.name());
    }
    assert_eq!(check.told(0, Field::Volume24h).as_deref(), Some("0.0"), "no trade is a volume of zero");
    assert_eq!(check.batch.updates[0].1.ts_event, None);
}

#[test]
fn missing_says_nothing_null_says_absent_and_bad_is_counted() {
    let mut check = Check::new();
    check.give(r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":null,"bid_qty":null,"last":true,"high":1.5E+3,"low":"","change":1}]}"#).unwrap();
    assert_eq!(check.told(0, Field::Bid).as_deref(), Some(""));
    assert_eq!(check.told(0, Field::Ask), None);
    assert_eq!(check.told(0, Field::Last), None);
    assert_eq!(check.told(0, Field::Open24h), None, "no open without a last");
    assert_eq!(check.told(0, Field::High24h).as_deref(), Some("1500"), "an exponent is a number");
    assert_eq!(check.told(0, Field::Low24h).as_deref(), Some(""));
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
}

#[test]
fn trades_are_told_by_their_ids_and_silence_the_ticker_s_last() {
    let mut check = Check::new();
    assert_eq!(check.give(TRADES), Ok("trade:update"));
    assert_eq!(check.told(0, Field::Last).as_deref(), Some("105944.20"), "the lower id first");
    assert_eq!(check.told(1, Field::LastSize).as_deref(), Some("0.00012460"));
    let (_, update) = &check.batch.updates[1];
    assert_eq!((update.values().side(), update.source), (Some(Side::Sell), Source::Direct));
    check.give(TICKER).unwrap();
    assert_eq!(check.told(0, Field::Last), None);
}

/// A ticker's time is when it was made: a trade of a moment before it that comes after it is no older than its last price.
#[test]
fn a_trade_that_comes_after_a_ticker_is_not_older_than_it() {
    let mut check = Check::new();
    check.give(TICKER).unwrap();
    assert!(check.told(0, Field::Last).is_some() && check.batch.updates[0].1.ts_event.is_none());
    let before = "2022-12-25T09:30:59.123455Z";
    check.give(&TRADES.replace("2023-10-06T17:35:55.440295Z", before)).unwrap();
    let (_, trade) = &check.batch.updates[0];
    assert_eq!((trade.ts_event, trade.source), (Micros::parse_iso(before), Source::Direct));
    check.give(TICKER).unwrap();
    let made = Micros::parse_iso("2022-12-25T09:30:59.123456Z");
    assert_eq!(check.batch.updates[0].1.ts_event, made, "without a last price the time is of use");
}

#[test]
fn a_snapshot_of_trades_is_history() {
    let mut check = Check::new();
    assert_eq!(check.give(&TRADES.replace("update", "snapshot")), Ok("trade:snapshot"));
    assert!(check.batch.updates.iter().all(|(_, update)| update.source == Source::History));
    check.give(TICKER).unwrap();
    assert_eq!(
        check.told(0, Field::Last).as_deref(),
        Some("105899.40"),
        "history does not silence the ticker"
    );
}

#[test]
fn trailing_zeros_that_a_json_writer_took_are_put_back_for_the_checksum_only() {
    let mut check = Check::new();
    assert_eq!(check.book("snapshot", BID, crc("1059442013600000")), Ok("book:snapshot"));
    assert_eq!(check.told(0, Field::Bid).as_deref(), Some("1059442.0"));
    assert_eq!(check.told(0, Field::Ask).as_deref(), Some(""), "an empty side is told");
    let shortened = r#"{"price":1059442.0,"qty":4.0}"#;
    assert_eq!(check.book("update", shortened, crc("10594420400000000")), Ok("book:update"));
    assert_eq!(check.told(0, Field::BidSize).as_deref(), Some("4.0"), "told as it came");
    assert_eq!(check.decoder.checksums_matched(), 2);
}

#[test]
fn a_wrong_checksum_makes_the_symbol_suspect_and_asks_again() {
    let mut check = Check::new();
    let good = crc("1059442013600000");
    check.book("snapshot", BID, good).unwrap();
    assert_eq!(check.book("update", BID, good ^ 1), Ok("book:update"));
    assert_eq!(check.batch.updates.len(), 1);
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Checksum)));
    assert_eq!(
        check.batch.replies,
        [
            r#"{"method":"unsubscribe","params":{"channel":"book","depth":10,"symbol":["BTC/USD"]}}"#,
            r#"{"method":"subscribe","params":{"channel":"book","depth":10,"snapshot":true,"symbol":["BTC/USD"]}}"#
        ]
    );
    check.book("update", BID, good).unwrap();
    assert_eq!(
        (check.batch.updates.len(), check.batch.ignored.as_slice()),
        (0, &[Ignored::BeforeSnapshot][..])
    );
    check.give(TICKER).unwrap();
    assert_eq!(check.told(0, Field::Bid).as_deref(), Some("105944.20"), "meanwhile the ticker tells the top");
    check.book("snapshot", BID, good).unwrap();
    assert!(check.batch.updates[0].1.snapshot);
    check.give(TICKER).unwrap();
    assert_eq!(check.told(0, Field::Bid), None, "the book tells it again");
}

#[test]
fn a_snapshot_that_does_not_match_is_not_believed() {
    let mut check = Check::new();
    for _ in 0..feed::book::LOSSES_MAX {
        assert_eq!(check.book("snapshot", BID, 1), Ok("book:snapshot"));
        assert_eq!(check.told(0, Field::Bid), None);
    }
    assert_eq!(check.book("snapshot", BID, 1), Err(DecodeError::Reconnect(Reason::Checksum)));
}

#[test]
fn an_unreadable_level_is_a_gap() {
    let mut check = Check::new();
    check.book("snapshot", BID, crc("1059442013600000")).unwrap();
    check.book("update", r#"{"price":"x","qty":1}"#, 1).unwrap();
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Gap)));
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
}

#[test]
fn answers_are_named_and_refusals_told() {
    let mut check = Check::new();
    let ack = r#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z","req_id":1}"#;
    assert_eq!((check.give(ack), check.batch.refused.len()), (Ok("subscribe"), 0));
    let refused = r#"{"error":"Currency pair not supported BTC/USD","method":"subscribe","success":false,"symbol":"BTC/USD","time_in":"2023-09-25T09:04:31.742599Z"}"#;
    assert_eq!(check.give(refused), Ok("subscribe"));
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(0)), "Currency pair not supported BTC/USD".to_owned())]
    );
    assert_eq!(check.give(r#"{"error":"Method field must be a string","success":false}"#), Ok("error"));
    assert_eq!(check.batch.refused.len(), 1);
    let late = r#"{"error":"Subscription not found","method":"unsubscribe","success":false}"#;
    assert_eq!(
        (check.give(late), check.batch.refused.len()),
        (Ok("unsubscribe"), 0),
        "no subscription was refused"
    );
    assert_eq!(check.give(r#"{"method":"pong","req_id":42}"#), Ok("pong"));
    assert_eq!(check.give(r#"{"channel":"heartbeat"}"#), Ok("heartbeat"));
    let status = r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":1,"system":"online","version":"2.0.0"}]}"#;
    assert_eq!(check.give(status), Ok("status:update"));
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.give(&TICKER.replace("BTC/USD", "FOO/BAR")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    for (channel, kind) in
        [("ohlc", "ohlc:snapshot"), ("instrument", "instrument:snapshot"), ("level3", "other")]
    {
        assert_eq!(check.give(&TICKER.replace("ticker", channel)), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"channel":7}"#,
        r#"{"channel":"ticker"}"#,
        r#"{"channel":"ticker","data":{}}"#,
        r#"{"channel":"ticker","data":[{"bid":1}]}"#,
        r#"{"channel":"book","data":[{"symbol":"BTC/USD","bids":[5]}]}"#,
        r#"{"channel":"book","data":[{"symbol":"BTC/USD","bids":[],"checksum":-1}]}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    assert_eq!(check.give(TICKER), Ok("ticker:snapshot"));
}
