//! Catalogues in more than one answer.

use market::{Reason, Status};
use testkit::script::{HttpAnswer, Script};
use testkit::venue::Venue;

mod toy;

use toy::{Running, Toy, bid, settings};

fn page(url: &str, lines: &[&str]) -> HttpAnswer {
    HttpAnswer::from(feed::RestAnswer { url: url.to_owned(), body: lines.join("\n") })
}

#[tokio::test]
async fn a_symbol_of_the_last_page_is_found() {
    let script = Script::new([bid("BTCUSD", "1")]).rest([
        page("/symbols", &["ETHUSD", "/symbols?page=2"]),
        page("/symbols?page=2", &["XRPUSD", "/symbols?page=3"]),
        page("/symbols?page=3", &["BTCUSD", "/symbols?page=2"]),
    ]);
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.asked(), ["/symbols", "/symbols?page=2", "/symbols?page=3"], "no page twice");
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again_with_the_others() {
    let script = Script::new([bid("BTCUSD", "1")]).rest([
        page("/symbols", &["ETHUSD", "/symbols?page=2"]),
        HttpAnswer::of_status("/symbols?page=2", 503),
        page("/symbols?page=2", &["BTCUSD"]),
    ]);
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.asked(), ["/symbols", "/symbols?page=2", "/symbols", "/symbols?page=2"]);
}

#[tokio::test]
async fn a_catalogue_without_an_end_is_used_as_far_as_it_came() {
    let next = |n: usize| page(&format!("/symbols?page={n}"), &[&format!("/symbols?page={}", n + 1)]);
    let first = page("/symbols", &["BTCUSD", "/symbols?page=2"]);
    let script = Script::new([bid("BTCUSD", "1")]).rest(std::iter::once(first).chain((2..60).map(next)));
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.asked().len(), 21);
}
