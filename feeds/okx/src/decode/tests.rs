//! Single v5 frames: each kind of message and each oddity.

use feed::Instruments;
use market::Symbol;
use testkit::proof::told;

use super::*;

struct Check {
    decoder: Okx5,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("OKX", 4);
        for (native, name) in [
            ("BTC-USDT", "BTC-USDT"),
            ("BTC-USDT-SWAP", "BTC-USDT-PERP"),
            ("BTC-USD-220624-50000-C", "BTC-USD-20220624-50000-C"),
        ] {
            instruments.add(native, Symbol::of_venue("OKX", name).unwrap());
        }
        instruments.close();
        Check { decoder: Okx5::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }

    /// A book message of BTC-USDT.
    fn book(
        &mut self,
        action: &str,
        bids: &str,
        asks: &str,
        more: &str,
    ) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"1626995783263"{more}}}]}}"#
        ))
    }

    fn bbo(&mut self, price: &str, seq: i64) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"arg":{{"channel":"bbo-tbt","instId":"BTC-USDT"}},"data":[{{"asks":[["8476.98","415","0","13"]],"bids":[["{price}","256","0","12"]],"ts":"1597026383085","seqId":{seq}}}]}}"#
        ))
    }
}

const SPOT: &str = r#"{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"29934","lastSz":"0.00001468","askPx":"29934.1","askSz":"0.30918743","bidPx":"29934","bidSz":"0.05181315","open24h":"31588.3","high24h":"31899.8","low24h":"29318.7","sodUtc0":"29806.5","sodUtc8":"30747","volCcy24h":"302140058.01215828","vol24h":"9935.14546361","ts":"1654166073135"}]}"#;
const SWAP: &str = r#"{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","last":"29963","lastSz":"2","askPx":"29960","askSz":"12","bidPx":"29959.9","bidSz":"431","open24h":"31589.3","high24h":"31907.2","low24h":"29302","sodUtc0":"29805","sodUtc8":"30753.7","volCcy24h":"108540.53","vol24h":"10854053","ts":"1654166233877"}]}"#;
const OPTION: &str = r#"{"arg":{"channel":"tickers","instId":"BTC-USD-220624-50000-C"},"data":[{"instType":"OPTION","instId":"BTC-USD-220624-50000-C","last":"0.0005","lastSz":"6","askPx":"0.0015","askSz":"330","bidPx":"","bidSz":"","open24h":"","high24h":"0.0005","low24h":"0.0005","volCcy24h":"0","vol24h":"0","ts":"1654166283149"}]}"#;
const TRADES: &str = r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"674510826","px":"95634.9","sz":"0.00011186","side":"buy","ts":"1740394561685","count":"1"},{"instId":"BTC-USDT","tradeId":"674510827","px":"95635.3","sz":"0.00011194","side":"sell","ts":"1740394561686"}]}"#;
const BID: &str = r#"["1.50","2","0","1"]"#;
const ASK: &str = r#"["1.60","3.0","0","1"]"#;

fn crc(text: &str) -> String {
    format!(r#","checksum":{}"#, crc32fast::hash(text.as_bytes()).cast_signed())
}

#[test]
fn a_spot_ticker_has_both_volumes() {
    let mut check = Check::new();
    assert_eq!(check.give(SPOT), Ok("tickers"));
    assert_eq!(
        check.told(),
        ["bid=29934 bid_size=0.05181315 ask=29934.1 ask_size=0.30918743 last=29934 last_size=0.00001468 \
          last_side= open_24h=31588.3 high_24h=31899.8 low_24h=29318.7 volume_24h=9935.14546361 \
          quote_volume_24h=302140058.01215828"]
    );
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event), (Source::Ticker, None));
}

/// A ticker made at 135 ms tells the last trade before it; a trade of 134 ms that comes after the ticker is no older than that.
#[test]
fn a_trade_that_comes_after_a_ticker_is_not_older_than_it() {
    let mut check = Check::new();
    check.give(SPOT).unwrap();
    assert!(check.told()[0].contains("last=29934 ") && check.batch.updates[0].1.ts_event.is_none());
    check.give(&TRADES.replace("1740394561685", "1654166073134")).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_654_166_073_134_000)));
    assert!(check.batch.updates[0].1.source > Source::Ticker);
    check.give(SPOT).unwrap();
    let told = check.batch.updates[0].1.ts_event;
    assert_eq!(told, Some(Micros(1_654_166_073_135_000)), "without a last price the time is of use");
}

#[test]
fn a_derivative_s_volume_in_base_currency_is_no_quote_volume() {
    let mut check = Check::new();
    check.give(SWAP).unwrap();
    assert!(check.told()[0].ends_with("volume_24h=10854053"), "{:?}", check.told());
}

#[test]
fn empty_text_is_absent_and_zero_is_not() {
    let mut check = Check::new();
    check.give(OPTION).unwrap();
    let told = &check.told()[0];
    assert!(told.starts_with("bid= bid_size= ask=0.0015 ask_size=330 last=0.0005"), "{told}");
    assert!(told.contains("open_24h= ") && told.ends_with("volume_24h=0"), "{told}");
}

#[test]
fn trades_are_told_one_by_one_and_silence_the_ticker_s_last() {
    let mut check = Check::new();
    assert_eq!(check.give(TRADES), Ok("trades"));
    assert_eq!(
        check.told(),
        [
            "last=95634.9 last_size=0.00011186 last_side=buy",
            "last=95635.3 last_size=0.00011194 last_side=sell"
        ]
    );
    check.give(SPOT).unwrap();
    assert!(!check.told()[0].contains("last="));
}

#[test]
fn bbo_tells_the_top_and_silences_ticker_and_book() {
    let mut check = Check::new();
    assert_eq!(check.bbo("8476.97", 123_456), Ok("bbo-tbt"));
    assert_eq!(check.told(), ["bid=8476.97 bid_size=256 ask=8476.98 ask_size=415"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.venue_seq, update.snapshot), (Source::Direct, Some(123_456), true));
    check.give(SPOT).unwrap();
    assert!(!check.told()[0].contains("bid="));
    check.book("snapshot", BID, ASK, "").unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.book("update", BID, ASK, r#","checksum":5"#).unwrap();
    assert_eq!((check.told().len(), check.batch.replies.len()), (0, 2), "repaired without a word");
}

#[test]
fn restarted_numbers_state_the_top_afresh() {
    let mut check = Check::new();
    check.bbo("1", 10).unwrap();
    check.bbo("2", 11).unwrap();
    assert!(!check.batch.updates[0].1.snapshot);
    check.bbo("3", 4).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "else it would be dropped as older");
    check.bbo("4", 5).unwrap();
    assert!(!check.batch.updates[0].1.snapshot);
}

#[test]
fn an_option_without_bids_has_an_empty_side() {
    let mut check = Check::new();
    check.give(r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USD-220624-50000-C"},"data":[{"asks":[["0.0015","8","0","1"]],"bids":[],"ts":"1654033343415"}]}"#).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask=0.0015 ask_size=8"]);
}

#[test]
fn a_book_tells_its_top_and_silences_the_ticker_s() {
    let mut check = Check::new();
    let more = crc("1.50:2:1.60:3.0");
    assert_eq!(check.book("snapshot", BID, ASK, &more), Ok("books:snapshot"));
    assert_eq!(check.told(), ["bid=1.50 bid_size=2 ask=1.60 ask_size=3.0"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    let more = crc("1.50:2:1.60:3.0:1.4:7");
    assert_eq!(check.book("update", r#"["1.4","7","0","1"]"#, "", &more), Ok("books:update"));
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    assert_eq!(check.decoder.checksums_matched(), 2);
    check.give(SPOT).unwrap();
    assert!(!check.told()[0].contains("bid="));
}

#[test]
fn one_flipped_digit_makes_the_symbol_suspect_before_anything_else_and_asks_again() {
    let mut check = Check::new();
    let more = crc("1.50:2:1.60:3.0");
    check.book("snapshot", BID, ASK, &more).unwrap();
    check.book("update", r#"["1.51","2","0","1"]"#, "", &more).unwrap();
    assert_eq!(check.told(), ["suspect/checksum"]);
    assert_eq!(
        check.batch.replies,
        [
            r#"{"args":[{"channel":"books","instId":"BTC-USDT"}],"op":"unsubscribe"}"#,
            r#"{"args":[{"channel":"books","instId":"BTC-USDT"}],"op":"subscribe"}"#
        ]
    );
    check.book("update", BID, "", &more).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.give(SPOT).unwrap();
    assert!(check.told()[0].starts_with("bid=29934 "), "meanwhile the ticker tells the top");
    check.book("snapshot", BID, ASK, &more).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

#[test]
fn a_missing_sequence_number_is_a_gap_also_where_the_checksum_is_a_constant_zero() {
    let mut check = Check::new();
    let seq = |prev: i64, seq: i64| format!(r#","checksum":0,"prevSeqId":{prev},"seqId":{seq}"#);
    check.book("snapshot", BID, ASK, &seq(-1, 10)).unwrap();
    check.book("update", r#"["1.51","2","0","1"]"#, "", &seq(10, 15)).unwrap();
    assert!(check.told()[0].starts_with("bid=1.51"));
    check.book("update", "", "", &seq(15, 15)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved], "keeps the connection alive");
    check.book("update", "", "", &seq(15, 3)).unwrap();
    check.book("update", "", "", &seq(3, 7)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved], "numbers were restarted, nothing is missing");
    check.book("update", "", "", &seq(8, 9)).unwrap();
    assert_eq!((check.told(), check.batch.replies.len()), (vec!["suspect/gap".to_owned()], 2));
    assert_eq!(check.decoder.checksums_matched(), 0);
}

#[test]
fn a_book_that_never_fits_ends_the_connection() {
    let mut check = Check::new();
    for _ in 0..feed::book::LOSSES_MAX {
        assert_eq!(check.book("snapshot", BID, ASK, r#","checksum":5"#), Ok("books:snapshot"));
        assert_eq!(check.told(), ["suspect/checksum"]);
    }
    let last = check.book("snapshot", BID, ASK, r#","checksum":5"#);
    assert_eq!(last, Err(DecodeError::Reconnect(Reason::Checksum)));
}

#[test]
fn an_unreadable_level_is_a_gap() {
    let mut check = Check::new();
    check.book("snapshot", BID, ASK, "").unwrap();
    check.book("update", r#"["","2"]"#, "", "").unwrap();
    assert_eq!(
        (check.told(), check.batch.ignored.as_slice()),
        (vec!["suspect/gap".to_owned()], &[Ignored::BadNumber][..])
    );
}

#[test]
fn five_levels_are_whole_each_time() {
    let mut check = Check::new();
    let text = r#"{"arg":{"channel":"books5","instId":"BTC-USDT"},"data":[{"asks":[["30221.8","0.00439","0","2"],["30223.5","1.12","0","1"]],"bids":[["30221.7","0.30608367","0","6"]],"instId":"BTC-USDT","ts":"1652671418459"}]}"#;
    assert_eq!(check.give(text), Ok("books5"));
    assert_eq!(check.told(), ["bid=30221.7 bid_size=0.30608367 ask=30221.8 ask_size=0.00439"]);
}

#[test]
fn a_second_book_channel_does_not_disturb_the_first() {
    let mut check = Check::new();
    check.book("snapshot", BID, ASK, "").unwrap();
    let text = r#"{"arg":{"channel":"books-l2-tbt","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[["9","9"]],"ts":"1"}]}"#;
    assert_eq!(check.give(text), Ok("books-l2-tbt:update"));
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn figures_of_a_contract() {
    let mut check = Check::new();
    let mark = r#"{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"42310.6","ts":"1630049139746"}]}"#;
    assert_eq!(check.give(mark), Ok("mark-price"));
    assert_eq!(check.told(), ["mark=42310.6"]);
    let funding = r#"{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"fundingRate":"0.0001534702159002","fundingTime":"1646323200000","instId":"BTC-USDT-SWAP","instType":"SWAP","nextFundingRate":""}]}"#;
    assert_eq!(check.give(funding), Ok("funding-rate"));
    assert_eq!(check.told(), ["funding_rate=0.0001534702159002"]);
    let index = r#"{"arg":{"channel":"index-tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","idxPx":"30052.2","high24h":"1","ts":"1630049139746"}]}"#;
    assert_eq!(check.give(index), Ok("index-tickers"));
    assert_eq!(check.told(), ["index=30052.2"]);
    assert_eq!(check.batch.updates[0].0, InstrumentId(1), "the perpetual, not the spot pair of that name");
}

#[test]
fn events_are_named_and_refusals_told() {
    let mut check = Check::new();
    assert_eq!(check.give("pong"), Ok("pong"));
    let ack = r#"{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#;
    assert_eq!(check.give(ack), Ok("event:subscribe"));
    let error = r#"{"event":"error","arg":{"channel":"tickers","instId":"BTC-USDT"},"code":"60018","msg":"Wrong URL or channel","connId":"a"}"#;
    assert_eq!(check.give(error), Ok("event:error"));
    assert_eq!(check.batch.refused, [(Some(InstrumentId(0)), "60018 Wrong URL or channel".to_owned())]);
    assert_eq!(check.give(r#"{"event":"error","code":"60012","msg":"Invalid request"}"#), Ok("event:error"));
    assert_eq!(check.batch.refused, [(None, "60012 Invalid request".to_owned())]);
    let count = r#"{"event":"channel-conn-count-error","channel":"orders","connCount":"30","connId":"a"}"#;
    assert_eq!(check.give(count), Ok("event:channel-conn-count-error"));
    assert_eq!(check.batch.refused.len(), 1);
    let notice = r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade."}"#;
    assert_eq!(check.give(notice), Err(DecodeError::Reconnect(Reason::Venue)));
    assert_eq!(check.give(r#"{"event":"notice","code":"1","msg":"x"}"#), Ok("event:notice"));
    assert_eq!(check.give(r#"{"event":"login"}"#), Ok("event:other"));
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    check
        .give(
            &SPOT
                .replace("\"29934\"", "\"2_9\"")
                .replace("\"31588.3\"", "1E+2")
                .replace("\"29318.7\"", "null"),
        )
        .unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber, Ignored::BadNumber], "bid and last");
    let told = &check.told()[0];
    assert!(told.starts_with("ask=29934.1") && !told.contains("last=") && !told.contains("bid="), "{told}");
    assert!(told.contains("open_24h=100 ") && told.contains("low_24h= "), "{told}");
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.give(&SPOT.replace("BTC-USDT", "FOO-BAR")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    for (channel, kind) in [("candle1m", "candle"), ("open-interest", "other")] {
        assert_eq!(check.give(&SPOT.replace("tickers", channel)), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    for text in [
        "",
        "ping",
        "[]",
        "{}",
        r#"{"code":"0","msg":"","data":[]}"#,
        r#"{"arg":{"channel":"tickers"}}"#,
        r#"{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":{}}"#,
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[]}"#,
        r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["1"]],"bids":[]}]}"#,
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[],"checksum":"5"}]}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    assert_eq!(check.give(SPOT), Ok("tickers"));
}
