//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};

use crate::catalogue;
use crate::decode::Htx;

/// The WebSocket of spot.
pub const WS_URL: &str = "wss://api.huobi.pro/ws";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.huobi.pro";

/// What is subscribed of each symbol.
const CHANNELS: [&str; 3] = ["bbo", "trade.detail", "detail"];

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
        Settings { venue: "HTX".to_owned(), ws_url: None, rest_url: None }
    }
}

/// A connection to HTX spot.
#[derive(Clone, Debug, Default)]
pub struct HtxSpot {
    settings: Settings,
}

impl HtxSpot {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> HtxSpot {
        HtxSpot { settings }
    }
}

/// The session that a configuration asks for.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let default = Settings::default();
    Box::new(HtxSpot::new(Settings {
        venue: overrides.venue.clone().unwrap_or(default.venue),
        ws_url: overrides.ws_url.clone(),
        rest_url: overrides.rest_url.clone(),
    }))
}

impl Session for HtxSpot {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        vec![format!("{base}{}", catalogue::PATH)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        natives
            .flat_map(|native| CHANNELS.iter().map(move |channel| subscription(&topic(native, channel))))
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue asks for life itself, and our answers to it are what keeps the connection.
        KeepAlive { every: Duration::from_secs(5), text: None }
    }

    fn limits(&self) -> Limits {
        // The venue's own ping comes every 5 s as a message (4.8 to 5.2 s measured): two missed ones are too many.
        let heartbeats = Duration::from_secs(12);
        Limits {
            instruments_per_connection: 100,
            between_sends: Duration::from_millis(25),
            silence: heartbeats,
            message_silence: Some(heartbeats),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Htx::new())
    }
}

/// A channel of a symbol.
fn topic(native: &str, channel: &str) -> String {
    format!("market.{native}.{channel}")
}

/// The text that subscribes a topic. The answer repeats the `id`, so a refusal names its topic.
pub(crate) fn subscription(topic: &str) -> String {
    serde_json::json!({"sub": topic, "id": topic}).to_string()
}
