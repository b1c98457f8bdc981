//! Query strings to checked requests. Everything in here comes from a stranger.
//!
//! One rule for all: a symbol that cannot be served is named and the good ones stand; anything else that is wrong
//! refuses the request, with the parameter at fault, what is wrong with it, and what to write instead.

use std::collections::HashSet;

use market::{FieldSet, Symbol, SymbolError};

mod parameters;

use parameters::{Parameters, boolean, fields, shortened};

/// Bounds on a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Most symbols in one request, good and bad together.
    pub symbols_max: usize,
    /// Longest query string, in bytes.
    pub query_bytes_max: usize,
}

/// What is wrong with a request: answer 400 with these three, in the words of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{parameter}`: {detail}; {fix}")]
pub struct RequestError {
    /// The parameter at fault; `query` for the query string as a whole. Shortened when long.
    pub parameter: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do instead.
    pub fix: String,
}

impl RequestError {
    fn new(parameter: &str, detail: impl Into<String>, fix: impl Into<String>) -> RequestError {
        RequestError { parameter: shortened(parameter), detail: detail.into(), fix: fix.into() }
    }
}

/// Why a symbol of a request is not served: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SymbolReason {
    /// Nothing before or after the colon.
    Empty,
    /// Longer than any symbol.
    TooLong,
    /// A character that no symbol has.
    BadCharacter,
    /// A wildcard: reserved, not served yet.
    Wildcard,
    /// A good name of nothing that is here.
    Unknown,
}

impl SymbolReason {
    /// Every reason.
    pub const ALL: [SymbolReason; 5] = [
        SymbolReason::Empty,
        SymbolReason::TooLong,
        SymbolReason::BadCharacter,
        SymbolReason::Wildcard,
        SymbolReason::Unknown,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            SymbolReason::Empty => "empty",
            SymbolReason::TooLong => "too_long",
            SymbolReason::BadCharacter => "bad_character",
            SymbolReason::Wildcard => "wildcard_not_supported",
            SymbolReason::Unknown => "unknown_symbol",
        }
    }
}

impl From<SymbolError> for SymbolReason {
    fn from(error: SymbolError) -> SymbolReason {
        match error {
            SymbolError::Empty => SymbolReason::Empty,
            SymbolError::TooLong => SymbolReason::TooLong,
            SymbolError::BadCharacter => SymbolReason::BadCharacter,
        }
    }
}

/// What a stream merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Only the newest value of each field counts; a client that is behind skips what lies between.
    #[default]
    Latest,
}

impl Mode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Latest => "latest",
        }
    }
}

/// A request for a stream (`GET /v1/stream`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRequest {
    /// Well-formed symbols, each once, in the order of the request. Empty when every one was malformed.
    pub symbols: Vec<Symbol>,
    /// Malformed ones, each once, as text that is shortened but otherwise the client's: escape it.
    pub rejected: Vec<(String, SymbolReason)>,
    /// Fields that quotes may carry.
    pub fields: FieldSet,
    /// What is merged.
    pub mode: Mode,
    /// Whether events get an `event` line.
    pub named: bool,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// Where the client left off, unchecked: give it to [`crate::EventId::parse`]. The header of the same name goes
    /// before it, because a reconnecting EventSource updates only the header.
    pub last_event_id: Option<String>,
}

/// Parameters that version 1 reserves for streams and this server does not serve yet.
const STREAM_RESERVED: &[&str] = &["max_rate", "numbers", "format", "limit", "duration"];
/// Modes that version 1 reserves.
const MODES_RESERVED: &[&str] = &["trades", "every"];

impl StreamRequest {
    /// Every parameter, in the order of the documents.
    pub const PARAMETERS: &[&str] = &["symbols", "fields", "mode", "named", "snapshot", "last_event_id"];

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
        let mut given =
            Parameters::parse(query, limits.query_bytes_max, StreamRequest::PARAMETERS, STREAM_RESERVED)?;
        let (symbols, rejected) = symbols(&given.all("symbols"), limits)?;
        Ok(StreamRequest {
            symbols,
            rejected,
            fields: fields(&given.all("fields"))?,
            mode: given.once("mode")?.map_or(Ok(Mode::Latest), |text| mode(&text))?,
            named: given.once("named")?.map_or(Ok(true), |text| boolean("named", &text))?,
            snapshot: given.once("snapshot")?.map_or(Ok(true), |text| boolean("snapshot", &text))?,
            last_event_id: given.once("last_event_id")?,
        })
    }
}

/// A request for full quotes (`GET /v1/quotes`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotesRequest {
    /// As in [`StreamRequest::symbols`].
    pub symbols: Vec<Symbol>,
    /// As in [`StreamRequest::rejected`].
    pub rejected: Vec<(String, SymbolReason)>,
    /// Fields that quotes may carry.
    pub fields: FieldSet,
}

impl QuotesRequest {
    /// Every parameter, in the order of the documents.
    pub const PARAMETERS: &[&str] = &["symbols", "fields"];

    /// Reads the part of the URL after the question mark.
    ///
    /// # Errors
    /// When anything but a single symbol is wrong: refuse the request.
    pub fn parse(query: &str, limits: &RequestLimits) -> Result<QuotesRequest, RequestError> {
        let mut given = Parameters::parse(
            query,
            limits.query_bytes_max,
            QuotesRequest::PARAMETERS,
            &["since", "wait", "format"],
        )?;
        let (symbols, rejected) = symbols(&given.all("symbols"), limits)?;
        Ok(QuotesRequest { symbols, rejected, fields: fields(&given.all("fields"))? })
    }
}

/// A request for names (`GET /v1/symbols`).
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
            Parameters::parse(query, SymbolsRequest::QUERY_BYTES_MAX, SymbolsRequest::PARAMETERS, &[])?;
        let limit = match given.once("limit")? {
            None => SymbolsRequest::LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=SymbolsRequest::LIMIT_MAX).contains(n) && !text.starts_with('+'))
                .ok_or_else(|| {
                    let fix = format!("write a whole number from 1 to {}", SymbolsRequest::LIMIT_MAX);
                    RequestError::new("limit", format!("`{}` is no limit", shortened(&text)), fix)
                })?,
        };
        Ok(SymbolsRequest { search: given.once("search")?.unwrap_or_default().trim().to_owned(), limit })
    }
}

fn mode(text: &str) -> Result<Mode, RequestError> {
    if text == Mode::Latest.name() {
        return Ok(Mode::Latest);
    }
    let fix = "write mode=latest or leave it out";
    if MODES_RESERVED.contains(&text) {
        let detail = format!("mode `{text}` is reserved and not served by this version");
        return Err(RequestError::new("mode", detail, fix));
    }
    Err(RequestError::new("mode", format!("there is no mode `{}`", shortened(text)), fix))
}

/// Good symbols and malformed ones of comma-separated lists.
#[expect(clippy::type_complexity, reason = "the two lists that both requests hold")]
fn symbols(
    lists: &[String],
    limits: &RequestLimits,
) -> Result<(Vec<Symbol>, Vec<(String, SymbolReason)>), RequestError> {
    let mut good = Vec::new();
    let mut good_seen = HashSet::new();
    let mut bad = Vec::new();
    let mut bad_seen = HashSet::new();
    for text in lists.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|t| !t.is_empty()) {
        match Symbol::parse(text) {
            Ok(symbol) => {
                if good_seen.insert(symbol.clone()) {
                    good.push(symbol);
                }
            }
            Err(error) => {
                if bad_seen.insert(text) {
                    let wildcard = error == SymbolError::BadCharacter && text.contains('*');
                    let reason = if wildcard { SymbolReason::Wildcard } else { error.into() };
                    bad.push((shortened(text), reason));
                }
            }
        }
        if good.len() + bad.len() > limits.symbols_max {
            let detail = format!("more than {} symbols", limits.symbols_max);
            return Err(RequestError::new("symbols", detail, "ask for fewer, or open a second stream"));
        }
    }
    if good.is_empty() && bad.is_empty() {
        let fix = "name at least one, as in symbols=COINBASE:BTC-USD,KRAKEN:ETH-USD";
        return Err(RequestError::new("symbols", "no symbol was asked for", fix));
    }
    Ok((good, bad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Field;

    const LIMITS: RequestLimits = RequestLimits { symbols_max: 5, query_bytes_max: 600 };

    fn names(symbols: &[Symbol]) -> Vec<&str> {
        symbols.iter().map(Symbol::as_str).collect()
    }

    fn refused(query: &str) -> RequestError {
        StreamRequest::parse(query, &LIMITS).expect_err(query)
    }

    #[test]
    fn a_request_with_symbols_alone_has_the_defaults() {
        let request = StreamRequest::parse("symbols=COINBASE:BTC-USD", &LIMITS).unwrap();
        assert_eq!(names(&request.symbols), ["COINBASE:BTC-USD"]);
        assert_eq!((request.fields, request.mode), (FieldSet::DEFAULT, Mode::Latest));
        assert!(request.named && request.snapshot && request.rejected.is_empty());
        assert_eq!(request.last_event_id, None);
    }

    #[test]
    fn lists_may_be_repeated_encoded_and_untidy() {
        for query in [
            "symbols=X:A,Y:B",
            "symbols=X:A&symbols=Y:B",
            "symbols=x%3Aa%2Cy%3Ab",
            "symbols=,X:A,,Y:B,&",
            "symbols=X:A,+Y:B+,x:a",
            "%73ymbols=%58:A,Y:B",
        ] {
            assert_eq!(
                names(&StreamRequest::parse(query, &LIMITS).unwrap().symbols),
                ["X:A", "Y:B"],
                "{query}"
            );
        }
    }

    #[test]
    fn a_bad_symbol_is_named_and_the_good_ones_stay() {
        let long = "A".repeat(90);
        let query = format!("symbols=X:A,b%0d%0ad,:x,BINANCE:*,%ff,b%0d%0ad&symbols=,{long}");
        let limits = RequestLimits { symbols_max: 9, ..LIMITS };
        let request = StreamRequest::parse(&query, &limits).unwrap();
        assert_eq!(names(&request.symbols), ["X:A"]);
        let rejected: Vec<_> =
            request.rejected.iter().map(|(text, why)| (text.as_str(), why.name())).collect();
        let cut = format!("{}…", "A".repeat(64));
        assert_eq!(
            rejected,
            [
                ("b\r\nd", "bad_character"),
                (":x", "empty"),
                ("BINANCE:*", "wildcard_not_supported"),
                ("\u{fffd}", "bad_character"),
                (cut.as_str(), "too_long"),
            ]
        );
        let request = StreamRequest::parse("symbols=%00", &LIMITS).unwrap();
        assert!(request.symbols.is_empty() && request.rejected.len() == 1);
    }

    #[test]
    fn lists_that_are_empty_or_too_long_are_refused() {
        for query in ["", "symbols=", "symbols=,%20,", "fields=bid", "&&", "symbols"] {
            assert_eq!(refused(query).parameter, "symbols", "{query:?}");
        }
        assert_eq!(refused("symbols=A,B,C,D,E,F").detail, "more than 5 symbols");
        assert_eq!(refused("symbols=A,B,C,D,E,*").parameter, "symbols", "bad ones count");
        assert!(StreamRequest::parse("symbols=A,B,C,D,E,a,b", &LIMITS).is_ok(), "repeated ones do not");
        assert_eq!(refused(&format!("symbols={}", "A".repeat(600))).parameter, "query");
    }

    #[test]
    fn fields_are_chosen_by_name() {
        let fields = |query: &str| StreamRequest::parse(query, &LIMITS).unwrap().fields;
        let both: FieldSet = [Field::Bid, Field::Mid].into_iter().collect();
        assert_eq!(fields("symbols=A&fields=bid,mid"), both);
        assert_eq!(fields("symbols=A&fields=bid&fields=mid,bid"), both);
        let error = refused("symbols=A&fields=bid,bidsize");
        assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("fields", "did you mean `bid_size`?"));
        assert!(refused("symbols=A&fields=zzzzzz").fix.contains("bid_size"), "the list of all");
        assert_eq!(refused("symbols=A&fields=BID").fix, "did you mean `bid`?");
        assert_eq!(refused("symbols=A&fields=").parameter, "fields");
    }

    #[test]
    fn settings_are_read_strictly() {
        let request = StreamRequest::parse(
            "symbols=A&mode=latest&named=false&snapshot=false&last_event_id=ff-9%0a",
            &LIMITS,
        )
        .unwrap();
        assert!(!request.named && !request.snapshot);
        assert_eq!(request.last_event_id.as_deref(), Some("ff-9\n"), "its reader decides what is garbage");
        for (query, parameter) in [
            ("symbols=A&named=yes", "named"),
            ("symbols=A&named=", "named"),
            ("symbols=A&snapshot=0", "snapshot"),
            ("symbols=A&mode=all", "mode"),
            ("symbols=A&named=true&named=true", "named"),
            ("symbols=A&last_event_id=1&last_event_id=2", "last_event_id"),
        ] {
            assert_eq!(refused(query).parameter, parameter, "{query}");
        }
    }

    #[test]
    fn unknown_and_reserved_parameters_are_told_apart() {
        let error = refused("symbols=A&symbol=B");
        assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("symbol", "did you mean `symbols`?"));
        let error = refused("symbols=A&x%0ay=1");
        assert_eq!(error.parameter, "x\ny");
        assert!(error.fix.contains("last_event_id"));
        for name in STREAM_RESERVED {
            let error = refused(&format!("symbols=A&{name}=1"));
            assert_eq!(error.parameter, *name);
            assert!(error.detail.contains("reserved"), "{error}");
        }
        for mode in MODES_RESERVED {
            assert!(refused(&format!("symbols=A&mode={mode}")).detail.contains("reserved"));
        }
        assert!(refused(&format!("symbols=A&{}=1", "y".repeat(300))).parameter.len() < 80);
    }

    #[test]
    fn quotes_and_symbols_have_their_own_parameters() {
        let request = QuotesRequest::parse("symbols=A,%3c&fields=last", &LIMITS).unwrap();
        assert_eq!((names(&request.symbols), request.rejected.len()), (vec!["A"], 1));
        assert_eq!(QuotesRequest::parse("symbols=A&named=true", &LIMITS).unwrap_err().parameter, "named");
        assert!(QuotesRequest::parse("symbols=A&wait=25s", &LIMITS).unwrap_err().detail.contains("reserved"));
        assert_eq!(SymbolsRequest::parse("").unwrap(), SymbolsRequest { search: String::new(), limit: 100 });
        assert_eq!(
            SymbolsRequest::parse("search=btc+&limit=7").unwrap(),
            SymbolsRequest { search: "btc".into(), limit: 7 }
        );
        for query in
            ["limit=0", "limit=1001", "limit=x", "limit=%2b5", "limit=-1", "limit=99999999999999999999"]
        {
            assert_eq!(SymbolsRequest::parse(query).unwrap_err().parameter, "limit", "{query}");
        }
    }
}
