//! A recording played into the simplest sink there can be, and compared with what an independent reader made of it.

use std::collections::HashMap;

use feed::{FrameTap, InstrumentId, Outcome, Sink, SymbolRef};
use market::{Field, FieldSet, Group, Micros, Price, Reason, Source, Status, Symbol, Update, Values};
use serde_json::Value;

/// Keeps the latest values in order of arrival. The one rule: history says nothing of a group that was told.
#[derive(Debug, Default)]
pub struct NaiveSink {
    /// The symbols in the order in which they came, each with its values.
    pub quotes: Vec<(Symbol, Values)>,
    /// Per symbol and group, where its values came from.
    pub told: Vec<[Option<Told>; Group::COUNT]>,
    by_name: HashMap<Symbol, u32>,
}

/// Where a group's values came from.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Venue's clock of the latest update.
    pub ts_event: Option<Micros>,
    /// Venue's sequence of the latest update.
    pub venue_seq: Option<u64>,
    /// Updates taken for this group.
    pub count: u64,
}

impl Sink for NaiveSink {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let next = self.quotes.len() as u32;
        let at = *self.by_name.entry(symbol.clone()).or_insert(next);
        if at == next {
            self.quotes.push((symbol.clone(), Values::default()));
            self.told.push([None; Group::COUNT]);
        }
        Some(SymbolRef(at))
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let place = symbol.0 as usize;
        let mut changed = update.status.is_some();
        for group in Group::ALL {
            let fields = update.told().intersection(group.fields());
            let told = &mut self.told[place][group as usize];
            if fields.is_empty() || (update.source == Source::History && told.is_some()) {
                continue;
            }
            let count = told.map_or(0, |told| told.count) + 1;
            *told = Some(Told { ts_event: update.ts_event, venue_seq: update.venue_seq, count });
            let values = &mut self.quotes[place].1;
            for field in fields.iter() {
                changed |= !values.same(update.values(), field);
            }
            for field in fields.intersection(FieldSet::NUMBERS).iter() {
                values.set_number(field, update.values().number(field));
            }
            if fields.contains(Field::LastSide) {
                values.set_side(update.values().side());
            }
        }
        if changed { Outcome::Changed } else { Outcome::Unchanged }
    }

    fn feed_status(&mut self, _: Status, _: Reason, _: &[SymbolRef]) {}
}

/// A recording that has been played, or is being played, through its decoder.
#[derive(Debug)]
pub struct Played {
    /// The decoder's side.
    pub tap: FrameTap,
    /// What it has told.
    pub sink: NaiveSink,
}

impl Played {
    /// The id of a native name.
    ///
    /// # Panics
    /// When it never came.
    pub fn id(&self, native: &str) -> InstrumentId {
        self.tap.instruments().find(native).unwrap_or_else(|| panic!("{native} never came"))
    }

    /// Its place in the sink.
    ///
    /// # Panics
    /// When nothing was told of it.
    pub fn place(&self, native: &str) -> usize {
        self.tap.symbol(self.id(native)).unwrap_or_else(|| panic!("{native} was never told")).0 as usize
    }

    /// Its values.
    ///
    /// # Panics
    /// When nothing was told of it.
    pub fn values(&self, native: &str) -> &Values {
        &self.sink.quotes[self.place(native)].1
    }

    /// Where the values of a group came from.
    ///
    /// # Panics
    /// When the group was never told.
    pub fn told(&self, native: &str, group: Group) -> Told {
        self.sink.told[self.place(native)][group as usize]
            .unwrap_or_else(|| panic!("{group:?} of {native} was never told"))
    }

    /// Compares the fields of an expected quote, as decimals; `null` is absent.
    ///
    /// # Panics
    /// When one differs; the message names it.
    pub fn check_quote(&self, native: &str, expected: &Value, at: &str) {
        let values = self.values(native);
        for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize, Field::Last, Field::LastSize] {
            let want = decimal(&expected[field.name()]);
            let got = values.number(field).map(Price::from_decimal);
            assert_eq!(got, want, "{native} {} {at}", field.name());
        }
    }
}

/// An expected number; `null` is absent.
///
/// # Panics
/// When the text is no number.
pub fn decimal(value: &Value) -> Option<Price> {
    value.as_str().map(|text| Price::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}")))
}

/// An expected whole number; `null` is absent.
///
/// # Panics
/// When the text is no number.
pub fn number(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}")))
}
