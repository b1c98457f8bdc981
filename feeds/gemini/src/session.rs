//! Where to connect, what to say, how to stay connected: the current interface and v2.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, Instrument, InstrumentId, Instruments, KeepAlive, Limits, Overrides, Request,
    RestAnswer, Session,
};
use serde_json::json;

use crate::{Gemini, catalogue};

/// The WebSocket of the current interface.
pub const WS_URL: &str = "wss://ws.gemini.com";
/// The WebSocket of market data v2, archived and still served.
pub const V2_URL: &str = "wss://api.gemini.com/v2/marketdata";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://api.gemini.com";

/// Symbols whose details are asked for whatever is wished: one request each, of 120 a minute. The spot pairs have been listed for years, the
/// perpetuals are those of 2026-09-15. A symbol that the venue no longer lists would fail the catalogue.
const DETAILS: [&str; 14] = [
    "btcusd",
    "ethusd",
    "solusd",
    "xrpusd",
    "ltcusd",
    "bchusd",
    "dogeusd",
    "linkusd",
    "ethbtc",
    "btcgusdperp",
    "ethgusdperp",
    "solgusdperp",
    "xrpgusdperp",
    "avaxgusdperp",
];

/// Most details that are asked for, so that the catalogue stays within the venue's 120 requests a minute.
const DETAILS_MAX: usize = 110;

/// Which of the two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Api {
    /// `ws.gemini.com`.
    #[default]
    Current,
    /// Market data v2.
    V2,
}

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which of the two interfaces.
    pub api: Api,
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs; `None` for the venue's own.
    pub rest_url: Option<String>,
    /// Native names of the symbols whose details are asked for in any case. Others are asked for when a wish would split their
    /// name (`SHIB-USD`), and else keep their bare names.
    pub details: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            api: Api::default(),
            venue: "GEMINI".to_owned(),
            ws_url: None,
            rest_url: None,
            details: DETAILS.map(str::to_owned).to_vec(),
        }
    }
}

/// A connection to Gemini.
#[derive(Clone, Debug, Default)]
pub struct GeminiSession {
    settings: Settings,
}

impl GeminiSession {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> GeminiSession {
        GeminiSession { settings }
    }
}

/// A session of the current interface, as a configuration asks for it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(GeminiSession::new(settings(Api::Current, overrides)))
}

/// A session of market data v2, as a configuration asks for it.
pub fn session_v2(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(GeminiSession::new(settings(Api::V2, overrides)))
}

fn settings(api: Api, overrides: &Overrides) -> Settings {
    let default = Settings::default();
    Settings {
        api,
        venue: overrides.venue.clone().unwrap_or(default.venue),
        ws_url: overrides.ws_url.clone(),
        rest_url: overrides.rest_url.clone(),
        details: default.details,
    }
}

fn is_perpetual(instrument: &Instrument) -> bool {
    instrument.symbol.name().ends_with("-PERP")
}

impl Session for GeminiSession {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        let details = self.settings.details.iter();
        let details =
            details.map(|name| format!("{base}{}{}", catalogue::DETAILS, name.to_ascii_lowercase()));
        std::iter::once(format!("{base}{}", catalogue::SYMBOLS)).chain(details).collect()
    }

    fn catalogue_requests(&self) -> Vec<Request> {
        // Details of a symbol that is no longer listed must not keep all others out.
        let details = |url: &str| url.contains(catalogue::DETAILS);
        let ask = |url: String| if details(&url) { Request::get(url).optional() } else { Request::get(url) };
        self.catalogue_urls().into_iter().map(ask).collect()
    }

    fn catalogue_more(&self, answers: &[RestAnswer], wishes: &[String]) -> Vec<Request> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        let left =
            DETAILS_MAX.saturating_sub(answers.iter().filter(|a| a.url.contains(catalogue::DETAILS)).count());
        let wished = catalogue::wished(answers, &self.settings.venue, wishes).take(left);
        wished
            .map(|native| Request::get(format!("{base}{}{native}", catalogue::DETAILS)).optional())
            .collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        let own = match self.settings.api {
            Api::Current => WS_URL,
            Api::V2 => V2_URL,
        };
        self.settings.ws_url.as_deref().unwrap_or(own).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let listed: Vec<&Instrument> = wanted.iter().filter_map(|&id| instruments.get(id)).collect();
        match self.settings.api {
            Api::Current => listed.into_iter().flat_map(current_texts).collect(),
            Api::V2 => {
                let name = |instrument: &&Instrument| instrument.native.to_ascii_uppercase();
                let all: Vec<String> = listed.iter().map(name).collect();
                let perpetuals: Vec<String> = listed.iter().filter(|i| is_perpetual(i)).map(name).collect();
                let mut channels = vec![json!({"name": "l2", "symbols": all})];
                if !perpetuals.is_empty() {
                    channels.push(json!({"name": "mark_price", "symbols": perpetuals}));
                }
                vec![json!({"type": "subscribe", "subscriptions": channels}).to_string()]
            }
        }
    }

    fn keep_alive(&self) -> KeepAlive {
        match self.settings.api {
            // The venue's own pings are 20 s apart, so the answer to ours has to prove life well within the 5 s after which a
            // feed is stale.
            Api::Current => {
                let text = json!({"id": "ping", "method": "ping"}).to_string();
                KeepAlive { every: Duration::from_secs(2), text: Some(text) }
            }
            Api::V2 => KeepAlive { every: Duration::from_secs(5), text: None },
        }
    }

    fn limits(&self) -> Limits {
        match self.settings.api {
            Api::Current => Limits {
                instruments_per_connection: 100,
                between_sends: Duration::from_millis(20),
                // `@depth20` is promised every second.
                symbol_silence: Some(Duration::from_secs(15)),
                ..Limits::default()
            },
            // A heartbeat comes every 5 s: two missed ones are too many.
            Api::V2 => Limits {
                instruments_per_connection: 100,
                silence: Duration::from_secs(12),
                message_silence: Some(Duration::from_secs(12)),
                ..Limits::default()
            },
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Gemini::new())
    }
}

/// The texts of one symbol. A refusal repeats the `id`, and refuses all of its text: so each symbol has its own, and the
/// mark, which the venue does not document, another.
fn current_texts(instrument: &Instrument) -> impl Iterator<Item = String> {
    let name = instrument.native.to_ascii_lowercase();
    let streams = ["bookTicker", "trade", "depth20"].map(|stream| format!("{name}@{stream}"));
    let mark = is_perpetual(instrument).then(|| {
        let stream = format!("{name}@markPrice");
        method("subscribe", &stream, std::slice::from_ref(&stream))
    });
    std::iter::once(method("subscribe", &name, &streams)).chain(mark)
}

/// The text of a method with streams.
pub(crate) fn method(method: &str, id: &str, streams: &[String]) -> String {
    json!({"id": id, "method": method, "params": streams}).to_string()
}
