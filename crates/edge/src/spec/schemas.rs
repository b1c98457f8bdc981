//! The words, numbers and answers that both documents speak of, as JSON Schema.
//!
//! AsyncAPI reads draft 07 and OpenAPI 2020-12; only what means the same in both is used.

use market::symbol::MAX_SYMBOL;
use market::{Field, Reason, Status};
use serde_json::{Map, Value, json};
use table::FeedMode;
use wire::SymbolReason;

use super::refer;

/// A reference to a schema of that name.
pub(super) fn schema(name: &str) -> Value {
    refer("schemas", name)
}

/// What words, numbers and times look like.
pub(super) fn words() -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    put(
        "Symbol",
        json!({
            "type": "string",
            "maxLength": MAX_SYMBOL,
            "pattern": "^[A-Z0-9._/-]+(:[A-Z0-9._/-]+)?$",
            "description": "The canonical name of what is traded: `VENUE:BASE-QUOTE` for spot, `VENUE:BASE-QUOTE-PERP` for a \
                perpetual, `VENUE:BASE-QUOTE-20261225` for a dated future, `VENUE:NAME` for a stock.",
            "examples": ["COINBASE:BTC-USD"]
        }),
    );
    put(
        "Number",
        json!({
            "description": "A plain decimal with the digits that the venue sent, trailing zeros included. A string, unless \
                the request said `numbers=json`; then the same digits stand unquoted.",
            "anyOf": [
                {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)([.][0-9]+)?$"},
                {"type": "number"}
            ],
            "examples": ["61685.50"]
        }),
    );
    put(
        "Time",
        json!({
            "description": "Microseconds since 1970-01-01 UTC; nanoseconds when the request said `times=ns`, and text with six \
                decimals when it said `times=iso`. 0 where it is not known.",
            "anyOf": [
                {"type": "integer"},
                {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$"}
            ],
            "examples": [1_795_253_400_250_000_i64]
        }),
    );
    put(
        "Sequence",
        json!({
            "type": "integer",
            "minimum": 0,
            "description": "The table-wide number of a change. For one symbol on one stream it only rises.",
            "examples": [8_120]
        }),
    );
    put(
        "EventId",
        json!({
            "type": "string",
            "maxLength": wire::id::MAX_ID,
            "pattern": "^[0-9a-f]{1,16}-[0-9]{1,20}$",
            "description": "`<epoch>-<seq>`: everything for this client up to `seq` has been sent. Send it back to go on from there.",
            "examples": ["1993e0f4a2c-8120"]
        }),
    );
    put(
        "StreamId",
        json!({
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "The name of one stream: 128 random bits. Who knows it may change the stream, so keep it to yourself.",
            "examples": ["9f86d081884c7d659a2feaa0c55ad015"]
        }),
    );
    put(
        "Status",
        json!({
            "type": "string",
            "enum": Status::ALL.map(Status::name),
            "description": "Whether a quote can be believed. Show a price as current only while this is `live`."
        }),
    );
    put(
        "Reason",
        json!({
            "type": "string",
            "enum": Reason::ALL.map(Reason::name),
            "description": "Why the status is what it is; empty when there is nothing to add."
        }),
    );
    put(
        "FeedMode",
        json!({
            "type": "string",
            "enum": feed_modes(),
            "description": "What the prices of a feed are. Mark anything but `live` where people see it."
        }),
    );
    put(
        "Rejected",
        object(
            "A text of the request that is not served.",
            &[
                (
                    "symbol",
                    described(
                        json!({"type": "string"}),
                        "The text as it was sent, shortened when it is long.",
                    ),
                ),
                (
                    "reason",
                    described(
                        json!({"type": "string", "enum": SymbolReason::ALL.map(SymbolReason::name)}),
                        "Why it is not served.",
                    ),
                ),
            ],
            &[],
        ),
    );
    all
}

/// Every mode a feed can have. A new one does not compile until it is named here.
fn feed_modes() -> Vec<&'static str> {
    let all = [FeedMode::Live, FeedMode::Demo, FeedMode::Delayed, FeedMode::Replay, FeedMode::Synthetic];
    for mode in all {
        match mode {
            FeedMode::Live | FeedMode::Demo | FeedMode::Delayed | FeedMode::Replay | FeedMode::Synthetic => {}
        }
    }
    all.map(FeedMode::name).to_vec()
}

/// The bodies of the short answers.
pub(super) fn answers() -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    let mut quote = vec![("symbol", schema("Symbol")), ("seq", schema("Sequence"))];
    let status = status_members();
    let age = described(
        json!({"type": "integer", "minimum": 0}),
        "Microseconds since the venue was last heard on this symbol; left out when it never was.",
    );
    quote.extend(status.iter().cloned());
    let mut optional = figures(false);
    optional.push(("age_us", age));
    put(
        "Quote",
        object(
            "The state of a symbol: every chosen field that has a value, and always its status.",
            &quote,
            &optional,
        ),
    );
    put(
        "Quotes",
        object(
            "Full quotes.",
            &[
                ("id", schema("EventId")),
                ("server_time", described(schema("Time"), "The server's clock.")),
                ("quotes", list(&schema("Quote"), "The quotes, in the order of the request.")),
                ("rejected", list(&schema("Rejected"), "What of the request is not served.")),
            ],
            &quotes_optional(),
        ),
    );
    put(
        "SymbolList",
        object(
            "Names that are served.",
            &[
                (
                    "symbols",
                    list(
                        &object(
                            "A name and its status.",
                            &[("symbol", schema("Symbol")), ("status", schema("Status"))],
                            &[],
                        ),
                        "In order of the names.",
                    ),
                ),
                (
                    "total",
                    described(
                        json!({"type": "integer", "minimum": 0}),
                        "How many names matched, listed or not.",
                    ),
                ),
            ],
            &[],
        ),
    );
    put(
        "FeedList",
        object(
            "The sources of quotes.",
            &[("feeds", list(&schema("Feed"), "One entry a feed, in the order of the configuration."))],
            &[],
        ),
    );
    let mut feed = feed_members();
    feed.extend([
        ("reason", schema("Reason")),
        ("since", schema("Time")),
        (
            "symbols",
            described(
                json!({"type": "integer", "minimum": 0}),
                "How many symbols of its venue are in the table.",
            ),
        ),
        (
            "refused",
            list(
                &object(
                    "A symbol that the venue refused.",
                    &[
                        ("symbol", schema("Symbol")),
                        (
                            "words",
                            described(json!({"type": "string", "maxLength": 2000}), "The venue's words."),
                        ),
                    ],
                    &[],
                ),
                "Symbols whose subscription is refused at the moment, at most a hundred.",
            ),
        ),
    ]);
    put("Feed", object("A source of quotes and its state.", &feed, &[]));
    put("Problem", problem());
    all
}

/// Members of the answer with quotes that stand there only sometimes.
fn quotes_optional() -> Vec<(&'static str, Value)> {
    let reset = json!({"type": "string", "enum": wire::ResetReason::ALL.map(wire::ResetReason::name)});
    vec![(
        "reset",
        described(reset, "Why the id of the request could not be continued; then all quotes are here."),
    )]
}

fn problem() -> Value {
    object(
        "What is wrong with a request and what to do instead (RFC 9457).",
        &[
            ("type", json!({"const": "about:blank"})),
            ("title", described(json!({"type": "string"}), "The name of the status.")),
            (
                "status",
                described(
                    json!({"type": "integer", "minimum": 400, "maximum": 599}),
                    "The status of the answer.",
                ),
            ),
            ("detail", described(json!({"type": "string", "minLength": 1}), "What is wrong, in a sentence.")),
        ],
        &[
            ("field", described(json!({"type": "string"}), "The parameter, member or header at fault.")),
            ("fix", described(json!({"type": "string"}), "What to do instead.")),
        ],
    )
}

/// What is told of a feed everywhere.
pub(super) fn feed_members() -> Vec<(&'static str, Value)> {
    let word = |what: &str| described(json!({"type": "string"}), what);
    vec![
        ("feed", word("The operator's name for it.")),
        ("venue", word("What stands before the colon of its symbols.")),
        ("kind", word("The adapter that reads it.")),
        ("mode", schema("FeedMode")),
        ("status", schema("Status")),
    ]
}

/// The three members that tell a status; they always come together.
pub(super) fn status_members() -> Vec<(&'static str, Value)> {
    vec![("status", schema("Status")), ("since", schema("Time")), ("reason", schema("Reason"))]
}

/// Every field of a quote but its status, which has members of its own. In a delta a field that became absent is null.
pub(super) fn figures(nullable: bool) -> Vec<(&'static str, Value)> {
    Field::ALL
        .into_iter()
        .filter(|field| *field != Field::Status)
        .map(|field| {
            let kind = match field {
                Field::LastSide => json!({"type": "string", "enum": ["buy", "sell"]}),
                Field::BidVenue | Field::AskVenue => json!({"type": "string"}),
                Field::Cross => json!({"type": "string", "enum": ["locked", "crossed"]}),
                Field::TsEvent | Field::TsRecv | Field::TsPub => schema("Time"),
                _ => schema("Number"),
            };
            // A time is told when it is known and is not taken back.
            let absent = nullable && !matches!(field, Field::TsEvent | Field::TsRecv | Field::TsPub);
            let value = if absent { json!({"anyOf": [kind, {"type": "null"}]}) } else { kind };
            (field.name(), described(value, meaning(field)))
        })
        .collect()
}

/// What a field means. A new one does not compile until it is told here.
const fn meaning(field: Field) -> &'static str {
    match field {
        Field::Bid => "Best bid price.",
        Field::BidSize => "What stands at the best bid, in the venue's unit of size.",
        Field::Ask => "Best ask price.",
        Field::AskSize => "What stands at the best ask, in the venue's unit of size.",
        Field::Last => "Price of the last trade.",
        Field::LastSize => "Size of the last trade.",
        Field::LastSide => "Which side took liquidity in the last trade.",
        Field::Open24h => "Price 24 hours ago, in a rolling window.",
        Field::High24h => "Highest price of the last 24 hours.",
        Field::Low24h => "Lowest price of the last 24 hours.",
        Field::Volume24h => "Volume of the last 24 hours in the base unit; contracts on derivatives.",
        Field::QuoteVolume24h => "Volume of the last 24 hours in the quote unit.",
        Field::Change24h => "The last price less the price 24 hours ago.",
        Field::ChangePct24h => "That change in percent of the price 24 hours ago, to four places.",
        Field::Mark => "Mark price of a derivative.",
        Field::Index => "Index price of a derivative.",
        Field::FundingRate => "Funding rate of a derivative as a ratio: 0.0001 is one basis point.",
        Field::Mid => "Half the sum of bid and ask.",
        Field::Spread => "Ask less bid; negative while a venue's book is crossed.",
        Field::BidVenue => "The venue of the best bid. Composites only.",
        Field::AskVenue => "The venue of the best ask. Composites only.",
        Field::Cross => {
            "Whether the best bid is the best ask, or above it; absent while there is room between them. Composites only."
        }
        Field::Status => "Whether the quote can be believed.",
        Field::TsEvent => "The venue's clock at the last change, where the venue tells it.",
        Field::TsRecv => "Our socket's clock when it arrived.",
        Field::TsPub => "When the change was published here.",
    }
}

/// A strict object: these members must be there, those may be, and nothing else.
pub(super) fn object(
    description: &str,
    required: &[(&'static str, Value)],
    optional: &[(&'static str, Value)],
) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        required.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut object = json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": false
    });
    if !names.is_empty() {
        object["required"] = json!(names);
    }
    object
}

/// A list of such items.
pub(super) fn list(items: &Value, description: &str) -> Value {
    json!({"type": "array", "items": items, "description": description})
}

/// The schema with a sentence on what it is for here. Beside a reference draft 07 would pass over the sentence.
pub(super) fn described(schema: Value, sentence: &str) -> Value {
    let mut schema = if schema.get("$ref").is_some() { json!({"allOf": [schema]}) } else { schema };
    schema["description"] = json!(sentence);
    schema
}
