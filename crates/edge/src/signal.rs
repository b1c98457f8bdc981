//! How writers tell the edge that the table has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use market::{Field, FieldSet};
use parking_lot::Mutex;
use table::{SymbolId, Table};

use crate::home::Home;
use crate::ring::Ring;

/// Some stream follows the ring.
const WATCHED: u32 = 1 << 31;
/// Most writer loops: each has a bit beside [`WATCHED`].
pub(crate) const LOOPS_MAX: usize = 31;
/// How long the ring is kept filled after the last stream that followed it has gone, so that a client that comes back can be
/// told how much it has lost: longer than any `retry` that a running server sends.
const LINGER: Duration = Duration::from_secs(120);

/// Tells the edge what was published. Cheap to clone; one read-modify-write a call while nobody follows the ring.
#[derive(Clone, Debug)]
pub struct Notifier(pub(crate) Arc<Signal>);

impl Notifier {
    /// A change of a symbol stands in the table, of these fields. To be called by the writer, after the change and before
    /// its next one.
    pub fn published(&self, id: SymbolId, fields: FieldSet) {
        if fields.contains(Field::Status) {
            self.0.statuses.fetch_add(1, Ordering::AcqRel);
        }
        self.0.publish(Some((id, fields)));
    }

    /// The state of a feed has changed and stands in the table.
    pub fn feed_changed(&self) {
        self.0.feeds.fetch_add(1, Ordering::AcqRel);
        self.0.statuses.fetch_add(1, Ordering::AcqRel);
        self.0.publish(None);
    }
}

/// What writers and the writer loops share.
///
/// `state` is only ever read and modified in one operation, by writers after a change and by readers before a look, so
/// either a reader's look comes after the writer's change, or the writer sees what the reader asked for and acts on it.
#[derive(Debug)]
pub(crate) struct Signal {
    table: Arc<Table>,
    /// One bit a loop: it has not looked since the last change. And whether somebody follows the ring.
    state: AtomicU32,
    homes: Box<[Arc<Home>]>,
    /// The bits of all loops.
    pending: u32,
    /// How many changes of status there have been: counted, because their numbers do not come in order. Streams whose rate
    /// holds them back are still told of those at once.
    statuses: AtomicU64,
    /// How many changes of a feed's state.
    feeds: AtomicU64,
    pub(crate) ring: Ring,
    watchers: Mutex<Watchers>,
}

#[derive(Debug, Default)]
struct Watchers {
    count: usize,
    idle_since: Option<Duration>,
}

impl Signal {
    pub(crate) fn new(table: Arc<Table>, homes: Box<[Arc<Home>]>, changes: usize) -> Signal {
        assert!(homes.len() <= LOOPS_MAX, "more writer loops than a signal has bits");
        Signal {
            ring: Ring::new(changes, table.capacity()),
            table,
            state: AtomicU32::new(0),
            pending: (1 << homes.len()) - 1,
            homes,
            statuses: AtomicU64::new(0),
            feeds: AtomicU64::new(0),
            watchers: Mutex::default(),
        }
    }

    fn publish(&self, change: Option<(SymbolId, FieldSet)>) {
        let mut before = self.state.fetch_or(self.pending, Ordering::AcqRel);
        if let Some((id, fields)) = change.filter(|_| before & WATCHED != 0) {
            self.ring.push(id, fields, &self.table.read(id));
            // A loop may have looked in between, when the ring did not have it yet.
            before &= self.state.fetch_or(self.pending, Ordering::AcqRel);
        }
        let mut quiet = !before & self.pending;
        while quiet != 0 {
            self.homes[quiet.trailing_zeros() as usize].bell.notify_one();
            quiet &= quiet - 1;
        }
    }

    /// Whether there was a change since the loop looked.
    pub(crate) fn is_pending(&self, number: usize) -> bool {
        self.state.load(Ordering::Acquire) & (1 << number) != 0
    }

    /// The loop is about to look.
    pub(crate) fn take(&self, number: usize) {
        self.state.fetch_and(!(1 << number), Ordering::AcqRel);
    }

    pub(crate) fn feeds(&self) -> u64 {
        self.feeds.load(Ordering::Acquire)
    }

    pub(crate) fn statuses(&self) -> u64 {
        self.statuses.load(Ordering::Acquire)
    }

    /// Has the ring filled from now on: every change that is not in the table yet will be in it.
    pub(crate) fn watch(&self) {
        self.ring.prepare();
        let mut watchers = self.watchers.lock();
        watchers.count += 1;
        watchers.idle_since = None;
        if self.state.fetch_or(WATCHED, Ordering::AcqRel) & WATCHED == 0 {
            // A number above this one is taken after the flag was set, so its writer sees the flag.
            self.ring.starts_after(self.table.last_seq());
        }
    }

    pub(crate) fn unwatch(&self, now: Duration) {
        let mut watchers = self.watchers.lock();
        watchers.count = watchers.count.saturating_sub(1);
        if watchers.count == 0 {
            watchers.idle_since = Some(now);
        }
    }

    /// Stops filling the ring when nobody has followed it for a while.
    pub(crate) fn keep_house(&self, now: Duration) {
        let mut watchers = self.watchers.lock();
        if watchers.idle_since.is_some_and(|since| now.saturating_sub(since) >= LINGER) {
            watchers.idle_since = None;
            self.state.fetch_and(!WATCHED, Ordering::AcqRel);
        }
    }
}
