//! F-3 through the whole supervisor: a venue that accepts and drops is dialled at most twelve times a minute, and the feed beside
//! it does not notice. In virtual time.

use std::time::Duration;

use market::{Reason, Status};

mod bourse;
mod toy;

use bourse::{Market, wires};

const HOUR: Duration = Duration::from_secs(3_600);

async fn an_hour_of_flapping(age: Duration, apart: bool, cap: Duration) {
    let wires = wires();
    let natives = ["AAAUSD", "BBBUSD", "CCCUSD", "DDDUSD", "EEEUSD", "FFFUSD", "GGGUSD", "HHHUSD"];
    let flapping = Market::open(&wires, "127.0.0.1", &natives);
    let steady = Market::open(&wires, "127.0.0.2", &["BTCUSD", "ETHUSD"]);
    flapping.rules().age = Some(age);
    let toy = toy::Toy { apart, ..flapping.toy() };
    let flaps = flapping.feed(toy, |settings| settings.timing.backoff.cap = cap);
    let beside = steady.feed(steady.toy(), |_| {});
    // An outage first, so that the supervisor begins to look for somebody to blame.
    flapping.rules().out = true;
    tokio::time::sleep(HOUR / 60).await;
    flapping.rules().out = false;
    tokio::time::sleep(HOUR - HOUR / 60).await;

    let dials = flapping.rules().dials.len();
    assert!(flapping.dials_in_a_minute() <= 12, "{} dials in a minute", flapping.dials_in_a_minute());
    assert!((60..=12 * 60).contains(&dials), "it goes on dialling: {dials}");
    assert_eq!(flaps.metric(r#"dials_total{feed="toy"}"#), dials as f64);
    assert_eq!(flaps.metric(r#"refused_subscriptions_total{feed="toy"}"#), 0.0, "nobody is blamed");

    assert_eq!(steady.rules().dials.len(), 1);
    for symbol in ["TOY:BTC-USD", "TOY:ETH-USD"] {
        let told = [(Status::Connecting, Reason::NotConnected), (Status::Live, Reason::Confirmed)];
        assert_eq!(beside.history(symbol), told);
    }
    let (updates, feed) = beside.sink.look(|seen| (seen.updates, seen.feed));
    assert!((71_900..=72_000).contains(&updates), "two symbols, ten times a second: {updates}");
    assert_eq!(feed, Some((Status::Live, Reason::Confirmed)));
    flaps.stop().await;
    beside.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_venue_that_drops_once_a_second_is_dialled_twelve_times_a_minute_at_most() {
    an_hour_of_flapping(Duration::from_secs(1), false, Duration::from_secs(30)).await;
}

/// The waits of the back-off are taken away, so that only the ceiling is left to hold.
#[tokio::test(start_paused = true)]
async fn the_ceiling_holds_by_itself() {
    an_hour_of_flapping(Duration::from_secs(1), false, Duration::from_millis(1)).await;
}

/// One text a symbol, so that the supervisor looks for one to blame: there is none, whatever the age at which lines die.
#[tokio::test(start_paused = true)]
async fn a_venue_that_drops_at_any_age_has_no_symbol_to_blame() {
    for millis in [0, 500, 1_000, 2_000, 3_500, 4_500, 7_000] {
        an_hour_of_flapping(Duration::from_millis(millis), true, Duration::from_millis(1)).await;
    }
}

/// A venue counts the dials of an address, whatever connections they are for.
#[tokio::test(start_paused = true)]
async fn the_connections_of_one_feed_share_the_ceiling() {
    let wires = wires();
    let natives = ["AAAUSD", "BBBUSD", "CCCUSD", "DDDUSD", "EEEUSD", "FFFUSD", "GGGUSD", "HHHUSD"];
    let flapping = Market::open(&wires, "127.0.0.1", &natives);
    flapping.rules().age = Some(Duration::from_secs(1));
    let mut toy = flapping.toy();
    toy.limits.instruments_per_connection = 2;
    let flaps = flapping.feed(toy, |settings| settings.timing.backoff.cap = Duration::from_millis(1));
    tokio::time::sleep(HOUR).await;
    let dials = flapping.rules().dials.len();
    assert!(flapping.dials_in_a_minute() <= 12, "{} dials in a minute", flapping.dials_in_a_minute());
    assert!((600..=12 * 60).contains(&dials), "all of the ceiling is used: {dials}");
    flaps.stop().await;
}
