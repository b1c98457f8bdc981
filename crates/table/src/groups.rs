//! The stored numbers group by group, each with its place known to the compiler.
//!
//! Reading, comparing and writing a quote all go through its numbers. A loop over a set of fields asks the processor to
//! guess how long the set is, and checks every place against the length of the array; which fields of a quote move next is
//! nothing that could be guessed. So a group is gone through whole, or not at all.

use market::{Field, FieldSet, Group};

/// What is done with one stored number, named by its discriminant.
pub(crate) trait Each {
    /// Does it. `FIELD` is below [`Field::NUMBERS`].
    fn number<const FIELD: usize>(&mut self);
}

const TOP: FieldSet = Group::Top.fields();
const TRADE: FieldSet = Group::Trade.fields();
const DAY: FieldSet = Group::Day.fields();
const CONTRACT: FieldSet = Group::Contract.fields();

/// Goes through the numbers of every group that has a field in `wanted`.
#[inline(always)]
pub(crate) fn each_number(wanted: FieldSet, each: &mut impl Each) {
    if !wanted.intersection(TOP).is_empty() {
        each.number::<{ Field::Bid as usize }>();
        each.number::<{ Field::BidSize as usize }>();
        each.number::<{ Field::Ask as usize }>();
        each.number::<{ Field::AskSize as usize }>();
    }
    if !wanted.intersection(TRADE).is_empty() {
        each.number::<{ Field::Last as usize }>();
        each.number::<{ Field::LastSize as usize }>();
    }
    if !wanted.intersection(DAY).is_empty() {
        each.number::<{ Field::Open24h as usize }>();
        each.number::<{ Field::High24h as usize }>();
        each.number::<{ Field::Low24h as usize }>();
        each.number::<{ Field::Volume24h as usize }>();
        each.number::<{ Field::QuoteVolume24h as usize }>();
    }
    if !wanted.intersection(CONTRACT).is_empty() {
        each.number::<{ Field::Mark as usize }>();
        each.number::<{ Field::Index as usize }>();
        each.number::<{ Field::FundingRate as usize }>();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Seen(FieldSet);

    impl Each for Seen {
        fn number<const FIELD: usize>(&mut self) {
            let field = Field::NUMBER_FIELDS[FIELD];
            assert!(!self.0.contains(field), "twice");
            self.0 = self.0.with(field);
        }
    }

    #[test]
    fn a_field_brings_the_numbers_of_its_whole_group_and_no_other() {
        for field in Field::NUMBER_FIELDS.into_iter().chain([Field::LastSide, Field::Status]) {
            let mut seen = Seen(FieldSet::EMPTY);
            each_number(FieldSet::EMPTY.with(field), &mut seen);
            let group = field.group().map_or(FieldSet::EMPTY, Group::fields);
            assert_eq!(seen.0, group.intersection(FieldSet::NUMBERS), "{field:?}");
        }
        let mut seen = Seen(FieldSet::EMPTY);
        each_number(FieldSet::ALL, &mut seen);
        assert_eq!(seen.0, FieldSet::NUMBERS);
    }
}
