//! The configuration: one TOML file, read raw, checked once, and explained by file, line and column when it is wrong.
//!
//! Unknown keys are refused. Durations are text with units. Flags and environment variables override the file; that
//! happens in `serve`, which owns the flags.

mod checked;
mod quotes;
mod raw;
mod record;
mod secrets;

pub(crate) use checked::{Config, FeedConfig, FeedKind, ReplayConfig, VenueConfig};
pub(crate) use record::{Compression, RecordConfig, Size};

use std::fmt;
use std::path::Path;

/// Why a configuration cannot be used. Exit code 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    file: String,
    /// Line and column, from 1; absent when the file itself cannot be read.
    place: Option<(usize, usize)>,
    what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong and where in the text, before the file's name and the line are known.
#[derive(Debug)]
pub(crate) struct Fault {
    at: Option<usize>,
    what: String,
}

impl Fault {
    pub(crate) fn at(span: &std::ops::Range<usize>, what: impl Into<String>) -> Fault {
        Fault { at: Some(span.start), what: what.into() }
    }
}

/// Reads and checks a file.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: file.clone(),
        place: None,
        what: format!("cannot be read: {error}"),
    })?;
    parse(&text).map_err(|fault| ConfigError {
        file,
        place: fault.at.map(|at| place(&text, at)),
        what: fault.what,
    })
}

/// Reads and checks the text of a file.
pub(crate) fn parse(text: &str) -> Result<Config, Fault> {
    let raw: raw::File = toml::from_str(text)
        .map_err(|error| Fault { at: error.span().map(|s| s.start), what: error.message().to_owned() })?;
    checked::check(raw)
}

/// Line and column, from 1, of a place in the text; columns count characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let fault = parse(text).unwrap_err();
        let (line, column) = place(text, fault.at.expect("a fault names its place"));
        format!("{line}:{column}: {}", fault.what)
    }

    #[test]
    fn promise_17_a_fault_names_line_and_column() {
        assert!(fault("[server]\nlisten = 5\n").starts_with("2:10: "));
        assert!(fault("[server]\nlisetn = \"127.0.0.1:1\"\n").starts_with("2:1: unknown field `lisetn`"));
        assert!(fault("[server]\nheartbeat = \"10\"\n").starts_with("2:13: "));
        assert!(fault("[server]\nheartbeat = \"11s\"\n").contains("at most 10s"));
        assert!(fault("[[feeds]]\nkind = \"nope\"\n").starts_with("2:8: unknown feed kind"));
        assert!(fault("[[feeds]]\nkind = \"sim\"\nws_url = \"ws://127.0.0.1:1\"\n").starts_with("3:10: "));
        assert!(
            fault("[[feeds]]\nkind = \"binance\"\nsymbols = [\"BTC-USDT\"]\nws_url = \"ws://example.org\"\n")
                .contains("loopback")
        );
        for url in ["https://", "ws://127.0.0.1:80@evil.example", "wss://", "http://x", "127.0.0.1"] {
            let text = format!("[[feeds]]\nkind = \"okx\"\nsymbols = [\"BTC-USDT\"]\nws_url = \"{url}\"\n");
            assert!(fault(&text).starts_with("4:10: "), "{url}");
        }
        let feed = |kind: &str, key: &str, url: &str| {
            let more = if kind == "oanda" { "account = \"1\"\nkey_env = \"CARGO_PKG_NAME\"\n" } else { "" };
            parse(&format!("[[feeds]]\nkind = \"{kind}\"\nsymbols = \"*\"\n{key} = \"{url}\"\n{more}"))
        };
        // Each venue is reached over what it sends over, and nothing else.
        for (kind, key, url, is_good) in [
            ("okx", "ws_url", "wss://x.example:8443/v5", true),
            ("okx", "ws_url", "https://x.example", false),
            ("okx", "ws_url", "udp://239.1.2.3:10000", false),
            ("okx", "ws_url", "ws://127.0.0.1:99999", false),
            ("okx", "ws_url", "wss://x.example:0", false),
            ("okx", "rest_url", "https://x.example:x", false),
            ("okx", "rest_url", "https://x.example?a=b", false),
            ("okx", "rest_url", "wss://x.example", false),
            ("okx", "rest_url", "udp://239.1.2.3:10000", false),
            ("oanda", "ws_url", "https://x.example", true),
            ("oanda", "ws_url", "wss://x.example", false),
            ("upstream", "ws_url", "http://127.0.0.1:8080", true),
            ("upstream", "ws_url", "ws://127.0.0.1:8080", false),
            ("iex_tops", "ws_url", "udp://239.1.2.3:10000?interface=10.0.0.5", true),
            ("iex_tops", "ws_url", "udp://239.1.2.3", false),
            ("iex_tops", "ws_url", "udp://feed.example:10000", false),
            ("iex_tops", "ws_url", "udp://239.1.2.3:10000?interface=eth0", false),
            ("iex_tops", "ws_url", "udp://239.1.2.3:70000", false),
            ("iex_tops", "ws_url", "wss://x.example", false),
            ("kucoin", "ws_url", "wss://x.example", true),
            ("kucoin", "ws_url", "udp://239.1.2.3:10000", false),
        ] {
            let parsed = feed(kind, key, url);
            assert_eq!(parsed.is_ok(), is_good, "{kind} {key} {url}: {parsed:?}");
            if let Err(fault) = parsed {
                assert!(fault.at.is_some_and(|at| at > 40), "{kind} {url}: at its place");
            }
        }
        // What an adapter cannot do without.
        let bare = |kind| fault(&format!("[[feeds]]\nkind = \"{kind}\"\nsymbols = \"*\"\n"));
        assert!(bare("iex_tops").starts_with("2:8: iex_tops cannot be reached as configured"));
        assert!(bare("oanda").contains("the account of this feed is not configured"));
        let many = "[[feeds]]\nkind=\"sim\"\n".repeat(300);
        assert!(fault(&many).starts_with("514:6: at most 256 feeds"));
        assert!(fault("[[feeds]]\nkind = \"binance\"\n").contains("symbols"));
        assert!(fault("[server]\ncors_origins = [\"*\"]\n").starts_with("2:16: "));
        assert!(fault("[[feeds]]\nkind=\"sim\"\n[[feeds]]\nkind=\"sim\"\n").contains("name"));
        assert!(fault("é = 1\n").starts_with("1:1: "));
        assert!(fault("[server\n").starts_with("1:"));
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(config.feeds.is_empty());
    }

    /// The feeds stand in comments, because they are examples and no defaults. Uncommented, they must be taken, and they
    /// must name every key that there is.
    #[test]
    fn the_feeds_of_the_example_are_taken_and_complete() {
        let example = include_str!("../quotewire.example.toml");
        let (_, feeds) = example.split_once("# A real venue").unwrap();
        let uncommented: String = feeds
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                line.starts_with("[[") || line.split_once(" = ").is_some_and(|(k, _)| !k.contains(' '))
            })
            .map(|line| {
                // Endpoints, and credentials that this place has: Cargo sets its variables and starts tests in the crate.
                let there = [
                    ("wss://...", "wss://x.example"),
                    ("https://...", "https://x.example"),
                    ("VENUE_KEY", "CARGO_PKG_NAME"),
                    ("VENUE_SECRET", "CARGO_PKG_NAME"),
                    ("/run/secrets/venue-key", "Cargo.toml"),
                    ("/run/secrets/venue-secret", "Cargo.toml"),
                ];
                there.iter().fold(format!("{line}\n"), |line, (from, to)| line.replace(from, to))
            })
            .collect();
        let config = parse(&uncommented).unwrap_or_else(|fault| panic!("{fault:?} in\n{uncommented}"));
        assert_eq!(config.feeds.len(), 8);
        let raw = include_str!("config/raw.rs").split_once("pub(super) struct Feed {").unwrap().1;
        let raw = raw.split_once("\n}").unwrap().0;
        for key in raw.lines().filter_map(|l| l.trim().strip_prefix("pub(super) ")?.split_once(':')) {
            let key = if key.0 == "looped" { "loop" } else { key.0 };
            assert!(uncommented.contains(&format!("{key} = ")), "{key} is not in the example");
        }
    }

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example = parse(include_str!("../quotewire.example.toml")).unwrap();
        let defaults = parse("").unwrap();
        assert_eq!(format!("{:?}", Config { feeds: Vec::new(), ..example }), format!("{defaults:?}"));
    }
}
