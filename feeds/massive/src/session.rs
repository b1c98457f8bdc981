//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Secret,
    Session,
};
use serde_json::json;

use crate::{Stocks, catalogue};

/// The WebSocket of stocks.
pub const WS_URL: &str = "wss://socket.massive.com/stocks";
/// The same, 15 minutes late.
pub const WS_URL_DELAYED: &str = "wss://delayed.massive.com/stocks";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.massive.com";

/// Tickers in one text.
const TICKERS_PER_TEXT: usize = 300;

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL.
    pub ws_url: String,
    /// Base of the HTTP URLs.
    pub rest_url: String,
    /// The key.
    pub key: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Settings {
        let (venue, ws_url) = ("MASSIVE".to_owned(), WS_URL.to_owned());
        Settings { venue, ws_url, rest_url: REST_URL.to_owned(), key: None }
    }
}

/// A connection to Massive's stocks.
#[derive(Clone, Debug, Default)]
pub struct Massive {
    settings: Settings,
}

impl Massive {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Massive {
        Massive { settings }
    }
}

fn of_place(place: &str, overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, key, .. } = overrides.clone();
    Box::new(Massive::new(Settings {
        venue: venue.unwrap_or(defaults.venue),
        ws_url: ws_url.unwrap_or_else(|| place.to_owned()),
        rest_url: rest_url.unwrap_or(defaults.rest_url),
        key,
    }))
}

/// The session of a configuration.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    of_place(WS_URL, overrides)
}

/// The session of a configuration, 15 minutes late.
pub fn delayed(overrides: &Overrides) -> Box<dyn Session> {
    of_place(WS_URL_DELAYED, overrides)
}

impl Session for Massive {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.trim_end_matches('/');
        catalogue::requests().map(|request| format!("{base}{request}")).collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        let bearer = |key: &Secret| ("Authorization", Secret::new(format!("Bearer {}", key.reveal())));
        self.settings.key.iter().map(bearer).collect()
    }

    fn login(&self) -> Vec<String> {
        let text = |key: &Secret| json!({"action": "auth", "params": key.reveal()}).to_string();
        self.settings.key.iter().map(text).collect()
    }

    fn waits_for_ready(&self) -> bool {
        true
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        let tickers: Vec<&str> = natives.collect();
        let text = |tickers: &[&str]| {
            let topics: Vec<String> = tickers
                .iter()
                .flat_map(|ticker| ["Q", "T", "LULD"].map(|channel| format!("{channel}.{ticker}")))
                .collect();
            json!({"action": "subscribe", "params": topics.join(",")}).to_string()
        };
        tickers.chunks(TICKERS_PER_TEXT).map(text).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Nights and weekends are silent: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // One connection is all that a key gets, so everything goes on it.
        Limits { instruments_per_connection: 30_000, ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Stocks::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_shows() {
        let overrides = Overrides { key: Some(Secret::new("hush")), ..Overrides::default() };
        let session = session(&overrides);
        assert_eq!(session.login(), [r#"{"action":"auth","params":"hush"}"#]);
        assert_eq!(session.headers()[0].1.reveal(), "Bearer hush");
        assert!(!format!("{session:?}").contains("hush"));
        let late = delayed(&Overrides::default());
        assert_eq!(late.endpoint(&Instruments::new("MASSIVE", 1), &[]), WS_URL_DELAYED);
        assert!(late.login().is_empty() && late.headers().is_empty());
    }
}
