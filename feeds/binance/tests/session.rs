//! The whole session against an emulated venue on loopback: recorded catalogue, subscription, recorded frames over a real
//! WebSocket, and what goes wrong on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use feed::backoff::Policy;
use feed::metrics::FeedMetrics;
use feed::supervisor::{FeedSettings, Timing, spawn};
use feed_binance::{Binance, Market, Settings};
use market::{Field, Price, RealClock, Reason, Status};
use prometheus::{Registry, TextEncoder};
use serde_json::Value;
use testkit::recording;
use testkit::script::{Fault, Payload, Start};
use testkit::sink::CollectingSink;
use testkit::venue::Venue;
use tokio_util::sync::CancellationToken;

/// One recorded session, ready to be played.
struct Stage {
    market: Market,
    recording: recording::Session,
    expected: Value,
    /// The symbols that the recorder had subscribed and that said something, in the venue's spelling.
    natives: Vec<String>,
}

impl Stage {
    fn new(market: Market, name: &str) -> Stage {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let path = fixtures.join("expected").join(market.name()).join(format!("{name}.expected.json"));
        let expected: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let spoke = |quote: &Value| quote["bbo"].is_object() || quote["trade"].is_object();
        let symbols = expected["symbols"].as_object().unwrap();
        let natives =
            symbols.iter().filter(|(_, quote)| spoke(quote)).map(|(name, _)| name.clone()).collect();
        let capture = fixtures.join(market.name()).join(format!("{name}.cap.gz"));
        Stage { market, recording: recording::Session::read(&capture), expected, natives }
    }

    /// The one subscription that this session has to send.
    fn subscription(&self) -> String {
        let streams: &[&str] = match self.market {
            Market::Spot | Market::Us => &["bookTicker", "trade", "ticker"],
            Market::UsdM | Market::CoinM => &["bookTicker", "aggTrade", "ticker", "markPrice@1s"],
        };
        let names: Vec<String> = self
            .natives
            .iter()
            .flat_map(|native| {
                streams.iter().map(move |stream| format!("\"{}@{stream}\"", native.to_lowercase()))
            })
            .collect();
        format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names.join(","))
    }

    /// How many updates the recording leads to.
    fn updates(&self) -> u64 {
        ["bookTicker", "trade", "aggTrade"]
            .iter()
            .filter_map(|kind| self.expected["by_type"][kind].as_u64())
            .sum()
    }

    /// The place of the n-th message of that stream.
    fn place(&self, stream: &str, n: usize) -> usize {
        let of = |payload: &Payload| matches!(payload, Payload::Text(text) if text.contains(stream));
        self.recording.frames.iter().enumerate().filter(|(_, f)| of(&f.payload)).nth(n).unwrap().0
    }

    async fn run(&self, fault: Option<Fault>) -> Running {
        let mut script = self.recording.script().start(Start::Exactly(vec![self.subscription()]));
        if let Some(fault) = fault {
            script = script.fault(1..=1, fault);
        }
        let venue = Venue::start(script).await;
        let settings = Settings {
            ws_url: Some(venue.ws_url()),
            rest_url: Some(venue.rest_url()),
            ..Settings::new(self.market)
        };
        let registry = Registry::new();
        let metrics = FeedMetrics::register(&registry).unwrap();
        let sink = CollectingSink::new();
        let stop = CancellationToken::new();
        let quick =
            Policy { base: Duration::from_millis(5), cap: Duration::from_millis(20), ..Policy::default() };
        let timing = Timing { backoff: quick, between_dials: Some(Duration::ZERO), ..Timing::default() };
        let wishes = FeedSettings { timing, ..FeedSettings::new("binance", self.natives.clone()) };
        let clock = Arc::new(RealClock::new());
        let _runs_until_stopped =
            spawn(Arc::new(Binance::new(settings)), wishes, sink.clone(), clock, &metrics, &stop);
        Running { venue, sink, registry, _stop: stop.drop_guard() }
    }

    /// The final quotes are those of the independent reader.
    fn check(&self, running: &Running) {
        running.sink.look(|seen| {
            assert_eq!(seen.symbols.len(), self.natives.len());
            for latest in &seen.symbols {
                let quote = self
                    .natives
                    .iter()
                    .find(|native| canonical(self.market, native) == latest.symbol.replace('-', ""))
                    .map(|native| &self.expected["symbols"][native]["merged"])
                    .unwrap_or_else(|| panic!("{} was not asked for", latest.symbol));
                for field in
                    [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize, Field::Last, Field::LastSize]
                {
                    let want = quote[field.name()].as_str().and_then(|text| Price::parse(text).ok());
                    let got = latest.values.number(field).map(Price::from_decimal);
                    assert_eq!(got, want, "{} {}", latest.symbol, field.name());
                }
                assert_eq!((latest.status, latest.reason), (Status::Live, Reason::Confirmed));
            }
        });
    }
}

/// The canonical name without its hyphens, which is how a recorded native name and the catalogue's one can be compared
/// without a second catalogue.
fn canonical(market: Market, native: &str) -> String {
    let (pair, end) = match (market, native.split_once('_')) {
        (Market::Spot | Market::Us, _) => (native, String::new()),
        (_, Some((pair, "PERP"))) => (pair, "PERP".to_owned()),
        (_, Some((pair, day))) => (pair, format!("20{day}")),
        (_, None) => (native, "PERP".to_owned()),
    };
    format!("{}:{pair}{end}", market.venue())
}

struct Running {
    venue: Venue,
    sink: CollectingSink,
    registry: Registry,
    _stop: tokio_util::sync::DropGuard,
}

impl Running {
    fn garbage(&self) -> f64 {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("quotewire_feed_garbage"));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

#[tokio::test]
async fn every_market_ends_with_the_recorded_quotes() {
    for (market, name, info) in [
        (Market::Spot, "20210417", "/api/v3/exchangeInfo"),
        (Market::Us, "20210417", "/api/v3/exchangeInfo"),
        (Market::UsdM, "20210722", "/fapi/v1/exchangeInfo"),
        (Market::CoinM, "20210721", "/dapi/v1/exchangeInfo"),
    ] {
        let stage = Stage::new(market, name);
        let running = stage.run(None).await;
        running.venue.wait_played().await;
        running.sink.wait_updates(stage.updates()).await;
        stage.check(&running);
        assert_eq!(running.venue.asked(), [info]);
        let connections = running.venue.connections();
        assert_eq!((connections.len(), connections[0].target.as_str()), (1, "/stream"));
        assert_eq!(running.garbage(), 0.0);
    }
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let stage = Stage::new(Market::UsdM, "20210722");
    let running = stage.run(Some(Fault::EndAfter(700))).await;
    running.venue.wait_played_by(2).await;
    let native = "BINANCE_USDM:SUSHI-USDT-PERP";
    let again = |seen: &testkit::sink::Collected| {
        let history = seen.get(native).map(|latest| latest.history.clone()).unwrap_or_default();
        history.contains(&(Status::Stale, Reason::Disconnected))
    };
    running.sink.wait("a stale symbol", again).await;
    // The second connection plays the whole recording.
    let all = stage.updates();
    running
        .sink
        .wait("the last updates", |seen| {
            seen.symbols.iter().all(|latest| latest.status == Status::Live) && seen.updates > all
        })
        .await;
    running
        .sink
        .wait("the recorded end", |seen| {
            let bid = stage.expected["symbols"]["SUSHIUSDT"]["merged"]["bid"].as_str().unwrap();
            seen.get(native).is_some_and(|latest| latest.text(Field::Bid) == bid)
        })
        .await;
    assert_eq!(running.venue.sent_by(1), running.venue.sent_by(2));
    assert_eq!(running.venue.connections().len(), 2);
}

#[tokio::test]
async fn a_broken_message_is_counted_and_a_missing_one_does_no_harm() {
    let stage = Stage::new(Market::CoinM, "20210721");
    let place = stage.place("@bookTicker", 5);
    for (fault, garbage) in [(Fault::Garble(place), 1.0), (Fault::Skip(place), 0.0)] {
        let running = stage.run(Some(fault)).await;
        running.venue.wait_played().await;
        running.sink.wait_updates(stage.updates() - 1).await;
        stage.check(&running);
        assert_eq!(running.garbage(), garbage);
        assert_eq!(running.venue.connections().len(), 1, "the feed lives");
    }
}
