//! Bytes on the wire: frames, ids, subscription requests, and the client's side of them.
//!
//! Version 1 of the wire is told in full, for people who write clients, in `PROTOCOL.md` beside this crate. Nothing
//! here opens a socket, waits, or reads a clock: quotes and text come in, bytes and values go out.
//!
//! | file | what it is |
//! |---|---|
//! | [`id`] | event ids, `<epoch>-<seq>`, from which a stream resumes |
//! | [`style`] | how events are written: format, numbers, times |
//! | [`frame`] | what stands around an event: the `id`, `event`, `data` and `retry` lines, or one line of NDJSON |
//! | [`encode`] | the events themselves, written by hand into a byte buffer; its `csv` has the rows |
//! | [`json`], `time` | the few pieces the encoder is made of |
//! | [`hello`] | the first event of a stream, and the answer that tells its state |
//! | [`answer`] | the body of `GET /v1/quotes` |
//! | [`request`] | query strings and JSON bodies to checked requests |
//! | [`decode`] | the client's side: bytes to events, cut wherever the network cuts them |
//! | [`event`] | the client's side: events to typed values |
//! | [`view`] | the client's side: what a reader that merged every event now believes |
//!
//! # What holds
//!
//! * Every byte written is part of a whole event: UTF-8, LF only, one line of JSON data (promise 12).
//! * Numbers leave with the digits they came with, as JSON strings, JSON numbers or CSV values (promise 13).
//! * Nothing from outside reaches the `id`, `event`, `retry` or comment lines. Outside text stands only inside JSON
//!   strings, escaped by [`json::text`], or in CSV values, quoted; symbols need neither, because [`market::Symbol`] has
//!   no character that does.

pub mod answer;
pub mod decode;
pub mod encode;
pub mod event;
pub mod frame;
pub mod hello;
pub mod id;
pub mod json;
pub mod request;
pub mod style;
pub mod view;

mod time;

pub use decode::{EventTooLong, Parser, RawEvent};
pub use event::{Event, EventError};
pub use frame::EventName;
pub use id::{EventId, IdError, ResetReason};
pub use request::{
    AnswerFormat, Change, Mode, Pattern, QuotesRequest, Rate, RequestError, RequestLimits, Settings,
    StreamRequest, SymbolReason, SymbolsRequest,
};
pub use style::{Format, Numbers, Style, Times};
pub use view::{View, ViewError};
