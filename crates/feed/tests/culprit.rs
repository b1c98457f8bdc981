//! A venue that ends the whole connection because of one symbol: it is found, said, and left out. In virtual time.

use std::time::Duration;

use market::{Reason, Status};

mod bourse;
mod toy;

use bourse::{Fed, Market, wires};

const LIVE: (Status, Reason) = (Status::Live, Reason::Confirmed);
const REFUSED: (Status, Reason) = (Status::Unknown, Reason::Refused);
const NATIVES: [&str; 8] = ["AAAUSD", "BBBUSD", "CCCUSD", "DDDUSD", "EEEUSD", "FFFUSD", "GGGUSD", "HHHUSD"];
const MINUTE: Duration = Duration::from_secs(60);

fn symbol(native: &str) -> String {
    format!("TOY:{}-USD", &native[..3])
}

fn open(bad: &[&str]) -> (Market, Fed) {
    let market = Market::open(&wires(), "127.0.0.1", &NATIVES);
    market.rules().bad = bad.iter().map(|&native| native.to_owned()).collect();
    let fed = market.feed(market.toy(), |_| {});
    (market, fed)
}

/// Every bad symbol is refused, all others live.
fn sorted(fed: &Fed, bad: &[&str]) -> bool {
    let want = |native| if bad.contains(native) { REFUSED } else { LIVE };
    NATIVES.iter().all(|native| fed.status(&symbol(native)) == want(native))
}

async fn finds(bad: &[&str]) {
    let (market, fed) = open(bad);
    fed.until(20 * MINUTE, "everything sorted", |fed| sorted(fed, bad)).await;
    assert!(market.dials_in_a_minute() <= 12);
    assert_eq!(fed.metric(r#"refused_subscriptions_total{feed="toy"}"#), bad.len() as f64);
    // The connection that found the last of them goes on.
    let dials = market.rules().dials.len();
    tokio::time::sleep(3 * MINUTE).await;
    assert!(sorted(&fed, bad), "and stays so");
    assert!(market.rules().dials.len() <= dials + 1, "{dials} dials and then {}", market.rules().dials.len());
    // After a loss that has nothing to do with it the others are subscribed at once.
    let dials = market.rules().dials.len();
    market.say("resync now");
    fed.until(MINUTE, "all back", |fed| market.rules().dials.len() > dials && sorted(fed, bad)).await;
    assert_eq!(market.rules().dials.len(), dials + 1);
    fed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_bad_symbol_of_eight_is_found() {
    for bad in NATIVES {
        finds(&[bad]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_bad_symbols_of_eight_are_found() {
    finds(&["AAAUSD", "HHHUSD"]).await;
    finds(&["CCCUSD", "DDDUSD"]).await;
    finds(&["BBBUSD", "GGGUSD"]).await;
}

#[tokio::test(start_paused = true)]
async fn when_every_symbol_is_refused_nobody_is_blamed_and_the_dials_stay_few() {
    let (market, fed) = open(&NATIVES);
    tokio::time::sleep(60 * MINUTE).await;
    for native in NATIVES {
        assert_ne!(fed.status(&symbol(native)), REFUSED, "{native}");
    }
    assert!(market.dials_in_a_minute() <= 12);
    assert_eq!(fed.metric(r#"refused_subscriptions_total{feed="toy"}"#), 0.0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_nobodys_fault_and_everything_is_back_soon_after_it() {
    for minutes in [1, 2, 5, 17, 60] {
        let (market, fed) = open(&[]);
        market.rules().out = true;
        tokio::time::sleep(minutes * MINUTE).await;
        assert_eq!(fed.metric(r#"refused_subscriptions_total{feed="toy"}"#), 0.0);
        market.rules().out = false;
        fed.until(MINUTE, "everything live", |fed| sorted(fed, &[])).await;
        assert!(market.dials_in_a_minute() <= 12);
    }
}

/// The same when the venue was well before, and fails in the middle of the search for a symbol that is really bad.
#[tokio::test(start_paused = true)]
async fn an_outage_during_the_search_blames_nobody_else() {
    for seconds in [5, 15, 25, 40, 60, 90] {
        let (market, fed) = open(&["EEEUSD"]);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        market.rules().out = true;
        market.say("resync now");
        tokio::time::sleep(3 * MINUTE).await;
        market.rules().out = false;
        fed.until(20 * MINUTE, "everything sorted", |fed| sorted(fed, &["EEEUSD"])).await;
        for native in NATIVES.into_iter().filter(|native| *native != "EEEUSD") {
            assert!(!fed.history(&symbol(native)).contains(&REFUSED), "{native}");
        }
    }
}

/// A symbol that turns bad on a venue that was well is found as well, and is stale and not unknown: it was heard of.
#[tokio::test(start_paused = true)]
async fn a_symbol_that_turns_bad_later_is_found() {
    let (market, fed) = open(&[]);
    fed.until(MINUTE, "everything live", |fed| sorted(fed, &[])).await;
    market.rules().bad.insert("FFFUSD".to_owned());
    market.say("resync now");
    let gone = (Status::Stale, Reason::Refused);
    fed.until(20 * MINUTE, "FFF refused", |fed| fed.status("TOY:FFF-USD") == gone).await;
    fed.until(MINUTE, "the others live", |fed| {
        NATIVES.iter().filter(|native| **native != "FFFUSD").all(|native| fed.status(&symbol(native)) == LIVE)
    })
    .await;
}
