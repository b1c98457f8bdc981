//! Watchers through the front door: who is told what, against a plain set, step by step.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use market::{Decimal, Field, Micros, Reason, Source, Status, Symbol, Update};
use proptest::prelude::*;
use table::{Applied, Config, SymbolId, Table, WATCHERS_MAX, Watcher};

/// As many that they take several words, and two of the words above.
const SYMBOLS: usize = 4_200;

fn stage(watchers: usize) -> (Arc<Table>, Vec<SymbolId>) {
    let table = Table::new(Config { symbols: SYMBOLS, watchers, ..Config::default() });
    let ids =
        (0..SYMBOLS).map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap()).collect();
    (table, ids)
}

fn bid(price: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_side(Field::Bid, Some(Decimal::new(price, 2)), Some(Decimal::ONE));
    update
}

fn drained(watcher: &mut Watcher) -> Vec<usize> {
    let mut places = Vec::new();
    watcher.drain(|id| places.push(id.index()));
    places
}

#[test]
fn watchers_are_limited_and_come_back() {
    let (table, _) = stage(2);
    let (first, second) = (table.watcher().unwrap(), table.watcher().unwrap());
    assert!(table.watcher().is_none());
    drop(first);
    let third = table.watcher().unwrap();
    assert!(table.watcher().is_none());
    drop((second, third));
    assert!(stage(0).0.watcher().is_none());
    let (table, _) = stage(100);
    let all: Vec<_> = std::iter::from_fn(|| table.watcher()).collect();
    assert_eq!(all.len(), WATCHERS_MAX);
}

#[test]
fn only_a_change_is_told_and_each_symbol_once() {
    let (table, ids) = stage(1);
    let mut writer = table.writer().unwrap();
    let mut watcher = table.watcher().unwrap();
    assert!(watcher.is_quiet());
    for price in 1..5 {
        writer.apply(ids[4_100], &bid(price), Micros(price));
        writer.apply(ids[7], &bid(price), Micros(price));
    }
    assert!(!watcher.is_quiet());
    assert_eq!(drained(&mut watcher), [7, 4_100]);
    assert_eq!(writer.apply(ids[7], &bid(4), Micros(9)), Applied::Unchanged);
    assert!(watcher.is_quiet() && drained(&mut watcher).is_empty());
    assert!(writer.set_status(ids[8], Status::Stale, Reason::Silence, Micros(10)).is_some());
    assert!(writer.set_status(ids[8], Status::Stale, Reason::Silence, Micros(11)).is_none());
    assert_eq!(drained(&mut watcher), [8]);
}

#[test]
fn a_new_watcher_begins_with_all_that_ever_changed() {
    let (table, ids) = stage(1);
    let mut writer = table.writer().unwrap();
    writer.apply(ids[1], &bid(1), Micros(1));
    let mut first = table.watcher().unwrap();
    assert_eq!(drained(&mut first), [1]);
    writer.apply(ids[2], &bid(1), Micros(1));
    drop(first);
    writer.apply(ids[3], &bid(1), Micros(1));
    assert_eq!(drained(&mut table.watcher().unwrap()), [1, 2, 3]);
}

/// A change that stands still in mid-write is above the cut, and told by the drain after it went on.
#[test]
fn what_is_under_way_is_told_when_the_cut_has_passed_it() {
    let (table, ids) = stage(1);
    let (mut slow, mut fast) = (table.writer().unwrap(), table.writer().unwrap());
    let mut watcher = table.watcher().unwrap();
    slow.apply_with(ids[3], &bid(1), Micros(1), || {
        fast.apply(ids[4], &bid(1), Micros(1));
        assert_eq!((table.safe_cut(), drained(&mut watcher)), (0, vec![4]));
    });
    assert_eq!((table.safe_cut(), drained(&mut watcher)), (2, vec![3]));
}

#[derive(Clone, Debug)]
enum Step {
    Apply { symbol: usize, price: i64 },
    Status { symbol: usize, stale: bool },
    Drain { watcher: usize },
    HandOver { watcher: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let symbol = prop_oneof![0..70_usize, 0..SYMBOLS];
    prop::collection::vec(
        prop_oneof![
            8 => (symbol.clone(), 1_i64..3).prop_map(|(symbol, price)| Step::Apply { symbol, price }),
            2 => (symbol, any::<bool>()).prop_map(|(symbol, stale)| Step::Status { symbol, stale }),
            2 => (0..3_usize).prop_map(|watcher| Step::Drain { watcher }),
            1 => (0..3_usize).prop_map(|watcher| Step::HandOver { watcher }),
        ],
        0..200,
    )
}

proptest! {
    #[test]
    fn as_sets_would(steps in steps()) {
        let (table, ids) = stage(3);
        let mut writer = table.writer().unwrap();
        let mut watchers: Vec<Option<Watcher>> = (0..3).map(|_| table.watcher()).collect();
        let mut owed: [BTreeSet<usize>; 3] = Default::default();
        let mut ever = BTreeSet::new();
        for step in steps {
            let changed = match step {
                Step::Apply { symbol, price } => {
                    let did = writer.apply(ids[symbol], &bid(price), Micros(1));
                    matches!(did, Applied::Changed { .. }).then_some(symbol)
                }
                Step::Status { symbol, stale } => {
                    let status = if stale { Status::Stale } else { Status::Live };
                    writer.set_status(ids[symbol], status, Reason::Silence, Micros(1)).map(|_| symbol)
                }
                Step::Drain { watcher } => {
                    let places = drained(watchers[watcher].as_mut().unwrap());
                    prop_assert_eq!(places, std::mem::take(&mut owed[watcher]).into_iter().collect::<Vec<_>>());
                    None
                }
                Step::HandOver { watcher } => {
                    watchers[watcher] = None;
                    watchers[watcher] = table.watcher();
                    owed[watcher].clone_from(&ever);
                    None
                }
            };
            if let Some(symbol) = changed {
                ever.insert(symbol);
                for owed in &mut owed {
                    owed.insert(symbol);
                }
            }
            for (watcher, owed) in watchers.iter().zip(&owed) {
                prop_assert_eq!(watcher.as_ref().unwrap().is_quiet(), owed.is_empty());
            }
        }
    }
}
