//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed_deribit::{Deribit, Settings};
use market::{Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

const DAY: &str = "20210722";
const SYMBOLS: [(&str, &str); 2] = [
    ("BTC-24SEP21-8000-P", "DERIBIT:BTC-USD-20210924-8000-P"),
    ("BTC-31DEC21-34000-P", "DERIBIT:BTC-USD-20211231-34000-P"),
];
const TEST: &str = r#"{"id":2,"jsonrpc":"2.0","method":"public/test","params":{}}"#;
const TESTED: &str =
    r#"{"jsonrpc":"2.0","id":2,"result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}"#;
const TEST_REQUEST: &str = r#"{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}"#;

/// What the session says first, every time, for a call of these instruments (the catalogue lists the later one first).
fn texts() -> [String; 2] {
    let heartbeat = r#"{"id":1,"jsonrpc":"2.0","method":"public/set_heartbeat","params":{"interval":10}}"#;
    let channels = SYMBOLS
        .map(|(native, _)| format!(r#""quote.{native}","ticker.{native}.100ms","trades.{native}.100ms""#));
    let call = format!(
        r#"{{"id":1000,"jsonrpc":"2.0","method":"public/subscribe","params":{{"channels":["platform_state","instrument.state.any.any",{}]}}}}"#,
        channels.join(",")
    );
    [heartbeat.to_owned(), call]
}

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn script(frames: impl IntoIterator<Item = Recorded>) -> Script {
    Script::new(frames).rest(fixtures().rest(DAY)).start(Start::AfterTexts(2)).reply(TEST, TESTED)
}

/// The recorded catalogue was asked for by currency.
fn start(venue: &Venue) -> Running {
    let session = Deribit::new(Settings {
        ws_url: Some(venue.ws_url()),
        rest_url: Some(venue.rest_url()),
        currencies: ["BTC", "ETH"].map(str::to_owned).to_vec(),
        ..Settings::default()
    });
    Running::start(Box::new(session), &SYMBOLS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(DAY);
    for (native, symbol) in SYMBOLS {
        running.wait_top(symbol, &want["symbols"][native]["merged"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let script = script(fixtures().frames(DAY)).start(Start::Exactly(texts().to_vec()));
    let venue = Venue::start(script).await;
    let running = start(&venue);
    wait_end(&running).await;
    let asked = ["BTC", "ETH"]
        .map(|currency| format!("/api/v2/public/get_instruments?currency={currency}&expired=false"));
    assert_eq!(venue.asked(), asked);
    assert_eq!(venue.sent(), texts(), "and nothing else");
    running.stop().await;
}

#[test]
fn without_settings_every_currency_is_asked_for_in_one_question() {
    let session = feed_deribit::session(&feed::Overrides::default());
    let url = "https://www.deribit.com/api/v2/public/get_instruments?currency=any&expired=false";
    assert_eq!(session.catalogue_urls(), [url]);
    assert_eq!(session.venue(), "DERIBIT");
}

#[tokio::test]
async fn a_test_request_is_answered_at_once() {
    let venue = Venue::start(script([Recorded::text(TEST_REQUEST)])).await;
    let running = start(&venue);
    venue.wait("an answer", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(fixtures().frames(DAY)).fault(1..=1, Fault::EndAfter(60))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(SYMBOLS[0].1, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), texts());
    running.stop().await;
}

#[tokio::test]
async fn a_symbol_that_the_venue_leaves_out_is_unknown_and_the_other_goes_on() {
    let [(kept, kept_symbol), (left_out, left_out_symbol)] = SYMBOLS;
    let accepted = ["quote", "ticker", "trades"].map(|kind| format!("{kind}.{kept}.100ms"));
    let answer = json!({"jsonrpc": "2.0", "id": 1000, "result": accepted, "testnet": false}).to_string();
    let frames = fixtures().frames(DAY).into_iter().filter(|recorded| !is_of(recorded, "", left_out));
    let venue = Venue::start(script([Recorded::text(answer)].into_iter().chain(frames))).await;
    let running = start(&venue);
    running.sink.wait_status(left_out_symbol, Status::Unknown, Reason::Refused).await;
    running.wait_top(kept_symbol, &fixtures().expected(DAY)["symbols"][kept]["merged"]).await;
    running.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_made_again_on_a_new_connection() {
    let error = r#"{"jsonrpc":"2.0","id":1000,"error":{"code":10028,"message":"too_many_requests"}}"#;
    let venue = Venue::start(script(fixtures().frames(DAY)).frames_of(1, [error])).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    running.stop().await;
}

/// Whether the frame is of that channel and instrument.
fn is_of(recorded: &Recorded, channel: &str, native: &str) -> bool {
    let Payload::Text(text) = &recorded.payload else { return false };
    text.contains(&format!(r#""channel":"{channel}"#))
        && text.contains(&format!(r#""instrument_name":"{native}""#))
}

fn parsed(recorded: &Recorded) -> Value {
    let Payload::Text(text) = &recorded.payload else { return Value::Null };
    serde_json::from_str(text).unwrap()
}

/// A book that is all there is, of which one message is lost on the way. The venue's answer to the new subscription comes
/// some messages later; in between nothing is believed.
#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_snapshot() {
    let (native, symbol) = SYMBOLS[0];
    let mut frames: Vec<Recorded> =
        fixtures().frames(DAY).into_iter().filter(|recorded| is_of(recorded, "book.", native)).collect();
    assert_eq!(frames.len(), 31);
    // The recorded changes set a level and take it away in turn. Where the next one sets it, the book is that of the start.
    let sets = |recorded: &Recorded| parsed(recorded)["params"]["data"]["asks"][0][0] == "new";
    let answer = (15..frames.len()).find(|&at| sets(&frames[at])).unwrap();
    let before = parsed(&frames[answer])["params"]["data"]["prev_change_id"].clone();
    let mut snapshot = parsed(&frames[0]);
    snapshot["params"]["data"]["change_id"] = before;
    frames.insert(answer, Recorded::text(snapshot.to_string()));
    let venue = Venue::start(script(frames).fault(1..=1, Fault::Skip(10))).await;
    let running = start(&venue);
    venue.wait_sent(4).await;
    venue.wait_played().await;
    let channel = format!("book.{native}.raw");
    let asked = ["public/unsubscribe", "public/subscribe"].map(|method| {
        json!({"jsonrpc": "2.0", "id": 999, "method": method, "params": {"channels": [channel]}}).to_string()
    });
    assert_eq!(venue.sent_by(1)[2..], asked);
    running.wait_top(symbol, &fixtures().expected(DAY)["symbols"][native]["book"]).await;
    let history = running.sink.look(|seen| seen.get(symbol).unwrap().history.clone());
    assert_eq!(
        history[history.len() - 3..],
        [
            (Status::Live, Reason::Confirmed),
            (Status::Suspect, Reason::Gap),
            (Status::Live, Reason::Confirmed)
        ]
    );
    assert_eq!(venue.connections().len(), 1, "without a new connection");
    running.stop().await;
}
