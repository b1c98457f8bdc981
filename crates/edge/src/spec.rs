//! What the edge serves, for programs to read: OpenAPI 3.1 for the routes, AsyncAPI 3 for the events of a stream.
//!
//! Both documents are made from the code: fields, words and limits come from the lists that the server itself reads
//! and writes by, so a new field or reason is in them without further ado. What no list says (which answers a route
//! gives, what a parameter means) is written in `openapi`, `parameters`, `schemas` and `events`, and held
//! by tests that compare it with real answers.
//!
//! The schemas are strict: they name every key that this server writes. Clients must be wider than that, because later
//! servers of version 1 may write more.

mod asyncapi;
mod events;
mod openapi;
mod parameters;
mod schemas;

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use warp::reply::Response;

use crate::Core;
use crate::answers::no_parameters;
use crate::problem::bytes_reply;
use crate::routes::Asked;

/// The version of the program, which is also that of the documents.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Made once: they depend on nothing but the program.
static OPENAPI: LazyLock<String> = LazyLock::new(|| text(&openapi::document()));
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| text(&asyncapi::document()));

/// The OpenAPI document, as it is served at `/openapi.json`.
pub fn openapi() -> &'static str {
    &OPENAPI
}

/// The AsyncAPI document, as it is served at `/asyncapi.json`.
pub fn asyncapi() -> &'static str {
    &ASYNCAPI
}

/// `GET /openapi.json`.
pub(crate) fn openapi_reply(_: &Arc<Core>, asked: &Asked) -> Response {
    reply(openapi(), asked)
}

/// `GET /asyncapi.json`.
pub(crate) fn asyncapi_reply(_: &Arc<Core>, asked: &Asked) -> Response {
    reply(asyncapi(), asked)
}

fn reply(document: &'static str, asked: &Asked) -> Response {
    if !asked.query.is_empty() {
        return no_parameters();
    }
    bytes_reply(document.as_bytes().to_vec(), "application/json")
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// A pointer to a part that is described once.
fn refer(kind: &str, name: &str) -> Value {
    serde_json::json!({"$ref": format!("#/components/{kind}/{name}")})
}
