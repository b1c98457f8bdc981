//! One test for each kind of message and each oddity, over messages as the venue sends them.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Read {
    kind: Result<&'static str, DecodeError>,
    batch: Batch,
}

impl Read {
    /// The told numbers of the n-th update in the order of the fields, absent ones as `-`.
    fn told_by(&self, at: usize) -> String {
        let update = &self.batch.updates[at].1;
        let fields = Field::NUMBER_FIELDS.into_iter().filter(|field| update.told().contains(*field));
        let text = |field: Field| update.values().number(field).map_or("-".to_owned(), |n| n.to_string());
        fields.map(|field| format!("{}={}", field.name(), text(field))).collect::<Vec<_>>().join(" ")
    }

    fn told(&self) -> String {
        assert_eq!(self.batch.updates.len(), 1, "{:?}", self.batch);
        self.told_by(0)
    }

    fn only(&self) -> &Update {
        assert_eq!(self.batch.updates.len(), 1, "{:?}", self.batch);
        &self.batch.updates[0].1
    }
}

fn read_with(decoder: &mut Bithumb, text: &str) -> Read {
    let mut instruments = Instruments::new("BITHUMB", 10);
    for (native, name) in [("KRW-BTC", "BTC-KRW"), ("GOM2_KRW", "GOM2-KRW"), ("ETH_BTC", "ETH-BTC")] {
        instruments.add(native, Symbol::of_venue("BITHUMB", name).unwrap());
    }
    instruments.close();
    let mut batch = Batch::new(instruments);
    let kind = decoder.decode(Frame::Text(text), Micros(7), &mut batch);
    Read { kind, batch }
}

fn read_one(text: &str) -> Read {
    read_with(&mut Bithumb::new(), text)
}

const TRADE: &str = r#"{"type":"trade","code":"KRW-BTC","trade_price":95539000,"trade_volume":0.00022664,"ask_bid":"ASK","prev_closing_price":94201000,"change":"RISE","change_price":1338000,"trade_date":"2026-07-10","trade_time":"13:39:41","trade_timestamp":1783658381138,"sequential_id":"862683813820523888","timestamp":1783658381398,"stream_type":"REALTIME"}"#;

const TICKER: &str = r#"{"type":"ticker","code":"KRW-BTC","opening_price":94223000,"high_price":95465000,"low_price":93601000,"trade_price":95299000,"trade_volume":0.0094,"acc_trade_volume":151.44914647,"acc_trade_volume_24h":310.44065227,"acc_trade_price":14330306973.41015,"acc_trade_price_24h":29226371799.56915,"trade_date":"20260710","trade_time":"124548","trade_timestamp":1783655148303,"ask_bid":"BID","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":"","market_warning":"NONE","timestamp":1783655148485,"stream_type":"REALTIME"}"#;

/// Best ask of dust (size 0 at a live price), then a level; the second bid is padding.
const BOOK: &str = r#"{"type":"orderbook","code":"KRW-BTC","total_ask_size":0.7111,"total_bid_size":7.1052,"orderbook_units":[{"ask_price":116208000,"bid_price":116204000,"ask_size":0,"bid_size":0.0037},{"ask_price":116209000,"bid_price":0,"ask_size":0.0001,"bid_size":0}],"level":1,"timestamp":1790133505564033,"stream_type":"SNAPSHOT"}"#;

#[test]
fn a_trade_of_the_current_interface() {
    let read = read_one(TRADE);
    assert_eq!(read.kind, Ok("trade"));
    assert_eq!(read.told(), "last=95539000 last_size=0.00022664");
    let update = read.only();
    assert_eq!((update.source, update.values().side()), (Source::Direct, Some(Side::Sell)));
    assert_eq!(update.ts_event, Some(Micros::from_millis(1_783_658_381_398)));
    let old = read_one(&TRADE.replace("REALTIME", "SNAPSHOT"));
    assert_eq!(old.only().source, Source::History, "told on subscribing");
}

#[test]
fn json_in_binary_frames_is_read() {
    let mut batch = Batch::new(Instruments::new("BITHUMB", 10));
    let kind = Bithumb::new().decode(Frame::Binary(BOOK.as_bytes()), Micros(7), &mut batch);
    assert_eq!((kind, batch.updates.len()), (Ok("orderbook"), 1));
    let kind = Bithumb::new().decode(Frame::Binary(&[0xff]), Micros(7), &mut batch);
    assert!(kind.is_err());
}

/// Zero is no order: dust that four decimals cannot show, and padding.
#[test]
fn levels_of_size_zero_are_passed_over() {
    let read = read_one(BOOK);
    assert_eq!(read.told(), "bid=116204000 bid_size=0.0037 ask=116209000 ask_size=0.0001");
    assert_eq!(read.only().ts_event, Some(Micros(1_790_133_505_564_033)), "microseconds");
    let empty = BOOK.replace(r#""bid_price":116204000"#, r#""bid_price":0"#);
    assert_eq!(read_one(&empty).told(), "bid=- bid_size=- ask=116209000 ask_size=0.0001");
    let grouped = read_one(&BOOK.replace(r#""level":1"#, r#""level":1000"#));
    assert_eq!((grouped.batch.updates.len(), grouped.batch.ignored), (0, vec![Ignored::NotAQuote]));
}

#[test]
fn the_short_spelling_is_read_too() {
    let read = read_one(
        r#"{"ty":"orderbook","cd":"KRW-BTC","tas":0.1823,"tbs":6.9593,"obu":[{"ap":116279000,"bp":116267000,"as":0.0892,"bs":0.0084}]}"#,
    );
    assert_eq!(read.told(), "bid=116267000 bid_size=0.0084 ask=116279000 ask_size=0.0892");
}

#[test]
fn a_ticker_of_the_current_interface_tells_volumes_and_state() {
    let mut decoder = Bithumb::new();
    let read = read_with(&mut decoder, TICKER);
    assert_eq!(
        read.told(),
        "last=95299000 last_size=0.0094 volume_24h=310.44065227 quote_volume_24h=29226371799.56915"
    );
    assert_eq!(read.only().status, Some((Status::Live, Reason::Confirmed)));
    read_with(&mut decoder, TRADE);
    let halted = TICKER.replace("suspended\":false", "suspended\":true");
    let read = read_with(&mut decoder, &halted);
    assert_eq!(
        read.told(),
        "volume_24h=310.44065227 quote_volume_24h=29226371799.56915",
        "a trade was heard"
    );
    assert_eq!(read.only().status, Some((Status::Halted, Reason::Venue)));
    let back = read_with(&mut decoder, TICKER);
    assert_eq!(back.only().status, Some((Status::Live, Reason::Venue)));
}

/// Several trades in one frame, the latest last, with Korea's clock. Seen in the session of 2021-06-01.
#[test]
fn trap_several_trades_in_one_frame() {
    let read = read_one(
        r#"{"type":"transaction","content":{"list":[{"buySellGb":"2","contPrice":"7.524","contQty":"76999.569","contAmt":"579344.757","contDtm":"2021-06-02 08:43:42.240601","updn":"up","symbol":"GOM2_KRW"},{"buySellGb":"1","contPrice":"7.525","contQty":"556","contAmt":"4183.900","contDtm":"2021-06-02 08:43:43.188333","updn":"dn","symbol":"GOM2_KRW"}]}}"#,
    );
    assert_eq!(read.kind, Ok("transaction"));
    assert_eq!(read.batch.updates.len(), 2);
    assert_eq!(read.told_by(1), "last=7.525 last_size=556");
    let last = &read.batch.updates[1].1;
    assert_eq!(last.values().side(), Some(Side::Sell));
    assert_eq!(last.ts_event, Micros::parse_iso("2021-06-01T23:43:43.188333Z"));
}

fn snapshot(at: u64, bid: &str, ask: &str) -> String {
    format!(
        r#"{{"type":"orderbooksnapshot","content":{{"symbol":"ETH_BTC","datetime":"{at}","asks":[["{ask}","1.6088"]],"bids":[["{bid}","2.2972"],["0.07","1"]]}}}}"#
    )
}

fn depth(at: u64, side: &str, price: &str, quantity: &str) -> String {
    format!(
        r#"{{"type":"orderbookdepth","content":{{"list":[{{"symbol":"ETH_BTC","orderType":"{side}","price":"{price}","quantity":"{quantity}","total":"1"}}],"datetime":"{at}"}}}}"#
    )
}

/// Changes without a snapshot tell no top: seen in the session of 2021-06-01, which holds nothing else.
#[test]
fn trap_changes_without_a_snapshot_tell_no_top() {
    let read = read_one(&depth(1_622_591_012_656_250, "ask", "0.072", "1"));
    assert_eq!((read.kind, read.batch.updates.len()), (Ok("orderbookdepth"), 0));
    assert_eq!(read.batch.ignored, [Ignored::BeforeSnapshot]);
}

#[test]
fn changes_after_a_snapshot_move_the_top() {
    let mut decoder = Bithumb::new();
    let read = read_with(&mut decoder, &snapshot(1_700_000_000_000_000, "0.071", "0.0723"));
    assert_eq!(read.told(), "bid=0.071 bid_size=2.2972 ask=0.0723 ask_size=1.6088");
    assert!(read.only().snapshot);
    let read = read_with(&mut decoder, &depth(1_699_999_999_999_999, "bid", "0.0715", "9"));
    assert_eq!(read.batch.ignored, [Ignored::BeforeSnapshot], "older than the snapshot");
    let read = read_with(&mut decoder, &depth(1_700_000_000_000_001, "bid", "0.071", "0"));
    assert_eq!(read.told(), "bid=0.07 bid_size=1 ask=0.0723 ask_size=1.6088");
    assert_eq!(read.only().ts_event, Some(Micros(1_700_000_000_000_001)));
}

#[test]
fn a_crossed_book_is_suspect_until_the_next_snapshot() {
    let mut decoder = Bithumb::new();
    read_with(&mut decoder, &snapshot(1_700_000_000_000_000, "0.071", "0.0723"));
    let read = read_with(&mut decoder, &depth(1_700_000_000_000_001, "bid", "0.0724", "1"));
    assert_eq!(read.only().status, Some((Status::Suspect, Reason::Gap)));
    let read = read_with(&mut decoder, &depth(1_700_000_000_000_002, "ask", "0.0723", "0"));
    assert_eq!(read.batch.ignored, [Ignored::BeforeSnapshot]);
    let read = read_with(&mut decoder, &snapshot(1_700_000_000_000_003, "0.0724", "0.0725"));
    assert!(read.only().snapshot && read.only().status.is_none());
}

#[test]
fn only_the_older_ticker_of_24_h_tells_figures_of_24_h() {
    let ticker = r#"{"type":"ticker","content":{"symbol":"ETH_BTC","tickType":"24H","date":"20200129","time":"121844","openPrice":"2302","closePrice":"2317","lowPrice":"2272","highPrice":"2344","value":"2831915078.07065789","volume":"1222314.51355788","sellVolume":"760129.34079004","buyVolume":"462185.17276784","prevClosePrice":"2326","chgRate":"0.65","chgAmt":"15","volumePower":"60.80"}}"#;
    let read = read_one(ticker);
    assert_eq!(
        read.told(),
        "last=2317 last_size=- open_24h=2302 high_24h=2344 low_24h=2272 volume_24h=1222314.51355788 quote_volume_24h=2831915078.07065789"
    );
    assert_eq!(read.only().ts_event, Micros::parse_iso("2020-01-29T03:18:44Z"));
    assert_eq!(read_one(&ticker.replace("24H", "MID")).told(), "last=2317 last_size=-");
}

#[test]
fn answers_and_refusals_tell_no_quote() {
    for text in [r#"{"status":"UP"}"#, r#"{"status":"0000","resmsg":"Connected Successfully"}"#] {
        let read = read_one(text);
        assert_eq!((read.kind, read.batch.refused.len()), (Ok("status"), 0));
    }
    let read = read_one(r#"{"status":"5100","resmsg":"Invalid Filter Syntax"}"#);
    assert_eq!(read.batch.refused, [(None, "5100 Invalid Filter Syntax".to_owned())]);
    let read = read_one(r#"{"error":{"name":"WRONG_FORMAT","message":"Format 이 맞지 않습니다."}}"#);
    assert_eq!((read.kind, read.batch.refused.len()), (Ok("error"), 1));
    assert_eq!(read_one(&TRADE.replace("KRW-BTC", "KRW-NOPE")).batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn numbers_that_cannot_be_kept_are_counted_and_dropped() {
    let read = read_one(&TRADE.replace("95539000", &"9".repeat(40)));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BadNumber]));
    let read = read_one(&TRADE.replace("862683813820523888", &"8".repeat(27)));
    assert_eq!(read.batch.updates.len(), 1, "an id of 27 digits is not looked at");
    let mut decoder = Bithumb::new();
    read_with(&mut decoder, &snapshot(1_700_000_000_000_000, "0.071", "0.0723"));
    let read = read_with(&mut decoder, &depth(1_700_000_000_000_001, "bid", "no", "1"));
    assert_eq!(read.only().status, Some((Status::Suspect, Reason::Gap)), "a level is missing now");
    let deep = format!(r#"{{"type":"transaction","content":{}}}"#, "[".repeat(5_000));
    assert!(read_one(&deep).kind.is_err());
}
