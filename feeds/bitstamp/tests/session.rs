//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

use feed_bitstamp::session;
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const BTC: &str = "BITSTAMP:BTC-USD";
const PERP: &str = "BITSTAMP:BTC-USD-PERP";
const HEARTBEAT: &str = r#"{"event":"bts:heartbeat"}"#;
const ALIVE: &str = r#"{"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}"#;
const MARKETS: &str = r#"[
    {"name":"BTC/USD","market_symbol":"btcusd","market_type":"SPOT","base_currency":"BTC","counter_currency":"USD"},
    {"name":"BTC/USD-PERP","market_symbol":"btcusd-perp","market_type":"PERPETUAL","counter_currency":"USD"}]"#;

fn channel(name: &str) -> String {
    format!(r#"{{"data":{{"channel":"{name}"}},"event":"bts:subscribe"}}"#)
}

fn subscription() -> Vec<String> {
    [
        "order_book_btcusd",
        "live_trades_btcusd",
        "order_book_btcusd-perp",
        "live_trades_btcusd-perp",
        "funding_rate_btcusd-perp",
    ]
    .map(channel)
    .to_vec()
}

fn book(native: &str, at: u64, bid: &str, ask: &str) -> Recorded {
    Recorded::text(format!(
        r#"{{"data":{{"timestamp":"1","microtimestamp":"{at}","bids":[["{bid}","1.5"]],"asks":[["{ask}","2.5"]]}},"channel":"order_book_{native}","event":"data"}}"#
    ))
}

/// Whole books of both markets, as shaped by the venue in 2026; the trades are those of the recording of 2021.
fn frames() -> Vec<Recorded> {
    let recorded = Fixtures::of(env!("CARGO_MANIFEST_DIR")).frames("20210417");
    let trades = recorded.into_iter().filter(|frame| match &frame.payload {
        testkit::script::Payload::Text(text) => text.contains("live_trades_btcusd"),
        _ => false,
    });
    let mut frames = vec![book("btcusd", 1, "1", "9"), book("btcusd-perp", 1, "77188", "77189")];
    frames.extend(trades);
    frames.push(book("btcusd", 2, "60546.68", "60577.89"));
    frames.push(Recorded::text(r#"{"data":{"mark_price":"77186.8","index_price":"77178","funding_rate":"0.0001","timestamp":"1789457618"},"channel":"funding_rate_btcusd-perp","event":"funding_rate_saved"}"#));
    frames
}

fn want() -> Value {
    json!({"bid": "60546.68", "bid_size": "1.5", "ask": "60577.89", "ask_size": "2.5"})
}

fn script() -> Script {
    let url = "https://www.bitstamp.net/api/v2/markets/".to_owned();
    Script::new(frames())
        .rest([feed::RestAnswer { url, body: MARKETS.to_owned() }])
        .start(Start::Exactly(subscription()))
        .reply(HEARTBEAT, ALIVE)
}

async fn wait_end(running: &Running) {
    running.wait_top(BTC, &want()).await;
    let trade = json!({"last": "60553.64", "last_size": "0.02279531"});
    running.wait_fields(BTC, &trade, &[Field::Last, Field::LastSize]).await;
    let figures = json!({"bid": "77188", "mark": "77186.8", "index": "77178", "funding_rate": "0.0001"});
    let fields = [Field::Bid, Field::Mark, Field::Index, Field::FundingRate];
    running.wait_fields(PERP, &figures, &fields).await;
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_right_quotes() {
    let venue = Venue::start(script()).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/api/v2/markets/"]);
    assert_eq!(venue.sent(), subscription());
    running.stop().await;
}

#[tokio::test]
async fn life_is_asked_for_while_the_market_is_quiet() {
    let venue = Venue::start(script()).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    venue.wait("an answered heartbeat", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script().fault(1..=1, Fault::EndAfter(3))).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(BTC, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    running.stop().await;
}

#[tokio::test]
async fn a_request_to_reconnect_makes_it_move() {
    let mut first = frames();
    first.truncate(2);
    first.push(Recorded::text(r#"{"event": "bts:request_reconnect", "channel": "", "data": null}"#));
    let venue = Venue::start(script().frames_of(1, first)).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    running.stop().await;
}

/// The venue names no channel in its refusals; where it does, the market is told, and the others go on either way.
#[tokio::test]
async fn a_refused_market_becomes_unknown_while_the_other_goes_on() {
    let refusal = |channel: &str| {
        Recorded::text(format!(
            r#"{{"event":"bts:error","channel":"{channel}","data":{{"code":null,"message":"Invalid channel provided."}}}}"#
        ))
    };
    let mut refused = vec![refusal("order_book_btcusd-perp"), refusal("")];
    refused.extend(frames().into_iter().filter(|frame| !format!("{frame:?}").contains("-perp")));
    let venue = Venue::start(script().frames_of(1, refused)).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    running.wait_top(BTC, &want()).await;
    running.sink.wait_status(PERP, Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// Each book is whole, so a lost one is made good by the next: nothing to resynchronise, nothing becomes suspect.
#[tokio::test]
async fn a_skipped_book_is_made_good_by_the_next() {
    let venue = Venue::start(script().fault(1..=1, Fault::Skip(0))).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    wait_end(&running).await;
    assert!(!running.went_through(BTC, Status::Suspect, Reason::Gap));
    running.stop().await;
}

/// One speaks before its trade proves that trading goes on, the other one has its subscription acknowledged and never speaks.
#[tokio::test]
async fn markets_that_the_catalogue_calls_disabled_are_halted_until_they_are_traded() {
    let markets = MARKETS.replace(r#""market_symbol""#, r#""trading":"Disabled","market_symbol""#);
    let url = "https://www.bitstamp.net/api/v2/markets/".to_owned();
    let acknowledged = Recorded::text(
        r#"{"event":"bts:subscription_succeeded","channel":"order_book_btcusd-perp","data":{}}"#,
    );
    let trade = Recorded::text(
        r#"{"data":{"id":1,"microtimestamp":"3","amount_str":"1","price_str":"5","type":0},"channel":"live_trades_btcusd","event":"trade"}"#,
    );
    let script = Script::new([acknowledged, book("btcusd", 2, "1", "9"), trade])
        .rest([feed::RestAnswer { url, body: markets }]);
    let venue = Venue::start(script).await;
    let running = Running::start(session(&overrides(&venue)), &[BTC, PERP]);
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    running.sink.wait_status(PERP, Status::Halted, Reason::Venue).await;
    assert!(running.went_through(BTC, Status::Halted, Reason::Venue));
    running.stop().await;
}
