//! Every public route on one screen, each boxed, and what surrounds all of them.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::filters::BoxedFilter;
use warp::filters::path::Tail;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::Core;
use crate::accept::Peer;
use crate::page::ASSETS;
use crate::problem::Problem;
use crate::{answers, control, quotes, request_body, spec, subscribe};

/// What a route gets of its request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) query: String,
    /// Absent only where no connection stands behind the request, as in unit tests.
    pub(crate) peer: Option<Peer>,
}

impl Asked {
    /// What the client can take.
    pub(crate) fn accept(&self) -> Option<Cow<'_, str>> {
        self.headers.get(header::ACCEPT).map(|accept| String::from_utf8_lossy(accept.as_bytes()))
    }
}

const READ: &str = "GET, HEAD, OPTIONS";
const STREAM: &str = "GET, HEAD, POST, OPTIONS";
const LIVE: &str = "GET, HEAD, PATCH, DELETE, OPTIONS";

/// Every route of the public listener. Never fails: what no route takes becomes a problem.
pub(crate) fn routes(
    core: &Arc<Core>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let read = |path: BoxedFilter<()>, answer: fn(&Arc<Core>, &Asked) -> Response| {
        let core = Arc::clone(core);
        path.and(warp::path::end())
            .and(asked())
            .map(move |asked: Asked| match asked.method {
                Method::GET | Method::HEAD => answer(&core, &asked),
                _ => other_method(&asked.method, READ),
            })
            .boxed()
    };
    let v1 = || warp::path("v1");
    let symbols = read(v1().and(warp::path("symbols")).boxed(), answers::symbols);
    let feeds = read(v1().and(warp::path("feeds")).boxed(), answers::feeds);
    let openapi = read(warp::path("openapi.json").boxed(), spec::openapi_reply);
    let asyncapi = read(warp::path("asyncapi.json").boxed(), spec::asyncapi_reply);
    let page = page().boxed();

    let core_after = Arc::clone(core);
    let all = stream(core)
        .or(live(core))
        .unify()
        .or(quotes(core))
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

/// `/v1/stream`
fn stream(core: &Arc<Core>) -> BoxedFilter<(Response,)> {
    let core = Arc::clone(core);
    warp::path!("v1" / "stream")
        .and(asked())
        .and(warp::body::stream())
        .then(move |asked: Asked, body| {
            let core = Arc::clone(&core);
            let answer: BoxFuture<'static, Response> = Box::pin(async move {
                match asked.method {
                    Method::GET | Method::HEAD => subscribe::stream(&core, &asked, None),
                    Method::POST => {
                        let most = core.config.load().limits.body_bytes;
                        match request_body::json(&core.bodies, &asked.headers, body, most).await {
                            Ok(body) => subscribe::stream(&core, &asked, Some(&body)),
                            Err(problem) => problem.reply(),
                        }
                    }
                    _ => other_method(&asked.method, STREAM),
                }
            });
            answer
        })
        .boxed()
}

/// `/v1/streams/{id}`
fn live(core: &Arc<Core>) -> BoxedFilter<(Response,)> {
    let core = Arc::clone(core);
    warp::path!("v1" / "streams" / String)
        .and(asked())
        .and(warp::body::stream())
        .then(move |id: String, asked: Asked, body| {
            let core = Arc::clone(&core);
            let answer: BoxFuture<'static, Response> = Box::pin(async move {
                if !asked.query.is_empty() && asked.method != Method::OPTIONS {
                    return answers::no_parameters();
                }
                match asked.method {
                    Method::GET | Method::HEAD => control::show(&core, &id),
                    Method::DELETE => control::close(&core, &id),
                    Method::PATCH => {
                        let most = core.config.load().limits.body_bytes;
                        match request_body::json(&core.bodies, &asked.headers, body, most).await {
                            Ok(body) => control::change(&core, &id, &body),
                            Err(problem) => problem.reply(),
                        }
                    }
                    _ => other_method(&asked.method, LIVE),
                }
            });
            answer
        })
        .boxed()
}

/// `/v1/quotes`
fn quotes(core: &Arc<Core>) -> BoxedFilter<(Response,)> {
    let core = Arc::clone(core);
    warp::path!("v1" / "quotes")
        .and(asked())
        .then(move |asked: Asked| {
            let core = Arc::clone(&core);
            let answer: BoxFuture<'static, Response> = Box::pin(async move {
                match asked.method {
                    Method::GET | Method::HEAD => quotes::quotes(&core, &asked).await,
                    _ => other_method(&asked.method, READ),
                }
            });
            answer
        })
        .boxed()
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

/// The files of the page, each at its path.
fn page() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path::tail().and(warp::method()).and_then(|path: Tail, method: Method| {
        let asset = ASSETS.iter().find(|asset| asset.path == path.as_str());
        std::future::ready(match (asset, method) {
            (None, _) => Err(warp::reject::not_found()),
            (Some(asset), Method::GET | Method::HEAD) => Ok(asset.reply()),
            (Some(_), other) => Ok(other_method(&other, READ)),
        })
    })
}

/// A preflight, or a method that the resource does not have.
fn other_method(method: &Method, allowed: &'static str) -> Response {
    let mut response = if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this resource does not have that method")
            .fix(format!("use one of {allowed}"))
            .reply()
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What no route took. warp would show the rejection's debug text for kinds it does not know.
async fn not_found(rejection: Rejection) -> Result<Response, Infallible> {
    if !rejection.is_not_found() {
        tracing::debug!(?rejection, "request rejected");
        return Ok(Problem::new(StatusCode::BAD_REQUEST, "the request cannot be read").reply());
    }
    Ok(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        .fix("/v1/stream, /v1/streams/{id}, /v1/quotes, /v1/symbols, /v1/feeds or /")
        .reply())
}

/// What every answer carries, errors included.
fn finish(core: &Core, method: &Method, asked: &HeaderMap, mut response: Response) -> Response {
    let origin = asked.get(header::ORIGIN);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if method == Method::OPTIONS {
        core.config.load().cors.apply_preflight(origin, headers);
    } else {
        core.config.load().cors.apply(origin, headers);
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
