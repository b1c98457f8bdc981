//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{UpbitV1, catalogue};

/// The public WebSocket of Upbit Korea. Singapore, Indonesia and Thailand have hosts of their own (`sg-api.upbit.com`).
pub const WS_URL: &str = "wss://api.upbit.com/websocket/v1";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.upbit.com";

/// Codes of one subscription. The venue served 855 (probes of 2026-09); a few connections spread the load and the loss.
const CODES_PER_CONNECTION: usize = 200;

/// A connection to Upbit.
#[derive(Clone, Debug, Default)]
pub struct Upbit {
    overrides: Overrides,
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Upbit { overrides: overrides.clone() })
}

impl Session for Upbit {
    fn venue(&self) -> &str {
        self.overrides.venue.as_deref().unwrap_or("UPBIT")
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
        let codes: Vec<&str> = wanted
            .iter()
            .filter_map(|&id| instruments.get(id))
            .map(|instrument| &*instrument.native)
            .collect();
        let best: Vec<String> = codes.iter().map(|code| format!("{code}.1")).collect();
        let text = json!([
            {"ticket": "quotewire"},
            {"type": "ticker", "codes": codes},
            {"type": "trade", "codes": codes},
            {"type": "orderbook", "codes": best},
            {"format": "SIMPLE"},
        ]);
        vec![text.to_string()]
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue sends no pings of its own, and quiet markets are silent: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // 100 texts a minute are taken; pings may count among them, and stay at 30.
        Limits {
            instruments_per_connection: CODES_PER_CONNECTION,
            between_sends: Duration::from_millis(250),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(UpbitV1::new())
    }
}
