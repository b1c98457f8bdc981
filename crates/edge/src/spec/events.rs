//! The events of a stream, as JSON Schema.

use market::Field;
use serde_json::{Map, Value, json};
use wire::id::ResetReason;
use wire::{EventName, Format, Mode, Numbers, Times};

use super::schemas::{described, feed_members, figures, list, object, schema, status_members};
use crate::EndReason;

/// The name of an event's schema in both documents.
pub(super) const fn title(event: EventName) -> &'static str {
    match event {
        EventName::Hello => "Hello",
        EventName::Snapshot => "SnapshotEvent",
        EventName::Quote => "QuoteEvent",
        EventName::Status => "StatusEvent",
        EventName::Heartbeat => "Heartbeat",
        EventName::Lagged => "Lagged",
        EventName::Reset => "Reset",
        EventName::Refused => "Refused",
        EventName::Goodbye => "Goodbye",
    }
}

/// What an event tells, in a sentence.
pub(super) const fn summary(event: EventName) -> &'static str {
    match event {
        EventName::Hello => "Comes first, once: what was asked for and what is given.",
        EventName::Snapshot => "A full quote. It replaces whatever the client had of that symbol.",
        EventName::Quote => {
            "The fields that changed since the last event of that symbol. A field that is not there is unchanged, and null means that it became absent."
        }
        EventName::Status => "A symbol or a feed changed state, and nothing else changed with it.",
        EventName::Heartbeat => {
            "Comes when nothing else has for a while. Restart a stream that is silent for twice that long."
        }
        EventName::Lagged => {
            "A stream that wanted every change has lost some; snapshots of those symbols follow."
        }
        EventName::Reset => {
            "The id of the request cannot be continued. Forget every quote; snapshots follow."
        }
        EventName::Refused => {
            "Comes instead of everything else when there is no room now. Come back after the time it names."
        }
        EventName::Goodbye => "The last event of a stream that the server ends.",
    }
}

/// The events, the parts that only they have, and the choice of all of them.
pub(super) fn all() -> Map<String, Value> {
    let mut all: Map<String, Value> =
        EventName::ALL.into_iter().map(|event| (title(event).to_owned(), payload(event))).collect();
    let choice: Vec<Value> = EventName::ALL.into_iter().map(|event| schema(title(event))).collect();
    all.insert(
        "Event".to_owned(),
        json!({
            "oneOf": choice,
            "description": "One event of a stream. Clients must pass over events, keys and words that they do not know: \
                later servers of version 1 may add some."
        }),
    );
    all.insert("Effective".to_owned(), effective());
    all
}

/// An event as a parser of server-sent events hands it over. Only OpenAPI needs it.
pub(super) fn lines() -> Value {
    let text = json!({"type": "string"});
    let data =
        json!({"type": "string", "contentMediaType": "application/json", "contentSchema": schema("Event")});
    object(
        "One server-sent event; the stream is a sequence of them. The first has a `retry` line.",
        &[("data", described(data, "One line of JSON."))],
        &[
            ("id", described(schema("EventId"), "Stands with the events that move a client's state.")),
            (
                "event",
                described(text, "The `type` of the data; left out when the request said `named=false`."),
            ),
            ("retry", json!({"type": "integer", "description": "Milliseconds to wait before reconnecting."})),
        ],
    )
}

fn payload(event: EventName) -> Value {
    let mut required = vec![("type", json!({"const": event.name()}))];
    let mut optional = Vec::new();
    if event.has_id() {
        optional.push((
            "id",
            described(
                schema("EventId"),
                "In NDJSON, where there is no `id` line, it stands in the object itself.",
            ),
        ));
    }
    match event {
        EventName::Hello => required.extend(hello()),
        EventName::Snapshot => {
            required.extend([("symbol", schema("Symbol")), ("seq", schema("Sequence"))]);
            required.extend(status_members());
            optional.extend(figures(false));
        }
        EventName::Quote => {
            required.extend([("symbol", schema("Symbol")), ("seq", schema("Sequence"))]);
            optional.extend(figures(true));
            optional.extend(status_members());
            let n = json!({"type": "integer", "minimum": 2});
            optional.push((
                "n",
                described(n, "How many changes are merged into this event; left out when it is one."),
            ));
        }
        EventName::Status => {
            required.push(("seq", schema("Sequence")));
            required.extend(status_members());
            let feed = described(
                json!({"type": "string"}),
                "The feed that changed state. Its symbols have events of their own.",
            );
            optional.extend([("symbol", schema("Symbol")), ("feed", feed)]);
        }
        EventName::Heartbeat => required.extend([
            ("server_time", schema("Time")),
            ("seq", described(schema("Sequence"), "Every change up to it can be seen now.")),
            (
                "lag_us",
                described(
                    json!({"type": "integer", "minimum": 0}),
                    "How long the newest change of this stream's last write had waited, in microseconds.",
                ),
            ),
        ]),
        EventName::Lagged => required.extend([
            (
                "missed",
                described(
                    json!({"type": ["integer", "null"], "minimum": 0}),
                    "How many changes are lost; null where nobody counted.",
                ),
            ),
            ("symbols", list(&schema("Symbol"), "Whose changes.")),
        ]),
        EventName::Reset => {
            let words = ResetReason::ALL.map(ResetReason::name);
            required.push((
                "reason",
                described(json!({"type": "string", "enum": words}), "What is wrong with the id."),
            ));
        }
        EventName::Refused => required.extend(farewell(&refusals(), "Why there is no stream.")),
        EventName::Goodbye => required.extend(farewell(&ends(), "Why the stream ends.")),
    }
    let mut payload = object(summary(event), &required, &optional);
    match event {
        // Status, since and reason come together or not at all.
        EventName::Quote => {
            payload["if"] = json!({"anyOf": [with(&["status"]), with(&["since"]), with(&["reason"])]});
            payload["then"] = with(&["status", "since", "reason"]);
        }
        EventName::Status => payload["oneOf"] = json!([with(&["symbol"]), with(&["feed"])]),
        _ => {}
    }
    payload
}

/// Those members must be there. They are named once more, because linters look for them beside the demand.
fn with(names: &[&str]) -> Value {
    let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    json!({"properties": properties, "required": names})
}

fn hello() -> Vec<(&'static str, Value)> {
    let limits = object(
        "What this server allows.",
        &[(
            "symbols_per_stream",
            json!({"type": "integer", "minimum": 1, "description": "Most symbols on one stream."}),
        )],
        &[],
    );
    vec![
        ("stream", schema("StreamId")),
        (
            "epoch",
            json!({
                "type": "string",
                "pattern": "^[0-9a-f]{1,16}$",
                "description": "This life of the server's table: the part of every id before the hyphen."
            }),
        ),
        ("server_time", schema("Time")),
        ("accepted", list(&schema("Symbol"), "The symbols that are streamed, in the order of the request.")),
        ("rejected", list(&schema("Rejected"), "What of the request is not served.")),
        ("effective", schema("Effective")),
        ("limits", limits),
        (
            "feeds",
            list(
                &object("A source of quotes.", &feed_members(), &[]),
                "The feeds behind the accepted symbols.",
            ),
        ),
    ]
}

/// The settings in force on a stream.
fn effective() -> Value {
    let flag = |what: &str| json!({"type": "boolean", "description": what});
    let millis = |what: &str| json!({"type": "integer", "minimum": 0, "description": what});
    let word = |words: &[&str], what: &str| json!({"type": "string", "enum": words, "description": what});
    let rate = |what: &str| json!({"type": "number", "minimum": 0.01, "maximum": 1_000, "description": what});
    object(
        "The settings in force, whatever was asked for.",
        &[
            ("mode", word(&Mode::ALL.map(Mode::name), "What is merged.")),
            (
                "fields",
                list(
                    &json!({"type": "string", "enum": Field::ALL.map(Field::name)}),
                    "The fields that quotes may carry.",
                ),
            ),
            ("named", flag("Whether events have an `event` line.")),
            ("snapshot", flag("Whether a new stream begins with full quotes.")),
            ("heartbeat_ms", millis("Longest time between two events, in milliseconds.")),
            ("retry_ms", millis("What to wait before reconnecting, in milliseconds.")),
            ("format", word(&Format::ALL.map(Format::name), "The form of the stream.")),
            ("numbers", word(&Numbers::ALL.map(Numbers::name), "How prices and sizes are written.")),
            ("times", word(&Times::ALL.map(Times::name), "How times are written.")),
            ("align", flag("Whether the windows of the rates begin on the wall clock.")),
        ],
        &[
            ("max_rate", rate("Most events a second of each symbol.")),
            (
                "symbol_rates",
                json!({
                    "type": "object",
                    "additionalProperties": rate("Most events a second of this symbol."),
                    "description": "Rates of single symbols."
                }),
            ),
            ("priority", list(&schema("Symbol"), "The symbols that go first under pressure.")),
            ("max_kbps", millis("Most kilobits of events a second.")),
            ("limit", millis("After how many events the stream ends.")),
            ("duration_ms", millis("After what time the client wanted it to end, in milliseconds.")),
            ("max_age_ms", millis("At what age the server will end it, in milliseconds.")),
            ("patterns", list(&json!({"type": "string"}), "The patterns that symbols are added by.")),
        ],
    )
}

fn farewell(words: &[&str], why: &str) -> [(&'static str, Value); 2] {
    let retry = json!({"type": "integer", "minimum": 0});
    [
        ("reason", described(json!({"type": "string", "enum": words}), why)),
        ("retry_ms", described(retry, "What to wait before coming back, in milliseconds.")),
    ]
}

/// Why a stream is not given now.
fn refusals() -> Vec<&'static str> {
    vec!["too_many_streams", "draining"]
}

/// Why the server ends a stream. Nobody is left to hear that the client has gone.
fn ends() -> Vec<&'static str> {
    EndReason::ALL.into_iter().filter(|end| *end != EndReason::ClientGone).map(EndReason::name).collect()
}
