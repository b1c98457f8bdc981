//! Everything around the stream: short answers, problems, headers.

use edge::{Config, Cors};
use market::{Reason, Status};

use crate::support::{BTC, Client, ETH, Running};

const PAGE: &str = "https://app.example";

#[tokio::test]
async fn quotes_are_answered_as_json() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    let answer = edge.get("/v1/quotes?symbols=test:btc-usd,TEST:NOPE", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.header("cache-control"), Some("no-cache"), "kept, and asked about every time");
    let json = answer.json();
    assert_eq!(json["id"], "abc-1");
    assert_eq!((&json["quotes"][0]["symbol"], &json["quotes"][0]["bid"]), (&BTC.into(), &"1.10".into()));
    assert_eq!(json["rejected"][0]["symbol"], "TEST:NOPE");
}

#[tokio::test]
async fn symbols_and_feeds_can_be_looked_up() {
    let edge = Running::start(Config::default()).await;
    let json = edge.get("/v1/symbols?search=eth", &[]).await.json();
    assert_eq!((&json["symbols"][0]["symbol"], &json["total"]), (&"TEST:ETH-USD".into(), &1.into()));
    let json = edge.get("/v1/symbols?limit=1", &[]).await.json();
    assert_eq!((json["symbols"].as_array().unwrap().len(), &json["total"]), (1, &2.into()));
    let json = edge.get("/v1/feeds", &[]).await.json();
    assert_eq!((&json["feeds"][0]["feed"], &json["feeds"][0]["symbols"]), (&"test".into(), &2.into()));
    assert_eq!(json["feeds"][0]["refused"], serde_json::json!([]));
}

#[tokio::test]
async fn what_a_venue_said_of_a_symbol_is_there_as_long_as_it_refuses_it() {
    let mut edge = Running::start(Config::default()).await;
    edge.table.refuse(edge.feed, edge.id(ETH), "no \"such\" pair");
    edge.table.refuse(edge.feed, edge.id(BTC), "accepted in the end");
    edge.status(ETH, Status::Unknown, Reason::Refused);
    let json = edge.get("/v1/feeds", &[]).await.json();
    let words = serde_json::json!([{"symbol": ETH, "words": "no \"such\" pair"}]);
    assert_eq!(json["feeds"][0]["refused"], words);
    edge.quote(ETH, "1", "2");
    let json = edge.get("/v1/feeds", &[]).await.json();
    assert_eq!(json["feeds"][0]["refused"], serde_json::json!([]));
}

#[tokio::test]
async fn mistakes_are_problems_that_name_the_field_and_the_fix() {
    let edge = Running::start(Config::default()).await;
    for (target, field) in [
        ("/v1/stream", "symbols"),
        ("/v1/stream?symbols=", "symbols"),
        ("/v1/stream?symbols=TEST:BTC-USD&fields=bid,price", "fields"),
        ("/v1/stream?symbols=TEST:BTC-USD&colour=red", "colour"),
        ("/v1/stream?symbols=TEST:BTC-USD&named=maybe", "named"),
        ("/v1/stream?symbols=TEST:BTC-USD&mode=sometimes", "mode"),
        ("/v1/quotes", "symbols"),
        ("/v1/symbols?limit=-1", "limit"),
        ("/v1/feeds?x=1", "query"),
    ] {
        let answer = edge.get(target, &[]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("application/problem+json")),
            "{target}"
        );
        let problem = answer.json();
        assert_eq!((&problem["status"], &problem["field"]), (&400.into(), &field.into()), "{target}");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_stream_is_given_to_those_who_take_one() {
    let edge = Running::start(Config::default()).await;
    let target = "/v1/stream?symbols=TEST:BTC-USD";
    for accept in [None, Some("*/*"), Some("text/event-stream")] {
        let mut client = Client::connect(edge.addr).await;
        let headers: Vec<_> = accept.into_iter().map(|a| ("Accept", a)).collect();
        client.send("GET", target, &headers).await;
        let (status, headers) = client.head().await;
        let header = |name: &str| {
            headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(status, 200);
        assert_eq!(header("content-type"), ["text/event-stream"]);
        assert_eq!(header("cache-control"), ["no-store, no-transform"]);
        assert_eq!(header("x-accel-buffering"), ["no"]);
        assert_eq!(header("x-content-type-options"), ["nosniff"]);
        assert_eq!(header("vary"), ["Accept", "Origin"]);
        assert!(header("content-length").is_empty());
        client.next("hello").await;
    }
    let page = edge.get(target, &[("Accept", "text/html,application/xml;q=0.9,*/*;q=0.8")]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let script = edge.get(target, &[("Accept", "application/json")]).await;
    assert_eq!((script.status, script.header("content-type")), (406, Some("application/problem+json")));
    assert_eq!(script.json()["field"], "Accept");
    let head = edge.ask("HEAD", target, &[]).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    edge.until("a HEAD opens no stream", |e| e.metric("quotewire_edge_streams_opened_total") == 3.0).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_problems() {
    let edge = Running::start(Config::default()).await;
    let read = "GET, HEAD, OPTIONS";
    let stream = "GET, HEAD, POST, OPTIONS";
    let live = "GET, HEAD, PATCH, DELETE, OPTIONS";
    for (target, allowed, methods) in [
        ("/v1/stream?symbols=A:A", stream, ["PUT", "DELETE", "PATCH"]),
        ("/v1/streams/00000000000000000000000000000000", live, ["POST", "PUT", "TRACE"]),
        ("/v1/quotes?symbols=A:A", read, ["POST", "PUT", "DELETE"]),
        ("/v1/symbols", read, ["POST", "PUT", "PATCH"]),
        ("/", read, ["POST", "PUT", "DELETE"]),
    ] {
        for method in methods {
            let answer = edge.ask(method, target, &[("Content-Length", "0")]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {target}");
        }
        let answer = edge.ask("OPTIONS", target, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allowed)), "{target}");
    }
    for target in ["/v2/stream", "/v1/", "/v1/stream/x", "/../etc/passwd", "/app.js/x", "/%2e%2e/x"] {
        assert_eq!(edge.get(target, &[]).await.status, 404, "{target}");
    }
    // warp 0.4.3 panics on CONNECT in some of its filters.
    let answer = edge.ask("CONNECT", "example.org:443", &[]).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn the_page_is_complete_and_closed_to_the_outside() {
    let edge = Running::start(Config::default()).await;
    for (target, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/stream.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let answer = edge.get(target, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!answer.body.is_empty());
    }
    let page = edge.get("/", &[]).await.body;
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing comes from another host");
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_and_others_may_not() {
    let config = Config { cors: Cors::new(&[PAGE.to_owned()], true).unwrap(), ..Config::default() };
    let edge = Running::start(config).await;
    // Errors too: a page must be able to read why.
    for target in ["/v1/quotes?symbols=TEST:BTC-USD", "/v1/stream", "/nothing"] {
        let answer = edge.get(target, &[("Origin", PAGE)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{target}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert!(answer.headers_of("vary").contains(&"Origin"));
        let answer = edge.get(target, &[("Origin", "https://evil.example")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert!(answer.headers_of("vary").contains(&"Origin"));
    }
    let preflight = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "last-event-id"),
    ];
    let answer = edge.ask("OPTIONS", "/v1/stream", &preflight).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-headers").unwrap().contains("last-event-id"));
}
