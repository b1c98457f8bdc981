//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};

use crate::catalogue;
use crate::decode::{BitfinexV2, FLAG_CHECKSUM, FLAG_COUNTER, FLAG_TIME};

/// The public WebSocket.
pub const WS_URL: &str = "wss://api-pub.bitfinex.com/ws/2";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api-pub.bitfinex.com";

/// Longest silence of a channel. A heartbeat is promised every 15 s on each: two missed ones are too many.
pub(crate) const SILENCE: Duration = Duration::from_secs(35);

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
        Settings { venue: "BITFINEX".to_owned(), ws_url: None, rest_url: None }
    }
}

/// A connection to Bitfinex.
#[derive(Clone, Debug, Default)]
pub struct Bitfinex {
    settings: Settings,
}

impl Bitfinex {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Bitfinex {
        Bitfinex { settings }
    }
}

/// The session that a configuration asks for.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let default = Settings::default();
    Box::new(Bitfinex::new(Settings {
        venue: overrides.venue.clone().unwrap_or(default.venue),
        ws_url: overrides.ws_url.clone(),
        rest_url: overrides.rest_url.clone(),
    }))
}

impl Session for Bitfinex {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        vec![format!("{base}{}{}", catalogue::PATH, catalogue::LISTS)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let flags = FLAG_TIME | FLAG_COUNTER | FLAG_CHECKSUM;
        let conf = format!(r#"{{"event":"conf","flags":{flags}}}"#);
        let listed = wanted.iter().filter_map(|&id| instruments.get(id));
        let channels = listed.flat_map(|instrument| {
            let native = &instrument.native;
            let status = instrument
                .symbol
                .name()
                .ends_with("-PERP")
                .then(|| format!(r#"{{"event":"subscribe","channel":"status","key":"deriv:{native}"}}"#));
            let texts = ["ticker", "trades"].map(|channel| {
                format!(r#"{{"event":"subscribe","channel":"{channel}","symbol":"{native}"}}"#)
            });
            texts.into_iter().chain([book_subscription(native)]).chain(status)
        });
        std::iter::once(conf).chain(channels).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Heartbeats are 15 s apart, so the answer to this has to prove life well within the 5 s after which a feed is stale.
        KeepAlive { every: Duration::from_secs(2), text: Some(r#"{"event":"ping","cid":1}"#.to_owned()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Four channels of each at most, and 25 on a connection by the lower of the two documents.
            instruments_per_connection: 6,
            // Twenty connections a minute; one more and the address is blocked for a minute.
            between_dials: Duration::from_millis(3_200),
            between_sends: Duration::from_millis(20),
            // One channel that falls silent while another one of the symbol speaks is found by the decoder.
            symbol_silence: Some(SILENCE),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(BitfinexV2::new())
    }
}

/// The text that subscribes a book.
pub(crate) fn book_subscription(native: &str) -> String {
    format!(
        r#"{{"event":"subscribe","channel":"book","symbol":"{native}","prec":"P0","freq":"F0","len":"25"}}"#
    )
}
