//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::Overrides;
use feed_bitfinex::session;
use market::{Field, Reason, Status};
use serde_json::json;
use testkit::proof::{Fixtures, Running, instruments, overrides, symbols};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

const CAPTURE: &str = "20210417";
const PING: &str = r#"{"event":"ping","cid":1}"#;
const LISTS: &str =
    "/v2/conf/pub:list:pair:exchange,pub:list:pair:futures,pub:list:currency,pub:map:currency:sym";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The recorded lists as the venue answers them together today.
fn catalogue() -> feed::RestAnswer {
    let recorded = fixtures().rest(CAPTURE);
    let list = |name: &str| {
        let answer = recorded.iter().find(|answer| answer.url.ends_with(name)).unwrap();
        answer.body.trim_start_matches('[').trim_end_matches(']').to_owned()
    };
    let (pairs, currencies) = (list("pub:list:pair:exchange"), list("pub:list:currency"));
    let body = format!(r#"[[{pairs}],["BTCF0:USTF0"],[{currencies}],[["UST","USDt"]]]"#);
    feed::RestAnswer { url: format!("https://api-pub.bitfinex.com{LISTS}"), body }
}

/// Native and canonical names of six of the recording's symbols: as many as one connection has.
fn names() -> Vec<(String, String)> {
    let known = instruments(session(&Overrides::default()).as_ref(), &[catalogue()]);
    let want = fixtures().expected(CAPTURE);
    let named = symbols(&want).map(|(native, _)| {
        let symbol = &known.get(known.find(native).unwrap()).unwrap().symbol;
        (native.to_owned(), symbol.to_string())
    });
    named.take(6).collect()
}

fn subscription(natives: &[&str]) -> Vec<String> {
    let conf = r#"{"event":"conf","flags":229376}"#.to_owned();
    let channels = natives.iter().flat_map(|native| {
        let more = [("ticker", ""), ("trades", ""), ("book", r#","prec":"P0","freq":"F0","len":"25""#)];
        more.map(|(channel, more)| {
            format!(r#"{{"event":"subscribe","channel":"{channel}","symbol":"{native}"{more}}}"#)
        })
    });
    std::iter::once(conf).chain(channels).collect()
}

fn script() -> Script {
    let names = names();
    let natives: Vec<&str> = names.iter().map(|(native, _)| native.as_str()).collect();
    Script::new(fixtures().frames(CAPTURE))
        .rest([catalogue()])
        .start(Start::Exactly(subscription(&natives)))
        .reply(PING, r#"{"event":"pong","ts":1618677543951,"cid":1}"#)
}

fn start(venue: &Venue) -> Running {
    let names = names();
    let symbols: Vec<&str> = names.iter().map(|(_, symbol)| symbol.as_str()).collect();
    Running::start(session(&overrides(venue)), &symbols)
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(CAPTURE);
    for (native, symbol) in names() {
        running.wait_top(&symbol, &want["symbols"][&native]["book"]).await;
        let day = [Field::Last, Field::High24h, Field::Low24h, Field::Volume24h];
        running.wait_fields(&symbol, &want["symbols"][&native]["ticker"], &day).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script()).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.asked(), [LISTS]);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let venue = Venue::start(script().fault(1..=1, Fault::EndAfter(700))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("BITFINEX:DOG-USD", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), venue.sent_by(1));
    running.stop().await;
}

/// The counter is that of the whole connection: the loss cannot be pinned to a symbol, so that all books are in doubt.
#[tokio::test]
async fn a_skipped_frame_makes_every_book_suspect_until_a_new_connection() {
    let frames = fixtures().frames(CAPTURE);
    let book = |frame: &Recorded| match &frame.payload {
        Payload::Text(text) => text.starts_with("[225206,[") && text.len() < 60,
        _ => false,
    };
    let lost = frames.iter().enumerate().filter(|(_, frame)| book(frame)).nth(100).unwrap().0;
    let venue = Venue::start(script().fault(1..=1, Fault::Skip(lost))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through("BITFINEX:DOG-USD", Status::Suspect, Reason::Gap));
    assert!(running.went_through("BITFINEX:MNA-BTC", Status::Suspect, Reason::Gap), "another one");
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_becomes_unknown_while_the_other_goes_on() {
    let frames = [
        r#"{"event":"info","version":2,"platform":{"status":1}}"#,
        r#"{"event":"conf","status":"OK","flags":229376}"#,
        r#"{"channel":"book","symbol":"tBFTUSD","prec":"P0","freq":"F0","len":"25","event":"error","msg":"symbol: invalid","code":10300,"pair":"BFTUSD"}"#,
        r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tDOGUSD","prec":"P0","freq":"F0","len":"25","pair":"DOGUSD"}"#,
        r#"[7,[[5,1,2],[6,1,-3]],1,1790134414850]"#,
        r#"[7,"hb",2,1790134414851]"#,
    ];
    let script = Script::new(frames).rest([catalogue()]).start(Start::AfterTexts(7));
    let venue = Venue::start(script).await;
    let running = Running::start(session(&overrides(&venue)), &["BITFINEX:BFT-USD", "BITFINEX:DOG-USD"]);
    let want = json!({"bid": "5", "bid_size": "2", "ask": "6", "ask_size": "3"});
    running.wait_top("BITFINEX:DOG-USD", &want).await;
    running.sink.wait_status("BITFINEX:BFT-USD", Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// A checksum is of one symbol: its book alone is taken back and subscribed again.
#[tokio::test]
async fn a_checksum_that_does_not_fit_makes_its_symbol_suspect_until_the_book_comes_again() {
    let frames = [
        r#"{"event":"conf","status":"OK","flags":229376}"#,
        r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tDOGUSD","prec":"P0"}"#,
        r#"[7,[[5,1,2],[6,1,-3]],1,1790134414850]"#,
        r#"[7,"cs",1,2,1790134414850]"#,
        r#"{"event":"unsubscribed","status":"OK","chanId":7}"#,
        r#"{"event":"subscribed","channel":"book","chanId":8,"symbol":"tDOGUSD","prec":"P0"}"#,
        r#"[8,[[5.5,1,2],[6,1,-3]],3,1790134414850]"#,
    ];
    let script = Script::new(frames).rest([catalogue()]).start(Start::AfterTexts(4));
    let venue = Venue::start(script).await;
    let running = Running::start(session(&overrides(&venue)), &["BITFINEX:DOG-USD"]);
    let want = json!({"bid": "5.5", "bid_size": "2", "ask": "6", "ask_size": "3"});
    running.wait_top("BITFINEX:DOG-USD", &want).await;
    assert!(running.went_through("BITFINEX:DOG-USD", Status::Suspect, Reason::Checksum));
    venue.wait_sent(6).await;
    assert_eq!(
        venue.sent_by(1)[4..],
        [
            r#"{"event":"unsubscribe","chanId":7}"#,
            r#"{"event":"subscribe","channel":"book","symbol":"tDOGUSD","prec":"P0","freq":"F0","len":"25"}"#
        ]
    );
    running.stop().await;
}
