//! `serve` and `tail` against each other: the demo, the synthetic market, and the end.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::{Server, quotewire, run, stderr, stdout};

#[test]
fn the_demo_moves_and_says_that_it_is_a_demo() {
    let server = Server::start(&[]);
    let feeds = server.json("/v1/feeds");
    let feeds = feeds["feeds"].as_array().unwrap();
    assert!(feeds.len() >= 4 && feeds.iter().all(|f| f["mode"] == "demo"), "{feeds:?}");
    for venue in ["BINANCE", "COINBASE", "KRAKEN", "OKX"] {
        assert!(feeds.iter().any(|f| f["venue"] == venue), "{venue}");
    }
    server.until("bitcoin has a price", |s| {
        s.json("/v1/quotes?symbols=BINANCE:BTC-USDT")["quotes"][0]["bid"].as_str().map(str::to_owned)
    });
    let mut lines = BufReader::new(server.stream("symbols=BINANCE:BTC-USDT")).lines();
    let mut next = |start: &str| {
        lines.by_ref().map(Result::unwrap).find_map(|l| l.strip_prefix(start).map(str::to_owned)).unwrap()
    };
    assert!(next("data: ").contains("\"mode\":\"demo\""), "hello says so");
    assert!(next("data: ").contains("\"type\":\"snapshot\""));
    assert!(next("data: ").contains("\"type\":\"quote\""), "it moves");
    assert!(server.get("/").contains("<title>"));
}

#[test]
fn tail_prints_json_lines_and_stops_after_as_many_as_were_asked_for() {
    let server = Server::start(&["--sim"]);
    let symbols = server.until("the market is open", |s| {
        let list = s.json("/v1/symbols?limit=2");
        let names: Vec<String> = list["symbols"]
            .as_array()?
            .iter()
            .filter_map(|s| s["symbol"].as_str().map(str::to_owned))
            .collect();
        (names.len() == 2).then_some(names)
    });
    let output = run(&["tail", &symbols[0], &symbols[1], "SIM:NO-SUCH", "--url", &server.url, "-n", "20"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let mut quotes = 0;
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        quotes += u32::from(matches!(event["type"].as_str(), Some("quote" | "snapshot")));
    }
    assert_eq!(quotes, 20);
    assert!(stderr(&output).contains("SIM:NO-SUCH (unknown_symbol)"), "{}", stderr(&output));

    let none = run(&["tail", "SIM:NO-SUCH", "--url", &server.url]);
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    let wrong = run(&["tail", &symbols[0], "--url", &server.url, "--fields", "colour"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("colour"), "{}", stderr(&wrong));
}

#[test]
fn tail_ends_quietly_when_its_reader_has_enough() {
    let server = Server::start(&["--sim"]);
    let symbol = server.until("the market is open", |s| {
        s.json("/v1/symbols?limit=1")["symbols"][0]["symbol"].as_str().map(str::to_owned)
    });
    let mut child = quotewire()
        .args(["tail", &symbol, "--url", &server.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // The pipe is closed here, as by `head`.
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn tail_says_when_there_is_no_server() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["tail", "A:B", "--url", &format!("http://{free}")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}

#[test]
fn a_signal_says_goodbye_and_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&["--sim"]);
        let mut lines = BufReader::new(server.stream("symbols=SIM:AAA-USD")).lines();
        assert!(lines.by_ref().map(Result::unwrap).any(|l| l.starts_with("event: hello")));
        server.signal(signal);
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        let last = rest.iter().rev().find_map(|l| l.strip_prefix("data: ")).unwrap();
        assert!(last.contains("\"type\":\"goodbye\",\"reason\":\"drain\""), "{last}");
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn operators_are_answered_on_their_own_listener() {
    let server = Server::start(&["--sim"]);
    let admin = |target: &str| {
        let mut answer = ureq::get(format!("{}{target}", server.admin)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert!(admin("/healthz").contains("\"alive\":true"));
    server.until("ready", |_| admin("/readyz").contains("\"ready\":true").then_some(()));
    let metrics = admin("/metrics");
    for series in [
        "quotewire_edge_streams_open 0",
        "quotewire_table_symbols ",
        "quotewire_feed_status{feed=\"sim\",status=\"live\"} 1",
        "quotewire_feed_updates_total{feed=\"sim\",outcome=\"changed\"} ",
    ] {
        assert!(metrics.contains(series), "{series} in\n{metrics}");
    }
    assert!(!metrics.contains("SIM:"), "no symbol is ever a label");
    let public = ureq::get(format!("{}/metrics", server.url)).call();
    assert!(matches!(public, Err(ureq::Error::StatusCode(404))), "not on the public side");
}
