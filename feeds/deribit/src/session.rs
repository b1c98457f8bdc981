//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{DeribitDecoder, catalogue};

/// The WebSocket.
pub const WS_URL: &str = "wss://www.deribit.com/ws/api/v2";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://www.deribit.com";

/// Instruments in one call: three channels each stay below the 500 that the venue advises.
pub(crate) const INSTRUMENTS_PER_CALL: usize = 160;
/// The first number of our calls to `public/subscribe`; the next calls count on. The answer to a call names it, and so its
/// instruments.
pub(crate) const FIRST_CALL: u64 = 1_000;
/// Halts, and the end of instruments: once a connection.
const VENUE_CHANNELS: [&str; 2] = ["platform_state", "instrument.state.any.any"];
/// The number of `public/set_heartbeat`.
const HEARTBEAT_CALL: u64 = 1;
/// The number of `public/test`.
const TEST_CALL: u64 = 2;

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs; `None` for the venue's own.
    pub rest_url: Option<String>,
    /// The currencies whose instruments stand in the catalogue; `any` is all of them.
    pub currencies: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            venue: "DERIBIT".to_owned(),
            ws_url: None,
            rest_url: None,
            currencies: vec!["any".to_owned()],
        }
    }
}

/// A connection to Deribit.
#[derive(Clone, Debug, Default)]
pub struct Deribit {
    settings: Settings,
}

impl Deribit {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Deribit {
        Deribit { settings }
    }
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    let venue = venue.unwrap_or_else(|| defaults.venue.clone());
    Box::new(Deribit::new(Settings { venue, ws_url, rest_url, ..defaults }))
}

impl Session for Deribit {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        let of = |currency| format!("{base}{}?currency={currency}&expired=false", catalogue::PATH);
        self.settings.currencies.iter().map(of).collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        let calls = natives.chunks(INSTRUMENTS_PER_CALL).zip(FIRST_CALL..).map(|(some, number)| {
            let of_venue =
                VENUE_CHANNELS.iter().filter(|_| number == FIRST_CALL).map(|&name| name.to_owned());
            let channels: Vec<String> =
                of_venue.chain(some.iter().flat_map(|native| channels(native))).collect();
            call(number, "public/subscribe", &channels)
        });
        std::iter::once(heartbeat()).chain(calls).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue's own heartbeat comes each 10 s, too seldom to tell within 5 s that the feed is stale. The answer to this
        // one does, and it counts as traffic for the venue as well.
        KeepAlive { every: Duration::from_secs(2), text: Some(test()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Two calls a connection, and 32 connections hold nearly 10,000 instruments. The venue lists about 5,000.
            instruments_per_connection: 300,
            // About 3.3 calls a second.
            between_sends: Duration::from_millis(350),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(DeribitDecoder::new())
    }
}

/// The channels of an instrument.
fn channels(native: &str) -> [String; 3] {
    [format!("quote.{native}"), format!("ticker.{native}.100ms"), format!("trades.{native}.100ms")]
}

/// A call for channels.
pub(crate) fn call(number: u64, method: &str, channels: &[String]) -> String {
    json!({"jsonrpc": "2.0", "id": number, "method": method, "params": {"channels": channels}}).to_string()
}

/// Asks for a heartbeat each 10 s, the least that there is.
fn heartbeat() -> String {
    let params = json!({"interval": 10});
    json!({"jsonrpc": "2.0", "id": HEARTBEAT_CALL, "method": "public/set_heartbeat", "params": params})
        .to_string()
}

/// The answer to a `test_request`, and our own question whether the venue is there.
pub(crate) fn test() -> String {
    json!({"jsonrpc": "2.0", "id": TEST_CALL, "method": "public/test", "params": {}}).to_string()
}
