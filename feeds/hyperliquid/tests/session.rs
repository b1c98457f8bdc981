//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

use feed::RestAnswer;
use market::{Field, Reason, Status};
use serde_json::json;
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const DAY: &str = "20250126-btc-first-half";
const BTC: &str = "HYPERLIQUID:BTC-USDC-PERP";
const HYPE: &str = "HYPERLIQUID:HYPE-USDC";
const PING: &str = r#"{"method":"ping"}"#;
const META: &str = r#"{"universe":[{"name":"BTC","szDecimals":5},{"name":"MATIC","szDecimals":1,"isDelisted":true}],"marginTables":[],"collateralToken":0}"#;
const SPOT: &str = r#"{"universe":[{"tokens":[150,0],"name":"@107","index":107}],"tokens":[{"name":"USDC","index":0},{"name":"HYPE","index":150}]}"#;

/// What the session says first, every time, of these coins.
fn texts(coins: &[&str]) -> Vec<String> {
    let of = |coin: &&str| {
        ["bbo", "l2Book", "trades", "activeAssetCtx"].map(|channel| {
            format!(r#"{{"method":"subscribe","subscription":{{"coin":"{coin}","type":"{channel}"}}}}"#)
        })
    };
    coins.iter().flat_map(of).collect()
}

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// Plays the frames after eight texts: four of each of two coins.
fn script(frames: impl IntoIterator<Item = Recorded>) -> Script {
    let answer = |kind: &str, body: &str| RestAnswer {
        url: format!(r#"https://api.hyperliquid.xyz/info {{"type":"{kind}"}}"#),
        body: body.to_owned(),
    };
    Script::new(frames)
        .rest([answer("meta", META), answer("spotMeta", SPOT)])
        .start(Start::AfterTexts(8))
        .reply(PING, r#"{"channel":"pong"}"#)
}

fn start(venue: &Venue, symbols: &[&str]) -> Running {
    Running::start(feed_hyperliquid::session(&overrides(venue)), symbols)
}

async fn wait_end(running: &Running) {
    let want = &fixtures().expected(DAY)["symbols"]["BTC"];
    running.wait_top(BTC, &want["book"]).await;
    running.wait_fields(BTC, &want["trade"], &[Field::Last, Field::LastSize]).await;
}

#[tokio::test]
async fn it_asks_for_the_catalogue_subscribes_and_ends_with_the_recorded_quote() {
    let texts = texts(&["BTC", "@107"]);
    let venue = Venue::start(script(fixtures().frames(DAY)).start(Start::Exactly(texts.clone()))).await;
    let running = start(&venue, &[BTC, HYPE]);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["meta", "spotMeta"].map(|kind| format!(r#"/info {{"type":"{kind}"}}"#)));
    assert_eq!(venue.sent(), texts, "and nothing else");
    running.stop().await;
}

/// The trap: an unknown coin closes the socket without a word, and every subscription with it. What the catalogue does not list
/// is told to be so, and never subscribed.
#[tokio::test]
async fn an_unknown_or_delisted_coin_is_never_subscribed() {
    let script = script(fixtures().frames(DAY)).start(Start::Exactly(texts(&["BTC"])));
    let venue = Venue::start(script).await;
    let wishes = ["BTC", "btc-usdc-perp", "NOPE", "HYPERLIQUID:MATIC-USDC-PERP"];
    let running = start(&venue, &wishes);
    wait_end(&running).await;
    for gone in ["HYPERLIQUID:NOPE", "HYPERLIQUID:MATIC-USDC-PERP"] {
        running.sink.wait_status(gone, Status::Delisted, Reason::NotListed).await;
    }
    assert_eq!(venue.sent(), texts(&["BTC"]));
    running.stop().await;
}

#[tokio::test]
async fn pongs_are_asked_for_while_the_venue_is_quiet() {
    let venue = Venue::start(script([])).await;
    let running = start(&venue, &[BTC, HYPE]);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(fixtures().frames(DAY)).fault(1..=1, Fault::EndAfter(5))).await;
    let running = start(&venue, &[BTC, HYPE]);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(BTC, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), texts(&["BTC", "@107"]));
    running.stop().await;
}

#[tokio::test]
async fn a_refused_coin_is_unknown_and_the_other_goes_on() {
    let asked = &texts(&["@107"])[0];
    let words = format!("Error parsing JSON into valid websocket request: {asked}");
    let no = Recorded::text(json!({"channel": "error", "data": words}).to_string());
    let venue = Venue::start(script([no].into_iter().chain(fixtures().frames(DAY)))).await;
    let running = start(&venue, &[BTC, HYPE]);
    running.sink.wait_status(HYPE, Status::Unknown, Reason::Refused).await;
    wait_end(&running).await;
    running.stop().await;
}

/// Every book is whole, so a lost one needs no repair: nothing is suspect, and the end is the same.
#[tokio::test]
async fn a_skipped_message_leaves_the_same_end() {
    let venue = Venue::start(script(fixtures().frames(DAY)).fault(1..=1, Fault::Skip(22))).await;
    let running = start(&venue, &[BTC, HYPE]);
    wait_end(&running).await;
    assert!(!running.went_through(BTC, Status::Suspect, Reason::Gap));
    running.stop().await;
}
