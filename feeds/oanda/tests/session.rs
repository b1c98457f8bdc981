//! The recorded lines compared with an independent reader, and the whole session against an emulated venue.

use feed::{FeedEnd, Overrides, RestAnswer, Secret, Session};
use feed_oanda::session;
use market::{Field, FieldSet, Micros, Reason, Status};
use serde_json::json;
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, Running, decimal, instruments};
use testkit::script::{Fault, Recorded, Script};
use testkit::venue::Venue;

const SINGLE: &str = "single-oandapyv20";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn frames() -> Vec<Recorded> {
    fixtures().singles(SINGLE).into_iter().map(|(text, _)| Recorded::text(text)).collect()
}

#[test]
fn every_recorded_line_tells_what_the_independent_reader_read() {
    let session = session(&Overrides::default());
    let mut batch = feed::Batch::new(instruments(&*session, &[]));
    let mut decoder = session.decoder();
    for (text, want) in fixtures().singles(SINGLE) {
        batch.clear();
        let kind = decoder.decode(feed::Frame::Text(&text), Micros(1), &mut batch).unwrap();
        assert_eq!(kind, want["type"].as_str().unwrap());
        let events = want["events"].as_array().unwrap();
        assert_eq!(batch.updates.len(), events.len(), "{text}");
        assert!(batch.ignored.is_empty());
        for ((id, update), event) in batch.updates.iter().zip(events) {
            assert_eq!(&*batch.instruments.get(*id).unwrap().native, event["symbol"].as_str().unwrap());
            for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
                assert_eq!(update.values().number(field), decimal(&event[field.name()]), "{text}");
            }
            let time = Micros::parse_iso(event["exchange_ts"].as_str().unwrap());
            assert_eq!(update.ts_event, time);
        }
    }
    let names: Vec<&str> = batch.instruments.iter().map(|(_, i)| i.symbol.as_str()).collect();
    assert_eq!(names, ["OANDA:EUR-JPY", "OANDA:EUR-USD"]);
}

#[test]
fn the_decoder_keeps_its_promises() {
    let session = session(&Overrides::default());
    let run = check_decoder(&|| (session.decoder(), instruments(&*session, &[])), &frames(), FieldSet::EMPTY);
    assert_eq!(run.kinds, [("HEARTBEAT".to_owned(), 1), ("PRICE".to_owned(), 3)].into());
    assert_eq!(run.updates.len(), 3);
}

fn script(frames: Vec<Recorded>) -> Script {
    let body = r#"{"instruments":[{"name":"EUR_JPY","type":"CURRENCY"},{"name":"EUR_USD","type":"CURRENCY"},
        {"name":"XAU_USD","type":"METAL"}],"lastTransactionID":"1"}"#;
    let url = "https://api-fxtrade.oanda.com/v3/accounts/001-011-5838423-001/instruments".to_owned();
    Script::new(frames).rest([RestAnswer { url, body: body.to_owned() }])
}

fn at(venue: &Venue) -> Box<dyn Session> {
    session(&Overrides {
        ws_url: Some(venue.stream_url()),
        rest_url: Some(format!("{}/", venue.rest_url())),
        account: Some("001-011-5838423-001".to_owned()),
        key: Some(Secret::new("opal")),
        ..Overrides::default()
    })
}

const BOTH: [&str; 2] = ["OANDA:EUR-JPY", "eur-usd"];

async fn wait_end(running: &Running) {
    let want = json!({"bid": "114.298", "bid_size": "1000000", "ask": "114.315", "ask_size": "1000000"});
    running.wait_top("OANDA:EUR-JPY", &want).await;
    let want = json!({"bid": "1.09177", "bid_size": "10000000", "ask": "1.09188", "ask_size": "10000000"});
    running.wait_top("OANDA:EUR-USD", &want).await;
}

#[tokio::test]
async fn it_asks_with_the_token_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script(frames())).await;
    let running = Running::start(at(&venue), &BOTH);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/v3/accounts/001-011-5838423-001/instruments"]);
    let connections = venue.connections();
    let target = "/v3/accounts/001-011-5838423-001/pricing/stream?instruments=EUR_JPY%2CEUR_USD";
    assert_eq!((connections.len(), connections[0].target.as_str()), (1, target));
    for head in venue.heads().iter().chain([&connections[0].head]) {
        assert!(head.to_ascii_lowercase().contains("authorization: bearer opal\r\n"), "{head}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_lost_stream_is_asked_for_again_with_everything() {
    let script = script(frames()).fault(1..=1, Fault::ResetAfter(3)).fault(2..=2, Fault::EndAfter(2));
    let venue = Venue::start(script).await;
    let running = Running::start(at(&venue), &BOTH);
    venue.wait_played_by(3).await;
    wait_end(&running).await;
    let connections = venue.connections();
    assert_eq!(connections.len(), 3);
    assert!(connections.iter().all(|connection| connection.target == connections[0].target));
    assert!(running.went_through("OANDA:EUR-JPY", Status::Stale, Reason::Disconnected));
    running.stop().await;
}

#[tokio::test]
async fn a_garbled_line_is_dropped_and_the_others_go_on() {
    let venue = Venue::start(script(frames()).fault(.., Fault::Garble(0))).await;
    let running = Running::start(at(&venue), &BOTH);
    wait_end(&running).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn heartbeats_that_stop_make_the_feed_stale() {
    let venue = Venue::start(script(frames())).await;
    let quick = |settings: &mut feed::FeedSettings| {
        settings.stale_after = Some(std::time::Duration::from_millis(200));
    };
    let running = Running::start_with(at(&venue), &BOTH, quick);
    running.sink.wait_status("OANDA:EUR-USD", Status::Stale, Reason::Silence).await;
    running.stop().await;
}

#[tokio::test]
async fn a_halt_outlives_the_connection_and_ends_with_the_first_price_that_can_be_traded() {
    let price = |tradeable: bool| {
        let text = r#"{"type":"PRICE","instrument":"EUR_USD","bids":[{"price":"1.1","liquidity":1}],"asks":[],"tradeable":"#;
        vec![Recorded::text(format!("{text}{tradeable}}}"))]
    };
    let script =
        script(price(true)).frames_of(1, price(false)).fault(1..=1, Fault::CloseAfter(1, 0, String::new()));
    let venue = Venue::start(script.stepped()).await;
    let running = Running::start(at(&venue), &BOTH);
    venue.step(1);
    running.sink.wait_status("OANDA:EUR-USD", Status::Halted, Reason::Venue).await;
    venue.step(1);
    running.sink.wait_status("OANDA:EUR-USD", Status::Live, Reason::Confirmed).await;
    running.stop().await;
}

#[tokio::test]
async fn a_symbol_that_the_account_does_not_have_says_so_and_the_others_go_on() {
    let venue = Venue::start(script(frames())).await;
    let running = Running::start(at(&venue), &["OANDA:EUR-JPY", "EUR_USD", "OANDA:BTC-USD"]);
    wait_end(&running).await;
    let missing = running.sink.look(|seen| seen.status("OANDA:BTC-USD"));
    assert_eq!(missing, (Status::Delisted, Reason::NotListed));
    running.stop().await;
}

async fn end_of(session: Box<dyn Session>) -> String {
    match Running::start(session, &BOTH).end().await {
        FeedEnd::Refused(why) => why,
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_that_is_refused_and_one_that_is_missing_end_the_feed() {
    let venue = Venue::start(script(frames()).fault(.., Fault::Refuse(401))).await;
    assert_eq!(end_of(at(&venue)).await, "status 401");
    assert_eq!(venue.connections().len(), 1);
    let why = end_of(session(&Overrides::default())).await;
    assert!(why.starts_with("the account of this feed is not configured"), "{why}");
    let account = Overrides { account: Some("1".to_owned()), ..Overrides::default() };
    let why = end_of(feed_oanda::practice(&account)).await;
    assert!(why.starts_with("the key of this feed is not configured"), "{why}");
}
