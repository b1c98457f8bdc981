//! The operators' side, on a listener of its own: metrics, liveness, readiness.

use std::sync::Arc;

use http::{StatusCode, header};
use market::Status;
use prometheus::{Encoder, TextEncoder};
use serde::Serialize;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::Core;
use crate::problem::{self, Problem};

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    reason: &'a str,
    feeds: Vec<FeedLine>,
}

#[derive(Serialize)]
struct FeedLine {
    feed: String,
    status: &'static str,
    reason: &'static str,
}

/// Every route of the admin listener.
pub(crate) fn routes(
    core: Arc<Core>,
) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone {
    let metrics = {
        let core = Arc::clone(&core);
        warp::path!("metrics").map(move || metrics(&core)).boxed()
    };
    let health = warp::path!("healthz")
        .map(|| problem::json(&serde_json::json!({"alive": true}), "application/json"))
        .boxed();
    let ready = warp::path!("readyz").map(move || ready(&core)).boxed();
    warp::get().and(metrics.or(health).unify().or(ready).unify()).recover(not_found).unify()
}

async fn not_found(rejection: Rejection) -> Result<Response, std::convert::Infallible> {
    let problem = if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
    } else {
        Problem::new(StatusCode::NOT_FOUND, "no such page on the admin listener")
            .fix("/metrics, /healthz or /readyz")
    };
    Ok(problem.reply())
}

fn metrics(core: &Core) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    if let Err(error) = encoder.encode(&core.registry.gather(), &mut text) {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).reply();
    }
    let mut response = text.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

/// Ready means: a client that connects now is served. Feeds that are still connecting keep us unready, feeds that went
/// stale later do not: the quotes say so themselves, and sending clients elsewhere would not help them.
fn ready(core: &Core) -> Response {
    let feeds: Vec<FeedLine> = core
        .table
        .feeds()
        .into_iter()
        .map(|(_, state)| FeedLine {
            feed: state.info.name.clone(),
            status: state.status.name(),
            reason: state.reason.name(),
        })
        .collect();
    let waiting = [Status::Connecting.name(), Status::Unknown.name()];
    let reason = if core.is_draining() {
        "draining"
    } else if !feeds.is_empty() && feeds.iter().all(|f| waiting.contains(&f.status)) {
        "no feed has connected yet"
    } else {
        ""
    };
    let ready = Ready { ready: reason.is_empty(), reason, feeds };
    let mut response = problem::json(&ready, "application/json");
    if !ready.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
