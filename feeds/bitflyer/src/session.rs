//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, Request, RestAnswer,
    Session,
};
use serde_json::json;

use crate::{Lightning, catalogue};

/// The public WebSocket.
pub const WS_URL: &str = "wss://ws.lightstream.bitflyer.com/json-rpc";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.bitflyer.com";

/// The channels of a product, up to its name.
pub(crate) const CHANNELS: [&str; 4] =
    ["lightning_board_snapshot_", "lightning_board_", "lightning_ticker_", "lightning_executions_"];

/// Products on one connection. The recorded session had ten with 40 channels; the venue lists fewer than twenty in all.
const PRODUCTS_PER_CONNECTION: usize = 20;

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL.
    pub ws_url: String,
    /// Base of the HTTP URLs.
    pub rest_url: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { venue: "BITFLYER".to_owned(), ws_url: WS_URL.to_owned(), rest_url: REST_URL.to_owned() }
    }
}

/// A connection to bitFlyer.
#[derive(Clone, Debug, Default)]
pub struct Bitflyer {
    settings: Settings,
}

impl Bitflyer {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Bitflyer {
        Bitflyer { settings }
    }
}

/// The session of a configuration.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    Box::new(Bitflyer::new(Settings {
        venue: venue.unwrap_or(defaults.venue),
        ws_url: ws_url.unwrap_or(defaults.ws_url),
        rest_url: rest_url.unwrap_or(defaults.rest_url),
    }))
}

/// The number of a call. Its answer tells the instrument by it.
fn call(id: InstrumentId, channel: usize) -> usize {
    id.place() * CHANNELS.len() + channel + 1
}

/// The instrument whose channel was asked for by that call.
pub(crate) fn called(number: i64) -> Option<InstrumentId> {
    let before = usize::try_from(number).ok()?.checked_sub(1)?;
    u32::try_from(before / CHANNELS.len()).ok().map(InstrumentId)
}

impl Session for Bitflyer {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.trim_end_matches('/');
        ["", "/usa", "/eu"].map(|region| format!("{base}{}{region}", catalogue::PATH)).to_vec()
    }

    fn catalogue_requests(&self) -> Vec<Request> {
        // The first is the list of Japan; the other regions may be closed without being missed.
        let asked = self.catalogue_urls().into_iter().map(Request::get).enumerate();
        asked.map(|(at, request)| if at == 0 { request } else { request.optional() }).collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let products = wanted.iter().filter_map(|&id| Some((id, instruments.get(id)?)));
        products
            .flat_map(|(id, instrument)| {
                CHANNELS.iter().enumerate().map(move |(at, channel)| {
                    let channel = format!("{channel}{}", instrument.native);
                    json!({"jsonrpc": "2.0", "id": call(id, at), "method": "subscribe", "params": {"channel": channel}})
                        .to_string()
                })
            })
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue's own pings come every 15 s, and quiet markets are silent: the pong has to prove life within 5 s.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        // The venue names no limit, and the recorded session sent 40 texts within 2 ms. Eighty take 2 s this way.
        Limits {
            instruments_per_connection: PRODUCTS_PER_CONNECTION,
            between_sends: Duration::from_millis(25),
            // A snapshot of each book comes every 5 s, whether anything moved or not: three of them.
            symbol_silence: Some(Duration::from_secs(15)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Lightning::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_its_instrument() {
        for place in [0, 1, 19] {
            for channel in 0..CHANNELS.len() {
                let number = i64::try_from(call(InstrumentId(place), channel)).unwrap();
                assert_eq!(called(number), Some(InstrumentId(place)));
            }
        }
        assert_eq!((called(0), called(-1), called(i64::MAX)), (None, None, None));
    }
}
