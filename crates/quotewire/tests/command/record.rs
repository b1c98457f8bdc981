//! Recording beside serving: what was recorded replays to what was served, a kill costs seconds, and a full disk costs
//! the recording alone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use feed::capture::CaptureReader;
use testkit::venue::Venue;

use crate::support::{Server, quotewire, run, stderr, stdout};
use crate::venue::session;

/// A configuration of that venue, which records if there is more to say.
fn configuration(venue: &Venue, more: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    write!(
        file,
        "{more}\n[[feeds]]\nkind = \"coinbase\"\nsymbols = [\"YFI-BTC\", \"BAND-GBP\"]\nws_url = \"{}\"\nrest_url = \"{}\"\n",
        venue.ws_url(),
        venue.rest_url()
    )
    .unwrap();
    file
}

/// Every file in the folders of a recording, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(inside) = std::fs::read_dir(folder.join("coinbase")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = inside.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How many frames can be read from it.
fn frames(file: &Path) -> usize {
    let mut reader = CaptureReader::open(file).unwrap();
    let mut frames = 0;
    while let Ok(Some(record)) = reader.next() {
        frames += usize::from(record.frame().is_some());
    }
    frames
}

/// The last state of the recording, by the independent reader of the captures.
fn until_played(server: &Server) -> serde_json::Value {
    server.until("the venue has said everything", |s| {
        let quote = s.json("/v1/quotes?symbols=COINBASE:YFI-BTC")["quotes"][0].clone();
        (quote["bid"] == "0.82586" && quote["ask"] == "0.82714" && quote["last"] == "0.82601")
            .then_some(quote)
    })
}

fn replayed(folder: &Path) -> serde_json::Value {
    let output = run(&["replay", folder.to_str().unwrap(), "--final"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let quotes = stdout(&output);
    let line = quotes.lines().find(|line| line.contains("\"COINBASE:YFI-BTC\"")).unwrap();
    serde_json::from_str(line).unwrap()
}

fn metrics(server: &Server) -> String {
    let mut answer = ureq::get(format!("{}/metrics", server.admin)).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}

#[test]
fn what_was_recorded_beside_serving_replays_to_what_was_served() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session().script()));
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(
        &venue,
        &format!("[record]\ndir = \"{}\"\ncompression = \"gzip\"\n", folder.path().display()),
    );
    let mut server = Server::start(&["--config", file.path().to_str().unwrap()]);
    let served = until_played(&server);
    let text = metrics(&server);
    assert!(text.contains("quotewire_record_stopped 0\n"), "{text}");
    assert!(text.contains("quotewire_record_lost_total{feed=\"coinbase\"} 0\n"), "{text}");
    // One process records into a folder.
    let second =
        run(&["serve", "--sim", "--listen", "127.0.0.1:0", "--record", folder.path().to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another process records into it"), "{}", stderr(&second));
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let files = files(folder.path());
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].to_str().unwrap().ends_with("Z-coinbase-0.cap.gz"), "{files:?}");
    assert_eq!(frames(&files[0]), session().frames.len());
    let quote = replayed(folder.path());
    for key in ["bid", "bid_size", "ask", "ask_size", "last", "last_size", "last_side", "ts_event", "ts_recv"]
    {
        assert_eq!(quote[key], served[key], "{key}");
    }
}

#[test]
fn a_kill_costs_what_was_not_flushed_and_the_next_run_goes_on() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session().script()));
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(&venue, "");
    let args = ["--config", file.path().to_str().unwrap(), "--record", folder.path().to_str().unwrap()];
    let mut server = Server::start(&args);
    until_played(&server);
    let all = session().frames.len();
    server.until("everything is flushed", |_| {
        files(folder.path()).first().is_some_and(|file| frames(file) == all).then_some(())
    });
    server.signal("-KILL");
    server.wait();
    let left = files(folder.path());
    assert_eq!(left.len(), 1);
    assert!(left[0].to_str().unwrap().ends_with(".cap.zst.part"), "{left:?}");
    assert_eq!(
        replayed(folder.path())["bid"],
        "0.82586",
        "a file that was never closed is read as far as it goes"
    );
    let said = stderr(&run(&["replay", folder.path().to_str().unwrap()]));
    assert!(said.contains("the recording is cut off here, because it was never closed"), "{said}");

    let mut server = Server::start(&args);
    until_played(&server);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(files(folder.path()).len(), 2);
    let output = run(&["replay", folder.path().to_str().unwrap()]);
    let stats: serde_json::Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    assert_eq!(stats["stats"]["messages"], 2 * all, "both runs, one behind the other");
    assert_eq!(replayed(folder.path())["ask"], "0.82714");
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session().script()));
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(&venue, "");
    // No file of the process may grow beyond 32 KiB, and a write beyond it fails as on a full disk.
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_quotewire")]);
    let mut server = Server::start_as(
        limited,
        &["--config", file.path().to_str().unwrap(), "--record", folder.path().to_str().unwrap()],
    );
    until_played(&server);
    let said = server.containing("recording stopped: ");
    assert!(said.contains("-coinbase-0.cap.zst"), "it names the file: {said}");
    server
        .until("the metric tells it", |s| metrics(s).contains("quotewire_record_stopped 1\n").then_some(()));
    // Ready, live, and stopping in good order.
    let ready = ureq::get(format!("{}/readyz", server.admin)).call().unwrap();
    assert_eq!(ready.status().as_u16(), 200);
    assert_eq!(server.json("/v1/quotes?symbols=COINBASE:YFI-BTC")["quotes"][0]["bid"], "0.82586");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    // What was written before can be read.
    let left = files(folder.path());
    assert!(left.len() == 1 && left[0].to_str().unwrap().ends_with(".part"), "{left:?}");
    assert!(run(&["replay", folder.path().to_str().unwrap()]).status.code().is_some());
}

#[test]
fn record_alone_takes_the_same_options() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start(session().script()));
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(&venue, "");
    let path = file.path().to_str().unwrap();
    let mut child = quotewire()
        .args([
            "record",
            "--config",
            path,
            "--record",
            folder.path().to_str().unwrap(),
            "--rotate-size",
            "64KiB",
        ])
        .args(["--max-disk", "10MB", "--compression", "zstd"])
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    let all = session().frames.len();
    while files(folder.path()).iter().map(|file| frames(file)).sum::<usize>() < all {
        assert!(start.elapsed() < crate::support::PATIENCE, "{:?}", files(folder.path()));
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(replayed(folder.path())["bid"], "0.82586");

    for (args, what) in [
        (&["--output", "x.cap", "--record", "y"][..], "cannot be used with"),
        (&[], "say where: --record DIR, --output FILE, or [record] dir"),
        (&["--record", "y", "--max-disk", "1MiB"], "max_disk (1MiB) is at least twice rotate_size (256MiB)"),
        (&["--record", "y", "--feed", "okx"], "no feed is called \"okx\"; there are coinbase"),
    ] {
        let output = run(&[&["record", "--config", path], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(what), "{args:?}: {}", stderr(&output));
    }
}
