//! Where to connect, what to say, how to stay connected.

use std::sync::Arc;
use std::time::Duration;

use feed::halts::Suspended;
use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{BitstampV2, catalogue};

/// The WebSocket of spot and perpetuals.
pub const WS_URL: &str = "wss://ws.bitstamp.net";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://www.bitstamp.net";

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs; `None` for the venue's own.
    pub rest_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { venue: "BITSTAMP".to_owned(), ws_url: None, rest_url: None }
    }
}

/// A connection to Bitstamp.
#[derive(Debug, Default)]
pub struct Bitstamp {
    settings: Settings,
    suspended: Arc<Suspended>,
}

impl Bitstamp {
    /// A session with these settings.
    pub fn new(settings: Settings) -> Bitstamp {
        Bitstamp { settings, suspended: Arc::default() }
    }
}

/// The session that a configuration asks for.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let default = Settings::default();
    Box::new(Bitstamp::new(Settings {
        venue: overrides.venue.clone().unwrap_or(default.venue),
        ws_url: overrides.ws_url.clone(),
        rest_url: overrides.rest_url.clone(),
    }))
}

impl Session for Bitstamp {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        vec![format!("{base}{}", catalogue::MARKETS)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        self.suspended.replace(catalogue::read(answers, instruments)?);
        Ok(())
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let listed = wanted.iter().filter_map(|&id| instruments.get(id));
        listed
            .flat_map(|instrument| {
                let perpetual = instrument.symbol.name().ends_with("-PERP");
                let channels = ["order_book", "live_trades"].into_iter();
                channels.chain(perpetual.then_some("funding_rate")).map(move |channel| {
                    let channel = format!("{channel}_{}", instrument.native);
                    json!({"event": "bts:subscribe", "data": {"channel": channel}}).to_string()
                })
            })
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // A quiet market says nothing for most of a minute, so the answer to this has to prove life, well within the 5 s
        // after which a feed is stale.
        let text = json!({"event": "bts:heartbeat"}).to_string();
        KeepAlive { every: Duration::from_secs(2), text: Some(text) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Three channels of each at most, and 1,024 on a connection.
            instruments_per_connection: 300,
            // The venue publishes no limit and took 29 texts at once; 900 of them are sent within 9 s.
            between_sends: Duration::from_millis(10),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(BitstampV2::with_halts(self.suspended.watch()))
    }
}
