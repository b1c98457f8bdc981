//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;
use testkit::proof::told;

use super::*;

struct Check {
    decoder: CoinbaseAdvancedDecoder,
    batch: Batch,
}

const BTC: InstrumentId = InstrumentId(0);

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("COINBASE_ADVANCED", 2);
        for name in ["BTC-USD", "ETH-USD"] {
            instruments.add(name, Symbol::of_venue("COINBASE_ADVANCED", name).unwrap());
        }
        instruments.close();
        Check { decoder: CoinbaseAdvancedDecoder::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// A message without a number.
    fn channel(&mut self, channel: &str, event: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-04-07T14:30:01.456789012Z","events":[{event}]}}"#
        ))
    }

    /// A numbered message.
    fn numbered(&mut self, number: u64, channel: &str, event: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"channel":"{channel}","timestamp":"2026-04-07T14:30:01Z","sequence_num":{number},"events":[{event}]}}"#
        ))
    }

    fn trades(&mut self, kind: &str, trades: &[(u64, &str)]) -> Result<&'static str, DecodeError> {
        let of = |(id, price): &(u64, &str)| {
            format!(
                r#"{{"trade_id":"{id}","product_id":"BTC-USD","price":"{price}","size":"0.5","side":"SELL","time":"2026-04-07T14:30:00.5Z"}}"#
            )
        };
        let all: Vec<String> = trades.iter().map(of).collect();
        self.channel("market_trades", &format!(r#"{{"type":"{kind}","trades":[{}]}}"#, all.join(",")))
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

fn level(side: &str, price: &str, quantity: &str) -> String {
    format!(
        r#"{{"side":"{side}","event_time":"2026-04-07T14:30:00Z","price_level":"{price}","new_quantity":"{quantity}"}}"#
    )
}

fn book(kind: &str, levels: &[(&str, &str, &str)]) -> String {
    let levels: Vec<String> = levels.iter().map(|(side, price, size)| level(side, price, size)).collect();
    format!(r#"{{"type":"{kind}","product_id":"BTC-USD","updates":[{}]}}"#, levels.join(","))
}

/// Not in the order of prices, as nobody promises one.
fn whole() -> String {
    book(
        "snapshot",
        &[
            ("bid", "68899.50", "0.75"),
            ("bid", "68900.00", "1.50"),
            ("offer", "68901.50", "1.2"),
            ("offer", "68901.00", "0.5"),
        ],
    )
}

fn ticker(more: &str) -> String {
    format!(r#"{{"type":"update","tickers":[{{"type":"ticker","product_id":"BTC-USD"{more}}}]}}"#)
}

const TOP: &str = "bid=68900.00 bid_size=1.50 ask=68901.00 ask_size=0.5";
const FIGURES: &str = r#","price":"68900.50","volume_24_h":"15328.12345678","low_24_h":"67500.00","high_24_h":"69200.00","low_52_w":"25000.00","price_percent_chg_24_h":"1.85","best_bid":"68900.00","best_bid_quantity":"1.50000000","best_ask":"68901.00","best_ask_quantity":"0.50000000""#;

#[test]
fn a_ticker_tells_everything_until_better_channels_speak() {
    let mut check = Check::new();
    assert_eq!(check.channel("ticker", &ticker(FIGURES)), Ok("ticker"));
    assert_eq!(
        check.told(),
        [
            "bid=68900.00 bid_size=1.50000000 ask=68901.00 ask_size=0.50000000 high_24h=69200.00 \
             low_24h=67500.00 volume_24h=15328.12345678",
            "last=68900.50 last_size= last_side="
        ]
    );
    let updates = &check.batch.updates;
    assert_eq!(updates[0].1.ts_event, Some(Micros(1_775_572_201_456_789)), "nine digits of a second");
    assert_eq!(updates[1].1.ts_event, None, "the ticker's time is not the trade's");
    // Without best bid and ask.
    assert_eq!(
        check.channel("ticker_batch", &ticker(r#","price":"1.0","volume_24_h":"2""#)),
        Ok("ticker_batch")
    );
    assert_eq!(check.told(), ["volume_24h=2", "last=1.0 last_size= last_side="]);
}

#[test]
fn empty_null_and_zero_prices_are_absent_and_a_zero_volume_is_not() {
    let mut check = Check::new();
    let nothing = r#","price":"0","volume_24_h":"0","low_24_h":"0","high_24_h":"","best_bid":"0","best_bid_quantity":"0","best_ask":"","best_ask_quantity":null"#;
    check.channel("ticker", &ticker(nothing)).unwrap();
    assert_eq!(
        check.told(),
        ["bid= bid_size= ask= ask_size= high_24h= low_24h= volume_24h=0", "last= last_size= last_side="]
    );
}

/// The trap of a ticker that is older than the book: it comes with trades only.
#[test]
fn a_book_tells_its_top_and_silences_the_ticker_s() {
    let mut check = Check::new();
    let change = book("update", &[("bid", "68900.50", "2"), ("offer", "68901.00", "0.00000000")]);
    check.channel("l2_data", &change).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    assert_eq!(check.channel("l2_data", &whole()), Ok("l2_data"));
    assert_eq!(check.told(), [TOP]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    check.channel("l2_data", &change).unwrap();
    assert_eq!(check.told(), ["bid=68900.50 bid_size=2 ask=68901.50 ask_size=1.2"]);
    check.channel("l2_data", &book("update", &[("bid", "1", "1")])).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.channel("ticker", &ticker(FIGURES)).unwrap();
    assert!(check.told()[0].starts_with("high_24h="), "{:?}", check.told());
}

#[test]
fn a_jump_of_the_numbers_makes_every_book_suspect_and_asks_for_a_new_connection() {
    let mut check = Check::new();
    check.numbered(0, "l2_data", &whole()).unwrap();
    check.numbered(1, "subscriptions", "{}").unwrap();
    for number in 2..6 {
        assert_eq!(check.numbered(number, "heartbeats", "{}"), Ok("heartbeats"));
    }
    let trades = r#"{"type":"update","trades":[{"trade_id":"7","product_id":"BTC-USD","price":"1","size":"2","side":"BUY","time":"2026-04-07T14:30:02Z"}]}"#;
    assert_eq!(check.numbered(7, "market_trades", trades), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(
        check.told(),
        ["suspect/gap", "last=1 last_size=2 last_side=buy"],
        "suspect before anything else"
    );
    let change = book("update", &[("bid", "68900.50", "2")]);
    check.numbered(8, "l2_data", &change).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.numbered(9, "l2_data", &whole()).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

#[test]
fn an_unreadable_level_ends_the_connection() {
    for (side, quantity) in [("bid", "x"), ("both", "1"), ("bid", "")] {
        let mut check = Check::new();
        check.channel("l2_data", &whole()).unwrap();
        let broken = book("update", &[(side, "1", quantity)]);
        assert_eq!(check.channel("l2_data", &broken), Err(DecodeError::Reconnect(Reason::Gap)));
        assert_eq!(check.told(), ["suspect/gap"]);
        assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    }
}

#[test]
fn trades_are_told_in_the_order_of_their_numbers() {
    for order in [[(5, "1.0"), (6, "2.0")], [(6, "2.0"), (5, "1.0")]] {
        let mut check = Check::new();
        assert_eq!(check.trades("update", &order), Ok("market_trades"));
        assert_eq!(
            check.told(),
            ["last=1.0 last_size=0.5 last_side=sell", "last=2.0 last_size=0.5 last_side=sell"]
        );
        assert_eq!(check.batch.updates[1].1.ts_event, Some(Micros(1_775_572_200_500_000)));
    }
}

#[test]
fn trades_of_a_snapshot_are_history_and_only_the_newest_is_told() {
    let mut check = Check::new();
    check.trades("snapshot", &[(5, "1.0"), (6, "68900.50"), (4, "3.0")]).unwrap();
    assert_eq!(check.told(), ["last=68900.50 last_size=0.5 last_side=sell"]);
    assert_eq!(check.batch.updates[0].1.source, Source::History);
    check.channel("ticker", &ticker(FIGURES)).unwrap();
    assert_eq!(check.told()[1], "last=68900.50", "the same trade: its size and side stand");
    check.channel("ticker", &ticker(r#","price":"5""#)).unwrap();
    assert_eq!(check.told(), ["last=5 last_size= last_side="], "another one");
    check.trades("update", &[(7, "4.0")]).unwrap();
    check.channel("ticker", &ticker(r#","price":"6""#)).unwrap();
    assert!(check.told().is_empty(), "trades tell the last one from now on");
}

#[test]
fn a_halt_is_told_once_and_ends_by_the_venue_s_word() {
    let mut check = Check::new();
    let status = |word: &str| {
        format!(
            r#"{{"type":"snapshot","products":[{{"product_type":"SPOT","id":"BTC-USD","status":"{word}"}},{{"id":"X-USD","status":"online"}}]}}"#
        )
    };
    assert_eq!(check.channel("status", &status("online")), Ok("status"));
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::UnknownSymbol][..]));
    check.channel("ticker", &ticker(FIGURES)).unwrap();
    assert!(check.told()[0].starts_with("live/confirmed bid="), "ends a halt of an earlier connection");
    check.channel("status", &status("offline")).unwrap();
    assert_eq!(check.told(), ["halted/venue"]);
    check.channel("status", &status("offline")).unwrap();
    assert!(check.told().is_empty());
    check.channel("status", &status("online")).unwrap();
    assert_eq!(check.told(), ["live/confirmed"]);
    check.channel("status", &status("delisted")).unwrap();
    assert_eq!(check.told(), ["delisted/venue"]);
}

#[test]
fn answers_are_named_and_refusals_told() {
    let mut check = Check::new();
    for kind in ["subscriptions", "heartbeats"] {
        assert_eq!(check.channel(kind, "{}"), Ok(kind));
        assert!(check.batch.ignored.is_empty());
    }
    let words = "failure to subscribe: BTC-USD is not a valid product";
    let error = format!(r#"{{"type":"error","message":"{words}"}}"#);
    assert_eq!(check.give(&error), Ok("error"));
    assert_eq!(check.batch.refused, [(Some(BTC), words.to_owned())]);
    check.give(r#"{"type":"error","message":"authentication failure"}"#).unwrap();
    assert_eq!(check.batch.refused, [(None, "authentication failure".to_owned())]);
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    let digits = "1".repeat(40);
    let more = format!(
        r#","price":"1e400","volume_24_h":"{digits}","high_24_h":"2","best_bid":"1_0","best_bid_quantity":"1""#
    );
    check.channel("ticker", &ticker(&more)).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber; 3]);
    assert_eq!(check.told(), ["high_24h=2"]);
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.channel("ticker", &ticker(FIGURES).replace("BTC-USD", "X-USD")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    for (channel, kind) in [("candles", "candles"), ("user", "user"), ("new", "other")] {
        assert_eq!(check.channel(channel, "{}"), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    let deep = format!(r#"{{"channel":"l2_data","events":{}"#, "[".repeat(100_000));
    for text in [
        "",
        "pong",
        "[]",
        "{}",
        r#"{"type":"ticker"}"#,
        r#"{"channel":"l2_data"}"#,
        r#"{"channel":"l2_data","events":{}}"#,
        r#"{"channel":"l2_data","events":[{"type":"odd","product_id":"BTC-USD","updates":[]}]}"#,
        r#"{"channel":"ticker","events":[{"type":"update"}]}"#,
        r#"{"channel":"heartbeats","sequence_num":123456789012345678901234567,"events":[]}"#,
        r#"{"channel":"heartbeats","sequence_num":-1,"events":[]}"#,
        deep.as_str(),
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text:.200}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.channel("l2_data", &whole()), Ok("l2_data"), "and the next one is read");
}
