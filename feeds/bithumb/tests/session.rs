//! The whole session against an emulated venue on loopback. No recording of the current interface is at hand, so the frames are
//! written in the shapes that its documents and probes show.

use std::time::Duration;

use feed::{Decoder, Instruments, RestAnswer};
use feed_bithumb::Bithumb;
use market::{FieldSet, Reason, Status};
use serde_json::json;
use testkit::contract::check_decoder;
use testkit::proof::{Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const MARKETS: [(&str, &str); 3] =
    [("KRW-BTC", "BITHUMB:BTC-KRW"), ("BTC-ETH", "BITHUMB:ETH-BTC"), ("KRW-QUIET", "BITHUMB:QUIET-KRW")];

fn book(code: &str, bid: &str, ask: &str, at: u64) -> Recorded {
    let stream = if at == 0 { "SNAPSHOT" } else { "REALTIME" };
    let at = 1_790_133_505_564_033 + at;
    Recorded::binary(format!(
        r#"{{"ty":"orderbook","cd":"{code}","tas":0.7,"tbs":7.1,"obu":[{{"ap":{ask},"bp":{bid},"as":0.0089,"bs":0.0211}},{{"ap":0,"bp":1,"as":0,"bs":2}}],"lv":1,"tms":{at},"st":"{stream}"}}"#
    ))
}

fn trade(code: &str, price: &str, stream: &str) -> Recorded {
    Recorded::binary(format!(
        r#"{{"ty":"trade","cd":"{code}","tp":{price},"tv":0.0009,"ab":"BID","td":"2026-09-23","ttm":"12:18:33","ttms":1790133513739,"sid":"1079953210371761700","tms":1790133514039,"st":"{stream}"}}"#
    ))
}

fn frames() -> Vec<Recorded> {
    vec![
        book("KRW-BTC", "116204000", "116208000", 0),
        trade("KRW-BTC", "116100000", "SNAPSHOT"),
        trade("KRW-BTC", "116208000", "REALTIME"),
        book("BTC-ETH", "0.03195", "0.03198", 0),
        book("KRW-BTC", "116205000", "116209000", 80_000),
        book("BTC-ETH", "0.03196", "0.03199", 80_500),
    ]
}

fn subscription() -> String {
    let codes = MARKETS.map(|(code, _)| format!("\"{code}\"")).join(",");
    let types =
        ["ticker", "trade", "orderbook"].map(|kind| format!(r#"{{"codes":[{codes}],"type":"{kind}"}}"#));
    format!(r#"[{{"ticket":"quotewire"}},{},{{"format":"SIMPLE"}}]"#, types.join(","))
}

fn script() -> Script {
    let list = r#"[{"market":"KRW-BTC"},{"market":"BTC-ETH"},{"market":"KRW-QUIET"}]"#;
    let url = "https://api.bithumb.com/v1/market/all".to_owned();
    Script::new(frames())
        .rest([RestAnswer { url, body: list.to_owned() }])
        .start(Start::Exactly(vec![subscription()]))
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_bithumb::session(&overrides(venue)), &MARKETS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running) {
    let want = json!({"bid": "116205000", "bid_size": "0.0211", "ask": "116209000", "ask_size": "0.0089"});
    running.wait_top("BITHUMB:BTC-KRW", &want).await;
    let want = json!({"bid": "0.03196", "bid_size": "0.0211", "ask": "0.03199", "ask_size": "0.0089"});
    running.wait_top("BITHUMB:ETH-BTC", &want).await;
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_last_quotes() {
    let venue = Venue::start(script()).await;
    let session = feed_bithumb::session(&overrides(&venue));
    let running = Running::start_with(session, &MARKETS.map(|(_, symbol)| symbol), |settings| {
        settings.timing.unheard_after = Duration::from_millis(20);
    });
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/v1/market/all"]);
    assert_eq!(venue.sent(), [subscription()]);
    let last = running.sink.look(|seen| seen.get("BITHUMB:BTC-KRW").unwrap().text(market::Field::Last));
    assert_eq!(last, "116208000");
    // A code that is not served is taken in silence, while the others go on.
    running.sink.wait_status("BITHUMB:QUIET-KRW", Status::Connecting, Reason::NotHeard).await;
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script().fault(1..=1, Fault::EndAfter(4))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("BITHUMB:BTC-KRW", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), [subscription()]);
    running.stop().await;
}

/// The venue ends a connection after an error, and the next one serves.
#[tokio::test]
async fn an_error_of_the_venue_is_followed_by_a_new_connection() {
    let error = Recorded::binary(r#"{"error":{"name":"INVALID_PARAM","message":"codes"}}"#);
    let end = Fault::CloseAfter(1, 1000, String::new());
    let venue = Venue::start(script().frames_of(1, [error]).fault(1..=1, end)).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn skipped_and_garbled_messages_leave_no_trace() {
    let venue = Venue::start(script().fault(1..=1, Fault::Skip(3)).fault(1..=1, Fault::Garble(0))).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn pings_are_sent_while_the_venue_is_quiet() {
    let venue = Venue::start(script()).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    running.stop().await;
}

/// Repeatable, digits kept, and no panic on anything, over frames of the current interface.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Bithumb::new()), Instruments::new("BITHUMB", 50)) };
    let texts: Vec<Recorded> = frames()
        .iter()
        .map(|frame| match &frame.payload {
            testkit::script::Payload::Binary(bytes) => String::from_utf8(bytes.clone()).unwrap().into(),
            _ => frame.clone(),
        })
        .collect();
    assert_eq!(check_decoder(&make, &texts, FieldSet::EMPTY).updates.len(), 6);
    assert_eq!(check_decoder(&make, &frames(), FieldSet::EMPTY).updates.len(), 6);
}
