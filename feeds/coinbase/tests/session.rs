//! The whole session against an emulated venue on loopback: recorded catalogue, subscription, recorded frames over a real
//! WebSocket, and what goes wrong on the way.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use feed::backoff::Policy;
use feed::metrics::FeedMetrics;
use feed::supervisor::{FeedSettings, Timing, spawn};
use feed_coinbase::{Coinbase, Settings};
use market::{Field, Price, RealClock, Reason, Status};
use prometheus::{Registry, TextEncoder};
use serde_json::Value;
use testkit::recording;
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::sink::{Collected, CollectingSink};
use testkit::venue::Venue;
use tokio_util::sync::CancellationToken;

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

/// The recorded session with its catalogue, and what the independent reader says of it.
fn recorded() -> (recording::Session, Value) {
    let mut session = recording::Session::read(&fixtures().join("20210417-first-half.cap.gz"));
    session.rest = feed::capture::read_rest(&fixtures().join("20210417.rest.gz")).unwrap();
    let path = fixtures().join("expected/20210417-first-half.expected.json");
    (session, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn request(kind: &str, products: &[String], channels: &str) -> String {
    let products: Vec<String> = products.iter().map(|product| format!("{product:?}")).collect();
    format!(r#"{{"type":"{kind}","product_ids":[{}],"channels":[{channels}]}}"#, products.join(","))
}

fn subscription(products: &[String]) -> String {
    request("subscribe", products, r#""heartbeat","level2_batch","matches","ticker""#)
}

struct Running {
    venue: Venue,
    sink: CollectingSink,
    registry: Registry,
    _stop: tokio_util::sync::DropGuard,
}

impl Running {
    async fn start(script: Script, products: &[String]) -> Running {
        let venue = Venue::start(script).await;
        let settings = Settings { ws_url: venue.ws_url(), rest_url: venue.rest_url(), ..Settings::default() };
        let registry = Registry::new();
        let metrics = FeedMetrics::register(&registry).unwrap();
        let sink = CollectingSink::new();
        let stop = CancellationToken::new();
        let quick =
            Policy { base: Duration::from_millis(5), cap: Duration::from_millis(20), ..Policy::default() };
        let timing = Timing { backoff: quick, between_dials: Some(Duration::ZERO), ..Timing::default() };
        let wishes = FeedSettings { timing, ..FeedSettings::new("coinbase", products.to_vec()) };
        let clock = Arc::new(RealClock::new());
        let _runs_until_stopped =
            spawn(Arc::new(Coinbase::new(settings)), wishes, sink.clone(), clock, &metrics, &stop);
        Running { venue, sink, registry, _stop: stop.drop_guard() }
    }

    fn garbage(&self) -> f64 {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("quotewire_feed_garbage"));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// The tops of the books and the last trades at the end of the recording.
fn is_recorded_end(seen: &Collected, expected: &Value) -> bool {
    expected["symbols"].as_object().unwrap().iter().all(|(native, symbol)| {
        let Some(latest) = seen.get(&format!("COINBASE:{native}")) else { return false };
        let equal = |field: Field, text: &Value| {
            let want = text.as_str().and_then(|text| Price::parse(text).ok());
            latest.values.number(field).map(Price::from_decimal) == want
        };
        let (book, merged) = (&symbol["book"], &symbol["merged"]);
        latest.status == Status::Live
            && [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize]
                .into_iter()
                .all(|field| equal(field, &book[field.name()]))
            && [Field::Last, Field::LastSize].into_iter().all(|field| equal(field, &merged[field.name()]))
    })
}

fn products(expected: &Value) -> Vec<String> {
    expected["symbols"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_session_ends_with_the_recorded_quotes() {
    let (session, expected) = recorded();
    let products = products(&expected);
    let script = session.script().start(Start::Exactly(vec![subscription(&products)]));
    let running = Running::start(script, &products).await;
    running.venue.wait_played().await;
    running.sink.wait("the recorded end", |seen| is_recorded_end(seen, &expected)).await;
    assert_eq!(running.venue.asked(), ["/products"]);
    assert_eq!(running.venue.connections().len(), 1);
    assert_eq!(running.garbage(), 0.0);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_its_books_are_built_again() {
    let (session, expected) = recorded();
    let products = products(&expected);
    let script = session
        .script()
        .start(Start::Exactly(vec![subscription(&products)]))
        .fault(1..=1, Fault::EndAfter(2_500));
    let running = Running::start(script, &products).await;
    running.venue.wait_played_by(2).await;
    running.sink.wait("the recorded end", |seen| is_recorded_end(seen, &expected)).await;
    running.sink.look(|seen| {
        for latest in &seen.symbols {
            let lost = (Status::Stale, Reason::Disconnected);
            assert!(latest.history.contains(&lost), "{}: {:?}", latest.symbol, latest.history);
        }
    });
    assert_eq!(running.venue.sent_by(1), running.venue.sent_by(2));
}

#[tokio::test]
async fn a_missing_change_makes_its_book_suspect_and_a_new_snapshot_mends_it() {
    let (session, _) = recorded();
    let products = vec!["BTC-USD".to_owned()];
    let single = |label: &str| {
        let text = include_str!("../fixtures/single-cryptomsgparser.tsv");
        let found = text.lines().find_map(|line| line.split_once('\t').filter(|(of, _)| *of == label));
        Recorded::text(found.unwrap().1)
    };
    let update = |changes: &str| {
        Recorded::text(format!(
            r#"{{"type":"l2update","product_id":"BTC-USD","changes":[{changes}],"time":"2021-06-02T09:02:09.048568Z"}}"#
        ))
    };
    let frames = vec![
        single("l2_orderbook_snapshot"),
        update(r#"["sell","37212.77","0"]"#),
        update(r#"["buy","37213.00","1"]"#),
        update(r#"["buy","37213.01","1"]"#),
        single("l2_orderbook_snapshot"),
    ];
    let books = |kind: &str| request(kind, &products, r#""level2_batch""#);
    for (fault, garbage) in [(Fault::Skip(1), 0.0), (Fault::Garble(1), 1.0)] {
        let script = Script::new(frames.clone())
            .rest(session.rest.clone())
            .start(Start::When(Arc::new(|sent: &[String]| !sent.is_empty())))
            .fault(1..=1, fault);
        let running = Running::start(script, &products).await;
        running.venue.wait_sent(3).await;
        running.venue.wait_played().await;
        let symbol = "COINBASE:BTC-USD";
        running
            .sink
            .wait("a mended book", |seen| {
                let Some(latest) = seen.get(symbol) else { return false };
                let suspect = latest.history.contains(&(Status::Suspect, Reason::Gap));
                suspect && latest.status == Status::Live && latest.text(Field::Bid) == "37209.96"
            })
            .await;
        assert_eq!(running.venue.sent(), [subscription(&products), books("unsubscribe"), books("subscribe")]);
        assert_eq!(running.garbage(), garbage);
        assert_eq!(running.venue.connections().len(), 1, "the feed lives");
    }
}
