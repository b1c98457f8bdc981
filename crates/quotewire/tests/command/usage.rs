//! Wrong use and broken files: one clear line and the right exit code, with nothing bound and nothing half done.

use std::io::Write;

use crate::support::{fixture, run, stderr, stdout};

fn config(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn promise_17_a_broken_configuration_names_file_line_and_column() {
    let file = config("[server]\nlisten = \"127.0.0.1:0\"\nhertbeat = \"5s\"\n");
    let path = file.path().to_str().unwrap();
    for args in
        [&["serve", "--config", path][..], &["check-config", path], &["record", "--config", path, "-o", "x"]]
    {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let line = stderr(&output);
        assert!(line.starts_with(&format!("quotewire: {path}:3:1: unknown field `hertbeat`")), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert_eq!(stdout(&output), "", "nothing was started");
    }
}

#[test]
fn a_good_configuration_says_what_it_would_do() {
    let file = config(
        "[[feeds]]\nkind = \"kraken\"\nsymbols = [\"BTC-USD\"]\n[[feeds]]\nkind = \"sim\"\nsymbols = 3\nrate = 5\n",
    );
    let output = run(&["check-config", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("feed kraken: kraken_v2, symbols BTC-USD\n"), "{said}");
    assert!(said.contains("feed sim: synthetic market, 5 updates a second\n"), "{said}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for (args, code) in [
        (&["serve", "--config", "/nowhere/x.toml"][..], 2),
        (&["replay", "/nowhere/x.cap.gz", "--venue", "okx"], 1),
        (&["replay", "Cargo.toml", "--venue", "nobody"], 2),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn wrong_arguments_show_the_usage() {
    for args in [&[][..], &["frobnicate"], &["serve", "--listen", "nonsense"], &["tail"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = stderr(&output);
        assert!(said.contains("Usage: quotewire") || said.contains("try '--help'"), "{args:?}: {said}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in ["serve", "replay", "record", "tail", "check-config"] {
        assert!(stdout(&help).contains(&format!("  {command} ")), "{}", stdout(&help));
    }
}

#[test]
fn a_taken_port_is_said_and_nothing_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for args in [
        ["--listen", &address, "--admin-listen", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin-listen", &address],
    ] {
        let output = run(&[&["serve", "--sim"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1));
        let line = stderr(&output);
        assert!(line.contains(&format!("cannot listen on {address}: ")), "{line}");
        assert!(!line.contains("listening on"), "{line}");
    }
}

#[test]
fn a_recording_that_is_none_of_the_venue_fails() {
    let coinbase = fixture("coinbase/fixtures/20210417-first-half.cap.gz");
    for (file, venue, what) in [
        (coinbase.to_str().unwrap(), "binance", "none of its messages is a quote of binance"),
        ("/dev/null", "okx", "no message in the recording"),
    ] {
        let output = run(&["replay", file, "--venue", venue]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
        assert!(stdout(&output).contains("\"stats\""), "without --final the counts are the result");
    }
}

#[test]
fn no_secret_of_an_address_is_printed() {
    let text = "[[feeds]]\nkind = \"okx\"\nsymbols = [\"BTC-USDT\"]\nws_url = \"wss://me:secret@h.example/x?token=secret\"\n";
    let file = config(text);
    let output = run(&["check-config", file.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stdout(&output).contains("secret"), "promise 18: {}", stdout(&output));
    assert!(stdout(&output).contains("wss://h.example/x"));
}

#[test]
fn a_truncated_recording_gives_what_it_held_and_fails() {
    let whole = std::fs::read(fixture("coinbase/fixtures/20210417-first-half.cap.gz")).unwrap();
    let mut file = tempfile::Builder::new().suffix(".cap.gz").tempfile().unwrap();
    file.write_all(&whole[..whole.len() / 2]).unwrap();
    let output = run(&["replay", file.path().to_str().unwrap(), "--venue", "coinbase", "--final"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("\"symbol\":\"COINBASE:"), "what came before the fault is shown");
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains(file.path().to_str().unwrap()));
}
