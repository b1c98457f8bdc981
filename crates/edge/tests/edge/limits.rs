//! What clients may take, and what happens to those that want more.

use std::time::Duration;

use edge::{Config, Limits};
use market::{Field, Micros, Source, Update};
use testkit::slow::SlowClient;
use tokio::io::AsyncReadExt;

use crate::support::{BTC, Client, PATIENCE, Running, number};

fn limits(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = Config::default();
    change(&mut config.limits);
    config
}

/// Publishes until the kernel's buffers towards a reader that has stopped are full: what is owed then stays with us.
pub(crate) async fn fill(edge: &mut Running) {
    let id = edge.id(BTC);
    let mut written = -1.0;
    let mut n = 0_u64;
    // A stream that is polled grows the byte count at every look; when it stands still, nobody takes bytes any more.
    let mut still = 0;
    while still < 20 {
        for _ in 0..50 {
            n += 1;
            let mut update = Update::new(Source::Direct, Micros(1));
            update.tell_side(Field::Bid, number(&n.to_string()), number("1"));
            edge.apply(id, &update);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        let now = edge.metric("quotewire_edge_event_bytes_total");
        still = if now == written { still + 1 } else { 0 };
        written = now;
    }
}

#[tokio::test]
async fn a_stopped_reader_is_ended_as_stalled_and_takes_little_with_it() {
    let config = limits(|l| l.stall = Duration::from_secs(1));
    let mut edge = Running::start(config).await;
    edge.quote(BTC, "1", "2");
    let mut slow = SlowClient::connect_with_buffer(edge.addr, Some(4_096)).await;
    slow.get("/v1/stream?symbols=TEST:BTC-USD").await;
    slow.read_until("snapshot").await;
    fill(&mut edge).await;
    let written = edge.metric("quotewire_edge_event_bytes_total");
    assert!(written < 400_000.0, "only bounded buffers stood before the reader: {written} bytes");
    edge.until("the stalled stream is ended", |e| {
        e.metric_of("quotewire_edge_streams_ended_total", "stalled") == 1.0
    })
    .await;
    assert_eq!(edge.metric("quotewire_edge_streams_open"), 0.0);
}

#[tokio::test]
async fn promise_8_a_stopped_reader_delays_nobody() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut slow = SlowClient::connect_with_buffer(edge.addr, Some(4_096)).await;
    slow.get("/v1/stream?symbols=TEST:BTC-USD").await;
    slow.read_until("snapshot").await;
    fill(&mut edge).await;
    let mut healthy = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    healthy.next("snapshot").await;
    for n in 0..20 {
        let bid = format!("{n}.25");
        edge.quote(BTC, &bid, "99999999");
        while healthy.next("quote").await["bid"] != bid.as_str() {}
    }
    assert_eq!(
        edge.metric("quotewire_edge_streams_open"),
        2.0,
        "the slow one is still there, owed one symbol"
    );
}

#[tokio::test]
async fn a_reader_that_resumes_is_told_the_present_and_no_queue_of_the_past() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    client.next("snapshot").await;
    fill(&mut edge).await;
    let published = edge.table.last_seq();
    edge.quote(BTC, "31337", "31338");
    let mut told = 0;
    while client.next("quote").await["bid"] != "31337" {
        told += 1;
    }
    assert!(told < published, "{told} events for {published} changes");
    assert!(edge.metric("quotewire_edge_conflated_total") > 0.0);
}

#[tokio::test]
async fn one_stream_too_many_is_refused_in_words_that_event_source_understands() {
    let edge = Running::start(limits(|l| l.streams = 2)).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
        client.next("hello").await;
        open.push(client);
    }
    let target = "/v1/stream?symbols=TEST:BTC-USD";
    let refused = edge.get(target, &[("Accept", "text/event-stream")]).await;
    assert_eq!(refused.status, 200, "an EventSource gives up for ever on anything else");
    assert!(
        refused.body.contains("event: refused\ndata: {\"type\":\"refused\",\"reason\":\"too_many_streams\"")
    );
    assert!(refused.body.starts_with(": quotewire, wire version 1\nretry: "));
    assert_eq!(refused.body.find("\n\n"), Some(refused.body.len() - 2), "one block");
    // Who can read a status gets one.
    for accept in ["text/event-stream, application/problem+json", "application/x-ndjson", "*/*"] {
        let refused = edge.get(target, &[("Accept", accept)]).await;
        let wait = refused.header("retry-after").unwrap().parse::<u64>().unwrap();
        assert_eq!((refused.status, &refused.json()["status"]), (503, &503.into()), "{accept}");
        assert!((15..=60).contains(&wait));
    }
    assert_eq!(edge.metric("quotewire_edge_streams_refused_total"), 4.0);
    open.pop();
    edge.until("a place is free", |e| e.metric("quotewire_edge_streams_open") == 1.0).await;
    edge.stream("symbols=TEST:BTC-USD", &[]).await.next("hello").await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_live() {
    let edge = Running::start(limits(|l| l.connections = 2)).await;
    let mut first = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    let _second = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    let mut third = Client::connect(edge.addr).await;
    let mut byte = [0];
    let end = tokio::time::timeout(PATIENCE, third.socket.read(&mut byte)).await.expect("closed at once");
    assert!(matches!(end, Ok(0) | Err(_)));
    assert_eq!(edge.metric("quotewire_edge_connections_refused_total"), 1.0);
    first.next("snapshot").await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let edge = Running::start(limits(|l| l.head_timeout = Duration::from_millis(300))).await;
    let silent = Client::connect(edge.addr).await;
    let mut half = SlowClient::connect(edge.addr).await;
    half.send("GET /v1/stream HTTP/1.1\r\nHost: x").await;
    edge.until("both are counted", |e| e.metric("quotewire_edge_connections_accepted_total") == 2.0).await;
    edge.until("both are gone", |e| e.metric("quotewire_edge_connections_open") == 0.0).await;
    drop((silent, half));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let edge = Running::start(limits(|l| l.head_bytes = 8_192)).await;
    let long = format!("/v1/stream?symbols={}", "A".repeat(9_000));
    let answer = edge.get(&long, &[]).await;
    assert!(matches!(answer.status, 414 | 431), "{}", answer.status);
    assert_eq!(edge.get("/v1/feeds", &[]).await.status, 200, "the next one is served");
}

#[tokio::test]
async fn too_many_symbols_are_a_problem_that_names_the_limit() {
    let edge = Running::start(limits(|l| l.symbols_per_stream = 3)).await;
    let answer = edge.get("/v1/stream?symbols=A:A,A:B,A:C,A:D", &[]).await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!(problem["field"], "symbols");
    assert!(problem["detail"].as_str().unwrap().contains('3'), "{problem}");
    edge.stream("symbols=A:A,A:B,A:C", &[]).await.next("hello").await;
}
