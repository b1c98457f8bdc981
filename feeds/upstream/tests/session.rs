//! The protocol's own examples through the decoder, and the whole session against an emulated upstream that sends them.

#![expect(clippy::panic, reason = "an example that is not there ends the test")]

use feed::{Overrides, RestAnswer, Secret, Session};
use feed_upstream::session;
use market::{Field, FieldSet, Reason, Status};
use serde_json::{Value, json};
use testkit::contract::check_decoder;
use testkit::proof::{Running, instruments};
use testkit::script::{Fault, Recorded, Script};
use testkit::venue::Venue;

/// An example of `crates/wire/PROTOCOL.md`, line by line.
fn golden(name: &str) -> Vec<Recorded> {
    let path = format!("{}/../../crates/wire/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| if line.is_empty() { Recorded::ping("") } else { Recorded::text(line) }).collect()
}

/// A stream of them: it begins, goes on, loses its source, lives again, and says goodbye.
fn stream() -> Vec<Recorded> {
    ["start.sse", "deltas.sse", "heartbeat.sse", "status.sse", "goodbye.sse"].map(golden).concat()
}

fn upstream() -> Box<dyn Session> {
    session(&Overrides::default())
}

#[test]
fn every_example_of_the_protocol_is_read() {
    let session = upstream();
    let make = || (session.decoder(), instruments(&*session, &[]));
    let mut frames = stream();
    frames.extend(["lagged.sse", "reset.sse", "unnamed.sse", "refused.sse"].map(golden).concat());
    let run = check_decoder(&make, &frames, FieldSet::EMPTY);
    let count = |kind: &str| run.kinds.get(kind).copied().unwrap_or_default();
    assert!(
        run.kinds.keys().all(|kind| kind != "other" && !kind.starts_with("unreadable")),
        "{:?}",
        run.kinds
    );
    assert_eq!((count("hello"), count("snapshot"), count("quote"), count("status")), (1, 2, 4, 2));
    // A line that is neither JSON nor an event's is passed over there too, so what is broken is judged as of a stream of events.
    let mut ndjson = golden("stream.ndjson");
    ndjson.push(Recorded::text(": a comment"));
    let ndjson = check_decoder(&make, &ndjson, FieldSet::EMPTY);
    let kinds: Vec<&str> =
        ndjson.kinds.keys().map(String::as_str).filter(|kind| *kind != "comment").collect();
    assert_eq!(kinds, ["goodbye", "heartbeat", "hello", "lagged", "quote", "reset", "snapshot", "status"]);
}

fn script(frames: Vec<Recorded>) -> Script {
    let body = r#"{"symbols":[{"symbol":"BTC-USD","status":"live"},{"symbol":"COINBASE:BTC-USD","status":"live"},
        {"symbol":"KRAKEN:ETH-USD","status":"connecting"}],"total":3}"#;
    Script::new(frames).rest([RestAnswer { url: "/v1/symbols?limit=1000".to_owned(), body: body.to_owned() }])
}

fn at(venue: &Venue) -> Box<dyn Session> {
    session(&Overrides {
        ws_url: Some(venue.stream_url()),
        rest_url: Some(venue.rest_url()),
        key: Some(Secret::new("opal")),
        ..Overrides::default()
    })
}

const BTC: &str = "COINBASE:BTC-USD";

fn last_of_the_stream() -> Value {
    json!({"bid": "61701.00", "bid_size": "0.20000000", "last": "61690.00", "last_size": "0.50000000",
        "open_24h": "60210.50", "volume_24h": "9120.44170000"})
}

const FIELDS: [Field; 8] = [
    Field::Bid,
    Field::BidSize,
    Field::Ask,
    Field::AskSize,
    Field::Last,
    Field::LastSize,
    Field::Open24h,
    Field::Volume24h,
];

#[tokio::test]
async fn it_asks_for_a_stream_and_ends_with_its_quotes() {
    let venue = Venue::start(script(stream())).await;
    let running = Running::start(at(&venue), &["coinbase:btc-usd", "KRAKEN:ETH-USD"]);
    running.wait_fields(BTC, &last_of_the_stream(), &FIELDS).await;
    assert!(running.went_through(BTC, Status::Stale, Reason::Silence), "what is stale there is stale here");
    let eth = running.sink.look(|seen| seen.status("KRAKEN:ETH-USD"));
    assert_eq!(eth, (Status::Connecting, Reason::NotHeard));
    assert_eq!(venue.asked(), ["/v1/symbols?limit=1000"]);
    let connections = venue.connections();
    let target = "/v1/stream?mode=latest&named=false&format=sse&symbols=COINBASE:BTC-USD,KRAKEN:ETH-USD";
    assert_eq!((connections.len(), connections[0].target.as_str()), (1, target));
    assert!(connections[0].head.contains("authorization: Bearer opal\r\n"), "{}", connections[0].head);
    running.stop().await;
}

#[tokio::test]
async fn everything_is_taken_but_composites() {
    let venue = Venue::start(script(stream())).await;
    let running = Running::start(at(&venue), &["*"]);
    running.wait_fields(BTC, &last_of_the_stream(), &FIELDS).await;
    assert!(running.sink.look(|seen| seen.get("BTC-USD").is_none()));
    assert!(venue.connections()[0].target.ends_with("&symbols=COINBASE:BTC-USD,KRAKEN:ETH-USD"));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_upstream_makes_everything_stale_and_comes_back_with_snapshots() {
    let frames = golden("start.sse");
    let count = frames.len();
    let goodbye = Fault::CloseAfter(count, 0, String::new());
    let venue = Venue::start(script(frames).fault(1..=1, goodbye).fault(2..=2, Fault::ResetAfter(2))).await;
    let running = Running::start(at(&venue), &[BTC, "KRAKEN:ETH-USD"]);
    venue.wait_played_by(3).await;
    let want =
        json!({"bid": "61685.99", "bid_size": "0.04210000", "ask": "61686.00", "ask_size": "1.30000000"});
    running.wait_top(BTC, &want).await;
    assert!(running.went_through(BTC, Status::Stale, Reason::Disconnected));
    let connections = venue.connections();
    assert!(connections.iter().all(|connection| connection.target == connections[0].target));
    running.stop().await;
}

#[tokio::test]
async fn a_symbol_that_the_upstream_rejects_is_unknown_and_the_others_go_on() {
    let frames: Vec<Recorded> = golden("start.sse");
    let venue = Venue::start(script(frames)).await;
    // The example rejects COINBASE:BTC-UDS, which no catalogue lists but whose name is one.
    let running = Running::start(at(&venue), &[BTC, "COINBASE:BTC-UDS", "no name"]);
    running.sink.wait_status("COINBASE:BTC-UDS", Status::Unknown, Reason::Refused).await;
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    running.stop().await;
}

#[tokio::test]
async fn long_lists_are_spread_over_streams_of_short_addresses() {
    let names: Vec<String> = (0..250).map(|n| format!("BINANCE:{}{n:03}-USDT", "A".repeat(45))).collect();
    let venue = Venue::start(script(Vec::new())).await;
    let wishes: Vec<&str> = names.iter().map(String::as_str).collect();
    let running = Running::start(at(&venue), &wishes);
    venue.wait("three streams", |all| all.iter().filter(|one| !one.target.is_empty()).count() == 3).await;
    let connections = venue.connections();
    assert!(connections.iter().all(|one| one.target.len() < 8_000));
    assert_eq!(connections.iter().map(|one| one.target.matches("BINANCE:").count()).sum::<usize>(), 250);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_without_heartbeats_is_silent() {
    let venue = Venue::start(script(golden("start.sse"))).await;
    let quick = |settings: &mut feed::FeedSettings| {
        settings.stale_after = Some(std::time::Duration::from_millis(300));
    };
    let running = Running::start_with(at(&venue), &[BTC], quick);
    running.sink.wait_status(BTC, Status::Stale, Reason::Silence).await;
    running.stop().await;
}
