//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use market::{Reason, Status};
use serde_json::Value;
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

const DAY: &str = "20210722";
const SYMBOLS: [(&str, &str); 2] =
    [("PI_ETHUSD", "KRAKEN_FUTURES:PI_ETHUSD"), ("FI_BCHUSD_210730", "KRAKEN_FUTURES:FI_BCHUSD_210730")];

/// What the session says first, every time.
fn texts() -> [String; 3] {
    ["book", "trade", "ticker"].map(|feed| {
        format!(r#"{{"event":"subscribe","feed":"{feed}","product_ids":["PI_ETHUSD","FI_BCHUSD_210730"]}}"#)
    })
}

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn script(frames: impl IntoIterator<Item = Recorded>) -> Script {
    Script::new(frames).rest(fixtures().rest(DAY)).start(Start::AfterTexts(3))
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_kraken_futures::session(&overrides(venue)), &SYMBOLS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(DAY);
    for (native, symbol) in SYMBOLS {
        running.wait_top(symbol, &want["symbols"][native]["book"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let script = script(fixtures().frames(DAY)).start(Start::Exactly(texts().to_vec()));
    let venue = Venue::start(script).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/derivatives/api/v3/instruments"]);
    assert_eq!(venue.sent(), texts(), "and nothing else");
    running.stop().await;
}

#[tokio::test]
async fn pings_go_out_while_the_venue_is_quiet() {
    let venue = Venue::start(script([Recorded::text(r#"{"event":"info","version":1}"#)])).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(fixtures().frames(DAY)).fault(1..=1, Fault::EndAfter(500))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(SYMBOLS[0].1, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), texts());
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_is_unknown_and_the_other_goes_on() {
    let [(kept, kept_symbol), (refused, refused_symbol)] = SYMBOLS;
    let no = format!(r#"{{"event":"subscribed_failed","feed":"book","product_ids":["{refused}"]}}"#);
    let others = fixtures().frames(DAY).into_iter().filter(|recorded| !is_of(recorded, "", refused));
    let venue = Venue::start(script([Recorded::text(no)].into_iter().chain(others))).await;
    let running = start(&venue);
    running.sink.wait_status(refused_symbol, Status::Unknown, Reason::Refused).await;
    running.wait_top(kept_symbol, &fixtures().expected(DAY)["symbols"][kept]["book"]).await;
    running.stop().await;
}

/// Whether the frame is of that feed (or one whose name begins so) and product.
fn is_of(recorded: &Recorded, feed: &str, native: &str) -> bool {
    let Payload::Text(text) = &recorded.payload else { return false };
    text.starts_with(&format!(r#"{{"feed":"{feed}"#)) && text.contains(&format!(r#""product_id":"{native}""#))
}

/// The book of a product after these frames, as a snapshot of the venue.
fn snapshot(frames: &[Recorded]) -> Recorded {
    let parsed = |recorded: &Recorded| -> Value {
        let Payload::Text(text) = &recorded.payload else { return Value::Null };
        serde_json::from_str(text).unwrap()
    };
    let mut book = parsed(&frames[0]);
    for change in frames[1..].iter().map(parsed) {
        let side = if change["side"] == "buy" { "bids" } else { "asks" };
        let levels = book[side].as_array_mut().unwrap();
        levels.retain(|level| level["price"] != change["price"]);
        levels.push(serde_json::json!({"price": change["price"], "qty": change["qty"]}));
        (book["seq"], book["timestamp"]) = (change["seq"].clone(), change["timestamp"].clone());
    }
    Recorded::text(book.to_string())
}

/// The answer to the new subscription comes ten messages after the lost one; in between nothing of the book is believed.
#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_snapshot() {
    let (native, symbol) = SYMBOLS[0];
    let mut frames: Vec<Recorded> =
        fixtures().frames(DAY).into_iter().filter(|recorded| is_of(recorded, "book", native)).collect();
    frames.insert(110, snapshot(&frames[..110]));
    let venue = Venue::start(script(frames).fault(1..=1, Fault::Skip(100))).await;
    let running = start(&venue);
    venue.wait_sent(5).await;
    venue.wait_played().await;
    let asked = ["unsubscribe", "subscribe"]
        .map(|event| format!(r#"{{"event":"{event}","feed":"book","product_ids":["{native}"]}}"#));
    assert_eq!(venue.sent_by(1)[3..], asked);
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
