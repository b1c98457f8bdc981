//! The routes, as OpenAPI 3.1.

use serde_json::{Map, Value, json};
use wire::{QuotesRequest, StreamRequest, SymbolsRequest};

use super::schemas::schema;
use super::{VERSION, events, parameters, refer, schemas};

const DESCRIPTION: &str = "\
Quotes of many venues, pushed as they change. A quote is state and not an event: a client that is behind is told the newest \
state and skips what lies between.

Every resource also answers `HEAD` and `OPTIONS`. An unknown parameter is refused by name, never passed over. Nothing redirects.

The schemas name every key that this server writes. Clients must pass over keys, events and words that they do not know: later \
servers of version 1 may add some.";

const JSON: &str = "application/json";

/// The document.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "Quotewire",
            "summary": "Real-time market quotes over plain HTTP.",
            "description": DESCRIPTION,
            "version": VERSION,
            "license": {"name": "MIT or Apache 2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "servers": [{"url": "/", "description": "The server that this document comes from."}],
        // Everything served is public.
        "security": [],
        "tags": [
            {"name": "streams", "description": "Quotes as they change."},
            {"name": "answers", "description": "Short answers about the present."},
            {"name": "documents", "description": "What people and programs read about the server."}
        ],
        "paths": paths(),
        "components": {
            "schemas": all_schemas(),
            "headers": headers(),
            "responses": responses()
        }
    })
}

fn all_schemas() -> Map<String, Value> {
    let mut all = schemas::words();
    all.extend(schemas::answers());
    all.extend(events::all());
    all.insert("StreamEvent".to_owned(), events::lines());
    all
}

fn paths() -> Value {
    json!({
        "/v1/stream": {"get": stream()},
        "/v1/quotes": {"get": quotes()},
        "/v1/symbols": {"get": symbols()},
        "/v1/feeds": {"get": feeds()},
        "/openapi.json": {"get": file("openapi", "This document.", "The routes as OpenAPI 3.1.")},
        "/asyncapi.json": {"get": file("asyncapi", "The events of a stream.", "The events as AsyncAPI 3.")},
        "/": {"get": page()}
    })
}

fn stream() -> Value {
    let mut parameters: Vec<Value> =
        StreamRequest::PARAMETERS.iter().filter_map(|name| parameters::stream_query(name)).collect();
    parameters.push(parameters::last_event_id());
    json!({
        "operationId": "openStream",
        "tags": ["streams"],
        "summary": "A stream of quotes.",
        "description": "Opens a stream that lasts until one side ends it. It begins with `hello`, then a `snapshot` of each \
            symbol, then a `quote` or `status` for each change. Requests that are wrong for good are refused with a \
            problem; where there is no room now the answer is a stream with the one event `refused`, because a browser's \
            EventSource gives up for ever on any status but 200.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The stream. A browser that navigates here, which prefers `text/html`, gets the page.",
                "headers": headed(&["Cache-Control", "Vary", "X-Accel-Buffering", "X-Content-Type-Options"]),
                "content": {
                    "text/event-stream": {
                        "schema": schema("StreamEvent"),
                        "example": {
                            "id": "1993e0f4a2c-8131",
                            "event": "quote",
                            "data": "{\"type\":\"quote\",\"symbol\":\"COINBASE:BTC-USD\",\"seq\":8131,\"bid\":\"61685.50\"}"
                        }
                    },
                    "text/html": {"schema": {"type": "string"}}
                }
            },
            "400": refer("responses", "BadRequest"),
            "406": refer("responses", "NotAcceptable"),
            "431": refer("responses", "TooLong")
        }
    })
}

fn quotes() -> Value {
    json!({
        "operationId": "getQuotes",
        "tags": ["answers"],
        "summary": "Full quotes as they stand now.",
        "description": "A stream that resumes from the `id` of the answer misses nothing.",
        "parameters": queries(QuotesRequest::PARAMETERS),
        "responses": answered("The quotes.", "Quotes", true)
    })
}

fn symbols() -> Value {
    json!({
        "operationId": "listSymbols",
        "tags": ["answers"],
        "summary": "The names that are served.",
        "parameters": queries(SymbolsRequest::PARAMETERS),
        "responses": answered("The names.", "SymbolList", true)
    })
}

fn feeds() -> Value {
    json!({
        "operationId": "listFeeds",
        "tags": ["answers"],
        "summary": "The sources of quotes and their state.",
        "responses": answered("The feeds.", "FeedList", true)
    })
}

fn file(id: &str, summary: &str, description: &str) -> Value {
    json!({
        "operationId": id,
        "tags": ["documents"],
        "summary": summary,
        "responses": {
            "200": {
                "description": description,
                "headers": headed(&["Cache-Control", "Vary", "X-Content-Type-Options"]),
                "content": {JSON: {"schema": {"type": "object"}}}
            },
            "400": refer("responses", "BadRequest"),
            "431": refer("responses", "TooLong")
        }
    })
}

fn page() -> Value {
    json!({
        "operationId": "page",
        "tags": ["documents"],
        "summary": "The console page.",
        "responses": {
            "200": {
                "description": "A page that shows quotes as they change.",
                "headers": headed(&["Cache-Control", "Vary", "X-Content-Type-Options"]),
                "content": {"text/html": {"schema": {"type": "string"}}}
            },
            "431": refer("responses", "TooLong")
        }
    })
}

/// The answers of a resource that is read as JSON.
fn answered(description: &str, body: &str, refuses: bool) -> Value {
    let mut responses = json!({
        "200": {
            "description": description,
            "headers": headed(&["Cache-Control", "Vary", "X-Content-Type-Options"]),
            "content": {JSON: {"schema": schema(body)}}
        },
        "431": refer("responses", "TooLong")
    });
    if refuses {
        responses["400"] = refer("responses", "BadRequest");
    }
    responses
}

fn queries(names: &[&str]) -> Vec<Value> {
    names.iter().filter_map(|name| parameters::query(name)).collect()
}

fn headed(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), refer("headers", name))).collect()
}

/// What stands in the heads of answers.
fn headers() -> Value {
    let header = |required: bool, description: &str, schema: Value| json!({"required": required, "description": description, "schema": schema});
    json!({
        "Cache-Control": header(
            true,
            "What caches may do. Quotes are kept by nobody.",
            json!({"type": "string", "enum": ["no-store", "no-store, no-transform", "no-cache"]})
        ),
        "Vary": header(
            true,
            "What of the request the answer depends on: always `Origin`.",
            json!({"type": "string", "pattern": "Origin"})
        ),
        "X-Accel-Buffering": header(
            false,
            "Asks a proxy in between not to hold the stream back.",
            json!({"const": "no"})
        ),
        "X-Content-Type-Options": header(
            true,
            "Keeps browsers from guessing what the answer is.",
            json!({"const": "nosniff"})
        )
    })
}

/// Answers that many routes give.
fn responses() -> Value {
    let problem = |description: &str| {
        json!({
            "description": description,
            "headers": headed(&["Cache-Control", "Vary", "X-Content-Type-Options"]),
            "content": {"application/problem+json": {"schema": schema("Problem")}}
        })
    };
    json!({
        "BadRequest": problem("The request is wrong; the problem names the parameter at fault and the fix."),
        "NotAcceptable": problem("The `Accept` header leaves nothing that this resource has."),
        "TooLong": {"description": "The address or the headers are too long. There is no body."}
    })
}
