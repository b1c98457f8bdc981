//! Every public route on one screen, each boxed, and what surrounds all of them.

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::Core;
use crate::accept::Peer;
use crate::page::{ASSETS, Asset};
use crate::problem::Problem;
use crate::{answers, spec, subscribe};

/// What a route gets of its request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) query: String,
    /// Absent only where no connection stands behind the request, as in unit tests.
    pub(crate) peer: Option<Peer>,
}

/// Every route of the public listener. Never fails: what no route takes becomes a problem.
pub(crate) fn routes(
    core: &Arc<Core>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let route = |path: warp::filters::BoxedFilter<()>, answer: fn(&Arc<Core>, &Asked) -> Response| {
        let core = Arc::clone(core);
        path.and(warp::path::end())
            .and(asked())
            .map(move |asked: Asked| match asked.method {
                Method::GET | Method::HEAD => answer(&core, &asked),
                Method::OPTIONS => preflight(),
                _ => method_not_allowed(),
            })
            .boxed()
    };
    let v1 = || warp::path("v1");
    let stream = route(v1().and(warp::path("stream")).boxed(), subscribe::stream);
    let quotes = route(v1().and(warp::path("quotes")).boxed(), answers::quotes);
    let symbols = route(v1().and(warp::path("symbols")).boxed(), answers::symbols);
    let feeds = route(v1().and(warp::path("feeds")).boxed(), answers::feeds);
    let openapi = route(warp::path("openapi.json").boxed(), spec::openapi_reply);
    let asyncapi = route(warp::path("asyncapi.json").boxed(), spec::asyncapi_reply);
    let page = page().boxed();

    let core_after = Arc::clone(core);
    let all = stream
        .or(quotes)
        .unify()
        .or(symbols)
        .unify()
        .or(feeds)
        .unify()
        .or(openapi)
        .unify()
        .or(asyncapi)
        .unify()
        .or(page)
        .unify();
    warp::method().and(warp::header::headers_cloned()).and(all.recover(not_found).unify()).map(
        move |method: Method, headers: HeaderMap, response: Response| {
            finish(&core_after, &method, &headers, response)
        },
    )
}

/// The parts of a request that our answers depend on.
fn asked() -> impl Filter<Extract = (Asked,), Error = Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let peer = warp::filters::ext::optional::<Peer>();
    warp::method()
        .and(warp::header::headers_cloned())
        .and(query)
        .and(peer)
        .map(|method, headers, query, peer| Asked { method, headers, query, peer })
}

fn page() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let file = |asset: Asset| {
        let path = if asset.path.is_empty() { warp::any().boxed() } else { warp::path(asset.path).boxed() };
        path.and(warp::path::end()).and(warp::method()).map(move |method: Method| match method {
            Method::GET | Method::HEAD => asset.reply(),
            Method::OPTIONS => preflight(),
            _ => method_not_allowed(),
        })
    };
    let [index, app, style, icon] = ASSETS.map(file);
    index.or(app).unify().or(style).unify().or(icon).unify()
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

fn method_not_allowed() -> Response {
    let mut response =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this resource can only be read").fix("use GET").reply();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

/// What no route took. warp would show the rejection's debug text for kinds it does not know.
async fn not_found(rejection: Rejection) -> Result<Response, Infallible> {
    if !rejection.is_not_found() {
        tracing::debug!(?rejection, "request rejected");
        return Ok(Problem::new(StatusCode::BAD_REQUEST, "the request cannot be read").reply());
    }
    Ok(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        .fix("/v1/stream, /v1/quotes, /v1/symbols, /v1/feeds or /")
        .reply())
}

/// What every answer carries, errors included.
fn finish(core: &Core, method: &Method, asked: &HeaderMap, mut response: Response) -> Response {
    let origin = asked.get(header::ORIGIN);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if method == Method::OPTIONS {
        core.config.cors.apply_preflight(origin, headers);
    } else {
        core.config.cors.apply(origin, headers);
    }
    let class = match response.status().as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    core.metrics.requests.with_label_values(&[class]).inc();
    response
}

/// The page, for somebody who opened the stream's address in a browser.
pub(crate) fn console() -> Response {
    ASSETS[0].reply()
}
