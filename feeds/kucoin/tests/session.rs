//! The whole session against an emulated venue: ticket, welcome, subscription, final quotes, and what goes wrong.

use feed::RestAnswer;
use market::{Reason, Status};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const NAME: &str = "20210425";
const SYMBOLS: [(&str, &str); 3] =
    [("BCHSV-USDT", "KUCOIN:BSV-USDT"), ("FET-BTC", "KUCOIN:FET-BTC"), ("ANKR-BTC", "KUCOIN:ANKR-BTC")];
const PING: &str = r#"{"id":"0","type":"ping"}"#;

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The recorded session behind a door. Its first frame is the welcome; the others are let out step by step, so that it
/// can be seen what was sent before them.
fn script(frames: Vec<Recorded>) -> Script {
    let mut rest = fixtures().rest(NAME);
    for answer in &mut rest {
        answer.url = answer.url.replace("/api/v1/symbols", "/api/v2/symbols");
    }
    let door = r#"{"code":"200000","data":{"token":"2neAiuYvAU==","instanceServers":[{"endpoint":"wss://ws-api-spot.kucoin.com/"}]}}"#;
    rest.push(RestAnswer { url: "/api/v1/bullet-public".into(), body: door.into() });
    Script::new(frames).rest(rest).start(Start::AtOnce).stepped().reply(PING, r#"{"id":"0","type":"pong"}"#)
}

fn subscription() -> Vec<String> {
    let topics = ["/spotMarket/level1", "/market/match", "/market/ticker", "/market/snapshot"];
    let natives = SYMBOLS.map(|(native, _)| native).join(",");
    (1..)
        .zip(topics)
        .map(|(id, topic)| {
            format!(r#"{{"id":"{id}","response":true,"topic":"{topic}:{natives}","type":"subscribe"}}"#)
        })
        .collect()
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_kucoin::session(&overrides(venue)), &SYMBOLS.map(|(_, symbol)| symbol))
}

/// Lets the welcome of connection `number` out, and waits until it has subscribed.
async fn welcome(venue: &Venue, number: usize) {
    venue.wait_connection(number).await;
    venue.step(1);
    let subscribed =
        move |all: &[testkit::venue::Connection]| all.get(number - 1).is_some_and(|c| c.sent.len() == 4);
    venue.wait("a subscription", subscribed).await;
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(NAME);
    for (native, symbol) in SYMBOLS {
        running.wait_top(symbol, &want["symbols"][native]["merged"]).await;
    }
}

#[tokio::test]
async fn it_asks_for_a_ticket_waits_for_the_welcome_and_ends_with_the_recorded_quotes() {
    let frames = fixtures().frames(NAME);
    let all = frames.len();
    let venue = Venue::start(script(frames)).await;
    let running = start(&venue);
    venue.wait_connection(1).await;
    assert!(venue.sent().is_empty(), "the venue has not said welcome");
    welcome(&venue, 1).await;
    assert_eq!(venue.sent(), subscription());
    venue.step(all);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/api/v2/symbols", "/api/v1/bullet-public"]);
    assert_eq!(venue.connections()[0].target, "/?token=2neAiuYvAU==");
    running.stop().await;
}

#[tokio::test]
async fn pings_are_sent_also_while_data_flows() {
    let venue = Venue::start(script(fixtures().frames(NAME))).await;
    let running = start(&venue);
    welcome(&venue, 1).await;
    venue.step(100);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again_with_a_new_ticket() {
    let frames = fixtures().frames(NAME);
    let all = frames.len();
    let venue = Venue::start(script(frames).fault(1..=1, Fault::EndAfter(1_000))).await;
    let running = start(&venue);
    welcome(&venue, 1).await;
    venue.step(999);
    welcome(&venue, 2).await;
    venue.step(all);
    wait_end(&running).await;
    assert!(running.went_through("KUCOIN:BSV-USDT", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    assert_eq!(venue.asked().iter().filter(|asked| asked.ends_with("bullet-public")).count(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_refused_topic_does_not_stop_the_others_and_a_token_that_is_not_taken_is_replaced() {
    let mut first = fixtures().frames(NAME);
    let all = first.len();
    first.truncate(100);
    first.push(Recorded::text(r#"{"id":"1","type":"error","code":404,"data":"topic does not exist"}"#));
    first.push(Recorded::text(r#"{"id":"1","type":"error","code":401,"data":"token is expired"}"#));
    let venue = Venue::start(script(fixtures().frames(NAME)).frames_of(1, first)).await;
    let running = start(&venue);
    welcome(&venue, 1).await;
    venue.step(100);
    running.sink.wait_status("KUCOIN:BSV-USDT", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.connections().len(), 1);
    venue.step(1);
    welcome(&venue, 2).await;
    venue.step(all);
    wait_end(&running).await;
    running.stop().await;
}

/// Unknown symbols are acknowledged and stay silent: they must not look live.
#[tokio::test]
async fn an_acknowledged_symbol_that_is_never_served_is_not_live() {
    let frames = fixtures().frames(NAME);
    let all = frames.len();
    let venue = Venue::start(script(frames)).await;
    let wishes = ["KUCOIN:BSV-USDT", "KUCOIN:REQ-ETH"];
    let running = Running::start(feed_kucoin::session(&overrides(&venue)), &wishes);
    welcome(&venue, 1).await;
    venue.step(all);
    running.sink.wait_status("KUCOIN:BSV-USDT", Status::Live, Reason::Confirmed).await;
    let (status, _) = running.sink.look(|seen| seen.status("KUCOIN:REQ-ETH"));
    assert!(matches!(status, Status::Connecting | Status::Unknown), "{status:?}");
    running.stop().await;
}
