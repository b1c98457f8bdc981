//! The served documents against what is really answered: neither can drift from the other.

use std::path::Path;

use edge::Config;
use market::{Field, Reason, Status};
use serde_json::{Value, json};
use wire::EventName;
use wire::decode::Parser;

use crate::support::{Answer, BTC, ETH, Running};

/// Both documents, read.
struct Documents {
    openapi: Value,
    asyncapi: Value,
}

impl Documents {
    fn read() -> Documents {
        let json = |text| serde_json::from_str(text).unwrap();
        Documents { openapi: json(edge::spec::openapi()), asyncapi: json(edge::spec::asyncapi()) }
    }

    /// Fails unless the value is what both documents say of that name (or the one that has it).
    fn check(&self, name: &str, value: &Value) {
        let mut found = 0;
        for document in [&self.openapi, &self.asyncapi] {
            if document["components"]["schemas"].get(name).is_some() {
                let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
                conforms(&schema, value, name);
                found += 1;
            }
        }
        assert!(found > 0, "no document has {name}");
    }

    /// Fails unless an answer is one that the document tells of this route: status, headers, media type, body.
    fn check_answer(&self, method: &str, path: &str, answer: &Answer) {
        let at = format!("{method} {path} {}", answer.status);
        let operation = &self.openapi["paths"][path][method];
        assert!(operation.is_object(), "{at}: not a route of the document");
        let told = self.whole(&operation["responses"][answer.status.to_string()]);
        assert!(told.is_object(), "{at}: not an answer of the document");
        for (name, header) in told["headers"].as_object().into_iter().flatten() {
            let header = self.whole(header);
            let values = answer.headers_of(&name.to_lowercase());
            assert!(!values.is_empty() || header["required"] == false, "{at}: no {name}");
            if !values.is_empty() {
                let schema = json!({"allOf": [header["schema"]], "components": self.openapi["components"]});
                conforms(&schema, &json!(values.join(", ")), name);
            }
        }
        let media_type = answer.header("content-type").map(|t| t.split(';').next().unwrap().to_owned());
        match (&media_type, told.get("content")) {
            (None, None) => assert_eq!(answer.body, "", "{at}"),
            (Some(media_type), Some(content)) => {
                let told = &content[media_type.as_str()];
                assert!(told.is_object(), "{at}: {media_type} is not in the document");
                if media_type.ends_with("json") {
                    let schema = json!({"allOf": [told["schema"]], "components": self.openapi["components"]});
                    conforms(&schema, &answer.json(), &at);
                }
            }
            (is, should) => panic!("{at}: {is:?} is not {should:?}"),
        }
    }

    /// What a reference points to.
    fn whole<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(pointer) => {
                self.openapi.pointer(&pointer[1..]).unwrap_or_else(|| panic!("{pointer} leads nowhere"))
            }
            None => part,
        }
    }
}

fn conforms(schema: &Value, value: &Value, what: &str) {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{value}");
}

/// The `data` of every event of these bytes.
fn events(bytes: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    Parser::default().push(bytes, &mut events).unwrap();
    events.iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect()
}

/// The name of the schema of an event.
fn name_of(documents: &Documents, event: &Value) -> String {
    let pointer =
        &documents.asyncapi["components"]["messages"][event["type"].as_str().unwrap()]["payload"]["$ref"];
    pointer
        .as_str()
        .unwrap_or_else(|| panic!("no message for {event}"))
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

fn check_event(documents: &Documents, event: &Value) {
    documents.check(&name_of(documents, event), event);
    documents.check("Event", event);
}

#[test]
fn every_golden_example_is_as_described() {
    let documents = Documents::read();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/golden");
    let mut kinds = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        match path.extension().and_then(|e| e.to_str()) {
            Some("sse") => {
                for event in events(&bytes) {
                    kinds.insert(event["type"].as_str().unwrap().to_owned());
                    check_event(&documents, &event);
                }
            }
            Some("ndjson") => {
                for line in String::from_utf8(bytes).unwrap().lines() {
                    let value: Value = serde_json::from_str(line).unwrap();
                    if value.get("type").is_some() {
                        check_event(&documents, &value);
                    } else {
                        documents.check("Quote", &value);
                    }
                }
            }
            Some("json") => {
                let value: Value = serde_json::from_slice(&bytes).unwrap();
                documents.check(if value.get("quotes").is_some() { "Quotes" } else { "StreamState" }, &value);
            }
            // Rows are not JSON; the encoder's own tests hold them.
            Some("csv") => {}
            other => panic!("{other:?} is a kind of example that is not checked: {}", path.display()),
        }
    }
    let all = EventName::ALL.map(|event| event.name().to_owned()).into();
    assert_eq!(kinds, all, "every kind of event has an example");
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let documents = Documents::read();
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    for (path, query) in [
        ("/v1/quotes", "?symbols=test:btc-usd,TEST:ETH-USD,TEST:NOPE,b*d"),
        ("/v1/quotes", "?symbols=test:btc-usd&fields=bid,mid,spread"),
        ("/v1/quotes", ""),
        ("/v1/quotes", "?symbols=A:B&fields=price"),
        ("/v1/symbols", "?search=btc&limit=1"),
        ("/v1/symbols", "?limit=0"),
        ("/v1/feeds", ""),
        ("/v1/feeds", "?x=1"),
        ("/v1/stream", ""),
        ("/openapi.json", ""),
        ("/openapi.json", "?x"),
        ("/asyncapi.json", ""),
        ("/", ""),
    ] {
        documents.check_answer("get", path, &edge.get(&format!("{path}{query}"), &[]).await);
    }
    let refused = edge.get("/v1/stream?symbols=A:B", &[("Accept", "application/pdf")]).await;
    documents.check_answer("get", "/v1/stream", &refused);
    let page = edge.get("/v1/stream", &[("Accept", "text/html")]).await;
    documents.check_answer("get", "/v1/stream", &page);
    let long = format!("/v1/quotes?symbols={}", "A".repeat(40 << 10));
    documents.check_answer("get", "/v1/quotes", &edge.get(&long, &[]).await);
}

#[tokio::test]
async fn every_event_is_as_described() {
    let documents = Documents::read();
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD,b*d&last_event_id=1-1", &[]).await;
    for kind in ["hello", "reset", "snapshot"] {
        check_event(&documents, &client.next(kind).await);
    }
    check_event(&documents, &client.next("snapshot").await);
    edge.quote(BTC, "1.20", "2");
    check_event(&documents, &client.next("quote").await);
    edge.status(ETH, Status::Stale, Reason::Silence);
    check_event(&documents, &client.next("status").await);
    edge.stop.cancel();
    check_event(&documents, &client.next("goodbye").await);

    let mut config = Config::default();
    config.limits.streams = 0;
    let edge = Running::start(config).await;
    let answer = edge.get("/v1/stream?symbols=TEST:BTC-USD", &[("Accept", "text/event-stream")]).await;
    documents.check_answer("get", "/v1/stream", &answer);
    let events = events(answer.body.as_bytes());
    assert_eq!(events.len(), 1);
    check_event(&documents, &events[0]);
}

#[tokio::test]
async fn the_documents_are_served() {
    let edge = Running::start(Config::default()).await;
    for (path, document) in
        [("/openapi.json", edge::spec::openapi()), ("/asyncapi.json", edge::spec::asyncapi())]
    {
        let answer = edge.get(path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert!(answer.body == document, "{path} is another document");
    }
}

#[test]
fn the_schemas_are_narrow_enough_to_find_a_drift() {
    let documents = Documents::read();
    let quote = json!({"type": "quote", "symbol": BTC, "seq": 1, "bid": "1.50"});
    check_event(&documents, &quote);
    for (key, value) in [
        ("bid", json!("1e5")),
        ("bid", json!("1.")),
        ("bid", json!(true)),
        ("colour", json!("red")),
        ("n", json!(1)),
        ("seq", json!(-1)),
        ("status", json!("live")),
        ("last_side", json!("left")),
        ("symbol", json!("test:btc")),
        ("ts_pub", json!(null)),
    ] {
        let mut wrong = quote.clone();
        wrong[key] = value;
        for document in [&documents.openapi, &documents.asyncapi] {
            let schema =
                json!({"$ref": "#/components/schemas/QuoteEvent", "components": document["components"]});
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            assert!(!validator.is_valid(&wrong), "taken: {wrong}");
        }
    }
}

#[test]
fn every_field_and_parameter_is_described() {
    let documents = Documents::read();
    let schemas = &documents.openapi["components"]["schemas"];
    for field in Field::ALL {
        for name in ["Quote", "SnapshotEvent", "QuoteEvent"] {
            assert!(schemas[name]["properties"].get(field.name()).is_some(), "{name} lacks {}", field.name());
        }
    }
    for (path, names) in [
        ("/v1/stream", wire::StreamRequest::PARAMETERS),
        ("/v1/quotes", wire::QuotesRequest::PARAMETERS),
        ("/v1/symbols", wire::SymbolsRequest::PARAMETERS),
    ] {
        let parameters = documents.openapi["paths"][path]["get"]["parameters"].as_array().unwrap();
        let told: Vec<_> =
            parameters.iter().filter(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(told, names, "{path}");
    }
}
