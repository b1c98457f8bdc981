//! A request for a stream: `GET` and `POST /v1/stream`.

use std::time::Duration;

use market::Symbol;

use super::given::Given;
use super::symbols::Names;
use super::{Mode, Pattern, RequestError, RequestLimits, Settings, SymbolReason};
use crate::{Format, Numbers, Style, Times};

/// A request for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRequest {
    /// Well-formed symbols, each once, in the order of the request.
    pub symbols: Vec<Symbol>,
    /// Well-formed patterns, each once, in the order of the request.
    pub patterns: Vec<Pattern>,
    /// Malformed ones, each once, as text that is shortened but otherwise the client's: escape it.
    pub rejected: Vec<(String, SymbolReason)>,
    /// What the stream may change later.
    pub settings: Settings,
    /// The form of the stream; `None` when the `Accept` header decides.
    pub format: Option<Format>,
    /// Whether events get an `event` line.
    pub named: bool,
    /// How numbers are written.
    pub numbers: Numbers,
    /// How times are written.
    pub times: Times,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// After how many snapshots, quotes and changes of a symbol's status the stream ends.
    pub limit: Option<u64>,
    /// After what time the stream ends.
    pub duration: Option<Duration>,
    /// Where the client left off, unchecked: give it to [`crate::EventId::parse`]. The header of the same name goes
    /// before it, because a reconnecting EventSource updates only the header.
    pub last_event_id: Option<String>,
}

/// Other names that parameters have in a query string. `lastEventId` is what event-source-polyfill calls its last id, and it
/// gives up for ever when that is refused.
const ALIASES: &[(&str, &str)] = &[("lastEventId", "last_event_id")];

/// What only a body has: a query string says it with `max_rate`.
const SYMBOL_RATES: &str = "symbol_rates";

impl StreamRequest {
    /// Every parameter of a query string, in the order of the documents.
    pub const PARAMETERS: &[&str] = &[
        "symbols",
        "fields",
        "mode",
        "max_rate",
        "align",
        "priority",
        "max_kbps",
        "snapshot",
        "named",
        "format",
        "numbers",
        "times",
        "limit",
        "duration",
        "last_event_id",
    ];
    /// Every member of a body beside [`StreamRequest::PARAMETERS`].
    pub const BODY_ONLY: &[&str] = &[SYMBOL_RATES];
    /// What [`StreamRequest::limit`] may be.
    pub const LIMIT: std::ops::RangeInclusive<u64> = 1..=1_000_000_000;
    /// What [`StreamRequest::duration`] may be.
    pub const DURATION: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_secs(86_400);

    /// Reads the part of the URL after the question mark.
    ///
    /// # Errors
    /// When anything but a single symbol is wrong: refuse the request.
    ///
    /// ```
    /// use wire::{RequestLimits, StreamRequest};
    /// let limits = RequestLimits { symbols_max: 10, query_bytes_max: 1_000 };
    /// let request = StreamRequest::parse("symbols=coinbase:btc-usd,b*d&fields=bid,ask", &limits).unwrap();
    /// assert_eq!(request.symbols[0].as_str(), "COINBASE:BTC-USD");
    /// assert_eq!(request.rejected[0].0, "b*d");
    /// let error = StreamRequest::parse("symbols=BTC-USD&feilds=bid", &limits).unwrap_err();
    /// assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("feilds", "did you mean `fields`?"));
    /// ```
    pub fn parse(query: &str, limits: &RequestLimits) -> Result<StreamRequest, RequestError> {
        let given = Given::query(query, limits.query_bytes_max, StreamRequest::PARAMETERS, ALIASES)?;
        StreamRequest::read(given, limits)
    }

    /// Reads the body of a `POST`. Its length is the caller's to bound.
    ///
    /// # Errors
    /// When anything but a single symbol is wrong: refuse the request.
    ///
    /// ```
    /// use wire::{RequestLimits, StreamRequest};
    /// let limits = RequestLimits { symbols_max: 10, query_bytes_max: 1_000 };
    /// let body = br#"{"symbols":["binance:*"],"max_rate":2.5,"symbol_rates":{"BINANCE:BTC-USDT":10}}"#;
    /// let request = StreamRequest::parse_json(body, &limits).unwrap();
    /// let query = "symbols=BINANCE:*&max_rate=2.5,BINANCE:BTC-USDT@10";
    /// assert_eq!(Ok(request), StreamRequest::parse(query, &limits));
    /// ```
    pub fn parse_json(body: &[u8], limits: &RequestLimits) -> Result<StreamRequest, RequestError> {
        let members = [StreamRequest::PARAMETERS, StreamRequest::BODY_ONLY].concat();
        StreamRequest::read(Given::body(body, &members)?, limits)
    }

    fn read(mut given: Given<'_>, limits: &RequestLimits) -> Result<StreamRequest, RequestError> {
        let symbols = given.take("symbols").map_or(Ok(Vec::new()), |v| v.list("symbols"))?;
        let Names { symbols, patterns, rejected } = Names::needed("symbols", &symbols, limits)?;
        Ok(StreamRequest {
            symbols,
            patterns,
            rejected,
            settings: settings(&mut given, limits)?,
            format: given.take("format").map(|v| v.word("format", &Format::ALL, Format::name)).transpose()?,
            named: given.take("named").map_or(Ok(true), |v| v.flag("named"))?,
            numbers: given
                .take("numbers")
                .map_or(Ok(Numbers::default()), |v| v.word("numbers", &Numbers::ALL, Numbers::name))?,
            times: given
                .take("times")
                .map_or(Ok(Times::default()), |v| v.word("times", &Times::ALL, Times::name))?,
            snapshot: given.take("snapshot").map_or(Ok(true), |v| v.flag("snapshot"))?,
            limit: given.take("limit").map(|v| v.whole("limit", StreamRequest::LIMIT)).transpose()?,
            duration: given
                .take("duration")
                .map(|v| v.duration("duration", StreamRequest::DURATION))
                .transpose()?,
            last_event_id: given
                .take("last_event_id")
                .map(|v| v.text("last_event_id"))
                .transpose()?
                .map(|id| id.into_owned()),
        })
    }

    /// How this stream's events are written, once its format is known.
    pub fn style(&self, format: Format) -> Style {
        Style { format, named: self.named, numbers: self.numbers, times: self.times }
    }
}

/// The settings of a new stream.
fn settings(given: &mut Given<'_>, limits: &RequestLimits) -> Result<Settings, RequestError> {
    let usual = Settings::default();
    let (max_rate, mut symbol_rates) = given.take("max_rate").map_or(Ok((None, Vec::new())), |v| {
        v.rates("max_rate", limits.symbols_max.min(Settings::SYMBOL_RATES_MAX))
    })?;
    if let Some(value) = given.take(SYMBOL_RATES) {
        symbol_rates =
            value.symbol_rates(SYMBOL_RATES, limits.symbols_max.min(Settings::SYMBOL_RATES_MAX))?;
    }
    Settings {
        fields: given.take("fields").map_or(Ok(usual.fields), |v| v.fields("fields"))?,
        mode: given.take("mode").map_or(Ok(usual.mode), |v| v.word("mode", &Mode::ALL, Mode::name))?,
        max_rate,
        symbol_rates,
        align: given.take("align").map_or(Ok(false), |v| v.flag("align"))?,
        priority: given
            .take("priority")
            .map_or(Ok(Vec::new()), |v| v.whole_symbols("priority", Settings::PRIORITY_MAX))?,
        max_kbps: given.take("max_kbps").map(super::settings::kbps).transpose()?,
    }
    .checked()
}
