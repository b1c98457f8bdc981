//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::proof::told;

use super::*;

struct Check {
    decoder: Bybit5,
    batch: Batch,
}

impl Check {
    fn of(market: Market) -> Check {
        let mut instruments = Instruments::new("BYBIT", 4);
        for (native, name) in [("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT")] {
            instruments.add(native, Symbol::of_venue("BYBIT", name).unwrap());
        }
        instruments.close();
        Check { decoder: Bybit5::new(market), batch: Batch::new(instruments) }
    }

    fn new() -> Check {
        Check::of(Market::Spot)
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn book(
        &mut self,
        depth: u32,
        kind: &str,
        u: u64,
        bids: &str,
        asks: &str,
    ) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"topic":"orderbook.{depth}.BTCUSDT","type":"{kind}","ts":1785088800143,"data":{{"s":"BTCUSDT","b":[{bids}],"a":[{asks}],"u":{u},"seq":9}},"cts":1785088800140}}"#
        ))
    }

    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

const TICKER: &str = r#"{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"61874.00","prevPrice24h":"62484.60","highPrice24h":"62752.90","lowPrice24h":"61000.10","markPrice":"61875.25","indexPrice":"61903.73","turnover24h":"6073739017.8331","volume24h":"98430.1050","nextFundingTime":"1715760000000","fundingRate":"0.00008055","bid1Price":"61873.90","bid1Size":"3.783","ask1Price":"61874.00","ask1Size":"16.278"},"cs":176530003895,"ts":1715748762463}"#;
const BID: &str = r#"["100.0","1"]"#;
const ASK: &str = r#"["101.0","2"]"#;

fn delta(fields: &str) -> String {
    format!(
        r#"{{"topic":"tickers.BTCUSDT","type":"delta","data":{{"symbol":"BTCUSDT"{fields}}},"cs":2,"ts":1715748763063}}"#
    )
}

#[test]
fn a_contract_s_ticker_tells_everything() {
    let mut check = Check::of(Market::Linear);
    assert_eq!(check.give(TICKER), Ok("tickers:snapshot"));
    assert_eq!(
        check.told(),
        ["bid=61873.90 bid_size=3.783 ask=61874.00 ask_size=16.278 last=61874.00 last_size= last_side= \
          open_24h=62484.60 high_24h=62752.90 low_24h=61000.10 volume_24h=98430.1050 \
          quote_volume_24h=6073739017.8331 mark=61875.25 index=61903.73 funding_rate=0.00008055"]
    );
    assert_eq!(check.batch.updates[0].1.ts_event, None, "a trade from before it may come after it");
    let mut inverse = Check::of(Market::Inverse);
    inverse.give(TICKER).unwrap();
    assert!(!inverse.told()[0].contains("quote_volume"), "its turnover is in coins");
}

/// Seen in the single messages of 2024: deltas carry some fields only.
#[test]
fn a_field_that_is_not_there_has_not_changed() {
    let mut check = Check::of(Market::Linear);
    assert_eq!(
        check.give(&delta(r#","markPrice":"1.5","bid1Price":"61873.90","bid1Size":"3.543""#)),
        Ok("tickers:delta")
    );
    assert_eq!(check.told(), ["bid=61873.90 bid_size=3.543 mark=1.5"]);
    check.give(&delta(r#","ask1Size":"7""#)).unwrap();
    assert_eq!(check.told(), ["ask_size=7"], "the price stays as it is");
    check.give(&delta(r#","bid1Price":"2""#)).unwrap();
    assert_eq!(check.told(), ["bid=2"], "and so does the size");
    check.give(&delta(r#","fundingRate":"","bid1Price":"0","bid1Size":"0","ask1Size":"0""#)).unwrap();
    assert_eq!(
        check.told(),
        ["bid= bid_size= ask_size= funding_rate="],
        "empty text and an empty side are absent"
    );
    check.give(&delta(r#","openInterest":"5""#)).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn trades_are_told_one_by_one_and_silence_the_ticker_s_last() {
    let mut check = Check::new();
    let trades = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950","BT":false},{"T":1672304486866,"s":"BTCUSDT","S":"Sell","v":"0.002","p":"16578.40"}]}"#;
    assert_eq!(check.give(trades), Ok("publicTrade:snapshot"));
    assert_eq!(
        check.told(),
        ["last=16578.50 last_size=0.001 last_side=buy", "last=16578.40 last_size=0.002 last_side=sell"]
    );
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_672_304_486_865_000)));
    check.give(TICKER).unwrap();
    assert!(!check.told()[0].contains("last="));
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_715_748_762_463_000)));
}

#[test]
fn level_1_tells_the_top_and_silences_ticker_and_deeper_books() {
    let mut check = Check::new();
    assert_eq!(check.book(1, "snapshot", 5, BID, ASK), Ok("orderbook:snapshot"));
    assert_eq!(check.told(), ["bid=100.0 bid_size=1 ask=101.0 ask_size=2"]);
    let (_, update) = &check.batch.updates[0];
    assert!(update.snapshot && update.source == Source::Direct);
    assert_eq!(update.ts_event, Some(Micros(1_785_088_800_140_000)), "of the matching engine");
    check.book(1, "snapshot", 5, BID, ASK).unwrap();
    assert_eq!(check.told().len(), 1, "repeated after 3 s: a sign of life");
    assert!(!check.batch.updates[0].1.snapshot);
    check.give(TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="));
    check.book(50, "snapshot", 7, BID, ASK).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.book(50, "delta", 9, BID, "").unwrap();
    assert_eq!((check.told().len(), check.batch.replies.len()), (0, 2), "repaired without a word");
    check.book(1, "snapshot", 6, "", ASK).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask=101.0 ask_size=2"], "an empty side");
}

/// In the shape of the documents of 2023, when level 1 still had deltas.
#[test]
fn level_1_of_2023_takes_the_old_price_away() {
    let mut check = Check::new();
    check.book(1, "delta", 4, BID, ASK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.book(1, "snapshot", 5, BID, ASK).unwrap();
    assert_eq!(check.book(1, "delta", 6, r#"["100.0","0"],["99.5","3"]"#, ""), Ok("orderbook:delta"));
    assert_eq!(check.told(), ["bid=99.5 bid_size=3 ask=101.0 ask_size=2"]);
    check.book(1, "delta", 8, "", r#"["101.0","2"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
}

#[test]
fn a_missing_change_is_a_gap_and_the_topic_is_subscribed_again() {
    let mut check = Check::new();
    check.book(50, "snapshot", 10, BID, ASK).unwrap();
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    check.book(50, "delta", 11, r#"["100.5","1"]"#, "").unwrap();
    assert_eq!(check.told(), ["bid=100.5 bid_size=1 ask=101.0 ask_size=2"]);
    check.book(50, "delta", 13, r#"["100.6","1"]"#, "").unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    assert_eq!(
        check.batch.replies,
        ["unsubscribe", "subscribe"]
            .map(|op| format!(r#"{{"args":["orderbook.50.BTCUSDT"],"op":"{op}","req_id":"BTCUSDT"}}"#))
    );
    check.book(50, "delta", 14, BID, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.book(50, "snapshot", 20, BID, ASK).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
    check.book(50, "delta", 1, r#"["90","1"]"#, r#"["91","1"]"#).unwrap();
    assert_eq!(check.told(), ["bid=90 bid_size=1 ask=91 ask_size=1"], "1 is a whole book after a restart");
    check.book(50, "delta", 2, r#"["x","1"]"#, "").unwrap();
    assert_eq!(
        (check.told(), check.batch.ignored.as_slice()),
        (vec!["suspect/gap".to_owned()], &[Ignored::BadNumber][..])
    );
    check.book(50, "snapshot", 5, BID, ASK).unwrap();
    check.book(50, "delta", 9, BID, "").unwrap();
    check.book(50, "snapshot", 5, BID, ASK).unwrap();
    assert_eq!(check.book(50, "delta", 9, BID, ""), Err(DecodeError::Reconnect(Reason::Gap)));
}

#[test]
fn other_depths_promise_no_numbers_and_do_not_disturb_the_first() {
    let mut check = Check::new();
    check.book(1000, "snapshot", 10, BID, ASK).unwrap();
    check.book(1000, "delta", 15, r#"["100.5","1"]"#, "").unwrap();
    assert_eq!(check.told(), ["bid=100.5 bid_size=1 ask=101.0 ask_size=2"]);
    check.book(50, "snapshot", 10, BID, ASK).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn answers_and_refusals() {
    let mut check = Check::new();
    let ack = r#"{"success":true,"ret_msg":"","conn_id":"c","req_id":"BTCUSDT","op":"subscribe"}"#;
    assert_eq!(check.give(ack), Ok("op:subscribe"));
    assert!(check.batch.refused.is_empty());
    let refused = r#"{"success":false,"ret_msg":"error:handler not found,topic:tickers.ETHUSDT","conn_id":"c","op":"subscribe"}"#;
    check.give(refused).unwrap();
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(1)), "error:handler not found,topic:tickers.ETHUSDT".to_owned())]
    );
    check.give(&refused.replace(r#""op":"#, r#""req_id":"BTCUSDT","op":"#)).unwrap();
    assert_eq!(check.batch.refused[0].0, Some(InstrumentId(0)), "whose text it was");
    check.give(r#"{"success":false,"ret_msg":"error:already subscribed,topic:tickers.ETHUSDT","op":"subscribe"}"#).unwrap();
    assert!(check.batch.refused.is_empty(), "subscribed twice is subscribed");
    let options = r#"{"success":true,"conn_id":"c","data":{"failTopics":["tickers.ETHUSDT"],"successTopics":[]},"type":"COMMAND_RESP"}"#;
    assert_eq!(check.give(options), Ok("COMMAND_RESP"));
    assert_eq!(check.batch.refused, [(Some(InstrumentId(1)), "failed topic tickers.ETHUSDT".to_owned())]);
    assert_eq!(check.give(r#"{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}"#), Ok("op:ping"));
    assert_eq!(
        check.give(r#"{"req_id":"1","op":"pong","args":["1675418560633"],"conn_id":"c"}"#),
        Ok("op:pong")
    );
    let others =
        [("kline.5", "kline:snapshot"), ("allLiquidation", "other"), ("orderbook.rpi", "orderbook:other")];
    for (topic, kind) in others {
        assert_eq!(
            check.give(&format!(r#"{{"topic":"{topic}.BTCUSDT","type":"snapshot","data":[]}}"#)),
            Ok(kind)
        );
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::of(Market::Linear);
    check.give(&TICKER.replace("\"61873.90\"", "\"6_1\"").replace("\"62484.60\"", "6.2E+4")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert!(check.told()[0].starts_with("ask=61874.00") && check.told()[0].contains("open_24h=62000 "));
    check.give(&TICKER.replace("BTCUSDT", "FOOUSDT")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    let long = format!(
        r#"{{"topic":"publicTrade.BTCUSDT","data":[{{"s":"BTCUSDT","p":"{}","v":"1"}}]}}"#,
        "9".repeat(60)
    );
    check.give(&long).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
}

#[test]
fn garbage_is_refused_and_the_next_message_taken() {
    let mut check = Check::new();
    for text in [
        "",
        "pong",
        "[]",
        "{}",
        r#"{"topic":5}"#,
        r#"{"topic":"tickers.BTCUSDT","type":"snapshot"}"#,
        r#"{"topic":"tickers.BTCUSDT","type":"snapshot","data":{}}"#,
        r#"{"topic":"publicTrade.BTCUSDT","data":{}}"#,
        r#"{"topic":"orderbook.BTCUSDT","data":{"s":"BTCUSDT","b":[],"a":[],"u":1}}"#,
        r#"{"topic":"orderbook.1.BTCUSDT","data":{"s":"BTCUSDT","b":[["1"]],"a":[],"u":1}}"#,
        r#"{"topic":"orderbook.1.BTCUSDT","data":{"s":"BTCUSDT","b":[],"a":[],"u":123456789012345678901234567}}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.give(TICKER), Ok("tickers:snapshot"));
}

/// Numbers as a book may hold them, and such as it may not.
const NUMBERS: [&str; 10] =
    ["100.0", "101.50", "99", "0", "0.000", "", "x", "1e2", "-1", "0.00000000000000000000000000000000001"];

proptest! {
    /// A blank behind a message sends it to the parser, which takes it as it would take it without.
    #[test]
    fn both_ways_of_reading_books_agree(
        messages in vec(
            (0..3_usize, any::<bool>(), 1..8_u64, vec((0..10_usize, 0..10_usize), 0..4), vec((0..10_usize, 0..10_usize), 0..4), 0..4_usize),
            1..12,
        ),
    ) {
        let mut scanned = Check::new();
        let mut parsed = Check::new();
        for (depth, delta, u, bids, asks, times) in messages {
            let levels = |levels: &[(usize, usize)]| {
                let one = |(price, size): &(usize, usize)| format!(r#"["{}","{}"]"#, NUMBERS[*price], NUMBERS[*size]);
                levels.iter().map(one).collect::<Vec<_>>().join(",")
            };
            let kind = if delta { "delta" } else { "snapshot" };
            let native = if u == 7 { "FOOUSDT" } else { "BTCUSDT" };
            let cts = ["", r#","cts":1785088800140"#, r#","cts":0"#, r#","cts":9999999999999999999"#][times];
            let text = format!(
                r#"{{"topic":"orderbook.{}.{native}","type":"{kind}","ts":1785088800143,"data":{{"s":"{native}","b":[{}],"a":[{}],"u":{u},"seq":9}}{cts}}}"#,
                [1, 50, 1000][depth], levels(&bids), levels(&asks)
            );
            prop_assert!(scan::book(&text).is_some());
            prop_assert_eq!(scanned.give(&text), parsed.give(&format!("{text} ")));
            let said = |batch: &Batch| format!("{:?} {:?} {:?}", batch.updates, batch.replies, batch.ignored);
            prop_assert_eq!(said(&scanned.batch), said(&parsed.batch));
        }
    }
}

/// The two printed books of the fixtures and one of the documents take the short way.
#[test]
fn the_printed_books_need_no_parser() {
    let texts = include_str!("../../fixtures/single-nautilus.tsv");
    let books =
        texts.lines().filter_map(|line| line.split_once('\t')).filter(|(_, text)| text.contains("orderbook"));
    let read = books.map(|(_, text)| usize::from(scan::book(text).is_some())).collect::<Vec<_>>();
    assert_eq!(read, [0, 1, 1], "the first is the answer to a subscription");
}
