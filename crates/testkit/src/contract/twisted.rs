//! Recorded JSON that is still JSON, and wrong in one place: what no cut and no flipped bit makes of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::script::{Payload, Recorded};

/// How many frames are twisted, each of another shape. Together with the next it bounds the time of the check.
const SHAPES: usize = 24;

/// How many places of a frame are twisted, taken evenly from all.
const PLACES: usize = 48;

/// Frames longer than this have no other places than shorter ones, only more of them.
const BYTES_MAX: usize = 16 * 1024;

/// A list is drawn out to more than this.
const OVERSIZED: usize = 1024 * 1024;

/// Gives every twisted form of the recorded frames, and whether it stood in a text frame.
pub(super) fn each(frames: &[Recorded], give: &mut dyn FnMut(&str, bool)) {
    let raw = ["7".repeat(27), "9".repeat(400), format!("-{}", "9".repeat(27)), "1e-400".to_owned()];
    let nest = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (mut whole, is_text) in shapes(frames) {
        let places = places(&whole);
        for place in places.iter().step_by(places.len().div_ceil(PLACES).max(1)) {
            let Some(there) = whole.pointer(place).cloned() else { continue };
            let mut with = |instead: Value, spelled: Option<&str>| {
                let Some(at) = whole.pointer_mut(place) else { return };
                *at = instead;
                let text = whole.to_string();
                // serde_json holds no number of 400 digits: it is written over a mark.
                give(&spelled.map_or(text.clone(), |spelled| text.replace(MARK, spelled)), is_text);
            };
            for wrong in [
                json!(null),
                json!(true),
                json!(""),
                json!("x"),
                json!(-1),
                json!([]),
                json!([[]]),
                json!({}),
            ] {
                with(wrong, None);
            }
            with(json!(there.to_string()), None);
            with(json!([there]), None);
            with(json!({ "a": there }), None);
            for spelled in raw.iter().chain([&nest]) {
                with(json!(MARK_TEXT), Some(spelled));
            }
            for text in &raw {
                with(json!(text), None);
            }
            with(there, None);
        }
        if let Some(long) = drawn_out(&whole) {
            give(&long, is_text);
        }
    }
}

const MARK_TEXT: &str = "\u{1}here\u{1}";
const MARK: &str = "\"\\u0001here\\u0001\"";

/// Frames of different shapes, and whether each is a text frame.
fn shapes(frames: &[Recorded]) -> Vec<(Value, bool)> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for recorded in frames {
        let (bytes, is_text) = match &recorded.payload {
            Payload::Text(text) => (text.as_bytes(), true),
            Payload::Binary(bytes) => (bytes.as_slice(), false),
            Payload::Ping(_) => continue,
        };
        if bytes.len() > BYTES_MAX || found.len() == SHAPES {
            continue;
        }
        let Ok(whole) = serde_json::from_slice::<Value>(bytes) else { continue };
        if seen.insert(shape(&whole)) {
            found.push((whole, is_text));
        }
    }
    found
}

/// The names in a value without its numbers; of a list, the first two members.
fn shape(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().take(2).map(shape).collect::<String>()),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key}:{},", shape(value))).collect(),
        Value::String(_) => "s".to_owned(),
        Value::Number(_) => "n".to_owned(),
        Value::Bool(_) | Value::Null => "-".to_owned(),
    }
}

/// Where every value stands, the whole first.
fn places(whole: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, places: &mut Vec<String>) {
        places.push(at.to_owned());
        match value {
            Value::Array(list) => {
                for (number, value) in list.iter().enumerate() {
                    walk(value, &format!("{at}/{number}"), places);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    walk(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(whole, "", &mut found);
    found
}

/// The same with its last list that is not empty repeated until the text is too long; `None` where there is no list.
fn drawn_out(whole: &Value) -> Option<String> {
    let is_list = |place: &String| whole.pointer(place).is_some_and(|at| at.get(0).is_some());
    let place = places(whole).into_iter().rfind(is_list)?;
    let mut long = whole.clone();
    let list = long.pointer_mut(&place)?.as_array_mut()?;
    // Repeated, the members come without brackets and each with a comma behind it.
    let length = Value::Array(list.clone()).to_string().len() - 1;
    *list = list.iter().cycle().take(list.len() * (OVERSIZED / length + 1)).cloned().collect();
    Some(long.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_twisted_in_every_way() {
        let mut seen = BTreeSet::new();
        let frames = [r#"{"a/b":["1.5"],"n":2}"#, r#"{"a/b":["2.5"],"n":3}"#].map(Recorded::text);
        each(&frames, &mut |text, is_text| {
            assert!(is_text);
            seen.insert(text.to_owned());
        });
        for one in [
            r#"{"a/b":[null],"n":2}"#.to_owned(),
            r#"{"a/b":{"a":["1.5"]},"n":2}"#.to_owned(),
            r#"{"a/b":["1.5"],"n":"2"}"#.to_owned(),
            format!(r#"{{"a/b":["1.5"],"n":{}}}"#, "9".repeat(400)),
            format!(r#"{{"a/b":["{}"],"n":2}}"#, "7".repeat(27)),
            "[]".to_owned(),
        ] {
            assert!(seen.contains(&one), "{one}");
        }
        assert!(seen.iter().any(|text| text.len() > OVERSIZED), "none is too long");
        assert!(!seen.iter().any(|text| text.contains("here")), "a mark was left");
        assert!(!seen.iter().any(|text| text.contains(r#""n":3"#)), "one shape, one frame");
    }
}
