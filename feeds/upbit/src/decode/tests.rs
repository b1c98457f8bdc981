//! One test for each kind of message and each oddity, over messages as the venue sends them.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Read {
    kind: Result<&'static str, DecodeError>,
    batch: Batch,
}

impl Read {
    fn only(&self) -> &Update {
        assert_eq!(self.batch.updates.len(), 1, "{:?}", self.batch);
        &self.batch.updates[0].1
    }

    /// The told numbers in the order of the fields, absent ones as `-`.
    fn told(&self) -> String {
        let update = self.only();
        let fields = Field::NUMBER_FIELDS.into_iter().filter(|field| update.told().contains(*field));
        let text = |field: Field| update.values().number(field).map_or("-".to_owned(), |n| n.to_string());
        fields.map(|field| format!("{}={}", field.name(), text(field))).collect::<Vec<_>>().join(" ")
    }
}

fn read_with(decoder: &mut UpbitV1, frame: Frame<'_>) -> Read {
    let mut instruments = Instruments::new("UPBIT", 10);
    for (native, name) in [("KRW-BTC", "BTC-KRW"), ("KRW-LAMB", "LAMB-KRW"), ("BTC-ITAM", "ITAM-BTC")] {
        instruments.add(native, Symbol::of_venue("UPBIT", name).unwrap());
    }
    instruments.close();
    let mut batch = Batch::new(instruments);
    let kind = decoder.decode(frame, Micros(7), &mut batch);
    Read { kind, batch }
}

fn read_one(text: &str) -> Read {
    read_with(&mut UpbitV1::new(), Frame::Binary(text.as_bytes()))
}

const TRADE: &str = r#"{"ty":"trade","cd":"KRW-LAMB","tms":1618678262712,"td":"2021-04-17","ttm":"16:51:02","ttms":1618678262000,"tp":127.0,"tv":46.48838371,"ab":"BID","pcp":123.00000000,"c":"RISE","cp":4.00000000,"sid":1618678262000003,"st":"REALTIME"}"#;

/// Trap: binary frames hold JSON, and so may text frames. Seen in the session of 2021-04-17.
#[test]
fn trap_json_in_binary_frames() {
    for frame in [Frame::Binary(TRADE.as_bytes()), Frame::Text(TRADE)] {
        let read = read_with(&mut UpbitV1::new(), frame);
        assert_eq!(read.kind, Ok("trade"));
        assert_eq!(read.told(), "last=127.0 last_size=46.48838371");
        let update = read.only();
        assert_eq!((update.source, update.values().side()), (Source::Direct, Some(Side::Buy)));
        assert_eq!(update.ts_event, Some(Micros::from_millis(1_618_678_262_712)), "not cut to seconds");
    }
    let read = read_with(&mut UpbitV1::new(), Frame::Binary(&[0xff, 0xfe]));
    assert_eq!(read.kind, Err(DecodeError::Garbage("binary frame that is no text")));
}

/// Trap: numbers in scientific notation, small ones (`9.9E-7`, session of 2021-04-17) and large ones (`1.16539E8`, 2026).
#[test]
fn trap_scientific_notation() {
    let read = read_one(
        r#"{"ty":"orderbook","cd":"BTC-ITAM","tms":1618678269270,"tas":1E+2,"tbs":2,"obu":[{"ap":1E-6,"bp":9.9E-7,"as":355682.34086512,"bs":108475.03148717}]}"#,
    );
    assert_eq!(read.told(), "bid=0.00000099 bid_size=108475.03148717 ask=0.000001 ask_size=355682.34086512");
    let read = read_one(
        r#"{"type":"orderbook","code":"KRW-BTC","timestamp":1790134742106,"total_ask_size":2.5,"total_bid_size":1.6,"orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.00077720,"bid_size":0.08120946},{"ask_price":1.16542E8,"bid_price":1.16537E8,"ask_size":1,"bid_size":1}],"stream_type":"SNAPSHOT","level":0}"#,
    );
    assert_eq!(read.told(), "bid=116538000 bid_size=0.08120946 ask=116539000 ask_size=0.00077720");
    assert_eq!(read.only().source, Source::Book);
}

/// Zero is no order here: padding of a side with few of them, and a side without any.
#[test]
fn zero_levels_are_no_orders() {
    let read = read_one(
        r#"{"ty":"orderbook","cd":"BTC-ITAM","tms":1,"obu":[{"ap":0.00000689,"bp":0,"as":8.70827286,"bs":0},{"ap":0.0000069,"bp":0,"as":1,"bs":0}]}"#,
    );
    assert_eq!(read.told(), "bid=- bid_size=- ask=0.00000689 ask_size=8.70827286");
    let read = read_one(
        r#"{"ty":"orderbook","cd":"BTC-ITAM","tms":1,"obu":[{"ap":2,"bp":1,"as":0,"bs":4},{"ap":3,"bp":0,"as":5,"bs":0}]}"#,
    );
    assert_eq!(read.told(), "bid=1 bid_size=4 ask=3 ask_size=5", "no size is no order either");
    let read = read_one(r#"{"ty":"orderbook","cd":"BTC-ITAM","tms":1,"obu":[]}"#);
    assert_eq!(read.told(), "bid=- bid_size=- ask=- ask_size=-");
}

#[test]
fn a_book_of_grouped_prices_has_no_top() {
    let grouped = r#"{"type":"orderbook","code":"KRW-BTC","timestamp":1,"orderbook_units":[{"ask_price":2,"bid_price":1,"ask_size":1,"bid_size":1}],"level":LEVEL}"#;
    let read = read_one(&grouped.replace("LEVEL", "100000"));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::NotAQuote]));
    assert_eq!(read_one(&grouped.replace("LEVEL", "0.0")).batch.updates.len(), 1);
}

/// What is told on subscribing is history: the latest trade may be a day old.
#[test]
fn the_trade_told_on_subscribing_is_history() {
    let mut decoder = UpbitV1::new();
    let old = TRADE.replace("REALTIME", "SNAPSHOT");
    let read = read_with(&mut decoder, Frame::Text(&old));
    assert_eq!(read.only().source, Source::History);
    let read = read_with(&mut decoder, Frame::Text(TICKER));
    assert!(read.only().told().contains(Field::Last), "the ticker knows better than history");
}

const TICKER: &str = r#"{"ty":"ticker","cd":"KRW-LAMB","op":40008000,"hp":41000000,"lp":39674000,"tp":126.0,"pcp":40008000,"atp":256707458304.6534,"c":"RISE","cp":433000,"scp":433000,"cr":0.0108228354,"scr":0.0108228354,"ab":"ASK","tv":0.00416811,"atv":6379.30820304,"tdt":"20210119","ttm":"133506","ttms":1611063306000,"aav":3573.13708979,"abv":2806.17111325,"h52wp":48550000,"h52wdt":"2021-01-08","l52wp":5489000,"l52wdt":"2020-03-13","ts":null,"ms":"ACTIVE","msfi":null,"its":false,"dd":null,"mw":"NONE","tms":1611063306635,"atp24h":343000000.5,"atv24h":8500.25,"st":"REALTIME"}"#;

#[test]
fn a_ticker_tells_volumes_of_24_h_and_no_figures_of_a_day() {
    let read = read_one(TICKER);
    assert_eq!(read.kind, Ok("ticker"));
    assert_eq!(
        read.told(),
        "last=126.0 last_size=0.00416811 volume_24h=8500.25 quote_volume_24h=343000000.5"
    );
    assert_eq!(read.only().status, Some((Status::Live, Reason::Confirmed)));
}

#[test]
fn a_live_trade_stands_against_the_ticker() {
    let mut decoder = UpbitV1::new();
    read_with(&mut decoder, Frame::Text(TRADE));
    let read = read_with(&mut decoder, Frame::Text(TICKER));
    assert_eq!(read.told(), "volume_24h=8500.25 quote_volume_24h=343000000.5");
}

#[test]
fn a_suspended_market_is_halted_until_the_venue_says_otherwise() {
    let mut decoder = UpbitV1::new();
    let mut status = |text: &str| read_with(&mut decoder, Frame::Text(text)).only().status;
    let halted = TICKER.replace(r#""its":false"#, r#""its":true"#);
    assert_eq!(status(&halted), Some((Status::Halted, Reason::Venue)));
    assert_eq!(status(&halted), None, "said once");
    assert_eq!(status(TICKER), Some((Status::Live, Reason::Venue)));
    let gone = TICKER.replace("ACTIVE", "DELISTED");
    assert_eq!(status(&gone), Some((Status::Delisted, Reason::Venue)));
    assert_eq!(status(&TICKER.replace("ACTIVE", "PREVIEW")), Some((Status::Closed, Reason::Venue)));
    assert_eq!(status(&TICKER.replace("ACTIVE", "NEW WORD")), None);
}

#[test]
fn null_and_a_missing_field_tell_nothing_and_zero_is_a_volume() {
    let read = read_one(
        r#"{"type":"ticker","code":"KRW-BTC","trade_price":null,"trade_volume":null,"acc_trade_volume_24h":0}"#,
    );
    assert_eq!(read.told(), "volume_24h=0");
}

#[test]
fn lists_are_read_one_by_one() {
    let read = read_one(&format!("[{TRADE},{TICKER}]"));
    assert_eq!((read.kind, read.batch.updates.len()), (Ok("trade"), 2));
    assert!(read_one("[]").kind.is_err());
}

#[test]
fn answers_and_refusals_tell_no_quote() {
    assert_eq!(read_one(r#"{"status":"UP"}"#).kind, Ok("status"));
    let read = read_one(r#"{"error":{"name":"NO_CODES","message":"codes 필드가 비어 있습니다."}}"#);
    assert_eq!((read.kind, read.batch.refused.len()), (Ok("error"), 1));
    assert_eq!(read.batch.refused[0].1, "NO_CODES codes 필드가 비어 있습니다.");
    let read = read_one(r#"{"ty":"candle.1s","cd":"KRW-BTC","tp":1}"#);
    assert_eq!((read.kind, read.batch.ignored), (Ok("candle"), vec![Ignored::NotAQuote]));
    let read = read_one(&TRADE.replace("KRW-LAMB", "KRW-NOPE"));
    assert_eq!(read.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn numbers_that_cannot_be_kept_are_counted_and_dropped() {
    let digits = "9".repeat(40);
    let read = read_one(&TRADE.replace("127.0", &digits));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BadNumber]));
    let read = read_one(&TRADE.replace("1618678262000003", "161867826200000316186782620"));
    assert_eq!(read.batch.updates.len(), 1, "an id of 27 digits is not looked at");
    let read = read_one(&format!(
        r#"{{"ty":"orderbook","cd":"KRW-BTC","tms":1,"obu":[{{"ap":{digits},"bp":1,"as":1,"bs":1}}]}}"#
    ));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BadNumber]));
    let deep = format!(r#"{{"ty":"trade","x":{}}}"#, "[".repeat(5_000));
    assert!(read_one(&deep).kind.is_err());
}
