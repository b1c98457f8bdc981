//! A feed that comes up with names without end: counted and refused, and nothing grows.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::thread;

use market::Symbol;
use table::{Config, Full, Table};

const CAPACITY: usize = 150;

fn name(n: usize) -> Symbol {
    Symbol::parse(&format!("V:NAME{n}")).unwrap()
}

#[test]
fn promise_7_a_flood_of_names_is_refused_and_counted() {
    let table = Table::new(Config { symbols: CAPACITY, ..Config::default() });
    assert_eq!(table.slots(), 0, "nothing is made before a name comes");
    for n in 0..CAPACITY {
        assert_eq!(table.intern(&name(n)).unwrap().index(), n);
        assert!(table.slots() < n + 1 + 64, "at most one chunk ahead");
    }
    assert_eq!(table.slots(), CAPACITY);
    for n in CAPACITY..100_000 {
        assert_eq!(table.intern(&name(n)), Err(Full { capacity: CAPACITY }));
    }
    assert_eq!(table.refused(), 100_000 - CAPACITY as u64);
    assert_eq!((table.slots(), table.len(), table.ids().len()), (CAPACITY, CAPACITY, CAPACITY));
    assert_eq!(table.find(name(CAPACITY).as_str()), None, "a refused name is not kept");
    assert_eq!(table.intern(&name(7)).unwrap().index(), 7, "known names are still found");
    assert_eq!(table.refused(), 100_000 - CAPACITY as u64);
}

#[test]
fn many_threads_get_one_id_a_name() {
    let table = Table::new(Config { symbols: CAPACITY, ..Config::default() });
    let all: Vec<Vec<_>> = thread::scope(|threads| {
        let run = |start: usize| {
            let table = &table;
            // Each thread in another order, all the same names and twice as many as there is room for.
            move || {
                (0..2 * CAPACITY)
                    .map(|n| (n + start * 37) % (2 * CAPACITY))
                    .map(|n| (n, table.intern(&name(n)).ok()))
                    .collect()
            }
        };
        let running: Vec<_> = (0..4).map(|start| threads.spawn(run(start))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(table.len(), CAPACITY);
    let mut taken = vec![0; CAPACITY];
    for (n, id) in all.into_iter().flatten() {
        let found = table.find(name(n).as_str());
        match id {
            Some(id) => {
                assert_eq!(found, Some(id), "one id for ever");
                assert_eq!(table.symbol(id), &name(n));
                taken[id.index()] += 1;
            }
            None => assert_eq!(found, None, "refused is refused for all"),
        }
    }
    assert!(taken.iter().all(|count| *count == 4), "all ids in use, each by all four threads");
    assert_eq!(table.refused(), 4 * CAPACITY as u64);
}
