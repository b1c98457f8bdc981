//! Venues that want something before they take a subscription: a ticket over HTTP, a header, a login, patience.

use std::time::Duration;

use feed::capture::{CaptureReader, Payload, Recording};
use feed::{FeedSettings, Secret};
use market::{Reason, Status};
use testkit::script::{HttpAnswer, Script, Start};
use testkit::venue::Venue;

mod toy;

use toy::{Running, Toy, bid, catalogue, settings, subscription};

fn ticket(body: &str) -> HttpAnswer {
    HttpAnswer::from(feed::RestAnswer { url: "/ticket".to_owned(), body: body.to_owned() })
}

fn locked(venue: &Venue) -> Toy {
    Toy { password: Some(Secret::new("open sesame")), ..Toy::at(venue) }
}

#[tokio::test]
async fn the_subscription_waits_until_the_venue_is_ready_and_no_secret_is_recorded() {
    let script = Script::new([bid("BTCUSD", "1")])
        .rest([catalogue(&["BTCUSD", "ETHUSD"]), ticket("no"), ticket("ticket opal")])
        .reply("login open sesame", "welcome back")
        .start(Start::Exactly(vec![subscription(&["BTCUSD", "ETHUSD"])]));
    let venue = Venue::start(script).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.cap.gz");
    let recording = Recording::start(&file).unwrap();
    let settings = FeedSettings { recording: Some(recording.recorder()), ..settings() };
    let running = Running::start(locked(&venue), settings);
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.asked(), ["/symbols", "/ticket", "/ticket"], "the first answer held no ticket");
    let connections = venue.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].target, "/with?token=opal");
    assert!(connections[0].head.contains("x-password: open sesame"), "{}", connections[0].head);
    assert_eq!((connections[0].answered, connections[0].sent.len()), (1, 1));
    running.stop().await;
    recording.finish().unwrap();
    let mut reader = CaptureReader::open(&file).unwrap();
    let mut sent = 0;
    while let Some(record) = reader.next().unwrap() {
        assert!(!format!("{record:?}").contains("sesame") && !format!("{record:?}").contains("opal"));
        sent += usize::from(matches!(record.payload, Payload::Sent(_)));
    }
    assert_eq!(sent, 1, "the subscription");
}

#[tokio::test]
async fn a_venue_that_is_never_ready_is_left() {
    let script = Script::new([bid("BTCUSD", "1")])
        .rest([catalogue(&["BTCUSD", "ETHUSD"]), ticket("ticket 1")])
        .start(Start::When(std::sync::Arc::new(|_| false)));
    let venue = Venue::start(script).await;
    let mut settings = settings();
    settings.timing.dial_limit = Duration::from_millis(200);
    let running = Running::start(locked(&venue), settings);
    venue.wait_connection(2).await;
    assert!(venue.sent().iter().all(|text| text.starts_with("login ")), "nothing was subscribed");
    assert!(running.metric(r#"reconnects_total{feed="toy",reason="dial_timeout"}"#) >= 1.0);
}
