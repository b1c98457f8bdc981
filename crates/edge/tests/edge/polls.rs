//! For clients without streams: the long poll, and plain polling that costs nothing while nothing changes.

use std::time::Duration;

use edge::Config;
use serde_json::json;

use crate::support::{BTC, Client, ETH, PATIENCE, Running};

#[tokio::test]
async fn a_poll_answers_as_soon_as_something_has_changed() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let symbols = "symbols=TEST:BTC-USD,TEST:ETH-USD";
    let first = edge.get(&format!("/v1/quotes?{symbols}"), &[]).await.json();
    let id = first["id"].as_str().unwrap().to_owned();
    let mut client = Client::connect(edge.addr).await;
    client.send("GET", &format!("/v1/quotes?{symbols}&since={id}&wait=20s"), &[]).await;
    edge.until("the poll waits", |e| e.metric("quotewire_edge_polls_open") == 1.0).await;
    edge.quote(ETH, "3", "4");
    let answer = tokio::time::timeout(PATIENCE / 2, client.answer()).await.expect("answered at once").json();
    assert_eq!(
        (&answer["quotes"][0]["symbol"], answer["quotes"].as_array().unwrap().len()),
        (&ETH.into(), 1)
    );
    assert_eq!(answer["id"], "abc-2");
    assert!(answer["server_time"].as_i64().unwrap() > 0);
    assert_eq!(edge.metric("quotewire_edge_polls_open"), 0.0);

    // What changed in between is told at once, and nothing twice.
    let again = edge.get(&format!("/v1/quotes?{symbols}&since={id}&wait=20s"), &[]).await.json();
    assert_eq!((&again["quotes"][0]["seq"], again["quotes"].as_array().unwrap().len()), (&2.into(), 1));
    let none = edge.get(&format!("/v1/quotes?{symbols}&since=abc-2&wait=30ms"), &[]).await;
    assert_eq!((none.status, none.json()["quotes"].clone()), (200, json!([])));
    assert_eq!(none.json()["id"], "abc-2");
}

#[tokio::test]
async fn an_id_that_leads_nowhere_gets_everything_and_the_reason() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    for (since, reason) in [("zzz", "malformed_id"), ("def-1", "unknown_epoch"), ("abc-99", "future_seq")] {
        let target = format!("/v1/quotes?symbols=TEST:BTC-USD&since={since}&wait=20s");
        let answer = edge.get(&target, &[]).await.json();
        assert_eq!((&answer["reset"], &answer["quotes"][0]["bid"]), (&reason.into(), &"1".into()));
    }
}

#[tokio::test]
async fn a_poll_ends_with_its_client_and_with_the_server() {
    let mut edge = Running::start(Config { drain: Duration::ZERO, ..Config::default() }).await;
    edge.quote(BTC, "1", "2");
    let target = "/v1/quotes?symbols=TEST:BTC-USD&since=abc-1&wait=60s";
    let mut gone = Client::connect(edge.addr).await;
    gone.send("GET", target, &[]).await;
    edge.until("the poll waits", |e| e.metric("quotewire_edge_polls_open") == 1.0).await;
    drop(gone);
    edge.until("it is let go", |e| e.metric("quotewire_edge_polls_open") == 0.0).await;
    let mut client = Client::connect(edge.addr).await;
    client.send("GET", target, &[]).await;
    edge.until("the poll waits", |e| e.metric("quotewire_edge_polls_open") == 1.0).await;
    edge.stop.cancel();
    let answer = tokio::time::timeout(PATIENCE / 2, client.answer()).await.expect("answered at once");
    assert_eq!((answer.status, answer.json()["quotes"].clone()), (200, json!([])));
    tokio::time::timeout(PATIENCE, &mut edge.served).await.expect("serving ends").unwrap();
}

#[tokio::test]
async fn too_many_polls_are_sent_away_with_a_status() {
    let mut config = Config::default();
    config.limits.streams = 1;
    let mut edge = Running::start(config).await;
    edge.quote(BTC, "1", "2");
    let mut stream = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    stream.next("snapshot").await;
    let answer = edge.get("/v1/quotes?symbols=TEST:BTC-USD&since=abc-1&wait=5s", &[]).await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(edge.get("/v1/quotes?symbols=TEST:BTC-USD&since=abc-0&wait=5s", &[]).await.status, 200);
}

#[tokio::test]
async fn quotes_that_have_not_changed_are_not_sent_again() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let target = "/v1/quotes?symbols=TEST:BTC-USD,TEST:NEW";
    let first = edge.get(target, &[]).await;
    let tag = first.header("etag").unwrap().to_owned();
    assert!(first.headers_of("vary").contains(&"Accept"));
    for given in [tag.as_str(), &format!("\"x\", {tag}"), tag.strip_prefix("W/").unwrap(), "*"] {
        let same = edge.get(target, &[("If-None-Match", given)]).await;
        assert_eq!(
            (same.status, same.header("etag"), same.body.as_str()),
            (304, Some(tag.as_str()), ""),
            "{given}"
        );
    }
    edge.quote(ETH, "1", "2");
    assert_eq!(edge.get(target, &[("If-None-Match", &tag)]).await.status, 304, "another symbol");
    let csv = edge.get(target, &[("If-None-Match", &tag), ("Accept", "text/csv")]).await;
    assert_eq!(csv.status, 200, "another format");
    edge.quote(BTC, "3", "4");
    let changed = edge.get(target, &[("If-None-Match", &tag)]).await;
    assert_eq!((changed.status, changed.json()["quotes"][0]["bid"].clone()), (200, json!("3")));
    let tag = changed.header("etag").unwrap().to_owned();
    edge.table.intern(&market::Symbol::parse("TEST:NEW").unwrap()).unwrap();
    assert_eq!(edge.get(target, &[("If-None-Match", &tag)]).await.status, 200, "a symbol has appeared");
}
