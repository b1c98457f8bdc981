//! The one way from a feed's connections to its sink, and the feed's own status.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use market::{Reason, Status, Symbol, Update};

use crate::{Outcome, Sink, SymbolRef};

/// A sink shared by the connections of one feed.
///
/// Locked by one connection for one frame. Feeds with one connection, which are most, never wait here.
pub(super) struct Outlet {
    inner: Mutex<Inner>,
}

struct Inner {
    sink: Marked,
    /// The state of each connection; the feed's own is the worst of them.
    lines: Vec<(Status, Reason)>,
    told: Option<(Status, Reason)>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

impl Outlet {
    pub(super) fn new(sink: Box<dyn Sink>) -> Outlet {
        let sink = Marked { sink, inside: false };
        Outlet { inner: Mutex::new(Inner { sink, lines: Vec::new(), told: None }) }
    }

    /// Calls `with` with the sink.
    pub(super) fn with<R>(&self, with: impl FnOnce(&mut dyn Sink) -> R) -> R {
        with(&mut self.lock().sink)
    }

    /// Whether a call into the sink never returned: it panicked, and its state is broken.
    pub(super) fn is_broken(&self) -> bool {
        self.lock().sink.inside
    }

    /// Tells a state of the feed as a whole, which concerns no symbols.
    pub(super) fn tell_feed(&self, status: Status, reason: Reason) {
        let mut inner = self.lock();
        inner.told = Some((status, reason));
        inner.sink.feed_status(status, reason, &[]);
    }

    /// There are this many connections now, none of them connected.
    pub(super) fn set_lines(&self, count: usize) {
        self.lock().lines = vec![(Status::Connecting, Reason::NotConnected); count];
    }

    /// Tells the state of one connection. Its symbols are those that take over a stale state.
    pub(super) fn tell_line(&self, line: usize, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        let mut inner = self.lock();
        if let Some(state) = inner.lines.get_mut(line) {
            *state = (status, reason);
        }
        if matches!(status, Status::Stale | Status::Suspect) {
            inner.told = Some((status, reason));
            inner.sink.feed_status(status, reason, symbols);
            return;
        }
        let worst = inner.lines.iter().copied().max_by_key(|&(status, _)| status.badness());
        let worst = worst.unwrap_or((status, reason));
        if inner.told != Some(worst) {
            inner.told = Some(worst);
            inner.sink.feed_status(worst.0, worst.1, &[]);
        }
    }

    /// A decoder may panic while the lock is held; the sink is whole all the same unless it says otherwise
    /// ([`Outlet::is_broken`]).
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink that knows whether a call into it has not come back.
struct Marked {
    sink: Box<dyn Sink>,
    inside: bool,
}

impl Marked {
    fn call<R>(&mut self, call: impl FnOnce(&mut dyn Sink) -> R) -> R {
        self.inside = true;
        let result = call(self.sink.as_mut());
        self.inside = false;
        result
    }
}

impl Sink for Marked {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        self.call(|sink| sink.intern(symbol))
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        self.call(|sink| sink.update(symbol, update))
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        self.call(|sink| sink.feed_status(status, reason, symbols));
    }

    fn refused(&mut self, symbol: SymbolRef, words: &str) {
        self.call(|sink| sink.refused(symbol, words));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Told = Arc<Mutex<Vec<(Status, Reason, usize)>>>;

    struct Ear(Told);

    impl Sink for Ear {
        fn intern(&mut self, _: &Symbol) -> Option<SymbolRef> {
            None
        }
        fn update(&mut self, _: SymbolRef, _: &Update) -> Outcome {
            Outcome::Unchanged
        }
        fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
            self.0.lock().unwrap().push((status, reason, symbols.len()));
        }
    }

    #[test]
    fn a_feed_is_as_bad_as_its_worst_connection() {
        let told = Told::default();
        let outlet = Outlet::new(Box::new(Ear(Arc::clone(&told))));
        let symbols = [SymbolRef(1), SymbolRef(2)];
        outlet.set_lines(2);
        outlet.tell_line(0, Status::Connecting, Reason::NotHeard, &[]);
        outlet.tell_line(0, Status::Live, Reason::Confirmed, &[]);
        outlet.tell_line(1, Status::Live, Reason::Confirmed, &[]);
        outlet.tell_line(0, Status::Stale, Reason::Silence, &symbols);
        outlet.tell_line(1, Status::Stale, Reason::Disconnected, &symbols[..1]);
        outlet.tell_line(0, Status::Live, Reason::Confirmed, &[]);
        outlet.tell_line(1, Status::Live, Reason::Confirmed, &[]);
        let told = told.lock().unwrap();
        let names: Vec<_> =
            told.iter().map(|(status, reason, n)| (status.name(), reason.name(), *n)).collect();
        assert_eq!(
            names[names.len() - 4..],
            [
                ("live", "confirmed", 0),
                ("stale", "silence", 2),
                ("stale", "disconnected", 1),
                ("live", "confirmed", 0),
            ],
            "{names:?}"
        );
    }
}
