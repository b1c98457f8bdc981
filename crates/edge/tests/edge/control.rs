//! Changing a stream while it runs.

use std::time::Duration;

use edge::Config;
use market::Symbol;
use serde_json::json;

use crate::support::{BTC, Client, ETH, Running};

/// A stream and the address under which it can be changed.
async fn opened(edge: &Running, query: &str) -> (Client, String) {
    let mut client = edge.stream(query, &[]).await;
    let hello = client.next("hello").await;
    let id = hello["stream"].as_str().unwrap();
    assert_eq!(id.len(), 32, "128 bits");
    (client, format!("/v1/streams/{id}"))
}

#[tokio::test]
async fn symbols_come_and_go_on_a_live_stream() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    edge.quote(ETH, "3", "4");
    let (mut client, address) = opened(&edge, "symbols=TEST:BTC-USD").await;
    client.next("snapshot").await;

    let answer = edge.send("PATCH", &address, r#"{"add":["test:eth-usd","TEST:NOPE"]}"#).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let state = answer.json();
    assert_eq!(state["accepted"], json!([BTC, ETH]));
    assert_eq!(state["rejected"], json!([{"symbol": "TEST:NOPE", "reason": "unknown_symbol"}]));
    assert_eq!(state["effective"]["mode"], "latest");
    let snapshot = client.next("snapshot").await;
    assert_eq!((&snapshot["symbol"], &snapshot["bid"]), (&ETH.into(), &"3".into()));

    // After the reply nothing of a removed symbol is made: not even what was owed before.
    edge.quote(BTC, "5", "6");
    client.next("quote").await;
    let state = edge.send("PATCH", &address, r#"{"remove":["TEST:BTC-USD"]}"#).await.json();
    assert_eq!(state["accepted"], json!([ETH]));
    edge.quote(BTC, "7", "8");
    edge.quote(ETH, "9", "10");
    let (_, next) = client.any().await;
    assert_eq!((&next["symbol"], &next["bid"]), (&ETH.into(), &"9".into()));
    assert_eq!(edge.metric("quotewire_edge_subscriptions"), 1.0);

    // The same can be read without changing anything.
    assert_eq!(edge.get(&address, &[]).await.json()["accepted"], json!([ETH]));
    // Added again, it begins with a snapshot again.
    edge.send("PATCH", &address, r#"{"add":["TEST:BTC-USD"]}"#).await;
    assert_eq!(client.next("snapshot").await["bid"], "7");
}

#[tokio::test]
async fn settings_change_on_a_live_stream() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let (mut client, address) = opened(&edge, "symbols=TEST:BTC-USD&fields=bid").await;
    assert_eq!(client.next("snapshot").await.get("ask"), None);
    let body = r#"{"fields":["ask"],"max_rate":20,"priority":["TEST:BTC-USD"],"max_kbps":500}"#;
    let effective = edge.send("PATCH", &address, body).await.json()["effective"].clone();
    assert_eq!(effective["fields"], json!(["ask"]));
    assert_eq!((&effective["max_rate"], &effective["max_kbps"]), (&json!(20), &json!(500)));
    assert_eq!(effective["priority"], json!([BTC]));
    let snapshot = client.next("snapshot").await;
    assert_eq!((snapshot.get("bid"), &snapshot["ask"]), (None, &json!("2")), "told anew with the new fields");
    let effective =
        edge.send("PATCH", &address, r#"{"max_rate":null,"max_kbps":null}"#).await.json()["effective"]
            .clone();
    assert_eq!((effective.get("max_rate"), effective.get("max_kbps")), (None, None));
    assert_eq!(edge.metric("quotewire_edge_streams_changed_total"), 2.0);

    // From merging to every change and back.
    assert_eq!(
        edge.send("PATCH", &address, r#"{"mode":"every"}"#).await.json()["effective"]["mode"],
        "every"
    );
    for ask in ["11", "12", "13"] {
        edge.quote(BTC, "1", ask);
    }
    for ask in ["11", "12", "13"] {
        assert_eq!(client.next("quote").await["ask"], ask);
    }
    assert_eq!(edge.send("PATCH", &address, r#"{"mode":"latest"}"#).await.status, 200);
    edge.quote(BTC, "1", "14");
    assert_eq!(client.next("quote").await["ask"], "14");
}

#[tokio::test]
async fn a_change_that_is_wrong_changes_nothing() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let (mut client, address) = opened(&edge, "symbols=TEST:BTC-USD").await;
    client.next("snapshot").await;
    let before = edge.get(&address, &[]).await.body;
    for (body, field) in [
        ("", "body"),
        ("[]", "body"),
        (r#"{"add":["TEST:ETH-USD"],"colour":"red"}"#, "colour"),
        (r#"{"add":["TEST:ETH-USD"],"max_rate":0}"#, "max_rate"),
        (r#"{"remove":["TEST:BTC-USD"],"align":true}"#, "align"),
        (r#"{"fields":["price"]}"#, "fields"),
        (r#"{"mode":"sometimes"}"#, "mode"),
    ] {
        let answer = edge.send("PATCH", &address, body).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field.into()), "{body}: {}", answer.body);
    }
    let plain = edge.ask("PATCH", &address, &[("Content-Length", "0")]).await;
    assert_eq!((plain.status, &plain.json()["field"]), (415, &"Content-Type".into()));
    let long = edge.send("PATCH", &address, &format!("{{\"add\":[\"{}\"]}}", "A".repeat(1 << 20))).await;
    assert_eq!(long.status, 413);
    assert_eq!(edge.get(&address, &[]).await.body, before);
    // An id that nobody has, in any form, is just not there.
    for id in ["0", "x", "00000000000000000000000000000000", "ABCDEF00000000000000000000000000", "%2e%2e"] {
        let address = format!("/v1/streams/{id}");
        assert_eq!(edge.get(&address, &[]).await.status, 404, "{id}");
        assert_eq!(edge.send("PATCH", &address, "not json").await.status, 404, "{id}");
        assert_eq!(edge.ask("DELETE", &address, &[]).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn a_stream_can_be_closed_by_its_id() {
    let edge = Running::start(Config::default()).await;
    let (mut client, address) = opened(&edge, "symbols=TEST:BTC-USD").await;
    assert_eq!(edge.ask("DELETE", &address, &[]).await.status, 204);
    assert_eq!(client.next("goodbye").await["reason"], "closed");
    assert_eq!(client.event().await, None);
    edge.until("the stream is gone", |e| e.metric("quotewire_edge_streams_open") == 0.0).await;
    assert_eq!(edge.get(&address, &[]).await.status, 404);
    assert_eq!(edge.metric_of("quotewire_edge_streams_ended_total", "closed"), 1.0);
}

#[tokio::test]
async fn thousands_of_symbols_are_asked_for_in_a_body() {
    let mut edge = Running::start(Config::default()).await;
    let names: Vec<String> = (0..1_900).map(|n| format!("TEST:S{n}-USD")).collect();
    for name in &names {
        edge.table.intern(&Symbol::parse(name).unwrap()).unwrap();
    }
    let mut client = Client::connect(edge.addr).await;
    client.send_json("POST", "/v1/stream", &json!({"symbols": names, "fields": ["bid"]}).to_string()).await;
    assert_eq!(client.head().await.0, 200);
    assert_eq!(client.next("hello").await["accepted"].as_array().unwrap().len(), 1_900);
    for _ in 0..1_900 {
        client.next("snapshot").await;
    }
    edge.quote("TEST:S77-USD", "1", "2");
    assert_eq!(client.next("quote").await["symbol"], "TEST:S77-USD");
    let answer = edge.send("POST", "/v1/stream?fields=bid", r#"{"symbols":["TEST:BTC-USD"]}"#).await;
    assert_eq!((answer.status, &answer.json()["field"]), (400, &"query".into()));
}

#[tokio::test]
async fn a_pattern_takes_what_is_there_and_what_comes_later() {
    let mut config = Config::default();
    config.limits.symbols_per_stream = 4;
    let mut edge = Running::start(config).await;
    edge.quote(BTC, "1", "2");
    let (mut client, address) = opened(&edge, "symbols=test:*,other:b*").await;
    assert_eq!(client.next("snapshot").await["symbol"], ETH, "never heard of, so its change is the oldest");
    assert_eq!(client.next("snapshot").await["symbol"], BTC);
    let late = edge.table.intern(&Symbol::parse("OTHER:BNB-USD").unwrap()).unwrap();
    edge.table.intern(&Symbol::parse("OTHER:ADA-USD").unwrap()).unwrap();
    edge.quote("OTHER:BNB-USD", "5", "6");
    let snapshot = client.next("snapshot").await;
    assert_eq!((&snapshot["symbol"], &snapshot["bid"]), (&"OTHER:BNB-USD".into(), &"5".into()));
    assert!(edge.table.changed_seq(late) > 0);
    let state = edge.get(&address, &[]).await.json();
    assert_eq!(state["patterns"], json!(["TEST:*", "OTHER:B*"]));
    assert_eq!(state["accepted"], json!([BTC, ETH, "OTHER:BNB-USD"]));
    // A removed pattern takes what it matches.
    let state = edge.send("PATCH", &address, r#"{"remove":["TEST:*"]}"#).await.json();
    assert_eq!((&state["accepted"], &state["patterns"]), (&json!(["OTHER:BNB-USD"]), &json!(["OTHER:B*"])));
    // More than a stream may have: as many as fit, and it is said.
    for n in 0..6 {
        edge.table.intern(&Symbol::parse(&format!("MANY:S{n}")).unwrap()).unwrap();
    }
    let state = edge.send("PATCH", &address, r#"{"add":["MANY:*"]}"#).await.json();
    assert_eq!(state["accepted"].as_array().unwrap().len(), 4);
    assert_eq!(state["rejected"], json!([{"symbol": "MANY:*", "reason": "limit_reached"}]));
    let all = edge.get("/v1/quotes?symbols=*", &[]).await.json();
    assert_eq!(all["rejected"][0]["reason"], "pattern_too_wide");
}

/// As after the start of a server, while a venue's catalogue is on its way. An EventSource would not ask again.
#[tokio::test]
async fn a_symbol_that_is_not_here_yet_joins_when_it_is() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let query = "symbols=TEST:BTC-USD,TEST:LATE-USD,TEST:NEVER-USD";
    let (mut client, address) = opened(&edge, query).await;
    client.next("snapshot").await;
    edge.send("PATCH", &address, r#"{"remove":["TEST:NEVER-USD"],"add":["TEST:LATER-USD"]}"#).await;
    for name in ["TEST:NEVER-USD", "TEST:LATE-USD", "TEST:LATER-USD"] {
        edge.table.intern(&Symbol::parse(name).unwrap()).unwrap();
        edge.quote(name, "5", "6");
    }
    let mut seen = Vec::new();
    let mut id = String::new();
    while seen.len() < 2 {
        let (last, event) = client.any().await;
        if event["type"] == "snapshot" {
            seen.push(event["symbol"].as_str().unwrap().to_owned());
        }
        id = last;
    }
    assert_eq!(seen, ["TEST:LATE-USD", "TEST:LATER-USD"]);
    // Cut before it appeared: its first change is newer than any id that was given out before.
    let mut again = edge.stream(query, &[("Last-Event-ID", "abc-1")]).await;
    assert_eq!(again.next("snapshot").await["symbol"], "TEST:NEVER-USD");
    assert!(id.starts_with("abc-"));
}

#[tokio::test]
async fn patterns_are_few() {
    let edge = Running::start(Config::default()).await;
    let (_client, address) = opened(&edge, "symbols=test:*,other:b*").await;
    // Each is held against every name of the table.
    let patterns: Vec<String> = (0..63).map(|n| format!("P{n}:*")).collect();
    let state = edge.send("PATCH", &address, &json!({ "add": patterns }).to_string()).await.json();
    assert_eq!(state["patterns"].as_array().unwrap().len(), 64);
    assert_eq!(state["rejected"], json!([{"symbol": "P62:*", "reason": "limit_reached"}]));
    let many = (0..65).map(|n| format!("P{n}:*")).collect::<Vec<_>>().join(",");
    let answer = edge.get(&format!("/v1/quotes?symbols={many}"), &[]).await;
    assert_eq!((answer.status, &answer.json()["detail"]), (400, &"more than 64 patterns".into()));
}

#[tokio::test]
async fn many_changes_at_once_leave_one_true_subscription() {
    let mut edge = Running::start(Config::default()).await;
    for n in 0..50 {
        edge.table.intern(&Symbol::parse(&format!("TEST:S{n}")).unwrap()).unwrap();
    }
    let (mut client, address) = opened(&edge, "symbols=TEST:BTC-USD").await;
    let changes: Vec<String> =
        (0..50).map(|n| format!(r#"{{"add":["TEST:S{n}"],"remove":["TEST:S{}"]}}"#, (n + 25) % 50)).collect();
    let answers = changes.iter().map(|body| edge.send("PATCH", &address, body));
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer.status, 200);
    }
    let accepted = edge.get(&address, &[]).await.json()["accepted"].clone();
    for name in accepted.as_array().unwrap() {
        edge.quote(name.as_str().unwrap(), "31", "32");
    }
    let mut owed: std::collections::HashSet<String> =
        accepted.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
    let read = async {
        while !owed.is_empty() {
            let (_, event) = client.any().await;
            if event["bid"] == "31" {
                owed.remove(event["symbol"].as_str().unwrap());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("every symbol is told");
}
