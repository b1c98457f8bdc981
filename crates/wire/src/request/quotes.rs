//! Requests for answers: `GET /v1/quotes` and `GET /v1/symbols`.

use std::time::Duration;

use market::{FieldSet, Symbol};

use super::given::Given;
use super::symbols::Names;
use super::{Pattern, RequestError, RequestLimits, SymbolReason};
use crate::{Format, Numbers, Style, Times};

/// The form of an answer with quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnswerFormat {
    /// One JSON object.
    #[default]
    Json,
    /// One JSON object a quote, each on a line.
    Ndjson,
    /// A header line, then one row a quote.
    Csv,
}

impl AnswerFormat {
    /// Every form.
    pub const ALL: [AnswerFormat; 3] = [AnswerFormat::Json, AnswerFormat::Ndjson, AnswerFormat::Csv];

    /// The name in requests.
    pub const fn name(self) -> &'static str {
        match self {
            AnswerFormat::Json => "json",
            AnswerFormat::Ndjson => "ndjson",
            AnswerFormat::Csv => "csv",
        }
    }

    /// The form of that name.
    pub fn from_name(name: &str) -> Option<AnswerFormat> {
        AnswerFormat::ALL.into_iter().find(|f| f.name() == name)
    }

    /// What stands in `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            AnswerFormat::Json => "application/json",
            AnswerFormat::Ndjson => Format::Ndjson.media_type(),
            AnswerFormat::Csv => Format::Csv.media_type(),
        }
    }
}

/// A request for full quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotesRequest {
    /// As in [`super::StreamRequest::symbols`].
    pub symbols: Vec<Symbol>,
    /// As in [`super::StreamRequest::patterns`].
    pub patterns: Vec<Pattern>,
    /// As in [`super::StreamRequest::rejected`].
    pub rejected: Vec<(String, SymbolReason)>,
    /// Fields that quotes may carry.
    pub fields: FieldSet,
    /// The id of the last answer, unchecked: give it to [`crate::EventId::parse`].
    pub since: Option<String>,
    /// How long to wait for a change after it; zero when not given.
    pub wait: Duration,
    /// The form of the answer; `None` when the `Accept` header decides.
    pub format: Option<AnswerFormat>,
    /// How numbers are written.
    pub numbers: Numbers,
    /// How times are written.
    pub times: Times,
}

impl QuotesRequest {
    /// What [`QuotesRequest::wait`] may be. Proxies give up on silence after a minute.
    pub const WAIT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);

    /// Every parameter, in the order of the documents.
    pub const PARAMETERS: &[&str] = &["symbols", "fields", "since", "wait", "format", "numbers", "times"];

    /// Reads the part of the URL after the question mark.
    ///
    /// # Errors
    /// When anything but a single symbol is wrong: refuse the request.
    pub fn parse(query: &str, limits: &RequestLimits) -> Result<QuotesRequest, RequestError> {
        let mut given = Given::query(query, limits.query_bytes_max, QuotesRequest::PARAMETERS, &[])?;
        let symbols = given.take("symbols").map_or(Ok(Vec::new()), |v| v.list("symbols"))?;
        let Names { symbols, patterns, rejected } = Names::needed("symbols", &symbols, limits)?;
        Ok(QuotesRequest {
            symbols,
            patterns,
            rejected,
            fields: given.take("fields").map_or(Ok(FieldSet::DEFAULT), |v| v.fields("fields"))?,
            since: given.take("since").map(|v| v.text("since")).transpose()?.map(|id| id.into_owned()),
            wait: given
                .take("wait")
                .map_or(Ok(Duration::ZERO), |v| v.duration("wait", QuotesRequest::WAIT))?,
            format: given
                .take("format")
                .map(|v| v.word("format", &AnswerFormat::ALL, AnswerFormat::name))
                .transpose()?,
            numbers: given
                .take("numbers")
                .map_or(Ok(Numbers::default()), |v| v.word("numbers", &Numbers::ALL, Numbers::name))?,
            times: given
                .take("times")
                .map_or(Ok(Times::default()), |v| v.word("times", &Times::ALL, Times::name))?,
        })
    }

    /// How the quotes of this answer are written, once its form is known. The one JSON object is made of the same
    /// pieces as the lines.
    pub fn style(&self, format: AnswerFormat) -> Style {
        let format = match format {
            AnswerFormat::Json | AnswerFormat::Ndjson => Format::Ndjson,
            AnswerFormat::Csv => Format::Csv,
        };
        Style { format, named: true, numbers: self.numbers, times: self.times }
    }
}

/// A request for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolsRequest {
    /// What a name must contain, whatever the case; empty for every name.
    pub search: String,
    /// Most names in the answer.
    pub limit: usize,
}

impl SymbolsRequest {
    /// Every parameter, in the order of the documents.
    pub const PARAMETERS: &[&str] = &["search", "limit"];
    /// Names in an answer when the request does not say.
    pub const LIMIT_DEFAULT: usize = 100;
    /// Most names in an answer: at 64 bytes a name about 100 KB.
    pub const LIMIT_MAX: usize = 1_000;
    /// Longest query string, in bytes: a search longer than a symbol finds nothing, tripled for percent-encoding.
    const QUERY_BYTES_MAX: usize = 512;

    /// Reads the part of the URL after the question mark.
    ///
    /// # Errors
    /// When something is wrong: refuse the request.
    pub fn parse(query: &str) -> Result<SymbolsRequest, RequestError> {
        let mut given =
            Given::query(query, SymbolsRequest::QUERY_BYTES_MAX, SymbolsRequest::PARAMETERS, &[])?;
        let limit = match given.take("limit") {
            None => SymbolsRequest::LIMIT_DEFAULT,
            Some(value) => usize::try_from(value.whole("limit", 1..=SymbolsRequest::LIMIT_MAX as u64)?)
                .unwrap_or(SymbolsRequest::LIMIT_MAX),
        };
        let search = given.take("search").map(|v| v.text("search")).transpose()?.unwrap_or_default();
        Ok(SymbolsRequest { search: search.trim().to_owned(), limit })
    }
}
