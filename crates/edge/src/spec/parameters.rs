//! What the parameters of a request mean, by name. Which resource takes which is read from `wire`.
//!
//! A query string and a body say the same things by the same names; only their lists and rates look different.

use market::Field;
use serde_json::{Map, Value, json};
use wire::{
    AnswerFormat, Change, Format, Mode, Numbers, QuotesRequest, Settings, StreamRequest, SymbolsRequest,
    Times,
};

use super::schemas::{described, object};

/// Who takes the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// `/v1/stream`
    Stream,
    /// `/v1/quotes`
    Quotes,
    /// `/v1/symbols`
    Symbols,
}

impl Resource {
    /// The parameters of its query, in the order of the documents.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Resource::Stream => StreamRequest::PARAMETERS,
            Resource::Quotes => QuotesRequest::PARAMETERS,
            Resource::Symbols => SymbolsRequest::PARAMETERS,
        }
    }

    /// The parameters of its query as OpenAPI tells them. One that is not described here is left out, and the tests find
    /// that.
    pub(super) fn query(self) -> Vec<Value> {
        self.names().iter().filter_map(|name| self.parameter(name)).collect()
    }

    fn parameter(self, name: &str) -> Option<Value> {
        let schema = self.in_query(name)?;
        let mut parameter = json!({
            "name": name,
            "in": "query",
            "description": self.meaning(name)?,
            "required": name == "symbols"
        });
        if schema["type"] == "array" {
            // Lists are comma-separated; a list may also be repeated, which OpenAPI cannot say beside it.
            parameter["style"] = json!("form");
            parameter["explode"] = json!(false);
        }
        parameter["schema"] = schema;
        if let Some(example) = example(name) {
            parameter["example"] = example;
        }
        Some(parameter)
    }

    /// The values that a parameter takes in a query.
    fn in_query(self, name: &str) -> Option<Value> {
        Some(match name {
            // Anything may stand among the symbols: what is not served is named in the answer, not refused. One of them
            // must be more than blanks.
            "symbols" => json!({"type": "string", "pattern": format!("[^{BLANK},]")}),
            "max_rate" => json!({"type": "string", "pattern": rates()}),
            "priority" => json!({"type": "string", "pattern": format!("^{SYMBOL}(,{SYMBOL})*$")}),
            "search" | "since" => json!({"type": "string"}),
            "wait" => json!({"type": "string", "pattern": WAIT, "default": "0s"}),
            "limit" if self == Resource::Symbols => json!({
                "type": "integer",
                "minimum": 1,
                "maximum": SymbolsRequest::LIMIT_MAX,
                "default": SymbolsRequest::LIMIT_DEFAULT
            }),
            "format" if self == Resource::Quotes => {
                json!({"type": "string", "enum": AnswerFormat::ALL.map(AnswerFormat::name)})
            }
            other => in_body(other)?,
        })
    }

    fn meaning(self, name: &str) -> Option<&'static str> {
        match (self, name) {
            (Resource::Symbols, "limit") => Some("Most names in the answer."),
            (Resource::Quotes, "format") => Some(
                "The form of the answer: one JSON object, a quote a line, or CSV. It wins over `Accept`.",
            ),
            (Resource::Stream, "last_event_id") => Some(
                "Where to go on, for clients that cannot send the header `Last-Event-ID`; the header wins. Whatever it holds, it \
                 is never an error. `lastEventId` is another name of it; both at once are refused.",
            ),
            _ => meaning(name),
        }
    }
}

/// The characters that are blanks. `\s` means other characters in other languages, so they are named one by one.
const BLANK: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// A symbol of a request, whatever its case.
const SYMBOL: &str = "[A-Za-z0-9._/-]{1,31}(:[A-Za-z0-9._/-]{1,31})?";
/// A time from nothing to a minute.
const WAIT: &str = "^(0|[0-9]{1,4}ms|[1-5]?[0-9]s|60s|[01]m|0h)$";
/// A time of any length.
const DURATION: &str = "^[0-9]{1,8}(ms|s|m|h)$";

/// Rates of a query: one for the stream, and those of single symbols.
fn rates() -> String {
    let rate = "[1-9][0-9]{0,2}([.][0-9]{1,3})?";
    let single = format!("{SYMBOL}@{rate}");
    format!("^({rate}|{single})(,{single})*$")
}

/// The schema of a body that opens a stream.
pub(super) fn stream_body() -> Value {
    let names = [StreamRequest::PARAMETERS, StreamRequest::BODY_ONLY].concat();
    let member = |name: &&'static str| {
        let schema = in_body(name)?;
        let schema = if *name == "symbols" { schema } else { or_null(&schema) };
        Some((*name, described(schema, meaning(name)?)))
    };
    let (required, optional): (Vec<_>, Vec<_>) =
        names.iter().filter_map(member).partition(|(name, _)| *name == "symbols");
    let mut body = object(
        "What a stream is to tell. A member that is null is as if it were left out.",
        &required,
        &optional,
    );
    body["if"] = json!({"properties": {"align": {"const": true}}, "required": ["align"]});
    body["then"] = json!({"anyOf": [
        {"properties": {"max_rate": {"type": "number"}}, "required": ["max_rate"]},
        {"properties": {"symbol_rates": {"type": "object", "minProperties": 1}}, "required": ["symbol_rates"]}
    ]});
    body["example"] =
        json!({"symbols": ["COINBASE:BTC-USD", "KRAKEN:*"], "fields": ["bid", "ask"], "max_rate": 10});
    body
}

/// The schema of a body that changes a stream.
pub(super) fn change_body() -> Value {
    let member = |name: &&'static str| {
        let schema = match *name {
            "add" | "remove" => json!({"type": "array", "items": {"type": "string"}}),
            setting => in_body(setting)?,
        };
        Some((*name, described(or_null(&schema), meaning(name)?)))
    };
    let members: Vec<_> = Change::MEMBERS.iter().filter_map(member).collect();
    let mut body = object(
        "What is to be different from now on. What is left out stays as it is, and null sets a setting back.",
        &[],
        &members,
    );
    body["example"] = json!({"add": ["OKX:BTC-USDT"], "remove": ["KRAKEN:*"], "max_rate": null});
    body
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// The values that a parameter takes in a body; those without quotes are the same in a query.
fn in_body(name: &str) -> Option<Value> {
    let list = |items: Value| json!({"type": "array", "minItems": 1, "items": items});
    let word = |all: &[&str], usual: &str| json!({"type": "string", "enum": all, "default": usual});
    let flag = |usual: bool| json!({"type": "boolean", "default": usual});
    let rate = json!({"type": "number", "minimum": 0.01, "maximum": 1_000, "multipleOf": 0.001});
    Some(match name {
        "symbols" => list(json!({"type": "string"})),
        "fields" => list(json!({"type": "string", "enum": Field::ALL.map(Field::name)})),
        "mode" => word(&Mode::ALL.map(Mode::name), Mode::default().name()),
        "max_rate" => rate,
        "symbol_rates" => json!({
            "type": "object",
            "propertyNames": {"pattern": format!("^{SYMBOL}$")},
            "additionalProperties": rate
        }),
        "align" => flag(false),
        "priority" => json!({
            "type": "array",
            "items": {"type": "string", "pattern": format!("^{SYMBOL}$")}
        }),
        "max_kbps" => {
            json!({"type": "integer", "minimum": Settings::KBPS.start(), "maximum": Settings::KBPS.end()})
        }
        "named" | "snapshot" => flag(true),
        "format" => json!({"type": "string", "enum": Format::ALL.map(Format::name)}),
        "numbers" => word(&Numbers::ALL.map(Numbers::name), Numbers::default().name()),
        "times" => word(&Times::ALL.map(Times::name), Times::default().name()),
        "limit" => json!({
            "type": "integer",
            "minimum": StreamRequest::LIMIT.start(),
            "maximum": StreamRequest::LIMIT.end()
        }),
        "duration" => json!({"type": "string", "pattern": DURATION}),
        "last_event_id" => json!({"type": "string"}),
        _ => return None,
    })
}

fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "symbols" => {
            "Symbols, and patterns with one final `*` (`KRAKEN:*`, `BINANCE:BTC*`), whatever the case; in a query separated by \
             commas. One that cannot be served is named in the answer, and the others stand."
        }
        "fields" => {
            "The fields that are wanted; without it all but `mid` and `spread`, which follow from the others. The status is \
             always told."
        }
        "mode" => {
            "What is merged when a client is slower than the market. `latest`: the newest state counts. `trades`: each change of \
             the last trade has an event of its own. `every`: each change has one."
        }
        "max_rate" => {
            "Most events a second of each symbol, from 0.01 to 1000 with at most three decimals. In a query rates of single \
             symbols stand in the same list: `10,KRAKEN:ETH-USD@1`. A change of status is not held back."
        }
        "symbol_rates" => "Most events a second of single symbols, by their names.",
        "align" => {
            "Whether the windows of the rates begin at whole multiples of their length on the wall clock, so that two screens \
             change at once. Needs a rate."
        }
        "priority" => {
            "Symbols that go first under pressure, the first before the second; at most 100 different ones, no patterns."
        }
        "max_kbps" => "Most kilobits (1,000 bits) of events a second. More is merged, not queued.",
        "snapshot" => "`false` begins with the first change instead of full quotes.",
        "named" => "`false` leaves the `event` lines out, so that every event arrives at `onmessage`.",
        "format" => "The form of the stream: server-sent events, JSON lines, or CSV. It wins over `Accept`.",
        "numbers" => "How prices and sizes are written: as strings, or as JSON numbers of the same digits.",
        "times" => {
            "How times are written: microseconds, nanoseconds, or text like `2026-11-21T13:37:18.250000Z`."
        }
        "limit" => "After how many snapshots, quotes and changes of a symbol's status the stream ends.",
        "duration" => "After what time the stream ends, from `1ms` to `24h`; the units are ms, s, m and h.",
        "last_event_id" => {
            "Where to go on, for clients that cannot send the header `Last-Event-ID`; the header wins. Whatever it holds, it is \
             never an error."
        }
        "since" => {
            "The `id` of an earlier answer, to be told only the quotes that changed after it. One that cannot be continued leads \
             to all quotes and `reset`."
        }
        "wait" => {
            "How long to wait for a change when there is none after `since` yet, from nothing to `60s`: a long poll, for \
             clients that cannot read streams."
        }
        "search" => "What a name must contain, whatever the case; every name when it is empty.",
        "add" => "Symbols and patterns to add. Each begins with its snapshot in the stream.",
        "remove" => {
            "Symbols and patterns to remove. A pattern takes every symbol that it matches. Nothing of theirs is told after the \
             answer."
        }
        _ => return None,
    })
}

fn example(name: &str) -> Option<Value> {
    Some(match name {
        "symbols" => json!("COINBASE:BTC-USD,KRAKEN:ETH-USD"),
        "fields" => json!(["bid", "ask", "last"]),
        "max_rate" => json!("10,KRAKEN:ETH-USD@1"),
        "priority" => json!("COINBASE:BTC-USD"),
        "duration" => json!("30s"),
        "wait" => json!("25s"),
        "last_event_id" | "since" => json!("1993e0f4a2c-8120"),
        "search" => json!("btc"),
        _ => return None,
    })
}

/// Headers of a request.
pub(super) fn headers() -> Map<String, Value> {
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": false,
            "description": description,
            "schema": {"type": "string"},
            "example": example
        })
    };
    Map::from_iter([
        (
            "LastEventId".to_owned(),
            header(
                "Last-Event-ID",
                "The id of the last event that the client has; browsers send it by themselves when they reconnect. Anything but \
                 an id of this server leads to `reset`.",
                "1993e0f4a2c-8120",
            ),
        ),
        (
            "IfNoneMatch".to_owned(),
            header(
                "If-None-Match",
                "The `ETag` of an earlier answer to the same request without `since`; the answer is 304 while nothing has changed.",
                "W/\"1993e0f4a2c-8120-2-json\"",
            ),
        ),
    ])
}
