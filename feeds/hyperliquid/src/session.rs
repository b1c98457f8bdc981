//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, Request, RestAnswer,
    Session,
};
use serde_json::json;

use crate::{HyperliquidDecoder, catalogue};

/// The WebSocket.
pub const WS_URL: &str = "wss://api.hyperliquid.xyz/ws";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.hyperliquid.xyz";

/// The channels of every coin.
const CHANNELS: [&str; 4] = ["bbo", "l2Book", "trades", "activeAssetCtx"];

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs; `None` for the venue's own.
    pub rest_url: Option<String>,
    /// Builders' dexes whose perpetuals stand in the catalogue beside the venue's own (`xyz`).
    pub dexes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { venue: "HYPERLIQUID".to_owned(), ws_url: None, rest_url: None, dexes: Vec::new() }
    }
}

/// A connection to Hyperliquid.
#[derive(Clone, Debug, Default)]
pub struct Hyperliquid {
    settings: Settings,
}

impl Hyperliquid {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Hyperliquid {
        Hyperliquid { settings }
    }

    fn info_url(&self) -> String {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        format!("{base}{}", catalogue::PATH)
    }
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    let venue = venue.unwrap_or_else(|| defaults.venue.clone());
    Box::new(Hyperliquid::new(Settings { venue, ws_url, rest_url, ..defaults }))
}

impl Session for Hyperliquid {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![self.info_url()]
    }

    fn catalogue_requests(&self) -> Vec<Request> {
        let own = ["meta", "spotMeta"].map(|kind| json!({"type": kind}));
        let of_builders = self.settings.dexes.iter().map(|dex| json!({"type": "meta", "dex": dex}));
        let bodies = own.into_iter().chain(of_builders);
        bodies.map(|body| Request::post(self.info_url(), body.to_string())).collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let coins = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        coins.flat_map(|coin| CHANNELS.map(|channel| subscription(channel, coin))).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The pong has to prove life well within the 5 s after which a feed is stale. 30 texts a minute, of 2,000.
        KeepAlive { every: Duration::from_secs(2), text: Some(json!({"method": "ping"}).to_string()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // 1,000 subscriptions are all that one address may have, so more coins than these get no answer.
            instruments_per_connection: 250,
            // 30 new connections a minute from one address.
            between_dials: Duration::from_millis(2_100),
            // 20 texts a second, 1,200 a minute.
            between_sends: Duration::from_millis(50),
            // The book of every coin comes after 5.6 s at most; this is three of them and a lost one.
            symbol_silence: Some(Duration::from_secs(20)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(HyperliquidDecoder::new())
    }
}

/// The text that subscribes one channel of one coin.
fn subscription(channel: &str, coin: &str) -> String {
    json!({"method": "subscribe", "subscription": {"type": channel, "coin": coin}}).to_string()
}
