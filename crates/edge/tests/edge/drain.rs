//! Stopping: every stream is told, nothing is cut in mid-event, and nobody can hold the process up.

use edge::Config;

use crate::support::{BTC, PATIENCE, Running};

#[tokio::test]
async fn promise_14_every_stream_is_told_why_it_ends() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
        client.next("snapshot").await;
        clients.push(client);
    }
    edge.stop.cancel();
    for client in &mut clients {
        let goodbye = client.next("goodbye").await;
        assert_eq!(goodbye["reason"], "drain");
        assert!((1_000..=3_000).contains(&goodbye["retry_ms"].as_u64().unwrap()));
        assert_eq!(client.event().await, None);
        assert!(client.ended, "the body ended as a whole, not in the middle");
    }
    tokio::time::timeout(PATIENCE, &mut edge.served).await.expect("serving ends").unwrap();
    assert_eq!(edge.metric_of("quotewire_edge_streams_ended_total", "drain"), 10.0);
    assert_eq!(edge.metric("quotewire_edge_streams_open"), 0.0);
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_the_stop_up() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    client.next("snapshot").await;
    crate::limits::fill(&mut edge).await;
    edge.stop.cancel();
    tokio::time::timeout(PATIENCE, &mut edge.served).await.expect("serving ends").unwrap();
    edge.until("the stream is gone", |e| e.metric("quotewire_edge_streams_open") == 0.0).await;
    drop(client);
}
