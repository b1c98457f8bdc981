//! The parameters of a query string, and the kinds of value they have.

use std::collections::BTreeMap;

use market::symbol::MAX_SYMBOL;
use market::{Field, FieldSet};

use super::RequestError;

/// The given parameters, decoded. Each is one that the resource has.
pub(super) struct Parameters(BTreeMap<&'static str, Vec<String>>);

impl Parameters {
    /// Decodes a query string (percent-encoding, `+` as a blank, broken UTF-8 as U+FFFD).
    pub(super) fn parse(
        query: &str,
        bytes_max: usize,
        known: &[&'static str],
        reserved: &[&'static str],
    ) -> Result<Parameters, RequestError> {
        if query.len() > bytes_max {
            let detail = format!("the query string is longer than {bytes_max} bytes");
            return Err(RequestError::new("query", detail, "shorten it, or split it into several requests"));
        }
        let mut given = BTreeMap::<_, Vec<String>>::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(name) = known.iter().find(|known| **known == name) {
                given.entry(*name).or_default().push(value.into_owned());
            } else if reserved.contains(&&*name) {
                let detail = format!("`{name}` is reserved and not served by this version");
                return Err(RequestError::new(&name, detail, "leave it out"));
            } else {
                let detail = "this resource has no such parameter";
                let fix = suggestion(&name, known)
                    .unwrap_or_else(|| format!("the parameters are {}", known.join(", ")));
                return Err(RequestError::new(&name, detail, fix));
            }
        }
        Ok(Parameters(given))
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// The value of a parameter that may stand once.
    pub(super) fn once(&mut self, name: &str) -> Result<Option<String>, RequestError> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(RequestError::new(name, "given more than once", "give it once"));
        }
        Ok(values.pop())
    }
}

pub(super) fn boolean(name: &str, text: &str) -> Result<bool, RequestError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            let detail = format!("`{}` is neither true nor false", shortened(other));
            Err(RequestError::new(name, detail, format!("write {name}=true or {name}=false")))
        }
    }
}

/// The fields of comma-separated lists; the default set when there is no list at all.
pub(super) fn fields(lists: &[String]) -> Result<FieldSet, RequestError> {
    if lists.is_empty() {
        return Ok(FieldSet::DEFAULT);
    }
    let mut chosen = FieldSet::EMPTY;
    for name in lists.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|n| !n.is_empty()) {
        let Some(field) = Field::from_name(name) else {
            let names = Field::ALL.map(Field::name);
            let fix =
                suggestion(name, &names).unwrap_or_else(|| format!("the fields are {}", names.join(", ")));
            return Err(RequestError::new("fields", format!("there is no field `{}`", shortened(name)), fix));
        };
        chosen = chosen.with(field);
    }
    if chosen.is_empty() {
        let fix = "name at least one, as in fields=bid,ask, or leave the parameter out";
        return Err(RequestError::new("fields", "no field was asked for", fix));
    }
    Ok(chosen)
}

/// Client text short enough to be sent back: no answer grows with what a stranger writes.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SYMBOL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name that was probably meant: at most two letters off, case and underscores aside.
fn suggestion(given: &str, names: &[&str]) -> Option<String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    // Nothing that long is near a name, and the comparison is quadratic.
    let given = Some(plain(given)).filter(|g| g.len() <= 32)?;
    let (distance, name) = names.iter().map(|name| (distance(&given, &plain(name)), name)).min()?;
    (distance <= 2 && distance < given.len()).then(|| format!("did you mean `{name}`?"))
}

/// Fewest letters to insert, delete, replace or swap with their neighbour that turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    rows[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                replaced.min(swapped).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["symbols", "fields", "bid_size"];
        let meant = |text| suggestion(text, &names);
        assert_eq!(meant("Symbol").as_deref(), Some("did you mean `symbols`?"));
        assert_eq!(meant("feilds").as_deref(), Some("did you mean `fields`?"));
        assert_eq!(meant("bidSize").as_deref(), Some("did you mean `bid_size`?"));
        assert_eq!(meant("x"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"s".repeat(100_000)), None);
    }

    #[test]
    fn client_text_is_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(shortened(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}
