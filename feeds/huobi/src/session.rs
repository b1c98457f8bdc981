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

/// A connection to HTX spot.
#[derive(Clone, Debug, Default)]
pub struct HtxSpot {
    overrides: Overrides,
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(HtxSpot { overrides: overrides.clone() })
}

impl Session for HtxSpot {
    fn venue(&self) -> &str {
        self.overrides.venue.as_deref().unwrap_or("HTX")
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
