//! Whether two libraries read the same numbers out of a frame: a comparison of speeds is worth nothing otherwise.

use std::collections::{BTreeMap, HashMap};

use feed::Batch;
use market::{Field, Update};
use ustr::Ustr;

use crate::told::Fact;

/// How many frames could be compared, and in how many the numbers were the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreement {
    pub(crate) compared: u32,
    pub(crate) agreed: u32,
}

/// Prices in the order of their numbers: positive numbers have the order of their bits.
type Levels = BTreeMap<u64, (f64, f64)>;

/// The books made of a library's levels, by the venue's name of the instrument.
#[derive(Default)]
pub(crate) struct Books {
    sides: HashMap<Ustr, (Levels, Levels)>,
    /// How many levels a side of the venue's book has; what falls out below is never taken back by a delta.
    pub(crate) depth: Option<usize>,
    shown: u32,
}

impl Books {
    /// Compares what `facts` say with what our decoder told of the same frame.
    pub(crate) fn compare(&mut self, facts: &[Fact], batch: &Batch, agreement: &mut Agreement, name: &str) {
        let mut facts = facts.to_vec();
        let top = self.apply(&facts);
        facts.extend(top);
        let mut verdicts = Vec::new();
        for (_, update) in &batch.updates {
            verdicts.extend(same(update, &facts));
        }
        if verdicts.is_empty() {
            return;
        }
        agreement.compared += 1;
        if verdicts.iter().all(|verdict| *verdict) {
            agreement.agreed += 1;
        } else if self.shown < 3 {
            self.shown += 1;
            eprintln!(
                "{name}: theirs {:?} ours {:?}",
                &facts[facts.len().saturating_sub(4)..],
                batch.updates
            );
        }
    }

    /// The top of the book after these levels, when there are any.
    fn apply(&mut self, facts: &[Fact]) -> Option<Fact> {
        let instrument = facts.iter().find_map(|fact| match fact {
            Fact::Clear(name) | Fact::Level(name, ..) => Some(*name),
            _ => None,
        })?;
        let (bids, asks) = self.sides.entry(instrument).or_default();
        let mut touched = false;
        for fact in facts {
            match *fact {
                Fact::Clear(_) => {
                    bids.clear();
                    asks.clear();
                }
                Fact::Level(_, is_bid, price, size) => {
                    touched = true;
                    let side = if is_bid { &mut *bids } else { &mut *asks };
                    if size == 0.0 {
                        side.remove(&price.to_bits());
                    } else {
                        side.insert(price.to_bits(), (price, size));
                    }
                }
                _ => {}
            }
        }
        while self.depth.is_some_and(|depth| bids.len() > depth) {
            bids.pop_first();
        }
        while self.depth.is_some_and(|depth| asks.len() > depth) {
            asks.pop_last();
        }
        let bid = bids.last_key_value().map(|(_, level)| *level);
        let ask = asks.first_key_value().map(|(_, level)| *level);
        touched.then_some(Fact::Top(bid, ask))
    }
}

/// One verdict for each kind of fact that both sides have.
fn same(update: &Update, facts: &[Fact]) -> Vec<bool> {
    let told = |field: Field| {
        let number = update.told().contains(field).then(|| update.values().number(field))?;
        number.and_then(|number| number.to_string().parse::<f64>().ok())
    };
    let mut verdicts = Vec::new();
    if let Some(last) = told(Field::Last) {
        let trades: Vec<(f64, f64)> = facts
            .iter()
            .filter_map(|fact| if let Fact::Trade(price, size) = fact { Some((*price, *size)) } else { None })
            .collect();
        if !trades.is_empty() {
            let size = told(Field::LastSize);
            let is = |(price, amount): &(f64, f64)| {
                near(*price, last) && size.is_none_or(|size| near(*amount, size))
            };
            verdicts.push(trades.iter().any(is));
        }
    }
    for fact in facts {
        match *fact {
            Fact::Top(bid, ask) => {
                for (level, price, size) in
                    [(bid, Field::Bid, Field::BidSize), (ask, Field::Ask, Field::AskSize)]
                {
                    let ours = (told(price), told(size));
                    if let (Some((price, amount)), (Some(ours), size)) = (level, ours) {
                        verdicts.push(near(price, ours) && size.is_none_or(|size| near(amount, size)));
                    }
                }
            }
            Fact::Mark(mark) => verdicts.extend(told(Field::Mark).map(|ours| near(mark, ours))),
            Fact::Index(index) => verdicts.extend(told(Field::Index).map(|ours| near(index, ours))),
            Fact::Funding(rate) => verdicts.extend(told(Field::FundingRate).map(|ours| near(rate, ours))),
            Fact::Trade(..) | Fact::Clear(_) | Fact::Level(..) => {}
        }
    }
    verdicts
}

/// Floats of both libraries come from the same digits; twelve places are what their instruments are given.
fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()) + 5e-13
}
