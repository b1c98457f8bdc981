//! What a stream asked for.

use std::collections::HashSet;

use market::Symbol;
use wire::{Pattern, Settings, Style};

/// What a stream asked for, beside its symbols.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) settings: Settings,
    pub(crate) style: Style,
    pub(crate) patterns: Vec<Pattern>,
    /// Symbols that are not here yet, and join when they are: a venue's catalogue may be on its way.
    pub(crate) awaited: HashSet<Symbol>,
    /// Most symbols, those of later matches included.
    pub(crate) symbols_max: usize,
    /// Events of symbols after which the stream is done.
    pub(crate) limit: Option<u64>,
}

impl Asked {
    /// Whether symbols that appear later may join.
    pub(crate) fn waits_for_symbols(&self) -> bool {
        !self.patterns.is_empty() || !self.awaited.is_empty()
    }
}
