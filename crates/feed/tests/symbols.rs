//! What is told of single symbols of a live connection: silence, doubt, never heard of. In virtual time.

use std::time::Duration;

use feed::Timing;
use market::{Field, Reason, Status};
use tokio::time::Instant;

mod bourse;
mod toy;

use bourse::{Fed, Market, TICK, wires};

const LIVE: (Status, Reason) = (Status::Live, Reason::Confirmed);
const WAITING: (Status, Reason) = (Status::Connecting, Reason::NotConnected);
const SILENT: (Status, Reason) = (Status::Stale, Reason::Silence);
const BTC: &str = "TOY:BTC-USD";
const ETH: &str = "TOY:ETH-USD";
const SECOND: Duration = Duration::from_secs(1);

async fn both_live(fed: &Fed) {
    fed.until(20 * SECOND, "both live", |fed| fed.status(BTC) == LIVE && fed.status(ETH) == LIVE).await;
}

/// `T + 250 ms`, to the hop: the quote takes a moment on the wire.
fn in_time(silent: Duration, limit: Duration) -> bool {
    (limit - TICK..=limit + Duration::from_millis(250)).contains(&silent)
}

#[tokio::test(start_paused = true)]
async fn promise_4_a_silent_symbol_is_stale_alone_within_its_limit_and_live_again_with_its_next_update() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let mut toy = market.toy();
    toy.limits.symbol_silence = Some(3 * SECOND);
    let fed = market.feed(toy, |_| {});
    both_live(&fed).await;
    for _ in 0..3 {
        market.rules().quiet.insert("BTCUSD".to_owned());
        let stale = fed.until(5 * SECOND, "BTC to be silent", |fed| fed.status(BTC) == SILENT).await;
        let silent = stale - market.quoted("BTCUSD");
        assert!(in_time(silent, 3 * SECOND), "stale after {silent:?}");
        tokio::time::sleep(20 * SECOND).await;
        market.rules().quiet.clear();
        let again = Instant::now();
        let live = fed.until(SECOND, "BTC to be live", |fed| fed.status(BTC) == LIVE).await;
        assert!(live - again <= 2 * TICK, "with its next update");
    }
    assert_eq!(fed.history(BTC), [WAITING, LIVE, SILENT, LIVE, SILENT, LIVE, SILENT, LIVE]);
    assert_eq!(fed.history(ETH), [WAITING, LIVE], "the other one does not notice");
    assert_eq!(market.rules().dials.len(), 1);
    assert_eq!(fed.metric(r#"symbol_silences_total{feed="toy"}"#), 3.0);
    fed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_configured_limit_of_a_symbol_wins() {
    for session in [None, Some(60 * SECOND)] {
        let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
        let mut toy = market.toy();
        toy.limits.symbol_silence = session;
        let fed = market.feed(toy, |settings| settings.symbol_stale_after = Some(SECOND));
        both_live(&fed).await;
        market.rules().quiet.insert("BTCUSD".to_owned());
        let stale = fed.until(2 * SECOND, "BTC to be silent", |fed| fed.status(BTC) == SILENT).await;
        assert!(in_time(stale - market.quoted("BTCUSD"), SECOND));
    }
}

/// A heartbeat of the symbol's own channel (Bitfinex `hb`) says that nothing has changed.
#[tokio::test(start_paused = true)]
async fn a_sign_of_life_keeps_a_symbol_live_and_brings_it_back_with_what_it_had() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let mut toy = market.toy();
    toy.limits.symbol_silence = Some(3 * SECOND);
    let fed = market.feed(toy, |_| {});
    both_live(&fed).await;
    market.rules().quiet.insert("BTCUSD".to_owned());
    for _ in 0..5 {
        tokio::time::sleep(2 * SECOND).await;
        market.say("sign BTCUSD");
    }
    assert_eq!(fed.history(BTC), [WAITING, LIVE]);
    fed.until(4 * SECOND, "BTC to be silent", |fed| fed.status(BTC) == SILENT).await;
    let bid = fed.sink.look(|seen| seen.get(BTC).unwrap().text(Field::Bid));
    market.say("sign BTCUSD");
    fed.until(SECOND, "BTC to be live", |fed| fed.status(BTC) == LIVE).await;
    assert_eq!(fed.sink.look(|seen| seen.get(BTC).unwrap().text(Field::Bid)), bid);
}

/// After a new connection a sign of life says nothing yet: what stood before may have moved unheard.
#[tokio::test(start_paused = true)]
async fn promise_5_a_sign_of_life_does_not_bring_back_what_an_earlier_connection_told() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let mut toy = market.toy();
    toy.limits.symbol_silence = Some(3 * SECOND);
    let fed = market.feed(toy, |_| {});
    both_live(&fed).await;
    market.rules().quiet.insert("BTCUSD".to_owned());
    fed.until(5 * SECOND, "BTC to be silent", |fed| fed.status(BTC) == SILENT).await;
    market.say("resync now");
    fed.until(20 * SECOND, "a second connection", |fed| fed.history(ETH).len() == 4).await;
    for _ in 0..40 {
        market.say("sign BTCUSD");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(fed.status(BTC).0, Status::Stale);
    }
}

#[tokio::test(start_paused = true)]
async fn a_halted_symbol_need_not_speak() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let mut toy = market.toy();
    toy.limits.symbol_silence = Some(3 * SECOND);
    let fed = market.feed(toy, |_| {});
    both_live(&fed).await;
    market.rules().quiet.insert("BTCUSD".to_owned());
    market.say("halted BTCUSD");
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(fed.status(BTC), (Status::Halted, Reason::Venue));
}

/// What a decoder asked for to make good a loss may itself be lost: then only a new connection helps.
#[tokio::test(start_paused = true)]
async fn a_doubt_that_is_not_made_good_ends_in_a_new_connection() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let fed = market.feed(market.toy(), |_| {});
    both_live(&fed).await;
    let doubted = Instant::now();
    market.say("doubt BTCUSD");
    fed.until(SECOND, "BTC to be suspect", |fed| fed.status(BTC).0 == Status::Suspect).await;
    let stale = fed.until(20 * SECOND, "a new connection", |fed| fed.history(ETH).len() > 2).await;
    let after = stale - doubted;
    let limit = Timing::default().doubt_limit;
    assert!((limit..=limit + Duration::from_millis(250)).contains(&after), "after {after:?}");
    assert_eq!(fed.history(ETH)[2], (Status::Stale, Reason::Gap));
    assert_eq!(fed.metric(r#"reconnects_total{feed="toy",reason="resync"}"#), 1.0);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(market.rules().dials.len(), 2, "once");
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_is_made_good_in_time_costs_nothing() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    let fed = market.feed(market.toy(), |_| {});
    both_live(&fed).await;
    for _ in 0..5 {
        market.say("doubt BTCUSD");
        tokio::time::sleep(8 * SECOND).await;
        assert_eq!(fed.status(BTC), (Status::Suspect, Reason::Gap));
        // A ticker's snapshot does not make a book good, a book's does.
        market.say("ticker BTCUSD");
        tokio::time::sleep(SECOND).await;
        assert_eq!(fed.status(BTC), (Status::Suspect, Reason::Gap));
        market.say("book BTCUSD");
        fed.until(SECOND, "BTC to be live", |fed| fed.status(BTC) == LIVE).await;
    }
    assert_eq!(market.rules().dials.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn subscribed_and_not_heard_of_is_told_of_each_symbol_on_each_connection() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD", "XRPUSD"]);
    market.rules().quiet.insert("XRPUSD".to_owned());
    let fed = market.feed(market.toy(), |_| {});
    both_live(&fed).await;
    let started = Instant::now();
    let never = (Status::Connecting, Reason::NotHeard);
    let told = fed.until(20 * SECOND, "XRP not heard of", |fed| fed.status("TOY:XRP-USD") == never).await;
    assert!((9..=11).contains(&(told - started).as_secs()));
    market.rules().quiet.insert("ETHUSD".to_owned());
    for connection in 2..5 {
        market.say("resync now");
        fed.until(60 * SECOND, "the next connection", |_| market.rules().dials.len() == connection).await;
        let dialled = Instant::now();
        let not_heard = (Status::Stale, Reason::NotHeard);
        let told = fed.until(20 * SECOND, "ETH not heard of", |fed| fed.status(ETH) == not_heard).await;
        assert!((9..=11).contains(&(told - dialled).as_secs()));
        assert_eq!(fed.status(BTC), LIVE);
        market.rules().quiet.remove("ETHUSD");
        fed.until(SECOND, "ETH to be live", |fed| fed.status(ETH) == LIVE).await;
        market.rules().quiet.insert("ETHUSD".to_owned());
    }
    assert_eq!(fed.history("TOY:XRP-USD"), [WAITING, never], "said once");
}

#[tokio::test(start_paused = true)]
async fn a_refused_symbol_stays_refused_and_is_not_said_to_be_awaited() {
    let market = Market::open(&wires(), "127.0.0.1", &["BTCUSD", "ETHUSD"]);
    market.rules().quiet.insert("ETHUSD".to_owned());
    let fed = market.feed(market.toy(), |_| {});
    fed.until(20 * SECOND, "BTC live", |fed| fed.status(BTC) == LIVE).await;
    market.say("refused ETHUSD");
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(fed.history(ETH), [WAITING, (Status::Unknown, Reason::Refused)]);
}
