//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::collections::BTreeMap;

use market::{Decimal, Field, Reason, Status};
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
    Script::new(frames).rest(fixtures().rest("20220513"))
}

fn start(venue: &Venue, symbols: &[&str]) -> Running {
    Running::start(feed_okx::session(&overrides(venue)), symbols)
}

const BOOKS: &str = "20220513";
const SYMBOLS: [(&str, &str); 3] = [
    ("BTC-USDT", "OKX:BTC-USDT"),
    ("UNI-USD-SWAP", "OKX:UNI-USD-PERP"),
    ("BTC-USD-220527", "OKX:BTC-USD-20220527"),
];

/// The one text that subscribes the three instruments of the recording.
fn subscription() -> String {
    let channels: [(&str, &[&str]); 3] = [
        ("BTC-USDT", &["bbo-tbt", "trades", "tickers"]),
        ("UNI-USD-SWAP", &["bbo-tbt", "trades", "tickers", "mark-price", "funding-rate"]),
        ("BTC-USD-220527", &["bbo-tbt", "trades", "tickers", "mark-price"]),
    ];
    let args: Vec<String> = channels
        .iter()
        .flat_map(|(native, channels)| {
            channels.iter().map(move |channel| format!(r#"{{"channel":"{channel}","instId":"{native}"}}"#))
        })
        .collect();
    format!(r#"{{"args":[{}],"op":"subscribe"}}"#, args.join(","))
}

async fn wait_end(running: &Running) {
    let want = expected(BOOKS);
    for (native, symbol) in SYMBOLS {
        running.wait_top(symbol, &want["symbols"][native]["book"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let script = script(frames(BOOKS)).start(Start::Exactly(vec![subscription()])).reply("ping", "pong");
    let venue = Venue::start(script).await;
    let running = start(&venue, &SYMBOLS.map(|(_, symbol)| symbol));
    wait_end(&running).await;
    running.sink.look(|seen| {
        let latest = seen.get("OKX:BTC-USDT").unwrap();
        assert_eq!(
            (latest.text(Field::Last), latest.text(Field::LastSize)),
            ("30227.6".into(), "0.00000088".into())
        );
        assert_eq!(latest.text(Field::QuoteVolume24h), "525907477.72379918");
    });
    let mut asked = venue.asked();
    asked.sort();
    let path = "/api/v5/public/instruments?instType=";
    let kinds = ["FUTURES", "OPTION&uly=BTC-USD", "OPTION&uly=ETH-USD", "SPOT", "SWAP"];
    assert_eq!(asked, kinds.map(|kind| format!("{path}{kind}")));
    assert_eq!(venue.sent(), [subscription()], "nothing was asked for again");
    running.stop().await;
}

#[tokio::test]
async fn pongs_are_asked_for_while_the_venue_is_quiet() {
    let script = script(frames(BOOKS)).start(Start::AfterTexts(1)).reply("ping", "pong");
    let venue = Venue::start(script).await;
    let running = start(&venue, &["OKX:BTC-USDT"]);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let script =
        script(frames(BOOKS)).start(Start::Exactly(vec![subscription()])).fault(1..=1, Fault::EndAfter(200));
    let venue = Venue::start(script).await;
    let running = start(&venue, &SYMBOLS.map(|(_, symbol)| symbol));
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("OKX:BTC-USDT", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), [subscription()]);
    running.stop().await;
}

#[tokio::test]
async fn a_notice_of_an_upgrade_makes_it_move_to_a_new_connection() {
    let mut first = frames(BOOKS);
    first.truncate(200);
    first.push(Recorded::text(r#"{"event":"notice","code":"64008","msg":"service upgrade","connId":"a"}"#));
    let venue = Venue::start(script(frames(BOOKS)).frames_of(1, first).start(Start::AfterTexts(1))).await;
    let running = start(&venue, &SYMBOLS.map(|(_, symbol)| symbol));
    venue.wait_connection(2).await;
    wait_end(&running).await;
    running.stop().await;
}

/// Whether the frame is a message of BTC-USDT's book, and its JSON.
fn book_of(frame: &Recorded) -> Option<Value> {
    let Payload::Text(text) = &frame.payload else { return None };
    let message: Value = serde_json::from_str(text).ok()?;
    let ours =
        message["arg"] == json!({"channel": "books", "instId": "BTC-USDT"}) && message["data"].is_array();
    ours.then_some(message)
}

/// BTC-USDT's book after these frames as a snapshot of the venue, without a checksum.
fn snapshot(frames: &[Recorded]) -> Recorded {
    let mut sides: [BTreeMap<Decimal, Value>; 2] = Default::default();
    for message in frames.iter().filter_map(book_of) {
        for (side, name) in sides.iter_mut().zip(["bids", "asks"]) {
            for level in message["data"][0][name].as_array().unwrap() {
                let number =
                    |at: usize| feed::json::text_decimal(level[at].as_str().unwrap()).unwrap().unwrap();
                if number(1).is_zero() {
                    side.remove(&number(0));
                } else {
                    side.insert(number(0), level.clone());
                }
            }
        }
    }
    let levels = |side: &BTreeMap<Decimal, Value>| side.values().cloned().collect::<Vec<_>>();
    let data = json!({"bids": levels(&sides[0]), "asks": levels(&sides[1]), "ts": "1652459230000"});
    let arg = json!({"channel": "books", "instId": "BTC-USDT"});
    Recorded::text(json!({"arg": arg, "action": "snapshot", "data": [data]}).to_string())
}

/// Loses one message of BTC-USDT's book to `fault`; the answer to the resubscription comes ten of its messages later.
async fn loses_a_frame_and_recovers(fault: impl Fn(usize) -> Fault) {
    let mut all = frames(BOOKS);
    let books: Vec<usize> = (0..all.len()).filter(|&at| book_of(&all[at]).is_some()).collect();
    let (lost, answer) = (books[20], books[30]);
    all.insert(answer, snapshot(&all[..answer]));
    let venue = Venue::start(script(all).start(Start::AfterTexts(1)).fault(1..=1, fault(lost))).await;
    let running = start(&venue, &SYMBOLS.map(|(_, symbol)| symbol));
    wait_end(&running).await;
    let history = running.sink.look(|seen| seen.get("OKX:BTC-USDT").unwrap().history.clone());
    assert_eq!(
        history[history.len() - 3..],
        [
            (Status::Live, Reason::Confirmed),
            (Status::Suspect, Reason::Checksum),
            (Status::Live, Reason::Confirmed)
        ],
        "suspect once, live again by the snapshot"
    );
    assert!(
        !running.went_through("OKX:UNI-USD-PERP", Status::Suspect, Reason::Checksum),
        "only the symbol itself"
    );
    venue.wait_sent(3).await;
    let asked = ["unsubscribe", "subscribe"]
        .map(|op| format!(r#"{{"args":[{{"channel":"books","instId":"BTC-USDT"}}],"op":"{op}"}}"#));
    assert_eq!(venue.sent_by(1)[1..], asked);
    assert_eq!(venue.connections().len(), 1, "without a new connection");
    running.stop().await;
}

#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_snapshot() {
    loses_a_frame_and_recovers(Fault::Skip).await;
}

#[tokio::test]
async fn a_garbled_message_is_dropped_and_the_next_checksum_shows_it() {
    loses_a_frame_and_recovers(Fault::Garble).await;
}
