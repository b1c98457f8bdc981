//! Where updates go.

use market::{Reason, Status, Symbol, Update};

/// What a sink calls a symbol; opaque to feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SymbolRef(pub u32);

/// What became of an update. `in = applied + dropped`, and `applied = changed + unchanged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something visible is different now.
    Changed,
    /// Taken, and everything was already so.
    Unchanged,
    /// Dropped: older than what is there.
    Older,
    /// Dropped: not to be believed, or held back until it is confirmed. Of a snapshot after a gap a part may have been taken; it
    /// has not made the gap good.
    Rejected,
}

/// Where updates go. It never blocks, and a feed cannot see what is behind it.
pub trait Sink: Send {
    /// Makes a symbol known and returns what to call it; `None` when there is no room for another symbol.
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef>;

    /// Takes one update.
    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome;

    /// Tells the state of the feed itself. `Stale`, `Suspect` and `Connecting` are carried over to those of the given
    /// symbols that are live, before any later update is published.
    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]);

    /// Takes the venue's words about a symbol that it refused; the symbol's status is an update of its own.
    fn refused(&mut self, _symbol: SymbolRef, _words: &str) {}
}
