//! Problem documents (RFC 9457): what a client did wrong, in which field, and how to mend it.

use http::{StatusCode, header};
use serde::Serialize;
use warp::reply::{Reply, Response};

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// `about:blank`: the title is that of the status.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What is wrong, in a sentence.
    detail: String,
    /// The parameter or header at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            fix: None,
        }
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Problem {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Problem {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn reply(&self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(self, PROBLEM_JSON);
        *response.status_mut() = status;
        response
    }
}

/// A JSON answer of that media type.
pub(crate) fn json(value: &impl Serialize, media_type: &'static str) -> Response {
    // Our own types have string keys and no fallible serializers, so this cannot fail; an empty body would say so.
    let body = serde_json::to_vec(value).unwrap_or_default();
    bytes_reply(body, media_type)
}

/// An answer of ready bytes that no cache keeps.
pub(crate) fn bytes_reply(body: Vec<u8>, media_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}
