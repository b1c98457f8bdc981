//! The whole session against an emulated venue on loopback: catalogue, subscription, final quotes, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use feed::{Batch, Decoder};
use feed_bitflyer::{Bitflyer, Lightning};
use market::{Micros, Reason, Status};
use testkit::proof::{Fixtures, Running, instruments, overrides};
use testkit::script::{Fault, Payload, Recorded, Script, Start};
use testkit::venue::Venue;

const NAME: &str = "20211212";
const PRODUCTS: [(&str, &str); 3] = [
    ("FX_BTC_JPY", "BITFLYER:BTC-JPY-PERP"),
    ("BTCJPY24DEC2021", "BITFLYER:BTC-JPY-20211224"),
    ("BTC_EUR", "BITFLYER:BTC-EUR"),
];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The texts that subscribe the products, one a channel.
fn subscription() -> Vec<String> {
    let channels =
        ["lightning_board_snapshot_", "lightning_board_", "lightning_ticker_", "lightning_executions_"];
    let calls =
        PRODUCTS.iter().flat_map(|(product, _)| channels.map(|channel| format!("{channel}{product}")));
    calls
        .enumerate()
        .map(|(at, channel)| {
            let id = at + 1;
            format!(
                r#"{{"id":{id},"jsonrpc":"2.0","method":"subscribe","params":{{"channel":"{channel}"}}}}"#
            )
        })
        .collect()
}

fn script(frames: Vec<Recorded>) -> Script {
    Script::new(frames).rest(fixtures().rest(NAME)).start(Start::Exactly(subscription()))
}

fn start(venue: &Venue) -> Running {
    Running::start(feed_bitflyer::session(&overrides(venue)), &PRODUCTS.map(|(_, symbol)| symbol))
}

async fn wait_end(running: &Running) {
    let want = fixtures().expected(NAME);
    for (native, symbol) in PRODUCTS {
        running.wait_top(symbol, &want["symbols"][native]["book"]).await;
    }
}

#[tokio::test]
async fn it_subscribes_and_ends_with_the_recorded_quotes() {
    let venue = Venue::start(script(fixtures().frames(NAME))).await;
    let running = start(&venue);
    wait_end(&running).await;
    assert_eq!(venue.asked(), ["/v1/getmarkets", "/v1/getmarkets/usa", "/v1/getmarkets/eu"]);
    assert_eq!(venue.sent(), subscription());
    assert!(!running.went_through(PRODUCTS[0].1, Status::Suspect, Reason::Checksum));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_everything_is_subscribed_again() {
    let frames = fixtures().frames(NAME);
    let venue = Venue::start(script(frames).fault(1..=1, Fault::EndAfter(400))).await;
    let running = start(&venue);
    venue.wait_connection(2).await;
    wait_end(&running).await;
    assert!(running.went_through(PRODUCTS[0].1, Status::Stale, Reason::Disconnected));
    assert_eq!(venue.sent_by(2), subscription());
    running.stop().await;
}

/// Refused by the answer to a call, whose number tells the product.
#[tokio::test]
async fn a_refused_product_becomes_unknown_while_the_others_go_on() {
    let refusal = |id: usize| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32602,"message":"invalid channel"}}}}"#)
    };
    let answers = (1..=12).map(|id| match id {
        5..=8 => Recorded::text(refusal(id)),
        _ => Recorded::text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":true}}"#)),
    });
    let ours =
        |frame: &Recorded| !matches!(&frame.payload, Payload::Text(text) if text.contains("24DEC2021"));
    let frames = answers.chain(fixtures().frames(NAME).into_iter().filter(ours)).collect();
    let venue = Venue::start(script(frames)).await;
    let running = start(&venue);
    running.sink.wait_status(PRODUCTS[1].1, Status::Unknown, Reason::Refused).await;
    let want = fixtures().expected(NAME);
    for (native, symbol) in [PRODUCTS[0], PRODUCTS[2]] {
        running.wait_top(symbol, &want["symbols"][native]["book"]).await;
    }
    running.stop().await;
}

/// The first change of that product's book whose loss shows in a told middle.
fn telling_loss(frames: &[Recorded], product: &str) -> usize {
    let text = |frame: &Recorded| match &frame.payload {
        Payload::Text(text) => text.clone(),
        _ => String::new(),
    };
    let shows = |lost: usize| {
        let mut decoder = Lightning::new();
        let mut batch = Batch::new(instruments(&Bitflyer::default(), &fixtures().rest(NAME)));
        frames.iter().enumerate().filter(|(at, _)| *at != lost).any(|(_, frame)| {
            batch.clear();
            decoder.decode(frame.frame().unwrap(), Micros(1), &mut batch).unwrap();
            batch.updates.iter().any(|(_, u)| u.status.is_some_and(|(status, _)| status == Status::Suspect))
        })
    };
    let channel = format!("\"lightning_board_{product}\"");
    let changes = (0..frames.len()).filter(|&at| text(&frames[at]).contains(&channel));
    changes.skip(20).find(|&at| shows(at)).unwrap()
}

#[tokio::test]
async fn a_skipped_message_makes_the_symbol_suspect_until_the_next_snapshot() {
    let frames = fixtures().frames(NAME);
    let lost = telling_loss(&frames, PRODUCTS[0].0);
    let venue = Venue::start(script(frames).fault(1..=1, Fault::Skip(lost))).await;
    let running = start(&venue);
    wait_end(&running).await;
    let history = running.sink.look(|seen| seen.get(PRODUCTS[0].1).unwrap().history.clone());
    assert_eq!(
        history[history.len() - 3..],
        [
            (Status::Live, Reason::Confirmed),
            (Status::Suspect, Reason::Checksum),
            (Status::Live, Reason::Confirmed)
        ],
        "suspect once, live again by the snapshot"
    );
    assert!(
        !running.went_through(PRODUCTS[2].1, Status::Suspect, Reason::Checksum),
        "only the symbol itself"
    );
    assert_eq!(venue.connections().len(), 1, "without a new connection");
    running.stop().await;
}

#[tokio::test]
async fn pings_are_sent_while_the_venue_is_quiet() {
    let venue = Venue::start(script(Vec::new())).await;
    let running = start(&venue);
    venue.wait("a ping", |all| all.iter().any(|connection| connection.pings > 0)).await;
    assert_eq!(venue.connections().len(), 1);
    running.stop().await;
}
