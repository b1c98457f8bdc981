//! The fields that differ between two states of one quote: what an event carries, and what a client applies.

use crate::{Field, FieldSet, Micros, Quote, Reason, Sides, Status, Values};

/// The fields that differ between an older and a newer state of one quote, with their newer values.
///
/// A field that is in [`Delta::changed`] and has no value in [`Delta::values`] became absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta {
    /// Sequence of the newer state.
    pub seq: u64,
    /// Changes of the symbol merged into this delta; 1 when nothing was conflated.
    pub merged: u64,
    /// Stored fields that differ.
    pub changed: FieldSet,
    /// Newer values of the changed fields.
    pub values: Values,
    /// Newer status.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub status_since: Micros,
    /// Venue's clock of the newer state.
    pub ts_event: Option<Micros>,
    /// Arrival of the newer state.
    pub ts_recv: Option<Micros>,
    /// Publication of the newer state.
    pub ts_pub: Micros,
    /// Whose the two sides of the newer state are, if it is a composite.
    pub sides: Sides,
}

impl Delta {
    /// What turns `old` into `new`, compared value by value.
    pub fn between(old: &Quote, new: &Quote) -> Delta {
        let mut changed: FieldSet = FieldSet::STORED
            .without(Field::Status)
            .iter()
            .filter(|field| !old.values.same(&new.values, *field))
            .collect();
        let moved =
            |field: Field, old: Option<crate::Venue>, new| if old == new { None } else { Some(field) };
        changed = [
            moved(Field::Bid, old.sides.bid(), new.sides.bid()),
            moved(Field::Ask, old.sides.ask(), new.sides.ask()),
        ]
        .into_iter()
        .flatten()
        .fold(changed, FieldSet::with);
        if new.sides.is_composite() {
            changed = changed.with_sides();
        }
        if old.status != new.status || old.reason != new.reason {
            changed = changed.with(Field::Status);
        }
        Delta::of_fields(new, changed, new.changes.saturating_sub(old.changes))
    }

    /// What has changed in `new` after sequence `seq`, of which the reader had seen `changes_seen` changes.
    pub fn since(new: &Quote, seq: u64, changes_seen: u64) -> Delta {
        Delta::of_fields(new, new.changed_since(seq), new.changes.saturating_sub(changes_seen))
    }

    fn of_fields(new: &Quote, changed: FieldSet, merged: u64) -> Delta {
        let mut values = Values::default();
        for field in changed.intersection(FieldSet::NUMBERS).iter() {
            values.set_number(field, new.values.number(field));
        }
        if changed.contains(Field::LastSide) {
            values.set_side(new.values.side());
        }
        Delta {
            seq: new.seq,
            merged,
            changed,
            values,
            status: new.status,
            reason: new.reason,
            status_since: new.status_since,
            ts_event: new.ts_event,
            ts_recv: new.ts_recv,
            ts_pub: new.ts_pub,
            sides: new.sides,
        }
    }

    /// Brings an older state up to this delta.
    pub fn apply(&self, quote: &mut Quote) {
        for field in self.changed.intersection(FieldSet::NUMBERS).iter() {
            quote.values.set_number(field, self.values.number(field));
        }
        if self.changed.contains(Field::LastSide) {
            quote.values.set_side(self.values.side());
        }
        if self.changed.contains(Field::Status) {
            quote.status = self.status;
            quote.reason = self.reason;
            quote.status_since = self.status_since;
        }
        for field in self.changed.iter() {
            quote.changed_at.set(field, self.seq);
        }
        quote.seq = self.seq;
        quote.changes += self.merged;
        quote.ts_event = self.ts_event;
        quote.ts_recv = self.ts_recv;
        quote.ts_pub = self.ts_pub;
        quote.sides = self.sides;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Price, Side};

    fn quote(seq: u64, numbers: &[(Field, &str)], side: Option<Side>) -> Quote {
        let mut quote = Quote { seq, changes: seq, ..Quote::default() };
        for (field, text) in numbers {
            quote.values.set_number(*field, Some(Price::parse(text).unwrap().decimal()));
            quote.changed_at.set(*field, seq);
        }
        quote.values.set_side(side);
        quote
    }

    #[test]
    fn a_delta_turns_the_old_quote_into_the_new_one() {
        let old = quote(3, &[(Field::Bid, "1.0"), (Field::BidSize, "5"), (Field::Ask, "2")], None);
        let new =
            quote(9, &[(Field::Bid, "1.00"), (Field::BidSize, "6"), (Field::Last, "1.5")], Some(Side::Sell));
        let delta = Delta::between(&old, &new);
        let expected: FieldSet =
            [Field::BidSize, Field::Ask, Field::Last, Field::LastSide].into_iter().collect();
        assert_eq!(delta.changed, expected, "1.0 and 1.00 are the same bid; the ask became absent");
        assert_eq!(delta.merged, 6);
        let mut view = old;
        delta.apply(&mut view);
        assert!(Delta::between(&view, &new).changed.is_empty());
        assert_eq!(view.values.ask(), None);
        assert_eq!((view.seq, view.changes), (new.seq, new.changes));
    }

    #[test]
    fn since_names_what_changed_after_a_sequence() {
        let mut new = quote(9, &[(Field::Bid, "1"), (Field::Last, "2")], None);
        new.changed_at.set(Field::Bid, 4);
        let delta = Delta::since(&new, 5, 8);
        assert_eq!(delta.changed, FieldSet::EMPTY.with(Field::Last));
        assert_eq!(delta.merged, 1);
    }
}
