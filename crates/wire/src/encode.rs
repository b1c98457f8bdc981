//! The events, written by hand: no allocation, no formatting machinery, no check that a type does not already give.
//!
//! Each function appends one event without its id, so that the bytes can be shared by every client that is owed the
//! same; [`id_line`] goes before those kinds for which [`EventName::has_id`] holds. Only enum names, digits, canonical
//! symbols, [`json::text`] and quoted CSV text are ever written.
//!
//! Every function takes a [`Style`]. What differs is decided once an event or once a field, never a digit. CSV is the odd
//! one: a row holds the whole quote, whatever changed, and its columns are those of `wanted`, which therefore stands at
//! the end of every function that writes a row. `wanted` must stay what the [`head`] was given.
//!
//! A symbol is written as it is: [`market::Symbol`] holds upper-case letters, digits and `. _ / - :` only, none of
//! which JSON escapes (`symbols_need_no_escaping` below) and none of which CSV quotes.

use market::exact::write_decimal;
use market::{Field, FieldSet, Micros, Quote, Reason, Side, Status, Symbol};

use crate::frame::{self, EventName};
use crate::{Format, Numbers, Style, SymbolReason, json, time};

mod csv;
mod opening;

use csv::Row;
use opening::opening;

pub use crate::answer::{csv_header, quote_line, quote_object, quotes_close, quotes_open, rejected_lines};
pub use crate::frame::id_line;
pub use crate::hello::{Effective, FeedState, Hello, hello, state};

pub(crate) use csv::{header, quote_values as csv_quote_values, rejected_row};

/// Room for a usual delta: 60 bytes of frame, a symbol, three times and four numbers. One growth instead of several
/// when the buffer is new; larger events still fit, they grow it.
const USUAL_BYTES: usize = 320;

/// Whether a `quote` event with these changed fields tells a client with these wanted fields anything. Times alone do
/// not: they only say when something moved. A change of status always does, wanted or not (promise 10).
pub const fn moves(changed: FieldSet, wanted: FieldSet) -> bool {
    changed.contains(Field::Status)
        || !changed.with_derived().intersection(wanted).minus(FieldSet::TIMES).is_empty()
}

/// Appends what a stream begins with. Server-sent events: a comment and the `retry` line; the first event, [`hello`] or
/// [`refused`], must follow at once, because these lines are of its block. NDJSON: nothing. CSV: the header line, and a row
/// for every rejected symbol.
///
/// `retry_ms` should be a random value of 1,000 to 60,000 for each connection: browsers wait exactly this long, so
/// equal values bring everybody back in the same moment, and 0 makes one tab reconnect hundreds of times a second.
pub fn head(
    out: &mut Vec<u8>,
    style: Style,
    retry_ms: u64,
    wanted: FieldSet,
    rejected: &[(String, SymbolReason)],
) {
    match style.format {
        Format::Sse => frame::retry(out, retry_ms),
        Format::Ndjson => {}
        Format::Csv => {
            header(out, b"id,type,symbol,seq", wanted, b"n");
            for (symbol, reason) in rejected {
                out.extend_from_slice(b",rejected,");
                rejected_row(out, wanted, symbol, *reason);
            }
        }
    }
}

/// Appends a `quote` event: the wanted ones of the changed fields, and the derived fields that moved with them. A
/// field without a value is `null`. `merged` is how many changes this one event tells; it is written when above 1.
pub fn quote(
    out: &mut Vec<u8>,
    style: Style,
    symbol: &Symbol,
    quote: &Quote,
    changed: FieldSet,
    wanted: FieldSet,
    merged: u64,
) {
    out.reserve(USUAL_BYTES);
    if style.format == Format::Csv {
        return Row::new(EventName::Quote)
            .n((merged > 1).then_some(merged))
            .quote(out, style, wanted, symbol, quote);
    }
    frame::begin(out, EventName::Quote, style);
    subject(out, symbol, quote.seq);
    figures(out, style, quote, changed.with_derived().intersection(wanted), Absent::Null);
    times(out, style, quote, wanted);
    if merged > 1 {
        out.extend_from_slice(b",\"n\":");
        json::integer(out, merged);
    }
    if changed.contains(Field::Status) {
        status_members(out, style, quote.status, quote.status_since, quote.reason);
    }
    frame::end(out, style);
}

/// Appends a `snapshot` event: the wanted fields that have a value, and always the status.
pub fn snapshot(out: &mut Vec<u8>, style: Style, symbol: &Symbol, quote: &Quote, wanted: FieldSet) {
    out.reserve(2 * USUAL_BYTES);
    if style.format == Format::Csv {
        return Row::new(EventName::Snapshot).quote(out, style, wanted, symbol, quote);
    }
    frame::begin(out, EventName::Snapshot, style);
    subject(out, symbol, quote.seq);
    whole(out, style, quote, wanted);
    frame::end(out, style);
}

/// Appends a `status` event of a symbol of which nothing else changed.
pub fn symbol_status(out: &mut Vec<u8>, style: Style, symbol: &Symbol, quote: &Quote, wanted: FieldSet) {
    if style.format == Format::Csv {
        return Row::new(EventName::Status).quote(out, style, wanted, symbol, quote);
    }
    frame::begin(out, EventName::Status, style);
    subject(out, symbol, quote.seq);
    status_members(out, style, quote.status, quote.status_since, quote.reason);
    frame::end(out, style);
}

/// Appends a `status` event of a feed. The name is the operator's choice and is escaped. CSV has no such row: ask
/// [`Style::tells_feeds`] before writing the id, or the id stands alone.
pub fn feed_status(
    out: &mut Vec<u8>,
    style: Style,
    feed: &str,
    seq: u64,
    status: Status,
    since: Micros,
    reason: Reason,
) {
    if !style.tells_feeds() {
        return;
    }
    frame::begin(out, EventName::Status, style);
    out.extend_from_slice(b",\"feed\":");
    json::text(out, feed);
    out.extend_from_slice(b",\"seq\":");
    json::integer(out, seq);
    status_members(out, style, status, since, reason);
    frame::end(out, style);
}

/// Appends a `heartbeat`: the server's time, the safe cut, and how long the newest change of this client's last write, or
/// the stream itself if that was longer, had waited, in microseconds.
pub fn heartbeat(
    out: &mut Vec<u8>,
    style: Style,
    server_time: Micros,
    seq: u64,
    lag_us: u64,
    wanted: FieldSet,
) {
    if style.format == Format::Csv {
        return Row::new(EventName::Heartbeat).seq(seq).end(out, wanted);
    }
    frame::begin(out, EventName::Heartbeat, style);
    out.extend_from_slice(b",\"server_time\":");
    time::json_value(out, style.times, server_time);
    out.extend_from_slice(b",\"seq\":");
    json::integer(out, seq);
    out.extend_from_slice(b",\"lag_us\":");
    json::integer(out, lag_us);
    frame::end(out, style);
}

/// Appends a `lagged` event: how many changes a stream that wanted each one has lost, `None` when that cannot be known,
/// and of which symbols.
pub fn lagged<'a>(
    out: &mut Vec<u8>,
    style: Style,
    missed: Option<u64>,
    symbols: impl IntoIterator<Item = &'a Symbol>,
    wanted: FieldSet,
) {
    if style.format == Format::Csv {
        return Row::new(EventName::Lagged).n(missed).end(out, wanted);
    }
    frame::begin(out, EventName::Lagged, style);
    out.extend_from_slice(b",\"missed\":");
    match missed {
        Some(missed) => json::integer(out, missed),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"symbols\":");
    json::list(out, symbols, |out, symbol| json::text(out, symbol.as_str()));
    frame::end(out, style);
}

/// Appends a `reset` event; snapshots follow it. See [`crate::ResetReason`].
pub fn reset(out: &mut Vec<u8>, style: Style, reason: &str, wanted: FieldSet) {
    if style.format == Format::Csv {
        return Row::new(EventName::Reset).reason(reason).end(out, wanted);
    }
    frame::begin(out, EventName::Reset, style);
    out.extend_from_slice(b",\"reason\":");
    json::text(out, reason);
    frame::end(out, style);
}

/// Appends a `refused` event: no stream now, come back after `retry_ms`.
pub fn refused(out: &mut Vec<u8>, style: Style, reason: &str, retry_ms: u64, wanted: FieldSet) {
    farewell(out, EventName::Refused, style, reason, retry_ms, wanted);
}

/// Appends a `goodbye` event, the last of a stream.
pub fn goodbye(out: &mut Vec<u8>, style: Style, reason: &str, retry_ms: u64, wanted: FieldSet) {
    farewell(out, EventName::Goodbye, style, reason, retry_ms, wanted);
}

fn farewell(out: &mut Vec<u8>, name: EventName, style: Style, reason: &str, retry_ms: u64, wanted: FieldSet) {
    if style.format == Format::Csv {
        return Row::new(name).reason(reason).end(out, wanted);
    }
    frame::begin(out, name, style);
    out.extend_from_slice(b",\"reason\":");
    json::text(out, reason);
    out.extend_from_slice(b",\"retry_ms\":");
    json::integer(out, retry_ms);
    frame::end(out, style);
}

/// What a field without a value becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// `null`: the reader must forget what it had.
    Null,
    /// Nothing: the reader has nothing yet.
    LeftOut,
}

fn subject(out: &mut Vec<u8>, symbol: &Symbol, seq: u64) {
    out.extend_from_slice(b",\"symbol\":\"");
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    json::integer(out, seq);
}

/// The members of a full quote after `symbol` and `seq`.
pub(crate) fn whole(out: &mut Vec<u8>, style: Style, quote: &Quote, wanted: FieldSet) {
    figures(out, style, quote, wanted, Absent::LeftOut);
    times(out, style, quote, wanted);
    status_members(out, style, quote.status, quote.status_since, quote.reason);
}

/// The numbers and the words, in the order of [`Field::ALL`]. Venues have names as symbols have.
fn figures(out: &mut Vec<u8>, style: Style, quote: &Quote, shown: FieldSet, absent: Absent) {
    let quoted = style.numbers == Numbers::String;
    for field in FIGURES.into_iter().filter(|field| shown.contains(*field)) {
        let key = opening(field);
        if field == Field::LastSide {
            word(out, key, quote.values.side().map(Side::name), absent);
            continue;
        }
        match quote.values.figure(field) {
            Some(number) if quoted => {
                out.extend_from_slice(key);
                write_decimal(number, out);
                out.push(b'"');
            }
            Some(number) => {
                out.extend_from_slice(&key[..key.len() - 1]);
                write_decimal(number, out);
            }
            None => null(out, key, absent),
        }
    }
    // Ordinary symbols have none of them, and need not look at each.
    if !shown.intersection(FieldSet::COMPOSITE).is_empty() {
        for field in FieldSet::COMPOSITE.intersection(shown).iter() {
            word(out, opening(field), quote.word(field), absent);
        }
    }
}

/// The fields that [`figures`] looks at one by one, in the order of [`Field::ALL`]: there are more of them than are told, so
/// each counts.
const FIGURES: [Field; 19] = {
    let mut figures = [Field::Bid; 19];
    let (mut at, mut from) = (0, 0);
    while from < Field::ALL.len() {
        let field = Field::ALL[from];
        if !FieldSet::TIMES.union(FieldSet::COMPOSITE).with(Field::Status).contains(field) {
            figures[at] = field;
            at += 1;
        }
        from += 1;
    }
    assert!(at == figures.len());
    figures
};

/// A member whose value is a word.
fn word(out: &mut Vec<u8>, key: &[u8], word: Option<&'static str>, absent: Absent) {
    match word {
        Some(word) => {
            out.extend_from_slice(key);
            out.extend_from_slice(word.as_bytes());
            out.push(b'"');
        }
        None => null(out, key, absent),
    }
}

fn null(out: &mut Vec<u8>, key: &[u8], absent: Absent) {
    if absent == Absent::Null {
        out.extend_from_slice(&key[..key.len() - 1]);
        out.extend_from_slice(b"null");
    }
}

/// The times of the last change, as far as they are wanted and known.
fn times(out: &mut Vec<u8>, style: Style, quote: &Quote, wanted: FieldSet) {
    if let Some(ts) = quote.ts_event.filter(|_| wanted.contains(Field::TsEvent)) {
        out.extend_from_slice(b",\"ts_event\":");
        time::json_value(out, style.times, ts);
    }
    if let Some(ts) = quote.ts_recv.filter(|_| wanted.contains(Field::TsRecv)) {
        out.extend_from_slice(b",\"ts_recv\":");
        time::json_value(out, style.times, ts);
    }
    if wanted.contains(Field::TsPub) && quote.has(Field::TsPub) {
        out.extend_from_slice(b",\"ts_pub\":");
        time::json_value(out, style.times, quote.ts_pub);
    }
}

/// Three members that always come together. The reason is `""` when there is nothing to add.
fn status_members(out: &mut Vec<u8>, style: Style, status: Status, since: Micros, reason: Reason) {
    out.extend_from_slice(b",\"status\":\"");
    out.extend_from_slice(status.name().as_bytes());
    out.extend_from_slice(b"\",\"since\":");
    time::json_value(out, style.times, since);
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(reason.name().as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Price;

    const UNNAMED: Style =
        Style { format: Format::Sse, named: false, numbers: Numbers::String, times: crate::Times::Us };

    fn sample() -> Quote {
        let mut quote = Quote {
            seq: 42,
            changes: 5,
            status: Status::Live,
            reason: Reason::Confirmed,
            status_since: Micros(7),
            ts_event: Some(Micros(10)),
            ts_recv: Some(Micros(11)),
            ts_pub: Micros(12),
            ..Quote::default()
        };
        for (field, text) in [(Field::Bid, "1.50"), (Field::BidSize, "4"), (Field::Ask, "1.60")] {
            quote.values.set_number(field, Some(Price::parse(text).unwrap().decimal()));
        }
        quote
    }

    fn encoded(changed: FieldSet, wanted: FieldSet, merged: u64, quote_now: &Quote) -> String {
        let mut out = Vec::new();
        quote(&mut out, UNNAMED, &Symbol::parse("X:A-B").unwrap(), quote_now, changed, wanted, merged);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_opening_is_the_fields_name() {
        for field in Field::ALL {
            assert_eq!(opening(field), format!(",\"{}\":\"", field.name()).as_bytes());
        }
    }

    #[test]
    fn symbols_need_no_escaping() {
        // Every byte that a symbol may hold comes through JSON's escaping as itself.
        let allowed: String = (0_u8..128)
            .map(char::from)
            .filter(|c| *c != ':' && Symbol::parse(&format!("A{c}")).is_ok())
            .chain([':', 'A'])
            .collect();
        assert_eq!(serde_json::to_string(&allowed).unwrap(), format!("\"{allowed}\""));
        assert!(allowed.contains('/') && !allowed.contains('"') && !allowed.contains('\\'));
    }

    #[test]
    fn a_delta_holds_what_changed_and_is_wanted() {
        let bid = FieldSet::EMPTY.with(Field::Bid);
        assert_eq!(
            encoded(bid, FieldSet::DEFAULT, 1, &sample()),
            "data: {\"type\":\"quote\",\"symbol\":\"X:A-B\",\"seq\":42,\"bid\":\"1.50\",\"ts_event\":10,\"ts_recv\":11,\"ts_pub\":12}\n\n"
        );
        assert_eq!(
            encoded(bid, bid.with(Field::Mid), 3, &sample()),
            "data: {\"type\":\"quote\",\"symbol\":\"X:A-B\",\"seq\":42,\"bid\":\"1.50\",\"mid\":\"1.550\",\"n\":3}\n\n",
            "a derived field moves with its source"
        );
    }

    #[test]
    fn what_became_absent_is_null_and_an_unknown_time_is_left_out() {
        let mut quote = sample();
        quote.values.set_side(Some(Side::Sell));
        quote.ts_event = None;
        let changed = [Field::AskSize, Field::LastSide].into_iter().collect();
        assert_eq!(
            encoded(changed, FieldSet::DEFAULT, 1, &quote),
            "data: {\"type\":\"quote\",\"symbol\":\"X:A-B\",\"seq\":42,\"ask_size\":null,\"last_side\":\"sell\",\"ts_recv\":11,\"ts_pub\":12}\n\n"
        );
        quote.values.set_side(None);
        assert!(encoded(changed, FieldSet::DEFAULT, 1, &quote).contains("\"last_side\":null"));
    }

    #[test]
    fn promise_10_a_status_is_told_to_those_who_did_not_ask_for_it() {
        let changed = FieldSet::EMPTY.with(Field::Status);
        let wanted = FieldSet::EMPTY.with(Field::Last);
        assert!(moves(changed, wanted));
        assert_eq!(
            encoded(changed.with(Field::Bid), wanted, 2, &sample()),
            "data: {\"type\":\"quote\",\"symbol\":\"X:A-B\",\"seq\":42,\"n\":2,\"status\":\"live\",\"since\":7,\"reason\":\"confirmed\"}\n\n"
        );
        let mut out = Vec::new();
        snapshot(&mut out, Style::default(), &Symbol::parse("X:A-B").unwrap(), &sample(), wanted);
        assert!(out.ends_with(b"\"status\":\"live\",\"since\":7,\"reason\":\"confirmed\"}\n\n"));
    }

    #[test]
    fn a_composite_tells_its_venues_and_how_they_stand() {
        let mut quote = sample();
        quote.sides = market::Sides::of(market::Venue::intern("KRAKEN"), market::Venue::intern("OKX"));
        quote.changed_at.set(Field::Bid, 42);
        let changed = quote.changed_since(41);
        assert_eq!(
            encoded(changed, FieldSet::DEFAULT.minus(FieldSet::TIMES), 1, &quote),
            "data: {\"type\":\"quote\",\"symbol\":\"X:A-B\",\"seq\":42,\"bid\":\"1.50\",\"bid_venue\":\"KRAKEN\",\"cross\":null}\n\n"
        );
        quote.values.set_number(Field::Ask, quote.values.number(Field::Bid));
        let venues = FieldSet::COMPOSITE;
        assert!(moves(changed, venues) && !moves(FieldSet::EMPTY.with(Field::Bid), venues));
        let mut out = Vec::new();
        snapshot(&mut out, UNNAMED, &Symbol::parse("A-B").unwrap(), &quote, venues);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "data: {\"type\":\"snapshot\",\"symbol\":\"A-B\",\"seq\":42,\"bid_venue\":\"KRAKEN\",\"ask_venue\":\"OKX\",\"cross\":\"locked\",\"status\":\"live\",\"since\":7,\"reason\":\"confirmed\"}\n\n"
        );
    }

    #[test]
    fn a_delta_that_says_nothing_can_be_told() {
        let bid = FieldSet::EMPTY.with(Field::Bid);
        assert!(moves(bid, FieldSet::DEFAULT));
        assert!(moves(bid, FieldSet::EMPTY.with(Field::Spread)), "derived from the bid");
        assert!(!moves(bid, FieldSet::EMPTY.with(Field::Last)));
        assert!(!moves(bid, FieldSet::TIMES), "a time alone is no news");
        assert!(!moves(FieldSet::EMPTY, FieldSet::ALL));
    }

    #[test]
    fn a_symbol_never_heard_of_has_a_snapshot_too() {
        let mut out = Vec::new();
        snapshot(&mut out, UNNAMED, &Symbol::parse("X:A-B").unwrap(), &Quote::default(), FieldSet::ALL);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "data: {\"type\":\"snapshot\",\"symbol\":\"X:A-B\",\"seq\":0,\"status\":\"unknown\",\"since\":0,\"reason\":\"\"}\n\n"
        );
    }
}
