//! The whole session against an emulated venue. The recordings are of v1 and the live venue speaks v2, so it plays recorded
//! v1 frames where only their content matters, and messages in the shape of v2 where they differ.

use feed::RestAnswer;
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Fixtures, Running, overrides};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

const NAME: &str = "20220406-spot";
const SYMBOLS: [(&str, &str); 3] =
    [("AVAXUSDT", "BITGET:AVAX-USDT"), ("CULTUSDT", "BITGET:CULT-USDT"), ("HOTUSDT", "BITGET:HOT-USDT")];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> RestAnswer {
    let data = [("AVAX", "AVAXUSDT"), ("CULT", "CULTUSDT"), ("HOT", "HOTUSDT")].map(
        |(base, symbol)| json!({"symbol": symbol, "baseCoin": base, "quoteCoin": "USDT", "status": "online"}),
    );
    RestAnswer {
        url: "/api/v2/spot/public/symbols".into(),
        body: json!({"code": "00000", "msg": "success", "data": data}).to_string(),
    }
}

fn script(frames: Vec<Recorded>) -> Script {
    Script::new(frames).rest([catalogue()]).reply("ping", "pong")
}

fn argument(channel: &str, native: &str) -> Value {
    json!({"instType": "SPOT", "channel": channel, "instId": native})
}

fn subscription() -> String {
    let args: Vec<Value> = SYMBOLS
        .iter()
        .flat_map(|(native, _)| ["books1", "trade", "ticker"].map(|channel| argument(channel, native)))
        .collect();
    json!({"op": "subscribe", "args": args}).to_string()
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_bitget::session(&overrides(venue)), &SYMBOLS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running, of: &[(&str, &str)]) {
    let want = fixtures().expected(NAME);
    for (native, symbol) in of {
        running.wait_top(symbol, &want["symbols"][native]["book"]).await;
        running.wait_fields(symbol, &want["symbols"][native]["trade"], &[Field::Last, Field::LastSize]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let venue =
        Venue::start(script(fixtures().frames(NAME)).start(Start::Exactly(vec![subscription()]))).await;
    let running = start(&venue);
    wait_end(&running, &SYMBOLS).await;
    assert_eq!(venue.asked(), ["/api/v2/spot/public/symbols"]);
    assert_eq!(venue.sent(), [subscription()], "nothing was asked for again");
    running.stop().await;
}

#[tokio::test]
async fn pongs_are_asked_for_while_the_venue_is_quiet() {
    let venue = Venue::start(script(fixtures().frames(NAME))).await;
    let running = start(&venue);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let script = script(fixtures().frames(NAME))
        .start(Start::Exactly(vec![subscription()]))
        .fault(1..=1, Fault::EndAfter(300));
    let venue = Venue::start(script).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running, &SYMBOLS).await;
    assert!(running.went_through("BITGET:AVAX-USDT", Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), [subscription()]);
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_is_unknown_while_the_others_go_on() {
    let mut frames: Vec<Recorded> = fixtures()
        .frames(NAME)
        .into_iter()
        .filter(|frame| !format!("{frame:?}").contains("HOTUSDT"))
        .collect();
    let error = json!({"event": "error", "arg": argument("books1", "HOTUSDT"), "code": 30001, "msg": "doesn't exist", "op": "subscribe"});
    frames.insert(0, Recorded::text(error.to_string()));
    let venue = Venue::start(script(frames)).await;
    let running = start(&venue);
    wait_end(&running, &SYMBOLS[..2]).await;
    running.sink.wait_status("BITGET:HOT-USDT", Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

fn of_v2(channel: &str, data: &Value) -> Recorded {
    let message = json!({"action": "snapshot", "arg": argument(channel, "AVAXUSDT"), "data": [data], "ts": 1_789_456_511_968_i64});
    Recorded::text(message.to_string())
}

#[tokio::test]
async fn it_reads_what_the_venue_speaks_today() {
    let frames = vec![
        Recorded::text(json!({"event": "subscribe", "arg": argument("books1", "AVAXUSDT")}).to_string()),
        of_v2(
            "books1",
            &json!({"asks": [["20.02", "7"]], "bids": [["20.01", "5.5"]], "ts": "1789456510736", "seq": 5}),
        ),
        of_v2(
            "ticker",
            &json!({"instId": "AVAXUSDT", "lastPr": "20.00", "bidPr": "19.99", "askPr": "20.05", "bidSz": "1", "askSz": "2", "high24h": "21", "ts": "1789456510900"}),
        ),
        of_v2(
            "trade",
            &json!({"ts": "1789456510000", "price": "20.01", "size": "0.5", "side": "sell", "tradeId": "1"}),
        ),
    ];
    let venue = Venue::start(script(frames)).await;
    let running = start(&venue);
    let want = json!({"bid": "20.01", "bid_size": "5.5", "ask": "20.02", "ask_size": "7", "last": "20.00", "high_24h": "21"});
    running.wait_top("BITGET:AVAX-USDT", &want).await;
    running.wait_fields("BITGET:AVAX-USDT", &want, &[Field::Last, Field::High24h]).await;
    running.stop().await;
}

/// Whether the frame is a change of AVAXUSDT's book.
fn is_change(frame: &Recorded) -> bool {
    let Payload::Text(text) = &frame.payload else { return false };
    text.starts_with(r#"{"action":"update","arg":{"instType":"sp","channel":"books","instId":"AVAXUSDT"}"#)
}

/// A change is lost; the next checksum shows it. The answer to the resubscription is a book in the shape of v2.
#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_snapshot() {
    let mut all = fixtures().frames(NAME);
    let changes: Vec<usize> = (0..all.len()).filter(|&at| is_change(&all[at])).collect();
    let lost = changes[20];
    all.truncate(changes[30]);
    let book = json!({"asks": [["90.02", "7"]], "bids": [["90.01", "5.5"]], "ts": "1789456510736", "seq": 5, "pseq": 0});
    all.push(of_v2("books", &book));
    let venue = Venue::start(script(all).fault(1..=1, Fault::Skip(lost))).await;
    let running = start(&venue);
    let want = json!({"bid": "90.01", "bid_size": "5.5", "ask": "90.02", "ask_size": "7"});
    running.wait_top("BITGET:AVAX-USDT", &want).await;
    assert!(running.went_through("BITGET:AVAX-USDT", Status::Suspect, Reason::Checksum));
    assert!(
        !running.went_through("BITGET:CULT-USDT", Status::Suspect, Reason::Checksum),
        "only the symbol itself"
    );
    venue.wait_sent(3).await;
    let again = ["unsubscribe", "subscribe"].map(|op| {
        json!({"op": op, "args": [{"instType": "SP", "channel": "books", "instId": "AVAXUSDT"}]}).to_string()
    });
    assert_eq!(venue.sent_by(1)[1..], again);
    assert_eq!(venue.connections().len(), 1, "without a new connection");
    running.stop().await;
}

/// One speaks before its trade proves that trading goes on, the other one has its subscription acknowledged and never speaks.
#[tokio::test]
async fn pairs_that_the_catalogue_calls_suspended_are_halted_until_they_are_traded() {
    let mut catalogue = catalogue();
    catalogue.body = catalogue.body.replacen("online", "halt", 2);
    let of = |channel: &str, native: &str, data: Value| json!({"action": "update", "arg": argument(channel, native), "data": [data], "ts": 1});
    let trade = json!({"ts": "1", "price": "2", "size": "3", "side": "buy", "tradeId": "4"});
    let frames = [
        json!({"event": "subscribe", "arg": argument("ticker", "AVAXUSDT")}),
        of("ticker", "CULTUSDT", json!({"instId": "CULTUSDT", "lastPr": "1", "ts": "1"})),
        of("trade", "CULTUSDT", trade),
    ];
    let frames = frames.map(|frame| Recorded::text(frame.to_string()));
    let venue = Venue::start(Script::new(frames).rest([catalogue])).await;
    let running = start(&venue);
    running.sink.wait_status("BITGET:CULT-USDT", Status::Live, Reason::Confirmed).await;
    running.sink.wait_status("BITGET:AVAX-USDT", Status::Halted, Reason::Venue).await;
    assert!(running.went_through("BITGET:CULT-USDT", Status::Halted, Reason::Venue));
    assert!(!running.went_through("BITGET:HOT-USDT", Status::Halted, Reason::Venue));
    running.stop().await;
}
