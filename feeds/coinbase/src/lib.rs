//! Feed adapter for Coinbase Exchange.
//!
//! # The venue's rules
//!
//! Sources: the venue's WebSocket documents (channels, overview, rate limits), read in Nov 2026; a recording of 2021 in
//! `fixtures/`, whose messages have today's shape but for `best_bid_size` and `best_ask_size` of the ticker (since 2022).
//!
//! * **Subscribe** within 5 s of connecting, or the venue ends the connection. Several channels and products go into one
//!   message; one product that the venue does not know makes it ignore the whole message. Each message is acknowledged with
//!   the whole set so far.
//! * **Channels.** `level2_batch` gives a snapshot of the whole book and then changes every 50 ms, without a login (plain
//!   `level2` wants one since 2023; its messages are the same). `ticker` comes with trades only, so its best bid and ask can
//!   be old: they count until a book is there. `matches` names the maker's side, `ticker` the taker's.
//! * **Numbers.** `sequence` rises by one over the full feed, so on these channels gaps are normal; `l2update` has none.
//! * **Life.** `heartbeat` comes every second for each product.
//! * **Limits.** 8 new connections a second for one address, 100 messages a second on one connection.
//!
//! ```
//! use feed::Session;
//! use feed_coinbase::{Coinbase, Settings};
//! let session = Coinbase::new(Settings::default());
//! assert_eq!(session.catalogue_urls(), ["https://api.exchange.coinbase.com/products"]);
//! ```

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};

mod catalogue;
pub mod decode;
mod messages;

pub use decode::CoinbaseDecoder;

const WS_URL: &str = "wss://ws-feed.exchange.coinbase.com";
const REST_URL: &str = "https://api.exchange.coinbase.com";

/// `heartbeat` first: it is there whatever becomes of the others.
const CHANNELS: [&str; 4] = ["heartbeat", "level2_batch", "matches", "ticker"];

/// Products in one subscription: what is lost when the venue refuses one of them.
const PRODUCTS_PER_REQUEST: usize = 25;

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The canonical venue name.
    pub venue: String,
    /// Where the WebSocket is.
    pub ws_url: String,
    /// Where the HTTP interface is, without a path.
    pub rest_url: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { venue: "COINBASE".to_owned(), ws_url: WS_URL.to_owned(), rest_url: REST_URL.to_owned() }
    }
}

/// The venue's connection.
#[derive(Clone, Debug)]
pub struct Coinbase {
    settings: Settings,
}

impl Coinbase {
    /// A session with these settings.
    pub fn new(settings: Settings) -> Coinbase {
        Coinbase { settings }
    }
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    Box::new(Coinbase::new(Settings {
        venue: venue.unwrap_or(defaults.venue),
        ws_url: ws_url.unwrap_or(defaults.ws_url),
        rest_url: rest_url.unwrap_or(defaults.rest_url),
    }))
}

/// A request of that kind for these products and channels.
fn request(kind: &str, products: &[&str], channels: &[&str]) -> String {
    // Text becomes JSON through the encoder, whatever stands in it.
    let list = |names: &[&str]| -> String {
        let quoted: Vec<String> =
            names.iter().map(|name| serde_json::Value::from(*name).to_string()).collect();
        quoted.join(",")
    };
    format!(r#"{{"type":"{kind}","product_ids":[{}],"channels":[{}]}}"#, list(products), list(channels))
}

impl Session for Coinbase {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![format!("{}/products", self.settings.rest_url.trim_end_matches('/'))]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let products: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        products.chunks(PRODUCTS_PER_REQUEST).map(|some| request("subscribe", some, &CHANNELS)).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Less than half of the silence limit, so that one lost pong is not yet silence. Heartbeats come besides.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Every product sends its whole book at the start; a hundred of them stay within what one connection reads
            // before its heartbeats are late.
            instruments_per_connection: 100,
            // The recorded snapshots have up to 100 kB; the largest books have some tens of thousands of levels of about
            // 40 bytes.
            message_bytes_max: 16 << 20,
            // The heartbeat channel speaks once a second for every product.
            message_silence: Some(Duration::from_secs(10)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(CoinbaseDecoder::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Symbol;

    #[test]
    fn subscriptions_are_the_documented_text_in_pieces() {
        let session = Coinbase::new(Settings::default());
        let mut all = Instruments::new("COINBASE", 60);
        let ids: Vec<_> = (0..60)
            .map(|n| {
                all.add(&format!("C{n}-USD"), Symbol::parse(&format!("COINBASE:C{n}-USD")).unwrap()).unwrap()
            })
            .collect();
        assert_eq!(
            session.subscribe(&all, &ids[..2]),
            [concat!(
                r#"{"type":"subscribe","product_ids":["C0-USD","C1-USD"],"#,
                r#""channels":["heartbeat","level2_batch","matches","ticker"]}"#
            )]
        );
        let texts = session.subscribe(&all, &ids);
        assert_eq!(texts.len(), 3);
        assert!(texts[2].contains("\"C50-USD\"") && texts[2].contains("\"C59-USD\""));
        assert!(session.subscribe(&all, &[]).is_empty());
        assert_eq!(
            request("subscribe", &["a\"b"], &[]),
            r#"{"type":"subscribe","product_ids":["a\"b"],"channels":[]}"#
        );
    }

    #[test]
    fn endpoints_can_be_overridden() {
        let settings = Settings {
            ws_url: "ws://127.0.0.1:1".to_owned(),
            rest_url: "http://127.0.0.1:2/".to_owned(),
            ..Settings::default()
        };
        let session = Coinbase::new(settings);
        assert_eq!(session.endpoint(&Instruments::new("COINBASE", 1), &[]), "ws://127.0.0.1:1");
        assert_eq!(session.catalogue_urls(), ["http://127.0.0.1:2/products"]);
    }
}
