//! Single messages of every market and kind, and what is made of broken ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail the test, and a measurement is there to be read"
)]

use std::path::Path;

use feed::{Batch, DecodeError, Decoder, Frame, Ignored, Instruments};
use feed_binance::{BinanceDecoder, Market};
use market::{Field, FieldSet, Micros, Price, Reason, Side, Source, Update, Values};
use serde_json::Value;

const NOW: Micros = Micros(1);

struct Bench {
    decoder: BinanceDecoder,
    batch: Batch,
}

impl Bench {
    fn of(market: Market) -> Bench {
        Bench {
            decoder: BinanceDecoder::new(market),
            batch: Batch::new(Instruments::new(market.venue(), 1_000)),
        }
    }

    fn decode(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), NOW, &mut self.batch)
    }

    /// The only update that the message leads to.
    fn update(&mut self, text: &str) -> Update {
        self.decode(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(self.batch.updates.len(), 1, "{text}");
        self.batch.updates[0].1
    }

    /// What the message is ignored for; it leads to no update.
    fn ignored(&mut self, text: &str) -> Vec<Ignored> {
        self.decode(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(self.batch.updates.is_empty(), "{text}");
        self.batch.ignored.clone()
    }
}

fn text(values: &Values, field: Field) -> Option<String> {
    values.number(field).map(|n| n.to_string())
}

fn price(value: &Value) -> Option<Price> {
    value.as_str().map(|text| Price::parse(text).unwrap())
}

/// The market of a line of `single-cryptomsgparser.tsv`; options have no market of ours and get the nearest one.
fn market_of(label: &str) -> Market {
    match label {
        "spot" => Market::Spot,
        label if label.starts_with("inverse") => Market::CoinM,
        _ => Market::UsdM,
    }
}

#[test]
fn recorded_single_messages_say_what_the_independent_reader_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let lines = std::fs::read_to_string(folder.join("binance/single-cryptomsgparser.tsv")).unwrap();
    let expected = folder.join("expected/binance/single-cryptomsgparser.expected.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    let mut compared = 0;
    for (line, want) in lines.lines().zip(expected["messages"].as_array().unwrap()) {
        let (label, message) = line.split_once('\t').unwrap();
        let mut bench = Bench::of(market_of(label));
        let kind = bench.decode(message).unwrap_or_else(|error| panic!("{error}: {message}"));
        assert_eq!(Some(kind), want["type"].as_str(), "{message}");
        for event in want["events"].as_array().unwrap() {
            if event["kind"] == "book" {
                assert!(bench.batch.updates.is_empty());
                continue;
            }
            let native = event["symbol"].as_str().unwrap();
            let id = bench.batch.instruments.find(native).unwrap();
            let (_, update) = bench.batch.updates.iter().find(|(of, _)| *of == id).unwrap();
            for (name, field) in Field::NUMBER_FIELDS.into_iter().map(|field| (field.name(), field)) {
                // COIN-M counts the base asset there, see `decode`.
                if field == Field::QuoteVolume24h && market_of(label) == Market::CoinM {
                    assert!(!update.told().contains(field));
                } else if !event[name].is_null() {
                    let got = update.values().number(field).map(Price::from_decimal);
                    assert_eq!(got, price(&event[name]), "{name}: {message}");
                    compared += 1;
                }
            }
            if let Some(side) = event["side"].as_str() {
                assert_eq!(update.values().side().map(Side::name), Some(side), "{message}");
            }
            let time: Option<u64> = event["exchange_ts"].as_str().map(|text| text.parse().unwrap());
            let got = update.ts_event.map(|t| t.get() as u64 / 1_000);
            match kind {
                // The last trade happened some time before.
                "24hrTicker" => {
                    assert_eq!((got, update.told().contains(Field::Last)), (None, true), "{message}")
                }
                _ => assert_eq!(got, time, "{message}"),
            }
        }
    }
    assert!(compared > 100, "{compared} numbers compared");
}

#[test]
fn mark_index_and_funding() {
    let mut bench = Bench::of(Market::UsdM);
    let update = bench.update(r#"{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"-0.00038167","T":1562306400000}"#);
    assert_eq!(text(update.values(), Field::Mark).as_deref(), Some("11794.15000000"));
    assert_eq!(text(update.values(), Field::Index).as_deref(), Some("11784.62659091"));
    assert_eq!(text(update.values(), Field::FundingRate).as_deref(), Some("-0.00038167"));
    assert_eq!(update.ts_event, Some(Micros::from_millis(1_562_305_380_000)));
    // A dated contract has no funding rate, and older messages had no index.
    let update = bench.update(r#"{"e":"markPriceUpdate","E":1596095725000,"s":"BTCUSD_201225","p":"10934.6","P":"10962.1","r":"","T":0}"#);
    assert!(update.told().contains(Field::FundingRate) && !update.told().contains(Field::Index));
    assert_eq!(text(update.values(), Field::FundingRate), None);
    let all = r#"{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate","E":1,"s":"A","p":"1","r":"0"},7,{"e":"markPriceUpdate","E":1,"s":"B","p":"2","r":"0"}]}"#;
    assert_eq!(bench.decode(all), Ok("markPriceUpdate"));
    assert_eq!(bench.batch.updates.len(), 2, "what cannot be read costs the others nothing");
}

const TOP: &str =
    r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36520000","A":"40.66"}"#;

#[test]
fn the_top_keeps_its_digits_and_the_first_one_is_a_snapshot() {
    let mut bench = Bench::of(Market::Spot);
    let update = bench.update(TOP);
    assert_eq!(text(update.values(), Field::Bid).as_deref(), Some("25.35190000"));
    assert_eq!(text(update.values(), Field::BidSize).as_deref(), Some("31.21"));
    assert_eq!(text(update.values(), Field::Ask).as_deref(), Some("25.36520000"));
    assert_eq!(text(update.values(), Field::AskSize).as_deref(), Some("40.66"));
    assert_eq!((update.source, update.venue_seq, update.ts_event), (Source::Direct, Some(400_900_217), None));
    assert!(update.snapshot && !bench.update(TOP).snapshot);
    // Another connection starts afresh.
    assert!(Bench::of(Market::Spot).update(TOP).snapshot);
}

#[test]
fn either_envelope_and_either_unit_of_time_are_read() {
    let raw = r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782130,"m":true,"M":true}"#;
    let combined = format!(r#"{{"stream":"bnbbtc@trade","data":{raw}}}"#);
    let spaced = format!("{{ \"stream\" : \"bnbbtc@trade\" , \"data\" : {raw} }}");
    let micros = raw.replace("1672515782130", "1672515782130000");
    for message in [raw, &combined, &spaced, &micros] {
        let update = Bench::of(Market::Spot).update(message);
        assert_eq!(update.values().side(), Some(Side::Sell), "the buyer was the maker");
        assert_eq!(update.ts_event, Some(Micros(1_672_515_782_130_000)), "{message}");
        assert_eq!(update.venue_seq, Some(12_345));
    }
    let bought = raw.replace("\"m\":true", "\"m\":false");
    assert_eq!(Bench::of(Market::Spot).update(&bought).values().side(), Some(Side::Buy));
    let aggregated =
        r#"{"e":"aggTrade","E":1,"s":"BNBBTC","a":7,"p":"0.001","q":"100","f":100,"l":105,"T":1,"m":true}"#;
    let update = Bench::of(Market::UsdM).update(aggregated);
    assert_eq!(update.venue_seq, Some(105), "both streams of trades count alike");
    // The same in a binary frame.
    let mut bench = Bench::of(Market::Spot);
    assert_eq!(bench.decoder.decode(Frame::Binary(raw.as_bytes()), NOW, &mut bench.batch), Ok("trade"));
}

#[test]
fn trades_outside_the_book_are_no_prices() {
    let trade = |p: &str, q: &str, kind: &str| {
        format!(
            r#"{{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"{p}","q":"{q}","X":"{kind}","m":false}}"#
        )
    };
    let mut bench = Bench::of(Market::UsdM);
    for (p, q, kind) in [
        ("61800.30", "0.006", "INSURANCE_FUND"),
        ("61800.30", "0.006", "ADL"),
        ("0", "0", "NA"),
        ("0.00", "1", "MARKET"),
        ("1", "0.000", "MARKET"),
        ("", "", "MARKET"),
    ] {
        assert_eq!(bench.ignored(&trade(p, q, kind)), [Ignored::NotAQuote], "{p} {q} {kind}");
    }
    bench.update(&trade("61800.30", "0.006", "MARKET"));
}

const TICKER: &str = r#"{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0027","l":"0.0009","v":"10000","q":"18","O":0,"C":1672515782130,"F":0,"L":18150,"n":18151}"#;

#[test]
fn a_ticker_fills_in_what_its_betters_have_not_told() {
    let mut bench = Bench::of(Market::Spot);
    let update = bench.update(TICKER);
    let fields = FieldSet::NUMBERS.minus(market::Group::Contract.fields()).with(Field::LastSide);
    assert_eq!(update.told(), fields);
    assert!(update.snapshot && update.source == Source::Ticker);
    for (field, value) in [
        (Field::Bid, "0.0024"),
        (Field::BidSize, "10"),
        (Field::Ask, "0.0026"),
        (Field::AskSize, "100"),
        (Field::Last, "0.0025"),
        (Field::LastSize, "10"),
        (Field::Open24h, "0.0010"),
        (Field::High24h, "0.0027"),
        (Field::Low24h, "0.0009"),
        (Field::Volume24h, "10000"),
        (Field::QuoteVolume24h, "18"),
    ] {
        assert_eq!(text(update.values(), field).as_deref(), Some(value), "{}", field.name());
    }
    assert_eq!(update.values().side(), None, "nobody said who took");

    // Once the top came on its own, the ticker's one is older.
    bench.update(&TOP.replace("BNBUSDT", "BNBBTC"));
    let update = bench.update(TICKER);
    assert!(
        !update.snapshot && !update.told().contains(Field::Bid) && !update.told().contains(Field::AskSize)
    );
    assert!(!update.told().contains(Field::Last), "the same last trade as before");
    let trade = |id: u64| {
        format!(r#"{{"e":"trade","E":1,"s":"BNBBTC","t":{id},"p":"0.0030","q":"1","T":1,"m":true}}"#)
    };
    bench.update(&trade(18_151));
    assert!(!bench.update(TICKER).told().contains(Field::Last), "the trade is newer than the ticker");
    let newer = TICKER.replace("18150", "18152");
    assert!(bench.update(&newer).told().contains(Field::Last), "the ticker knows a newer trade");
}

#[test]
fn a_ticker_of_a_symbol_without_trades_tells_no_price() {
    let zeros = r#"{"e":"24hrTicker","E":1672515782136,"s":"X","c":"0.00000000","Q":"0.00000000","b":"0.00000000","B":"0.00000000","a":"0.00000000","A":"0.00000000","o":"0.00000000","h":"0.00000000","l":"0.00000000","v":"0.00000000","q":"0.00000000","O":0,"C":1,"F":-1,"L":-1,"n":0}"#;
    let update = Bench::of(Market::Spot).update(zeros);
    assert_eq!(update.values().present(), FieldSet::from_iter([Field::Volume24h, Field::QuoteVolume24h]));
    let mini = r#"{"e":"24hrMiniTicker","E":1672515782136,"s":"X","c":"0.0025","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}"#;
    let mut bench = Bench::of(Market::Spot);
    let update = bench.update(mini);
    assert_eq!(text(update.values(), Field::Last).as_deref(), Some("0.0025"));
    assert_eq!(update.ts_event, None);
    assert!(!update.told().contains(Field::Bid));
    bench.update(
        r#"{"e":"trade","E":1672515782135,"s":"X","t":7,"p":"0.0024","q":"1","T":1672515782135,"m":true}"#,
    );
    let update = bench.update(mini);
    assert!(!update.told().contains(Field::Last), "no id says that its trade is a newer one");
    assert_eq!(update.ts_event, Some(Micros::from_millis(1_672_515_782_136)));
}

/// The window of a ticker ends at 130 ms; a trade of 129 ms that comes after it is newer than the ticker's last trade all the same.
#[test]
fn a_trade_that_comes_after_a_ticker_is_not_older_than_it() {
    let mut bench = Bench::of(Market::Spot);
    assert_eq!(bench.update(TICKER).ts_event, None, "of what time its trade is nobody said");
    let trade = |id: u64, millis: u64| {
        let at = 1_672_515_782_000 + millis;
        format!(r#"{{"e":"trade","E":1,"s":"BNBBTC","t":{id},"p":"0.0030","q":"1","T":{at},"m":true}}"#)
    };
    let update = bench.update(&trade(18_151, 129));
    assert_eq!((update.ts_event, update.venue_seq), (Some(Micros(1_672_515_782_129_000)), Some(18_151)));
    assert!(update.source > Source::Ticker);
    // A lost trade is made good by the ticker, which the one of before does not outdo, nor does it outdo what comes late.
    let newer = bench.update(&TICKER.replace("18150", "18152"));
    assert!(newer.told().contains(Field::Last));
    assert_eq!(newer.ts_event, Some(Micros(1_672_515_782_129_000)));
    assert_eq!(bench.update(&trade(18_152, 129)).ts_event, newer.ts_event);
    let same = bench.update(&TICKER.replace("18150", "18152"));
    assert_eq!(
        same.ts_event,
        Some(Micros(1_672_515_782_130_000)),
        "without a last price, the end of its window"
    );
}

#[test]
fn control_messages_are_understood() {
    let mut bench = Bench::of(Market::Spot);
    assert_eq!(bench.decode(r#"{"result":null,"id":1}"#), Ok("result"));
    assert_eq!(bench.decode(r#"{"result":["btcusdt@aggTrade"],"id":3}"#), Ok("result"));
    assert!(bench.batch.updates.is_empty() && bench.batch.ignored.is_empty());
    for error in [
        r#"{"code":2,"msg":"Invalid request: too many parameters","id":1}"#,
        r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":1}"#,
    ] {
        assert_eq!(bench.decode(error), Ok("error"));
        assert_eq!(bench.batch.refused, [(None, "Invalid request: too many parameters".to_owned())]);
    }
    for shutdown in [
        r#"{"e":"serverShutdown","E":1770123456789}"#,
        r#"{"event":{"e":"serverShutdown","E":1770123456789}}"#,
        r#"{"stream":"x","data":{"e":"serverShutdown","E":1770123456789}}"#,
    ] {
        assert_eq!(bench.decode(shutdown), Err(DecodeError::Reconnect(Reason::Venue)), "{shutdown}");
    }
}

#[test]
fn broken_messages_are_counted_and_tell_nothing() {
    let mut bench = Bench::of(Market::Spot);
    for garbage in
        ["", " ", "pong", "null", "7", "\"x\"", "[]", "[1]", "{", "{\"u\":", "{\"data\":1}", "{\"data\":[]}"]
    {
        assert!(matches!(bench.decode(garbage), Err(DecodeError::Garbage(_))), "{garbage}");
        assert!(bench.batch.updates.is_empty());
    }
    // Nothing that says what it is: no quote.
    assert_eq!(bench.ignored("{}"), [Ignored::NotAQuote]);
    assert_eq!(bench.decode(r#"{"e":"somethingNew","s":"X"}"#), Ok("other"));
    let wrong = [
        (r#""u":400900217"#, r#""u":-1"#),
        (r#""u":400900217"#, r#""u":"x""#),
        (r#""u":400900217"#, r#""u":99999999999999999999999"#),
        (r#""s":"BNBUSDT""#, r#""s":7"#),
        (r#""s":"BNBUSDT""#, r#""s":null"#),
        (r#""u":400900217"#, r#""T":"x","u":400900217"#),
    ];
    for (from, to) in wrong {
        assert!(matches!(bench.decode(&TOP.replace(from, to)), Err(DecodeError::Garbage(_))), "{to}");
        assert!(bench.batch.updates.is_empty());
    }
    for bad in ["\"abc\"", "\"1_0\"", "\"--1\"", "true", "[]", "{}", "\"0x10\"", "\"NaN\""] {
        assert_eq!(bench.ignored(&TOP.replace("\"25.35190000\"", bad)), [Ignored::BadNumber], "{bad}");
    }
    let huge = "9".repeat(40);
    assert_eq!(bench.ignored(&TOP.replace("25.35190000", &huge)), [Ignored::BadNumber]);
    let precise = format!("0.{}1", "0".repeat(28));
    assert_eq!(bench.ignored(&TOP.replace("25.35190000", &precise)), [Ignored::BadNumber]);
    assert!(bench.update(TOP).snapshot, "after all that the next message is read as if nothing had been");
}

#[test]
fn nothing_is_absent_in_every_way_the_venue_could_write_it() {
    for (bid, size) in [
        ("\"0\"", "\"0\""),
        ("\"0.00000000\"", "\"0.00000000\""),
        ("\"\"", "\"\""),
        ("null", "null"),
        ("0", "0"),
    ] {
        let message = TOP.replace("\"25.35190000\"", bid).replace("\"31.21\"", size);
        let update = Bench::of(Market::Spot).update(&message);
        assert!(update.told().contains(Field::Bid) && update.values().bid().is_none(), "{message}");
        assert!(update.values().bid_size().is_none() && update.values().ask().is_some());
    }
}

#[test]
fn escaped_names_and_unknown_names() {
    let mut bench = Bench::of(Market::Spot);
    bench.update(&TOP.replace("BNBUSDT", "BNB\\u0055SDT"));
    assert!(bench.batch.instruments.find("BNBUSDT").is_some());
    bench.batch.instruments.close();
    bench.update(TOP);
    let other = TOP.replace("BNBUSDT", "XYZUSDT");
    assert_eq!(bench.ignored(&other), [Ignored::UnknownSymbol]);
    assert_eq!(bench.ignored(&TICKER.replace("BNBBTC", "XYZ")), [Ignored::UnknownSymbol]);
    let trade = r#"{"e":"trade","E":1,"s":"XYZ","t":1,"p":"1","q":"1","T":1,"m":true}"#;
    assert_eq!(bench.ignored(trade), [Ignored::UnknownSymbol]);
    let mark = r#"{"e":"markPriceUpdate","E":1,"s":"XYZ","p":"1","r":"0"}"#;
    assert_eq!(bench.ignored(mark), [Ignored::UnknownSymbol]);
}

#[test]
fn a_bad_figure_is_told_as_absent_and_the_rest_stands() {
    let mut bench = Bench::of(Market::Spot);
    let update = bench.update(&TICKER.replace("\"h\":\"0.0027\"", "\"h\":\"oops\""));
    assert_eq!(bench.batch.ignored, [Ignored::BadNumber]);
    assert!(update.told().contains(Field::High24h) && update.values().number(Field::High24h).is_none());
    assert_eq!(text(update.values(), Field::Low24h).as_deref(), Some("0.0009"));
}
