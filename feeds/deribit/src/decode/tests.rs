//! Single frames: each kind of message and each oddity.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Check {
    decoder: DeribitDecoder,
    batch: Batch,
}

const PERP: InstrumentId = InstrumentId(0);
const PUT: InstrumentId = InstrumentId(1);

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("DERIBIT", 4);
        for (native, name) in [
            ("BTC-PERPETUAL", "BTC-USD-PERP"),
            ("BTC-24SEP21-34000-P", "BTC-USD-20210924-34000-P"),
            ("BTC_USDC-PERPETUAL", "BTC-USDC-PERP"),
        ] {
            instruments.add(native, Symbol::of_venue("DERIBIT", name).unwrap());
        }
        instruments.close();
        Check { decoder: DeribitDecoder::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// A notification.
    fn notify(&mut self, channel: &str, data: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
        ))
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        let show = |update: &Update| {
            let mut parts: Vec<String> = Vec::new();
            if let Some((status, reason)) = update.status {
                parts.push(format!("{}/{}", status.name(), reason.name()));
            }
            for field in update.told().iter() {
                let value = match field {
                    Field::LastSide => update.values().side().map(|side| side.name().to_owned()),
                    number => update.values().number(number).map(|number| number.to_string()),
                };
                parts.push(format!("{}={}", field.name(), value.unwrap_or_default()));
            }
            parts.join(" ")
        };
        self.batch.updates.iter().map(|(_, update)| show(update)).collect()
    }

    fn ticker(&mut self, more: &str) -> Result<&'static str, DecodeError> {
        let data = format!(r#"{{"instrument_name":"BTC-24SEP21-34000-P","timestamp":1626993722931{more}}}"#);
        self.notify("ticker.BTC-24SEP21-34000-P.raw", &data)
    }

    fn quote(&mut self, bid: &str) -> Result<&'static str, DecodeError> {
        let data = format!(
            r#"{{"timestamp":1654012882984,"instrument_name":"BTC-PERPETUAL","best_bid_price":{bid},"best_bid_amount":179960.0,"best_ask_price":32143.5,"best_ask_amount":20.0}}"#
        );
        self.notify("quote.BTC-PERPETUAL", &data)
    }

    fn book(
        &mut self,
        kind: &str,
        ids: (u64, u64),
        bids: &str,
        asks: &str,
    ) -> Result<&'static str, DecodeError> {
        let (before, now) = ids;
        let data = format!(
            r#"{{"type":"{kind}","timestamp":1622626472678,"instrument_name":"BTC-PERPETUAL","prev_change_id":{before},"change_id":{now},"bids":[{bids}],"asks":[{asks}]}}"#
        );
        self.notify("book.BTC-PERPETUAL.100ms", &data)
    }
}

const TOP: &str =
    r#","best_bid_price":0.1555,"best_bid_amount":0.8,"best_ask_price":0.1585,"best_ask_amount":11.2"#;
const BID: &str = r#"["new",37240.0,20.0]"#;
const ASK: &str = r#"["new",37240.5,14240.0]"#;

#[test]
fn a_ticker_tells_everything_until_better_channels_speak() {
    let mut check = Check::new();
    let more = format!(
        r#"{TOP},"stats":{{"volume":0.9,"volume_usd":7.5,"volume_notional":8.25,"price_change":0.0,"low":0.2245,"high":0.2246}},"state":"open","mark_price":0.15670957,"last_price":0.2245,"index_price":32201.67,"current_funding":1.423e-4,"funding_8h":5.149e-5"#
    );
    assert_eq!(check.ticker(&more), Ok("ticker"));
    assert_eq!(
        check.told(),
        [
            "live/confirmed bid=0.1555 bid_size=0.8 ask=0.1585 ask_size=11.2 high_24h=0.2246 low_24h=0.2245 \
             volume_24h=0.9 quote_volume_24h=8.25 mark=0.15670957 index=32201.67 funding_rate=0.0001423",
            "last=0.2245 last_size= last_side="
        ]
    );
    let updates = &check.batch.updates;
    assert!(updates[0].1.snapshot && updates[0].1.ts_event == Some(Micros(1_626_993_722_931_000)));
    assert_eq!(updates[1].1.ts_event, None, "the ticker's time is not the trade's");
    check.ticker(&more).unwrap();
    assert!(!check.batch.updates[0].1.snapshot && check.batch.updates[0].1.status.is_none());
}

#[test]
fn null_and_zero_are_nothing_in_a_ticker() {
    let mut check = Check::new();
    let nulls = r#","stats":{"volume":null,"price_change":null,"low":null,"high":null},"last_price":null,"best_bid_price":0.0,"best_bid_amount":0.0,"best_ask_price":null,"best_ask_amount":0.0"#;
    check.ticker(nulls).unwrap();
    assert_eq!(
        check.told(),
        ["bid= bid_size= ask= ask_size= high_24h= low_24h= volume_24h=", "last= last_size= last_side="],
        "seen in the recording of 2021-07-22"
    );
    check.ticker("").unwrap();
    assert!(check.told().is_empty(), "what is not there tells nothing");
}

#[test]
fn an_incremental_ticker_tells_what_it_carries() {
    let mut check = Check::new();
    let data = r#"{"type":"change","timestamp":5,"instrument_name":"BTC-PERPETUAL","best_bid_amount":5.0,"best_ask_price":7.0,"best_ask_amount":1.0}"#;
    assert_eq!(check.notify("incremental_ticker.BTC-PERPETUAL", data), Ok("incremental_ticker"));
    assert_eq!(check.told(), ["bid_size=5.0 ask=7.0 ask_size=1.0"]);
    let gone = r#"{"type":"change","timestamp":5,"instrument_name":"BTC-PERPETUAL","best_bid_price":null}"#;
    check.notify("incremental_ticker.BTC-PERPETUAL", gone).unwrap();
    assert_eq!(check.told(), ["bid= bid_size="]);
}

#[test]
fn a_quote_tells_the_top_and_silences_ticker_and_book() {
    let mut check = Check::new();
    assert_eq!(check.quote("32143.0"), Ok("quote"));
    assert_eq!(check.told(), ["bid=32143.0 bid_size=179960.0 ask=32143.5 ask_size=20.0"]);
    let update = check.batch.updates[0].1;
    assert!(update.snapshot && update.source == Source::Direct);
    check.quote("2.2e3").unwrap();
    assert!(check.told()[0].starts_with("bid=2200 "), "numbers may have an exponent: {:?}", check.told());
    check.quote("null").unwrap();
    assert!(check.told()[0].starts_with("bid= "), "{:?}", check.told());
    let data = r#"{"timestamp":1,"instrument_name":"BTC-PERPETUAL","best_bid_price":1.0,"best_bid_amount":1.0,"best_ask_price":2.0,"best_ask_amount":1.0,"mark_price":1.5}"#;
    check.notify("ticker.BTC-PERPETUAL.100ms", data).unwrap();
    assert_eq!(check.told(), ["mark=1.5"]);
    check.book("snapshot", (0, 1), BID, ASK).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn trades_are_told_one_by_one_and_silence_the_ticker_s_last() {
    let mut check = Check::new();
    let data = r#"[{"trade_seq":1,"timestamp":1616321478553,"price":56168.0,"instrument_name":"BTC-PERPETUAL","direction":"buy","amount":5580.0},{"trade_seq":2,"timestamp":1616321478554,"price":56168.5,"instrument_name":"BTC-24SEP21-34000-P","direction":"sell","amount":0.1}]"#;
    assert_eq!(check.notify("trades.any.BTC.100ms", data), Ok("trades"));
    assert_eq!(
        check.told(),
        ["last=56168.0 last_size=5580.0 last_side=buy", "last=56168.5 last_size=0.1 last_side=sell"]
    );
    assert_eq!(check.batch.updates[1].0, PUT, "one channel, several instruments");
    check.ticker(r#","last_price":1.0,"mark_price":2.0"#).unwrap();
    assert_eq!(check.told(), ["mark=2.0"]);
}

#[test]
fn a_book_follows_its_changes_and_a_missing_one_makes_the_symbol_suspect() {
    let mut check = Check::new();
    check.book("change", (8, 9), BID, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    assert_eq!(check.book("snapshot", (0, 10), BID, ASK), Ok("book"));
    assert_eq!(check.told(), ["bid=37240.0 bid_size=20.0 ask=37240.5 ask_size=14240.0"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    check.book("change", (10, 900), r#"["delete",37240.0,20.0],["new",37239.0,3.0]"#, "").unwrap();
    assert_eq!(check.told(), ["bid=37239.0 bid_size=3.0 ask=37240.5 ask_size=14240.0"], "the action rules");
    check.book("change", (900, 901), r#"["new",1.0,3.0]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.book("change", (905, 906), BID, "").unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    assert_eq!(
        check.batch.replies,
        ["unsubscribe", "subscribe"].map(|word| format!(
            r#"{{"id":999,"jsonrpc":"2.0","method":"public/{word}","params":{{"channels":["book.BTC-PERPETUAL.100ms"]}}}}"#
        ))
    );
    check.book("change", (906, 907), BID, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.book("snapshot", (0, 950), BID, ASK).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

#[test]
fn a_doubt_that_a_book_raised_ends_by_a_book_also_behind_a_ticker() {
    let mut check = Check::new();
    check.book("snapshot", (0, 1), BID, ASK).unwrap();
    check.book("change", (7, 8), BID, "").unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    let top = r#"{"instrument_name":"BTC-PERPETUAL","best_bid_price":1.0,"best_bid_amount":1.0}"#;
    check.notify("ticker.BTC-PERPETUAL.100ms", top).unwrap();
    check.book("snapshot", (0, 9), BID, ASK).unwrap();
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    check.book("change", (9, 10), r#"["new",37240.25,1.0]"#, "").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote], "from then on the ticker tells the top again");
}

#[test]
fn a_book_that_never_fits_ends_the_connection() {
    let mut check = Check::new();
    for _ in 0..feed::book::LOSSES_MAX {
        check.book("snapshot", (0, 1), BID, ASK).unwrap();
        assert_eq!(check.book("change", (7, 8), BID, ""), Ok("book"));
    }
    check.book("snapshot", (0, 1), BID, ASK).unwrap();
    assert_eq!(check.book("change", (7, 8), BID, ""), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap"], "told before the error");
}

#[test]
fn an_unreadable_level_is_a_gap() {
    let mut check = Check::new();
    check.book("snapshot", (0, 1), BID, ASK).unwrap();
    check.book("change", (1, 2), r#"["new",null,1.0]"#, "").unwrap();
    assert_eq!(
        (check.told(), check.batch.ignored.as_slice()),
        (vec!["suspect/gap".to_owned()], &[Ignored::BadNumber][..])
    );
}

#[test]
fn a_window_is_whole_each_time_and_a_rounded_one_is_no_top() {
    let mut check = Check::new();
    let window = |bid: &str| {
        format!(
            r#"{{"timestamp":1653983481909,"instrument_name":"BTC-PERPETUAL","change_id":45176552517,"bids":[[{bid},128780.0],[1.0,1.0]],"asks":[]}}"#
        )
    };
    let rounded = "book.BTC-PERPETUAL.5.20.100ms";
    check.notify(rounded, &window("31520")).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    let channel = "book.BTC-PERPETUAL.none.20.100ms";
    assert_eq!(check.notify(channel, &window("31523.5")), Ok("book"));
    assert_eq!(check.told(), ["bid=31523.5 bid_size=128780.0 ask= ask_size="]);
    check.notify(channel, &window("31523.5")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.notify(channel, &window("31523.0")).unwrap();
    assert_eq!(check.told(), ["bid=31523.0 bid_size=128780.0 ask= ask_size="]);
    assert!(!check.batch.updates[0].1.snapshot, "a window continues");
    check.book("snapshot", (0, 1), BID, ASK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote], "one book of an instrument is enough");
}

#[test]
fn index_and_funding_have_channels_of_their_own() {
    let mut check = Check::new();
    let data = r#"{"index_price":86744.11,"interest":1.423032929843748e-4,"timestamp":1790133840887}"#;
    assert_eq!(check.notify("perpetual.BTC_USDC-PERPETUAL.100ms", data), Ok("perpetual"));
    assert_eq!(check.told(), ["index=86744.11 funding_rate=0.0001423032929843748"]);
    let data = r#"{"timestamp":1550588002899,"price":3937.89,"index_name":"btc_usd"}"#;
    assert_eq!(check.notify("deribit_price_index.btc_usd", data), Ok("deribit_price_index"));
    assert_eq!(check.told(), ["index=3937.89", "index=3937.89"]);
    assert_eq!(check.batch.updates.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [PERP, PUT]);
    check.notify("deribit_price_index.x", &data.replace("btc_usd", "doge_usd")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn halts_are_told_once_and_end_by_the_venue_s_word() {
    let mut check = Check::new();
    check.ticker(r#","state":"closed","mark_price":1.0"#).unwrap();
    assert_eq!(check.told(), ["closed/venue mark=1.0"]);
    check.ticker(&format!(r#"{TOP},"state":"open""#)).unwrap();
    assert!(check.told()[0].starts_with("live/confirmed bid="));
    let lock = |locked| format!(r#"{{"locked":{locked},"price_index":"btc_usd","reasons":[]}}"#);
    assert_eq!(check.notify("platform_state", &lock(true)), Ok("platform_state"));
    assert_eq!(check.told(), ["halted/venue"], "the perpetual was not heard of yet");
    check.notify("platform_state", &lock(true)).unwrap();
    assert!(check.told().is_empty());
    check.ticker(&format!(r#"{TOP},"state":"open""#)).unwrap();
    assert!(check.told()[0].starts_with("bid="), "still locked: {:?}", check.told());
    check.notify("platform_state", &lock(false)).unwrap();
    assert_eq!(check.told(), ["live/confirmed"]);
    check.notify("platform_state", r#"{"maintenance":true}"#).unwrap();
    assert_eq!(check.told(), ["halted/venue"]);
    check.notify("platform_state", r#"{"maintenance":false}"#).unwrap();
    assert_eq!(check.told(), ["live/confirmed"]);
    let ended = r#"{"timestamp":1,"state":"terminated","instrument_name":"BTC-24SEP21-34000-P"}"#;
    assert_eq!(check.notify("instrument.state.any.any", ended), Ok("instrument"));
    assert_eq!(check.told(), ["delisted/venue"]);
    check.notify("instrument.state.any.any", &ended.replace("BTC-24SEP21-34000-P", "NEW")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn a_test_request_is_answered() {
    let mut check = Check::new();
    let text = r#"{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}"#;
    assert_eq!(check.give(text), Ok("rpc:heartbeat"));
    assert_eq!(check.batch.replies, [r#"{"id":2,"jsonrpc":"2.0","method":"public/test","params":{}}"#]);
    assert_eq!(check.give(&text.replace("test_request", "heartbeat")), Ok("rpc:heartbeat"));
    assert!(check.batch.replies.is_empty());
}

#[test]
fn what_is_left_out_of_the_accepted_channels_is_refused() {
    let mut check = Check::new();
    let result = |number: u64, channels: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{number},"result":[{channels}],"usIn":1,"testnet":false}}"#)
    };
    let both = r#""trades.BTC-PERPETUAL.100ms","platform_state","quote.BTC_USDC-PERPETUAL""#;
    assert_eq!(check.give(&result(FIRST_CALL, both)), Ok("rpc:result"));
    assert_eq!(check.batch.refused, [(Some(PUT), "left out of the accepted channels".to_owned())]);
    check.give(&result(FIRST_CALL + 1, both)).unwrap();
    assert!(check.batch.refused.is_empty(), "instruments of another call");
    check.give(&result(0, "")).unwrap();
    check.give(r#"{"jsonrpc":"2.0","id":2,"result":{"version":"1.2.26"}}"#).unwrap();
    assert!(check.batch.refused.is_empty(), "other calls");
    let error = r#"{"jsonrpc":"2.0","id":1000,"error":{"code":13778,"message":"raw_subscriptions_not_available_for_unauthorized"}}"#;
    assert_eq!(check.give(error), Ok("rpc:error"));
    assert_eq!(check.batch.refused.len(), 3);
    assert!(check.batch.refused[0].1.starts_with("13778 raw_"));
    assert_eq!(check.give(&error.replace("13778", "10028")), Err(DecodeError::Reconnect(Reason::Venue)));
    check.give(&error.replace("1000", "7")).unwrap();
    assert_eq!((check.batch.refused.len(), check.batch.refused[0].0), (1, None));
}

#[test]
fn a_notification_of_another_form_is_read_as_well() {
    let quote =
        r#"{"timestamp":1,"instrument_name":"BTC-PERPETUAL","best_bid_price":1.5,"best_bid_amount":2.0}"#;
    for text in [
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"quote.BTC-PERPETUAL","data":{quote}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"quote.BTC-PERPETUAL","data":{quote},"label":"x"}}}}"#
        ),
        format!(r#"{{"params":{{"data":{quote},"channel":"quote.BTC-PERPETUAL"}},"method":"subscription"}}"#),
        format!(
            r#"{{ "method": "subscription", "params": {{ "channel": "quote.BTC\u002dPERPETUAL", "data": {quote} }} }}"#
        ),
    ] {
        let mut check = Check::new();
        assert_eq!(check.give(&text), Ok("quote"), "{text}");
        assert_eq!(check.told(), ["bid=1.5 bid_size=2.0"]);
        assert!(matches!(check.give(&text[..text.len() - 1]), Err(DecodeError::Garbage(_))));
    }
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    check.quote(r#""1_0""#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert_eq!(check.told(), ["bid_size=179960.0 ask=32143.5 ask_size=20.0"]);
    check.quote("123456789012345678901234567890.5").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber], "too many digits to keep");
    check.quote("1e400").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check
        .notify(
            "quote.FOO",
            r#"{"instrument_name":"FOO","timestamp":1,"best_bid_price":1.0,"best_bid_amount":1.0}"#,
        )
        .unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    assert_eq!(check.notify("chart.trades.BTC-PERPETUAL.1", "{}"), Ok("chart"));
    assert_eq!(check.notify("markprice.options.btc_usd", "[]"), Ok("other"));
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "pong",
        "[]",
        "{}",
        r#"{"jsonrpc":"2.0","method":"subscription"}"#,
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL"}}"#,
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":[]}}"#,
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.raw","data":{"instrument_name":"BTC-PERPETUAL","type":"odd","bids":[],"asks":[]}}}"#,
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.raw","data":{"instrument_name":"BTC-PERPETUAL","change_id":123456789012345678901234567,"bids":[],"asks":[]}}}"#,
        r#"{"jsonrpc":"2.0","method":"public/nope"}"#,
        deep.as_str(),
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text:.200}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.quote("1.0"), Ok("quote"), "and the next frame is read");
}
