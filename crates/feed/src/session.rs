//! Where to connect, what to say, how to keep the connection alive, and how to read the venue's catalogue.

use std::fmt;
use std::time::Duration;

use crate::{Decoder, Instrument, InstrumentId, Instruments};

/// A credential. It shows itself to nobody who prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides that text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What a configuration can change about any venue's session.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another canonical venue name.
    pub venue: Option<String>,
    /// Another place to connect to.
    pub ws_url: Option<String>,
    /// Another base of the HTTP interface.
    pub rest_url: Option<String>,
    /// The account that a venue's addresses name (OANDA).
    pub account: Option<String>,
    /// The key, or the token.
    pub key: Option<Secret>,
    /// What belongs to the key where a venue gives out two.
    pub secret: Option<Secret>,
}

/// A question to the venue's HTTP interface. The session's headers go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub url: String,
    /// A body of JSON (it may be empty) makes it a POST, its absence a GET.
    pub body: Option<String>,
    /// Whether the catalogue is of use without its answer: details of one symbol, one region of several.
    pub optional: bool,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Request {
        Request { url: url.into(), body: None, optional: false }
    }

    /// A POST of that JSON.
    pub fn post(url: impl Into<String>, body: impl Into<String>) -> Request {
        Request { url: url.into(), body: Some(body.into()), optional: false }
    }

    /// The same, and what comes of it is not needed: an answer that cannot be had is left out.
    #[must_use]
    pub fn optional(self) -> Request {
        Request { optional: true, ..self }
    }

    /// What its answer is known by: the URL, and for a POST with a body a blank and the body.
    pub fn name(&self) -> String {
        match self.body.as_deref() {
            None | Some("") => self.url.clone(),
            Some(body) => format!("{} {body}", self.url),
        }
    }
}

/// One answer of the venue's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestAnswer {
    /// What was asked, see [`Request::name`]; `-` when a recording does not name it.
    pub url: String,
    /// The body.
    pub body: String,
}

/// Why a catalogue could not be read: try again later, and name the venue's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError(pub String);

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "catalogue: {}", self.0)
    }
}

impl std::error::Error for CatalogueError {}

/// What the client side sends to keep a quiet connection open and to prove that it is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How often, counted from the last message sent by us.
    pub every: Duration,
    /// The text to send; `None` sends a WebSocket ping.
    pub text: Option<String>,
}

/// What a venue allows, and what we assume of its quiet times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most instruments on one connection; the supervisor opens more connections beyond it.
    pub instruments_per_connection: usize,
    /// Least time between two dials. OKX takes three connections a second from one address, Bitfinex twenty a minute.
    pub between_dials: Duration,
    /// Least time between two frames that we send while subscribing.
    pub between_sends: Duration,
    /// Longest message the venue is expected to send, in bytes; a longer one ends the connection.
    pub message_bytes_max: usize,
    /// Longest time without any frame (pongs count) before the feed is stale. The configuration can override it.
    pub silence: Duration,
    /// Longest time without a message of the venue, where it promises one (a heartbeat channel): answers to pings prove a
    /// connection, not a subscription. `None` where quiet markets are silent.
    pub message_silence: Option<Duration>,
    /// Longest time without hearing of one symbol, where the venue promises to speak of each (a heartbeat a channel, a quote
    /// repeated every few seconds). `None` where quiet symbols are silent.
    pub symbol_silence: Option<Duration>,
    /// Longest life of a connection before we renew it ourselves, if the venue cuts it anyway.
    pub max_age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            instruments_per_connection: 200,
            between_dials: Duration::from_millis(350),
            between_sends: Duration::from_millis(120),
            message_bytes_max: 4 << 20,
            silence: Duration::from_secs(5),
            message_silence: None,
            symbol_silence: None,
            max_age: None,
        }
    }
}

/// The venue's rules for one kind of connection. No I/O: everything here is text in, text out.
pub trait Session: Send + Sync + fmt::Debug {
    /// The canonical venue name, the part before the colon (`KRAKEN`).
    fn venue(&self) -> &str;

    /// The URLs that hold the catalogue, in the order in which [`Session::catalogue`] wants them.
    fn catalogue_urls(&self) -> Vec<String>;

    /// What has to be asked for the catalogue, where plain URLs do not say it; the answers come in this order.
    fn catalogue_requests(&self) -> Vec<Request> {
        self.catalogue_urls().into_iter().map(Request::get).collect()
    }

    /// What has to be asked besides because of the answers so far: a next page, details of symbols that the configuration
    /// wishes for. It is called again with the answers to that, until it returns nothing new; what was asked before is not asked
    /// again, and after 20 rounds nothing is.
    fn catalogue_more(&self, _answers: &[RestAnswer], _wishes: &[String]) -> Vec<Request> {
        Vec::new()
    }

    /// Reads the catalogue from answers to [`Session::catalogue_urls`], or from a recording's answers, in which other
    /// URLs may stand as well and hosts may be older ones: take what can be recognised and ignore the rest.
    ///
    /// # Errors
    /// When an answer is not what the venue documents. Whatever was read before stays in `instruments`.
    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError>;

    /// Headers of every dial and every request: credentials. They are never recorded and never logged.
    fn headers(&self) -> Vec<(&'static str, Secret)> {
        Vec::new()
    }

    /// What has to be asked before each dial, because the answer names the endpoint or holds a ticket for it.
    fn door(&self) -> Option<Request> {
        None
    }

    /// The endpoint that follows from the answer of the [`Session::door`].
    ///
    /// # Errors
    /// When the answer is not what the venue documents.
    fn endpoint_by(
        &self,
        _answer: &str,
        instruments: &Instruments,
        wanted: &[InstrumentId],
    ) -> Result<String, CatalogueError> {
        Ok(self.endpoint(instruments, wanted))
    }

    /// Texts to send as soon as the connection is open, before the subscription: a login. They are never recorded.
    fn login(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the subscription waits until the decoder has said [`crate::Batch::ready`].
    fn waits_for_ready(&self) -> bool {
        false
    }

    /// What a wish that the catalogue does not hold would be, where the venue takes names without listing them.
    fn named(&self, _wish: &str) -> Option<Instrument> {
        None
    }

    /// Whether everything is sent to everybody, so that `*` means whatever is heard: names come with the messages.
    fn names_what_it_sends(&self) -> bool {
        false
    }

    /// Where to connect for these instruments. The scheme says how: `wss` and `ws` for a WebSocket,
    /// `https` and `http` for an answer of lines without an end, `udp` for datagrams; see [`crate::connection`].
    fn endpoint(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> String;

    /// The texts to send once connected, in order.
    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String>;

    /// How to keep the connection alive.
    fn keep_alive(&self) -> KeepAlive;

    /// What the venue allows.
    fn limits(&self) -> Limits;

    /// A fresh decoder for one connection.
    fn decoder(&self) -> Box<dyn Decoder>;
}
