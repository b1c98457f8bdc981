//! The writing side: updates in, numbered changes out.

use std::collections::HashMap;
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use market::{FieldSet, Micros, Quote, Reason, Sides, Status, Update};

use crate::feeds::FeedId;
use crate::layout::{HEARD, NOTES, WORDS, glance};
use crate::merge::{self, Plan};
use crate::origins::Raised;
use crate::sequence::Place;
use crate::slot::{Guard, View};
use crate::sync::Ordering;
use crate::{SymbolId, Table};

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Something visible is different now.
    Changed {
        /// The number of the change.
        seq: u64,
        /// The stored fields that differ, the status among them.
        fields: FieldSet,
    },
    /// It was so already. No number was taken.
    Unchanged,
    /// Everything it told is older than what is there: dropped.
    Older,
}

/// The right to change a table, for one thread at a time: usually one a feed. Several writers may write the same
/// symbol; then each waits while another is writing it.
pub struct Writer {
    table: Arc<Table>,
    /// `None` only while dropping.
    place: Option<Place>,
    /// Which writer this is of all that there have been: a place is somebody else's later.
    number: u64,
    /// By symbol what it has said against it and not taken back; nothing of nearly all.
    raised: HashMap<SymbolId, Raised>,
    /// Room to read a quote into.
    pub(crate) scratch: Option<Box<Quote>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.table.sequencer.release(place);
        }
        for (id, raised) in self.raised.drain() {
            let mut guard = self.table.entry(id).slot.lock();
            let mut origins = None;
            merge::note_gone(&guard, raised, |at, word| origins = Some((at, word)));
            if let Some((at, word)) = origins {
                guard.set_note(at, word);
            }
        }
    }
}

impl Writer {
    pub(crate) fn new(table: Arc<Table>, place: Place) -> Writer {
        let number = table.writers_made.fetch_add(1, Ordering::Relaxed);
        Writer { table, place: Some(place), number, raised: HashMap::new(), scratch: None }
    }

    /// What it has raised against a symbol.
    #[inline]
    fn raised(&self, id: SymbolId) -> Raised {
        // Nearly always nothing is raised at all, and then nothing is looked up.
        if self.raised.is_empty() {
            Raised::default()
        } else {
            self.raised.get(&id).copied().unwrap_or_default()
        }
    }

    #[cold]
    fn keep(&mut self, id: SymbolId, raised: Raised) {
        if raised == Raised::default() {
            self.raised.remove(&id);
        } else {
            self.raised.insert(id, raised);
        }
    }

    /// The table it writes.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Takes one update, by the rules that `merge.rs` states. `ts_pub` is the time now.
    #[inline]
    pub fn apply(&mut self, id: SymbolId, update: &Update, ts_pub: Micros) -> Applied {
        self.apply_with(id, update, ts_pub, || {})
    }

    /// As [`Writer::apply`], with a stop in mid-write: the words are half there, the change is in nobody's view. For the
    /// tests that hold a writer right there.
    #[doc(hidden)]
    #[inline]
    pub fn apply_with(
        &mut self,
        id: SymbolId,
        update: &Update,
        ts_pub: Micros,
        mid_write: impl FnOnce(),
    ) -> Applied {
        let slot = &self.table.entry(id).slot;
        black_box(glance(slot));
        let mut guard = slot.lock();
        let old = guard.view();
        let Some(plan) = merge::plan(&old, &guard, update, || self.raised(id)) else { return Applied::Older };
        let heard = guard.note(HEARD);
        if plan.changed.is_empty() {
            merge::note(&plan, update, heard, |at, word| guard.set_note(at, word));
            drop(guard);
            if let Some(raised) = plan.raised {
                self.keep(id, raised);
            }
            return Applied::Unchanged;
        }
        let Some(place) = &mut self.place else {
            unreachable!("a writer keeps its place until it is dropped")
        };
        let ticket = self.table.sequencer.take(place);
        let seq = ticket.seq();
        let mut rewrite = guard.rewrite();
        merge::write(&plan, &old, update, seq, ts_pub, |at, word| rewrite.set(at, word));
        mid_write();
        rewrite.publish();
        // First the slot, then the dense array, then the cut, and the lock is held until the array says so too:
        // `changed_seq` never points ahead of the slot and never moves back.
        self.table.changed[id.index()].store(seq, Ordering::Release);
        // Only now: a write that is given up half-way leaves the notes as they were.
        merge::note(&plan, update, heard, |at, word| guard.set_note(at, word));
        drop(guard);
        // After the change is visible, and before the cut may pass it: who takes the cut and then drains is given it.
        self.table.watchers.mark(id);
        drop(ticket);
        if let Some(raised) = plan.raised {
            self.keep(id, raised);
        }
        Applied::Changed { seq, fields: plan.changed }
    }

    /// Sets a status from outside the venue's messages: silence, a lost connection, a stop. Returns the number of the
    /// change, or `None` when it was so already. `Stale`, `Connecting` and `Suspect` do not cover `Halted`, `Closed` and
    /// `Delisted`, but even then the venue sequences are forgotten, because the next connection may begin anywhere.
    pub fn set_status(&mut self, id: SymbolId, status: Status, reason: Reason, now: Micros) -> Option<u64> {
        self.plan_status(id, now, |old, guard, raised| {
            merge::plan_status(old, guard, (status, reason), raised)
        })
    }

    fn plan_status(
        &mut self,
        id: SymbolId,
        now: Micros,
        plan: impl FnOnce(&View<'_, WORDS>, &Guard<'_, WORDS, NOTES>, Raised) -> Plan,
    ) -> Option<u64> {
        let raised = self.raised(id);
        let mut guard = self.table.entry(id).slot.lock();
        let old = guard.view();
        let plan = plan(&old, &guard, raised);
        if plan.changed.is_empty() {
            merge::note_status(&plan, |at, word| guard.set_note(at, word));
            drop(guard);
            if let Some(raised) = plan.raised {
                self.keep(id, raised);
            }
            return None;
        }
        let ticket = self.table.sequencer.take(self.place.as_mut()?);
        let seq = ticket.seq();
        let mut rewrite = guard.rewrite();
        merge::write_status(&plan, &old, seq, now, |at, word| rewrite.set(at, word));
        rewrite.publish();
        self.table.changed[id.index()].store(seq, Ordering::Release);
        merge::note_status(&plan, |at, word| guard.set_note(at, word));
        drop(guard);
        self.table.watchers.mark(id);
        drop(ticket);
        if let Some(raised) = plan.raised {
            self.keep(id, raised);
        }
        Some(seq)
    }

    /// Says that a price of this symbol is held back outside the table, or is not any more: as long as it is, a quote that
    /// would be live is `suspect`, whatever else is told of it, and whatever another writer says of prices of its own. Returns the number of the change, or `None` when nothing
    /// visible is different.
    pub fn doubt(&mut self, id: SymbolId, doubted: bool, now: Micros) -> Option<u64> {
        self.plan_status(id, now, |old, guard, raised| merge::plan_doubt(old, guard, doubted, raised))
    }

    /// Tells a composite as a whole: every field of the top and the trade, and whose its sides are. See
    /// [`crate::Composites`], which is alone in calling this.
    pub(crate) fn compose(
        &mut self,
        id: SymbolId,
        update: &Update,
        sides: Sides,
        ts_pub: Micros,
    ) -> Option<FieldSet> {
        let mut guard = self.table.entry(id).slot.lock();
        let old = guard.view();
        let plan = merge::plan_composite(&old, &guard, update, sides)?;
        let heard = guard.note(HEARD);
        if plan.changed.is_empty() {
            merge::note(&plan, update, heard, |at, word| guard.set_note(at, word));
            return None;
        }
        // As in `apply_with`, in the same order.
        let ticket = self.table.sequencer.take(self.place.as_mut()?);
        let seq = ticket.seq();
        let mut rewrite = guard.rewrite();
        merge::write(&plan, &old, update, seq, ts_pub, |at, word| rewrite.set(at, word));
        rewrite.publish();
        self.table.changed[id.index()].store(seq, Ordering::Release);
        merge::note(&plan, update, heard, |at, word| guard.set_note(at, word));
        drop(guard);
        self.table.watchers.mark(id);
        drop(ticket);
        Some(plan.changed)
    }

    /// Sets the status of a feed as far as this writer knows; of several writers' words the worst is the feed's. Returns the
    /// number of the change, or `None` when the feed as a whole was so already.
    pub fn set_feed_status(
        &mut self,
        feed: FeedId,
        status: Status,
        reason: Reason,
        now: Micros,
    ) -> Option<u64> {
        let place = self.place.as_mut()?;
        let said = (self.number, (status, reason));
        self.table.feeds.set_status(feed, said, now, &self.table.sequencer, place)
    }
}
