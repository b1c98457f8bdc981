//! The kinds of value that parameters have, read from a query string or from a body.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use market::symbol::MAX_SYMBOL;
use market::{Field, FieldSet, Symbol};
use serde_json::value::RawValue;

use super::given::{Members, Value};
use super::{Rate, RequestError};
use crate::json::Text;

type Read<T> = Result<T, RequestError>;

/// A rate for the stream, and rates of single symbols.
pub(super) type Rates = (Option<Rate>, Vec<(Symbol, Rate)>);

impl<'a> Value<'a> {
    /// A list of texts without blanks around them: comma-separated and repeatable in a query string, where empty items
    /// mean nothing; an array of strings in a body.
    pub(super) fn list(self, name: &str) -> Read<Vec<Cow<'a, str>>> {
        match self {
            Value::Query(lists) => {
                let items = lists.iter().flat_map(|list| list.split(',')).map(str::trim);
                Ok(items.filter(|item| !item.is_empty()).map(|item| Cow::Owned(item.to_owned())).collect())
            }
            Value::Body(raw) => {
                let texts: Vec<Text<'a>> = serde_json::from_str(raw.get())
                    .map_err(|_| wrong(name, raw.get(), "a list of strings", "write an array of strings"))?;
                Ok(texts.into_iter().map(|text| trimmed(text.0)).collect())
            }
        }
    }

    /// One text.
    pub(super) fn text(self, name: &str) -> Read<Cow<'a, str>> {
        match self {
            Value::Query(values) => once(name, values).map(Cow::Owned),
            Value::Body(raw) => serde_json::from_str::<Text<'a>>(raw.get())
                .map(|text| text.0)
                .map_err(|_| wrong(name, raw.get(), "a string", "write a string")),
        }
    }

    /// One of the words of a closed list.
    pub(super) fn word<T: Copy>(self, name: &str, all: &[T], word: fn(T) -> &'static str) -> Read<T> {
        let text = self.text(name)?;
        all.iter().copied().find(|choice| word(*choice) == text).ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|choice| word(*choice)).collect();
            let fix =
                suggestion(&text, &words).unwrap_or_else(|| format!("write one of {}", words.join(", ")));
            RequestError::new(name, format!("there is no {name} `{}`", shortened(&text)), fix)
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(self, name: &str) -> Read<bool> {
        let text = self.bare(name)?;
        match &*text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(wrong(name, other, "true or false", "write true or false")),
        }
    }

    /// A whole number of that range, in plain digits.
    pub(super) fn whole(self, name: &str, range: RangeInclusive<u64>) -> Read<u64> {
        let text = self.bare(name)?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|value| plain && range.contains(value)).ok_or_else(|| {
            let fix = format!("write a whole number from {} to {}", range.start(), range.end());
            wrong(name, &text, "such a number", &fix)
        })
    }

    /// A time such as `30s`, `5m`, `1500ms` or `2h`.
    pub(super) fn duration(self, name: &str, range: RangeInclusive<Duration>) -> Read<Duration> {
        let text = self.text(name)?;
        duration(&text).filter(|value| range.contains(value)).ok_or_else(|| {
            let (from, to) = (short(*range.start()), short(*range.end()));
            let fix = format!("write a time from {from} to {to}, as in 30s, 5m, 1500ms or 2h");
            wrong(name, &text, "such a time", &fix)
        })
    }

    /// The text of something that a body writes without quotes.
    fn bare(self, name: &str) -> Read<Cow<'a, str>> {
        match self {
            Value::Query(values) => once(name, values).map(Cow::Owned),
            Value::Body(raw) => Ok(Cow::Borrowed(raw.get())),
        }
    }

    /// Fields by their names.
    pub(super) fn fields(self, name: &str) -> Read<FieldSet> {
        let mut chosen = FieldSet::EMPTY;
        for given in self.list(name)? {
            let Some(field) = Field::from_name(&given) else {
                let names = Field::ALL.map(Field::name);
                let fix = suggestion(&given, &names)
                    .unwrap_or_else(|| format!("the fields are {}", names.join(", ")));
                let detail = format!("there is no field `{}`", shortened(&given));
                return Err(RequestError::new(name, detail, fix));
            };
            chosen = chosen.with(field);
        }
        if chosen.is_empty() {
            let fix = "name at least one, as in bid,ask, or leave the parameter out";
            return Err(RequestError::new(name, "no field was asked for", fix));
        }
        Ok(chosen)
    }

    /// Symbols that must all be well formed, each told once.
    pub(super) fn whole_symbols(self, name: &str, most: usize) -> Read<Vec<Symbol>> {
        let mut symbols = Vec::new();
        for text in self.list(name)? {
            let symbol = whole_symbol(name, &text)?;
            if !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
            if symbols.len() > most {
                let detail = format!("more than {most} symbols");
                return Err(RequestError::new(name, detail, "name fewer"));
            }
        }
        Ok(symbols)
    }

    /// The rates of a query string: `10`, `KRAKEN:ETH-USD@1`, or both, in a list. In a body only the one number.
    pub(super) fn rates(self, name: &str, most: usize) -> Read<Rates> {
        let Value::Query(_) = self else {
            return Ok((Some(rate(name, &self.bare(name)?)?), Vec::new()));
        };
        let (mut general, mut single) = (None, SymbolRates::new(name, most));
        let items = self.list(name)?;
        if items.is_empty() {
            return Err(wrong(name, "", "a rate", RATE_FIX));
        }
        for item in items {
            match item.rsplit_once('@') {
                Some((symbol, value)) => single.add(symbol.trim(), value.trim())?,
                None if general.is_some() => {
                    return Err(RequestError::new(
                        name,
                        "given more than once",
                        "give one rate for the stream",
                    ));
                }
                None => general = Some(rate(name, &item)?),
            }
        }
        Ok((general, single.rates))
    }

    /// The rates of single symbols: an object of a body.
    pub(super) fn symbol_rates(self, name: &str, most: usize) -> Read<Vec<(Symbol, Rate)>> {
        let text = self.bare(name)?;
        let members: Members<'_> = serde_json::from_str(&text).map_err(|_| {
            wrong(name, &text, "an object of rates", r#"write an object, as in {"KRAKEN:ETH-USD":1}"#)
        })?;
        let mut single = SymbolRates::new(name, most);
        for (symbol, value) in members.0 {
            single.add(symbol.trim(), RawValue::get(value))?;
        }
        Ok(single.rates)
    }
}

/// Rates of single symbols, each symbol once.
struct SymbolRates<'a> {
    name: &'a str,
    most: usize,
    seen: std::collections::HashSet<Symbol>,
    rates: Vec<(Symbol, Rate)>,
}

impl<'a> SymbolRates<'a> {
    fn new(name: &'a str, most: usize) -> SymbolRates<'a> {
        SymbolRates { name, most, seen: std::collections::HashSet::new(), rates: Vec::new() }
    }

    fn add(&mut self, symbol: &str, value: &str) -> Read<()> {
        let symbol = whole_symbol(self.name, symbol)?;
        let rate = rate(self.name, value)?;
        if !self.seen.insert(symbol.clone()) {
            let detail = format!("`{symbol}` has two rates");
            return Err(RequestError::new(self.name, detail, "give each symbol one rate"));
        }
        if self.rates.len() == self.most {
            let detail = format!("rates of more than {} symbols", self.most);
            return Err(RequestError::new(self.name, detail, "name fewer"));
        }
        self.rates.push((symbol, rate));
        Ok(())
    }
}

const RATE_FIX: &str = "write a plain number from 0.01 to 1000 with at most three decimals";

fn rate(name: &str, text: &str) -> Read<Rate> {
    Rate::parse(text).ok_or_else(|| wrong(name, text, "a rate", RATE_FIX))
}

fn whole_symbol(name: &str, text: &str) -> Read<Symbol> {
    Symbol::parse(text).map_err(|error| {
        let detail = format!("`{}` is not a symbol: {error}", shortened(text));
        let fix = if text.contains('*') { "patterns have no place here: name symbols" } else { "correct it" };
        RequestError::new(name, detail, fix)
    })
}

fn wrong(name: &str, given: &str, kind: &str, fix: &str) -> RequestError {
    RequestError::new(name, format!("`{}` is not {kind}", shortened(given)), fix)
}

fn once(name: &str, mut values: Vec<String>) -> Read<String> {
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(RequestError::new(name, "given more than once", "give it once")),
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// `30s`, `5m`, `1500ms`, `2h`; nothing needs no unit.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

/// The shortest text of a bound.
fn short(time: Duration) -> String {
    match (time.as_millis(), time.as_secs()) {
        (millis, _) if millis % 1_000 != 0 => format!("{millis}ms"),
        (_, secs) if secs % 3_600 == 0 && secs > 0 => format!("{}h", secs / 3_600),
        (_, secs) => format!("{secs}s"),
    }
}

/// Client text short enough to be sent back: no answer grows with what a stranger writes.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SYMBOL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name that was probably meant: at most two letters off, case and underscores aside.
pub(super) fn suggestion(given: &str, names: &[&str]) -> Option<String> {
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

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in
            [("0", 0), ("0s", 0), ("1500ms", 1_500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "1S",
            "1d",
            "5sec",
            "99999999999999999h",
            "18446744073709551615s",
        ] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        assert_eq!(short(Duration::from_millis(1)), "1ms");
        assert_eq!(short(Duration::from_secs(60)), "60s");
        assert_eq!(short(Duration::from_secs(86_400)), "24h");
    }
}
