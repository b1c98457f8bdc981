//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{CoinbaseAdvancedDecoder, catalogue};

/// The WebSocket for market data.
pub const WS_URL: &str = "wss://advanced-trade-ws.coinbase.com";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.coinbase.com";

/// The channels of every product.
const CHANNELS: [&str; 4] = ["level2", "market_trades", "ticker", "status"];

/// A connection to Coinbase Advanced Trade.
#[derive(Clone, Debug, Default)]
pub struct CoinbaseAdvanced {
    overrides: Overrides,
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(CoinbaseAdvanced { overrides: overrides.clone() })
}

impl Session for CoinbaseAdvanced {
    fn venue(&self) -> &str {
        self.overrides.venue.as_deref().unwrap_or("COINBASE_ADVANCED")
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
        let products: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        // First, so that it is there whatever becomes of the others.
        let heartbeats = json!({"type": "subscribe", "channel": "heartbeats"});
        let of_products =
            CHANNELS.map(|channel| json!({"type": "subscribe", "channel": channel, "product_ids": products}));
        std::iter::once(heartbeats).chain(of_products).map(|text| text.to_string()).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Heartbeats come every second; a pong proves life besides, well within the 5 s after which a feed is stale.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Every product sends its whole book at the start, and all of them go into one text a channel.
            instruments_per_connection: 50,
            // 8 texts a second.
            between_sends: Duration::from_millis(150),
            // A level of a snapshot has about 120 bytes, and the largest books have some tens of thousands.
            message_bytes_max: 16 << 20,
            // The heartbeat channel speaks once a second.
            message_silence: Some(Duration::from_secs(10)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(CoinbaseAdvancedDecoder::new())
    }
}
