//! Short answers: quotes, symbols, feeds.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::reply::Response;
use wire::{AnswerFormat, QuotesRequest, SymbolsRequest, encode};

use crate::Core;
use crate::problem::{Problem, bytes_reply, json};
use crate::routes::Asked;
use crate::subscribe::{bad_request, not_served_yet, request_limits, resolve};

const JSON: &str = "application/json";

/// `GET /v1/quotes`: full quotes as they stand now.
pub(crate) fn quotes(core: &Arc<Core>, asked: &Asked) -> Response {
    let request = match QuotesRequest::parse(&asked.query, &request_limits(core)) {
        Ok(request) => request,
        Err(error) => return bad_request(&error),
    };
    let asked = [
        ("symbols", !request.patterns.is_empty()),
        ("since", request.since.is_some()),
        ("wait", !request.wait.is_zero()),
        ("format", request.format.is_some_and(|format| format != AnswerFormat::Json)),
    ];
    if let Some((parameter, _)) = asked.into_iter().find(|(_, asked)| *asked) {
        return not_served_yet(parameter);
    }
    let style = request.style(AnswerFormat::Json);
    let table = &core.table;
    let (accepted, ids, rejected) = resolve(core, &request.symbols, request.rejected);
    // The cut comes first: everything at or below it is in the quotes read after it.
    let id = wire::EventId { epoch: table.epoch(), seq: table.safe_cut() };
    let mut out = Vec::with_capacity(64 + 512 * ids.len());
    let mut quote = market::Quote::default();
    encode::quotes_open(&mut out, style, id, core.clock.now(), None);
    for (at, (&symbol_id, symbol)) in ids.iter().zip(&accepted).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        table.read_into(symbol_id, &mut quote);
        encode::quote_object(&mut out, style, symbol, &quote, request.fields, None);
    }
    encode::quotes_close(&mut out, &rejected);
    bytes_reply(out, JSON)
}

#[derive(Serialize)]
struct SymbolList<'a> {
    symbols: Vec<SymbolLine<'a>>,
    /// How many matched, listed or not.
    total: usize,
}

#[derive(Serialize)]
struct SymbolLine<'a> {
    symbol: &'a str,
    status: &'static str,
}

/// `GET /v1/symbols`: names that contain the search text, in order.
pub(crate) fn symbols(core: &Arc<Core>, asked: &Asked) -> Response {
    let request = match SymbolsRequest::parse(&asked.query) {
        Ok(request) => request,
        Err(error) => return bad_request(&error),
    };
    let table = &core.table;
    let search = request.search.to_ascii_uppercase();
    let mut found: Vec<_> = table
        .ids()
        .map(|id| (table.symbol(id).as_str(), id))
        .filter(|(name, _)| name.contains(&search))
        .collect();
    found.sort_unstable_by_key(|(name, _)| *name);
    let total = found.len();
    let symbols = found
        .into_iter()
        .take(request.limit)
        .map(|(symbol, id)| SymbolLine { symbol, status: table.read(id).status.name() })
        .collect();
    json(&SymbolList { symbols, total }, JSON)
}

#[derive(Serialize)]
struct FeedList {
    feeds: Vec<FeedLine>,
}

#[derive(Serialize)]
struct FeedLine {
    feed: String,
    venue: String,
    kind: String,
    mode: &'static str,
    status: &'static str,
    reason: &'static str,
    since: i64,
    symbols: usize,
}

/// `GET /v1/feeds`: every feed and its state.
pub(crate) fn feeds(core: &Arc<Core>, asked: &Asked) -> Response {
    if !asked.query.is_empty() {
        return Problem::new(StatusCode::BAD_REQUEST, "this resource takes no parameters")
            .field("query")
            .reply();
    }
    let table = &core.table;
    let count = |venue: &str| table.ids().filter(|&id| table.symbol(id).venue() == Some(venue)).count();
    let feeds = table
        .feeds()
        .into_iter()
        .map(|(_, state)| FeedLine {
            symbols: count(&state.info.venue),
            feed: state.info.name.clone(),
            venue: state.info.venue.clone(),
            kind: state.info.kind.clone(),
            mode: state.info.mode.name(),
            status: state.status.name(),
            reason: state.reason.name(),
            since: state.since.get(),
        })
        .collect();
    json(&FeedList { feeds }, JSON)
}
