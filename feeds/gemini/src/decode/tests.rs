//! Single frames of both interfaces: each kind of message and each oddity.

use feed::Instruments;
use market::{Status, Symbol};
use testkit::proof::told;

use super::*;

struct Check {
    decoder: Gemini,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("GEMINI", 4);
        for (native, name) in [("BTCUSD", "BTC-USD"), ("BTCGUSDPERP", "BTC-GUSD-PERP")] {
            instruments.add(native, Symbol::of_venue("GEMINI", name).unwrap());
        }
        instruments.close();
        Check { decoder: Gemini::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn best(&mut self, number: u64, sides: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(r#"{{"u":{number},"E":1789456740173524809,"s":"btcusd",{sides}}}"#))
    }

    fn change(&mut self, first: u64, last: u64, bids: &str, asks: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"e":"depthUpdate","E":1789456742337187316,"s":"btcusd","U":{first},"u":{last},"b":[{bids}],"a":[{asks}]}}"#
        ))
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

const SIDES: &str = r#""b":"77401.500","B":"0.1000","a":"77402.000","A":"0.2""#;
const L2: &str = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","302.75","0.00001"],["buy","302.32","2.4"],["sell","303.33","10.5"]],"trades":[{"type":"trade","symbol":"BTCUSD","event_id":9,"timestamp":1624493651491,"price":"302.53","quantity":"0.99","side":"buy"},{"type":"trade","symbol":"BTCUSD","event_id":7,"timestamp":1624493651000,"price":"1","quantity":"1","side":"sell"}],"auction_events":[]}"#;

#[test]
fn a_book_ticker_tells_the_top() {
    let mut check = Check::new();
    assert_eq!(check.best(10, SIDES), Ok("bookTicker"));
    assert_eq!(check.told(), ["bid=77401.500 bid_size=0.1000 ask=77402.000 ask_size=0.2"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.venue_seq, update.snapshot), (Source::Direct, Some(10), true));
    check.best(10, SIDES).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate]);
    check.best(12, SIDES).unwrap();
    assert!(!check.batch.updates[0].1.snapshot);
    check.best(3, SIDES).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "restarted numbers, else it would be dropped as older");
}

/// Reported of the current interface, where the times of frames exceed 2^53: `1789456740173524809`.
#[test]
fn nanoseconds_beyond_53_bits_are_exact() {
    let mut check = Check::new();
    check.best(10, SIDES).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_789_456_740_173_524)));
}

/// Reported of the current interface: `""` where nobody bids; in the reference such a side is optional.
#[test]
fn a_side_that_is_empty_or_left_out_or_zero_is_absent() {
    for bid in [r#""b":"","B":"","#, r#""b":"0.000","B":"0.0000","#, r#""b":"","B":"0.7","#, ""] {
        let mut check = Check::new();
        check.best(10, &format!(r#"{bid}"a":"77402.000","A":"0.2""#)).unwrap();
        assert_eq!(check.told(), ["bid= bid_size= ask=77402.000 ask_size=0.2"], "{bid}");
    }
}

#[test]
fn the_last_trade_of_a_book_ticker_stands_until_a_trade_came() {
    let mut check = Check::new();
    let sides = format!(r#"{SIDES},"c":"77400.5","C":"0.3""#);
    check.best(10, &sides).unwrap();
    assert_eq!(check.told()[1], "last=77400.5 last_size=0.3 last_side=");
    let (_, last) = &check.batch.updates[1];
    assert_eq!(
        (last.source, last.ts_event),
        (Source::Ticker, None),
        "no time by which a trade could look old"
    );
    let trade =
        r#"{"E":1789456740173524809,"s":"btcusd","t":2840140956529623,"p":"77401.1","q":"0.5","m":true}"#;
    assert_eq!(check.give(trade), Ok("trade"));
    assert_eq!(check.told(), ["last=77401.1 last_size=0.5 last_side=sell"], "the buyer was the maker");
    check.best(11, &sides).unwrap();
    assert_eq!(check.told().len(), 1);
}

#[test]
fn the_levels_of_each_second_are_told_when_they_are_newer() {
    let mut check = Check::new();
    let levels = |number: u64| {
        format!(
            r#"{{"lastUpdateId":{number},"symbol":"btcusd","bids":[["77401.5","1"],["77400","2"]],"asks":[["77402","3"]]}}"#
        )
    };
    assert_eq!(check.give(&levels(10)), Ok("depth"));
    assert_eq!(check.told(), ["bid=77401.5 bid_size=1 ask=77402 ask_size=3"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.give(&levels(10)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate]);
    assert_eq!(check.batch.heard, [InstrumentId(0)], "a sign of life");
    check.best(20, SIDES).unwrap();
    check.give(&levels(15)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "older than what bookTicker said");
    check.give(&levels(21)).unwrap();
    assert_eq!(check.told().len(), 1, "bookTicker may have been lost");
}

/// The ids of all symbols come from one range: a symbol's `u` jumps between its own frames, and only `U` tells a gap.
#[test]
fn changes_chain_by_the_number_before_and_not_by_one() {
    let mut check = Check::new();
    assert_eq!(check.change(100, 105, r#"["1","1"]"#, ""), Ok("depthUpdate"));
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot], "the connection asked for no book");
    check.change(110, 110, r#"["7.487000","140.4"],["7.479","570.5"]"#, r#"["7.503000","142.6"]"#).unwrap();
    assert_eq!(check.told(), ["bid=7.487000 bid_size=140.4 ask=7.503000 ask_size=142.6"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.change(110, 250, r#"["7.487","0.000"]"#, "").unwrap();
    assert_eq!(check.told(), ["bid=7.479 bid_size=570.5 ask=7.503000 ask_size=142.6"]);
    check.change(110, 250, r#"["7.487","0.000"]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "two streams of one symbol repeat each other");
    check.change(251, 260, r#"["7.6","1"]"#, "").unwrap();
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Gap)));
    assert_eq!(
        check.batch.replies,
        [
            r#"{"id":"btcusd@depth@100ms","method":"unsubscribe","params":["btcusd@depth@100ms"]}"#,
            r#"{"id":"btcusd@depth@100ms","method":"subscribe","params":["btcusd@depth@100ms"]}"#
        ]
    );
    check.change(260, 270, r#"["7.6","1"]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.change(280, 280, r#"["7.5","1"]"#, r#"["7.6","1"]"#).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
    check.best(300, SIDES).unwrap();
    check.change(290, 310, r#"["7.5","2"]"#, "").unwrap();
    assert_eq!(
        (check.told().len(), check.batch.replies.len()),
        (0, 2),
        "repaired without a word behind bookTicker"
    );
}

#[test]
fn marks_of_both_interfaces() {
    let mut check = Check::new();
    let mark =
        r#"{"e":"markPrice","E":1789456746446652397,"s":"btcgusdperp","p":"77303.727","i":"7725880.833"}"#;
    assert_eq!(check.give(mark), Ok("markPrice"));
    assert_eq!(check.told(), ["mark=77303.727"], "the index is off by an unpublished power of ten");
    let funding = r#"{"e":"fundingAmount","E":1789459200000000000,"s":"btcgusdperp","T":1789459200000000000,"i":60,"f":"7.90688","r":"0.01000","p":"77302.223","R":false}"#;
    assert_eq!(check.give(funding), Ok("fundingAmount"));
    assert_eq!(check.told(), ["mark=77302.223"]);
    let mark = r#"{"changes":[{"mark_price":"77233.302","spot_index":"77188.41867","timestamp":1789456071687541147}],"symbol":"BTCGUSDPERP","type":"mark_price_updates"}"#;
    assert_eq!(check.give(mark), Ok("mark_price_updates"));
    assert_eq!(check.told(), ["mark=77233.302 index=77188.41867"]);
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_789_456_071_687_541)));
    let funding = r#"{"changes":[{"funding_amount":"9.25568","funding_rate":"0.011","is_realized":false,"mark_price":"77260.531","timestamp":1789456071687573598}],"symbol":"BTCGUSDPERP","type":"funding_amount_updates"}"#;
    assert_eq!(check.give(funding), Ok("funding_amount_updates"));
    assert_eq!(check.told(), ["mark=77260.531"]);
}

/// Seen in the recording of 2021-06-23: the first message of each symbol has its last 50 trades, newest first, some of them
/// days old.
#[test]
fn trades_that_begin_a_subscription_are_history() {
    let mut check = Check::new();
    assert_eq!(check.give(L2), Ok("l2_updates"));
    assert_eq!(
        check.told(),
        ["bid=302.75 bid_size=0.00001 ask=303.33 ask_size=10.5", "last=302.53 last_size=0.99 last_side=buy"]
    );
    let (book, trade) = (&check.batch.updates[0].1, &check.batch.updates[1].1);
    assert_eq!((book.source, book.snapshot, book.ts_event), (Source::Book, true, None));
    assert_eq!((trade.source, trade.ts_event), (Source::History, Some(Micros(1_624_493_651_491_000))));
}

#[test]
fn changes_of_v2_follow_their_book() {
    let mut check = Check::new();
    let change =
        r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","302.75","0"],["sell","303.0","1"]]}"#;
    check.give(change).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.give(L2).unwrap();
    check.give(change).unwrap();
    assert_eq!(check.told(), ["bid=302.32 bid_size=2.4 ask=303.0 ask_size=1"]);
    check.give(change).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    let broken = change.replace("303.0", "3_0");
    assert_eq!(check.give(&broken), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap"], "before the new connection");
}

#[test]
fn a_trade_of_v2() {
    let mut check = Check::new();
    let trade = r#"{"type":"trade","symbol":"BTCUSD","event_id":45465818387,"timestamp":1624493670759,"price":"0.07946","quantity":"1020.482111","side":"buy"}"#;
    assert_eq!(check.give(trade), Ok("trade"));
    assert_eq!(check.told(), ["last=0.07946 last_size=1020.482111 last_side=buy"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event), (Source::Direct, Some(Micros(1_624_493_670_759_000))));
}

#[test]
fn answers_and_refusals_are_told_apart() {
    let mut check = Check::new();
    assert_eq!(check.give(r#"{"id":"btcusd","status":200}"#), Ok("ack"));
    assert_eq!(check.give(r#"{"id":7,"status":200,"rateLimits":[]}"#), Ok("ack"));
    assert_eq!(check.give(r#"{"type":"heartbeat","timestamp":1624493666869}"#), Ok("heartbeat"));
    assert!(check.batch.updates.is_empty() && check.batch.refused.is_empty());
    let refused = r#"{"id":"btcusd","status":400,"error":{"code":-1013,"msg":"Invalid stream name: btcusd@bookTicker"}}"#;
    assert_eq!(check.give(refused), Ok("error"));
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(0)), "-1013 Invalid stream name: btcusd@bookTicker".to_owned())]
    );
    check.give(&refused.replace("\"id\":\"btcusd\"", "\"id\":\"btcgusdperp@markPrice\"")).unwrap();
    assert!(check.batch.refused.is_empty(), "a quote without a mark is still a quote");
    assert_eq!(check.give(r#"{"reason":"NoValidTradingPairs","result":"error"}"#), Ok("error"));
    assert_eq!(check.batch.refused, [(None, "NoValidTradingPairs".to_owned())]);
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    let huge = "9".repeat(60);
    for sides in
        [format!(r#""b":"{huge}","B":"1""#), r#""b":[1],"B":"1""#.to_owned(), r#""b":"1","B":"x""#.to_owned()]
    {
        check.best(10, &sides).unwrap();
        assert_eq!(
            (check.told().len(), check.batch.ignored.as_slice()),
            (0, &[Ignored::BadNumber][..]),
            "{sides}"
        );
    }
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    let long = "x".repeat(100);
    for symbol in ["ethusd", &long] {
        check.give(&format!(r#"{{"u":1,"s":"{symbol}",{SIDES}}}"#)).unwrap();
        assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    }
    for (text, kind) in [
        (r#"{"type":"candles_1m_updates","symbol":"BTCUSD","changes":[]}"#, "candles"),
        (r#"{"type":"auction_open","symbol":"BTCUSD"}"#, "other"),
        (r#"{"e":"executionReport","s":"btcusd"}"#, "other"),
    ] {
        assert_eq!(check.give(text), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"type":"trade","symbol":"BTCUSD"}"#,
        r#"{"type":"l2_updates","symbol":"BTCUSD"}"#,
        r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy"]]}"#,
        r#"{"e":"depthUpdate","s":"btcusd","u":"x"}"#,
        r#"{"lastUpdateId":1,"symbol":"btcusd"}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check.best(10, &format!(r#""b":{deep},"B":"1""#)).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
    assert!(check.give(&format!(r#"{{"type":"l2_updates","symbol":"BTCUSD","changes":{deep}}}"#)).is_err());
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
}
