//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Check {
    decoder: KucoinClassic,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("KUCOIN", 8);
        for (native, name) in [
            ("BTC-USDT", "BTC-USDT"),
            ("ETH-USDT", "ETH-USDT"),
            ("XBTUSDTM", "BTC-USDT-PERP"),
            ("XBTUSDM", "BTC-USD-PERP"),
        ] {
            instruments.add(native, Symbol::of_venue("KUCOIN", name).unwrap());
        }
        instruments.close();
        Check { decoder: KucoinClassic::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn message(&mut self, topic: &str, subject: &str, data: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(r#"{{"type":"message","topic":"{topic}","subject":"{subject}","data":{data}}}"#))
    }

    fn level2(&mut self, first: u64, end: u64, bids: &str) -> Result<&'static str, DecodeError> {
        let data = format!(
            r#"{{"sequenceStart":{first},"symbol":"BTC-USDT","changes":{{"asks":[],"bids":[{bids}]}},"sequenceEnd":{end}}}"#
        );
        self.message("/market/level2:BTC-USDT", "trade.l2update", &data)
    }

    fn rest(&mut self, seq: u64) {
        self.batch.clear();
        let url = "https://api.kucoin.com/api/v2/market/orderbook/level2?symbol=BTC-USDT";
        let body = format!(
            r#"{{"code":"200000","data":{{"time":1619378326628,"sequence":"{seq}","bids":[["242.6","5"]],"asks":[["243","1"]]}}}}"#
        );
        self.decoder.rest(url, &body, Micros(9), &mut self.batch);
    }

    fn told(&self) -> Vec<String> {
        let show = |update: &Update| {
            let status = update.status.map(|(status, reason)| format!("{}/{}", status.name(), reason.name()));
            let fields = update.told().iter().map(|field| {
                let value = match field {
                    Field::LastSide => update.values().side().map(|side| side.name().to_owned()),
                    number => update.values().number(number).map(|number| number.to_string()),
                };
                format!("{}={}", field.name(), value.unwrap_or_default())
            });
            status.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
        };
        self.batch.updates.iter().map(|(_, update)| show(update)).collect()
    }
}

const TICKER: &str = r#"{"sequence":"1613277183873","bestAsk":"242.951","size":"0.08000012","bestBidSize":"0.68148185","price":"243.65","time":1619378326330,"bestAskSize":"4.51280965","bestBid":"242.654"}"#;
const MATCH: &str = r#"{"symbol":"BTC-USDT","sequence":"1","side":"sell","size":"0.2","price":"243.1","time":"1619378353602941182","type":"match"}"#;

#[test]
fn a_ticker_tells_top_and_last() {
    let mut check = Check::new();
    assert_eq!(check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER), Ok("/market/ticker"));
    assert_eq!(
        check.told(),
        [
            "bid=242.654 bid_size=0.68148185 ask=242.951 ask_size=4.51280965 last=243.65 last_size=0.08000012 last_side="
        ]
    );
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event), (Source::Ticker, Some(Micros(1_619_378_326_330_000))));
}

#[test]
fn of_the_ticker_of_all_the_subject_is_the_symbol() {
    let mut check = Check::new();
    check.message("/market/ticker:all", "ETH-USDT", TICKER).unwrap();
    assert_eq!(check.batch.updates[0].0, InstrumentId(1));
    check.message("/market/ticker:all", "NO-SUCH", TICKER).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn a_match_tells_the_taker_and_silences_the_ticker_s_last() {
    let mut check = Check::new();
    assert_eq!(
        check.message("/market/match:BTC-USDT", "trade.l3match", MATCH),
        Ok("/market/match:trade.l3match")
    );
    assert_eq!(check.told(), ["last=243.1 last_size=0.2 last_side=sell"]);
    assert_eq!(
        check.batch.updates[0].1.ts_event,
        Some(Micros(1_619_378_353_602_941)),
        "nanoseconds beyond 2^53"
    );
    check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER).unwrap();
    assert!(!check.told()[0].contains("last="));
}

#[test]
fn level1_tells_the_top_and_silences_ticker_and_book() {
    let mut check = Check::new();
    let best =
        r#"{"asks":["68145.8","0.51987471"],"bids":["68145.7","1.29267802"],"timestamp":1729816058766}"#;
    assert_eq!(check.message("/spotMarket/level1:BTC-USDT", "level1", best), Ok("/spotMarket/level1:level1"));
    assert_eq!(check.told(), ["bid=68145.7 bid_size=1.29267802 ask=68145.8 ask_size=0.51987471"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="));
    check.rest(10);
    check.level2(11, 11, r#"["242.7","1","11"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    assert_eq!(check.level2(13, 13, ""), Ok("/market/level2:trade.l2update"), "nothing shown is in doubt");
    assert!(check.told().is_empty());
    check
        .message("/spotMarket/level1:BTC-USDT", "level1", r#"{"asks":[],"bids":null,"timestamp":3}"#)
        .unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size="], "both sides are empty");
}

#[test]
fn a_book_waits_for_its_snapshot_and_follows_the_changes() {
    let mut check = Check::new();
    check.level2(5, 5, r#"["1","1","5"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.rest(10);
    assert_eq!(check.told(), ["bid=242.6 bid_size=5 ask=243 ask_size=1"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.level2(9, 10, r#"["250","1","9"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "in the snapshot already");
    check.level2(10, 12, r#"["250","1","10"],["242.7","3","11"],["0","0","12"]"#).unwrap();
    assert_eq!(check.told(), ["bid=242.7 bid_size=3 ask=243 ask_size=1"], "change 10 is in the snapshot");
    check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="), "the ticker is coarser");
}

/// Seen in the recording of 2021: `["0","0","1613277183874"]`.
#[test]
fn a_price_of_zero_only_moves_the_number() {
    let mut check = Check::new();
    check.rest(10);
    check.level2(11, 11, r#"["0","0","11"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.level2(12, 12, r#"["242.6","0","12"]"#).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask=243 ask_size=1"]);
}

#[test]
fn a_missing_change_makes_the_symbol_suspect_before_a_new_connection_is_asked_for() {
    let mut check = Check::new();
    check.rest(10);
    assert_eq!(check.level2(12, 12, r#"["1","1","12"]"#), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap"]);
    check.level2(13, 13, r#"["242.9","1","13"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.rest(12);
    assert_eq!(check.told(), ["bid=242.9 bid_size=1 ask=243 ask_size=1"], "with what has waited");
    check.level2(14, 14, r#"["242.8","1","14"]"#).unwrap();
    check.level2(3, 3, r#"["242.8","1","3"]"#).unwrap_err();
    assert_eq!(check.told(), ["suspect/reset"], "the numbers were started anew");
    check.rest(20);
    let odd = check.level2(21, 21, r#"["x","1","21"]"#);
    assert_eq!(
        (odd, check.told()),
        (Err(DecodeError::Reconnect(Reason::Gap)), vec!["suspect/gap".to_owned()])
    );
}

#[test]
fn depth_5_is_whole_each_time() {
    let mut check = Check::new();
    let spot = r#"{"asks":[["31530.2","2.90121626"],["31530.4","0.1"]],"bids":[["31530.1","0.74468602"]],"timestamp":1653989906722}"#;
    assert_eq!(
        check.message("/spotMarket/level2Depth5:BTC-USDT", "level2", spot),
        Ok("/spotMarket/level2Depth5:level2")
    );
    assert_eq!(check.told(), ["bid=31530.1 bid_size=0.74468602 ask=31530.2 ask_size=2.90121626"]);
    let futures = r#"{"sequence":1638556032307,"asks":[[31529,12725]],"bids":[[31528.00000000,2856]],"ts":1653991142662,"timestamp":1653991142662}"#;
    check.message("/contractMarket/level2Depth5:XBTUSDM", "level2", futures).unwrap();
    assert_eq!(check.told(), ["bid=31528.00000000 bid_size=2856 ask=31529 ask_size=12725"]);
}

/// Seen in the single messages of 2022 and 2023.
#[test]
fn twenty_zeros_at_the_end_of_a_number_cost_nothing() {
    let mut check = Check::new();
    let data = r#"{"sequence":"1","data":{"symbol":"BTC-USDT","buy":29920,"sell":29920.1,"lastTradedPrice":29920.1,"open":31610.00000000000000000000,"high":31901.40000000000000000000,"low":0.00000000000000000000,"vol":21637.26053196000000000000,"volValue":9657871182.64000021200000000000,"trading":true,"datetime":1654165082007}}"#;
    assert_eq!(
        check.message("/market/snapshot:USDS", "trade.snapshot", data),
        Ok("/market/snapshot:trade.snapshot")
    );
    assert_eq!(
        check.told(),
        ["live/confirmed bid=29920 bid_size= ask=29920.1 ask_size= last=29920.1 last_size= last_side= \
          open_24h=31610.00000000000000000000 high_24h=31901.40000000000000000000 low_24h=0.00000000000000000000 \
          volume_24h=21637.26053196000000000000 quote_volume_24h=9657871182.640000212"],
        "30 digits are more than a decimal holds, 19 are not"
    );
    check.message("/market/snapshot:USDS", "trade.snapshot", data).unwrap();
    assert!(check.told()[0].starts_with("bid=29920 "), "trading is told when it changes");
    check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER).unwrap();
    check.message("/market/snapshot:USDS", "trade.snapshot", data).unwrap();
    assert!(check.told()[0].starts_with("open_24h="), "the ticker has sizes: {:?}", check.told());
}

#[test]
fn a_halt_and_its_end_are_told() {
    let mut check = Check::new();
    let mut give = |trading| {
        let data = format!(r#"{{"data":{{"symbol":"BTC-USDT","high":1,"trading":{trading}}}}}"#);
        check.message("/market/snapshot:BTC-USDT", "trade.snapshot", &data).unwrap();
        check.told()
    };
    assert_eq!(give(false), ["halted/venue high_24h=1"]);
    assert_eq!(give(false), ["high_24h=1"]);
    assert_eq!(give(true), ["live/confirmed high_24h=1"]);
}

#[test]
fn futures_have_topics_of_their_own() {
    let mut check = Check::new();
    let top = r#"{"symbol":"XBTUSDTM","sequence":1643185147205,"bestBidSize":20074,"bestBidPrice":"31766.0","bestAskPrice":"31767.0","ts":1654032807465857723,"bestAskSize":1187}"#;
    assert_eq!(
        check.message("/contractMarket/tickerV2:XBTUSDTM", "tickerV2", top),
        Ok("/contractMarket/tickerV2:tickerV2")
    );
    assert_eq!(check.told(), ["bid=31766.0 bid_size=20074 ask=31767.0 ask_size=1187"]);
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_654_032_807_465_857)));
    let trade = r#"{"symbol":"XBTUSDTM","sequence":8267947,"side":"buy","size":16,"price":57850,"ts":1616362645429686578}"#;
    check.message("/contractMarket/execution:XBTUSDTM", "match", trade).unwrap();
    assert_eq!(check.told(), ["last=57850 last_size=16 last_side=buy"]);
    let day = r#"{"volume":58142.397,"turnover":1766775651.6259518,"lastPrice":29926,"lowPrice":29288.0,"highPrice":31891.0,"priceChg":-1657,"ts":1654165885016336830}"#;
    check.message("/contractMarket/snapshot:XBTUSDTM", "snapshot.24h", day).unwrap();
    assert_eq!(
        check.told(),
        ["high_24h=31891.0 low_24h=29288.0 volume_24h=58142.397 quote_volume_24h=1766775651.6259518"]
    );
    check.message("/contractMarket/snapshot:XBTUSDM", "snapshot.24h", day).unwrap();
    assert_eq!(
        check.told(),
        ["last=29926 last_size= last_side= high_24h=31891.0 low_24h=29288.0 volume_24h=58142.397"],
        "the turnover of an inverse contract is in coins"
    );
    let mark = r#"{"markPrice":86201.79,"indexPrice":86248.81,"granularity":1000,"timestamp":1790113097000}"#;
    check.message("/contract/instrument:XBTUSDTM", "mark.index.price", mark).unwrap();
    assert_eq!(check.told(), ["mark=86201.79 index=86248.81"]);
    let funding = r#"{"period":1,"granularity":60000,"fundingRate":-7.6E-5,"timestamp":1790114460000}"#;
    check.message("/contract/instrument:XBTUSDTM", "funding.rate", funding).unwrap();
    assert_eq!(check.told(), ["funding_rate=-0.000076"]);
    let older = r#"{"symbol":"XBTUSDM","sequence":45,"side":"sell","price":"3600.0","size":16,"bestBidSize":795,"bestBidPrice":"3200.0","bestAskPrice":"3601.0","bestAskSize":284,"ts":1553846081210004941}"#;
    check.message("/contractMarket/ticker:XBTUSDM", "ticker", older).unwrap();
    assert_eq!(
        check.told(),
        ["bid=3200.0 bid_size=795 ask=3601.0 ask_size=284 last=3600.0 last_size=16 last_side="]
    );
}

#[test]
fn a_contract_s_book_changes_one_level_at_a_time() {
    let mut check = Check::new();
    let url = "https://api-futures.kucoin.com/api/v1/level2/snapshot?symbol=XBTUSDM";
    let body = r#"{"code":"200000","data":{"symbol":"XBTUSDM","sequence":5,"asks":[[29626.0,2521]],"bids":[[29625.0,15226]],"ts":1654326900579981822}}"#;
    check.decoder.rest(url, body, Micros(9), &mut check.batch);
    assert_eq!(check.told(), ["bid=29625.0 bid_size=15226 ask=29626.0 ask_size=2521"]);
    let mut give = |seq: u64, change: &str| {
        let data = format!(r#"{{"sequence":{seq},"change":"{change}","timestamp":1622718985044}}"#);
        let kind = check.message("/contractMarket/level2:XBTUSDM", "level2", &data);
        (kind.is_ok(), check.told().join(""))
    };
    assert_eq!(give(6, "29625.5,buy,10"), (true, "bid=29625.5 bid_size=10 ask=29626.0 ask_size=2521".into()));
    assert_eq!(
        give(7, "29625.5,buy,0"),
        (true, "bid=29625.0 bid_size=15226 ask=29626.0 ask_size=2521".into())
    );
    assert_eq!(give(9, "29626.0,sell,3"), (false, "suspect/gap".into()));
}

#[test]
fn welcomes_errors_and_what_is_no_quote() {
    let mut check = Check::new();
    assert_eq!(check.give(r#"{"id":"NSkIrWGB1s","type":"welcome"}"#), Ok("welcome"));
    assert!(check.batch.ready);
    assert_eq!(check.give(r#"{"id":"1","type":"ack"}"#), Ok("ack"));
    assert!(!check.batch.ready);
    assert_eq!(check.give(r#"{"id":"0","type":"pong","timestamp":1790113097236506}"#), Ok("pong"));
    let refused = r#"{"id":"p28","type":"error","code":404,"data":"topic does not exist"}"#;
    assert_eq!(check.give(refused), Ok("error"));
    assert_eq!(check.batch.refused, [(None, "404 topic does not exist".to_owned())]);
    let timeout = r#"{"id":"x","type":"error","code":400,"data":"ping timeout"}"#;
    assert_eq!(check.give(timeout), Err(DecodeError::Reconnect(Reason::Venue)));
    for (topic, subject, kind) in [
        ("/market/candles:BTC-USDT_1min", "trade.candles.add", "/market/candles:trade.candles.add"),
        ("/contractMarket/candle:XBTUSDM_10080", "candle.stick", "/contractMarket/candle:candle.stick"),
        ("/spotMarket/level3:BTC-USDT", "received", "other"),
    ] {
        assert_eq!(check.message(topic, subject, "{}"), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    let odd =
        TICKER.replace("\"242.654\"", "\"2_4\"").replace("\"243.65\"", "null").replace("\"242.951\"", "\"\"");
    check.message("/market/ticker:BTC-USDT", "trade.ticker", &odd.replace("4.51280965", "")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert_eq!(
        check.told(),
        ["ask= ask_size= last= last_size= last_side="],
        "null and empty text are absent"
    );
    let long = MATCH.replace("243.1", &"9".repeat(60));
    check.message("/market/match:BTC-USDT", "trade.l3match", &long).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
    let zeros = TICKER.replace("242.654", "0").replace("0.68148185", "0");
    check.message("/market/ticker:BTC-USDT", "trade.ticker", &zeros).unwrap();
    assert!(check.told()[0].starts_with("bid= bid_size= ask=242.951"), "zero without size is an empty side");
}

#[test]
fn garbage_is_refused_and_the_next_message_taken() {
    let mut check = Check::new();
    for text in [
        "",
        "ping",
        "[]",
        "{}",
        r#"{"type":1}"#,
        r#"{"type":"message"}"#,
        r#"{"type":"message","topic":"/market/ticker:BTC-USDT","subject":"trade.ticker"}"#,
        r#"{"type":"message","topic":"/market/match:BTC-USDT","subject":"trade.l3match","data":5}"#,
        r#"{"type":"message","topic":"/market/level2:BTC-USDT","subject":"trade.l2update","data":{"changes":{},"sequenceStart":5,"sequenceEnd":4}}"#,
        r#"{"type":"message","topic":"/market/level2:BTC-USDT","subject":"trade.l2update","data":{"changes":{},"sequenceStart":123456789012345678901234567,"sequenceEnd":4}}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    check.batch.clear();
    check.decoder.rest(
        "https://x/api/v2/market/orderbook/level2?symbol=BTC-USDT",
        "<html>",
        Micros(1),
        &mut check.batch,
    );
    check.decoder.rest("https://x/api/v1/symbols", "<html>", Micros(1), &mut check.batch);
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert_eq!(check.message("/market/ticker:BTC-USDT", "trade.ticker", TICKER), Ok("/market/ticker"));
}
