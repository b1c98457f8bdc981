//! What an update does to a quote: the rules, without atomics, locks or clocks.
//!
//! **Fields.** Only told fields are touched. Numbers compare as decimals: `1.00` over `1.0` is no change, and the digits
//! that stand stay. Absent is not zero.
//!
//! **Origin.** The fields of a group share a source, a venue time and a venue sequence. A group of an update is *older*,
//! and its fields are dropped, when
//!
//! 1. it is history and the group was told before;
//! 2. it has the same source, both sides have a venue sequence, and the new one is not higher (an equal one is a
//!    duplicate);
//! 3. it has another source, both sides have a venue time, and the new one is earlier;
//! 4. it has another source, the times cannot be compared, the quote is live, and the new source is the lower one.
//!
//! The same source without venue sequences goes by order of arrival. A snapshot is never older, unless it is history.
//! When every told group is older the whole update is, its status included.
//!
//! **A new life.** An update that ends `stale` or `connecting` makes every field that it does not tell absent: what was known
//! before the feed was lost may have moved unheard, and must not stand beside live values as if it were one of them.
//!
//! **Status.** Told fields turn `connecting`, `unknown` and `stale` into `live`. What a gap has made `suspect` becomes
//! live by a snapshot only, also when it went through `stale` or `halted` in between. `halted`, `closed` and `delisted` end
//! by an explicit status only, and silence or a lost connection do not cover them.

use market::{Field, FieldSet, Group, Micros, Reason, Source, Status, Update};

use crate::layout::{
    CHANGED_AT, CHANGES, META, Meta, NUMBERS, ORIGINS, OriginBits, SEQ, STATUS_SINCE, TS_EVENT, TS_PUB,
    TS_RECV, Words, decimal, number, of_decimal, of_micros, scale_and_sign,
};

/// What an update would do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Stored fields that become visibly different.
    pub(crate) changed: FieldSet,
    /// Whether there is anything to write: a change, or only a group's origin.
    pub(crate) moves: bool,
    /// One bit for each group that the update is taken for.
    groups: u32,
    /// The word as it shall be.
    meta: Meta,
    /// Whether the status itself differs, not only its reason.
    new_since: bool,
}

/// The fields of each group, worked out beforehand.
const FIELDS: [FieldSet; Group::COUNT] =
    [Group::Top.fields(), Group::Trade.fields(), Group::Day.fields(), Group::Contract.fields()];

/// What `update` does to the quote in `old`; `None` when it is older than what is there.
#[inline]
pub(crate) fn plan(old: &impl Words, update: &Update) -> Option<Plan> {
    let was = Meta(old.get(META));
    let mut meta = was;
    let told = update.told();
    let mut taken = FieldSet::EMPTY;
    let mut groups = 0;
    let mut moves = false;
    for (place, group) in Group::ALL.iter().copied().enumerate() {
        let fields = told.intersection(FIELDS[place]);
        if fields.is_empty() {
            continue;
        }
        let origin = was.origin(group);
        let (old_time, old_seq) = (origin.time(old, group), origin.seq(old, group));
        if is_older(origin.source(), old_time, old_seq, was.status(), update) {
            continue;
        }
        taken = taken.union(fields);
        groups |= 1 << group as u32;
        let new = OriginBits::new(update.source, update.ts_event.is_some(), update.venue_seq.is_some());
        if origin != new {
            meta.set_origin(group, new);
        }
        moves |= update.ts_event != old_time || update.venue_seq != old_seq;
    }
    if taken.is_empty() && !told.is_empty() {
        return None;
    }

    let mut changed = differing(old, was, update, taken);
    let values = update.values();
    meta.set_present(was.present().minus(changed).union(values.present().intersection(changed)));
    if changed.contains(Field::LastSide)
        && let Some(side) = values.side()
    {
        meta.set_side(side);
    }

    let (status, reason) = next_status(&mut meta, update, !taken.is_empty());
    let new_since = status != was.status();
    if is_lost(was.status()) && !is_lost(status) && !taken.is_empty() {
        let old_life = was.present().minus(taken);
        meta.set_present(meta.present().minus(old_life));
        changed = changed.union(old_life);
        for group in Group::ALL {
            if groups >> group as u32 & 1 == 0 {
                meta.set_origin(group, OriginBits::NONE);
            }
        }
    }
    if new_since || reason != was.reason() {
        meta.set_status(status, reason);
        changed = changed.with(Field::Status);
    }
    if !changed.is_empty() {
        meta.set_times(update.ts_event.is_some(), true);
    }
    moves |= meta != was;
    Some(Plan { changed, moves, groups, meta, new_since })
}

/// Whether nothing is heard of the quote in this state, so that its values may be out of date.
#[inline]
fn is_lost(status: Status) -> bool {
    matches!(status, Status::Stale | Status::Connecting)
}

/// Whether what the update tells of a group with that origin is older than what is there.
#[inline]
fn is_older(
    source: Option<Source>,
    time: Option<Micros>,
    seq: Option<u64>,
    status: Status,
    update: &Update,
) -> bool {
    let Some(source) = source else { return false };
    if update.source == Source::History {
        return true;
    }
    if update.snapshot {
        return false;
    }
    if update.source == source {
        return matches!((update.venue_seq, seq), (Some(new), Some(old)) if new <= old);
    }
    match (update.ts_event, time) {
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
    let mut changed =
        taken.intersection(was.present().minus(new_present).union(new_present.minus(was.present())));
    let both = taken.intersection(was.present()).intersection(new_present);
    let numbers = values.stored();
    let mut left = both.intersection(FieldSet::NUMBERS).bits();
    while left != 0 {
        let field = left.trailing_zeros() as usize;
        if !same_number(number(old, field), of_decimal(numbers[field])) {
            changed = changed.union(FieldSet::from_bits(1 << field));
        }
        left &= left - 1;
    }
    if both.contains(Field::LastSide) && values.side() != Some(was.side()) {
        changed = changed.with(Field::LastSide);
    }
    changed
}

/// Numeric equality. Most comparisons end at the raw words.
#[inline]
fn same_number(old: [u64; 2], new: [u64; 2]) -> bool {
    if old == new {
        return true;
    }
    // With the same scale and sign, other digits are another number.
    scale_and_sign(old) != scale_and_sign(new) && decimal(old) == decimal(new)
}

/// The status after an update. Clears or sets the gap mark in `meta` on the way.
#[inline]
fn next_status(meta: &mut Meta, update: &Update, taken: bool) -> (Status, Reason) {
    let (now, why) = (meta.status(), meta.reason());
    if update.snapshot && meta.unsynced() {
        meta.set_unsynced(false);
    }
    let (status, reason) = match update.status {
        Some(explicit) => explicit,
        None if !taken => return (now, why),
        None => match now {
            Status::Unknown | Status::Connecting | Status::Stale | Status::Suspect => {
                (Status::Live, Reason::Confirmed)
            }
            Status::Live | Status::Halted | Status::Closed | Status::Delisted => return (now, why),
        },
    };
    match status {
        Status::Suspect => meta.set_unsynced(true),
        Status::Live if meta.unsynced() => {
            return unresolved(now, why);
        }
        _ => {}
    }
    (status, reason)
}

/// What stands in place of `live` while a gap has not been made good.
fn unresolved(now: Status, why: Reason) -> (Status, Reason) {
    (Status::Suspect, if now == Status::Suspect { why } else { Reason::Gap })
}

/// Writes what the plan says: every word that differs, and the head of the quote when something visible changed.
#[inline]
pub(crate) fn write(
    plan: &Plan,
    old: &impl Words,
    update: &Update,
    change: Option<(u64, Micros)>,
    mut set: impl FnMut(usize, u64),
) {
    set(META, plan.meta.0);
    let mut left = plan.groups;
    while left != 0 {
        let place = ORIGINS + 2 * left.trailing_zeros() as usize;
        if let Some(time) = update.ts_event {
            set(place, of_micros(time));
        }
        if let Some(seq) = update.venue_seq {
            set(place + 1, seq);
        }
        left &= left - 1;
    }
    let Some((seq, ts_pub)) = change else { return };
    head(old, plan.changed, seq, ts_pub, &mut set);
    set(TS_RECV, of_micros(update.ts_recv));
    if let Some(time) = update.ts_event {
        set(TS_EVENT, of_micros(time));
    }
    if plan.new_since {
        set(STATUS_SINCE, of_micros(ts_pub));
    }
    let values = update.values();
    let numbers = values.stored();
    let mut left = plan.changed.intersection(values.present()).intersection(FieldSet::NUMBERS).bits();
    while left != 0 {
        let field = left.trailing_zeros() as usize;
        let [low, high] = of_decimal(numbers[field]);
        set(NUMBERS + 2 * field, low);
        set(NUMBERS + 2 * field + 1, high);
        left &= left - 1;
    }
}

/// What every change sets.
#[inline]
fn head(old: &impl Words, changed: FieldSet, seq: u64, ts_pub: Micros, set: &mut impl FnMut(usize, u64)) {
    set(SEQ, seq);
    set(CHANGES, old.get(CHANGES) + 1);
    set(TS_PUB, of_micros(ts_pub));
    let mut left = changed.bits();
    while left != 0 {
        set(CHANGED_AT + left.trailing_zeros() as usize, seq);
        left &= left - 1;
    }
}

/// What setting a status from outside the venue's own messages does: the new word, and whether the status changes.
pub(crate) fn plan_status(old: &impl Words, status: Status, reason: Reason) -> Plan {
    let was = Meta(old.get(META));
    let mut meta = was;
    // A new connection starts its venue sequences where it likes.
    let interrupted = matches!(status, Status::Stale | Status::Connecting | Status::Suspect);
    if interrupted {
        meta.clear_venue_seqs();
    }
    match status {
        Status::Suspect => meta.set_unsynced(true),
        Status::Connecting => meta.set_unsynced(false),
        _ => {}
    }
    let kept = interrupted && matches!(was.status(), Status::Halted | Status::Closed | Status::Delisted);
    let (status, reason) = match status {
        _ if kept => (was.status(), was.reason()),
        Status::Live if meta.unsynced() => unresolved(was.status(), was.reason()),
        _ => (status, reason),
    };
    let new_since = status != was.status();
    let mut changed = FieldSet::EMPTY;
    if new_since || reason != was.reason() {
        meta.set_status(status, reason);
        changed = changed.with(Field::Status);
    }
    Plan { changed, moves: meta != was, groups: 0, meta, new_since }
}

/// Writes a status set from outside. The values and their times stay those of the last update.
pub(crate) fn write_status(
    plan: &Plan,
    old: &impl Words,
    change: Option<(u64, Micros)>,
    mut set: impl FnMut(usize, u64),
) {
    set(META, plan.meta.0);
    let Some((seq, now)) = change else { return };
    head(old, plan.changed, seq, now, &mut set);
    if plan.new_since {
        set(STATUS_SINCE, of_micros(now));
    }
}

#[cfg(all(test, not(loom)))]
#[path = "merge_tests.rs"]
mod tests;
