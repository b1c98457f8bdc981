//! Short answers: symbols, feeds.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::reply::Response;
use wire::SymbolsRequest;

use crate::Core;
use crate::problem::{Problem, json};
use crate::routes::Asked;
use crate::subscribe::bad_request;

const JSON: &str = "application/json";

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
    refused: Vec<RefusedLine>,
}

#[derive(Serialize)]
struct RefusedLine {
    symbol: String,
    words: String,
}

/// `GET /v1/feeds`: every feed and its state.
pub(crate) fn feeds(core: &Arc<Core>, asked: &Asked) -> Response {
    if !asked.query.is_empty() {
        return no_parameters();
    }
    let table = &core.table;
    let count = |venue: &str| table.ids().filter(|&id| table.symbol(id).venue() == Some(venue)).count();
    let feeds = table
        .feeds()
        .into_iter()
        .map(|(id, state)| FeedLine {
            symbols: count(&state.info.venue),
            refused: table
                .refusals(id)
                .into_iter()
                .map(|(symbol, words)| RefusedLine {
                    symbol: table.symbol(symbol).to_string(),
                    words: words.to_string(),
                })
                .collect(),
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

/// The address has a query string, and the resource has no parameters.
pub(crate) fn no_parameters() -> Response {
    Problem::new(StatusCode::BAD_REQUEST, "this resource takes no parameters").field("query").reply()
}
