//! The first event of a stream: what was asked for, and what is given.

use market::{FieldSet, Micros, Status, Symbol};

use crate::frame::{self, EventName};
use crate::{EventId, Mode, SymbolReason, json};

/// What `hello` tells. The client's side of it is [`crate::event::Hello`].
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// Name of this stream, for support and for later changes to it.
    pub stream: String,
    /// This life of the table: the part of every id before the hyphen.
    pub epoch: u64,
    /// The server's clock.
    pub server_time: Micros,
    /// The symbols that are streamed, in the order of the request.
    pub accepted: &'a [Symbol],
    /// The texts that are not, and why.
    pub rejected: &'a [(String, SymbolReason)],
    /// The settings in force, whatever was asked for.
    pub effective: Effective,
    /// Most symbols that this server allows on one stream.
    pub symbols_max: usize,
    /// The feeds behind the accepted symbols.
    pub feeds: Vec<FeedState>,
}

/// The settings in force on a stream.
#[derive(Clone, Debug)]
pub struct Effective {
    /// What is merged.
    pub mode: Mode,
    /// The fields that quotes may carry.
    pub fields: FieldSet,
    /// Whether events have an `event` line.
    pub named: bool,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// Longest time between two events, in milliseconds.
    pub heartbeat_ms: u64,
    /// What the client waits before it reconnects, in milliseconds; the same as in the `retry` line.
    pub retry_ms: u64,
}

/// A feed as clients see it.
#[derive(Clone, Debug)]
pub struct FeedState {
    /// The operator's name for it, as in `status` events.
    pub feed: String,
    /// The venue, as before the colon of its symbols.
    pub venue: String,
    /// The adapter (`binance`, `kraken`, `sim`).
    pub kind: String,
    /// What its prices are: `live`, `delayed`, `demo`, `replay` or `synthetic`.
    pub mode: &'static str,
    /// Whether it can be believed.
    pub status: Status,
}

/// Appends a `hello` event.
pub fn hello(out: &mut Vec<u8>, named: bool, hello: &Hello<'_>) {
    frame::begin(out, EventName::Hello, named);
    out.extend_from_slice(b",\"stream\":");
    json::text(out, &hello.stream);
    out.extend_from_slice(b",\"epoch\":");
    json::text(out, &EventId::epoch_text(hello.epoch));
    out.extend_from_slice(b",\"server_time\":");
    json::integer(out, hello.server_time.get());
    out.extend_from_slice(b",\"accepted\":");
    json::list(out, hello.accepted, |out, symbol| json::text(out, symbol.as_str()));
    out.extend_from_slice(b",\"rejected\":");
    rejected_list(out, hello.rejected);
    out.extend_from_slice(b",\"effective\":");
    effective(out, &hello.effective);
    out.extend_from_slice(b",\"limits\":{\"symbols_per_stream\":");
    json::integer(out, hello.symbols_max);
    out.extend_from_slice(b"},\"feeds\":");
    json::list(out, &hello.feeds, feed);
    frame::end(out);
}

fn effective(out: &mut Vec<u8>, effective: &Effective) {
    out.extend_from_slice(b"{\"mode\":");
    json::text(out, effective.mode.name());
    out.extend_from_slice(b",\"fields\":");
    json::list(out, effective.fields.iter(), |out, field| json::text(out, field.name()));
    for (key, value) in [("named", effective.named), ("snapshot", effective.snapshot)] {
        member(out, key);
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }
    for (key, value) in [("heartbeat_ms", effective.heartbeat_ms), ("retry_ms", effective.retry_ms)] {
        member(out, key);
        json::integer(out, value);
    }
    out.push(b'}');
}

fn feed(out: &mut Vec<u8>, feed: &FeedState) {
    out.extend_from_slice(b"{\"feed\":");
    json::text(out, &feed.feed);
    let members = [
        ("venue", feed.venue.as_str()),
        ("kind", feed.kind.as_str()),
        ("mode", feed.mode),
        ("status", feed.status.name()),
    ];
    for (key, value) in members {
        member(out, key);
        json::text(out, value);
    }
    out.push(b'}');
}

fn member(out: &mut Vec<u8>, key: &str) {
    out.push(b',');
    json::text(out, key);
    out.push(b':');
}

/// The list of symbols that are not served, in `hello` and in answers.
pub(crate) fn rejected_list(out: &mut Vec<u8>, rejected: &[(String, SymbolReason)]) {
    json::list(out, rejected, |out, (symbol, reason)| {
        out.extend_from_slice(b"{\"symbol\":");
        json::text(out, symbol);
        out.extend_from_slice(b",\"reason\":");
        json::text(out, reason.name());
        out.push(b'}');
    });
}
