//! Lists of symbols and patterns: the good ones, and the others by name.

use std::borrow::Cow;
use std::collections::HashSet;

use market::Symbol;

use super::values::shortened;
use super::{Pattern, RequestError, RequestLimits, SymbolReason};

/// What a list of symbols and patterns holds, each once, in its order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) symbols: Vec<Symbol>,
    pub(super) patterns: Vec<Pattern>,
    /// Malformed ones, as text that is shortened but otherwise the client's.
    pub(super) rejected: Vec<(String, SymbolReason)>,
}

impl Names {
    /// Reads the items of a list.
    pub(super) fn read(
        parameter: &str,
        items: &[Cow<'_, str>],
        limits: &RequestLimits,
    ) -> Result<Names, RequestError> {
        let mut names = Names::default();
        let (mut symbols_seen, mut patterns_seen, mut rejected_seen) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for text in items {
            let reason = if text.contains('*') {
                match Pattern::parse(text) {
                    Ok(pattern) => {
                        if patterns_seen.insert(pattern.clone()) {
                            names.patterns.push(pattern);
                        }
                        None
                    }
                    Err(reason) => Some(reason),
                }
            } else {
                match Symbol::parse(text) {
                    Ok(symbol) => {
                        if symbols_seen.insert(symbol.clone()) {
                            names.symbols.push(symbol);
                        }
                        None
                    }
                    Err(error) => Some(error.into()),
                }
            };
            if let Some(reason) = reason
                && rejected_seen.insert(&**text)
            {
                names.rejected.push((shortened(text), reason));
            }
            if names.patterns.len() > Pattern::MOST {
                let detail = format!("more than {} patterns", Pattern::MOST);
                return Err(RequestError::new(parameter, detail, "use shorter prefixes, or name symbols"));
            }
            if names.len() > limits.symbols_max {
                let detail = format!("more than {} symbols", limits.symbols_max);
                return Err(RequestError::new(parameter, detail, "ask for fewer, or open a second stream"));
            }
        }
        Ok(names)
    }

    /// The same, of a list that must not be empty.
    pub(super) fn needed(
        parameter: &str,
        items: &[Cow<'_, str>],
        limits: &RequestLimits,
    ) -> Result<Names, RequestError> {
        let names = Names::read(parameter, items, limits)?;
        if names.len() == 0 {
            let fix = "name at least one, as in COINBASE:BTC-USD,KRAKEN:ETH-USD";
            return Err(RequestError::new(parameter, "no symbol was asked for", fix));
        }
        Ok(names)
    }

    fn len(&self) -> usize {
        self.symbols.len() + self.patterns.len() + self.rejected.len()
    }
}
