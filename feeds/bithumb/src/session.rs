//! Where to connect, what to say, how to stay connected: the current interface.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{Bithumb, catalogue};

/// The public WebSocket.
pub const WS_URL: &str = "wss://ws-api.bithumb.com/websocket/v1";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.bithumb.com";

/// Codes of one subscription. The venue served 493 (probes of 2026-09); a few connections spread the load and the loss.
const CODES_PER_CONNECTION: usize = 200;

/// A connection to Bithumb's spot markets.
#[derive(Clone, Debug, Default)]
pub struct Spot {
    overrides: Overrides,
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Spot { overrides: overrides.clone() })
}

impl Session for Spot {
    fn venue(&self) -> &str {
        self.overrides.venue.as_deref().unwrap_or("BITHUMB")
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.overrides.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        vec![format!("{base}{}", catalogue::PATH)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.overrides.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    /// One text: a second one would replace it.
    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        let codes: Vec<&str> = natives.collect();
        let text = json!([
            {"ticket": "quotewire"},
            {"type": "ticker", "codes": codes},
            {"type": "trade", "codes": codes},
            {"type": "orderbook", "codes": codes},
            {"format": "SIMPLE"},
        ]);
        vec![text.to_string()]
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue sends no pings of its own, and quiet markets are silent: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        Limits { instruments_per_connection: CODES_PER_CONNECTION, ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Bithumb::new())
    }
}
