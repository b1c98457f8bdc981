//! What the parameters of a request mean, by name. Which resource takes which is read from `wire`.

use market::Field;
use serde_json::{Value, json};
use wire::{Numbers, Settings, StreamRequest, SymbolsRequest, Times};

use super::events::modes;
use super::schemas::described;

/// A character that is neither a comma nor a blank. `\s` means other characters in other languages, so the blanks are
/// named one by one.
const NOT_BLANK: &str = r"[^\t-\r ,\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// A parameter of the query as OpenAPI tells it. None when it is not described here, which the tests find.
pub(super) fn query(name: &str) -> Option<Value> {
    let (schema, description) = meaning(name)?;
    let mut parameter = json!({
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema,
        "required": name == "symbols"
    });
    if parameter["schema"]["type"] == "array" {
        // Lists are comma-separated; a list may also be repeated, which OpenAPI cannot say beside it.
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
    }
    if let Some(example) = example(name) {
        parameter["example"] = example;
    }
    Some(parameter)
}

/// The same of a stream, whose `limit` is another one than that of a list of names.
pub(super) fn stream_query(name: &str) -> Option<Value> {
    let mut parameter = query(name)?;
    if name == "limit" {
        let (from, to) = (StreamRequest::LIMIT.start(), StreamRequest::LIMIT.end());
        parameter["schema"] = json!({"type": "integer", "minimum": from, "maximum": to});
        parameter["description"] =
            json!("After how many snapshots, quotes and changes of status the stream ends. Not served yet.");
    }
    Some(parameter)
}

/// The values that a parameter takes, and what it does.
fn meaning(name: &str) -> Option<(Value, &'static str)> {
    let fields = Field::ALL.map(Field::name);
    let list = |items: Value| json!({"type": "array", "minItems": 1, "items": items});
    Some(match name {
        "symbols" => (
            // Anything may stand among the symbols: what is not served is named in the answer, not refused. One of them
            // must be more than blanks.
            json!({"type": "string", "pattern": NOT_BLANK}),
            "The symbols, separated by commas, whatever the case; the parameter may be repeated. A symbol that cannot be \
             served is named in the answer and the others stand.",
        ),
        "fields" => (
            list(json!({"type": "string", "enum": fields})),
            "The fields that are wanted; without it all but `mid` and `spread`, which follow from the others. The status \
             is always told.",
        ),
        "mode" => (
            json!({"type": "string", "enum": modes(), "default": "latest"}),
            "What is merged when the client is slower than the market: `latest` tells the newest state only.",
        ),
        "named" => (
            json!({"type": "boolean", "default": true}),
            "`false` leaves the `event` lines out, so that every event arrives at `onmessage`.",
        ),
        "snapshot" => (
            json!({"type": "boolean", "default": true}),
            "`false` begins with the first change instead of full quotes.",
        ),
        "last_event_id" => (
            json!({"type": "string"}),
            "Where to go on, for clients that cannot send the header `Last-Event-ID`; the header wins. Whatever it holds, \
             it is never an error.",
        ),
        "max_rate" => (
            list(json!({"type": "string"})),
            "Most events a second of each symbol (`10`), or of one symbol (`KRAKEN:ETH-USD@1`). Not served yet.",
        ),
        "align" => (
            json!({"type": "boolean", "default": false}),
            "Whether the windows of `max_rate` begin at whole multiples of their length on the wall clock.",
        ),
        "priority" => {
            (list(json!({"type": "string"})), "The symbols that go first under pressure. Not served yet.")
        }
        "max_kbps" => (
            json!({
                "type": "integer",
                "minimum": Settings::KBPS.start(),
                "maximum": Settings::KBPS.end()
            }),
            "Most kilobits of events a second. Not served yet.",
        ),
        "format" => (
            json!({"type": "string"}),
            "The form of the answer, in place of the `Accept` header. Only the default is served yet.",
        ),
        "numbers" => (
            json!({"type": "string", "enum": Numbers::ALL.map(Numbers::name), "default": "string"}),
            "How prices and sizes are written: as strings, or as JSON numbers of the same digits.",
        ),
        "times" => (
            json!({"type": "string", "enum": Times::ALL.map(Times::name), "default": "us"}),
            "How times are written: microseconds, nanoseconds, or ISO 8601 text.",
        ),
        "duration" => (
            json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}),
            "After what time the stream ends. Not served yet.",
        ),
        "since" => (
            json!({"type": "string"}),
            "The id of an earlier answer, to be told only what changed after it. Not served yet.",
        ),
        "wait" => (
            json!({"type": "string", "pattern": "^(0|[0-9]+(ms|s|m|h))$"}),
            "How long to wait for a change. Not served yet.",
        ),
        "search" => (
            json!({"type": "string"}),
            "What a name must contain, whatever the case; every name when it is empty.",
        ),
        "limit" => (
            json!({
                "type": "integer",
                "minimum": 1,
                "maximum": SymbolsRequest::LIMIT_MAX,
                "default": SymbolsRequest::LIMIT_DEFAULT
            }),
            "Most names in the answer.",
        ),
        _ => return None,
    })
}

fn example(name: &str) -> Option<Value> {
    Some(match name {
        "symbols" => json!("COINBASE:BTC-USD,KRAKEN:ETH-USD"),
        "fields" => json!(["bid", "ask", "last"]),
        "last_event_id" => json!("1993e0f4a2c-8120"),
        "search" => json!("btc"),
        _ => return None,
    })
}

/// The header that a reconnecting EventSource sends.
pub(super) fn last_event_id() -> Value {
    json!({
        "name": "Last-Event-ID",
        "in": "header",
        "required": false,
        "description": "The id of the last event that the client has; browsers send it by themselves when they reconnect.",
        "schema": described(json!({"type": "string"}), "An id of an earlier stream. Anything else leads to `reset`."),
        "example": "1993e0f4a2c-8120"
    })
}
