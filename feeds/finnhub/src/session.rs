//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Secret,
    Session,
};
use serde_json::json;

use crate::{Trades, catalogue};

/// The WebSocket.
pub const WS_URL: &str = "wss://ws.finnhub.io";
/// Where the lists of symbols are served.
pub const REST_URL: &str = "https://finnhub.io";

/// Which list of symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Listing {
    /// US stocks.
    #[default]
    Stocks,
    /// Crypto pairs of Binance.
    Crypto,
    /// Currency pairs of OANDA.
    Forex,
}

impl Listing {
    /// Path and query of the list.
    const fn path(self) -> &'static str {
        match self {
            Listing::Stocks => "/api/v1/stock/symbol?exchange=US",
            Listing::Crypto => "/api/v1/crypto/symbol?exchange=binance",
            Listing::Forex => "/api/v1/forex/symbol?exchange=oanda",
        }
    }
}

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL, without the key.
    pub ws_url: String,
    /// Base of the HTTP URLs.
    pub rest_url: String,
    /// Which list of symbols.
    pub listing: Listing,
    /// The key.
    pub key: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Settings {
        let (venue, ws_url) = ("FINNHUB".to_owned(), WS_URL.to_owned());
        Settings { venue, ws_url, rest_url: REST_URL.to_owned(), listing: Listing::default(), key: None }
    }
}

/// A connection to Finnhub.
#[derive(Clone, Debug, Default)]
pub struct Finnhub {
    settings: Settings,
}

impl Finnhub {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Finnhub {
        Finnhub { settings }
    }
}

fn of_listing(listing: Listing, overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, key, .. } = overrides.clone();
    Box::new(Finnhub::new(Settings {
        venue: venue.unwrap_or(defaults.venue),
        ws_url: ws_url.unwrap_or(defaults.ws_url),
        rest_url: rest_url.unwrap_or(defaults.rest_url),
        listing,
        key,
    }))
}

/// The session of a configuration: US stocks.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    of_listing(Listing::Stocks, overrides)
}

/// The session of a configuration: crypto pairs of Binance.
pub fn crypto(overrides: &Overrides) -> Box<dyn Session> {
    of_listing(Listing::Crypto, overrides)
}

/// The session of a configuration: currency pairs of OANDA.
pub fn forex(overrides: &Overrides) -> Box<dyn Session> {
    of_listing(Listing::Forex, overrides)
}

impl Session for Finnhub {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let Settings { rest_url, listing, .. } = &self.settings;
        vec![format!("{}{}", rest_url.trim_end_matches('/'), listing.path())]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        self.settings.key.iter().map(|key| ("X-Finnhub-Token", key.clone())).collect()
    }

    /// The venue takes its key in the URL. Wherever a URL is shown or recorded the value of `token` is left out.
    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        let Settings { ws_url, key, .. } = &self.settings;
        let token = key.as_ref().map_or("", Secret::reveal);
        let mark = if ws_url.contains('?') { '&' } else { '?' };
        format!("{ws_url}{mark}token={token}")
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        natives.map(|symbol| json!({"type": "subscribe", "symbol": symbol}).to_string()).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Nights and weekends are silent but for the venue's ping a minute: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // One connection is all that a key gets, so everything goes on it; a free key has 50 symbols, each a text.
        Limits {
            instruments_per_connection: 10_000,
            between_sends: Duration::from_millis(50),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Trades::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_into_the_url_and_nowhere_else() {
        let overrides = Overrides { key: Some(Secret::new("hush")), ..Overrides::default() };
        for (session, list) in [
            (session(&overrides), "https://finnhub.io/api/v1/stock/symbol?exchange=US"),
            (crypto(&overrides), "https://finnhub.io/api/v1/crypto/symbol?exchange=binance"),
            (forex(&overrides), "https://finnhub.io/api/v1/forex/symbol?exchange=oanda"),
        ] {
            assert_eq!(session.catalogue_urls(), [list]);
            let endpoint = session.endpoint(&Instruments::new("FINNHUB", 1), &[]);
            assert_eq!(endpoint, "wss://ws.finnhub.io?token=hush");
            assert!(!feed::rest::shown(&endpoint).contains("hush"));
            assert!(!feed::rest::recordable(&endpoint).contains("hush"));
            assert!(!format!("{session:?}").contains("hush"));
        }
    }
}
