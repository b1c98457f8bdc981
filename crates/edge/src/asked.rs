//! What a stream asked for.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use market::Symbol;
use wire::{Pattern, Settings, Style};

/// The settings of all streams that asked for nothing particular, which most do.
static DEFAULT: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);

/// What a stream asked for, beside its symbols. There is one for every stream, so what few need is not in it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) settings: Arc<Settings>,
    pub(crate) style: Style,
    /// Most symbols, those of later matches included.
    pub(crate) symbols_max: usize,
    /// Events of symbols after which the stream is done.
    pub(crate) limit: Option<u64>,
    waiting: Option<Box<Waiting>>,
}

/// Symbols that may come later.
#[derive(Clone, Debug, Default)]
struct Waiting {
    patterns: Vec<Pattern>,
    /// Symbols that are not here yet, and join when they are: a venue's catalogue may be on its way.
    awaited: HashSet<Symbol>,
}

impl Asked {
    pub(crate) fn new(settings: Settings, style: Style, symbols_max: usize, limit: Option<u64>) -> Asked {
        Asked { settings: shared(settings), style, symbols_max, limit, waiting: None }
    }

    /// Takes other settings; returns those before.
    pub(crate) fn set(&mut self, settings: Settings) -> Arc<Settings> {
        std::mem::replace(&mut self.settings, shared(settings))
    }

    /// Whether symbols that appear later may join.
    pub(crate) fn waits_for_symbols(&self) -> bool {
        self.waiting.is_some()
    }

    pub(crate) fn patterns(&self) -> &[Pattern] {
        self.waiting.as_ref().map_or(&[], |waiting| &waiting.patterns)
    }

    /// These may come later: whatever matches, and these symbols as far as there is room for them.
    pub(crate) fn await_symbols(
        &mut self,
        patterns: impl IntoIterator<Item = Pattern>,
        symbols: impl IntoIterator<Item = Symbol>,
    ) {
        let most = self.symbols_max;
        let waiting = self.waiting.get_or_insert_default();
        waiting.patterns.extend(patterns);
        let room = most.saturating_sub(waiting.awaited.len());
        waiting.awaited.extend(symbols.into_iter().take(room));
        self.let_go();
    }

    /// They are not waited for any more.
    pub(crate) fn forget(&mut self, patterns: &[Pattern], symbols: &[Symbol]) {
        let Some(waiting) = &mut self.waiting else { return };
        waiting.patterns.retain(|pattern| !patterns.contains(pattern));
        for symbol in symbols {
            waiting.awaited.remove(symbol);
        }
        self.let_go();
    }

    /// Whether this symbol, which has come, was waited for. Each is waited for once.
    pub(crate) fn takes(&mut self, symbol: &Symbol) -> bool {
        let Some(waiting) = &mut self.waiting else { return false };
        let takes = waiting.awaited.remove(symbol)
            || waiting.patterns.iter().any(|pattern| pattern.matches(symbol.as_str()));
        self.let_go();
        takes
    }

    fn let_go(&mut self) {
        self.waiting.take_if(|waiting| waiting.patterns.is_empty() && waiting.awaited.is_empty());
    }
}

fn shared(settings: Settings) -> Arc<Settings> {
    if settings == **DEFAULT { Arc::clone(&DEFAULT) } else { Arc::new(settings) }
}
