//! `GET` and `POST /v1/stream`: from a request to an open stream.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use market::{FieldSet, Symbol};
use parking_lot::Mutex;
use rand::Rng;
use table::FeedState;
use warp::reply::{Reply, Response};
use wire::encode::{self, Effective, Hello};
use wire::{EventId, Format, Mode, RequestLimits, StreamRequest, Style};

use crate::Core;
use crate::asked;
use crate::body::StreamSlot;
use crate::client::EndReason;
use crate::config::MAX_AGE_JITTER;
use crate::live::{Live, Opened};
use crate::negotiate::{self, Wanted};
use crate::outbox::{Outbox, Start};
use crate::problem::Problem;
use crate::routes::{Asked, console};
use crate::stream::Stream;
use crate::subscription::{Rejected, feeds_behind, resolve};

/// How long a client that found no room waits before it comes back, in milliseconds.
const REFUSED_RETRY_MS: std::ops::RangeInclusive<u64> = 15_000..=60_000;

/// Answers a request for a stream; `body` is that of a `POST`.
pub(crate) fn stream(core: &Arc<Core>, asked: &Asked, body: Option<&[u8]>) -> Response {
    vary_accept(answer(core, asked, body))
}

fn answer(core: &Arc<Core>, asked: &Asked, body: Option<&[u8]>) -> Response {
    let accept = asked.accept();
    let by_accept = negotiate::stream_or_page(accept.as_deref());
    // A browser that was given the address, not a program; what it asks for does not matter to the page.
    if by_accept == Wanted::Page && body.is_none() && !asked.query.contains("format=") {
        return console();
    }
    let limits = request_limits(core);
    let request = match body {
        Some(body) if asked.query.is_empty() => StreamRequest::parse_json(body, &limits),
        Some(_) => {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "a POST takes its parameters in its body")
                .field("query")
                .fix("move them into the JSON body");
            return problem.reply();
        }
        None => StreamRequest::parse(&asked.query, &limits),
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => return bad_request(&error),
    };
    let format = match (request.format, by_accept) {
        (Some(format), _) | (None, Wanted::Stream(format)) => format,
        (None, Wanted::Page | Wanted::Neither) => {
            let problem = Problem::new(StatusCode::NOT_ACCEPTABLE, "this resource is a stream of quotes")
                .field("Accept")
                .fix(
                    "send Accept: text/event-stream, application/x-ndjson or text/csv, or read /v1/quotes for JSON",
                );
            return problem.reply();
        }
    };
    let style = Style { format, named: request.named, numbers: request.numbers, times: request.times };
    if asked.method == Method::HEAD {
        return stream_response(Vec::new().into_response(), format);
    }
    if let Some(reason) = no_room(core) {
        return refused(core, reason, style, accept.as_deref());
    }
    stream_response(open(core, asked, request, style), format)
}

/// Why there is no room for another stream or long poll, if there is none.
pub(crate) fn no_room(core: &Core) -> Option<&'static str> {
    let open = core.metrics.streams_open.get() + core.metrics.polls_open.get();
    if core.is_draining() {
        Some("draining")
    } else if open >= i64::try_from(core.config.load().limits.streams).unwrap_or(i64::MAX) {
        Some("too_many_streams")
    } else {
        None
    }
}

pub(crate) fn request_limits(core: &Core) -> RequestLimits {
    let config = core.config.load();
    RequestLimits { symbols_max: config.limits.symbols_per_stream, query_bytes_max: config.limits.head_bytes }
}

pub(crate) fn bad_request(error: &wire::RequestError) -> Response {
    Problem::new(StatusCode::BAD_REQUEST, error.detail.clone())
        .field(error.parameter.clone())
        .fix(error.fix.clone())
        .reply()
}

fn open(core: &Arc<Core>, asked: &Asked, mut request: StreamRequest, style: Style) -> Response {
    let (table, config) = (&core.table, core.config.load_full());
    let now = core.clock.monotonic();
    let symbols_max = config.limits.symbols_per_stream;
    let rejected = std::mem::take(&mut request.rejected);
    let resolved = resolve(table, &request.symbols, &request.patterns, rejected, &[], symbols_max);
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
    let follows = request.settings.mode != Mode::Latest;
    if follows {
        core.hub.signal.watch();
    }
    let feeds: Vec<(table::FeedId, FeedState)> =
        feeds_behind(table, &resolved.ids).into_iter().map(|id| (id, table.feed(id))).collect();
    let feeds_told: Vec<_> = feeds.iter().map(|(id, state)| (*id, state.seq)).collect();
    let mut wanted = asked::Asked::new(request.settings, style, symbols_max, request.limit);
    wanted.await_symbols(request.patterns, resolved.unknown);
    let mut outbox = Outbox::new(wanted, resolved.ids, &feeds_told, resolved.seen, table, start, now);
    if follows {
        outbox.follow_mode(
            &core.hub.signal.ring,
            table,
            if let Start::Resume(seq) = start { Some(seq) } else { None },
        );
    }

    let kill = asked.peer.as_ref().map(|peer| peer.kill.clone());
    let client = core.hub.join(&outbox.symbols, outbox.asked.waits_for_symbols(), kill);
    let max_age = config.max_stream_age.map(|age| {
        let part = core.dice.roll(|rng| rng.random_range(-MAX_AGE_JITTER..=MAX_AGE_JITTER));
        age.mul_f64(1.0 + part)
    });
    let ends = [
        request.duration.map(|lasting| (now + lasting, EndReason::Duration)),
        max_age.map(|lasting| (now + lasting, EndReason::MaxAge)),
    ];
    let opened = Opened {
        snapshot: request.snapshot,
        retry_ms: core.dice.within(config.retry_ms.clone()),
        duration_ms: request.duration.map(millis),
        max_age_ms: max_age.map(millis),
    };
    let live =
        Arc::new(Live { id: core.dice.roll(|rng| rng.random()), client, outbox: Mutex::new(outbox), opened });
    let head = head(core, &live, &resolved.rejected, feeds, reset.map(|reason| reason.name()));
    let stream =
        Stream::open(Arc::clone(core), live, head.into(), ends.into_iter().flatten().min_by_key(|e| e.0));
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(StreamSlot::new(stream));
    response
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `retry`, `hello`, and `reset` if there is one.
fn head(
    core: &Core,
    live: &Live,
    rejected: &[Rejected],
    feeds: Vec<(table::FeedId, FeedState)>,
    reset: Option<&str>,
) -> Vec<u8> {
    let outbox = live.outbox.lock();
    let style = outbox.asked.style;
    let accepted: Vec<Symbol> = outbox.symbols.iter().map(|&id| core.table.symbol(id).clone()).collect();
    let feeds = feeds.into_iter().map(|(_, state)| encode::FeedState {
        feed: state.info.name.clone(),
        venue: state.info.venue.clone(),
        kind: state.info.kind.clone(),
        mode: state.info.mode.name(),
        status: state.status,
    });
    let hello = Hello {
        stream: live.name(),
        epoch: core.table.epoch(),
        server_time: core.clock.now(),
        accepted: &accepted,
        rejected,
        effective: effective(core, live, &outbox),
        symbols_max: outbox.asked.symbols_max,
        feeds: feeds.collect(),
    };
    let mut head = Vec::with_capacity(1_024 + 32 * accepted.len());
    encode::head(&mut head, style, live.opened.retry_ms, outbox.asked.settings.fields, rejected);
    encode::hello(&mut head, style, &hello);
    if let Some(reason) = reset {
        encode::id_line(&mut head, style, EventId { epoch: core.table.epoch(), seq: 0 });
        encode::reset(&mut head, style, reason, outbox.asked.settings.fields);
        core.metrics.events.reset.inc();
    }
    head
}

/// The settings in force on a stream.
pub(crate) fn effective<'a>(core: &Core, live: &Live, outbox: &'a Outbox) -> Effective<'a> {
    Effective {
        settings: &outbox.asked.settings,
        style: outbox.asked.style,
        snapshot: live.opened.snapshot,
        heartbeat_ms: millis(core.config.load().heartbeat),
        retry_ms: live.opened.retry_ms,
        limit: outbox.asked.limit,
        duration_ms: live.opened.duration_ms,
        max_age_ms: live.opened.max_age_ms,
        patterns: outbox.asked.patterns(),
    }
}

/// No room now. An EventSource is told inside a stream, because it gives up for ever on 429 and 503; everybody else by
/// the status.
fn refused(core: &Core, reason: &str, style: Style, accept: Option<&str>) -> Response {
    core.metrics.streams_refused.inc();
    let retry_ms = refused_retry_ms(core);
    if style.format != Format::Sse || !negotiate::needs_refusal_in_band(accept) {
        return unavailable(reason, retry_ms);
    }
    let mut out = Vec::new();
    encode::head(&mut out, style, retry_ms, FieldSet::EMPTY, &[]);
    encode::refused(&mut out, style, reason, retry_ms, FieldSet::EMPTY);
    stream_response(out.into_response(), style.format)
}

/// 503 with the time to wait.
pub(crate) fn unavailable(reason: &str, retry_ms: u64) -> Response {
    let detail = match reason {
        "draining" => "the server is shutting down",
        _ => "the server has as many streams as it may have",
    };
    let seconds = retry_ms.div_ceil(1_000);
    let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .fix(format!("come back in {seconds} s"))
        .reply();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What a client that finds no room waits, in milliseconds.
pub(crate) fn refused_retry_ms(core: &Core) -> u64 {
    core.dice.within(REFUSED_RETRY_MS)
}

fn stream_response(mut response: Response, format: Format) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn vary_accept(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}
