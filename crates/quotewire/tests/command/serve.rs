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

/// Two synthetic venues of one pair, and what is made of them.
#[test]
fn a_symbol_without_a_venue_is_the_best_of_all_venues() {
    let feed = |venue: &str, seed| {
        format!(
            "[[feeds]]\nkind = \"sim\"\nname = \"{venue}\"\nvenue = \"{venue}\"\nsymbols = [\"BTC-USDT\"]\nseed = {seed}\n"
        )
    };
    let file = File::new(&format!(
        "[composite]\njoin = {{ USDT = \"USD\" }}\n{}{}{}",
        feed("A", 1),
        feed("B", 2),
        feed("SIM", 3)
    ));
    let server = Server::start(&["--config", file.path().to_str().unwrap()]);
    server.until("both venues have a price", |s| {
        let quotes = s.json("/v1/quotes?symbols=A:BTC-USDT,B:BTC-USDT");
        let live = quotes["quotes"].as_array()?.iter().filter(|q| q["bid"].is_string()).count();
        (live == 2).then_some(())
    });
    let quote = server.json("/v1/quotes?symbols=btc-usd")["quotes"][0].clone();
    assert_eq!((&quote["symbol"], &quote["status"]), (&"BTC-USD".into(), &"live".into()), "{quote}");
    for side in ["bid_venue", "ask_venue"] {
        assert!(["A", "B"].contains(&quote[side].as_str().unwrap()), "{quote}");
    }
    assert!(quote.get("volume_24h").is_none());
    let mut lines = BufReader::new(server.stream("symbols=BTC-USD&mode=every")).lines().map(Result::unwrap);
    let snapshot = lines.find(|line| line.contains("\"type\":\"snapshot\"")).unwrap();
    assert!(snapshot.contains("\"bid_venue\":"), "{snapshot}");
    assert!(lines.any(|line| line.contains("\"type\":\"quote\"") && line.contains("_venue\":")));
    let names = server.json("/v1/symbols");
    let names: Vec<_> = names["symbols"].as_array().unwrap().iter().map(|s| s["symbol"].clone()).collect();
    assert_eq!(names, ["A:BTC-USDT", "B:BTC-USDT", "BTC-USD", "SIM:BTC-USDT"]);
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

/// Whoever reads the address may send a signal at once, and an uncaught one ends the process.
#[test]
fn signals_are_caught_before_the_address_is_told() {
    let sim = File::new("[[feeds]]\nkind = \"sim\"\n");
    let path = sim.path();
    let mut server = Server::spawn(&["--config", path.to_str().unwrap()]);
    server.line("listening on ");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    for (name, number) in [("SIGHUP", 1), ("SIGINT", 2), ("SIGTERM", 15)] {
        assert!(caught & 1 << (number - 1) != 0, "{name} is not caught: {caught:x}");
    }
    server.signal("-HUP");
    server.containing("configuration reloaded");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
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

/// A configuration file that a test may write again.
struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> File {
        let file = File(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("quotewire.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }
}

#[test]
fn a_hangup_reads_the_configuration_again_and_a_fault_changes_nothing() {
    let sim = "[[feeds]]\nkind = \"sim\"\n";
    let file = File::new(&format!("[limits]\nsymbols_per_stream = 5\n{sim}"));
    let path = file.path();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    let limit = |server: &Server| {
        let mut lines = BufReader::new(server.stream("symbols=SIM:AAA-USD")).lines().map(Result::unwrap);
        let hello = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
        serde_json::from_str::<serde_json::Value>(&hello).unwrap()["limits"]["symbols_per_stream"].clone()
    };
    assert_eq!(limit(&server), 5);
    // A stream that is open stays so.
    let mut open = BufReader::new(server.stream("symbols=SIM:AAA-USD")).lines().map(Result::unwrap);
    open.next().unwrap();
    file.write(&format!("[limits]\nsymbols_per_stream = 7\nconnections = 9\n{sim}"));
    server.signal("-HUP");
    server.containing("limits.connections from 12000 to 9: needs a restart");
    server.containing("limits.symbols_per_stream from 5 to 7");
    assert_eq!(limit(&server), 7);
    file.write(&format!("[limits]\nsymbols_per_stream = 8\nstreams = true\n{sim}"));
    server.signal("-HUP");
    server.containing("quotewire.toml:3:11: ");
    assert_eq!(limit(&server), 7, "nothing of a file with a fault is put in force");
    let metrics =
        ureq::get(format!("{}/metrics", server.admin)).call().unwrap().body_mut().read_to_string().unwrap();
    for series in ["{outcome=\"applied\"} 1", "{outcome=\"refused\"} 1"] {
        assert!(metrics.contains(&format!("quotewire_config_reloads_total{series}")), "{metrics}");
    }
    assert!(open.any(|line| line.starts_with("event: quote")));
}

#[test]
fn a_stop_is_spread_over_its_window_and_ends_in_time() {
    let file = File::new("[server]\ndrain = \"2s\"\n[[feeds]]\nkind = \"sim\"\n");
    let path = file.path();
    let mut server = Server::start(&["--config", path.to_str().unwrap()]);
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let mut lines = BufReader::new(server.stream("symbols=SIM:AAA-USD")).lines().map(Result::unwrap);
            assert!(lines.any(|line| line == "event: hello"));
            std::thread::spawn(move || {
                let rest: Vec<String> = lines.collect();
                (rest, std::time::Instant::now())
            })
        })
        .collect();
    server.signal("-TERM");
    let status = |target: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(target).call().map(|answer| answer.status().as_u16())
    };
    server.until("not ready at once", |s| {
        matches!(status(&format!("{}/readyz", s.admin)), Ok(503)).then_some(())
    });
    let ends: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    for (rest, _) in &ends {
        assert_eq!(rest.last().map(String::as_str), Some(""), "the last event is whole");
        assert!(rest.iter().rev().any(|line| line.contains("\"reason\":\"drain\"")));
    }
    // Spread means in several steps, in whatever order; how fast the machine is does not matter.
    let first = ends.iter().map(|(_, at)| *at).min().unwrap();
    let last = ends.iter().map(|(_, at)| *at).max().unwrap();
    assert!(last - first > std::time::Duration::from_millis(1_000), "{:?}", last - first);
    assert_eq!(server.wait(), Some(0));
}
