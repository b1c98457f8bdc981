//! What a stream merges, how often it speaks, and when it ends by itself.

use std::time::Duration;

use edge::Config;
use market::{Decimal, Micros, Reason, Source, Status, Update};
use serde_json::json;

use crate::support::{BTC, ETH, Running};

fn trade(price: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(1_000));
    update.tell_trade(Some(Decimal::from(price)), Some(Decimal::ONE), None);
    update
}

#[tokio::test]
async fn every_change_is_told_one_by_one() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD&mode=every", &[]).await;
    assert_eq!(client.next("hello").await["effective"]["mode"], "every");
    client.next("snapshot").await;
    client.next("snapshot").await;
    for n in 0..300 {
        edge.quote(if n % 2 == 0 { BTC } else { ETH }, &format!("{n}"), "1000");
    }
    for n in 0..300 {
        let quote = client.next("quote").await;
        assert_eq!((&quote["bid"], quote.get("n")), (&format!("{n}").into(), None));
    }
}

#[tokio::test]
async fn a_stream_of_every_change_that_falls_behind_is_told_so() {
    let mut config = Config::default();
    config.limits.every_changes = 16;
    let mut edge = Running::start(config).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD&mode=every", &[]).await;
    client.next("snapshot").await;
    // Without giving way, so that the stream cannot read in between.
    for n in 0..100 {
        edge.quote(BTC, &format!("{}", n + 10), "1000");
    }
    let lagged = client.next("lagged").await;
    assert_eq!(lagged["symbols"], json!([BTC]));
    let missed = lagged["missed"].as_u64().unwrap();
    let mut snapshot = client.next("snapshot").await;
    let mut told = 1;
    while snapshot["bid"] != "109" {
        snapshot = client.next("quote").await;
        told += 1;
    }
    assert!(missed >= 84 && missed + told > 100 - 16, "{missed} missed, {told} told");
    assert_eq!(edge.metric("quotewire_edge_missed_total"), missed as f64);
}

#[tokio::test]
async fn no_trade_is_merged_away() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD&mode=trades", &[]).await;
    client.next("snapshot").await;
    client.next("snapshot").await;
    let id = edge.id(BTC);
    for n in 1..=200 {
        edge.quote(BTC, &format!("{n}"), "1000");
        edge.quote(ETH, &format!("{n}"), "1000");
        edge.apply(id, &trade(n));
    }
    let mut quotes = 0;
    for n in 1..=200 {
        loop {
            let quote = client.next("quote").await;
            if !quote["last"].is_null() {
                assert_eq!(quote["last"], n.to_string());
                break;
            }
            quotes += 1;
        }
    }
    assert!(quotes < 200, "quotes are merged: {quotes} for 400");
    assert!(edge.metric("quotewire_edge_conflated_total") > 0.0);
}

#[tokio::test]
async fn a_rate_bounds_the_events_and_a_status_passes_it() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    // Ten seconds: whatever comes within this test comes past the rate.
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD&max_rate=0.1&snapshot=false", &[]).await;
    assert_eq!(client.next("hello").await["effective"]["max_rate"], json!(0.1));
    edge.quote(BTC, "5", "6");
    assert_eq!(client.next("quote").await["bid"], "5", "the first change after quiet leaves at once");
    edge.quote(BTC, "7", "8");
    edge.quote(ETH, "7", "8");
    edge.status(ETH, Status::Stale, Reason::Silence);
    let (id, told) = client.any().await;
    assert_eq!((&told["symbol"], &told["status"]), (&ETH.into(), &"stale".into()));
    // Cut here, nothing is lost: the id does not vouch for what the rate holds back.
    let mut again = edge.stream("symbols=TEST:BTC-USD", &[("Last-Event-ID", &id)]).await;
    assert_eq!(again.next("snapshot").await["bid"], "7");
}

#[tokio::test]
async fn a_rate_lets_the_newest_through_when_its_window_ends() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    for query in ["max_rate=20", "max_rate=20&align=true", "max_rate=TEST:BTC-USD@20", "max_kbps=8"] {
        let mut client = edge.stream(&format!("symbols=TEST:BTC-USD&{query}"), &[]).await;
        client.next("snapshot").await;
        for n in 100..200 {
            edge.quote(BTC, &format!("{n}"), "1000");
            if n % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut merged = 0;
        loop {
            let quote = client.next("quote").await;
            merged += quote["n"].as_u64().unwrap_or(1);
            if quote["bid"] == "199" {
                break;
            }
        }
        assert!(merged >= 99, "{query}: every change is in some event, {merged}");
        edge.quote(BTC, "1", "2");
    }
}

#[tokio::test]
async fn a_change_of_other_fields_is_no_event() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD&fields=ask", &[]).await;
    client.next("snapshot").await;
    edge.quote(BTC, "1.1", "2");
    edge.quote(BTC, "1.2", "2");
    edge.quote(BTC, "1.3", "2.5");
    assert_eq!(client.next("quote").await["ask"], "2.5");
}

#[tokio::test]
async fn a_stream_ends_where_it_was_asked_to() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD&limit=3", &[]).await;
    client.next("snapshot").await;
    client.next("snapshot").await;
    edge.quote(BTC, "3", "4");
    client.next("quote").await;
    assert_eq!(client.next("goodbye").await["reason"], "limit");
    assert_eq!(client.event().await, None);
    let mut client = edge.stream("symbols=TEST:BTC-USD&duration=1s", &[]).await;
    client.next("snapshot").await;
    assert_eq!(client.next("goodbye").await["reason"], "duration");
    let config = Config { max_stream_age: Some(Duration::from_millis(50)), ..Config::default() };
    let edge = Running::start(config).await;
    let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    let told = client.next("hello").await["effective"]["max_age_ms"].as_u64().unwrap();
    assert!((45..=55).contains(&told), "give or take a tenth: {told}");
    assert_eq!(client.next("goodbye").await["reason"], "max_age");
    edge.until("it is counted", |e| e.metric_of("quotewire_edge_streams_ended_total", "max_age") == 1.0)
        .await;
}
