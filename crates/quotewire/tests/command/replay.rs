//! `replay`: the same recording in, the same bytes out, and every digit as the venue wrote it.

use std::collections::BTreeMap;

use crate::support::{Server, fixture, run, stderr, stdout};

fn replay(path: &str, venue: &str) -> String {
    let file = fixture(path);
    let output =
        run(&["replay", file.to_str().unwrap(), "--venue", venue, "--speed", "max", "--final", "--stats"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn promise_16_the_same_recording_gives_the_same_bytes() {
    for (path, venue) in [
        ("binance/fixtures/binance/20210417.cap.gz", "binance"),
        ("coinbase/fixtures/20210417-first-half.cap.gz", "coinbase"),
        ("kraken/fixtures/kraken/20210417-book.cap.gz", "kraken"),
        ("okx/fixtures/20220513.cap.gz", "okx"),
    ] {
        let first = replay(path, venue);
        assert!(first.lines().count() > 2, "{first}");
        assert_eq!(first, replay(path, venue), "{path}");
    }
}

#[test]
fn final_quotes_are_sorted_and_whole() {
    let text = replay("okx/fixtures/20220513.cap.gz", "okx");
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let (stats, quotes) = lines.split_last().unwrap();
    let names: Vec<&str> = quotes.iter().map(|q| q["symbol"].as_str().unwrap()).collect();
    assert_eq!(names, ["OKX:BTC-USD-20220527", "OKX:BTC-USDT", "OKX:UNI-USD-PERP"]);
    for quote in quotes {
        for key in [
            "native", "updates", "bid", "bid_size", "ask", "ask_size", "last", "mid", "spread", "status",
            "seq",
        ] {
            assert!(quote.get(key).is_some(), "{key} in {quote}");
        }
        assert!(quote["updates"].as_u64().unwrap() > 0);
    }
    let stats = &stats["stats"];
    let sum = |value: &serde_json::Value| {
        value.as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum(&stats["by_kind"]), stats["messages"], "every message has a kind");
    let dropped = &stats["dropped"];
    let lost = dropped["older"].as_u64().unwrap() + dropped["no_room"].as_u64().unwrap();
    assert_eq!(stats["applied"].as_u64().unwrap() + lost, stats["updates"], "promise 15");
}

/// Every final number stands, digit for digit, in a message of its symbol.
#[test]
fn promise_13_prices_leave_as_they_came() {
    use std::io::Read;
    let path = "coinbase/fixtures/20210417-first-half.cap.gz";
    let mut raw = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(fixture(path)).unwrap())
        .read_to_string(&mut raw)
        .unwrap();
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    for line in raw.lines() {
        if let Some(at) = line.find("\"product_id\":\"") {
            let name = line[at + 14..].split('"').next().unwrap();
            told.entry(name).or_default().push_str(line);
        }
    }
    let text = replay(path, "coinbase");
    let mut checked = 0;
    for quote in text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()) {
        let Some(native) = quote["native"].as_str() else { continue };
        for key in [
            "bid",
            "bid_size",
            "ask",
            "ask_size",
            "last",
            "last_size",
            "open_24h",
            "high_24h",
            "low_24h",
            "volume_24h",
        ] {
            if let Some(digits) = quote[key].as_str() {
                assert!(told[native].contains(&format!("\"{digits}\"")), "{native} {key} {digits}");
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}

/// The final quotes by symbol, without what counts over all symbols.
fn quotes(args: &[&str]) -> BTreeMap<String, serde_json::Value> {
    let output = run(&[&["replay"], args, &["--final"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let mut quotes = BTreeMap::new();
    for line in stdout(&output).lines() {
        let mut quote: serde_json::Value = serde_json::from_str(line).unwrap();
        quote.as_object_mut().unwrap().remove("seq");
        quotes.insert(quote["symbol"].as_str().unwrap().to_owned(), quote);
    }
    quotes
}

#[test]
fn several_venues_play_together_and_end_as_each_does_alone() {
    let at = |path: &str| fixture(path).to_str().unwrap().to_owned();
    let okx = at("okx/fixtures/20220513.cap.gz");
    let binance = at("binance/fixtures/binance/20210417.cap.gz");
    let coinbase = at("coinbase/fixtures/20210417-first-half.cap.gz");
    let together = [format!("okx={okx}"), binance.clone(), format!("coinbase={coinbase}")];
    let together: Vec<&str> = together.iter().map(String::as_str).collect();
    let mut alone = quotes(&[&okx, "--venue", "okx"]);
    alone.extend(quotes(&[&binance]));
    alone.extend(quotes(&[&coinbase, "--venue", "coinbase"]));
    assert!(alone.len() > 20, "{}", alone.len());
    assert_eq!(quotes(&together), alone);
    // Promise 16, also together.
    let twice = [(); 2].map(|()| run(&[&["replay"], &together[..], &["--final", "--stats"]].concat()).stdout);
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn a_window_ends_where_it_is_told_and_says_what_there_is_when_it_is_empty() {
    let file = fixture("binance/fixtures/binance/20210417.cap.gz");
    let file = file.to_str().unwrap();
    let messages = |args: &[&str]| {
        let output = run(&[&["replay", file], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let stats: serde_json::Value = serde_json::from_str(stdout(&output).trim()).unwrap();
        stats["stats"]["messages"].as_u64().unwrap()
    };
    let all = messages(&[]);
    let ten = messages(&["--to", "+10s"]);
    assert!(ten > 50 && ten < all, "{ten} of {all}");
    assert_eq!(messages(&["--from", "+10s"]), all, "what lies before goes through the decoder");
    assert_eq!(quotes(&[file, "--from", "+10s"]), quotes(&[file]), "so the end is the same");
    for (args, code, what) in [
        (
            &["--from", "2022-01-01T00:00:00Z"][..],
            1,
            "no message was received in that time; the first one came at 2021-04-17T16:36:1",
        ),
        (&["--from", "noon"], 2, "a moment is a time in UTC"),
        (&["--to", "2021-04-17T00:00:00Z"], 1, "no message was received in that time"),
    ] {
        let output = run(&[&["replay", file], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(stderr(&output).contains(what), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn of_several_files_the_broken_one_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let good = fixture("binance/fixtures/binance/20210417.cap.gz");
    let path = folder.path().join("broken.cap");
    std::fs::write(&path, "1618677371364407000\t<\t{}\nnonsense\n").unwrap();
    let broken = format!("okx={}", path.display());
    let output = run(&["replay", good.to_str().unwrap(), &broken, "--final"]);
    assert_eq!(output.status.code(), Some(1));
    let line = format!("quotewire: {}: line 2: no TAB after the receive time\n", path.display());
    assert_eq!(stderr(&output), line);
}

#[test]
fn recordings_of_several_venues_are_a_feed_for_each() {
    let folder = tempfile::tempdir().unwrap();
    // A message of each venue, one second apart.
    let lines = [
        (
            "binance",
            "1000000000000",
            r#"{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}"#,
        ),
        (
            "coinbase",
            "1001000000000",
            r#"{"type":"ticker","sequence":1,"product_id":"BTC-USD","price":"7","best_bid":"6","best_ask":"8"}"#,
        ),
    ];
    let mut files = Vec::new();
    for (preset, at, line) in lines {
        let path = folder.path().join(format!("{preset}.cap"));
        std::fs::write(&path, format!("{at}\t<\t{line}\n")).unwrap();
        files.push(format!("\"{preset}={}\"", path.display()));
    }
    let config = |more: &str| {
        let path = folder.path().join("config.toml");
        let files = files.join(", ");
        std::fs::write(
            &path,
            format!("[[feeds]]\nkind = \"replay\"\nname = \"day\"\nfiles = [{files}]\n{more}"),
        )
        .unwrap();
        path.display().to_string()
    };
    let output = run(&["check-config", &config("loop = true\n")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("config.toml:4:9: several venues start over together"),
        "{}",
        stderr(&output)
    );
    let path = config("loop = true\nto = \"+2s\"\n");
    let output = run(&["check-config", &path]);
    assert!(output.status.success(), "{}", stderr(&output));
    for feed in ["feed day-binance: recording ", "feed day-coinbase: recording "] {
        assert!(stdout(&output).contains(feed), "{}", stdout(&output));
    }
    let server = Server::start(&["--config", &path]);
    server.until("both have been heard", |s| {
        let quotes = s.json("/v1/quotes?symbols=BINANCE:BTCUSDT,COINBASE:BTC-USD")["quotes"].clone();
        let bids: Vec<&str> = quotes.as_array()?.iter().filter_map(|quote| quote["bid"].as_str()).collect();
        (bids == ["1", "6"]).then_some(())
    });
}
