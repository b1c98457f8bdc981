//! Wildcards: a prefix with one final `*`.

use std::fmt;

use market::Symbol;

use super::SymbolReason;

/// Every symbol that begins like this, also those that appear later.
///
/// ```
/// use wire::{Pattern, SymbolReason};
/// let pattern = Pattern::parse("binance:btc*").unwrap();
/// assert_eq!(pattern.as_str(), "BINANCE:BTC*");
/// assert!(pattern.matches("BINANCE:BTC-USDT") && !pattern.matches("BINANCE:ETH-USDT"));
/// assert_eq!(Pattern::parse("*"), Err(SymbolReason::PatternTooWide));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Most patterns of one stream or request: each is held against every name of the table.
    pub const MOST: usize = 64;

    /// Reads a pattern; case does not matter, the result is upper case.
    ///
    /// # Errors
    /// When the text is no pattern that is served; tell the client and serve the rest.
    pub fn parse(text: &str) -> Result<Pattern, SymbolReason> {
        let prefix = text.strip_suffix('*').ok_or(SymbolReason::BadPattern)?;
        if prefix.is_empty() {
            return Err(SymbolReason::PatternTooWide);
        }
        if prefix.contains('*') {
            return Err(SymbolReason::BadPattern);
        }
        // A prefix is good when some symbol begins with it.
        Symbol::parse(&format!("{prefix}A"))?;
        Ok(Pattern(text.to_ascii_uppercase().into()))
    }

    /// Whether a symbol, in its canonical form, begins like this.
    pub fn matches(&self, symbol: &str) -> bool {
        symbol.starts_with(&self.0[..self.0.len() - 1])
    }

    /// The canonical text, with its `*`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_with_one_final_star_is_a_pattern() {
        for text in ["BINANCE:*", "BINANCE:BTC*", "BIN*", "B*", "OKX:BTC-USD-2026*"] {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!(pattern.as_str(), text);
            assert_eq!(Pattern::parse(&text.to_lowercase()), Ok(pattern));
        }
        let venue = Pattern::parse("x:*").unwrap();
        assert!(venue.matches("X:A") && !venue.matches("XY:A") && !venue.matches("X"));
        assert!(Pattern::parse("b*").unwrap().matches("BTC-USD"), "composites have names too");
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        use SymbolReason::{BadCharacter, BadPattern, Empty, PatternTooWide, TooLong};
        for (text, reason) in [
            ("*", PatternTooWide),
            ("", BadPattern),
            ("A", BadPattern),
            ("A*B", BadPattern),
            ("**", BadPattern),
            ("A**", BadPattern),
            ("*A*", BadPattern),
            (":*", Empty),
            ("A:B:*", BadCharacter),
            ("A B*", BadCharacter),
            ("A\n*", BadCharacter),
        ] {
            assert_eq!(Pattern::parse(text), Err(reason), "{text:?}");
        }
        assert!(Pattern::parse(&format!("{}*", "A".repeat(63))).is_ok());
        assert_eq!(
            Pattern::parse(&format!("{}*", "A".repeat(64))),
            Err(TooLong),
            "it can match nothing more"
        );
    }
}
