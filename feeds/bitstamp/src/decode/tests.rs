//! Single v2 frames: each kind of message and each oddity.

use std::time::Duration;

use feed::Instruments;
use market::{Status, Symbol};

use super::*;

/// Later than every moment in these tests.
const NOW: Micros = Micros(1_800_000_000_000_000);

struct Check {
    decoder: BitstampV2,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("BITSTAMP", 4);
        for (native, name) in [("btcusd", "BTC-USD"), ("btcusd-perp", "BTC-USD-PERP")] {
            instruments.add(native, Symbol::of_venue("BITSTAMP", name).unwrap());
        }
        instruments.close();
        Check { decoder: BitstampV2::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), NOW, &mut self.batch)
    }

    /// A book message of that channel of BTC-USD.
    fn levels(
        &mut self,
        channel: &str,
        at: u64,
        bids: &str,
        asks: &str,
    ) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"data":{{"timestamp":"1","microtimestamp":"{at}","bids":[{bids}],"asks":[{asks}]}},"channel":"{channel}_btcusd","event":"data"}}"#
        ))
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        let show = |update: &Update| {
            let status = update.status.map(|(status, why)| format!("{}/{}", status.name(), why.name()));
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

const BID: &str = r#"["60546.68","1.10000000"],["60546.00","2"]"#;
const ASK: &str = r#"["60577.89","0.30000000"]"#;
const BOOK: &str = r#"{"timestamp": "1", "microtimestamp": "100", "bids": [["60546.68","1.10000000"],["60546.00","2"]], "asks": [["60577.89","0.30000000"]]}"#;

#[test]
fn a_whole_book_tells_its_best_levels() {
    let mut check = Check::new();
    assert_eq!(check.levels("order_book", 100, BID, ASK), Ok("data:order_book"));
    assert_eq!(check.told(), ["bid=60546.68 bid_size=1.10000000 ask=60577.89 ask_size=0.30000000"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event, update.snapshot), (Source::Book, Some(Micros(100)), true));
    check.levels("order_book", 101, "", ASK).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask=60577.89 ask_size=0.30000000"], "nobody bids");
    assert!(!check.batch.updates[0].1.snapshot);
    check.levels("order_book", 101, BID, ASK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "its time does not rise");
}

#[test]
fn a_crossed_book_is_told_as_it_came_and_mended_by_the_next() {
    let mut check = Check::new();
    check.levels("order_book", 1, r#"["2","1"]"#, r#"["1","1"]"#).unwrap();
    assert_eq!(check.told(), ["bid=2 bid_size=1 ask=1 ask_size=1"], "documented for one message");
    check.levels("order_book", 2, r#"["2","1"]"#, r#"["3","1"]"#).unwrap();
    assert_eq!(check.told(), ["bid=2 bid_size=1 ask=3 ask_size=1"]);
}

#[test]
fn changes_wait_for_an_answer_with_the_book() {
    let mut check = Check::new();
    assert_eq!(check.levels("diff_order_book", 99, BID, ""), Ok("data:diff_order_book"));
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.batch.clear();
    let url = "https://www.bitstamp.net/api/v2/order_book/btcusd/?group=1";
    check.decoder.rest(url, BOOK, NOW, &mut check.batch);
    assert_eq!(check.told(), ["bid=60546.68 bid_size=1.10000000 ask=60577.89 ask_size=0.30000000"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.levels("diff_order_book", 100, r#"["60550","1"]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot], "the answer holds it already");
    check.levels("diff_order_book", 101, r#"["60000","1"]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.levels("diff_order_book", 101, r#"["60550","1"]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate]);
}

/// Seen in the recording of 2021-04-17: `["60567.75","0.00000000"]`; on a perpetual `0.00000` and `0`.
#[test]
fn deletion_is_a_zero_however_it_is_spelled() {
    for zero in ["0.00000000", "0.00000", "0"] {
        let mut check = Check::new();
        check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
        check.levels("diff_order_book", 101, &format!(r#"["60546.68","{zero}"]"#), "").unwrap();
        assert_eq!(check.told(), ["bid=60546.00 bid_size=2 ask=60577.89 ask_size=0.30000000"]);
    }
}

#[test]
fn changes_that_came_before_the_answer_and_are_newer_are_applied_to_it() {
    let mut check = Check::new();
    check.levels("diff_order_book", 99, r#"["60551","9"]"#, "").unwrap();
    check.levels("diff_order_book", 101, r#"["60550","1"]"#, "").unwrap();
    check.batch.clear();
    check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
    assert_eq!(check.told(), ["bid=60550 bid_size=1 ask=60577.89 ask_size=0.30000000"]);
    check.batch.clear();
    check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "an answer of before does not take it back");
}

/// One message with a clock gone wrong must not make everything after it look old.
#[test]
fn a_time_of_the_future_is_none() {
    const FAR: u64 = 4_102_444_800_000_000;
    let mut check = Check::new();
    check.levels("order_book", 100, BID, ASK).unwrap();
    check.levels("order_book", FAR, BID, ASK).unwrap();
    assert_eq!((check.told().len(), check.batch.updates[0].1.ts_event), (1, None));
    check.levels("order_book", 101, BID, ASK).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(101)), "the next one is no old one");
    check.levels("order_book", 101, BID, ASK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate], "what came before counts on");
    // Nearer than the clocks may differ.
    let near = NOW.plus(Duration::from_secs(5));
    check.levels("order_book", near.0 as u64, BID, ASK).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, Some(near));
    check.levels("order_book", near.0 as u64 + 1, BID, ASK).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, None);

    let mut check = Check::new();
    check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
    check.levels("diff_order_book", FAR, r#"["60550","1"]"#, "").unwrap();
    check.levels("diff_order_book", 101, r#"["60551","2"]"#, "").unwrap();
    assert_eq!(check.told(), ["bid=60551 bid_size=2 ask=60577.89 ask_size=0.30000000"]);
    check.give(&format!(
        r#"{{"data":{{"microtimestamp":"{FAR}","amount_str":"1","price_str":"5","type":0}},"channel":"live_trades_btcusd","event":"trade"}}"#
    ))
    .unwrap();
    assert_eq!((check.told().len(), check.batch.updates[0].1.ts_event), (1, None));
}

#[test]
fn a_whole_book_silences_the_changes() {
    let mut check = Check::new();
    check.levels("order_book", 100, BID, ASK).unwrap();
    check.levels("diff_order_book", 105, r#"["60550","1"]"#, "").unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.batch.clear();
    check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn an_unreadable_change_makes_the_symbol_suspect_until_a_book_states_it() {
    let mut check = Check::new();
    check.decoder.rest("/api/v2/order_book/btcusd", BOOK, NOW, &mut check.batch);
    check.levels("diff_order_book", 101, r#"["6_0","1"]"#, "").unwrap();
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Gap)));
    check.levels("diff_order_book", 102, BID, ASK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.levels("order_book", 103, BID, ASK).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

/// Seen in the recording of 2021-04-17 and in a message of 2021-03-21: `"amount": 1e-08, "amount_str": "1E-8"`.
#[test]
fn of_numbers_and_texts_side_by_side_the_text_is_exact() {
    let mut check = Check::new();
    let text = r#"{"channel": "live_trades_btcusd", "data": {"amount": 1e-08, "amount_str": "1E-8", "buy_order_id": 1341285759094784, "id": 158457579, "microtimestamp": "1616297318187000", "price": 57748.8, "price_str": "57748.80", "sell_order_id": 1341285698236416, "timestamp": "1616297318", "type": 0}, "event": "trade"}"#;
    assert_eq!(check.give(text), Ok("trade:live_trades"));
    assert_eq!(check.told(), ["last=57748.80 last_size=0.00000001 last_side=buy"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event), (Source::Direct, Some(Micros(1_616_297_318_187_000))));
}

/// A perpetual's trade of 2026-09-15 has milliseconds in `timestamp` and an id beyond 2^53.
#[test]
fn a_perpetual_s_trade_has_its_time_in_microseconds() {
    let mut check = Check::new();
    let text = r#"{"data": {"id": 2001939623936278528, "type": 1, "amount": 0.00921, "amount_str": "0.00921", "price": 77204, "price_str": "77204", "microtimestamp": "1789456400586000", "timestamp": "1789456400586"}, "channel": "live_trades_btcusd-perp", "event": "trade"}"#;
    check.give(text).unwrap();
    assert_eq!(check.told(), ["last=77204 last_size=0.00921 last_side=sell"]);
    assert_eq!(check.batch.updates[0].0, InstrumentId(1));
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_789_456_400_586_000)));
}

#[test]
fn figures_of_a_perpetual() {
    let mut check = Check::new();
    let text = r#"{"data":{"market":"btcusd-perp","mark_price":"77186.81199586","index_price":"77177.99454545454","funding_rate":"0.000123","timestamp":"1789457618","next_funding_time":"1789459200"},"channel":"funding_rate_btcusd-perp","event":"funding_rate_saved"}"#;
    assert_eq!(check.give(text), Ok("funding_rate_saved:funding_rate"));
    assert_eq!(check.told(), ["mark=77186.81199586 index=77177.99454545454 funding_rate=0.000123"]);
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_789_457_618_000_000)));
}

#[test]
fn the_venue_s_own_frames_are_named() {
    let mut check = Check::new();
    for (text, kind) in [
        (
            r#"{"event":"bts:subscription_succeeded","channel":"diff_order_book_ltcusd","data":{}}"#,
            "bts:subscription_succeeded:diff_order_book",
        ),
        (
            r#"{"event":"bts:subscription_succeeded","channel":"order_book_btcusd-perp","data":{}}"#,
            "bts:subscription_succeeded:order_book",
        ),
        (r#"{"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}"#, "bts:heartbeat"),
    ] {
        assert_eq!(check.give(text), Ok(kind));
        assert!(check.batch.ignored.is_empty() && check.batch.updates.is_empty());
    }
    let text = r#"{"event": "bts:request_reconnect", "channel": "", "data": null}"#;
    assert_eq!(check.give(text), Err(DecodeError::Reconnect(Reason::Venue)));
    let text = r#"{"event": "bts:error", "channel": "", "data": {"code": null, "message": "Invalid channel provided."}}"#;
    assert_eq!(check.give(text), Ok("bts:error"));
    assert_eq!(check.batch.refused, [(None, "Invalid channel provided.".to_owned())]);
    let text = r#"{"event":"bts:error","channel":"order_book_btcusd","data":{"code":4009,"message":"No."}}"#;
    check.give(text).unwrap();
    assert_eq!(check.batch.refused, [(Some(InstrumentId(0)), "4009 No.".to_owned())]);
}

#[test]
fn single_orders_and_other_channels_fill_nothing() {
    let mut check = Check::new();
    let order = r#"{"data":{"id":1496011283275781,"order_type":0,"datetime":"1654072104","microtimestamp":"1654072104363000","amount":7.9201,"amount_str":"7.92010000","price":31483.1,"price_str":"31483.10"},"channel":"live_orders_btcusd","event":"order_created"}"#;
    for (text, kind) in [
        (order, "order_created:live_orders"),
        (
            r#"{"data":{"bids":[["1","2","7"]],"asks":[]},"channel":"detail_order_book_btcusd","event":"data"}"#,
            "data:detail_order_book",
        ),
        (r#"{"data":["any"],"channel":"announcements","event":"published"}"#, "other"),
    ] {
        assert_eq!(check.give(text), Ok(kind));
        assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    }
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    for channel in ["order_book_ethusd", "diff_order_book_ethusd"] {
        let text = format!(
            r#"{{"data":{{"microtimestamp":"5","bids":[],"asks":[]}},"channel":"{channel}","event":"data"}}"#
        );
        check.give(&text).unwrap();
        assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    }
    let huge = "9".repeat(60);
    check.levels("order_book", 7, &format!(r#"["{huge}","1"]"#), "").unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for channel in ["order_book", "diff_order_book"] {
        let _ = check.levels(channel, 8, &deep, "");
        assert!(check.told().is_empty(), "{channel}");
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"timestamp": "1654243213", "microtimestamp": "1654243213142992", "bids": [], "asks": []}"#,
        r#"{"data":null,"channel":"order_book_btcusd","event":"data"}"#,
        r#"{"data":[],"channel":"order_book_btcusd","event":"data"}"#,
        r#"{"data":{"bids":[]},"channel":"order_book_btcusd","event":"data"}"#,
        r#"{"data":{},"channel":"live_trades_btcusd","event":"trade"}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
}
