//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::io::Write;

use feed::Overrides;
use feed_huobi::session;
use flate2::Compression;
use flate2::write::GzEncoder;
use market::{Field, Reason, Status};
use serde_json::json;
use testkit::proof::{Fixtures, Running, instruments, overrides, symbols};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const CAPTURE: &str = "20210417-first-half";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// Native and canonical names of the recording's symbols.
fn names() -> Vec<(String, String)> {
    let known = instruments(session(&Overrides::default()).as_ref(), &fixtures().rest("20210417"));
    let want = fixtures().expected(CAPTURE);
    let named = symbols(&want).map(|(native, _)| {
        let symbol = &known.get(known.find(native).unwrap()).unwrap().symbol;
        (native.to_owned(), symbol.to_string())
    });
    named.collect()
}

fn topic(native: &str, channel: &str) -> String {
    format!("market.{native}.{channel}")
}

fn subscription(natives: &[&str]) -> Vec<String> {
    let topics = natives
        .iter()
        .flat_map(|native| ["bbo", "trade.detail", "detail"].map(|channel| topic(native, channel)));
    topics.map(|topic| format!(r#"{{"id":"{topic}","sub":"{topic}"}}"#)).collect()
}

fn script() -> Script {
    let names = names();
    let natives: Vec<&str> = names.iter().map(|(native, _)| native.as_str()).collect();
    Script::new(fixtures().frames(CAPTURE))
        .rest(fixtures().rest("20210417"))
        .start(Start::Exactly(subscription(&natives)))
        // What the client answers to the recording's three pings.
        .reply(r#"{"pong":1618678073643}"#, "")
        .reply(r#"{"pong":1618678078643}"#, "")
        .reply(r#"{"pong":1618678083643}"#, "")
}

fn gzip(text: &str) -> Recorded {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    Recorded::binary(packed.finish().unwrap())
}

async fn start(venue: &Venue) -> Running {
    let names = names();
    let symbols: Vec<&str> = names.iter().map(|(_, symbol)| symbol.as_str()).collect();
    Running::start(session(&overrides(venue)), &symbols)
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(CAPTURE);
    for (native, symbol) in names() {
        running.wait_top(&symbol, &want["symbols"][&native]["book"]).await;
        running
            .wait_fields(&symbol, &want["symbols"][&native]["merged"], &[Field::Last, Field::LastSize])
            .await;
    }
}

#[tokio::test]
async fn it_subscribes_answers_pings_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script()).await;
    let running = start(&venue).await;
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/v1/common/symbols"]);
    venue.wait("three answered pings", |all| all.iter().any(|connection| connection.answered == 3)).await;
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script().fault(1..=1, Fault::EndAfter(100))).await;
    let running = start(&venue).await;
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("HTX:YFI-HUSD", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), venue.sent_by(1), "all of it");
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_becomes_unknown_while_the_others_go_on() {
    let refusal = r#"{"status":"error","ts":1,"id":"market.yfihusd.bbo","err-code":"bad-request","err-msg":"invalid topic market.yfihusd.bbo"}"#;
    let bbo = |bid: &str| {
        gzip(&format!(
            r#"{{"ch":"market.borusdt.bbo","ts":2,"tick":{{"seqId":{bid},"ask":9.5,"askSize":1,"bid":{bid},"bidSize":2,"quoteTime":2}}}}"#
        ))
    };
    let script = Script::new([gzip(refusal), bbo("3"), bbo("4")])
        .rest(fixtures().rest("20210417"))
        .start(Start::Exactly(subscription(&["yfihusd", "borusdt"])));
    let venue = Venue::start(script).await;
    let running = Running::start(session(&overrides(&venue)), &["HTX:YFI-HUSD", "HTX:BOR-USDT"]);
    running
        .wait_top("HTX:BOR-USDT", &json!({"bid": "4", "bid_size": "2", "ask": "9.5", "ask_size": "1"}))
        .await;
    running.sink.wait_status("HTX:YFI-HUSD", Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// What a session subscribes is whole in each message; a book of changes, as another recording may hold it, is asked for
/// again after a gap.
#[tokio::test]
async fn a_skipped_change_makes_the_symbol_suspect_until_the_book_comes_again() {
    let topic = topic("borusdt", "depth.size_20.high_freq");
    let message = |event: &str, version: u64, bid: u64| {
        gzip(&format!(
            r#"{{"ch":"{topic}","ts":1,"tick":{{"asks":[[99,1]],"bids":[[{bid},1]],"event":"{event}","version":{version},"ts":1}}}}"#
        ))
    };
    let frames = [
        message("snapshot", 5, 10),
        message("update", 6, 11),
        message("update", 7, 12),
        message("update", 8, 13),
        message("snapshot", 9, 14),
    ];
    let script = Script::new(frames)
        .rest(fixtures().rest("20210417"))
        .start(Start::AfterTexts(3))
        .fault(1..=1, Fault::Skip(2));
    let venue = Venue::start(script).await;
    let running = Running::start(session(&overrides(&venue)), &["HTX:BOR-USDT"]);
    running
        .wait_top("HTX:BOR-USDT", &json!({"bid": "14", "bid_size": "1", "ask": "99", "ask_size": "1"}))
        .await;
    assert!(running.went_through("HTX:BOR-USDT", Status::Suspect, Reason::Gap));
    venue.wait_sent(4).await;
    assert_eq!(
        venue.sent_by(1).last().unwrap(),
        &format!(r#"{{"data_type":"incremental","id":"{topic}","sub":"{topic}"}}"#)
    );
    running.stop().await;
}
