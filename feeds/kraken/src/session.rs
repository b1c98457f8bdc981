//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{V1, V2, Version, catalogue};

/// Where v1 is served (the venue's WebSocket guide, read 2026-11).
pub const WS_URL_V1: &str = "wss://ws.kraken.com";
/// Where v2 is served (likewise).
pub const WS_URL_V2: &str = "wss://ws.kraken.com/v2";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.kraken.com";

/// The depth of book that a session subscribes: the least on offer, and just what the checksum covers.
pub const DEPTH: usize = 10;

/// Symbols in one subscription text. Kraken names no limit; fifty names keep a text under a kilobyte.
const SYMBOLS_PER_TEXT: usize = 50;

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// Which of the two protocols is spoken.
    pub version: Version,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs, without a slash at the end; `None` for the venue's own.
    pub rest_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { venue: "KRAKEN".to_owned(), version: Version::V2, ws_url: None, rest_url: None }
    }
}

/// A connection to Kraken.
#[derive(Clone, Debug, Default)]
pub struct Kraken {
    settings: Settings,
}

impl Kraken {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Kraken {
        Kraken { settings }
    }
}

/// A session of v2 with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    of_version(Version::V2, overrides)
}

/// The same of v1.
pub fn session_v1(overrides: &Overrides) -> Box<dyn Session> {
    of_version(Version::V1, overrides)
}

fn of_version(version: Version, overrides: &Overrides) -> Box<dyn Session> {
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    let venue = venue.unwrap_or_else(|| Settings::default().venue);
    Box::new(Kraken::new(Settings { venue, version, ws_url, rest_url }))
}

impl Session for Kraken {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        vec![format!("{base}{}", catalogue::PATH)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, self.settings.version, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        let own = match self.settings.version {
            Version::V1 => WS_URL_V1,
            Version::V2 => WS_URL_V2,
        };
        self.settings.ws_url.as_deref().unwrap_or(own).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives: Vec<&str> = wanted
            .iter()
            .filter_map(|&id| instruments.get(id))
            .map(|instrument| &*instrument.native)
            .collect();
        let mut texts = Vec::new();
        // The book comes first, because it tells the top. Trades come before the ticker: their snapshot knows the size and
        // side of the last trade, and history is not taken over what a ticker has told.
        for symbols in natives.chunks(SYMBOLS_PER_TEXT) {
            match self.settings.version {
                Version::V1 => {
                    texts.push(book_text_v1("subscribe", symbols, DEPTH));
                    for name in ["trade", "ticker"] {
                        let text =
                            json!({"event": "subscribe", "pair": symbols, "subscription": {"name": name}});
                        texts.push(text.to_string());
                    }
                }
                Version::V2 => {
                    texts.push(book_text_v2("subscribe", symbols, DEPTH));
                    let trade = json!({"channel": "trade", "symbol": symbols, "snapshot": true});
                    let ticker = json!({"channel": "ticker", "symbol": symbols, "event_trigger": "bbo", "snapshot": true});
                    for params in [trade, ticker] {
                        texts.push(json!({"method": "subscribe", "params": params}).to_string());
                    }
                }
            }
        }
        texts
    }

    fn keep_alive(&self) -> KeepAlive {
        let text = match self.settings.version {
            Version::V1 => r#"{"event":"ping"}"#,
            Version::V2 => r#"{"method":"ping"}"#,
        };
        // Kraken ends a connection after about 60 s without traffic. Its own heartbeats, one in every second without data
        // once something is subscribed, are what proves life.
        KeepAlive { every: Duration::from_secs(20), text: Some(text.to_owned()) }
    }

    fn limits(&self) -> Limits {
        // Both versions send a heartbeat in every second in which nothing else is sent, once something is subscribed.
        Limits { message_silence: Some(Duration::from_secs(10)), ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        match self.settings.version {
            Version::V1 => Box::new(V1::new()),
            Version::V2 => Box::new(V2::new(DEPTH)),
        }
    }
}

/// Asks for books in v1, or lets them go.
pub(crate) fn book_text_v1(event: &str, pairs: &[&str], depth: usize) -> String {
    json!({"event": event, "pair": pairs, "subscription": {"name": "book", "depth": depth}}).to_string()
}

/// Asks for books in v2, or lets them go.
pub(crate) fn book_text_v2(method: &str, symbols: &[&str], depth: usize) -> String {
    let mut params = json!({"channel": "book", "symbol": symbols, "depth": depth});
    if method == "subscribe" {
        params["snapshot"] = json!(true);
    }
    json!({"method": method, "params": params}).to_string()
}
