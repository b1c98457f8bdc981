//! The same stream for programs without an EventSource: lines of JSON, rows of CSV.

use edge::Config;
use market::{Reason, Status};
use serde_json::Value;

use crate::support::{BTC, Client, ETH, Running};

async fn lines(edge: &Running, query: &str, accept: &str) -> (Client, String) {
    let mut client = Client::connect(edge.addr).await;
    client.send("GET", &format!("/v1/stream?{query}"), &[("Accept", accept)]).await;
    let (status, headers) = client.head().await;
    assert_eq!(status, 200);
    let kind = headers.into_iter().find(|(name, _)| name == "content-type").unwrap().1;
    (client, kind)
}

#[tokio::test]
async fn lines_of_json_hold_the_same_events_with_their_ids() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    let query = "symbols=TEST:BTC-USD&numbers=json&times=iso&limit=2";
    for (query, accept) in [
        (query.to_owned(), "application/x-ndjson"),
        (query.to_owned(), "application/jsonl"),
        (format!("{query}&format=ndjson"), "text/event-stream"),
    ] {
        let (mut client, kind) = lines(&edge, &query, accept).await;
        assert_eq!(kind, "application/x-ndjson");
        let hello: Value = serde_json::from_str(&client.line().await.unwrap()).unwrap();
        assert_eq!((&hello["type"], &hello["effective"]["format"]), (&"hello".into(), &"ndjson".into()));
        let snapshot = client.line().await.unwrap();
        assert!(snapshot.starts_with("{\"id\":\"abc-"), "{snapshot}");
        assert!(snapshot.contains("\"bid\":1.10,"), "{snapshot}");
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        assert_eq!(snapshot["ts_recv"], "1970-01-01T00:00:00.001000Z");
        edge.quote(BTC, "1.20", "2");
        let quote: Value = serde_json::from_str(&client.line().await.unwrap()).unwrap();
        assert_eq!(quote["type"], "quote");
        let goodbye: Value = serde_json::from_str(&client.line().await.unwrap()).unwrap();
        assert_eq!((&goodbye["type"], &goodbye["reason"]), (&"goodbye".into(), &"limit".into()));
        assert_eq!(client.line().await, None);
        edge.quote(BTC, "1.10", "2");
    }
}

#[tokio::test]
async fn rows_of_csv_hold_the_whole_quote() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    let (mut client, kind) =
        lines(&edge, "symbols=TEST:BTC-USD,a%22b,TEST:NOPE&fields=bid,ask", "text/csv").await;
    assert_eq!(kind, "text/csv; charset=utf-8; header=present");
    assert_eq!(client.line().await.unwrap(), "id,type,symbol,seq,bid,ask,status,since,reason,n");
    assert_eq!(client.line().await.unwrap(), ",rejected,\"a\"\"b\",,,,,,bad_character,");
    assert_eq!(client.line().await.unwrap(), ",rejected,TEST:NOPE,,,,,,unknown_symbol,");
    assert_eq!(client.line().await.unwrap(), "abc-1,snapshot,TEST:BTC-USD,1,1.10,2,live,2000,confirmed,");
    edge.quote(BTC, "1.20", "2");
    assert_eq!(client.line().await.unwrap(), "abc-2,quote,TEST:BTC-USD,2,1.20,2,live,2000,confirmed,");
    edge.status(BTC, Status::Stale, Reason::Silence);
    assert_eq!(client.line().await.unwrap(), "abc-3,status,TEST:BTC-USD,3,1.20,2,stale,3000,silence,");
}

#[tokio::test]
async fn full_quotes_come_in_three_formats() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    edge.quote(ETH, "3", "4");
    let target = "/v1/quotes?symbols=TEST:BTC-USD,TEST:ETH-USD&fields=bid";
    let csv = edge.get(target, &[("Accept", "text/csv")]).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let rows: Vec<&str> = csv.body.lines().collect();
    assert_eq!(rows[0], "symbol,seq,bid,status,since,reason,age_us");
    assert!(rows[1].starts_with("TEST:BTC-USD,1,1.10,live,2000,confirmed,") && rows.len() == 3, "{rows:?}");
    let lines = edge.get(&format!("{target}&format=ndjson&numbers=json"), &[]).await;
    let quotes: Vec<Value> = lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((quotes.len(), &quotes[1]["bid"]), (2, &3.into()));
    assert!(quotes[0]["age_us"].as_u64().unwrap() > 0, "since the venue was last heard");
    assert_eq!(edge.get(target, &[("Accept", "image/png")]).await.status, 406);
    assert_eq!(edge.get(&format!("{target}&format=xml"), &[]).await.json()["field"], "format");
}
