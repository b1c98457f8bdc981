//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::time::Duration;

use market::{Reason, Status};
use testkit::proof::{Fixtures, Running, overrides, symbols};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const NAME: &str = "20210417";
/// The markets that spoke in the recording, and one that stayed silent.
const MARKETS: [(&str, &str); 6] = [
    ("BTC-ITAM", "UPBIT:ITAM-BTC"),
    ("BTC-PAX", "UPBIT:PAX-BTC"),
    ("BTC-XTZ", "UPBIT:XTZ-BTC"),
    ("KRW-LAMB", "UPBIT:LAMB-KRW"),
    ("KRW-WAVES", "UPBIT:WAVES-KRW"),
    ("BTC-ARK", "UPBIT:ARK-BTC"),
];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn script() -> Script {
    Script::new(fixtures().frames(NAME))
        .rest(fixtures().rest(NAME))
        .start(Start::Exactly(vec![subscription()]))
}

/// The one text that subscribes all.
fn subscription() -> String {
    let codes = |suffix: &str| {
        let quoted: Vec<String> = MARKETS.iter().map(|(code, _)| format!("\"{code}{suffix}\"")).collect();
        quoted.join(",")
    };
    let of = |kind: &str, suffix: &str| format!(r#"{{"codes":[{}],"type":"{kind}"}}"#, codes(suffix));
    let types = [of("ticker", ""), of("trade", ""), of("orderbook", ".1")].join(",");
    format!(r#"[{{"ticket":"quotewire"}},{types},{{"format":"SIMPLE"}}]"#)
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_upbit::session(&overrides(venue)), &MARKETS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running) {
    for (native, symbol) in symbols(&fixtures().expected(NAME)) {
        let (_, ours) = MARKETS.iter().find(|(code, _)| *code == native).unwrap();
        running.wait_top(ours, &symbol["merged"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script()).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/v1/market/all"]);
    assert_eq!(venue.sent(), [subscription()]);
    running.stop().await;
}

/// A code that the venue does not serve is taken in silence: the symbol says that nothing was heard, the others go on.
#[tokio::test]
async fn a_code_that_is_not_served_stays_unheard_while_the_others_go_on() {
    let venue = Venue::start(script()).await;
    let session = feed_upbit::session(&overrides(&venue));
    let running = Running::start_with(session, &MARKETS.map(|(_, symbol)| symbol), |settings| {
        settings.timing.unheard_after = Duration::from_millis(20);
    });
    wait_end(&running).await;
    running.sink.wait_status("UPBIT:ARK-BTC", Status::Connecting, Reason::NotHeard).await;
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script().fault(1..=1, Fault::EndAfter(200))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("UPBIT:LAMB-KRW", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), [subscription()]);
    running.stop().await;
}

/// The venue ends a connection after an error, and the next one serves.
#[tokio::test]
async fn an_error_of_the_venue_is_followed_by_a_new_connection() {
    let error = Recorded::binary(r#"{"error":{"name":"NO_CODES","message":"codes"}}"#);
    let venue =
        Venue::start(script().frames_of(1, [error]).fault(1..=1, Fault::CloseAfter(1, 1000, String::new())))
            .await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    running.stop().await;
}

/// A lost message is made good by the next one: each tells its whole.
#[tokio::test]
async fn skipped_and_garbled_messages_leave_no_trace() {
    let venue = Venue::start(
        script()
            .fault(1..=1, Fault::Skip(20))
            .fault(1..=1, Fault::Garble(40))
            .fault(1..=1, Fault::Duplicate(60)),
    )
    .await;
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
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}
