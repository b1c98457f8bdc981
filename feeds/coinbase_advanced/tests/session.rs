//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong. The
//! messages are the single ones, with numbers that follow each other, and more of their kind.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::{Decoder, Instruments, RestAnswer};
use feed_coinbase_advanced::CoinbaseAdvancedDecoder;
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::loss::{Step, check_every_loss};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const BTC: &str = "COINBASE_ADVANCED:BTC-USD";
const ETH: &str = "COINBASE_ADVANCED:ETH-USD";
const PRODUCTS: &str = r#"{"products":[{"product_id":"BTC-USD","base_currency_id":"BTC","quote_currency_id":"USD","alias":""},{"product_id":"ETH-USD","base_currency_id":"ETH","quote_currency_id":"USD"},{"product_id":"BTC-USDC","base_currency_id":"BTC","quote_currency_id":"USDC","alias":"BTC-USD"}]}"#;
/// What the session says first, every time.
fn texts() -> Vec<String> {
    let of_products = ["level2", "market_trades", "ticker", "status"].map(|channel| {
        format!(r#"{{"channel":"{channel}","product_ids":["BTC-USD","ETH-USD"],"type":"subscribe"}}"#)
    });
    let heartbeats = r#"{"channel":"heartbeats","type":"subscribe"}"#.to_owned();
    std::iter::once(heartbeats).chain(of_products).collect()
}

fn message(channel: &str, event: &Value) -> Value {
    json!({"channel": channel, "timestamp": "2026-04-07T14:30:05.000000Z", "events": [event]})
}

fn change(side: &str, price: &str, quantity: &str) -> Value {
    let level = json!({"side": side, "price_level": price, "new_quantity": quantity});
    message("l2_data", &json!({"type": "update", "product_id": "BTC-USD", "updates": [level]}))
}

/// The single messages as they stand (the book before its change), then changes that end with
/// a known top, a heartbeat between them. Numbered from 0.
fn frames() -> Vec<Recorded> {
    let singles = Fixtures::of(env!("CARGO_MANIFEST_DIR")).singles("single-nautilus");
    let mut all: Vec<Value> = singles.iter().map(|(text, _)| serde_json::from_str(text).unwrap()).collect();
    for step in 0..20 {
        let quantity = format!("{}.5", 20 - step);
        all.push(change("bid", "68900.75", &quantity));
        all.push(message("heartbeats", &json!({"heartbeat_counter": step})));
    }
    all.push(change("offer", "68901.25", "0.25"));
    all.push(message("heartbeats", &json!({"heartbeat_counter": 20})));
    numbered(all)
}

fn numbered(all: Vec<Value>) -> Vec<Recorded> {
    let with = |(number, mut message): (usize, Value)| {
        message["sequence_num"] = number.into();
        Recorded::text(message.to_string())
    };
    all.into_iter().enumerate().map(with).collect()
}

fn script(frames: Vec<Recorded>) -> Script {
    let url = "https://api.coinbase.com/api/v3/brokerage/market/products".to_owned();
    Script::new(frames).rest([RestAnswer { url, body: PRODUCTS.to_owned() }]).start(Start::Exactly(texts()))
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_coinbase_advanced::session(&overrides(venue)), &[BTC, ETH])
}

/// The book after the last change: 68901.00 was removed by a single message.
async fn wait_end(running: &Running) {
    let want = json!({"bid": "68900.75", "bid_size": "1.5", "ask": "68901.25", "ask_size": "0.25",
        "last": "68900.00", "last_size": "0.05", "volume_24h": "15328.12345678"});
    running.wait_top(BTC, &want).await;
    running.wait_fields(BTC, &want, &[Field::Last, Field::LastSize, Field::Volume24h]).await;
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_right_quote() {
    let venue = Venue::start(script(frames())).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/api/v3/brokerage/market/products"]);
    assert_eq!(venue.sent(), texts(), "and nothing else");
    running.stop().await;
}

#[tokio::test]
async fn pings_go_out_while_the_venue_is_quiet() {
    let venue = Venue::start(script(Vec::new())).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(frames()).fault(1..=1, Fault::EndAfter(12))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(BTC, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), texts());
    running.stop().await;
}

#[tokio::test]
async fn a_refused_product_is_unknown_and_the_other_goes_on() {
    let mut all = vec![Recorded::text(r#"{"type":"error","message":"ETH-USD is not a valid product"}"#)];
    all.extend(frames());
    let venue = Venue::start(script(all)).await;
    let running = start(&venue);
    running.sink.wait_status(ETH, Status::Unknown, Reason::Refused).await;
    wait_end(&running).await;
    running.stop().await;
}

/// Every loss shows by a number, also that of a message before the numbers have shown what they count.
#[test]
fn each_lost_message_is_noticed_or_harmless() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(CoinbaseAdvancedDecoder::new()), Instruments::new("COINBASE_ADVANCED", 10))
    };
    let session: Vec<Step> = frames().into_iter().map(Step::from).collect();
    let losses = check_every_loss(&make, &session, 100, &[]);
    assert_eq!(
        (losses.tried, losses.harmless, losses.noticed),
        (49, 2, 47),
        "the first and the last are harmless"
    );
}

/// Whichever message between the book and the last numbers is lost: the book is told suspect, and a new connection makes it
/// good. A garbled one shows by its number, too.
#[tokio::test]
async fn a_skipped_or_garbled_message_makes_the_book_suspect_until_the_new_connection() {
    for fault in [Fault::Skip(9), Fault::Skip(20), Fault::Garble(25)] {
        let venue = Venue::start(script(frames()).fault(1..=1, fault)).await;
        let running = start(&venue);
        venue.wait_connection(2).await;
        wait_end(&running).await;
        assert!(running.went_through(BTC, Status::Suspect, Reason::Gap));
        assert_eq!(venue.sent_by(2), texts());
        running.stop().await;
    }
}
