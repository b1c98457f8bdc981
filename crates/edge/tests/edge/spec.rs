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
                let text = values.join(", ");
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(text.parse::<u64>().unwrap()),
                    _ => json!(text),
                };
                conforms(&schema, &value, name);
            }
        }
        let media_type = answer.header("content-type").map(|t| t.split(';').next().unwrap().to_owned());
        match (&media_type, told.get("content")) {
            (None, None) => assert_eq!(answer.body, "", "{at}"),
            (Some(media_type), Some(content)) => {
                let told = &content[media_type.as_str()];
                assert!(told.is_object(), "{at}: {media_type} is not in the document");
                if media_type == "application/json" || media_type == "application/problem+json" {
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
                documents.check("Quotes", &value);
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
async fn every_form_of_an_answer_with_quotes_is_as_described() {
    let documents = Documents::read();
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1.10", "2");
    for query in [
        "symbols=TEST:*,A:B&numbers=json&times=iso",
        "symbols=TEST:*&times=ns&since=1-1&wait=1ms",
        "symbols=TEST:*&format=csv",
        "symbols=TEST:*&format=ndjson",
        "symbols=TEST:*&format=xml",
    ] {
        documents.check_answer("get", "/v1/quotes", &edge.get(&format!("/v1/quotes?{query}"), &[]).await);
    }
    let target = "/v1/quotes?symbols=TEST:*";
    let tag = edge.get(target, &[]).await.header("etag").unwrap().to_owned();
    let same = edge.get(target, &[("If-None-Match", &tag)]).await;
    assert_eq!(same.status, 304);
    documents.check_answer("get", "/v1/quotes", &same);
    documents.check_answer("get", "/v1/quotes", &edge.get(target, &[("Accept", "image/png")]).await);
    let lines = edge.get(&format!("{target}&format=ndjson"), &[]).await;
    for line in lines.body.lines() {
        documents.check("Quote", &serde_json::from_str(line).unwrap());
    }
}

#[tokio::test]
async fn every_answer_about_an_open_stream_is_as_described() {
    let documents = Documents::read();
    let edge = Running::start(Config::default()).await;
    let mut client = edge.stream("symbols=TEST:*", &[]).await;
    let hello = client.next("hello").await;
    check_event(&documents, &hello);
    let route = "/v1/streams/{id}";
    let at = |id: &str| format!("/v1/streams/{id}");
    let open = at(hello["stream"].as_str().unwrap());
    let change = r#"{"add":["A:B"],"remove":["TEST:BTC-USD","b*d"],"mode":"every","fields":["bid"],"max_rate":2.5,
        "symbol_rates":{"TEST:ETH-USD":10},"align":true,"priority":["TEST:ETH-USD"],"max_kbps":100}"#;
    for (method, target, body, status) in [
        ("get", open.clone(), "", 200),
        ("patch", open.clone(), change, 200),
        ("patch", open.clone(), "{}", 200),
        ("patch", open.clone(), r#"{"colour":"red"}"#, 400),
        ("patch", at("nobody"), "{}", 404),
        ("get", at("nobody"), "", 404),
        ("get", format!("{open}?x"), "", 400),
        ("delete", at("nobody"), "", 404),
        ("delete", open.clone(), "", 204),
    ] {
        let answer = if method == "patch" {
            edge.send("PATCH", &target, body).await
        } else {
            edge.ask(&method.to_uppercase(), &target, &[]).await
        };
        assert_eq!(answer.status, status, "{method} {target} {body}: {}", answer.body);
        documents.check_answer(method, route, &answer);
    }
    let not_json = edge.ask("PATCH", &open, &[("Content-Length", "0")]).await;
    assert_eq!(not_json.status, 415);
    documents.check_answer("patch", route, &not_json);
    let declared = [("Content-Type", "application/json"), ("Content-Length", "2000000")];
    let large = edge.ask("PATCH", &open, &declared).await;
    assert_eq!(large.status, 413);
    documents.check_answer("patch", route, &large);
    check_event(&documents, &client.next("goodbye").await);
    let wrong = edge.send("POST", "/v1/stream", r#"{"symbols":[]}"#).await;
    documents.check_answer("post", "/v1/stream", &wrong);
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
    for (path, query) in [("/v1/stream", "symbols=TEST:*"), ("/v1/stream", "symbols=TEST:*&format=csv")] {
        let answer = edge.get(&format!("{path}?{query}"), &[]).await;
        assert_eq!(answer.status, 503);
        documents.check_answer("get", path, &answer);
    }
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
    for (body, names) in [
        ("StreamRequest", [wire::StreamRequest::PARAMETERS, wire::StreamRequest::BODY_ONLY].concat()),
        ("StreamChange", wire::Change::MEMBERS.to_vec()),
    ] {
        for name in &names {
            assert!(schemas[body]["properties"].get(name).is_some(), "{body} lacks {name}");
        }
        assert_eq!(schemas[body]["properties"].as_object().unwrap().len(), names.len(), "{body}");
    }
}

/// Bounds that a schema cannot say stand in the words.
#[test]
fn the_bounds_in_words_are_those_of_the_parsers() {
    let documents = Documents::read();
    let members = &documents.openapi["components"]["schemas"]["StreamRequest"]["properties"];
    let most = format!("at most {} different", wire::Settings::PRIORITY_MAX);
    assert!(members["priority"]["description"].as_str().unwrap().contains(&most));
    let limits = wire::RequestLimits { symbols_max: 100, query_bytes_max: 10_000 };
    for (name, least, most, beyond) in
        [("duration", "1ms", "24h", "25h"), ("max_rate", "0.01", "1000", "1001")]
    {
        let told = members[name]["description"].as_str().unwrap();
        assert!(told.contains(&format!(" {least}")) || told.contains(&format!("`{least}`")), "{told}");
        assert!(told.contains(most), "{told}");
        let parse = |value| wire::StreamRequest::parse(&format!("symbols=A:B&{name}={value}"), &limits);
        assert!(parse(least).is_ok() && parse(most).is_ok() && parse(beyond).is_err(), "{name}");
    }
    let told = documents.openapi["paths"]["/v1/quotes"]["get"]["parameters"].to_string();
    assert!(told.contains("to `60s`"));
    assert_eq!(wire::QuotesRequest::WAIT.end().as_secs(), 60);
}

/// What the examples of the document say, said to the parsers.
#[test]
fn the_examples_of_requests_are_understood() {
    let documents = Documents::read();
    let limits = wire::RequestLimits { symbols_max: 100, query_bytes_max: 10_000 };
    let schemas = &documents.openapi["components"]["schemas"];
    let body = schemas["StreamRequest"]["example"].to_string();
    wire::StreamRequest::parse_json(body.as_bytes(), &limits).unwrap();
    let body = schemas["StreamChange"]["example"].to_string();
    wire::Change::parse_json(body.as_bytes(), &limits).unwrap();
    for (path, parse) in [
        ("/v1/stream", (|query, limits| wire::StreamRequest::parse(query, limits).map(|_| ())) as Parse),
        ("/v1/quotes", |query, limits| wire::QuotesRequest::parse(query, limits).map(|_| ())),
        ("/v1/symbols", |query, _| wire::SymbolsRequest::parse(query).map(|_| ())),
    ] {
        for parameter in documents.openapi["paths"][path]["get"]["parameters"].as_array().unwrap() {
            let (Some(name), Some(example)) = (parameter["name"].as_str(), parameter.get("example")) else {
                continue;
            };
            if parameter["in"] != "query" {
                continue;
            }
            let text = match example {
                Value::Array(items) => {
                    items.iter().map(|i| i.as_str().unwrap()).collect::<Vec<_>>().join(",")
                }
                other => other.as_str().unwrap().to_owned(),
            };
            let needed = if name == "symbols" || path == "/v1/symbols" { "" } else { "&symbols=A:B" };
            let query = format!("{name}={text}{needed}");
            parse(&query, &limits).unwrap_or_else(|error| panic!("{path}?{query}: {error}"));
        }
    }
}

type Parse = fn(&str, &wire::RequestLimits) -> Result<(), wire::RequestError>;
