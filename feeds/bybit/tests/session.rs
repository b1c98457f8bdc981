//! The whole session against an emulated venue. There is no recorded session, so it speaks in the shapes of the venue's
//! documents.

use feed::{RestAnswer, Session};
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use testkit::proof::{Running, overrides};
use testkit::script::{Fault, Recorded, Script, Start};
use testkit::venue::Venue;

const SYMBOLS: [(&str, &str); 2] =
    [("BTCUSDT", "BYBIT_LINEAR:BTC-USDT-PERP"), ("ETHPERP", "BYBIT_LINEAR:ETH-USDC-PERP")];

fn catalogue() -> RestAnswer {
    let list = json!([
        {"symbol": "BTCUSDT", "contractType": "LinearPerpetual", "baseCoin": "BTC", "quoteCoin": "USDT"},
        {"symbol": "ETHPERP", "contractType": "LinearPerpetual", "baseCoin": "ETH", "quoteCoin": "USDC"},
    ]);
    RestAnswer {
        url: "/v5/market/instruments-info?category=linear&limit=1000".into(),
        body: json!({"retCode": 0, "retMsg": "OK", "result": {"list": list}}).to_string(),
    }
}

fn book(depth: usize, kind: &str, native: &str, u: u64, bid: &str) -> Recorded {
    let data = json!({"s": native, "b": [[bid, "1.50"]], "a": [["9000.0", "2"]], "u": u, "seq": u});
    let topic = format!("orderbook.{depth}.{native}");
    Recorded::text(
        json!({"topic": topic, "type": kind, "ts": 1_785_088_800_123_i64, "data": data}).to_string(),
    )
}

fn frames() -> Vec<Recorded> {
    let ack = |native| {
        Recorded::text(
            json!({"success": true, "ret_msg": "", "conn_id": "c", "req_id": native, "op": "subscribe"})
                .to_string(),
        )
    };
    let trade = json!([{"T": 1_785_088_800_100_i64, "s": "BTCUSDT", "S": "Sell", "v": "0.010", "p": "118000.10", "i": "x"}]);
    vec![
        ack("BTCUSDT"),
        ack("ETHPERP"),
        book(1, "snapshot", "BTCUSDT", 1, "118000.00"),
        book(1, "snapshot", "ETHPERP", 7, "3000.00"),
        Recorded::text(
            json!({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1, "data": trade}).to_string(),
        ),
        Recorded::text(
            r#"{"topic":"tickers.ETHPERP","type":"snapshot","data":{"symbol":"ETHPERP","markPrice":"3000.5","fundingRate":"0.0001"},"cs":1,"ts":1785088800300}"#,
        ),
        Recorded::text(
            r#"{"topic":"tickers.ETHPERP","type":"delta","data":{"symbol":"ETHPERP","markPrice":"3000.75"},"cs":2,"ts":1785088800400}"#,
        ),
        book(1, "snapshot", "BTCUSDT", 2, "118000.50"),
    ]
}

fn script(frames: Vec<Recorded>) -> Script {
    Script::new(frames).rest([catalogue()]).reply(r#"{"op":"ping"}"#, r#"{"op":"pong","conn_id":"c"}"#)
}

fn text(native: &str) -> String {
    let args = ["orderbook.1", "publicTrade", "tickers"].map(|topic| format!("{topic}.{native}"));
    json!({"req_id": native, "op": "subscribe", "args": args}).to_string()
}

fn subscription() -> Vec<String> {
    SYMBOLS.map(|(native, _)| text(native)).to_vec()
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_bybit::linear(&overrides(venue)), &SYMBOLS.map(|(_, symbol)| symbol))
}

fn top(bid: &str) -> Value {
    json!({"bid": bid, "bid_size": "1.50", "ask": "9000.0", "ask_size": "2"})
}

async fn wait_end(running: &Running) {
    running.wait_top(SYMBOLS[0].1, &top("118000.50")).await;
    running.wait_top(SYMBOLS[1].1, &top("3000.00")).await;
    running
        .wait_fields(
            SYMBOLS[1].1,
            &json!({"mark": "3000.75", "funding_rate": "0.0001"}),
            &[Field::Mark, Field::FundingRate],
        )
        .await;
}

/// A contract of the second page is subscribed; the cursor goes back as it came.
#[tokio::test]
async fn the_catalogue_is_read_to_its_last_page() {
    const URL: &str = "/v5/market/instruments-info?category=linear&limit=1000";
    let page = |url: &str, native: &str, base: &str, cursor: &str| {
        let list = json!([{"symbol": native, "contractType": "LinearPerpetual", "baseCoin": base, "quoteCoin": "USDT"}]);
        let body = json!({"retCode": 0, "result": {"list": list, "nextPageCursor": cursor}});
        RestAnswer { url: url.to_owned(), body: body.to_string() }
    };
    let second = format!("{URL}&cursor=first%3DB%26last%3DB");
    let script = Script::new([book(1, "snapshot", "XRPUSDT", 1, "2.00")])
        .rest([page(URL, "BTCUSDT", "BTC", "first%3DB%26last%3DB"), page(&second, "XRPUSDT", "XRP", "")])
        .start(Start::Exactly(vec![text("XRPUSDT")]));
    let venue = Venue::start(script).await;
    let running = Running::start(feed_bybit::linear(&overrides(&venue)), &["BYBIT_LINEAR:XRP-USDT-PERP"]);
    running.wait_top("BYBIT_LINEAR:XRP-USDT-PERP", &top("2.00")).await;
    assert_eq!(venue.asked(), [URL, second.as_str()]);
    running.stop().await;
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_told_quotes() {
    let venue = Venue::start(script(frames()).start(Start::Exactly(subscription()))).await;
    let running = start(&venue);
    wait_end(&running).await;
    running
        .wait_fields(
            SYMBOLS[0].1,
            &json!({"last": "118000.10", "last_size": "0.010"}),
            &[Field::Last, Field::LastSize],
        )
        .await;
    assert_eq!(venue.asked(), ["/v5/market/instruments-info?category=linear&limit=1000"]);
    assert_eq!(venue.sent(), subscription());
    running.stop().await;
}

#[tokio::test]
async fn pongs_are_asked_for_while_the_venue_is_quiet() {
    let venue = Venue::start(script(frames()).start(Start::AfterTexts(2))).await;
    let running = start(&venue);
    venue.wait("an answered ping", |all| all.iter().any(|connection| connection.answered > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let script = script(frames()).start(Start::Exactly(subscription())).fault(1..=1, Fault::EndAfter(5));
    let venue = Venue::start(script).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(SYMBOLS[0].1, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    running.stop().await;
}

#[tokio::test]
async fn a_refused_symbol_is_unknown_while_the_other_goes_on() {
    let refused = json!({"success": false, "ret_msg": "error:handler not found,topic:orderbook.1.ETHPERP", "conn_id": "c", "req_id": "ETHPERP", "op": "subscribe"});
    let mut frames = frames();
    frames.retain(|frame| !format!("{frame:?}").contains("ETHPERP"));
    frames.insert(0, Recorded::text(refused.to_string()));
    let venue = Venue::start(script(frames).start(Start::AfterTexts(2))).await;
    let running = start(&venue);
    running.wait_top(SYMBOLS[0].1, &top("118000.50")).await;
    running.sink.wait_status(SYMBOLS[1].1, Status::Unknown, Reason::Refused).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

/// A deeper book, message by message: number 3 is lost, the answer to the resubscription comes as number 9.
#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_new_book() {
    let deep = |kind, u, bid| book(50, kind, "BTCUSDT", u, bid);
    let frames = vec![
        deep("snapshot", 1, "1.0"),
        deep("delta", 2, "1.1"),
        deep("delta", 3, "1.2"),
        deep("delta", 4, "1.3"),
        deep("snapshot", 9, "1.4"),
    ];
    let venue = Venue::start(script(frames).start(Start::AfterTexts(2)).fault(1..=1, Fault::Skip(2))).await;
    let running = start(&venue);
    running.wait_top(SYMBOLS[0].1, &top("1.4")).await;
    assert!(running.went_through(SYMBOLS[0].1, Status::Suspect, Reason::Gap));
    venue.wait_sent(4).await;
    let again = ["unsubscribe", "subscribe"]
        .map(|op| json!({"req_id": "BTCUSDT", "op": op, "args": ["orderbook.50.BTCUSDT"]}).to_string());
    assert_eq!(venue.sent_by(1)[2..], again);
    running.stop().await;
}

#[test]
fn every_family_has_its_own_socket() {
    let none = feed::Instruments::new("BYBIT", 1);
    let url = |session: Box<dyn Session>| (session.venue().to_owned(), session.endpoint(&none, &[]));
    let own = feed::Overrides::default();
    let of =
        |venue: &str, family: &str| (venue.to_owned(), format!("wss://stream.bybit.com/v5/public/{family}"));
    assert_eq!(url(feed_bybit::session(&own)), of("BYBIT", "spot"));
    assert_eq!(url(feed_bybit::linear(&own)), of("BYBIT_LINEAR", "linear"));
    assert_eq!(url(feed_bybit::inverse(&own)), of("BYBIT_INVERSE", "inverse"));
}
