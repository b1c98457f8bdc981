//! `GET /v1/quotes`: full quotes as they stand, at once or as soon as one has changed.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use market::{Micros, Quote};
use table::{SymbolId, Table};
use warp::reply::{Reply, Response};
use wire::{AnswerFormat, EventId, QuotesRequest, Style, encode};

use crate::Core;
use crate::client::Client;
use crate::negotiate;
use crate::problem::{Problem, bytes_reply};
use crate::routes::Asked;
use crate::subscribe::{bad_request, no_room, refused_retry_ms, request_limits, unavailable};
use crate::subscription::{Resolved, resolve};

/// Answers a request for quotes; waits if it asks for that.
pub(crate) async fn quotes(core: &Arc<Core>, asked: &Asked) -> Response {
    let mut response = answer(core, asked).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}

async fn answer(core: &Arc<Core>, asked: &Asked) -> Response {
    let request = match QuotesRequest::parse(&asked.query, &request_limits(core)) {
        Ok(request) => request,
        Err(error) => return bad_request(&error),
    };
    let Some(format) = request.format.or_else(|| negotiate::answer(asked.accept().as_deref())) else {
        return Problem::new(StatusCode::NOT_ACCEPTABLE, "this resource is a list of quotes")
            .field("Accept")
            .fix("send Accept: application/json, application/x-ndjson or text/csv")
            .reply();
    };
    let most = core.config.load().limits.symbols_per_stream;
    let symbols =
        || resolve(&core.table, &request.symbols, &request.patterns, request.rejected.clone(), &[], most);
    let Some(since) = &request.since else {
        return whole(core, asked, &request, format, &symbols());
    };
    let table = &core.table;
    match EventId::resume(since, EventId { epoch: table.epoch(), seq: table.last_seq() }) {
        Err(reason) => list(core, &request, format, &symbols(), 0, Some(reason.name())),
        Ok(seq) => {
            let resolved = symbols();
            if !request.wait.is_zero() && !has_changed(table, &resolved.ids, seq) {
                if let Some(reason) = no_room(core) {
                    core.metrics.streams_refused.inc();
                    return unavailable(reason, refused_retry_ms(core));
                }
                wait(core, &resolved, !request.patterns.is_empty(), seq, request.wait).await;
            }
            // A pattern may match more by now.
            list(core, &request, format, &symbols(), seq, None)
        }
    }
}

fn has_changed(table: &Table, ids: &[SymbolId], seq: u64) -> bool {
    ids.iter().any(|&id| table.changed_seq(id) > seq)
}

/// Every quote, unless the client has them already.
fn whole(
    core: &Core,
    asked: &Asked,
    request: &QuotesRequest,
    format: AnswerFormat,
    resolved: &Resolved,
) -> Response {
    // The tag stands for what the table says of these symbols; the address says which and how. Taken before the quotes are
    // read, so that it never covers less than what is in them.
    // The sum, because the highest alone would miss a change whose smaller number appears later; each only rises.
    let newest = resolved.ids.iter().fold(0_u64, |sum, &id| sum.wrapping_add(core.table.changed_seq(id)));
    let tag = format!(
        "W/\"{}-{newest}-{}-{}\"",
        EventId::epoch_text(core.table.epoch()),
        resolved.ids.len(),
        format.name()
    );
    let known = asked.headers.get_all(header::IF_NONE_MATCH).iter().any(|given| {
        let given = given.to_str().unwrap_or_default();
        given.split(',').map(str::trim).any(|one| one == "*" || one == tag || format!("W/{one}") == tag)
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        list(core, request, format, resolved, 0, None)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The quotes that changed after `since`; all of them when it is 0 or cannot be continued.
fn list(
    core: &Core,
    request: &QuotesRequest,
    format: AnswerFormat,
    resolved: &Resolved,
    since: u64,
    reset: Option<&'static str>,
) -> Response {
    let table = &core.table;
    let style = Style { numbers: request.numbers, times: request.times, ..Style::default() };
    let style = match format {
        AnswerFormat::Json => style,
        AnswerFormat::Ndjson => Style { format: wire::Format::Ndjson, ..style },
        AnswerFormat::Csv => Style { format: wire::Format::Csv, ..style },
    };
    // The cut comes first: everything at or below it is in the quotes read after it.
    let id = EventId { epoch: table.epoch(), seq: table.safe_cut() };
    let now = core.clock.now();
    let mut out = Vec::with_capacity(64 + 64 * resolved.ids.len());
    let mut quote = Quote::default();
    match format {
        AnswerFormat::Json => encode::quotes_open(&mut out, style, id, now, reset),
        AnswerFormat::Csv => encode::csv_header(&mut out, request.fields),
        AnswerFormat::Ndjson => {}
    }
    let mut first = true;
    let all = request.since.is_none() || reset.is_some();
    for &symbol_id in &resolved.ids {
        if !all && table.changed_seq(symbol_id) <= since {
            continue;
        }
        table.read_into(symbol_id, &mut quote);
        let symbol = table.symbol(symbol_id);
        let age_us = table.heard(symbol_id).map(|heard| age(now, heard));
        if format == AnswerFormat::Json {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            encode::quote_object(&mut out, style, symbol, &quote, request.fields, age_us);
        } else {
            encode::quote_line(&mut out, style, symbol, &quote, request.fields, age_us);
        }
    }
    if format == AnswerFormat::Json {
        encode::quotes_close(&mut out, &resolved.rejected);
    } else {
        encode::rejected_lines(&mut out, style, request.fields, &resolved.rejected);
    }
    let mut response = bytes_reply(out, format.media_type());
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("quotewire-id", id);
    }
    response
}

fn age(now: Micros, heard: Micros) -> u64 {
    u64::try_from(now.since(heard).as_micros()).unwrap_or(u64::MAX)
}

/// Waits until one of the symbols has changed after `since`, the time is over, or the server stops.
async fn wait(core: &Arc<Core>, resolved: &Resolved, patterns: bool, since: u64, most: Duration) {
    let place = Place::take(core, &resolved.ids, patterns);
    let client = &place.client;
    let changed = std::future::poll_fn(|cx| {
        let wake = client.take_wake(cx.waker());
        if wake.heartbeat() {
            // A poll has none to give, and is not to be asked for one all the time.
            client.wrote(core.clock.monotonic());
        }
        let grown = patterns && core.table.len() > resolved.seen;
        let over =
            wake.end() || grown || core.is_draining() || has_changed(&core.table, &resolved.ids, since);
        if over { Poll::Ready(()) } else { Poll::Pending }
    });
    let _ = tokio::time::timeout(most, changed).await;
}

/// A long poll's place at a writer loop, given back however it ends.
struct Place<'a> {
    core: &'a Core,
    client: Arc<Client>,
    symbols: &'a [SymbolId],
}

impl<'a> Place<'a> {
    fn take(core: &'a Core, symbols: &'a [SymbolId], patterns: bool) -> Place<'a> {
        core.metrics.polls_open.inc();
        Place { core, client: core.hub.join(symbols, patterns, None), symbols }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.client.home.leave(self.client.place, self.symbols.into());
        self.core.metrics.polls_open.dec();
    }
}
