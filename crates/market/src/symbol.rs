//! Canonical names: `VENUE:BASE-QUOTE` and its kin.

use std::fmt;
use std::sync::Arc;

/// The longest canonical name, in bytes. The longest in the recordings, an option, has 28.
pub const MAX_SYMBOL: usize = 64;

/// The canonical name of one thing that has prices. Cheap to clone.
///
/// | form | example |
/// |---|---|
/// | spot | `COINBASE:BTC-USD` |
/// | perpetual | `BINANCE:BTC-USDT-PERP` |
/// | dated future | `OKX:BTC-USD-20261225` |
/// | option | `OKX:BTC-USD-20261225-66000-C` |
/// | stock | `IEX:AAPL` |
/// | composite | `BTC-USD` (no venue) |
///
/// Text is upper case letters, digits and `. _ / -`, with at most one `:` between venue and name. So a symbol never
/// needs escaping in JSON, in a URL query or in a metric.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

/// Why a text is not a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolError {
    /// Nothing before or after the colon, or nothing at all.
    Empty,
    /// Longer than [`MAX_SYMBOL`] bytes.
    TooLong,
    /// A character that no symbol has, or a second colon.
    BadCharacter,
}

impl SymbolError {
    /// A stable word for answers to clients.
    pub const fn name(self) -> &'static str {
        match self {
            SymbolError::Empty => "empty",
            SymbolError::TooLong => "too_long",
            SymbolError::BadCharacter => "bad_character",
        }
    }
}

impl fmt::Display for SymbolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SymbolError::Empty => "a symbol needs a name, as in COINBASE:BTC-USD",
            SymbolError::TooLong => "a symbol has at most 64 characters",
            SymbolError::BadCharacter => "a symbol has letters, digits and . _ / - with at most one colon",
        })
    }
}

impl std::error::Error for SymbolError {}

impl Symbol {
    /// Reads a symbol; case does not matter, the result is upper case.
    ///
    /// # Errors
    /// When the text has another form; tell the client and serve the others.
    ///
    /// ```
    /// use market::Symbol;
    /// let symbol = Symbol::parse("coinbase:btc-usd").unwrap();
    /// assert_eq!(symbol.as_str(), "COINBASE:BTC-USD");
    /// assert_eq!(symbol.venue(), Some("COINBASE"));
    /// assert_eq!(symbol.name(), "BTC-USD");
    /// ```
    pub fn parse(text: &str) -> Result<Symbol, SymbolError> {
        if text.len() > MAX_SYMBOL {
            return Err(SymbolError::TooLong);
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b':');
        if !text.bytes().all(allowed) {
            return Err(SymbolError::BadCharacter);
        }
        let (venue, name) = text.split_once(':').unwrap_or(("-", text));
        if venue.is_empty() || name.is_empty() {
            return Err(SymbolError::Empty);
        }
        if name.contains(':') {
            return Err(SymbolError::BadCharacter);
        }
        Ok(Symbol(text.to_ascii_uppercase().into()))
    }

    /// The symbol of a venue's name, as in `("KRAKEN", "BTC-USD")`. Characters that no symbol has become `_`.
    ///
    /// # Errors
    /// When a part is empty or the whole is too long.
    pub fn of_venue(venue: &str, name: &str) -> Result<Symbol, SymbolError> {
        let clean = |text: &str| -> String {
            text.chars()
                .map(
                    |c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-') { c } else { '_' },
                )
                .collect()
        };
        if venue.is_empty() || name.is_empty() {
            return Err(SymbolError::Empty);
        }
        Symbol::parse(&format!("{}:{}", clean(venue), clean(name)))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The venue; `None` for a composite.
    pub fn venue(&self) -> Option<&str> {
        self.0.split_once(':').map(|(venue, _)| venue)
    }

    /// The part after the venue.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(_, name)| name)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_taken() {
        for text in [
            "COINBASE:BTC-USD",
            "BINANCE:BTC-USDT-PERP",
            "OKX:BTC-USD-20261225",
            "OKX:BTC-USD-20210924-66000-C",
            "IEX:AAPL",
            "IEX:BRK.B",
            "BTC-USD",
            "X:A/B_C",
        ] {
            assert_eq!(Symbol::parse(text).unwrap().as_str(), text);
            assert_eq!(Symbol::parse(&text.to_lowercase()).unwrap().as_str(), text);
        }
        assert_eq!(Symbol::parse("BTC-USD").unwrap().venue(), None);
    }

    #[test]
    fn hostile_names_are_refused() {
        assert_eq!(Symbol::parse(""), Err(SymbolError::Empty));
        assert_eq!(Symbol::parse("KRAKEN:"), Err(SymbolError::Empty));
        assert_eq!(Symbol::parse(":BTC"), Err(SymbolError::Empty));
        for text in ["A:B:C", "BTC USD", "A\nB", "A\rB", "<b>", "A\"B", "ÄB", "A,B", "A*"] {
            assert_eq!(Symbol::parse(text), Err(SymbolError::BadCharacter), "{text:?}");
        }
        assert_eq!(Symbol::parse(&"A".repeat(65)), Err(SymbolError::TooLong));
        assert!(Symbol::parse(&"A".repeat(64)).is_ok());
    }

    #[test]
    fn venue_names_are_cleaned() {
        assert_eq!(Symbol::of_venue("okx", "a b:c").unwrap().as_str(), "OKX:A_B_C");
        assert!(Symbol::of_venue("", "x").is_err());
    }
}
