//! The whole session against an emulated venue on loopback, over messages of the venue's documents: no recording is at hand.

use feed::{Decoder, Instruments, Overrides, RestAnswer, Secret};
use feed_finnhub::Trades;
use market::{Field, FieldSet, Reason, Status};
use serde_json::json;
use testkit::contract::check_decoder;
use testkit::proof::{Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const SYMBOLS: [&str; 3] = ["FINNHUB:TSLA", "FINNHUB:AAPL", "FINNHUB:NOSUCH"];
const FRAMES: [&str; 4] = [
    r#"{"type":"ping"}"#,
    r#"{"data":[{"c":["1","8","24","12"],"p":122.1,"s":"TSLA","t":1672348887195,"v":1},{"c":["1","24","12"],"p":129.58,"s":"AAPL","t":1672348887666,"v":1}],"type":"trade"}"#,
    r#"{"msg":"Invalid symbol NOSUCH","type":"error"}"#,
    r#"{"data":[{"c":["1","24","12"],"p":129.575,"s":"AAPL","t":1672348887785,"v":3},{"p":122.09,"s":"TSLA","t":1672348887196,"v":0}],"type":"trade"}"#,
];

fn frames() -> Vec<Recorded> {
    FRAMES.map(Recorded::text).to_vec()
}

fn subscription() -> Vec<String> {
    ["TSLA", "AAPL", "NOSUCH"].map(|s| format!(r#"{{"symbol":"{s}","type":"subscribe"}}"#)).to_vec()
}

fn script(frames: Vec<Recorded>) -> Script {
    let url = "https://finnhub.io/api/v1/stock/symbol?exchange=US".to_owned();
    let body = r#"[{"symbol":"AAPL"},{"symbol":"NOSUCH"},{"symbol":"TSLA"}]"#.to_owned();
    Script::new(frames).rest([RestAnswer { url, body }]).start(Start::Exactly(subscription()))
}

fn start(venue: &Venue) -> Running {
    let overrides = Overrides { key: Some(Secret::new("hush")), ..overrides(venue) };
    Running::start(feed_finnhub::session(&overrides), &SYMBOLS)
}

async fn wait_end(running: &Running) {
    let fields = [Field::Last, Field::LastSize];
    running.wait_fields("FINNHUB:AAPL", &json!({"last": "129.575", "last_size": "3"}), &fields).await;
    running.wait_fields("FINNHUB:TSLA", &json!({"last": "122.09", "last_size": null}), &fields).await;
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_last_trades() {
    let venue = Venue::start(script(frames())).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.sent(), subscription());
    assert_eq!(venue.asked(), ["/api/v1/stock/symbol?exchange=US"]);
    assert!(venue.heads()[0].to_ascii_lowercase().contains("x-finnhub-token: hush"));
    assert!(venue.connections()[0].target.ends_with("?token=hush"), "{:?}", venue.connections());
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_becomes_unknown_while_the_others_go_on() {
    let venue = Venue::start(script(frames())).await;
    let running = start(&venue);
    running.sink.wait_status("FINNHUB:NOSUCH", Status::Unknown, Reason::Refused).await;
    wait_end(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(frames()).fault(1..=1, Fault::EndAfter(2))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("FINNHUB:TSLA", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    running.stop().await;
}

#[tokio::test]
async fn pings_are_sent_while_the_venue_is_quiet() {
    let venue = Venue::start(script(Vec::new())).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    running.stop().await;
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Trades::new()), Instruments::new("FINNHUB", 50)) };
    assert_eq!(check_decoder(&make, &frames(), FieldSet::EMPTY).updates.len(), 4);
}
