//! `GET /v1/stream`: from a request to an open stream.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rand::Rng;
use table::{FeedId, SymbolId};
use warp::reply::{Reply, Response};
use wire::encode::{self, Effective, FeedState, Hello};
use wire::{EventId, Format, Mode, RequestLimits, StreamRequest, SymbolReason};

use crate::Core;
use crate::body::StreamSlot;
use crate::client::Client;
use crate::negotiate::{self, Wanted};
use crate::outbox::{Outbox, Start, View};
use crate::problem::Problem;
use crate::routes::{Asked, console};
use crate::stream::QuoteStream;

/// How long a client that found no room waits before it comes back, in milliseconds.
const REFUSED_RETRY_MS: std::ops::RangeInclusive<u64> = 15_000..=60_000;

/// Answers a request for a stream.
pub(crate) fn stream(core: &Arc<Core>, asked: &Asked) -> Response {
    let accept = asked.headers.get(header::ACCEPT).map(|a| String::from_utf8_lossy(a.as_bytes()));
    match negotiate::stream_or_page(accept.as_deref()) {
        Wanted::EventStream => {}
        Wanted::Page => return vary_accept(console()),
        Wanted::Neither => {
            let problem =
                Problem::new(StatusCode::NOT_ACCEPTABLE, "this resource is a stream of server-sent events")
                    .field("Accept")
                    .fix("send Accept: text/event-stream, or read /v1/quotes for JSON");
            return vary_accept(problem.reply());
        }
    }
    let limits = request_limits(core);
    let request = match StreamRequest::parse(&asked.query, &limits) {
        Ok(request) => request,
        Err(error) => return vary_accept(bad_request(&error)),
    };
    if let Some(parameter) = not_served(&request) {
        return vary_accept(not_served_yet(parameter));
    }
    if asked.method == Method::HEAD {
        return event_stream(Bytes::new().to_vec().into_response());
    }
    let retry_ms = core.dice.within(core.config.retry_ms.clone());
    let full =
        core.metrics.streams_open.get() >= i64::try_from(core.config.limits.streams).unwrap_or(i64::MAX);
    if full || core.is_draining() {
        return refused(core, if full { "too_many_streams" } else { "draining" }, &request);
    }
    event_stream(open(core, asked, request, retry_ms))
}

pub(crate) fn request_limits(core: &Core) -> RequestLimits {
    RequestLimits {
        symbols_max: core.config.limits.symbols_per_stream,
        query_bytes_max: core.config.limits.head_bytes,
    }
}

pub(crate) fn bad_request(error: &wire::RequestError) -> Response {
    Problem::new(StatusCode::BAD_REQUEST, error.detail.clone())
        .field(error.parameter.clone())
        .fix(error.fix.clone())
        .reply()
}

/// What the wire can say and this edge does not do yet: refused by name, never ignored.
fn not_served(request: &StreamRequest) -> Option<&'static str> {
    let settings = &request.settings;
    let asked = [
        ("symbols", !request.patterns.is_empty()),
        ("mode", settings.mode != Mode::Latest),
        ("max_rate", settings.max_rate.is_some() || !settings.symbol_rates.is_empty()),
        ("priority", !settings.priority.is_empty()),
        ("max_kbps", settings.max_kbps.is_some()),
        ("format", request.format.is_some_and(|format| format != Format::Sse)),
        ("limit", request.limit.is_some()),
        ("duration", request.duration.is_some()),
    ];
    asked.into_iter().find(|(_, asked)| *asked).map(|(name, _)| name)
}

pub(crate) fn not_served_yet(parameter: &str) -> Response {
    Problem::new(StatusCode::BAD_REQUEST, format!("this value of `{parameter}` is not served yet"))
        .field(parameter)
        .fix("leave it out")
        .reply()
}

fn open(core: &Arc<Core>, asked: &Asked, mut request: StreamRequest, retry_ms: u64) -> Response {
    let table = &core.table;
    let (accepted, symbols, rejected) =
        resolve(core, &request.symbols, std::mem::take(&mut request.rejected));
    let feeds = feeds_behind(core, &symbols);
    // The header is what a reconnecting EventSource sends; the parameter still holds what its page began with.
    let last_event_id = asked
        .headers
        .get("last-event-id")
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
        .or_else(|| request.last_event_id.take())
        // Pages often hand on what they remember, which is nothing at first.
        .filter(|id| !id.is_empty());
    let (start, reset) = match last_event_id.as_deref() {
        None if request.snapshot => (Start::Snapshots, None),
        None => (Start::Deltas, None),
        Some(id) => match EventId::resume(id, EventId { epoch: table.epoch(), seq: table.last_seq() }) {
            Ok(seq) => (Start::Resume(seq), None),
            Err(reason) => (Start::Snapshots, Some(reason)),
        },
    };
    match (start, reset) {
        (Start::Resume(_), _) => core.metrics.streams_resumed.inc(),
        (_, Some(_)) => core.metrics.streams_reset.inc(),
        _ => {}
    }

    let states: Vec<_> = feeds.iter().map(|&id| table.feed(id)).collect();
    let feeds_told: Vec<u64> = states.iter().map(|state| state.seq).collect();
    let mut head = Vec::with_capacity(1_024);
    let style = request.style(Format::Sse);
    let wanted = request.settings.fields;
    encode::head(&mut head, style, retry_ms, wanted, &rejected);
    encode::hello(&mut head, style, &hello(core, &request, &accepted, &rejected, states, retry_ms));
    if let Some(reason) = reset {
        encode::id_line(&mut head, style, EventId { epoch: table.epoch(), seq: 0 });
        encode::reset(&mut head, style, reason.name(), wanted);
        core.metrics.events.reset.inc();
    }

    let kill = asked.peer.as_ref().map(|p| p.kill.clone()).unwrap_or_default();
    let client = Client::new(symbols.into(), feeds.into(), kill, core.clock.monotonic());
    let outbox = Outbox::new(&client, table, start, &feeds_told);
    let style = View { style, wanted };
    let stream = QuoteStream::open(Arc::clone(core), client, outbox, style, head.into(), retry_ms);
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(StreamSlot::new(stream));
    response
}

/// A symbol of a request that is not served, and why.
type Rejected = (String, SymbolReason);

/// What was asked for and what is given.
fn hello<'a>(
    core: &Core,
    request: &'a StreamRequest,
    accepted: &'a [market::Symbol],
    rejected: &'a [Rejected],
    feeds: Vec<table::FeedState>,
    retry_ms: u64,
) -> Hello<'a> {
    let feeds = feeds.into_iter().map(|state| FeedState {
        feed: state.info.name.clone(),
        venue: state.info.venue.clone(),
        kind: state.info.kind.clone(),
        mode: state.info.mode.name(),
        status: state.status,
    });
    Hello {
        stream: stream_id(core),
        epoch: core.table.epoch(),
        server_time: core.clock.now(),
        accepted,
        rejected,
        effective: Effective {
            settings: &request.settings,
            style: request.style(Format::Sse),
            snapshot: request.snapshot,
            heartbeat_ms: u64::try_from(core.config.heartbeat.as_millis()).unwrap_or(u64::MAX),
            retry_ms,
            limit: None,
            duration_ms: None,
            max_age_ms: None,
            patterns: &[],
        },
        symbols_max: core.config.limits.symbols_per_stream,
        feeds: feeds.collect(),
    }
}

/// The symbols that the table knows, and the names of those it does not.
pub(crate) fn resolve(
    core: &Core,
    wanted: &[market::Symbol],
    mut rejected: Vec<Rejected>,
) -> (Vec<market::Symbol>, Vec<SymbolId>, Vec<Rejected>) {
    let mut accepted = Vec::with_capacity(wanted.len());
    let mut ids = Vec::with_capacity(wanted.len());
    for symbol in wanted {
        match core.table.find(symbol.as_str()) {
            Some(id) => {
                accepted.push(symbol.clone());
                ids.push(id);
            }
            None => rejected.push((symbol.as_str().to_owned(), SymbolReason::Unknown)),
        }
    }
    (accepted, ids, rejected)
}

/// The feeds whose venue stands in one of the symbols.
fn feeds_behind(core: &Core, symbols: &[SymbolId]) -> Vec<FeedId> {
    let venues: std::collections::HashSet<&str> =
        symbols.iter().filter_map(|&id| core.table.symbol(id).venue()).collect();
    core.table
        .feeds()
        .into_iter()
        .filter(|(_, s)| venues.contains(s.info.venue.as_str()))
        .map(|(id, _)| id)
        .collect()
}

/// 128 random bits as hex: knowing it is what allows to change the stream later.
fn stream_id(core: &Core) -> String {
    format!("{:032x}", core.dice.roll(|rng| rng.random::<u128>()))
}

/// No room: said with status 200 and a clean end, because an EventSource gives up for ever on 429 and 503.
fn refused(core: &Core, reason: &str, request: &StreamRequest) -> Response {
    core.metrics.streams_refused.inc();
    let retry_ms = core.dice.within(REFUSED_RETRY_MS);
    let mut out = Vec::new();
    let (style, wanted) = (request.style(Format::Sse), request.settings.fields);
    encode::head(&mut out, style, retry_ms, wanted, &[]);
    encode::refused(&mut out, style, reason, retry_ms, wanted);
    event_stream(out.into_response())
}

fn event_stream(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    vary_accept(response)
}

fn vary_accept(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}
