//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::json;

use crate::{KrakenFuturesDecoder, catalogue};

/// The WebSocket.
pub const WS_URL: &str = "wss://futures.kraken.com/ws/v1";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://futures.kraken.com";

/// The feeds of every contract.
const FEEDS: [&str; 3] = ["book", "trade", "ticker"];
/// Products in one text. No bound is documented; this one keeps what is lost with one text small.
const PRODUCTS_PER_TEXT: usize = 100;

/// A connection to Kraken Futures.
#[derive(Clone, Debug, Default)]
pub struct KrakenFutures {
    overrides: Overrides,
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(KrakenFutures { overrides: overrides.clone() })
}

impl Session for KrakenFutures {
    fn venue(&self) -> &str {
        self.overrides.venue.as_deref().unwrap_or("KRAKEN_FUTURES")
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
        products
            .chunks(PRODUCTS_PER_TEXT)
            .flat_map(|some| FEEDS.map(|feed| request("subscribe", feed, some)))
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue wants a ping every 60 s; its pong has to prove life well within the 5 s after which a feed is stale.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // Whole books at the start, and a message for each changed level afterwards: a hundred contracts are what one
        // connection reads in time. No limits are documented but on requests (100 a second).
        Limits { instruments_per_connection: 100, ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(KrakenFuturesDecoder::new())
    }
}

/// The text of `subscribe` and `unsubscribe`.
pub(crate) fn request(event: &str, feed: &str, products: &[&str]) -> String {
    json!({"event": event, "feed": feed, "product_ids": products}).to_string()
}
