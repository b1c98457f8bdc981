//! The first event of a stream: what was asked for, and what is given. And the answer that tells the same later.

use market::{Micros, Status, Symbol};

use crate::frame::{self, EventName};
use crate::{EventId, Format, Pattern, Settings, Style, SymbolReason, json, time};

/// What `hello` tells. The client's side of it is [`crate::event::Hello`].
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// Name of this stream, for support and for later changes to it.
    pub stream: String,
    /// This life of the table: the part of every id before the hyphen.
    pub epoch: u64,
    /// The server's clock.
    pub server_time: Micros,
    /// The symbols that are streamed: those of the request in its order, then those that its patterns match so far.
    pub accepted: &'a [Symbol],
    /// The texts that are not, and why.
    pub rejected: &'a [(String, SymbolReason)],
    /// The settings in force, whatever was asked for.
    pub effective: Effective<'a>,
    /// Most symbols that this server allows on one stream.
    pub symbols_max: usize,
    /// The feeds behind the accepted symbols.
    pub feeds: Vec<FeedState>,
}

/// The settings in force on a stream, whatever was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Effective<'a> {
    /// What the stream may change.
    pub settings: &'a Settings,
    /// How its events are written.
    pub style: Style,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// Longest time between two events, in milliseconds.
    pub heartbeat_ms: u64,
    /// What the client waits before it reconnects, in milliseconds; the same as in the `retry` line.
    pub retry_ms: u64,
    /// After how many events the stream ends, if it does.
    pub limit: Option<u64>,
    /// After what time the client wanted it to end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// At what age the server will end it, in milliseconds.
    pub max_age_ms: Option<u64>,
    /// The patterns that symbols are added by.
    pub patterns: &'a [Pattern],
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

/// Appends a `hello` event. CSV has no row for it.
pub fn hello(out: &mut Vec<u8>, style: Style, hello: &Hello<'_>) {
    if style.format == Format::Csv {
        return;
    }
    frame::begin(out, EventName::Hello, style);
    out.extend_from_slice(b",\"stream\":");
    json::text(out, &hello.stream);
    out.extend_from_slice(b",\"epoch\":");
    json::text(out, &EventId::epoch_text(hello.epoch));
    out.extend_from_slice(b",\"server_time\":");
    time::json_value(out, style.times, hello.server_time);
    out.extend_from_slice(b",\"accepted\":");
    symbols(out, hello.accepted);
    out.extend_from_slice(b",\"rejected\":");
    rejected_list(out, hello.rejected);
    out.extend_from_slice(b",\"effective\":");
    effective(out, &hello.effective);
    out.extend_from_slice(b",\"limits\":{\"symbols_per_stream\":");
    json::integer(out, hello.symbols_max);
    out.extend_from_slice(b"},\"feeds\":");
    json::list(out, &hello.feeds, feed);
    frame::end(out, style);
}

/// Appends the body of an answer that tells what a stream is now (`GET` and `PATCH /v1/streams/{id}`).
pub fn state(
    out: &mut Vec<u8>,
    stream: &str,
    accepted: &[Symbol],
    rejected: &[(String, SymbolReason)],
    now: &Effective<'_>,
) {
    out.extend_from_slice(b"{\"stream\":");
    json::text(out, stream);
    out.extend_from_slice(b",\"accepted\":");
    symbols(out, accepted);
    out.extend_from_slice(b",\"patterns\":");
    patterns(out, now.patterns);
    out.extend_from_slice(b",\"rejected\":");
    rejected_list(out, rejected);
    out.extend_from_slice(b",\"effective\":");
    effective(out, now);
    out.push(b'}');
}

/// What is not set is left out, but for what every stream has.
fn effective(out: &mut Vec<u8>, effective: &Effective<'_>) {
    let Effective { settings, style, .. } = effective;
    out.extend_from_slice(b"{\"mode\":");
    json::text(out, settings.mode.name());
    out.extend_from_slice(b",\"fields\":");
    json::list(out, settings.fields.iter(), |out, field| json::text(out, field.name()));
    for (key, value) in [("named", style.named), ("snapshot", effective.snapshot)] {
        flag(out, key, value);
    }
    for (key, value) in [("heartbeat_ms", effective.heartbeat_ms), ("retry_ms", effective.retry_ms)] {
        number(out, key, value);
    }
    let words =
        [("format", style.format.name()), ("numbers", style.numbers.name()), ("times", style.times.name())];
    for (key, value) in words {
        member(out, key);
        json::text(out, value);
    }
    flag(out, "align", settings.align);
    if let Some(rate) = settings.max_rate {
        member(out, "max_rate");
        out.extend_from_slice(rate.to_string().as_bytes());
    }
    if !settings.symbol_rates.is_empty() {
        member(out, "symbol_rates");
        out.push(b'{');
        for (at, (symbol, rate)) in settings.symbol_rates.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            json::text(out, symbol.as_str());
            out.push(b':');
            out.extend_from_slice(rate.to_string().as_bytes());
        }
        out.push(b'}');
    }
    if !settings.priority.is_empty() {
        member(out, "priority");
        symbols(out, &settings.priority);
    }
    let optional = [
        ("max_kbps", settings.max_kbps.map(u64::from)),
        ("limit", effective.limit),
        ("duration_ms", effective.duration_ms),
        ("max_age_ms", effective.max_age_ms),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            number(out, key, value);
        }
    }
    if !effective.patterns.is_empty() {
        member(out, "patterns");
        patterns(out, effective.patterns);
    }
    out.push(b'}');
}

fn symbols(out: &mut Vec<u8>, symbols: &[Symbol]) {
    json::list(out, symbols, |out, symbol| json::text(out, symbol.as_str()));
}

fn patterns(out: &mut Vec<u8>, patterns: &[Pattern]) {
    json::list(out, patterns, |out, pattern| json::text(out, pattern.as_str()));
}

fn flag(out: &mut Vec<u8>, key: &str, value: bool) {
    member(out, key);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn number(out: &mut Vec<u8>, key: &str, value: u64) {
    member(out, key);
    json::integer(out, value);
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
    json::list(out, rejected, |out, (symbol, reason)| rejected_entry(out, symbol, *reason));
}

/// One of them.
pub(crate) fn rejected_entry(out: &mut Vec<u8>, symbol: &str, reason: SymbolReason) {
    out.extend_from_slice(b"{\"symbol\":");
    json::text(out, symbol);
    out.extend_from_slice(b",\"reason\":");
    json::text(out, reason.name());
    out.push(b'}');
}
