//! The events of a stream, as AsyncAPI 3.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wire::EventName;

use super::parameters::Resource;
use super::{VERSION, events, refer, schemas};

const DESCRIPTION: &str = "\
The events of a Quotewire stream, which a client opens with `GET /v1/stream`; `/openapi.json` describes the request and every \
other route.

The payloads are the `data` of server-sent events, and the lines of an NDJSON stream, where `id` stands in the object itself. \
A CSV stream tells the same as rows. Each carries its kind as `type`, which is also the `event` line, and \
events that move a client's state have an `id` line to resume from.

Clients must pass over events, keys and words that they do not know: later servers of version 1 may add some.";

/// The document.
pub(super) fn document() -> Value {
    let names = EventName::ALL.map(|event| (event.name(), event));
    let messages: Map<String, Value> =
        names.iter().map(|(name, _)| ((*name).to_owned(), refer("messages", name))).collect();
    let heard: Vec<Value> =
        names.iter().map(|(name, _)| json!({"$ref": format!("#/channels/stream/messages/{name}")})).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Quotewire events",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0"},
            "tags": [{"name": "streams", "description": "Quotes as they change."}]
        },
        "defaultContentType": "application/json",
        "servers": {
            "own": {
                "host": "127.0.0.1:8080",
                "protocol": "http",
                "description": "Where the server listens when nothing else is configured."
            }
        },
        "channels": {
            "stream": {
                "address": "/v1/stream",
                "title": "A stream of quotes",
                "description": "One stream of one client. It begins with `hello` or `refused` and ends with `goodbye` where that \
                    can still be written.",
                "servers": [{"$ref": "#/servers/own"}],
                "messages": messages
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "title": "Tell a client",
                "summary": "The server tells the client what it asked for and every change of it.",
                "channel": {"$ref": "#/channels/stream"},
                "messages": heard,
                // There is no binding for server-sent events: on the wire they are the body of one HTTP answer.
                "bindings": {"http": {"method": "GET", "query": query(), "bindingVersion": "0.3.0"}}
            }
        },
        "components": {
            "messages": names.iter().map(|(name, event)| ((*name).to_owned(), message(*event))).collect::<Map<_, _>>(),
            "schemas": reachable()
        }
    })
}

fn message(event: EventName) -> Value {
    json!({
        "name": event.name(),
        "title": events::title(event),
        "summary": events::summary(event),
        "contentType": "application/json",
        "payload": schemas::schema(events::title(event))
    })
}

/// The parameters that open a stream, as the schema of one object.
fn query() -> Value {
    let properties: Map<String, Value> = Resource::Stream
        .query()
        .into_iter()
        .filter_map(|mut parameter| {
            let mut schema = parameter["schema"].take();
            schema["description"] = parameter["description"].take();
            Some((parameter["name"].as_str()?.to_owned(), schema))
        })
        .collect();
    json!({"type": "object", "properties": properties, "required": ["symbols"], "additionalProperties": false})
}

/// The schemas that the events need, and no others.
fn reachable() -> Map<String, Value> {
    let mut all = schemas::words();
    all.extend(events::all());
    let mut open: Vec<String> = EventName::ALL.map(|event| events::title(event).to_owned()).to_vec();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(schema) = all.get(&name).filter(|_| seen.insert(name.clone())) {
            open.extend(named(schema));
        }
    }
    all.retain(|name, _| seen.contains(name));
    all
}

/// The schemas that one refers to.
fn named(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(pointer) if key == "$ref" => {
                    pointer.rsplit('/').next().map(str::to_owned).into_iter().collect()
                }
                _ => named(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(named).collect(),
        _ => Vec::new(),
    }
}
