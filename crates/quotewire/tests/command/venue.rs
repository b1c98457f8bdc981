//! A configured venue, end to end: an emulated exchange that plays a real recording over a real WebSocket, the
//! program with a configuration file, and a client's view of the result.

use std::io::Write;

use crate::support::{Server, fixture};
use testkit::recording::Session;
use testkit::venue::Venue;

#[test]
fn coinbase_from_its_socket_to_a_client() {
    // The recording's name differs from that of its HTTP answers, which are read here by themselves.
    let mut session = Session::read(&fixture("coinbase/fixtures/20210417-first-half.cap.gz"));
    session.rest = feed::capture::read_rest(&fixture("coinbase/fixtures/20210417.rest.gz")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session.script()));
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    write!(
        file,
        "[[feeds]]\nkind = \"coinbase\"\nsymbols = [\"YFI-BTC\", \"BAND-GBP\", \"NO-SUCH\"]\nws_url = \"{}\"\nrest_url = \"{}\"\n",
        venue.ws_url(),
        venue.rest_url()
    )
    .unwrap();
    let server = Server::start(&["--config", file.path().to_str().unwrap()]);
    // The last state of the recording, by the independent reader of the captures (`.book` and `.trade`).
    let quote = server.until("the recording has been played", |s| {
        let quote = s.json("/v1/quotes?symbols=COINBASE:YFI-BTC")["quotes"][0].clone();
        (quote["bid"] == "0.82586" && quote["ask"] == "0.82714" && quote["last"] == "0.82601")
            .then_some(quote)
    });
    assert_eq!(quote["status"], "live");
    let feeds = server.json("/v1/feeds");
    assert_eq!((&feeds["feeds"][0]["mode"], &feeds["feeds"][0]["status"]), (&"live".into(), &"live".into()));
}
