//! Query strings and JSON bodies to checked requests. Everything in here comes from a stranger.
//!
//! One rule for all: a symbol that cannot be served is named and the good ones stand; anything else that is wrong
//! refuses the request, with the parameter at fault, what is wrong with it, and what to write instead.
//!
//! A query string and a body say the same things by the same names and are read by the same code: `given` turns either
//! into named values, and the requests pick theirs.
//!
//! | file | what it is |
//! |---|---|
//! | `given` | a query string or a body as named values |
//! | `values` | the kinds of value: words, numbers, durations, lists |
//! | `symbols` | lists of symbols and patterns |
//! | [`Pattern`], [`Rate`] | a wildcard; a highest rate |
//! | [`Settings`] | what a stream may change while it runs |
//! | [`StreamRequest`], [`Change`], [`QuotesRequest`], [`SymbolsRequest`] | the requests |

use market::SymbolError;

mod change;
mod given;
mod pattern;
mod quotes;
mod rate;
mod settings;
mod stream;
mod symbols;
mod values;

pub use change::Change;
pub use pattern::Pattern;
pub use quotes::{AnswerFormat, QuotesRequest, SymbolsRequest};
pub use rate::Rate;
pub use settings::{Mode, Settings};
pub use stream::StreamRequest;

/// Bounds on a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Most symbols and patterns in one request, good and bad together.
    pub symbols_max: usize,
    /// Longest query string, in bytes. The length of a body is its reader's business.
    pub query_bytes_max: usize,
}

/// What is wrong with a request: answer 400 with these three, in the words of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{parameter}`: {detail}; {fix}")]
pub struct RequestError {
    /// The parameter at fault; `query` or `body` for the whole. Shortened when long.
    pub parameter: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do instead.
    pub fix: String,
}

impl RequestError {
    fn new(parameter: &str, detail: impl Into<String>, fix: impl Into<String>) -> RequestError {
        RequestError { parameter: values::shortened(parameter), detail: detail.into(), fix: fix.into() }
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
    /// A good name of nothing that is here.
    Unknown,
    /// `*` alone: everything there is.
    PatternTooWide,
    /// A `*` that is not the last character, or more than one.
    BadPattern,
    /// The pattern matched more symbols than the stream may have; those up to the limit are streamed.
    LimitReached,
}

impl SymbolReason {
    /// Every reason.
    pub const ALL: [SymbolReason; 7] = [
        SymbolReason::Empty,
        SymbolReason::TooLong,
        SymbolReason::BadCharacter,
        SymbolReason::Unknown,
        SymbolReason::PatternTooWide,
        SymbolReason::BadPattern,
        SymbolReason::LimitReached,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            SymbolReason::Empty => "empty",
            SymbolReason::TooLong => "too_long",
            SymbolReason::BadCharacter => "bad_character",
            SymbolReason::Unknown => "unknown_symbol",
            SymbolReason::PatternTooWide => "pattern_too_wide",
            SymbolReason::BadPattern => "bad_pattern",
            SymbolReason::LimitReached => "limit_reached",
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
