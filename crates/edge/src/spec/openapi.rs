//! The routes, as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::parameters::Resource;
use super::schemas::{list, object, schema};
use super::{VERSION, events, parameters, refer, schemas};

const DESCRIPTION: &str = "\
Quotes of many venues, pushed as they change. A quote is state and not an event: a client that is behind is told the newest \
state and skips what lies between.

Every resource also answers `HEAD` where it answers `GET`, and `OPTIONS`. An unknown parameter is refused by name, never passed \
over. Nothing redirects.

The schemas name every key that this server writes. Clients must pass over keys, events and words that they do not know: later \
servers of version 1 may add some.";

const JSON: &str = "application/json";
/// What every answer has in its head.
const USUAL: [&str; 3] = ["Cache-Control", "Vary", "X-Content-Type-Options"];

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
            "parameters": parameters::headers(),
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
    all.insert("StreamRequest".to_owned(), parameters::stream_body());
    all.insert("StreamChange".to_owned(), parameters::change_body());
    all.insert("StreamState".to_owned(), state());
    all
}

/// What is told of an open stream.
fn state() -> Value {
    object(
        "An open stream as it is now.",
        &[
            ("stream", schema("StreamId")),
            ("accepted", list(&schema("Symbol"), "The symbols that are streamed.")),
            ("patterns", list(&json!({"type": "string"}), "The patterns that more symbols are added by.")),
            ("rejected", list(&schema("Rejected"), "What of the change is not served.")),
            ("effective", schema("Effective")),
        ],
        &[],
    )
}

fn paths() -> Value {
    let id = json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The `stream` of the `hello` event. Who knows it may change the stream.",
        "schema": schema("StreamId")
    });
    json!({
        "/v1/stream": {"get": stream(), "post": stream_of_body()},
        "/v1/streams/{id}": {"parameters": [id], "get": show(), "patch": change(), "delete": close()},
        "/v1/quotes": {"get": quotes()},
        "/v1/symbols": {"get": symbols()},
        "/v1/feeds": {"get": feeds()},
        "/openapi.json": {"get": file("openapi", "This document.", "The routes as OpenAPI 3.1.")},
        "/asyncapi.json": {"get": file("asyncapi", "The events of a stream.", "The events as AsyncAPI 3.")},
        "/": {"get": page()}
    })
}

fn stream() -> Value {
    let mut parameters = Resource::Stream.query();
    parameters.push(refer("parameters", "LastEventId"));
    let mut content = formats();
    content.insert("text/html".to_owned(), json!({"schema": {"type": "string"}}));
    json!({
        "operationId": "openStream",
        "tags": ["streams"],
        "summary": "A stream of quotes.",
        "description": "Opens a stream that lasts until one side ends it. It begins with `hello`, then a `snapshot` of each \
            symbol, then a `quote` or `status` for each change; `goodbye` is its last event where that can still be written.\n\n\
            A request whose `Accept` names `text/event-stream` and neither `application/json` nor \
            `application/problem+json` is taken for a browser's EventSource, which gives up for ever on any status but \
            200: where there is no room now, its stream holds the one event `refused`. Everybody else gets 503.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The stream. A browser that navigates here, which prefers `text/html`, gets the page.",
                "headers": headed(&[&USUAL[..], &["X-Accel-Buffering"]].concat()),
                "content": content
            },
            "400": refer("responses", "BadRequest"),
            "406": refer("responses", "NotAcceptable"),
            "431": refer("responses", "TooLong"),
            "503": refer("responses", "Unavailable")
        }
    })
}

fn stream_of_body() -> Value {
    json!({
        "operationId": "openStreamOf",
        "tags": ["streams"],
        "summary": "A stream of quotes, asked for in a body.",
        "description": "The same stream for lists that are too long for an address. The query must be empty.",
        "parameters": [refer("parameters", "LastEventId")],
        "requestBody": {"required": true, "content": {JSON: {"schema": schema("StreamRequest")}}},
        "responses": {
            "200": {
                "description": "The stream.",
                "headers": headed(&[&USUAL[..], &["X-Accel-Buffering"]].concat()),
                "content": formats()
            },
            "400": refer("responses", "BadRequest"),
            "406": refer("responses", "NotAcceptable"),
            "408": refer("responses", "TooSlow"),
            "413": refer("responses", "TooLarge"),
            "415": refer("responses", "NotJson"),
            "431": refer("responses", "TooLong"),
            "503": refer("responses", "Unavailable")
        }
    })
}

/// The forms of a stream.
fn formats() -> Map<String, Value> {
    let quote = r#"{"type":"quote","symbol":"COINBASE:BTC-USD","seq":8131,"bid":"61685.50"}"#;
    let row = "id,type,symbol,seq,bid,ask,status,since,reason,n\n1993e0f4a2c-8131,quote,COINBASE:BTC-USD,8131,61685.50,61686.00,\
        live,1795253360250000,confirmed,\n";
    let mut all = Map::new();
    all.insert(
        wire::Format::Sse.media_type().to_owned(),
        json!({
            "schema": schema("StreamEvent"),
            "example": {"id": "1993e0f4a2c-8131", "event": "quote", "data": quote}
        }),
    );
    // The objects of the `data` lines, one a line, each with its `id` in front.
    all.insert(wire::Format::Ndjson.media_type().to_owned(), json!({"schema": schema("Event")}));
    all.insert(
        "text/csv".to_owned(),
        json!({"schema": csv("A row an event, each with the whole quote."), "example": row}),
    );
    all
}

fn csv(what: &str) -> Value {
    json!({"type": "string", "description": format!("{what} The first line names the columns; lines end in LF.")})
}

fn show() -> Value {
    json!({
        "operationId": "getStream",
        "tags": ["streams"],
        "summary": "An open stream as it is now.",
        "responses": live(true)
    })
}

fn change() -> Value {
    let mut responses = live(true);
    responses["408"] = refer("responses", "TooSlow");
    responses["413"] = refer("responses", "TooLarge");
    responses["415"] = refer("responses", "NotJson");
    json!({
        "operationId": "changeStream",
        "tags": ["streams"],
        "summary": "Change an open stream.",
        "description": "Added symbols begin with a snapshot in the stream, and nothing of removed ones is told after the \
            answer. New fields tell every symbol anew. On any error nothing is changed.",
        "requestBody": {"required": true, "content": {JSON: {"schema": schema("StreamChange")}}},
        "responses": responses
    })
}

fn close() -> Value {
    json!({
        "operationId": "closeStream",
        "tags": ["streams"],
        "summary": "Close an open stream.",
        "description": "The stream says `goodbye` with the reason `closed`.",
        "responses": live(false)
    })
}

/// The answers about an open stream.
fn live(told: bool) -> Value {
    let mut responses = json!({
        "400": refer("responses", "BadRequest"),
        "404": refer("responses", "NoStream"),
        "431": refer("responses", "TooLong")
    });
    if told {
        responses["200"] = json!({
            "description": "The stream as it is now.",
            "headers": headed(&USUAL),
            "content": {JSON: {"schema": schema("StreamState")}}
        });
    } else {
        responses["204"] = json!({"description": "The stream is ending.", "headers": headed(&USUAL)});
    }
    responses
}

fn quotes() -> Value {
    let mut parameters = Resource::Quotes.query();
    parameters.push(refer("parameters", "IfNoneMatch"));
    let line = json!({"anyOf": [schema("Quote"), schema("Rejected")], "description": "One object a line."});
    let mut responses = answered("The quotes.", "Quotes");
    responses["200"]["headers"] = json!(headed(&[&USUAL[..], &["ETag", "Quotewire-Id"]].concat()));
    responses["200"]["content"][wire::AnswerFormat::Ndjson.media_type()] = json!({"schema": line});
    responses["200"]["content"]["text/csv"] = json!({
        "schema": csv("A row a quote."),
        "example": "symbol,seq,bid,ask,status,since,reason,age_us\nCOINBASE:BTC-USD,8131,61685.50,61686.00,live,\
            1795253360250000,confirmed,18210\n"
    });
    responses["304"] =
        json!({"description": "Nothing has changed.", "headers": headed(&["Cache-Control", "Vary", "ETag"])});
    responses["406"] = refer("responses", "NotAcceptable");
    responses["503"] = refer("responses", "Unavailable");
    json!({
        "operationId": "getQuotes",
        "tags": ["answers"],
        "summary": "Full quotes as they stand now.",
        "description": "Without `since` all quotes at once. With `since` those that changed after it; with `wait` too, as soon as \
            one has changed. A stream that resumes from the `id` of an answer misses nothing.",
        "parameters": parameters,
        "responses": responses
    })
}

fn symbols() -> Value {
    json!({
        "operationId": "listSymbols",
        "tags": ["answers"],
        "summary": "The names that are served.",
        "parameters": Resource::Symbols.query(),
        "responses": answered("The names.", "SymbolList")
    })
}

fn feeds() -> Value {
    json!({
        "operationId": "listFeeds",
        "tags": ["answers"],
        "summary": "The sources of quotes and their state.",
        "responses": answered("The feeds.", "FeedList")
    })
}

fn file(id: &str, summary: &str, description: &str) -> Value {
    let mut responses = answered(description, "FeedList");
    responses["200"]["content"][JSON]["schema"] = json!({"type": "object"});
    json!({"operationId": id, "tags": ["documents"], "summary": summary, "responses": responses})
}

fn page() -> Value {
    json!({
        "operationId": "page",
        "tags": ["documents"],
        "summary": "The console page.",
        "responses": {
            "200": {
                "description": "A page that shows quotes as they change.",
                "headers": headed(&USUAL),
                "content": {"text/html": {"schema": {"type": "string"}}}
            },
            "431": refer("responses", "TooLong")
        }
    })
}

/// The answers of a resource that is read as JSON.
fn answered(description: &str, body: &str) -> Value {
    json!({
        "200": {
            "description": description,
            "headers": headed(&USUAL),
            "content": {JSON: {"schema": schema(body)}}
        },
        "400": refer("responses", "BadRequest"),
        "431": refer("responses", "TooLong")
    })
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
            "What caches may do. What is true only now is kept by nobody.",
            json!({"type": "string", "enum": ["no-store", "no-store, no-transform", "no-cache"]})
        ),
        "ETag": header(
            false,
            "Stands for these quotes; send it back as `If-None-Match`. Not there when the request has `since`.",
            json!({"type": "string", "pattern": "^W/\"[0-9a-z-]+\"$"})
        ),
        "Quotewire-Id": header(
            true,
            "The `id` of the answer, for the formats that have no place for it.",
            schema("EventId")
        ),
        "Retry-After": header(
            true,
            "Seconds to wait before coming back, another number for each client.",
            json!({"type": "integer", "minimum": 15, "maximum": 60})
        ),
        "Vary": header(
            true,
            "What of the request the answer depends on: always `Origin`, and `Accept` where there is a choice.",
            json!({"type": "string", "pattern": "^(Accept|Origin)(, ?(Accept|Origin))*$"})
        ),
        "X-Accel-Buffering": header(
            false,
            "Asks a proxy in between not to hold the stream back. The page does not have it.",
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
            "headers": headed(&USUAL),
            "content": {"application/problem+json": {"schema": schema("Problem")}}
        })
    };
    let mut unavailable = problem("There is no room now, or the server is shutting down. Come back later.");
    unavailable["headers"]["Retry-After"] = refer("headers", "Retry-After");
    json!({
        "BadRequest": problem("The request is wrong; the problem names the parameter at fault and the fix."),
        "NoStream": problem("No stream with this id is open."),
        "NotAcceptable": problem("The `Accept` header leaves nothing that this resource has."),
        "NotJson": problem("The body is not declared as JSON."),
        "TooLarge": problem("The body is too large."),
        "TooLong": {"description": "The address or the headers are too long. There is no body."},
        "TooSlow": problem("The body did not arrive in time."),
        "Unavailable": unavailable
    })
}
