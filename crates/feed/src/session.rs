//! Where to connect, what to say, how to keep the connection alive, and how to read the venue's catalogue.

use std::fmt;
use std::time::Duration;

use crate::{Decoder, InstrumentId, Instruments};

/// One answer of the venue's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestAnswer {
    /// The URL that was asked; `-` when a recording does not name it.
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
    /// Least time between two frames that we send while subscribing.
    pub between_sends: Duration,
    /// Longest message the venue is expected to send, in bytes; a longer one ends the connection.
    pub message_bytes_max: usize,
    /// Longest time without any frame (pongs count) before the feed is stale. The configuration can override it.
    pub silence: Duration,
    /// Longest time without a message of the venue, where it promises one (a heartbeat channel): answers to pings prove a
    /// connection, not a subscription. `None` where quiet markets are silent.
    pub message_silence: Option<Duration>,
    /// Longest life of a connection before we renew it ourselves, if the venue cuts it anyway.
    pub max_age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            instruments_per_connection: 200,
            between_sends: Duration::from_millis(120),
            message_bytes_max: 4 << 20,
            silence: Duration::from_secs(5),
            message_silence: None,
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

    /// Reads the catalogue from answers to [`Session::catalogue_urls`], or from a recording's answers, in which other
    /// URLs may stand as well and hosts may be older ones: take what can be recognised and ignore the rest.
    ///
    /// # Errors
    /// When an answer is not what the venue documents. Whatever was read before stays in `instruments`.
    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError>;

    /// The WebSocket URL for these instruments.
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
