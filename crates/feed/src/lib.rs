//! The contract of a feed adapter, and everything adapters share: sockets, supervision, recordings.
//!
//! An adapter is two things, both without I/O:
//!
//! * a [`Session`]: where to connect, what to say, how to keep the connection alive, what counts as silence, and how
//!   to read the venue's catalogue of symbols;
//! * a [`Decoder`]: pure bytes to updates. State is allowed (sequence numbers, partial books); a clock, a log or a
//!   socket is not. The same frames always give the same updates.
//!
//! Everything hard is here once: [`supervisor`] connects, subscribes, watches silence, backs off with full jitter,
//! resubscribes and reports; [`connection`] carries frames over WebSocket, HTTP or datagrams; [`rest`] fetches the
//! catalogue; [`capture`] reads and writes recordings. Updates leave through a [`Sink`], which never blocks. A feed does not know that the table
//! exists.
//!
//! | file | what it is |
//! |---|---|
//! | [`session`] | the adapter's side: endpoint, subscribe text, keep-alive, limits, catalogue |
//! | [`decoder`] | the adapter's side: frames to updates |
//! | [`instrument`] | the symbols of one feed: native names, canonical names, small ids |
//! | [`listing`] | the entries of a catalogue one by one, without the odd ones |
//! | [`halts`] | what a catalogue says of suspended instruments |
//! | [`sink`] | where updates go |
//! | [`book`] | a rebuilt order book of bounded depth that keeps the venue's digits |
//! | [`json`] | borrowed JSON pieces that keep the venue's digits |
//! | [`inflate`] | compressed frames back to text, within a bound |
//! | [`supervisor`], [`backoff`], [`connection`], [`rest`] | keeping a session alive |
//! | [`network`] | the ways out of the process, which a simulation replaces |
//! | [`capture`] | recordings: `recv_ns TAB kind TAB payload` |
//! | [`pump`] | recorded frames through a decoder into a sink: the same path without a socket |
//! | [`metrics`] | this crate's series |

pub mod backoff;
pub mod book;
pub mod capture;
pub mod connection;
pub mod decoder;
pub mod halts;
pub mod inflate;
pub mod instrument;
pub mod json;
pub mod listing;
pub mod metrics;
pub mod network;
pub mod pump;
pub mod rest;
pub mod session;
pub mod sink;
pub mod supervisor;

pub use decoder::{Batch, DecodeError, Decoder, Frame, Ignored};
pub use instrument::{Instrument, InstrumentId, Instruments};
pub use pump::{FrameTap, Intake, Stats};
pub use session::{CatalogueError, KeepAlive, Limits, Overrides, Request, RestAnswer, Secret, Session};
pub use sink::{Outcome, Sink, SymbolRef};
pub use supervisor::{FeedEnd, FeedHandle, FeedSettings, Timing};
