//! The whole session against an emulated venue on loopback, over the examples of the venue's documents: no recording is at hand.

use feed::{Decoder, Instruments, Overrides, RestAnswer, Secret};
use feed_alpaca::AlpacaV2;
use market::{Field, FieldSet, Reason, Status};
use serde_json::json;
use testkit::contract::check_decoder;
use testkit::proof::{Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const SYMBOLS: [&str; 2] = ["ALPACA:AAPL", "ALPACA:AMD"];
const FRAMES: [&str; 7] = [
    r#"[{"T":"success","msg":"connected"}]"#,
    r#"[{"T":"success","msg":"authenticated"}]"#,
    r#"[{"T":"q","S":"AMD","bx":"K","bp":91.95,"bs":2,"ax":"Q","ap":91.98,"as":1,"c":["R"],"z":"C","t":"2023-04-06T11:54:21.670905508Z"}]"#,
    r#"[{"T":"t","S":"AAPL","i":628,"x":"K","p":162.92,"s":3,"c":["@","F"],"z":"C","t":"2023-04-06T11:54:26.838232225Z"},{"T":"t","S":"AAPL","i":1465,"x":"P","p":162.91,"s":71,"c":["@","F"],"z":"C","t":"2023-04-06T11:54:26.83915973Z"}]"#,
    r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"Trading Halted; For information requested by NASDAQ","t":"2021-02-22T19:15:00Z","z":"C"}]"#,
    r#"[{"T":"x","S":"AAPL","i":1465,"x":"P","p":162.91,"s":71,"a":"C","z":"C","t":"2023-04-06T13:15:42.83540958Z"}]"#,
    r#"[{"T":"q","S":"AMD","bx":"P","bp":91.9,"bs":1,"ax":"Q","ap":91.98,"as":1,"c":["R"],"z":"C","t":"2023-04-06T11:54:27.924933876Z"}]"#,
];

fn script(frames: Vec<Recorded>) -> Script {
    let url = "https://paper-api.alpaca.markets/v2/assets?status=active&asset_class=us_equity".to_owned();
    let body = r#"[{"class":"us_equity","symbol":"AAPL"},{"class":"us_equity","symbol":"AMD"}]"#.to_owned();
    // The login is in the handshake, so what follows it waits for no text.
    Script::new(frames).rest([RestAnswer { url, body }]).start(Start::AtOnce)
}

fn frames() -> Vec<Recorded> {
    FRAMES.map(Recorded::text).to_vec()
}

fn with_key(venue: &Venue) -> Overrides {
    Overrides { key: Some(Secret::new("PKEXAMPLE")), secret: Some(Secret::new("hush")), ..overrides(venue) }
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_alpaca::session(&with_key(venue)), &SYMBOLS)
}

const SUBSCRIPTION: [&str; 2] = [
    r#"{"action":"subscribe","quotes":["AAPL","AMD"],"trades":["AAPL","AMD"]}"#,
    r#"{"action":"subscribe","statuses":["AAPL","AMD"]}"#,
];

async fn wait_end(running: &Running) {
    let want = json!({"bid": "91.9", "bid_size": "1", "ask": "91.98", "ask_size": "1"});
    running.wait_top("ALPACA:AMD", &want).await;
}

#[tokio::test]
async fn it_logs_in_subscribes_and_ends_with_the_last_quotes() {
    let venue = Venue::start(script(frames())).await;
    let running = start(&venue);
    wait_end(&running).await;
    venue.wait_sent(2).await;
    assert_eq!(venue.sent(), SUBSCRIPTION);
    let heads = venue.heads().into_iter().chain(venue.connections().into_iter().map(|c| c.head));
    for head in heads.map(|head| head.to_ascii_lowercase()) {
        assert!(head.contains("apca-api-key-id: pkexample") && head.contains("apca-api-secret-key: hush"));
    }
    running.sink.look(|seen| {
        let apple = seen.get("ALPACA:AAPL").unwrap();
        let last = (apple.text(Field::Last), apple.text(Field::LastSize));
        assert_eq!(last, ("162.92".into(), "3".into()), "the later trade was taken back");
    });
    assert!(running.went_through("ALPACA:AAPL", Status::Halted, Reason::Venue));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(frames()).fault(1..=1, Fault::EndAfter(4))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    venue.wait("the subscription again", |all| all.get(1).is_some_and(|c| c.sent == SUBSCRIPTION)).await;
    assert!(running.went_through("ALPACA:AMD", Status::Stale, Reason::Disconnected));
    running.stop().await;
}

#[tokio::test]
async fn refused_statuses_leave_quotes_and_trades_alone() {
    let mut all = frames();
    let refusal = r#"[{"T":"error","code":409,"msg":"insufficient subscription"}]"#;
    all.insert(2, Recorded::text(refusal));
    let venue = Venue::start(script(all)).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_key_ends_the_feed() {
    let failed = r#"[{"T":"error","code":402,"msg":"auth failed"}]"#;
    let venue = Venue::start(script(vec![Recorded::text(FRAMES[0]), Recorded::text(failed)])).await;
    let running = start(&venue);
    let refused = |reason| reason == Reason::Refused;
    running.sink.wait("the end of the feed", |seen| seen.feed.is_some_and(|(_, why)| refused(why))).await;
    assert_eq!(venue.connections().len(), 1);
    assert!(venue.sent().is_empty(), "nothing is subscribed before the login is taken");
}

#[tokio::test]
async fn pings_are_sent_while_the_venue_is_quiet() {
    let venue = Venue::start(script(frames()[..2].to_vec())).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    running.stop().await;
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(AlpacaV2::new()), Instruments::new("ALPACA", 50)) };
    assert_eq!(check_decoder(&make, &frames(), FieldSet::EMPTY).updates.len(), 6);
}
