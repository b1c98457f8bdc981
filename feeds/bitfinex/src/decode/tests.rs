//! Single v2 frames: each kind of message and each oddity.

use feed::Instruments;
use market::{Status, Symbol};

use super::*;

struct Check {
    decoder: BitfinexV2,
    batch: Batch,
}

impl Check {
    /// With channels 1 (`ticker`), 2 (`trades`), 3 (`book`) of BTC-USD and 4 (`book`) of a perpetual, and these flags.
    fn new(flags: u64) -> Check {
        let mut instruments = Instruments::new("BITFINEX", 4);
        for (native, name) in [("tBTCUSD", "BTC-USD"), ("tBTCF0:USTF0", "BTC-USDT-PERP")] {
            instruments.add(native, Symbol::of_venue("BITFINEX", name).unwrap());
        }
        instruments.close();
        let mut check = Check { decoder: BitfinexV2::new(), batch: Batch::new(instruments) };
        let conf = format!(r#"{{"event":"conf","status":"OK","flags":{flags}}}"#);
        assert_eq!(check.give(&conf), Ok("event:conf"));
        for (number, channel, symbol) in [
            (1, "ticker", "tBTCUSD"),
            (2, "trades", "tBTCUSD"),
            (3, "book", "tBTCUSD"),
            (4, "book", "tBTCF0:USTF0"),
        ] {
            check.subscribed(number, channel, symbol, r#","prec":"P0","freq":"F0","len":"25""#);
        }
        check
    }

    fn subscribed(&mut self, number: u64, channel: &str, symbol: &str, more: &str) {
        let text = format!(
            r#"{{"event":"subscribed","channel":"{channel}","chanId":{number},"symbol":"{symbol}"{more}}}"#
        );
        assert_eq!(self.give(&text), Ok("event:subscribed"));
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.give_at(9, text)
    }

    fn give_at(&mut self, micros: i64, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(micros), &mut self.batch)
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

const SNAPSHOT: &str = "[3,[[36158,1,0.5],[36155,2,1.25],[36171,1,-0.000006],[36172,1,-2]]]";
const TICKER: &str =
    "[1,[60400,76.16686512,60406,86.2067634199999,-1292,-0.0209,60410,10.05320242,62408,60057]]";

fn crc(text: &str) -> i32 {
    crc32fast::hash(text.as_bytes()).cast_signed()
}

#[test]
fn a_book_follows_its_changes() {
    let mut check = Check::new(0);
    assert_eq!(check.give("[3,[36150,1,0.5]]"), Ok("book"));
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    assert_eq!(check.give(SNAPSHOT), Ok("book"));
    assert_eq!(check.told(), ["bid=36158 bid_size=0.5 ask=36171 ask_size=0.000006"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    for (row, told) in [
        ("[36158,0,1]", "bid=36155 bid_size=1.25 ask=36171 ask_size=0.000006"),
        ("[36171,0,-1]", "bid=36155 bid_size=1.25 ask=36172 ask_size=2"),
        ("[36160,3,-7.5]", "bid=36155 bid_size=1.25 ask=36160 ask_size=7.5"),
        ("[36156,1,1e-7]", "bid=36156 bid_size=0.0000001 ask=36160 ask_size=7.5"),
    ] {
        check.give(&format!("[3,{row}]")).unwrap();
        assert_eq!(check.told(), [told], "{row}");
    }
    check.give("[3,[36001,1,4]]").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
    check.give("[3,[36002,0,-1]]").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved], "removing what is not there does nothing");
}

#[test]
fn a_side_without_orders_is_absent() {
    let mut check = Check::new(0);
    check.give("[3,[]]").unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size="]);
    check.give("[3,[36158,1,0.5]]").unwrap();
    assert_eq!(check.told(), ["bid=36158 bid_size=0.5 ask= ask_size="]);
}

/// Seen in the recording of 2021-04-17: `1.7023900800000002`, a sum over 25 levels that went through a float.
#[test]
fn the_sizes_of_a_ticker_are_sums_with_float_dust_and_are_not_told() {
    let mut check = Check::new(0);
    assert_eq!(check.give(TICKER), Ok("ticker"));
    assert_eq!(
        check.told(),
        [
            "bid=60400 bid_size= ask=60406 ask_size= last=60410 last_size= last_side= high_24h=62408 low_24h=60057 \
          volume_24h=10.05320242"
        ]
    );
    check.give(SNAPSHOT).unwrap();
    check.give(TICKER).unwrap();
    assert!(check.told()[0].starts_with("last=60410"), "the book tells the top");
    check.give(r#"[2,"te",[637771130,1615232733897,0.11546588,51350]]"#).unwrap();
    check.give(TICKER).unwrap();
    assert!(check.told()[0].starts_with("high_24h="), "a trade was heard");
}

#[test]
fn a_ticker_may_grow_and_hold_nothing() {
    let mut check = Check::new(0);
    check.give("[1,[null,null,86723,14.7,1060,0.01,86717,544.3,86898,85156,null,{}]]").unwrap();
    assert!(
        check.told()[0].starts_with("bid= bid_size= ask=86723 ask_size= last=86717"),
        "{:?}",
        check.told()
    );
}

/// Seen in the recording of 2021-04-17: numbers like `1.1e-7`.
#[test]
fn scientific_notation_is_read_without_a_float() {
    let mut check = Check::new(0);
    check.give("[1,[1.1e-7,1,1.2E-7,1,0,0,1.1e-7,5e2,2e-7,1e-7]]").unwrap();
    assert!(check.told()[0].starts_with("bid=0.00000011 bid_size= ask=0.00000012"), "{:?}", check.told());
    assert!(check.told()[0].ends_with("high_24h=0.0000002 low_24h=0.0000001 volume_24h=500"));
}

/// Seen in messages of 2021-03-08: `te`, then `tu` with the same id.
#[test]
fn te_counts_and_tu_repeats_it() {
    let mut check = Check::new(0);
    assert_eq!(check.give(r#"[2,"te",[637771130,1615232733897,-0.11546588,51350]]"#), Ok("trades:te"));
    assert_eq!(check.told(), ["last=51350 last_size=0.11546588 last_side=sell"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.ts_event), (Source::Direct, Some(Micros(1_615_232_733_897_000))));
    assert_eq!(check.give(r#"[2,"tu",[637771130,1615232733897,-0.11546588,51350]]"#), Ok("trades:tu"));
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::Duplicate][..]));
}

/// Seen in the recording of 2021-04-17: 30 trades, newest first, up to hours old.
#[test]
fn trades_that_begin_the_channel_are_history() {
    let mut check = Check::new(0);
    let text = "[2,[[647229117,1616217509543,0.0033,58239],[647229114,1616217326462,0.05605347,58296]]]";
    assert_eq!(check.give(text), Ok("trades"));
    assert_eq!(check.told(), ["last=58239 last_size=0.0033 last_side=buy"]);
    assert_eq!(check.batch.updates[0].1.source, Source::History);
    assert_eq!(check.give("[2,[]]"), Ok("trades"));
    assert!(check.told().is_empty());
}

/// Seen in the recording of 2021-04-17: `[232949,"hb",61]`.
#[test]
fn a_heartbeat_carries_the_counter_and_is_a_sign_of_life() {
    let mut check = Check::new(FLAG_COUNTER);
    assert_eq!(check.give(r#"[1,"hb",1]"#), Ok("hb"));
    assert_eq!(check.batch.heard, [InstrumentId(0)]);
    assert_eq!(check.give(r#"[4,"hb",2]"#), Ok("hb"));
    assert_eq!(check.batch.heard, [InstrumentId(1)]);
    assert_eq!(check.give(r#"[4,"hb",4]"#), Err(DecodeError::Reconnect(Reason::Gap)));
}

/// A symbol is heard of as long as one of its channels speaks, so the others are compared with that one.
#[test]
fn a_channel_that_falls_silent_beside_a_living_one_ends_the_connection() {
    const S: i64 = 1_000_000;
    let mut check = Check::new(0);
    check.give_at(S, TICKER).unwrap();
    check.give_at(S, SNAPSHOT).unwrap();
    check.give_at(30 * S, r#"[3,"hb"]"#).unwrap();
    check.give_at(30 * S, r#"[4,"hb"]"#).unwrap();
    for second in [20, 36] {
        // Trades that go on are no sign of life of the ticker, which has until two heartbeats are missing.
        assert_eq!(check.give_at(second * S, r#"[2,"hb"]"#), Ok("hb"));
    }
    assert_eq!(check.give_at(37 * S, r#"[4,"hb"]"#), Ok("hb"), "a channel of another symbol");
    assert_eq!(check.give_at(37 * S, r#"[2,"hb"]"#), Err(DecodeError::Reconnect(Reason::Silence)));
    assert_eq!(check.told(), ["suspect/silence"]);
    assert_eq!(check.batch.updates[0].0, InstrumentId(0));
    assert_eq!(check.give_at(38 * S, r#"[2,"hb"]"#), Ok("hb"), "it is told once");
    check.give_at(38 * S, TICKER).unwrap();
    assert_eq!(check.give_at(60 * S, r#"[3,"hb"]"#), Ok("hb"));
    assert!(check.give_at(80 * S, r#"[3,"hb"]"#).is_err(), "and again");

    // What never spoke is not dead, and where all are silent the supervisor sees to it.
    let mut check = Check::new(0);
    assert_eq!(check.give_at(90 * S, r#"[1,"hb"]"#), Ok("hb"));
    assert_eq!(check.give_at(200 * S, r#"[1,"hb"]"#), Ok("hb"));
}

/// Seen in the recording of 2021-04-17: `[232954,"hb",139]` stands 403 lines before channel 232954 is acknowledged.
#[test]
fn a_heartbeat_may_come_before_its_channel_is_known() {
    let mut check = Check::new(FLAG_COUNTER);
    assert_eq!(check.give(r#"[232954,"hb",1]"#), Ok("hb"));
    assert!(check.batch.heard.is_empty() && check.batch.ignored.is_empty());
    assert!(check.give(r#"[232954,"hb",3]"#).is_err(), "and it counts");
}

#[test]
fn a_missing_counter_makes_every_book_suspect_before_the_new_connection() {
    let mut check = Check::new(FLAG_COUNTER);
    check.give(&SNAPSHOT.replace("]]]", "]],1]")).unwrap();
    check.give("[4,[[7,1,1],[8,1,-1]],2]").unwrap();
    assert_eq!(check.give("[3,[36159,1,1],4]"), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap", "suspect/gap"], "and nothing of the frame after the gap");
    check.give("[3,[36159,1,1],5]").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    assert!(matches!(check.give("[3,[36159,1,1],\"x\"]"), Err(DecodeError::Garbage(_))));
}

#[test]
fn the_time_stands_behind_the_counter() {
    let mut check = Check::new(FLAG_COUNTER | FLAG_TIME);
    check.give(&SNAPSHOT.replace("]]]", "]],1,1790134414850]")).unwrap();
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_790_134_414_850_000)));
    check.give("[3,[36159,1,1],2,1790134414851]").unwrap();
    assert_eq!(check.told().len(), 1);
    assert!(check.give("[3,[36160,1,1],4,1790134414851]").is_err());
}

/// A frame's time is when it was sent, a trade's when it happened: `te` after a ticker must not look older than it.
#[test]
fn a_ticker_has_no_time_by_which_a_trade_could_look_old() {
    let mut check = Check::new(FLAG_TIME);
    check.give(&TICKER.replace("60057]]", "60057],1790134414850]")).unwrap();
    assert!(check.told()[0].contains("last=60410"));
    assert_eq!(check.batch.updates[0].1.ts_event, None);
}

#[test]
fn a_checksum_vouches_for_the_book_and_one_wrong_digit_is_found() {
    let mut check = Check::new(FLAG_CHECKSUM);
    check.give(SNAPSHOT).unwrap();
    let good = crc("36158:0.5:36171:-0.000006:36155:1.25:36172:-2");
    assert_eq!(check.give(&format!(r#"[3,"cs",{good}]"#)), Ok("book:cs"));
    assert_eq!((check.told().len(), check.decoder.checksums_matched()), (0, 1));
    check.give("[3,[36155,2,1.26]]").unwrap();
    assert_eq!(check.give(&format!(r#"[3,"cs",{good}]"#)), Ok("book:cs"));
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Checksum)));
    assert_eq!(
        check.batch.replies,
        [
            r#"{"event":"unsubscribe","chanId":3}"#,
            r#"{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25"}"#
        ]
    );
    check.give("[3,[36155,2,1.27]]").unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.give(r#"{"event":"unsubscribed","status":"OK","chanId":3}"#).unwrap();
    check.subscribed(7, "book", "tBTCUSD", r#","prec":"P0""#);
    check.give(&SNAPSHOT.replacen('3', "7", 1)).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

#[test]
fn a_book_that_never_fits_ends_the_connection() {
    let mut check = Check::new(FLAG_CHECKSUM);
    for round in 0..=feed::book::LOSSES_MAX {
        check.give(SNAPSHOT).unwrap();
        let lost = check.give(r#"[3,"cs",1]"#);
        let last = round == feed::book::LOSSES_MAX;
        assert_eq!(lost.is_err(), last, "{lost:?}");
    }
}

#[test]
fn several_changes_at_once_are_no_snapshot_where_they_were_asked_for() {
    let mut check = Check::new(FLAG_BULK);
    check.give(SNAPSHOT).unwrap();
    check.give("[3,[[36158,0,1],[36171,0,-1]]]").unwrap();
    assert_eq!(check.told(), ["bid=36155 bid_size=1.25 ask=36172 ask_size=2"]);
    let mut check = Check::new(0);
    check.give(SNAPSHOT).unwrap();
    check.give("[3,[[5,1,1],[6,1,-1]]]").unwrap();
    assert_eq!(check.told(), ["bid=5 bid_size=1 ask=6 ask_size=1"]);
    assert!(check.batch.updates[0].1.snapshot);
}

#[test]
fn rounded_prices_single_orders_and_a_second_book_fill_nothing() {
    let mut check = Check::new(0);
    check.subscribed(8, "book", "tBTCUSD", r#","prec":"R0""#);
    assert_eq!(check.give("[8,[[96124382782,31534,0.0285]]]"), Ok("book"));
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.give(SNAPSHOT).unwrap();
    check.subscribed(9, "book", "tBTCUSD", r#","prec":"P0","len":"250""#);
    check.give(&SNAPSHOT.replacen('3', "9", 1)).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
}

#[test]
fn figures_of_a_perpetual() {
    let mut check = Check::new(0);
    let text = r#"{"event":"subscribed","channel":"status","chanId":5,"key":"deriv:tBTCF0:USTF0"}"#;
    check.give(text).unwrap();
    let row = "[5,[1790133734000,null,86710.46123944,86670.5,null,62210384.95685668,null,1790150400000,0.00015317,3873,null,0.00007835,null,null,86676.3172,null,null,8851.89352831,null,null,null,0.0005,0.0025]]";
    assert_eq!(check.give(row), Ok("status"));
    assert_eq!(check.told(), ["mark=86676.3172 funding_rate=0.00007835"]);
    assert_eq!(check.batch.updates[0].0, InstrumentId(1));
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_790_133_734_000_000)));
    check.give(&row.replace("86676.3172", "null")).unwrap();
    assert_eq!(check.told(), ["mark= funding_rate=0.00007835"], "null is absent");
}

#[test]
fn maintenance_makes_books_suspect_and_its_end_a_new_connection() {
    let mut check = Check::new(0);
    assert_eq!(check.give(r#"{"event":"info","version":2,"platform":{"status":1}}"#), Ok("event:info"));
    check.give(SNAPSHOT).unwrap();
    assert_eq!(
        check.give(r#"{"event":"info","code":20060,"msg":"Entering in Maintenance mode."}"#),
        Ok("event:info")
    );
    assert_eq!(check.told(), ["suspect/venue"]);
    for code in [20_051, 20_061] {
        let text = format!(r#"{{"event":"info","code":{code},"msg":"x"}}"#);
        assert_eq!(check.give(&text), Err(DecodeError::Reconnect(Reason::Venue)));
    }
}

#[test]
fn events_are_named_and_refusals_told() {
    let mut check = Check::new(0);
    assert_eq!(check.give(r#"{"event":"pong","ts":1,"cid":1}"#), Ok("event:pong"));
    let error = r#"{"channel":"book","symbol":"tBTCUSD","prec":"P0","len":"25","event":"error","msg":"symbol: invalid","code":10300,"pair":"BTCUSD"}"#;
    assert_eq!(check.give(error), Ok("event:error"));
    assert_eq!(check.batch.refused, [(Some(InstrumentId(0)), "10300 symbol: invalid".to_owned())]);
    check.give(&error.replace("10300", "10301").replace("symbol: invalid", "subscribe: dup")).unwrap();
    assert!(check.batch.refused.is_empty(), "it is subscribed");
    check.give(r#"{"event":"error","msg":"event: invalid (nope)","code":10000}"#).unwrap();
    assert_eq!(check.batch.refused, [(None, "10000 event: invalid (nope)".to_owned())]);
    check
        .give(r#"{"event":"error","key":"deriv:tBTCF0:USTF0","channel":"status","msg":"no","code":10300}"#)
        .unwrap();
    assert_eq!(check.batch.refused[0].0, Some(InstrumentId(1)));
    assert_eq!(check.give(r#"{"event":"auth"}"#), Ok("event:other"));
}

#[test]
fn an_unreadable_level_is_a_gap() {
    let mut check = Check::new(0);
    check.give(SNAPSHOT).unwrap();
    let huge = "9".repeat(40);
    check.give(&format!("[3,[{huge},1,1]]")).unwrap();
    assert_eq!((check.told(), check.batch.replies.len()), (vec!["suspect/gap".to_owned()], 2));
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new(0);
    assert_eq!(check.give("[99,[1,2,3]]"), Ok("unknown"));
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol], "a channel nobody acknowledged");
    check.subscribed(10, "ticker", "tETHUSD", "");
    assert_eq!(check.give(&TICKER.replacen('1', "10", 1)), Ok("ticker"));
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    check.subscribed(11, "ticker", "fUSD", "");
    assert_eq!(
        check.give("[11,[0.0003,0.0002,30,3939629.6,0.0001,2,3077,-0.00005,-0.2,0.0001,12,1,1]]"),
        Ok("ticker")
    );
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote], "a funding currency");
    check.give(r#"{"event":"subscribed","channel":"candles","chanId":12,"key":"trade:1m:tBTCUST"}"#).unwrap();
    assert_eq!(check.give("[12,[1654075080000,31619,31619,31619,31619,0.008]]"), Ok("candles"));
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    for text in [
        "",
        "[]",
        "[1]",
        "{}",
        "[[]]",
        r#"["x",[]]"#,
        "[-1,[]]",
        "[1,2,3,4,5,6,7,8]",
        "[1,[1,2,3]]",
        r#"[2,"te"]"#,
        r#"[2,"te",[1,2]]"#,
        r#"[3,"cs","x"]"#,
        "[3,5]",
        "[99999999999999999999999999,[]]",
        r#"{"event":"subscribed"}"#,
        r#"{"event":"subscribed","chanId":"1"}"#,
        r#"[{"symbol":"tBTCUST","channel":"trades"},"te",[637771130,1615232733897,0.11546588,51350]]"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    for channel in [1, 2, 3] {
        let deep = format!("[{channel},{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check.give(&deep).is_err() && check.told().is_empty());
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
}
