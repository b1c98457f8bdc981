//! A query string or a JSON body as named values: each a parameter that the resource has, none of them read yet.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::RequestError;
use super::values::suggestion;
use crate::json::Text;

/// One parameter as it was written.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// In a query string, once for each time it stands there. Decoded.
    Query(Vec<String>),
    /// In a body: the text of one JSON value. `null` says the same as leaving the parameter out.
    Body(&'a RawValue),
}

/// The given parameters.
#[derive(Debug)]
pub(super) struct Given<'a>(BTreeMap<&'static str, Value<'a>>);

impl<'a> Given<'a> {
    /// Decodes a query string (percent-encoding, `+` as a blank, broken UTF-8 as U+FFFD). `aliases` are other names with the
    /// known ones that they stand for: under both the values are one parameter's.
    pub(super) fn query(
        query: &str,
        bytes_max: usize,
        known: &[&'static str],
        aliases: &[(&str, &'static str)],
    ) -> Result<Given<'a>, RequestError> {
        if query.len() > bytes_max {
            let detail = format!("the query string is longer than {bytes_max} bytes");
            let fix = "shorten it, or send the same as the JSON body of a POST";
            return Err(RequestError::new("query", detail, fix));
        }
        let mut given = BTreeMap::<_, Value<'_>>::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name = match aliases.iter().find(|(alias, _)| *alias == name) {
                Some((_, known)) => known,
                None => find(&name, known)?,
            };
            let entry = given.entry(name).or_insert_with(|| Value::Query(Vec::new()));
            if let Value::Query(values) = entry {
                values.push(value.into_owned());
            }
        }
        Ok(Given(given))
    }

    /// Takes a JSON object apart.
    pub(super) fn body(body: &'a [u8], known: &[&'static str]) -> Result<Given<'a>, RequestError> {
        let wrong = |detail: String| {
            RequestError::new(
                "body",
                detail,
                r#"send one JSON object, as in {"symbols":["COINBASE:BTC-USD"]}"#,
            )
        };
        let text = std::str::from_utf8(body).map_err(|_| wrong("the body is not UTF-8".to_owned()))?;
        let members: Members<'_> = serde_json::from_str(text)
            .map_err(|error| wrong(format!("the body is not a JSON object: {}", place(&error))))?;
        let mut given = BTreeMap::new();
        for (name, value) in members.0 {
            let name = find(&name, known)?;
            if given.insert(name, Value::Body(value)).is_some() {
                return Err(RequestError::new(name, "given more than once", "give it once"));
            }
        }
        Ok(Given(given))
    }

    /// The value of a parameter, unless it was left out or is `null`.
    pub(super) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a body sets the parameter to `null`.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }
}

impl Value<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Value::Body(raw) if raw.get() == "null")
    }
}

/// Where a JSON text is wrong, in our words: the parser's own may repeat the client's text.
fn place(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early".to_owned(),
        serde_json::error::Category::Data => "it is another kind of value".to_owned(),
        _ => format!("see line {}, column {}", error.line(), error.column()),
    }
}

fn find(name: &str, known: &[&'static str]) -> Result<&'static str, RequestError> {
    known.iter().find(|known| **known == name).copied().ok_or_else(|| {
        let detail = "this resource has no such parameter";
        let fix =
            suggestion(name, known).unwrap_or_else(|| format!("the parameters are {}", known.join(", ")));
        RequestError::new(name, detail, fix)
    })
}

/// The members of a JSON object in their order, a name that stands twice among them.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    members.push((name.0, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Members)
    }
}
