//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;
use testkit::proof::told;

use super::*;

struct Check {
    decoder: KrakenFuturesDecoder,
    batch: Batch,
}

const XBT: InstrumentId = InstrumentId(0);

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("KRAKEN_FUTURES", 2);
        for (native, name) in [("PI_XBTUSD", "PI_XBTUSD"), ("PF_ETHUSD", "ETH-USD-PERP")] {
            instruments.add(native, Symbol::of_venue("KRAKEN_FUTURES", name).unwrap());
        }
        instruments.close();
        Check { decoder: KrakenFuturesDecoder::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// A message of PI_XBTUSD.
    fn of(&mut self, feed: &str, more: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(r#"{{"feed":"{feed}","product_id":"PI_XBTUSD",{more}}}"#))
    }

    fn book(&mut self, seq: u64) -> Result<&'static str, DecodeError> {
        self.of(
            "book_snapshot",
            &format!(
                r#""timestamp":1612269825817,"seq":{seq},"tickSize":null,"bids":[{BIDS}],"asks":[{ASKS}]"#
            ),
        )
    }

    fn change(&mut self, side: &str, seq: u64, price: &str, qty: &str) -> Result<&'static str, DecodeError> {
        self.of(
            "book",
            &format!(r#""side":"{side}","seq":{seq},"price":{price},"qty":{qty},"timestamp":1612269953629"#),
        )
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

const BIDS: &str = r#"{"price":34892.5,"qty":6385},{"price":34892,"qty":0},{"price":34891.5,"qty":100}"#;
const ASKS: &str = r#"{"price":34911.5,"qty":0},{"price":34912,"qty":2300}"#;
const TOP: &str = "bid=34892.5 bid_size=6385 ask=34912 ask_size=2300";
const TICKER: &str = r#""time":1676393235406,"funding_rate":-6.2604214e-11,"relative_funding_rate":-1.380384722222e-6,"bid":21978.5,"ask":21987.0,"bid_size":2536.0,"ask_size":13948.0,"volume":31403908.0,"index":21984.54,"last":21983.5,"change":1.9974017538161748,"suspended":false,"tag":"perpetual","pair":"XBT:USD","markPrice":21979.68641534714,"volumeQuote":31403908.0,"open":21968.5,"high":22123.0,"low":21456.0"#;
const TRADE: &str = r#""uid":"05af78ac","side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5"#;
const HISTORY: &str = r#""trades":[{"feed":"trade","side":"sell","seq":655508,"time":1612269657781,"qty":440,"price":21983.5},{"feed":"trade","side":"buy","seq":655507,"time":1612269656839,"qty":9643,"price":34891}]"#;

#[test]
fn a_ticker_tells_everything_until_better_feeds_speak() {
    let mut check = Check::new();
    assert_eq!(check.of("ticker", TICKER), Ok("ticker"));
    assert_eq!(
        check.told(),
        [
            "live/confirmed bid=21978.5 bid_size=2536.0 ask=21987.0 ask_size=13948.0 volume_24h=31403908.0 \
             mark=21979.68641534714 index=21984.54 funding_rate=-0.000001380384722222",
            "last=21983.5 last_size= last_side="
        ]
    );
    let updates = &check.batch.updates;
    assert_eq!(updates[0].1.ts_event, Some(Micros(1_676_393_235_406_000)));
    assert_eq!(updates[1].1.ts_event, None, "the ticker's time is not the trade's");
}

/// Seen in the recording of 2021-07-22: `change` with 16 digits is dust of a float, and `ticker_lite` has no sizes.
#[test]
fn a_lite_ticker_has_no_sizes_and_counts_while_no_ticker_and_no_book_came() {
    let mut check = Check::new();
    let lite = r#""bid":439.3,"ask":439.6,"change":2.640803926150981,"premium":0.3,"volume":3413476.0,"tag":"month","pair":"BCH:USD","dtm":7,"maturityTime":1627657200000"#;
    assert_eq!(check.of("ticker_lite", lite), Ok("ticker_lite"));
    assert_eq!(check.told(), ["bid=439.3 bid_size= ask=439.6 ask_size= volume_24h=3413476.0"]);
    check.of("ticker", TICKER).unwrap();
    check.of("ticker_lite", lite).unwrap();
    assert_eq!(check.told(), ["volume_24h=3413476.0"]);
    let mut check = Check::new();
    check.book(1).unwrap();
    check.of("ticker_lite", lite).unwrap();
    assert_eq!(check.told(), ["volume_24h=3413476.0"]);
    check.of("ticker", TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="), "throttled to one a second, so older than the book");
}

#[test]
fn a_funding_rate_that_is_left_out_is_zero_for_a_perpetual_only() {
    let mut check = Check::new();
    check.of("ticker", r#""tag":"perpetual","index":1.0"#).unwrap();
    assert_eq!(check.told(), ["index=1.0 funding_rate=0"]);
    check.of("ticker", r#""tag":"quarter","index":1.0"#).unwrap();
    assert_eq!(check.told(), ["index=1.0"]);
}

#[test]
fn null_is_absent_and_a_missing_figure_tells_nothing() {
    let mut check = Check::new();
    check
        .of("ticker", r#""bid":null,"ask":0.0,"ask_size":0.0,"bid_size":null,"last":null,"volume":0.0"#)
        .unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size= volume_24h=0.0", "last= last_size= last_side="]);
}

#[test]
fn a_suspension_is_told_once_and_ends_by_the_venue_s_word() {
    let mut check = Check::new();
    let suspended = TICKER.replace(r#""suspended":false"#, r#""suspended":true"#);
    check.of("ticker", &suspended).unwrap();
    assert!(check.told()[0].starts_with("halted/venue "));
    check.of("ticker", &suspended).unwrap();
    assert!(check.told()[0].starts_with("bid="));
    check.of("ticker", TICKER).unwrap();
    assert!(check.told()[0].starts_with("live/confirmed "));
}

#[test]
fn a_quantity_of_zero_is_no_level_in_a_snapshot_either() {
    let mut check = Check::new();
    assert_eq!(check.book(326_072_249), Ok("book_snapshot"));
    assert_eq!(check.told(), [TOP]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
}

#[test]
fn a_book_follows_its_numbers_and_a_missing_one_makes_the_symbol_suspect() {
    let mut check = Check::new();
    check.change("buy", 4, "1", "1").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.book(10).unwrap();
    assert_eq!(check.change("sell", 11, "34911", "7.0"), Ok("book"));
    assert_eq!(check.told(), ["bid=34892.5 bid_size=6385 ask=34911 ask_size=7.0"]);
    check.change("buy", 12, "34000", "7").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.change("sell", 13, "34911.0", "0").unwrap();
    assert_eq!(check.told(), [TOP]);
    check.change("buy", 15, "34900", "1").unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    assert_eq!(
        check.batch.replies,
        ["unsubscribe", "subscribe"]
            .map(|event| format!(r#"{{"event":"{event}","feed":"book","product_ids":["PI_XBTUSD"]}}"#))
    );
    check.change("buy", 16, "34900", "1").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.of("ticker", TICKER).unwrap();
    assert!(check.told()[0].contains("bid=21978.5 "), "meanwhile the ticker tells the top");
    check.book(20).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
    check.change("buy", 20, "34900", "1").unwrap();
    assert_eq!(check.told(), ["suspect/gap"], "a repeated number is no next one");
}

#[test]
fn a_book_that_never_fits_ends_the_connection() {
    let mut check = Check::new();
    for _ in 0..feed::book::LOSSES_MAX {
        check.book(10).unwrap();
        assert_eq!(check.change("buy", 99, "1", "1"), Ok("book"));
    }
    check.book(10).unwrap();
    assert_eq!(check.change("buy", 99, "1", "1"), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap"], "told before the error");
}

#[test]
fn what_a_change_does_not_say_clearly_is_a_gap() {
    for (side, price, qty) in [("both", "1", "1"), ("buy", "null", "1"), ("buy", "1", "\"x\"")] {
        let mut check = Check::new();
        check.book(10).unwrap();
        check.change(side, 11, price, qty).unwrap();
        assert_eq!(check.told(), ["suspect/gap"], "{side} {price} {qty}");
    }
}

#[test]
fn history_is_one_trade_and_a_trade_silences_the_ticker_s_last() {
    let mut check = Check::new();
    assert_eq!(check.of("trade_snapshot", HISTORY), Ok("trade_snapshot"));
    assert_eq!(check.told(), ["last=21983.5 last_size=440 last_side=sell"], "the newest, which comes first");
    assert_eq!(check.batch.updates[0].1.source, Source::History);
    check.of("ticker", TICKER).unwrap();
    assert_eq!(check.told()[1], "last=21983.5", "the same trade: its size and side stand");
    check.of("ticker", &TICKER.replace("21983.5", "21999")).unwrap();
    assert_eq!(check.told()[1], "last=21999 last_size= last_side=", "another one");
    assert_eq!(check.of("trade", TRADE), Ok("trade"));
    assert_eq!(check.told(), ["last=34969.5 last_size=15000 last_side=sell"]);
    check.of("ticker", TICKER).unwrap();
    assert_eq!(check.told().len(), 1);
    check.of("trade_snapshot", r#""trades":[]"#).unwrap();
    assert!(check.told().is_empty());
}

#[test]
fn events_are_named_and_refusals_told() {
    let mut check = Check::new();
    for (text, kind) in [
        (r#"{"event":"info","version":1}"#, "event:info"),
        (r#"{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD"]}"#, "event:subscribed"),
        (r#"{"event":"unsubscribed","feed":"book","product_ids":["PI_XBTUSD"]}"#, "event:unsubscribed"),
        (r#"{"feed":"heartbeat","time":1534262350627}"#, "heartbeat"),
    ] {
        assert_eq!(check.give(text), Ok(kind));
        assert!(check.batch.refused.is_empty() && check.batch.ignored.is_empty());
    }
    let failed = r#"{"event":"subscribed_failed","feed":"book","product_ids":["PI_XBTUSD","PI_NOPE"]}"#;
    assert_eq!(check.give(failed), Ok("event:subscribed_failed"));
    let why = || "subscribed_failed book".to_owned();
    assert_eq!(check.batch.refused, [(Some(XBT), why()), (None, why())]);
    assert_eq!(check.give(r#"{"event":"error","message":"Invalid product id"}"#), Ok("event:error"));
    assert_eq!(check.batch.refused, [(None, "Invalid product id".to_owned())]);
    assert_eq!(check.give(r#"{"event":"alert","message":"Bad request"}"#), Ok("event:alert"));
    assert_eq!(check.give(r#"{"event":"challenge","message":"1"}"#), Ok("event:other"));
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    let digits = "1".repeat(40);
    check
        .of(
            "ticker",
            &format!(r#""bid":{digits},"bid_size":1,"ask":"1_0","ask_size":1,"volume":1e400,"index":2.0"#),
        )
        .unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber; 3]);
    assert_eq!(check.told(), ["index=2.0"]);
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.give(&format!(r#"{{"feed":"trade","product_id":"PI_NOPE",{TRADE}}}"#)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    assert_eq!(check.of("open_positions", r#""balance":1"#), Ok("other"));
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "pong",
        "[]",
        "{}",
        r#"{"feed":"book"}"#,
        r#"{"feed":"book_snapshot","product_id":"PI_XBTUSD"}"#,
        r#"{"feed":"trade","product_id":"PI_XBTUSD"}"#,
        r#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD"}"#,
        r#"{"feed":"book","product_id":"PI_XBTUSD","side":"buy","seq":123456789012345678901234567,"price":1,"qty":1}"#,
        r#"{"feed":"book","product_id":7}"#,
        deep.as_str(),
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text:.200}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.of("trade", TRADE), Ok("trade"), "and the next one is read");
}
