//! A change to a running stream: `PATCH /v1/streams/{id}`.

use std::collections::HashSet;

use market::{FieldSet, Symbol};

use super::given::{Given, Value};
use super::symbols::Names;
use super::{Mode, Pattern, Rate, RequestError, RequestLimits, Settings, SymbolReason};

/// A change to a running stream. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Symbols to add, each once.
    pub add: Vec<Symbol>,
    /// Patterns to add, each once.
    pub add_patterns: Vec<Pattern>,
    /// Symbols to remove, each once.
    pub remove: Vec<Symbol>,
    /// Patterns to remove, each once: with every symbol that they match.
    pub remove_patterns: Vec<Pattern>,
    /// Malformed ones of both lists, each once, as text that is shortened but otherwise the client's: escape it.
    pub rejected: Vec<(String, SymbolReason)>,
    /// New fields.
    pub fields: Option<FieldSet>,
    /// New mode.
    pub mode: Option<Mode>,
    /// New rate, or none from now on.
    pub max_rate: Option<Option<Rate>>,
    /// New rates of single symbols, in place of all there were.
    pub symbol_rates: Option<Vec<(Symbol, Rate)>>,
    /// Whether windows are aligned from now on.
    pub align: Option<bool>,
    /// New symbols that go first, in place of all there were.
    pub priority: Option<Vec<Symbol>>,
    /// New bandwidth, or no bound from now on.
    pub max_kbps: Option<Option<u32>>,
}

impl Change {
    /// Every member of the body, in the order of the documents.
    pub const MEMBERS: &[&str] =
        &["add", "remove", "fields", "mode", "max_rate", "symbol_rates", "align", "priority", "max_kbps"];

    /// Reads the body. Its length is the caller's to bound. `null` for a setting means its default.
    ///
    /// # Errors
    /// When anything but a single symbol is wrong: refuse the request and change nothing.
    ///
    /// ```
    /// use wire::{Change, RequestLimits};
    /// let limits = RequestLimits { symbols_max: 10, query_bytes_max: 1_000 };
    /// let change = Change::parse_json(br#"{"add":["OKX:BTC-USDT"],"max_rate":null}"#, &limits).unwrap();
    /// assert_eq!((change.add[0].as_str(), change.max_rate), ("OKX:BTC-USDT", Some(None)));
    /// ```
    pub fn parse_json(body: &[u8], limits: &RequestLimits) -> Result<Change, RequestError> {
        let mut given = Given::body(body, Change::MEMBERS)?;
        let mut names = |parameter| {
            let items = given.take(parameter).map_or(Ok(Vec::new()), |v| v.list(parameter))?;
            Names::read(parameter, &items, limits)
        };
        let (add, remove) = (names("add")?, names("remove")?);
        in_one_list(&add, &remove)?;
        let mut rejected = add.rejected;
        let mut seen: HashSet<_> = rejected.iter().cloned().collect();
        rejected.extend(remove.rejected.into_iter().filter(|entry| seen.insert(entry.clone())));
        let usual = Settings::default();
        Ok(Change {
            add: add.symbols,
            add_patterns: add.patterns,
            remove: remove.symbols,
            remove_patterns: remove.patterns,
            rejected,
            fields: setting(&mut given, "fields", usual.fields, |v| v.fields("fields"))?,
            mode: setting(&mut given, "mode", usual.mode, |v| v.word("mode", &Mode::ALL, Mode::name))?,
            max_rate: setting(&mut given, "max_rate", None, |v| Ok(v.rates("max_rate", 0)?.0))?,
            symbol_rates: setting(&mut given, "symbol_rates", Vec::new(), |v| {
                v.symbol_rates("symbol_rates", limits.symbols_max.min(Settings::SYMBOL_RATES_MAX))
            })?,
            align: setting(&mut given, "align", usual.align, |v| v.flag("align"))?,
            priority: setting(&mut given, "priority", Vec::new(), |v| {
                v.whole_symbols("priority", Settings::PRIORITY_MAX)
            })?,
            max_kbps: setting(&mut given, "max_kbps", None, |v| super::settings::kbps(v).map(Some))?,
        })
    }

    /// The settings of a stream after this change.
    ///
    /// # Errors
    /// When they do not go together: refuse the request and change nothing.
    pub fn settings(&self, now: &Settings) -> Result<Settings, RequestError> {
        Settings {
            fields: self.fields.unwrap_or(now.fields),
            mode: self.mode.unwrap_or(now.mode),
            max_rate: self.max_rate.unwrap_or(now.max_rate),
            symbol_rates: self.symbol_rates.as_ref().unwrap_or(&now.symbol_rates).clone(),
            align: self.align.unwrap_or(now.align),
            priority: self.priority.as_ref().unwrap_or(&now.priority).clone(),
            max_kbps: self.max_kbps.unwrap_or(now.max_kbps),
        }
        .checked()
    }
}

/// The new value of a setting: none when it is not spoken of, the usual one when it is `null`.
fn setting<'a, T>(
    given: &mut Given<'a>,
    name: &str,
    usual: T,
    read: impl FnOnce(Value<'a>) -> Result<T, RequestError>,
) -> Result<Option<T>, RequestError> {
    if given.is_null(name) {
        return Ok(Some(usual));
    }
    given.take(name).map(read).transpose()
}

/// What is to be added and removed at once is a contradiction.
fn in_one_list(add: &Names, remove: &Names) -> Result<(), RequestError> {
    let symbols: HashSet<_> = add.symbols.iter().collect();
    let patterns: HashSet<_> = add.patterns.iter().collect();
    let both = remove.symbols.iter().find(|s| symbols.contains(s)).map(Symbol::as_str);
    match both.or_else(|| remove.patterns.iter().find(|p| patterns.contains(p)).map(Pattern::as_str)) {
        Some(name) => {
            let detail = format!("`{name}` is to be added too");
            Err(RequestError::new("remove", detail, "name it in one of the two lists"))
        }
        None => Ok(()),
    }
}
