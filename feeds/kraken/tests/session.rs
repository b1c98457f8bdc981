//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::collections::BTreeMap;

use feed_kraken::Version;
use market::{Decimal, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn frames(name: &str) -> Vec<Recorded> {
    fixtures().frames(name)
}

fn expected(name: &str) -> Value {
    fixtures().expected(name)
}

fn script(frames: Vec<Recorded>) -> Script {
    Script::new(frames).rest(fixtures().rest("kraken/20210417"))
}

fn start(venue: &Venue, version: Version, symbols: &[&str]) -> Running {
    let session = match version {
        Version::V1 => feed_kraken::session_v1(&overrides(venue)),
        Version::V2 => feed_kraken::session(&overrides(venue)),
    };
    Running::start(session, symbols)
}

/// The v2 texts for one symbol.
fn texts_v2() -> Vec<String> {
    vec![
        r#"{"method":"subscribe","params":{"channel":"book","depth":10,"snapshot":true,"symbol":["BTC/USD"]}}"#.to_owned(),
        r#"{"method":"subscribe","params":{"channel":"trade","snapshot":true,"symbol":["BTC/USD"]}}"#.to_owned(),
        r#"{"method":"subscribe","params":{"channel":"ticker","event_trigger":"bbo","snapshot":true,"symbol":["BTC/USD"]}}"#.to_owned(),
    ]
}

const V2_BOOK: &str = "kraken_v2/book10-btcusd-first-half";

fn v2_end() -> Value {
    expected(V2_BOOK)["symbols"]["BTC/USD"]["book"].clone()
}

#[tokio::test]
async fn v2_subscribes_and_ends_with_the_recorded_top() {
    let venue = Venue::start(script(frames(V2_BOOK)).start(Start::Exactly(texts_v2()))).await;
    let running = start(&venue, Version::V2, &["BTC-USD"]);
    running.wait_top("KRAKEN:BTC-USD", &v2_end()).await;
    assert_eq!(venue.asked(), ["/0/public/AssetPairs"]);
    assert_eq!(venue.sent(), texts_v2(), "nothing was asked for again");
    assert!(!running.went_through("KRAKEN:BTC-USD", Status::Suspect, Reason::Checksum));
    running.stop().await;
}

#[tokio::test]
async fn v1_subscribes_and_ends_with_the_recorded_tops_of_ten_pairs() {
    let want = expected("kraken/20210417-book");
    let natives: Vec<&str> = want["symbols"].as_object().unwrap().keys().map(String::as_str).collect();
    let pairs = serde_json::to_string(&natives).unwrap();
    let texts = vec![
        format!(r#"{{"event":"subscribe","pair":{pairs},"subscription":{{"depth":10,"name":"book"}}}}"#),
        format!(r#"{{"event":"subscribe","pair":{pairs},"subscription":{{"name":"trade"}}}}"#),
        format!(r#"{{"event":"subscribe","pair":{pairs},"subscription":{{"name":"ticker"}}}}"#),
    ];
    let venue = Venue::start(script(frames("kraken/20210417-book")).start(Start::Exactly(texts))).await;
    let running = start(&venue, Version::V1, &natives);
    for (native, symbol) in want["symbols"].as_object().unwrap() {
        let canonical = format!("KRAKEN:{}", native.replace("XBT", "BTC").replace('/', "-"));
        running.wait_top(&canonical, &symbol["book"]).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let script =
        script(frames(V2_BOOK)).start(Start::Exactly(texts_v2())).fault(1..=1, Fault::ResetAfter(100));
    let venue = Venue::start(script).await;
    let running = start(&venue, Version::V2, &["BTC-USD"]);
    venue.wait_connection(2).await;
    running.wait_top("KRAKEN:BTC-USD", &v2_end()).await;
    assert!(running.went_through("KRAKEN:BTC-USD", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), texts_v2());
    running.stop().await;
}

/// The book after the first `count` frames as a snapshot of the venue, without a checksum.
fn snapshot_v2(frames: &[Recorded]) -> Recorded {
    let mut sides: [BTreeMap<Decimal, Value>; 2] = Default::default();
    for frame in frames {
        let Payload::Text(text) = &frame.payload else { continue };
        let message: Value = serde_json::from_str(text).unwrap();
        for (side, name) in sides.iter_mut().zip(["bids", "asks"]) {
            for level in message["data"][0][name].as_array().unwrap() {
                let price = feed::json::text_decimal(&level["price"].to_string()).unwrap().unwrap();
                if level["qty"].as_f64() == Some(0.0) {
                    side.remove(&price);
                } else {
                    side.insert(price, level.clone());
                }
            }
        }
        let [bids, asks] = &mut sides;
        while bids.len() > 10 {
            bids.pop_first();
        }
        while asks.len() > 10 {
            asks.pop_last();
        }
    }
    let levels = |side: &BTreeMap<Decimal, Value>| side.values().cloned().collect::<Vec<_>>();
    let data = json!({"symbol": "BTC/USD", "bids": levels(&sides[0]), "asks": levels(&sides[1])});
    Recorded::text(json!({"channel": "book", "type": "snapshot", "data": [data]}).to_string())
}

/// Plays the v2 book with frame 100 lost to `fault`; the venue's answer to the resubscription comes after frame 120.
async fn loses_a_frame_and_recovers(fault: Fault) {
    let mut all = frames(V2_BOOK);
    all.insert(120, snapshot_v2(&all[..120]));
    let venue = Venue::start(script(all).start(Start::AfterTexts(3)).fault(1..=1, fault)).await;
    let running = start(&venue, Version::V2, &["BTC-USD"]);
    running.wait_top("KRAKEN:BTC-USD", &v2_end()).await;
    let history = running.sink.look(|seen| seen.get("KRAKEN:BTC-USD").unwrap().history.clone());
    assert_eq!(
        history[history.len() - 3..],
        [
            (Status::Live, Reason::Confirmed),
            (Status::Suspect, Reason::Checksum),
            (Status::Live, Reason::Confirmed)
        ],
        "suspect once, live again by the snapshot"
    );
    venue.wait_sent(5).await;
    assert_eq!(venue.sent_by(1)[4], texts_v2()[0], "the book is subscribed again");
    assert!(venue.sent_by(1)[3].starts_with(r#"{"method":"unsubscribe""#));
    assert_eq!(venue.connections().len(), 1, "without a new connection");
    running.stop().await;
}

#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_snapshot() {
    loses_a_frame_and_recovers(Fault::Skip(100)).await;
}

#[tokio::test]
async fn a_garbled_message_is_dropped_and_the_next_checksum_shows_it() {
    loses_a_frame_and_recovers(Fault::Garble(100)).await;
}
