//! Three parsers that know nothing of each other read the standard's cases and our own streams: ours, the Rust crate
//! `sse-stream`, and npm's `eventsource-parser` (`tests/node`). Node.js 18 or newer must be installed; without it the
//! test fails.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

#[path = "shared/samples.rs"]
mod samples;
#[path = "shared/vectors.rs"]
mod vectors;

use std::path::Path;
use std::process::Command;

use futures_util::{FutureExt, StreamExt, stream};
use market::FieldSet;
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use vectors::{VECTORS, Vector};
use wire::{EventId, Parser, Style, encode};

/// What a reader makes of a stream: events as type, last event id, data; and the last waiting time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Reading {
    events: Vec<(String, String, String)>,
    retry: Option<u64>,
    /// Only from Node: where cutting the stream gave something else.
    cut_differs_at: Option<usize>,
}

fn ours(chunks: &[&[u8]]) -> Reading {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for chunk in chunks {
        parser.push(chunk, &mut events).unwrap();
    }
    let events = events.into_iter().map(|e| (e.event, e.id, e.data)).collect();
    Reading { events, retry: parser.retry(), cut_differs_at: None }
}

/// `sse-stream` tells blocks; what an EventSource makes of them is added here. An error ends the reading.
fn sse_stream(chunks: &[&[u8]]) -> Reading {
    let chunks: Vec<_> =
        chunks.iter().map(|c| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(c))).collect();
    let blocks: Vec<_> = sse_stream::SseByteStream::new(stream::iter(chunks))
        .collect()
        .now_or_never()
        .expect("all bytes are there");
    let mut reading = Reading::default();
    let mut last_id = String::new();
    for block in blocks.into_iter().map_while(Result::ok) {
        last_id = block.id.unwrap_or(last_id);
        reading.retry = block.retry.or(reading.retry);
        if let Some(data) = block.data {
            let event = block.event.filter(|e| !e.is_empty()).unwrap_or_else(|| "message".to_owned());
            reading.events.push((event, last_id.clone(), data));
        }
    }
    reading
}

/// What `eventsource-parser` makes of each stream, whole and cut at every byte.
fn node(streams: &[Vec<u8>], cuts: bool) -> Vec<Reading> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    install(&folder);
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let input: Vec<_> =
        streams.iter().map(|s| serde_json::json!({ "stream": hexadecimal(s), "cuts": cuts })).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, &input).unwrap();
    let output = Command::new("node")
        .arg(folder.join("read.mjs"))
        .arg(file.path())
        .output()
        .expect("this test needs Node.js 18 or newer on the path");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Fetches the pinned parser once a clone. Tests of this file run in parallel, so one of them does it.
fn install(folder: &Path) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if folder.join("node_modules/eventsource-parser/package.json").exists() {
            return;
        }
        let output = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder)
            .output()
            .expect("this test needs npm on the path");
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    });
}

fn expected(vector: &Vector) -> Reading {
    let owned = |(event, id, data): &vectors::Told| (event.to_string(), id.to_string(), data.to_string());
    Reading { events: vector.events.iter().map(owned).collect(), retry: vector.retry, cut_differs_at: None }
}

/// The stream in two pieces, at every byte, and in pieces of one byte.
fn every_cut(stream: &[u8], read: impl Fn(&[&[u8]]) -> Reading) -> Result<Reading, usize> {
    let whole = read(&[stream]);
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        if read(&[head, tail]) != whole {
            return Err(at);
        }
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    if read(&bytes) == whole { Ok(whole) } else { Err(stream.len() + 1) }
}

#[test]
fn the_standards_cases_are_read_as_the_standard_says_wherever_they_are_cut() {
    assert!(VECTORS.len() >= 60, "{} cases", VECTORS.len());
    for vector in VECTORS {
        assert_eq!(every_cut(vector.stream, ours), Ok(expected(vector)), "{}", vector.name);
    }
}

#[test]
fn independent_parsers_read_the_standards_cases_alike_but_for_the_known_ones() {
    let streams: Vec<_> = VECTORS.iter().map(|v| v.stream.to_vec()).collect();
    let node = node(&streams, true);
    assert_eq!(node.len(), VECTORS.len());
    let mut surprises = Vec::new();
    for (vector, node) in VECTORS.iter().zip(node) {
        let readings =
            [("sse-stream", every_cut(vector.stream, sse_stream)), ("eventsource-parser", Ok(node))];
        for (parser, reading) in readings {
            if (reading == Ok(expected(vector))) == vector.deviates.contains(&parser) {
                surprises.push(format!("{parser} on {:?}: {reading:?}", vector.name));
            }
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn promise_12_three_parsers_read_our_streams_alike() {
    let strategy = (vec(samples::any_sample(), 1..8), proptest::bool::ANY);
    let mut runner = TestRunner::deterministic();
    let mut streams = Vec::new();
    let mut events = 0;
    for _ in 0..400 {
        let (samples, named) = strategy.new_tree(&mut runner).unwrap().current();
        let mut out = Vec::new();
        let style = Style { named, ..Style::default() };
        encode::head(&mut out, style, 1_500, FieldSet::ALL, &[]);
        for (seq, sample) in (1..).zip(&samples) {
            sample.write(&mut out, style, EventId { epoch: 0x18f, seq });
        }
        events += samples.len();
        streams.push(out);
    }
    let told: usize = streams.iter().map(|s| ours(&[s]).events.len()).sum();
    assert_eq!(told, events, "every event arrives, and no other");
    for (_, _, data) in streams.iter().flat_map(|s| ours(&[s]).events) {
        assert!(wire::Event::parse(&data).is_ok(), "cut short: {data:?}");
    }
    for (stream, node) in streams.iter().zip(node(&streams, false)) {
        let text = String::from_utf8_lossy(stream);
        let ours = every_cut(stream, ours).expect("no cut matters");
        assert_eq!(ours, sse_stream(&[stream]), "sse-stream reads otherwise: {text}");
        assert_eq!(ours, node, "eventsource-parser reads otherwise: {text}");
    }
}
