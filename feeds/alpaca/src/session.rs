//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Secret,
    Session,
};
use serde_json::json;

use crate::{AlpacaV2, catalogue};

/// The stream, up to the name of a feed.
pub const STREAM_URL: &str = "wss://stream.data.alpaca.markets/v2";
/// Where the catalogue is served for keys of a paper account; those of a live one belong to `https://api.alpaca.markets`.
pub const REST_URL: &str = "https://paper-api.alpaca.markets";

/// Symbols in one text.
const SYMBOLS_PER_TEXT: usize = 500;

/// Which trades and quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tape {
    /// Those of one exchange.
    #[default]
    Iex,
    /// Those of all exchanges.
    Sip,
    /// Those of all exchanges, 15 minutes late.
    DelayedSip,
}

impl Tape {
    /// The name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Tape::Iex => "iex",
            Tape::Sip => "sip",
            Tape::DelayedSip => "delayed_sip",
        }
    }
}

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for that of the tape.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs.
    pub rest_url: String,
    /// Which trades and quotes.
    pub tape: Tape,
    /// The key's name.
    pub key: Option<Secret>,
    /// The key's secret.
    pub secret: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Settings {
        let (venue, rest_url) = ("ALPACA".to_owned(), REST_URL.to_owned());
        Settings { venue, ws_url: None, rest_url, tape: Tape::default(), key: None, secret: None }
    }
}

/// A connection to Alpaca.
#[derive(Clone, Debug, Default)]
pub struct Alpaca {
    settings: Settings,
}

impl Alpaca {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Alpaca {
        Alpaca { settings }
    }
}

fn of_tape(tape: Tape, overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, key, secret, .. } = overrides.clone();
    let (venue, rest_url) = (venue.unwrap_or(defaults.venue), rest_url.unwrap_or(defaults.rest_url));
    Box::new(Alpaca::new(Settings { venue, ws_url, rest_url, tape, key, secret }))
}

/// The session of a configuration: quotes and trades of IEX.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    of_tape(Tape::Iex, overrides)
}

/// The session of a configuration: quotes and trades of all exchanges.
pub fn sip(overrides: &Overrides) -> Box<dyn Session> {
    of_tape(Tape::Sip, overrides)
}

/// The session of a configuration: quotes and trades of all exchanges, 15 minutes late.
pub fn delayed_sip(overrides: &Overrides) -> Box<dyn Session> {
    of_tape(Tape::DelayedSip, overrides)
}

impl Session for Alpaca {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![format!("{}{}", self.settings.rest_url.trim_end_matches('/'), catalogue::PATH)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        let Settings { key, secret, .. } = &self.settings;
        [("APCA-API-KEY-ID", key), ("APCA-API-SECRET-KEY", secret)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }

    fn waits_for_ready(&self) -> bool {
        true
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        let Settings { ws_url, tape, .. } = &self.settings;
        ws_url.clone().unwrap_or_else(|| format!("{STREAM_URL}/{}", tape.name()))
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        let symbols: Vec<&str> = natives.collect();
        let data = symbols
            .chunks(SYMBOLS_PER_TEXT)
            .map(|symbols| json!({"action": "subscribe", "quotes": symbols, "trades": symbols}).to_string());
        let statuses = symbols
            .chunks(SYMBOLS_PER_TEXT)
            .map(|symbols| json!({"action": "subscribe", "statuses": symbols}).to_string());
        data.chain(statuses).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Nights and weekends are silent: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // One connection is all that an account gets, so everything goes on it.
        Limits { instruments_per_connection: 30_000, ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(AlpacaV2::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tape_has_its_place_and_no_secret_shows() {
        let overrides = Overrides {
            key: Some(Secret::new("PKEXAMPLE")),
            secret: Some(Secret::new("hush")),
            ..Overrides::default()
        };
        for (session, place) in [
            (session(&overrides), "wss://stream.data.alpaca.markets/v2/iex"),
            (sip(&overrides), "wss://stream.data.alpaca.markets/v2/sip"),
            (delayed_sip(&overrides), "wss://stream.data.alpaca.markets/v2/delayed_sip"),
        ] {
            assert_eq!(session.endpoint(&Instruments::new("ALPACA", 1), &[]), place);
            let headers = session.headers();
            assert_eq!((headers[1].0, headers[1].1.reveal()), ("APCA-API-SECRET-KEY", "hush"));
            let shown = format!("{session:?}");
            assert!(!shown.contains("hush") && !shown.contains("PKEXAMPLE"), "{shown}");
        }
    }
}
