//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::{Value, json};

use crate::{Okx5, catalogue};

/// The public WebSocket (probes of 2026; some regions have hosts of their own).
pub const WS_URL: &str = "wss://ws.okx.com:8443/ws/v5/public";
/// Where the catalogue is served.
pub const REST_URL: &str = "https://www.okx.com";

/// Arguments in one subscription text. OKX takes 64 KB of them; two hundred of about 60 bytes stay far below.
const ARGUMENTS_PER_TEXT: usize = 200;

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Canonical venue name.
    pub venue: String,
    /// WebSocket URL; `None` for the venue's own.
    pub ws_url: Option<String>,
    /// Base of the HTTP URLs; `None` for the venue's own.
    pub rest_url: Option<String>,
    /// Underlyings whose options stand in the catalogue: OKX lists options for one underlying at a time.
    pub options: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            venue: "OKX".to_owned(),
            ws_url: None,
            rest_url: None,
            options: ["BTC-USD", "ETH-USD"].map(str::to_owned).to_vec(),
        }
    }
}

/// A connection to OKX.
#[derive(Clone, Debug, Default)]
pub struct Okx {
    settings: Settings,
}

impl Okx {
    /// A session with these settings.
    pub const fn new(settings: Settings) -> Okx {
        Okx { settings }
    }
}

/// A session with what a configuration changes about it.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let defaults = Settings::default();
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    let venue = venue.unwrap_or_else(|| defaults.venue.clone());
    Box::new(Okx::new(Settings { venue, ws_url, rest_url, ..defaults }))
}

impl Session for Okx {
    fn venue(&self) -> &str {
        &self.settings.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let base = self.settings.rest_url.as_deref().unwrap_or(REST_URL).trim_end_matches('/');
        let kinds = ["SPOT", "SWAP", "FUTURES"].map(str::to_owned);
        let options = self.settings.options.iter().map(|uly| format!("OPTION&uly={uly}"));
        kinds
            .into_iter()
            .chain(options)
            .map(|kind| format!("{base}{}?instType={kind}", catalogue::PATH))
            .collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.settings.ws_url.as_deref().unwrap_or(WS_URL).to_owned()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        let arguments: Vec<Value> = natives
            .flat_map(|native| channels(native).map(move |channel| argument(channel, native)))
            .collect();
        arguments.chunks(ARGUMENTS_PER_TEXT).map(|args| operation("subscribe", args)).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // OKX has no heartbeat of its own. Its pong has to prove life well within the 5 s after which a feed is stale; that
        // also satisfies the 30 s after which OKX ends a silent connection.
        KeepAlive { every: Duration::from_secs(2), text: Some("ping".to_owned()) }
    }

    fn limits(&self) -> Limits {
        // Three connections a second are allowed; subscriptions are few texts, far from 480 an hour.
        Limits { between_sends: Duration::from_millis(350), ..Limits::default() }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Okx5::new())
    }
}

/// The channels of an instrument. The kind shows in the native name: `BTC-USDT` is spot, and names of three and more
/// parts are derivatives, of which `-SWAP` ends the perpetual ones.
fn channels(native: &str) -> impl Iterator<Item = &'static str> {
    let perpetual = native.ends_with("-SWAP");
    let derivative = native.split('-').count() > 2;
    ["bbo-tbt", "trades", "tickers"]
        .into_iter()
        .chain(derivative.then_some("mark-price"))
        .chain(perpetual.then_some("funding-rate"))
}

/// One argument of a subscription.
pub(crate) fn argument(channel: &str, native: &str) -> Value {
    json!({"channel": channel, "instId": native})
}

/// The text of `subscribe` and `unsubscribe`.
pub(crate) fn operation(op: &str, args: &[Value]) -> String {
    json!({"op": op, "args": args}).to_string()
}
