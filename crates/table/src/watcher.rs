//! Watchers: which symbols changed since each of a few readers last asked.

use std::fmt;
use std::sync::Arc;

use crate::marks::Marks;
use crate::sync::{AtomicU64, Ordering, Padded};
use crate::{SymbolId, Table};

/// The most watchers of a table: every change is marked for each of them, at a few nanoseconds a mark.
pub const WATCHERS_MAX: usize = 16;

/// Told of every symbol that changes, for one thread at a time: it asks, nothing wakes it.
///
/// *Take [`Table::safe_cut`], then [`Watcher::drain`]: of every change at or below that cut, the symbol has been given by
/// an earlier drain that could see the change, or is given by this one.* What is above the cut may come as well, and then
/// possibly once more. Status changes of feeds are no changes of a symbol; [`Table::feed_changed_seq`] has them.
pub struct Watcher {
    table: Arc<Table>,
    place: usize,
}

/// The marks of every watcher, whether somebody has taken it or not.
#[derive(Debug)]
pub(crate) struct Watchers(Box<[Watch]>);

#[derive(Debug)]
struct Watch {
    /// 1 while it is somebody's.
    taken: Padded<AtomicU64>,
    marks: Marks,
}

impl Watchers {
    pub(crate) fn new(watchers: usize, symbols: usize) -> Watchers {
        let watch = || Watch { taken: Padded::default(), marks: Marks::new(symbols) };
        Watchers((0..watchers.min(WATCHERS_MAX)).map(|_| watch()).collect())
    }

    /// Marks a symbol for every watcher: after its change is visible, and before its ticket is dropped.
    #[inline]
    pub(crate) fn mark(&self, id: SymbolId) {
        for watch in &self.0 {
            watch.marks.mark(id.index());
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watch().taken.0.store(0, Ordering::Release);
    }
}

impl Watcher {
    /// A watcher that nobody has, with every symbol marked that ever changed.
    pub(crate) fn claim(table: &Arc<Table>) -> Option<Watcher> {
        let free = |watch: &Watch| {
            watch.taken.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        let place = table.watchers.0.iter().position(free)?;
        let watcher = Watcher { table: Arc::clone(table), place };
        // Who had it before may have drained what the new owner was never given.
        for id in table.ids().filter(|id| table.changed_seq(*id) > 0) {
            watcher.watch().marks.mark(id.index());
        }
        Some(watcher)
    }

    fn watch(&self) -> &Watch {
        &self.table.watchers.0[self.place]
    }

    /// The table it watches.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Whether there is nothing to drain: a load or two. After a [`Table::safe_cut`], `true` means that every change at or
    /// below it has been drained.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.watch().marks.is_quiet()
    }

    /// Gives every symbol that changed since it was last given, in rising order and each once, however often it changed.
    /// A symbol that changes meanwhile comes now or next time. When `give` panics, what it did not finish comes again.
    #[inline]
    pub fn drain(&mut self, mut give: impl FnMut(SymbolId)) {
        // Places are those of ids, which are `u32`.
        self.watch().marks.drain(|place| give(SymbolId(place as u32)));
    }
}
