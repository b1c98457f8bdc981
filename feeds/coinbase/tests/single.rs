//! Single messages of every kind, and what is made of broken ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use feed::{Batch, DecodeError, Decoder, Frame, Ignored, Instruments};
use feed_coinbase::CoinbaseDecoder;
use market::{Field, FieldSet, Micros, Reason, Side, Source, Status, Update};

struct Bench {
    decoder: CoinbaseDecoder,
    batch: Batch,
}

impl Bench {
    fn new() -> Bench {
        Bench { decoder: CoinbaseDecoder::new(), batch: Batch::new(Instruments::new("COINBASE", 100)) }
    }

    fn decode(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(1), &mut self.batch)
    }

    fn update(&mut self, text: &str) -> Update {
        self.decode(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(self.batch.updates.len(), 1, "{text}");
        self.batch.updates[0].1
    }

    fn ignored(&mut self, text: &str) -> Vec<Ignored> {
        self.decode(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(self.batch.updates.is_empty(), "{text}");
        self.batch.ignored.clone()
    }
}

fn text(update: &Update, field: Field) -> String {
    update.values().number(field).map(|n| n.to_string()).unwrap_or_default()
}

/// `[bid, bid_size, ask, ask_size]`, empty where absent.
fn top(update: &Update) -> [String; 4] {
    [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize].map(|field| text(update, field))
}

/// The messages of `single-cryptomsgparser.tsv`, by label.
fn single(label: &str) -> &'static str {
    include_str!("../fixtures/single-cryptomsgparser.tsv")
        .lines()
        .find_map(|line| line.split_once('\t').filter(|(of, _)| *of == label))
        .unwrap()
        .1
}

fn change(side: &str, price: &str, size: &str) -> String {
    format!(
        r#"{{"type":"l2update","product_id":"BTC-USD","changes":[["{side}","{price}","{size}"]],"time":"2021-06-02T09:02:09.048568Z"}}"#
    )
}

#[test]
fn a_book_tells_its_top_when_it_moves() {
    let mut bench = Bench::new();
    assert_eq!(bench.ignored(single("l2_orderbook_update")), [Ignored::BeforeSnapshot]);
    let update = bench.update(single("l2_orderbook_snapshot"));
    assert_eq!(top(&update), ["37209.96", "0.04016376", "37212.77", "0.05724592"]);
    assert!(update.snapshot && update.source == Source::Book);
    assert_eq!(bench.ignored(&change("buy", "37209.32", "5")), [Ignored::TopUnmoved], "below the top");
    let update = bench.update(&change("buy", "37210.00", "0.5"));
    assert_eq!(top(&update), ["37210.00", "0.5", "37212.77", "0.05724592"]);
    assert_eq!(update.ts_event, Micros::parse_iso("2021-06-02T09:02:09.048568Z"));
    assert!(!update.snapshot);
    assert_eq!(top(&bench.update(&change("sell", "37212.770", "0.00000000")))[2], "37215.39", "zero removes");
    for price in ["37210.00", "37209.96", "37209.32"] {
        bench.update(&change("buy", price, "0"));
    }
    let update = bench.update(&change("buy", "37209.16", "0"));
    assert_eq!(top(&update), ["", "", "37215.39", "0.00900000"], "an empty side is absent");
    let again = bench.update(single("l2_orderbook_snapshot"));
    assert!(again.snapshot, "a new snapshot replaces the book");
    assert_eq!(top(&again), ["37209.96", "0.04016376", "37212.77", "0.05724592"]);
}

#[test]
fn a_crossed_book_is_suspect_until_its_next_snapshot() {
    let mut bench = Bench::new();
    bench.update(single("l2_orderbook_snapshot"));
    let lost = bench.update(&change("buy", "37212.77", "1"));
    assert_eq!(lost.status, Some((Status::Suspect, Reason::Gap)));
    assert!(lost.told().is_empty(), "no crossed price is told");
    let [off, on] = ["unsubscribe", "subscribe"]
        .map(|kind| format!(r#"{{"type":"{kind}","product_ids":["BTC-USD"],"channels":["level2_batch"]}}"#));
    assert_eq!(bench.batch.replies, [off, on], "the book is asked for again");
    assert_eq!(bench.ignored(&change("buy", "1", "1")), [Ignored::BeforeSnapshot]);
    let ticker = bench.update(single("ticker"));
    assert!(
        !ticker.told().contains(Field::Bid) && !ticker.snapshot,
        "a ticker does not stand in for a lost book"
    );
    assert!(bench.update(single("l2_orderbook_snapshot")).snapshot);
    // Again and again is no accident.
    for _ in 0..2 {
        bench.update(&change("buy", "37212.77", "1"));
        bench.update(single("l2_orderbook_snapshot"));
    }
    assert_eq!(bench.decode(&change("buy", "37212.77", "1")), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(
        bench.batch.updates[0].1.status,
        Some((Status::Suspect, Reason::Gap)),
        "told before the error"
    );
}

#[test]
fn a_crossed_snapshot_is_the_venues_own_word() {
    let mut bench = Bench::new();
    let crossed = r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["10","1"],["12","1"]],"bids":[["9","1"],["11","2"]]}"#;
    assert_eq!(top(&bench.update(crossed)), ["11", "2", "10", "1"], "whatever the order of its levels");
    assert_eq!(top(&bench.update(&change("buy", "11", "3")))[1], "3", "still crossed, and still followed");
    bench.update(&change("buy", "11", "0"));
    let lost = bench.update(&change("buy", "11", "1"));
    assert_eq!(lost.status, Some((Status::Suspect, Reason::Gap)), "once uncrossed it stays so");
}

#[test]
fn what_a_book_cannot_read_it_has_missed() {
    for (broken, garbage) in [
        (change("buy", "abc", "1"), false),
        (change("buy", "1", ""), false),
        (change("hold", "1", "1"), false),
        (change("buy", "1", "1").replace("]]", "]"), true),
        (change("buy", "1", "1").split_at(70).0.to_owned(), true),
    ] {
        let mut bench = Bench::new();
        bench.update(single("l2_orderbook_snapshot"));
        let read = bench.decode(&broken);
        assert_eq!(matches!(read, Err(DecodeError::Garbage(_))), garbage, "{read:?}: {broken}");
        assert_eq!(bench.batch.updates[0].1.status, Some((Status::Suspect, Reason::Gap)), "{broken}");
        assert_eq!(bench.batch.replies.len(), 2);
        assert_eq!(bench.ignored(&change("buy", "1", "1")), [Ignored::BeforeSnapshot]);
    }
    let mut bench = Bench::new();
    bench.update(single("l2_orderbook_snapshot"));
    let nameless = r#"{"type":"l2update","pro"#;
    assert_eq!(bench.decode(nameless), Err(DecodeError::Reconnect(Reason::Gap)), "it may be any book");
    let bad = single("l2_orderbook_snapshot").replace("37212.77", "oops");
    assert_eq!(bench.update(&bad).status, Some((Status::Suspect, Reason::Gap)));
}

#[test]
fn a_ticker_tells_the_top_until_there_is_a_book() {
    let mut bench = Bench::new();
    let update = bench.update(single("ticker"));
    assert_eq!(top(&update), ["29940.90", "", "29940.91", ""]);
    assert!(update.snapshot && update.source == Source::Ticker);
    assert_eq!(update.venue_seq, Some(38_332_655_422));
    assert_eq!(update.ts_event, Micros::parse_iso("2022-06-02T09:20:54.127011Z"));
    for (field, value) in [
        (Field::Last, "29940.91"),
        (Field::LastSize, "0.00061522"),
        (Field::Open24h, "31677.61"),
        (Field::High24h, "31888"),
        (Field::Low24h, "29308.01"),
        (Field::Volume24h, "27783.70216674"),
    ] {
        assert_eq!(text(&update, field), value, "{}", field.name());
    }
    assert_eq!(update.values().side(), Some(Side::Buy), "the taker's side");
    assert!(!bench.update(single("ticker")).snapshot);
    let sized = single("ticker")
        .replace(r#""best_ask""#, r#""best_bid_size":"0.5","best_ask_size":"0.7","best_ask""#);
    assert_eq!(top(&bench.update(&sized)), ["29940.90", "0.5", "29940.91", "0.7"]);

    bench.update(single("l2_orderbook_snapshot"));
    let update = bench.update(&sized);
    let top_fields = market::Group::Top.fields();
    assert!(update.told().intersection(top_fields).is_empty() && !update.snapshot);
    assert!(update.told().contains(Field::Last) && update.told().contains(Field::Open24h));
}

#[test]
fn trades_name_the_taker_and_old_ones_are_history() {
    let mut bench = Bench::new();
    let old = bench.update(single("trade"));
    assert_eq!((old.source, old.values().side()), (Source::History, Some(Side::Buy)), "the maker sold");
    assert_eq!(
        (text(&old, Field::Last), text(&old, Field::LastSize)),
        ("57786.82".into(), "0.00031874".into())
    );
    let live = bench.update(&single("trade").replace("last_match", "match"));
    assert_eq!((live.source, live.venue_seq), (Source::Direct, Some(22_962_703_070)));
    assert_eq!(live.ts_event, Micros::parse_iso("2021-03-21T03:47:27.112041Z"));
    let bought = single("trade").replace("\"sell\"", "\"buy\"");
    assert_eq!(bench.update(&bought).values().side(), Some(Side::Sell));
    let unsaid = single("trade").replace("\"sell\"", "\"\"");
    assert_eq!(bench.update(&unsaid).values().side(), None);
    for bad in ["\"abc\"", "\"\"", "null", "true"] {
        assert_eq!(
            bench.ignored(&single("trade").replace("\"57786.82\"", bad)),
            [Ignored::BadNumber],
            "{bad}"
        );
    }
}

#[test]
fn control_messages_are_understood() {
    let mut bench = Bench::new();
    bench.update(single("ticker"));
    let heartbeat = r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#;
    assert_eq!(bench.decode(heartbeat), Ok("heartbeat"));
    assert!(bench.batch.updates.is_empty() && bench.batch.ignored.is_empty(), "life only");
    let ack = r#"{"type":"subscriptions","channels":[{"name":"ticker","product_ids":["BTC-USD"]}]}"#;
    assert_eq!(bench.decode(ack), Ok("subscriptions"));
    let refused =
        r#"{"message":"Failed to subscribe","reason":"BTC-USD is not a valid product","type":"error"}"#;
    assert_eq!(bench.decode(refused), Ok("error"));
    let id = bench.batch.instruments.find("BTC-USD");
    assert_eq!(bench.batch.refused, [(id, "Failed to subscribe: BTC-USD is not a valid product".to_owned())]);
    assert_eq!(bench.decode(single("l3_event")), Ok("open"));
    assert_eq!(bench.batch.ignored, [Ignored::NotAQuote]);
    assert_eq!(bench.decode(r#"{"type":"something_new"}"#), Ok("other"));
}

#[test]
fn broken_messages_are_counted_and_tell_nothing() {
    let mut bench = Bench::new();
    bench.batch.instruments.resolve("BTC-USD");
    bench.batch.instruments.close();
    for garbage in [
        "",
        " ",
        "null",
        "7",
        "[]",
        "{}",
        "{",
        r#"{"type":"#,
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":"heartbeat""#,
        r#"{"type":"match"}"#,
        r#"{"type":"ticker","product_id":7}"#,
        r#"{"type":"ticker","product_id":"BTC-USD","sequence":-1}"#,
        single("l2_snapshot"),
    ] {
        assert!(matches!(bench.decode(garbage), Err(DecodeError::Garbage(_))), "{garbage}");
        assert!(bench.batch.updates.is_empty());
    }
    for label in ["ticker", "trade", "l2_orderbook_snapshot", "l2_orderbook_update"] {
        let other = single(label).replace("BTC-USD", "XYZ-USD");
        assert_eq!(bench.ignored(&other), [Ignored::UnknownSymbol], "{label}");
    }
    let escaped = single("ticker").replace("BTC-USD", "BTC\\u002dUSD");
    bench.update(&escaped);
    let huge = single("ticker").replace("31888", &"9".repeat(40));
    let update = bench.update(&huge);
    assert_eq!(bench.batch.ignored, [Ignored::BadNumber]);
    assert!(update.told().contains(Field::High24h) && text(&update, Field::High24h).is_empty());
    let nothing = r#"{"type":"ticker","product_id":"BTC-USD","price":"0","last_size":null,"best_bid":"0","best_ask":"","open_24h":"0.00","volume_24h":"0"}"#;
    let update = bench.update(nothing);
    assert_eq!(
        update.values().present(),
        FieldSet::EMPTY.with(Field::Volume24h),
        "nothing is absent, zero volume is not"
    );
}
