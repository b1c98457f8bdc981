//! The decoder over the whole recording and every single message: counts by kind, and the final quotes that an
//! independent reader of the same messages ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_bitfinex::{BitfinexV2, session};
use market::{Decimal, Field, FieldSet, Micros};
use serde_json::{Value, json};
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal, instruments, play, symbols};

const CAPTURE: &str = "20210417";

/// Of 1,600 book messages, counted by a separate script.
const TOP_UNMOVED: u64 = 1_129;

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of the book, not of the ticker: the ticker is told every 15 s or so, and its sizes are sums. The last
/// trade is the ticker's, without a size, because no trade happened and the history comes later.
#[test]
fn the_recording_ends_with_the_right_quotes() {
    let session = session(&Overrides::default());
    let want = fixtures().expected(CAPTURE);
    let mut passed = 0;
    let (played, _) = play(session.as_ref(), &fixtures(), CAPTURE, |line, played| {
        for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, &format!("after line {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        let day = [Field::High24h, Field::Low24h, Field::Volume24h];
        played.check_fields(native, &symbol["ticker"], &day, "at the end");
    }
    assert_eq!(symbols(&want).count(), 7);
    played.check_ignored(&[(Ignored::TopUnmoved, TOP_UNMOVED)]);
    let stats = played.tap.stats();
    assert_eq!(stats.updates, 1_600 - TOP_UNMOVED + 21 + 7, "of books, of tickers, of history");
}

/// Why the sizes of a ticker are not told: where a book's snapshot stands beside a ticker of the same moment, they are the
/// sums of its 25 best levels.
#[test]
fn the_sizes_of_the_recorded_tickers_are_sums_over_25_levels() {
    let (mut tickers, mut checked) = (std::collections::BTreeMap::new(), 0);
    let mut channels = std::collections::BTreeMap::new();
    let number = |value: &Value| feed::json::text_decimal(&value.to_string()).unwrap().unwrap();
    for recorded in fixtures().frames(CAPTURE) {
        let testkit::script::Payload::Text(text) = recorded.payload else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["event"] == "subscribed" {
            channels.insert(frame["chanId"].as_u64(), (frame["channel"].clone(), frame["symbol"].clone()));
            continue;
        }
        let Some((channel, symbol)) = channels.get(&frame[0].as_u64()) else { continue };
        if channel == "ticker" && frame[1].is_array() {
            tickers.insert(symbol.to_string(), frame[1].clone());
        }
        if channel == "book" && frame[1][0].is_array() {
            let asks = frame[1].as_array().unwrap().iter().map(|row| number(&row[2]));
            let asks: Vec<Decimal> = asks.filter(|amount| amount.is_sign_negative()).take(25).collect();
            let sum: Decimal = -asks.iter().sum::<Decimal>();
            let ticker = number(&tickers[&symbol.to_string()][3]);
            // The dust of the venue's float is far below any digit of an order.
            checked += u64::from((sum - ticker).abs() < Decimal::new(1, 8) && sum != -asks[0]);
        }
    }
    assert_eq!(checked, 2, "of seven; the other five moved between the two messages");
}

#[test]
fn the_recorded_catalogue_gives_every_pair_its_name() {
    let session = session(&Overrides::default());
    let known = instruments(session.as_ref(), &fixtures().rest(CAPTURE));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(symbol("tBFTUSD"), "BITFINEX:BFT-USD");
    assert_eq!(symbol("tTESTBTC:TESTUSD"), "BITFINEX:TESTBTC-TESTUSD");
    assert_eq!(symbol("tBTCUST"), "BITFINEX:BTC-USDT");
}

/// What stands with a sign in the messages, which tells the side and not the size.
fn signed() -> FieldSet {
    FieldSet::EMPTY.with(Field::AskSize).with(Field::LastSize)
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let session = session(&Overrides::default());
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (session.decoder(), instruments(session.as_ref(), &fixtures().rest(CAPTURE)))
    };
    check_decoder(&make, &fixtures().frames(CAPTURE), signed());
    let open =
        || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), Instruments::new("BITFINEX", 50)) };
    let mut texts = Vec::new();
    for (number, (text, _)) in fixtures().singles("single-cryptomsgparser").iter().enumerate() {
        texts.extend(as_sent(text, number as u64).into_iter().map(Into::into));
    }
    texts.extend(fixtures().singles("single-gocryptotrader").into_iter().map(|(text, _)| text.into()));
    check_decoder(&open, &texts, signed());
}

/// The recorder put the subscription in the place of the channel's number. This is how the venue sent it: the
/// acknowledgement, then the frame. Answers of the HTTP interface have neither.
fn as_sent(text: &str, number: u64) -> Vec<String> {
    let mut frame: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(text).unwrap();
    let Ok(Value::Object(mut event)) = serde_json::from_str(frame[0].get()) else { return Vec::new() };
    event.insert("event".to_owned(), json!("subscribed"));
    event.insert("chanId".to_owned(), json!(number));
    frame[0] = serde_json::from_str(&number.to_string()).unwrap();
    vec![Value::Object(event).to_string(), serde_json::to_string(&frame).unwrap()]
}

/// The independent reader does not understand these messages, so what they hold was looked up by hand.
#[test]
fn single_messages_tell_what_they_hold() {
    let singles = fixtures().singles("single-cryptomsgparser");
    let told: Vec<String> = singles
        .iter()
        .enumerate()
        .map(|(number, (text, _))| {
            let mut decoder = BitfinexV2::new();
            let mut batch = Batch::new(Instruments::new("BITFINEX", 10));
            let mut kind = "http";
            for frame in as_sent(text, number as u64) {
                batch.clear();
                kind = decoder.decode(Frame::Text(&frame), Micros(1), &mut batch).unwrap();
            }
            let numbers = batch.updates.iter().flat_map(|(_, update)| {
                let told = update.told().intersection(FieldSet::NUMBERS).iter();
                told.filter_map(|field| update.values().number(field).map(|number| number.to_string()))
            });
            let ignored = batch.ignored.iter().map(|why| why.name().to_owned());
            [kind.to_owned()].into_iter().chain(numbers).chain(ignored).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "trades:te 51350 0.11546588",
            "trades:tu duplicate",
            "trades 58239 0.0033",
            "trades:te 58244 0.00020449",
            "trades:tu duplicate",
            "trades 58119 0.06153795",
            "book 36167 0.48403686 36171 0.000006",
            "book before_snapshot",
            "book 34840 0.20047952 34841 0.00034929",
            "book before_snapshot",
            "book not_a_quote",
            "book not_a_quote",
            "book not_a_quote",
            "book not_a_quote",
            "candles not_a_quote",
            "candles not_a_quote",
            "candles not_a_quote",
            "candles not_a_quote",
            "ticker 29967 29976 29966 31887 29335 488.04182112",
            "ticker 29936 29940 29940 31878 29308 3957.33360529",
            "http",
            "http",
        ]
    );
}

/// One channel of trades with a counter. The reader counts `te` alone as a trade; so do we.
#[test]
fn single_trades_tell_what_they_hold() {
    let mut decoder = BitfinexV2::new();
    let mut batch = Batch::new(Instruments::new("BITFINEX", 10));
    for text in [
        r#"{"event":"conf","status":"OK","flags":65536}"#,
        r#"{"event":"subscribed","channel":"trades","chanId":18788,"symbol":"tBTCUSD"}"#,
    ] {
        decoder.decode(Frame::Text(text), Micros(1), &mut batch).unwrap();
    }
    for (text, want) in fixtures().singles("single-gocryptotrader") {
        batch.clear();
        decoder.decode(Frame::Text(&text), Micros(1), &mut batch).unwrap();
        match want["events"].as_array().unwrap().first() {
            Some(event) => {
                let values = batch.updates[0].1.values();
                assert_eq!(values.number(Field::Last), decimal(&event["last"]));
                assert_eq!(values.number(Field::LastSize), decimal(&event["last_size"]));
                assert_eq!(values.side().map(market::Side::name), event["side"].as_str());
            }
            None => assert!(batch.updates.iter().all(|(_, u)| u.source == market::Source::History), "{text}"),
        }
    }
}
