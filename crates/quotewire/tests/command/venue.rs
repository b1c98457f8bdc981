//! A configured venue, end to end: an emulated exchange that plays a real recording over a real WebSocket, the
//! program with a configuration file, and a client's view of the result.

use std::io::Write;

use crate::support::{Server, fixture, quotewire, run, stderr, stdout};
use testkit::recording::Session;
use testkit::script::{Fault, Recorded};
use testkit::venue::Venue;

#[test]
fn what_was_recorded_from_a_venue_replays_to_the_same_quotes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The first connection is closed in good order after its last frame, and only the second dial shows that everything
    // before it has been read. That one is silent.
    let played = session();
    let script = played.script().fault(1..=1, Fault::CloseAfter(played.frames.len(), 1001, "done".into()));
    let venue = runtime.block_on(Venue::start(script.frames_of::<Recorded>(2, [])));
    let file = configuration(&venue);
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("own.cap.gz");
    let mut child = quotewire()
        .args(["record", "--config", file.path().to_str().unwrap(), "-o", capture.to_str().unwrap()])
        .spawn()
        .unwrap();
    runtime.block_on(venue.wait_connection(2));
    let signalled =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let output = run(&["replay", capture.to_str().unwrap(), "--venue", "coinbase", "--final"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let quotes = stdout(&output);
    let quote =
        quotes.lines().find(|l| l.contains("\"COINBASE:YFI-BTC\"")).expect("named by its own catalogue");
    assert!(quote.contains("\"bid\":\"0.82586\"") && quote.contains("\"ask\":\"0.82714\""), "{quote}");
    // A recording is never overwritten.
    let again = run(&["record", "--config", file.path().to_str().unwrap(), "-o", capture.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
}

#[test]
fn coinbase_from_its_socket_to_a_client() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session().script()));
    let file = configuration(&venue);
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

/// A recorded session. The recording's name differs from that of its HTTP answers, which are read by themselves.
pub(crate) fn session() -> Session {
    let mut session = Session::read(&fixture("coinbase/fixtures/20210417-first-half.cap.gz"));
    session.rest = feed::capture::read_rest(&fixture("coinbase/fixtures/20210417.rest.gz")).unwrap();
    session
}

fn configuration(venue: &Venue) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    write!(
        file,
        "[[feeds]]\nkind = \"coinbase\"\nsymbols = [\"YFI-BTC\", \"BAND-GBP\", \"NO-SUCH\"]\nws_url = \"{}\"\nrest_url = \"{}\"\n",
        venue.ws_url(),
        venue.rest_url()
    )
    .unwrap();
    file
}
