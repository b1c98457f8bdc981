//! What an update does to a quote: the rules, without atomics, locks or clocks.
//!
//! **Fields.** Only told fields are touched. Numbers compare as decimals: `1.00` over `1.0` is no change, and the digits
//! that stand stay. Absent is not zero.
//!
//! **Origin.** The fields of a group share a source, a venue time and a venue sequence. A group of an update is *older*,
//! and its fields are dropped, when
//!
//! 1. it is history and the group was told before; while the feed is lost only what was told since counts, and what has a later
//!    venue time;
//! 2. it has the same source, both sides have a venue sequence, and the new one is not higher (an equal one is a
//!    duplicate);
//! 3. it has another source, both sides have a venue time, and the new one is earlier;
//! 4. it has another source, the times cannot be compared, the quote is live, and the new source is the lower one.
//!
//! The same source without venue sequences goes by order of arrival. A snapshot is never older, unless it is history.
//! When every told group is older the whole update is, its status included.
//!
//! **A new life.** An update that ends `stale` or `connecting`, or is the first with a value after a connection was lost under a halt,
//! makes every field that it does not tell absent: what was known
//! before the feed was lost may have moved unheard, and must not stand beside live values as if it were one of them. History
//! that was told since then stays: it is what the venue knows. Until a value comes no word of the venue alone makes the quote live.
//!
//! **Status.** Told fields turn `connecting`, `unknown` and `stale` into `live`; history does not, for it tells nothing of now.
//! What a gap has made `suspect` becomes live by a snapshot only, also when it was told `stale` or `halted` in between.
//! `halted`, `closed` and `delisted` end by an explicit status only, and silence or a lost connection do not cover them.
//!
//! **Doubt.** While a price is held back outside the table ([`plan_doubt`]) a live quote is `suspect`, whatever else is told of
//! it.
//!
//! **Several writers** may tell of one symbol. A gap and a doubt are whose they are: they end by what that writer says
//! ([`Raised`]), or with its connection, and never by another one's snapshot.
//!
//! **Composites** are told as a whole, by [`plan_composite`]. Another venue is another bid or ask, at the same price too.

use std::hint::select_unpredictable;

use market::{Decimal, Field, FieldSet, Group, Micros, Reason, Sides, Source, Status, Update};

use crate::groups::{Each, each_number};
use crate::layout::{
    HEARD, META, Notes, ORIGINS, SEQ, SIDE_CHANGED, STATUS_CHANGED, STATUS_SINCE, TS_EVENT, TS_PUB, TS_RECV,
    Words, decimal, number, of_decimal, of_heard, of_micros, place, scale_and_sign, seq_note, time_note,
};
use crate::meta::Meta;
use crate::origins::{OriginBits, Origins, Raised};

/// What an update would do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Stored fields that become visibly different.
    pub(crate) changed: FieldSet,
    /// One bit for each group that the update is taken for.
    groups: u32,
    /// The word as it shall be; as it was unless something changed.
    meta: Meta,
    /// The note as it shall be.
    origins: Origins,
    /// What stands against the symbol by this writer's word then, where that is something else than before.
    pub(crate) raised: Option<Raised>,
    /// Whether the status itself differs, not only its reason.
    new_since: bool,
}

/// What `update` of a writer who has raised that does to the quote in `old`; `None` when it is older than what is there. A live
/// quote that is told on does not ask what was raised.
#[inline]
pub(crate) fn plan(
    old: &impl Words,
    notes: &impl Notes,
    update: &Update,
    raised: impl FnOnce() -> Raised,
) -> Option<Plan> {
    let was = Meta(old.get(META));
    let mut meta = was;
    let mut take = Take {
        update,
        notes,
        status: was.status(),
        comes: OriginBits::of(update),
        origins: Origins(notes.note(ORIGINS)),
        taken: FieldSet::EMPTY,
        groups: 0,
    };
    let (origins, taken, groups) = if update.source == Source::History {
        take_history(take.origins, notes, take.status, update)
    } else {
        take.group(Group::Top);
        take.group(Group::Trade);
        take.group(Group::Day);
        take.group(Group::Contract);
        (take.origins, take.taken, take.groups)
    };
    if taken.is_empty() && !update.told().is_empty() {
        return None;
    }

    let changed = differing(old, was, update, taken);
    let values = update.values();
    meta.set_present(was.present().minus(changed).union(values.present().intersection(changed)));
    if changed.contains(Field::LastSide)
        && let Some(side) = values.side()
    {
        meta.set_side(side);
    }

    let mut plan = Plan { changed, groups, meta, origins, raised: None, new_since: false };
    let steady = was.status() == Status::Live && update.status.is_none() && !update.snapshot;
    if !steady {
        turn(&mut plan, was, update, taken, raised());
    }
    if !plan.changed.is_empty() {
        plan.meta.set_times(update.ts_event.is_some(), true);
        plan.meta.add_ever(plan.changed);
    }
    Some(plan)
}

/// What an update does to the status, and what follows from that. Nothing when a live quote is merely told on.
// Kept out of the way of those: it needs registers that they need.
#[inline(never)]
fn turn(plan: &mut Plan, was: Meta, update: &Update, taken: FieldSet, mut raised: Raised) {
    let before = (was.status(), was.reason());
    let had = raised;
    let (status, reason) = next_status(before, (&mut plan.origins, &mut raised), update, !taken.is_empty());
    plan.raised = raised.unless(had);
    plan.new_since = status != before.0;
    let is_back = (is_lost(before.0) || plan.origins.lost()) && !is_lost(status);
    if is_back && !taken.is_empty() {
        plan.origins.set_lost(false);
        let mut old_life = was.present().minus(taken);
        for (place, group) in Group::ALL.into_iter().enumerate() {
            if plan.origins.has_history(place) {
                old_life = old_life.minus(group.fields());
            }
        }
        plan.meta.set_present(plan.meta.present().minus(old_life));
        plan.changed = plan.changed.union(old_life);
        for group in 0..Group::COUNT {
            if plan.groups >> group & 1 == 0 && !plan.origins.has_history(group) {
                plan.origins.set_group(group, OriginBits::NONE);
            }
        }
    }
    if is_back {
        plan.origins.clear_history();
    }
    if (status, reason) != before {
        plan.meta.set_status(status, reason);
        plan.changed = plan.changed.with(Field::Status);
    }
}

/// Whether nothing is heard of the quote in this state, so that its values may be out of date.
#[inline]
fn is_lost(status: Status) -> bool {
    matches!(status, Status::Stale | Status::Connecting)
}

/// The groups that an update is taken for.
struct Take<'a, N> {
    update: &'a Update,
    notes: &'a N,
    status: Status,
    comes: OriginBits,
    origins: Origins,
    taken: FieldSet,
    groups: u32,
}

impl<N: Notes> Take<'_, N> {
    /// Takes what is told of a group, unless it is older.
    #[inline(always)]
    fn group(&mut self, group: Group) {
        let fields = self.update.told().intersection(group.fields());
        let place = group as usize;
        let origin = self.origins.group(place);
        if fields.is_empty() || is_older(origin, self.notes, place, self.status, self.update) {
            return;
        }
        self.taken = self.taken.union(fields);
        self.groups |= 1 << place;
        self.origins.set_group(place, self.comes);
    }
}

/// What of history is taken, of which groups, and the note then. A group takes it when it is news: nothing was told of it, or the
/// feed is lost and nothing later was told.
// Out of the way of what comes by the million, and handed copies, so that those stay in registers.
#[cold]
fn take_history(
    mut origins: Origins,
    notes: &impl Notes,
    status: Status,
    update: &Update,
) -> (Origins, FieldSet, u32) {
    let (mut taken, mut groups) = (FieldSet::EMPTY, 0);
    for (place, group) in Group::ALL.into_iter().enumerate() {
        let (fields, origin) = (update.told().intersection(group.fields()), origins.group(place));
        let times = (update.ts_event, origin.time(notes, place));
        let told_since = !is_lost(status) || origins.has_history(place);
        let is_older = told_since || matches!(times, (Some(new), Some(old)) if new < old);
        if fields.is_empty() || origin.source().is_some() && is_older {
            continue;
        }
        if is_lost(status) {
            origins.set_history(place);
        }
        origins.set_group(place, OriginBits::of(update));
        taken = taken.union(fields);
        groups |= 1 << place;
    }
    (origins, taken, groups)
}

/// Whether what an update that is no history tells of a group with that origin is older than what is there.
#[inline]
fn is_older(origin: OriginBits, notes: &impl Notes, group: usize, status: Status, update: &Update) -> bool {
    let Some(source) = origin.source() else { return false };
    if update.snapshot {
        return false;
    }
    if update.source == source {
        return matches!((update.venue_seq, origin.seq(notes, group)), (Some(new), Some(old)) if new <= old);
    }
    match (update.ts_event, origin.time(notes, group)) {
        (Some(new), Some(old)) => new < old,
        _ => status == Status::Live && update.source < source,
    }
}

/// The taken fields whose value becomes another one.
#[inline]
fn differing(old: &impl Words, was: Meta, update: &Update, taken: FieldSet) -> FieldSet {
    let values = update.values();
    let new_present = values.present();
    // Present on one side only.
    let one = was.present().minus(new_present).union(new_present.minus(was.present()));
    let both = taken.intersection(was.present()).intersection(new_present);
    let numbers = values.stored();
    let mut differs = Differs { old, new: numbers, words: 0, spelling: 0 };
    each_number(both, &mut differs);
    if differs.spelling != 0 {
        differs.spell(both);
    }
    let mut changed = taken.intersection(one).union(FieldSet::from_bits(differs.words).intersection(both));
    if both.contains(Field::LastSide) && values.side() != Some(was.side()) {
        changed = changed.with(Field::LastSide);
    }
    changed
}

/// What a comparison of raw words tells of numbers, by discriminant.
struct Differs<'a, W> {
    old: &'a W,
    new: &'a [Decimal; Field::NUMBERS],
    /// The words are not the same.
    words: u32,
    /// Not 0 when one of them has another scale or sign: then it may be the same number all the same. With the same scale
    /// and sign, other digits are another number.
    spelling: u32,
}

impl<W: Words> Each for Differs<'_, W> {
    #[inline(always)]
    fn number<const FIELD: usize>(&mut self) {
        let (old, new) = (number(self.old, FIELD), of_decimal(self.new[FIELD]));
        let differs = [old[0] ^ new[0], old[1] ^ new[1]];
        self.words |= u32::from(differs[0] | differs[1] != 0) << FIELD;
        self.spelling |= scale_and_sign(differs);
    }
}

impl<W: Words> Differs<'_, W> {
    /// Takes out those of the numbers that are only spelled in another way.
    #[inline(never)]
    fn spell(&mut self, both: FieldSet) {
        let mut left = self.words & both.bits();
        while left != 0 {
            let field = left.trailing_zeros() as usize;
            let (old, new) = (number(self.old, field), self.new[field]);
            if scale_and_sign(old) != scale_and_sign(of_decimal(new)) && decimal(old) == new {
                self.words &= !(1 << field);
            }
            left &= left - 1;
        }
    }
}

/// The status after an update. Takes back or raises the writer's gap on the way.
#[inline]
fn next_status(
    (now, why): (Status, Reason),
    (origins, raised): (&mut Origins, &mut Raised),
    update: &Update,
    taken: bool,
) -> (Status, Reason) {
    let is_history = update.source == Source::History;
    if update.snapshot && !is_history {
        origins.set_unsynced(raised, false);
    }
    let (status, reason) = match update.status {
        Some(explicit) => explicit,
        None if !taken || is_history => return (now, why),
        None => match now {
            Status::Unknown | Status::Connecting | Status::Stale | Status::Suspect => {
                (Status::Live, Reason::Confirmed)
            }
            Status::Live | Status::Halted | Status::Closed | Status::Delisted => return (now, why),
        },
    };
    match status {
        Status::Suspect => origins.set_unsynced(raised, true),
        // A venue's word that something is traded again makes no value of an earlier connection one of now.
        Status::Live if origins.lost() && !taken => {
            return if is_lost(now) { (now, why) } else { (Status::Stale, Reason::NotHeard) };
        }
        Status::Live if origins.unsynced() || origins.doubted() => {
            return unresolved(now, why, *origins);
        }
        _ => {}
    }
    (status, reason)
}

/// What stands in place of `live` while a gap has not been made good, or a price is held back.
fn unresolved(now: Status, why: Reason, origins: Origins) -> (Status, Reason) {
    let reason = match (now, origins.unsynced()) {
        (_, false) => Reason::Jump,
        (Status::Suspect, true) if why != Reason::Jump => why,
        (_, true) => Reason::Gap,
    };
    (Status::Suspect, reason)
}

/// Writes a visible change into a lane: the head, and every group in which something changed.
#[inline]
pub(crate) fn write(
    plan: &Plan,
    old: &impl Words,
    update: &Update,
    seq: u64,
    ts_pub: Micros,
    mut set: impl FnMut(usize, u64),
) {
    let ts_event = update.ts_event.map_or(0, of_micros);
    head(plan, (seq, ts_pub), (ts_event, of_micros(update.ts_recv)), &mut set);
    if plan.changed.contains(Field::LastSide) {
        set(SIDE_CHANGED, seq);
    }
    let new = update.values().stored();
    each_number(plan.changed, &mut Put { changed: plan.changed, old, new, seq, set });
}

/// Writes a number and the sequence of its last change as they shall be, changed or not. What became absent gets a
/// value that nobody will look at.
struct Put<'a, W, S> {
    changed: FieldSet,
    old: &'a W,
    new: &'a [Decimal; Field::NUMBERS],
    seq: u64,
    set: S,
}

impl<W: Words, S: FnMut(usize, u64)> Each for Put<'_, W, S> {
    #[inline(always)]
    fn number<const FIELD: usize>(&mut self) {
        let at = place(FIELD);
        let (old, old_seq) = (number(self.old, FIELD), self.old.get(at + 2));
        let new = of_decimal(self.new[FIELD]);
        let is_new = self.changed.bits() >> FIELD & 1 != 0;
        (self.set)(at, select_unpredictable(is_new, new[0], old[0]));
        (self.set)(at + 1, select_unpredictable(is_new, new[1], old[1]));
        (self.set)(at + 2, select_unpredictable(is_new, self.seq, old_seq));
    }
}

/// The head of a quote as it is after a change. The words of the status are written only when that changed.
#[inline]
fn head(
    plan: &Plan,
    (seq, ts_pub): (u64, Micros),
    (ts_event, ts_recv): (u64, u64),
    set: &mut impl FnMut(usize, u64),
) {
    set(SEQ, seq);
    set(META, plan.meta.0);
    set(TS_EVENT, ts_event);
    set(TS_RECV, ts_recv);
    set(TS_PUB, of_micros(ts_pub));
    if plan.changed.contains(Field::Status) {
        set(STATUS_CHANGED, seq);
        if plan.new_since {
            set(STATUS_SINCE, of_micros(ts_pub));
        }
    }
}

/// Notes what the update says of itself, whether it changed anything or not.
#[inline]
pub(crate) fn note(plan: &Plan, update: &Update, heard: u64, mut set: impl FnMut(usize, u64)) {
    set(ORIGINS, plan.origins.0);
    set(HEARD, heard.max(of_heard(update.ts_recv)));
    let mut left = plan.groups;
    while left != 0 {
        let group = left.trailing_zeros() as usize;
        left &= left - 1;
        if let Some(time) = update.ts_event {
            set(time_note(group), of_micros(time));
        }
        if let Some(seq) = update.venue_seq {
            set(seq_note(group), seq);
        }
    }
}

/// What it does that a writer who has raised that sets a status from outside the venue's own messages.
pub(crate) fn plan_status(
    old: &impl Words,
    notes: &impl Notes,
    (status, reason): (Status, Reason),
    mut raised: Raised,
) -> Plan {
    let had = raised;
    let was = Meta(old.get(META));
    let mut origins = Origins(notes.note(ORIGINS));
    // A new connection starts its venue sequences where it likes.
    let interrupted = matches!(status, Status::Stale | Status::Connecting | Status::Suspect);
    let kept = interrupted && matches!(was.status(), Status::Halted | Status::Closed | Status::Delisted);
    match status {
        Status::Stale | Status::Connecting => origins.set_lost(true),
        Status::Live => origins.set_lost(false),
        _ => {}
    }
    if interrupted {
        origins.clear_venue_seqs();
        origins.clear_history();
        origins.set_doubted(&mut raised, false);
    }
    match status {
        Status::Suspect => origins.set_unsynced(&mut raised, true),
        // The next connection begins from nothing. Of what is halted the values stay, and so does what is known of them.
        Status::Connecting => origins.set_unsynced(&mut raised, false),
        Status::Stale if !kept => origins.set_unsynced(&mut raised, false),
        _ => {}
    }
    let (status, reason) = match status {
        _ if kept => (was.status(), was.reason()),
        Status::Live if origins.unsynced() || origins.doubted() => {
            unresolved(was.status(), was.reason(), origins)
        }
        _ => (status, reason),
    };
    status_plan(was, (origins, raised.unless(had)), status, reason)
}

/// A plan that touches nothing but the status and the origins.
fn status_plan(
    was: Meta,
    (origins, raised): (Origins, Option<Raised>),
    status: Status,
    reason: Reason,
) -> Plan {
    let mut meta = was;
    let new_since = status != was.status();
    let mut changed = FieldSet::EMPTY;
    if new_since || reason != was.reason() {
        meta.set_status(status, reason);
        changed = changed.with(Field::Status);
        meta.add_ever(changed);
    }
    Plan { changed, groups: 0, meta, origins, raised, new_since }
}

/// What it does that a writer who has raised that holds a price back, or does not any more.
pub(crate) fn plan_doubt(old: &impl Words, notes: &impl Notes, doubted: bool, mut raised: Raised) -> Plan {
    let had = raised;
    let was = Meta(old.get(META));
    let mut origins = Origins(notes.note(ORIGINS));
    origins.set_doubted(&mut raised, doubted);
    let (status, reason) = match was.status() {
        Status::Live if doubted => (Status::Suspect, Reason::Jump),
        Status::Suspect if !origins.doubted() && !origins.unsynced() => (Status::Live, Reason::Confirmed),
        Status::Suspect => unresolved(was.status(), was.reason(), origins),
        other => (other, was.reason()),
    };
    status_plan(was, (origins, raised.unless(had)), status, reason)
}

/// A writer goes: what it has raised stands no longer in the way of those who stay. Whatever it told was said to be lost before.
pub(crate) fn note_gone(notes: &impl Notes, mut raised: Raised, mut set: impl FnMut(usize, u64)) {
    let mut origins = Origins(notes.note(ORIGINS));
    origins.set_unsynced(&mut raised, false);
    origins.set_doubted(&mut raised, false);
    set(ORIGINS, origins.0);
}

/// What `update` does to a composite whose sides are those: as [`plan`], but a side is another one also when only its venue
/// is.
pub(crate) fn plan_composite(
    old: &impl Words,
    notes: &impl Notes,
    update: &Update,
    sides: Sides,
) -> Option<Plan> {
    let mut plan = plan(old, notes, update, Raised::default)?;
    let before = plan.meta.sides();
    if before != sides {
        let moved = [(Field::Bid, before.bid() != sides.bid()), (Field::Ask, before.ask() != sides.ask())];
        let moved: FieldSet = moved.into_iter().filter(|(_, moved)| *moved).map(|(field, _)| field).collect();
        plan.changed = plan.changed.union(moved);
        plan.meta.set_sides(sides);
        plan.meta.set_times(update.ts_event.is_some(), true);
        plan.meta.add_ever(plan.changed);
    }
    Some(plan)
}

/// Writes a status set from outside. The values and their times stay those of the last update.
pub(crate) fn write_status(
    plan: &Plan,
    old: &impl Words,
    seq: u64,
    now: Micros,
    mut set: impl FnMut(usize, u64),
) {
    head(plan, (seq, now), (old.get(TS_EVENT), old.get(TS_RECV)), &mut set);
}

/// Notes what a status set from outside does to the origins, whether it changed anything or not.
pub(crate) fn note_status(plan: &Plan, mut set: impl FnMut(usize, u64)) {
    set(ORIGINS, plan.origins.0);
}

#[cfg(all(test, not(loom)))]
#[path = "merge_tests.rs"]
mod tests;
