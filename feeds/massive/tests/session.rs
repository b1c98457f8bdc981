//! The whole session against an emulated venue on loopback, over the examples of the venue's documents: no recording is at hand.

use feed::{Decoder, Instruments, Overrides, RestAnswer, Secret};
use feed_massive::Stocks;
use market::{Field, FieldSet, Reason, Status};
use serde_json::json;
use testkit::contract::check_decoder;
use testkit::proof::{Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const SYMBOLS: [&str; 2] = ["MASSIVE:BRK.B", "MASSIVE:MSFT"];
const LOGIN: &str = r#"{"action":"auth","params":"hush"}"#;
const WELCOME: &str = r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#;
const SUBSCRIPTION: &str =
    r#"{"action":"subscribe","params":"Q.BRK.B,T.BRK.B,LULD.BRK.B,Q.MSFT,T.MSFT,LULD.MSFT"}"#;
const FRAMES: [&str; 5] = [
    r#"[{"ev":"status","status":"success","message":"subscribed to: Q.MSFT"}]"#,
    r#"[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3}]"#,
    r#"[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328},{"ev":"T","sym":"MSFT","x":4,"i":"12346","z":3,"p":114.126,"s":7,"t":1536036818790,"q":3681330}]"#,
    r#"[{"ev":"LULD","T":"BRK.B","h":218.96,"l":198.11,"i":[17],"z":3,"t":1601316752683746,"q":290317}]"#,
    r#"[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.126,"bs":2,"ax":7,"ap":114.129,"as":3,"c":0,"t":1536036818800,"q":50385490,"z":3}]"#,
];

fn with_key(venue: &Venue) -> Overrides {
    Overrides { key: Some(Secret::new("hush")), ..overrides(venue) }
}

fn frames() -> Vec<Recorded> {
    FRAMES.map(Recorded::text).to_vec()
}

/// The 52 answers of the catalogue, of which two hold a ticker.
fn catalogue() -> Vec<RestAnswer> {
    let urls = feed_massive::session(&Overrides::default()).catalogue_urls();
    let body = |url: &str| match url {
        url if url.contains("gte=BM&") => r#"{"status":"OK","results":[{"ticker":"BRK.B"}]}"#,
        url if url.contains("gte=MM&") => r#"{"status":"OK","results":[{"ticker":"MSFT"}]}"#,
        _ => r#"{"status":"OK","count":0}"#,
    };
    urls.into_iter().map(|url| RestAnswer { body: body(&url).to_owned(), url }).collect()
}

fn script(frames: Vec<Recorded>) -> Script {
    Script::new(frames)
        .rest(catalogue())
        .reply(LOGIN, WELCOME)
        .start(Start::Exactly(vec![SUBSCRIPTION.to_owned()]))
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_massive::session(&with_key(venue)), &SYMBOLS)
}

async fn wait_end(running: &Running) {
    let want = json!({"bid": "114.126", "bid_size": "2", "ask": "114.129", "ask_size": "3"});
    running.wait_top("MASSIVE:MSFT", &want).await;
}

#[tokio::test]
async fn it_logs_in_then_subscribes_and_ends_with_the_last_quotes() {
    let venue = Venue::start(script(frames())).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!((venue.sent(), venue.connections()[0].answered), (vec![SUBSCRIPTION.to_owned()], 1));
    assert_eq!(venue.asked().len(), 52);
    assert!(venue.heads()[0].to_ascii_lowercase().contains("authorization: bearer hush"));
    running.sink.look(|seen| {
        let seen = seen.get("MASSIVE:MSFT").unwrap();
        assert_eq!((seen.text(Field::Last), seen.text(Field::LastSize)), ("114.126".into(), "7".into()));
    });
    assert!(running.went_through("MASSIVE:BRK.B", Status::Halted, Reason::Venue));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script(frames()).fault(1..=1, Fault::EndAfter(2))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("MASSIVE:MSFT", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), [SUBSCRIPTION]);
    running.stop().await;
}

#[tokio::test]
async fn a_refused_ticker_becomes_unknown_while_the_others_go_on() {
    let mut all = frames();
    all.retain(|frame| !format!("{frame:?}").contains("LULD"));
    let refusal = r#"[{"ev":"status","status":"error","message":"not authorized for: Q.BRK.B"}]"#;
    all.insert(0, Recorded::text(refusal));
    let venue = Venue::start(script(all)).await;
    let running = start(&venue);
    running.sink.wait_status("MASSIVE:BRK.B", Status::Unknown, Reason::Refused).await;
    wait_end(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_key_ends_the_feed() {
    let failed = r#"[{"ev":"status","status":"auth_failed","message":"authentication failed"}]"#;
    let script = Script::new(Vec::<Recorded>::new()).rest(catalogue()).reply(LOGIN, failed);
    let venue = Venue::start(script).await;
    let running = start(&venue);
    let refused = |reason| reason == Reason::Refused;
    running.sink.wait("the end of the feed", |seen| seen.feed.is_some_and(|(_, why)| refused(why))).await;
    assert_eq!(venue.connections().len(), 1);
    assert!(venue.sent().is_empty(), "nothing is subscribed before the login is taken");
}

#[tokio::test]
async fn pings_are_sent_while_the_venue_is_quiet() {
    let venue = Venue::start(script(Vec::new())).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    running.stop().await;
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Stocks::new()), Instruments::new("MASSIVE", 50)) };
    assert_eq!(check_decoder(&make, &frames(), FieldSet::EMPTY).updates.len(), 4);
}
