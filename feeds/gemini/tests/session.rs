//! Sessions of both interfaces against an emulated venue on loopback: catalogue, subscription, final quotes, and what
//! goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::{Overrides, RestAnswer, Session};
use feed_gemini::{Api, GeminiSession, Settings, session_v2};
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running, instruments, symbols};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const CAPTURE: &str = "20210623";
const BTC: &str = "GEMINI:BTC-USD";
const PERP: &str = "GEMINI:BTC-GUSD-PERP";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// A session of either interface that asks for the details of these symbols.
fn session(api: Api, venue: &Venue, details: &[&str]) -> Box<dyn Session> {
    Box::new(GeminiSession::new(Settings {
        api,
        ws_url: Some(venue.ws_url()),
        rest_url: Some(venue.rest_url()),
        details: details.iter().map(|&name| name.to_owned()).collect(),
        ..Settings::default()
    }))
}

/// Native and canonical names of the recording's symbols.
fn names() -> Vec<(String, String)> {
    let known = instruments(session_v2(&Overrides::default()).as_ref(), &fixtures().rest(CAPTURE));
    let want = fixtures().expected(CAPTURE);
    let named = symbols(&want).map(|(native, _)| {
        let symbol = &known.get(known.find(native).unwrap()).unwrap().symbol;
        (native.to_owned(), symbol.to_string())
    });
    named.collect()
}

fn subscription_v2(natives: &[&str]) -> String {
    json!({"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": natives}]}).to_string()
}

fn script_v2() -> Script {
    let names = names();
    let natives: Vec<&str> = names.iter().map(|(native, _)| native.as_str()).collect();
    Script::new(fixtures().frames(CAPTURE))
        .rest(fixtures().rest(CAPTURE))
        .start(Start::Exactly(vec![subscription_v2(&natives)]))
}

fn start_v2(venue: &Venue) -> Running {
    let names = names();
    let natives: Vec<&str> = names.iter().map(|(native, _)| native.as_str()).collect();
    let symbols: Vec<&str> = names.iter().map(|(_, symbol)| symbol.as_str()).collect();
    Running::start(session(Api::V2, venue, &natives), &symbols)
}

async fn wait_end_v2(running: &Running) {
    let want = fixtures().expected(CAPTURE);
    for (native, symbol) in names() {
        running.wait_top(&symbol, &want["symbols"][&native]["book"]).await;
        running
            .wait_fields(&symbol, &want["symbols"][&native]["merged"], &[Field::Last, Field::LastSize])
            .await;
    }
}

#[tokio::test]
async fn v2_subscribes_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script_v2()).await;
    let running = start_v2(&venue);
    wait_end_v2(&running).await;
    let mut asked = venue.asked();
    asked.sort();
    assert_eq!((asked.len(), asked[0].as_str()), (11, "/v1/symbols"));
    assert_eq!(asked[1], "/v1/symbols/details/alcxusd");
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script_v2().fault(1..=1, Fault::EndAfter(300))).await;
    let running = start_v2(&venue);
    venue.wait_connection(2).await;
    wait_end_v2(&running).await;
    assert!(running.went_through("GEMINI:ANKR-USD", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), venue.sent_by(1));
    running.stop().await;
}

const LISTED: &str = r#"["btcusd","btcgusdperp"]"#;
const SPOT: &str = r#"{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","status":"open","product_type":"spot"}"#;
const SWAP: &str = r#"{"symbol":"BTCGUSDPERP","base_currency":"BTC","quote_currency":"GUSD","status":"open","product_type":"swap"}"#;

fn subscription() -> Vec<String> {
    let streams = |name: &str| {
        format!(
            r#"{{"id":"{name}","method":"subscribe","params":["{name}@bookTicker","{name}@trade","{name}@depth20"]}}"#
        )
    };
    let mark = r#"{"id":"btcgusdperp@markPrice","method":"subscribe","params":["btcgusdperp@markPrice"]}"#;
    vec![streams("btcusd"), streams("btcgusdperp"), mark.to_owned()]
}

fn best(native: &str, number: u64, bid: &str) -> Recorded {
    Recorded::text(format!(
        r#"{{"u":{number},"E":1789456740173524809,"s":"{native}","b":"{bid}","B":"0.5","a":"90000.0","A":"0.2"}}"#
    ))
}

fn frames() -> Vec<Recorded> {
    vec![
        Recorded::text(r#"{"id":"btcusd","status":200}"#),
        best("btcusd", 10, "77401.5"),
        best("btcgusdperp", 11, "77300.5"),
        Recorded::text(r#"{"E":1789456740173524809,"s":"btcusd","t":7,"p":"77401.1","q":"0.5","m":true}"#),
        Recorded::text(
            r#"{"e":"markPrice","E":1789456746446652397,"s":"btcgusdperp","p":"77303.727","i":"1"}"#,
        ),
        best("btcusd", 15, "77402.5"),
        Recorded::text(
            r#"{"lastUpdateId":15,"symbol":"btcusd","bids":[["77402.5","0.5"]],"asks":[["90000","0.2"]]}"#,
        ),
    ]
}

fn script() -> Script {
    let answer = |path: &str, body: &str| RestAnswer {
        url: format!("https://api.gemini.com{path}"),
        body: body.to_owned(),
    };
    Script::new(frames())
        .rest([
            answer("/v1/symbols", LISTED),
            answer("/v1/symbols/details/btcusd", SPOT),
            answer("/v1/symbols/details/btcgusdperp", SWAP),
        ])
        .start(Start::Exactly(subscription()))
        .reply(r#"{"id":"ping","method":"ping"}"#, r#"{"id":"ping","status":200}"#)
}

fn want(bid: &str) -> Value {
    json!({"bid": bid, "bid_size": "0.5", "ask": "90000", "ask_size": "0.2"})
}

fn start(venue: &Venue) -> Running {
    Running::start(session(Api::Current, venue, &["btcusd", "btcgusdperp"]), &[BTC, PERP])
}

async fn wait_end(running: &Running) {
    running.wait_top(BTC, &want("77402.5")).await;
    running
        .wait_fields(BTC, &json!({"last": "77401.1", "last_size": "0.5"}), &[Field::Last, Field::LastSize])
        .await;
    running.wait_top(PERP, &want("77300.5")).await;
    running.wait_fields(PERP, &json!({"mark": "77303.727"}), &[Field::Mark]).await;
}

#[tokio::test]
async fn the_current_interface_subscribes_each_symbol_by_itself() {
    let venue = Venue::start(script()).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.sent(), subscription());
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_becomes_unknown_while_the_other_goes_on() {
    let refusal = r#"{"id":"btcgusdperp","status":400,"error":{"code":-1013,"msg":"Invalid stream name: btcgusdperp@bookTicker"}}"#;
    let venue =
        Venue::start(script().frames_of(1, [Recorded::text(refusal), best("btcusd", 15, "77402.5")])).await;
    let running = start(&venue);
    running.wait_top(BTC, &want("77402.5")).await;
    running.sink.wait_status(PERP, Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// A book of changes, as another recording may hold it: a lost change shows in the next one's number.
#[tokio::test]
async fn a_skipped_change_makes_the_symbol_suspect_until_the_book_comes_again() {
    let change = |first: u64, last: u64, bid: &str| {
        Recorded::text(format!(
            r#"{{"e":"depthUpdate","E":1,"s":"btcusd","U":{first},"u":{last},"b":[["{bid}","0.5"]],"a":[["90000","0.2"]]}}"#
        ))
    };
    let frames = [
        change(10, 10, "1"),
        change(10, 12, "2"),
        change(12, 17, "3"),
        change(17, 18, "4"),
        change(20, 20, "5"),
    ];
    let venue = Venue::start(script().frames_of(1, frames).fault(1..=1, Fault::Skip(2))).await;
    let running = start(&venue);
    running.wait_top(BTC, &want("5")).await;
    assert!(running.went_through(BTC, Status::Suspect, Reason::Gap));
    running.stop().await;
}

/// `@bookTicker` is whole each time: a lost one is made good by the next, or by the levels of the next second.
#[tokio::test]
async fn a_skipped_best_level_is_made_good() {
    let venue = Venue::start(script().fault(1..=1, Fault::Skip(5))).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert!(!running.went_through(BTC, Status::Suspect, Reason::Gap));
    running.stop().await;
}

/// Its details are no part of the settings, and its listed name is one word.
#[tokio::test]
async fn a_wish_in_parts_finds_a_symbol_that_is_only_listed() {
    let details = r#"{"symbol":"SHIBUSD","base_currency":"SHIB","quote_currency":"USD","status":"open"}"#;
    let answer = |path: &str, body: &str| RestAnswer { url: path.to_owned(), body: body.to_owned() };
    let script = Script::new([best("shibusd", 1, "0.00001")]).rest([
        answer("/v1/symbols", r#"["btcusd","shibusd"]"#),
        answer("/v1/symbols/details/btcusd", SPOT),
        answer("/v1/symbols/details/shibusd", details),
    ]);
    let venue = Venue::start(script).await;
    let running = Running::start(session(Api::Current, &venue, &["btcusd"]), &["GEMINI:SHIB-USD"]);
    running.sink.wait_status("GEMINI:SHIB-USD", Status::Live, Reason::Confirmed).await;
    let asked = ["/v1/symbols", "/v1/symbols/details/btcusd", "/v1/symbols/details/shibusd"];
    assert_eq!(venue.asked(), asked);
    running.stop().await;
}
