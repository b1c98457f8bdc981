//! The whole session against an emulated venue: catalogue, subscription, final quotes, and what goes wrong.

use feed::RestAnswer;
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const NAME: &str = "20210422-first-half";
const SYMBOLS: [(&str, &str); 3] =
    [("NEO_BTC", "GATE:NEO-BTC"), ("OMG_USDT", "GATE:OMG-USDT"), ("DIS_USDT", "GATE:DIS-USDT")];
const CHANNELS: [&str; 3] = ["spot.book_ticker", "spot.trades", "spot.tickers"];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn script(frames: Vec<Recorded>) -> Script {
    let pong = r#"{"time":1,"channel":"spot.pong","event":"","result":null}"#;
    Script::new(frames).rest(fixtures().rest("20210422")).reply(r#"{"channel":"spot.ping"}"#, pong)
}

fn subscription() -> Vec<String> {
    let natives: Vec<&str> = SYMBOLS.iter().map(|(native, _)| *native).collect();
    CHANNELS
        .map(|channel| json!({"channel": channel, "event": "subscribe", "payload": natives}).to_string())
        .to_vec()
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_gateio::session(&overrides(venue)), &SYMBOLS.map(|(_, symbol)| symbol))
}

/// A live session fetches no books, so the ticker tells the top.
async fn wait_end(running: &Running) {
    let want = fixtures().expected(NAME);
    for (native, symbol) in SYMBOLS {
        running.wait_top(symbol, &want["symbols"][native]["merged"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script(fixtures().frames(NAME)).start(Start::Exactly(subscription()))).await;
    let running = start(&venue);
    wait_end(&running).await;
    let dis = &fixtures().expected(NAME)["symbols"]["DIS_USDT"]["trade"];
    running.wait_fields("GATE:DIS-USDT", dis, &[Field::Last, Field::LastSize]).await;
    assert_eq!(venue.asked(), ["/api/v4/spot/currency_pairs"]);
    assert_eq!(venue.sent(), subscription());
    running.stop().await;
}

#[tokio::test]
async fn pongs_are_asked_for_while_the_venue_is_quiet() {
    let venue = Venue::start(script(fixtures().frames(NAME)).start(Start::AfterTexts(3))).await;
    let running = start(&venue);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let script = script(fixtures().frames(NAME))
        .start(Start::Exactly(subscription()))
        .fault(1..=1, Fault::EndAfter(60));
    let venue = Venue::start(script).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("GATE:NEO-BTC", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_is_unknown_and_the_others_are_asked_for_again() {
    let natives: Vec<&str> = SYMBOLS.iter().map(|(native, _)| *native).collect();
    let refused = |channel: &str| {
        let error = json!({"code": 2, "message": "unknown currency pair: DIS_USDT"});
        Recorded::text(
            json!({"channel": channel, "event": "subscribe", "payload": natives, "error": error, "result": {"status": "fail"}})
                .to_string(),
        )
    };
    let mut frames: Vec<Recorded> = CHANNELS.map(refused).to_vec();
    frames.extend(
        fixtures().frames(NAME).into_iter().filter(|frame| !format!("{frame:?}").contains("DIS_USDT")),
    );
    let venue = Venue::start(script(frames).start(Start::AfterTexts(3))).await;
    let running = start(&venue);
    let want = fixtures().expected(NAME);
    for (native, symbol) in &SYMBOLS[..2] {
        running.wait_top(symbol, &want["symbols"][native]["merged"]).await;
    }
    running.sink.wait_status("GATE:DIS-USDT", Status::Unknown, Reason::Refused).await;
    venue.wait_sent(6).await;
    let again: Vec<Value> =
        venue.sent()[3..].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    for (channel, text) in CHANNELS.iter().zip(again) {
        assert_eq!(
            text,
            json!({"channel": channel, "event": "subscribe", "payload": ["NEO_BTC", "OMG_USDT"]})
        );
    }
    running.stop().await;
}

/// `obu` of one symbol, message by message, in the shapes of the venue's documents: number 3 is lost, the answer to the
/// resubscription comes as number 6.
#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_book() {
    let obu = |result: Value| {
        Recorded::text(json!({"channel": "spot.obu", "event": "update", "result": result}).to_string())
    };
    let change = |number: u64, bid: &str| {
        obu(json!({"t": 1, "s": "ob.NEO_BTC.50", "U": number, "u": number, "b": [[bid, "1"]], "a": []}))
    };
    let full = |number: u64, bid: &str| {
        obu(
            json!({"t": 1, "full": true, "s": "ob.NEO_BTC.50", "u": number, "b": [[bid, "1"]], "a": [["9", "1"]]}),
        )
    };
    let frames = vec![
        full(1, "2.0"),
        change(2, "2.1"),
        change(3, "2.2"),
        change(4, "2.3"),
        change(5, "2.4"),
        full(9, "2.5"),
    ];
    let venue = Venue::start(script(frames).start(Start::AfterTexts(3)).fault(1..=1, Fault::Skip(2))).await;
    let running = start(&venue);
    running
        .wait_top("GATE:NEO-BTC", &json!({"bid": "2.5", "bid_size": "1", "ask": "9", "ask_size": "1"}))
        .await;
    assert!(running.went_through("GATE:NEO-BTC", Status::Suspect, Reason::Gap));
    venue.wait_sent(5).await;
    let again = ["unsubscribe", "subscribe"].map(|event| {
        json!({"channel": "spot.obu", "event": event, "payload": ["ob.NEO_BTC.50"]}).to_string()
    });
    assert_eq!(venue.sent_by(1)[3..], again);
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// One speaks before its trade proves that trading goes on, the other one has its subscription acknowledged and never speaks.
#[tokio::test]
async fn pairs_that_the_catalogue_calls_suspended_are_halted_until_they_are_traded() {
    let pair = |id: &str, base: &str, status: &str| json!({"id": id, "base": base, "quote": "USDT", "trade_status": status});
    let pairs = [pair("OMG_USDT", "OMG", "sellable"), pair("DIS_USDT", "DIS", "untradable")];
    let catalogue =
        RestAnswer { url: "/api/v4/spot/currency_pairs".to_owned(), body: json!(pairs).to_string() };
    let frames = [
        json!({"channel": "spot.tickers", "event": "subscribe", "payload": ["DIS_USDT"], "result": {"status": "success"}}),
        json!({"channel": "spot.tickers", "event": "update", "result": {"currency_pair": "OMG_USDT", "last": "7.2"}}),
        json!({"channel": "spot.trades", "event": "update", "result": {"currency_pair": "OMG_USDT", "price": "7.3", "amount": "1", "side": "buy"}}),
    ];
    let frames = frames.map(|frame| Recorded::text(frame.to_string()));
    let venue = Venue::start(Script::new(frames).rest([catalogue])).await;
    let session = feed_gateio::session(&overrides(&venue));
    let running = Running::start(session, &["GATE:OMG-USDT", "GATE:DIS-USDT"]);
    running.sink.wait_status("GATE:OMG-USDT", Status::Live, Reason::Confirmed).await;
    running.sink.wait_status("GATE:DIS-USDT", Status::Halted, Reason::Venue).await;
    assert!(running.went_through("GATE:OMG-USDT", Status::Halted, Reason::Venue));
    running.stop().await;
}
