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

fn read_with(decoder: &mut Lightning, text: &str) -> Read {
    let mut instruments = Instruments::new("BITFLYER", 10);
    for (native, name) in [("BTC_JPY", "BTC-JPY"), ("FX_BTC_JPY", "BTC-JPY-PERP")] {
        instruments.add(native, Symbol::of_venue("BITFLYER", name).unwrap());
    }
    instruments.close();
    let mut batch = Batch::new(instruments);
    let kind = decoder.decode(Frame::Text(text), Micros(7), &mut batch);
    Read { kind, batch }
}

fn read_one(text: &str) -> Read {
    read_with(&mut Lightning::new(), text)
}

fn message(channel: &str, message: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"channelMessage","params":{{"channel":"{channel}","message":{message}}}}}"#
    )
}

fn board(channel: &str, mid: &str, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> String {
    let levels = |side: &[(&str, &str)]| {
        let texts: Vec<String> =
            side.iter().map(|(price, size)| format!(r#"{{"price":{price},"size":{size}}}"#)).collect();
        texts.join(",")
    };
    let text = format!(r#"{{"mid_price":{mid},"bids":[{}],"asks":[{}]}}"#, levels(bids), levels(asks));
    message(&format!("lightning_{channel}_FX_BTC_JPY"), &text)
}

fn snapshot() -> String {
    board(
        "board_snapshot",
        "104.0",
        &[("103.0", "1.5"), ("102.0", "2")],
        &[("106.0", "0.5"), ("105.0", "0.25")],
    )
}

const TICKER: &str = r#"{"product_code":"FX_BTC_JPY","state":"RUNNING","timestamp":"2021-12-12T23:05:30.1371457Z","tick_id":127090247,"best_bid":5859870.0,"best_ask":5862038.0,"best_bid_size":0.04,"best_ask_size":0.02,"total_bid_depth":228.960583500000,"total_ask_depth":295.478593560000,"market_bid_size":0.0,"market_ask_size":0.0,"ltp":5860832.0,"volume":9999.0,"volume_by_product":4226.350890100000}"#;

fn ticker(text: &str) -> String {
    message("lightning_ticker_FX_BTC_JPY", text)
}

#[test]
fn a_ticker_tells_all_until_better_channels_speak() {
    let mut decoder = Lightning::new();
    let read = read_with(&mut decoder, &ticker(TICKER));
    assert_eq!(read.kind, Ok("ticker"));
    assert_eq!(
        read.told(),
        "bid=5859870.0 bid_size=0.04 ask=5862038.0 ask_size=0.02 last=5860832.0 last_size=- volume_24h=4226.350890100000"
    );
    let update = read.only();
    assert_eq!(update.ts_event, None, "a trade from before it may come after it");
    assert_eq!(update.status, Some((Status::Live, Reason::Confirmed)));
    read_with(&mut decoder, &snapshot());
    read_with(&mut decoder, &message("lightning_executions_FX_BTC_JPY", EXECUTIONS));
    let read = read_with(&mut decoder, &ticker(TICKER));
    assert_eq!(read.told(), "volume_24h=4226.350890100000");
    let at = Micros::parse_iso("2021-12-12T23:05:30.137145Z");
    assert_eq!(read.only().ts_event, at, "seven digits are cut to six");
}

const EXECUTIONS: &str = r#"[{"id":2284079809,"side":"SELL","price":5859870.0,"size":0.02,"exec_date":"2021-12-12T23:05:33.4658147Z","buy_child_order_acceptance_id":"JRF20211212-230529-164423","sell_child_order_acceptance_id":"x"},{"id":2284079810,"side":"BUY","price":5859869.0,"size":0.2,"exec_date":"2021-12-12T23:05:34.589596Z"}]"#;

/// Several trades in one frame, oldest first. Seen in the session of 2021-12-12.
#[test]
fn trap_several_trades_in_one_frame() {
    let read = read_one(&message("lightning_executions_FX_BTC_JPY", EXECUTIONS));
    assert_eq!((read.kind.clone(), read.batch.updates.len()), (Ok("executions"), 2));
    assert_eq!(read.told_by(0), "last=5859870.0 last_size=0.02");
    assert_eq!(read.told_by(1), "last=5859869.0 last_size=0.2");
    let last = &read.batch.updates[1].1;
    assert_eq!((last.source, last.values().side()), (Source::Direct, Some(Side::Buy)));
    let auction = EXECUTIONS.replace("\"BUY\"", "\"\"");
    let read = read_one(&message("lightning_executions_FX_BTC_JPY", &auction));
    assert_eq!(read.batch.updates[1].1.values().side(), None, "nobody took in an auction");
}

#[test]
fn the_book_is_a_snapshot_and_the_changes_after_it() {
    let mut decoder = Lightning::new();
    let before = read_with(&mut decoder, &board("board", "104.0", &[("103.0", "9")], &[]));
    assert_eq!((before.kind, before.batch.ignored), (Ok("board"), vec![Ignored::BeforeSnapshot]));
    let read = read_with(&mut decoder, &snapshot());
    assert_eq!(read.kind, Ok("board_snapshot"));
    assert_eq!(read.told(), "bid=103.0 bid_size=1.5 ask=105.0 ask_size=0.25");
    assert!(read.only().snapshot);
    let read = read_with(&mut decoder, &board("board", "103.5", &[("103.0", "0.0")], &[]));
    assert_eq!(read.told(), "bid=102.0 bid_size=2 ask=105.0 ask_size=0.25");
    let read = read_with(&mut decoder, &snapshot());
    assert!(!read.only().snapshot, "it replaces a good book");
    let again = read_with(&mut decoder, &snapshot());
    assert_eq!((again.batch.updates.len(), again.batch.ignored), (0, vec![Ignored::TopUnmoved]));
    assert_eq!(decoder.middles_matched(), 4);
}

/// A lost change shows in the middle that the venue tells.
#[test]
fn a_middle_that_does_not_fit_makes_the_symbol_suspect_until_the_next_snapshot() {
    let mut decoder = Lightning::new();
    read_with(&mut decoder, &snapshot());
    let read = read_with(&mut decoder, &board("board", "103.0", &[("101.0", "1")], &[]));
    assert_eq!(read.batch.ignored, [Ignored::BeforeSnapshot], "nothing is said yet");
    let read = read_with(&mut decoder, &board("board", "103.0", &[("101.0", "1.5")], &[]));
    assert_eq!(read.only().status, Some((Status::Suspect, Reason::Checksum)));
    let read = read_with(&mut decoder, &board("board", "103.0", &[("101.0", "2")], &[]));
    assert_eq!(read.batch.ignored, [Ignored::BeforeSnapshot]);
    let read = read_with(&mut decoder, &snapshot());
    assert!(read.only().snapshot && read.only().status.is_none());
}

/// Seen once in the session of 2021-12-12: the levels are ahead of the middle, and the next message has them agree.
#[test]
fn a_middle_told_between_two_states_only_delays_the_top() {
    let mut decoder = Lightning::new();
    read_with(&mut decoder, &snapshot());
    let read = read_with(&mut decoder, &board("board", "102.0", &[("104.0", "1")], &[]));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BeforeSnapshot]));
    let read = read_with(&mut decoder, &board("board", "104.5", &[("101.0", "1")], &[]));
    assert_eq!(read.told(), "bid=104.0 bid_size=1 ask=105.0 ask_size=0.25");
    assert_eq!(read.only().status, None);
}

#[test]
fn the_middle_is_cut_to_the_digits_of_a_price() {
    let book = |bid: &str, ask: &str| {
        let mut book = Book::new(10);
        let number = |text: &str| feed::json::text_decimal(text).unwrap().unwrap();
        book.set(Ladder::Bids, number(bid), Decimal::ONE);
        book.set(Ladder::Asks, number(ask), Decimal::ONE);
        book
    };
    let fits = |bid: &str, ask: &str, mid: &str| {
        middle(&book(bid, ask), Some(serde_json::from_str(mid).unwrap())).unwrap()
    };
    // As the session of 2021-12-12 has them.
    for (bid, ask, mid) in [
        ("96.01", "96.10", "96.05"),
        ("0.00919", "0.00922", "0.0092"),
        ("5859452.0", "5862037.0", "5860744.0"),
        ("471156.0", "471501.000000", "471328.0"),
        ("165.022", "166.997", "166.009"),
    ] {
        assert!(fits(bid, ask, mid), "{bid} {ask} {mid}");
    }
    assert!(!fits("96.01", "96.10", "96.06") && !fits("96.01", "96.10", "96.04"));
    assert_eq!(middle(&Book::new(10), Some(serde_json::from_str("1.0").unwrap())), None);
}

/// An auction crosses the book and fills market orders at a price of zero.
#[test]
fn an_auction_halts_the_symbol_and_its_book_is_not_compared() {
    let mut decoder = Lightning::new();
    let read = read_with(&mut decoder, &ticker(&TICKER.replace("RUNNING", "PREOPEN")));
    assert_eq!(read.only().status, Some((Status::Halted, Reason::Venue)));
    let crossed = board("board_snapshot", "1.0", &[("105.0", "1"), ("0.0", "3")], &[("103.0", "1")]);
    assert_eq!(read_with(&mut decoder, &crossed).told(), "bid=105.0 bid_size=1 ask=103.0 ask_size=1");
    let read = read_with(&mut decoder, &ticker(TICKER));
    assert_eq!(read.only().status, Some((Status::Live, Reason::Venue)));
    for (word, status) in [
        ("CIRCUIT BREAK", Status::Halted),
        ("CLOSED", Status::Closed),
        ("STARTING", Status::Closed),
        ("AWAITING SQ", Status::Closed),
        ("MATURED", Status::Delisted),
    ] {
        assert_eq!(state(word), Some(status));
    }
    assert_eq!(state("NEW WORD"), None);
}

#[test]
fn zero_is_no_last_price_and_no_order_and_a_volume() {
    let text = TICKER.replace("5860832.0", "0.0").replace("4226.350890100000", "0.00");
    let text = text.replace("5859870.0", "0.0").replace(r#""best_bid_size":0.04"#, r#""best_bid_size":0.0"#);
    assert_eq!(
        read_one(&ticker(&text)).told(),
        "bid=- bid_size=- ask=5862038.0 ask_size=0.02 last=- last_size=- volume_24h=0.00"
    );
}

#[test]
fn a_refusal_names_its_instrument() {
    let read = read_one(r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"invalid channel"}}"#);
    assert_eq!(read.kind, Ok("rpc:error"));
    assert_eq!(read.batch.refused, [(Some(InstrumentId(1)), "-32602 invalid channel".to_owned())]);
    let read = read_one(
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Invalid JSON"},"id":null}"#,
    );
    assert_eq!(read.batch.refused, [(None, "-32700 Parse error".to_owned())]);
    assert_eq!(read_one(r#"{"jsonrpc":"2.0","id":1,"result":true}"#).kind, Ok("rpc:result"));
    let both = r#"[{"jsonrpc":"2.0","id":108,"result":true},{"jsonrpc":"2.0","id":109,"result":true}]"#;
    assert_eq!(read_one(both).kind, Ok("rpc:result"));
}

#[test]
fn the_unknown_is_counted() {
    let read = read_one(&message("lightning_ticker_NOPE_JPY", TICKER));
    assert_eq!(read.batch.ignored, [Ignored::UnknownSymbol]);
    let read = read_one(&message("lightning_new_BTC_JPY", "{}"));
    assert_eq!((read.kind, read.batch.ignored), (Ok("other"), vec![Ignored::NotAQuote]));
}

#[test]
fn numbers_that_cannot_be_kept_are_counted_and_dropped() {
    let digits = "9".repeat(40);
    let executions = EXECUTIONS.replace("5859870.0", &digits).replace("2284079809", &"2".repeat(27));
    let read = read_one(&message("lightning_executions_FX_BTC_JPY", &executions));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (1, vec![Ignored::BadNumber]));
    let mut decoder = Lightning::new();
    read_with(&mut decoder, &snapshot());
    let read = read_with(&mut decoder, &board("board", "104.0", &[(&digits, "1")], &[]));
    assert_eq!(read.only().status, Some((Status::Suspect, Reason::Gap)), "a level is missing now");
    let deep = message("lightning_board_FX_BTC_JPY", &"[".repeat(5_000));
    assert!(read_one(&deep).kind.is_err());
    let binary = Lightning::new().decode(Frame::Binary(b"{}"), Micros(1), &mut read_one("{}").batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
}
