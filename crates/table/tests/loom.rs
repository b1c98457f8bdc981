//! Every interleaving of a small table, up to a bound: slots of two and three words, the sequencer, the safe cut.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p table --release --test loom` (in a target directory of its own, because the
//! flags rebuild everything). `LOOM_MAX_PREEMPTIONS` widens or narrows the search; without it each model uses its own bound.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use table::sequence::Sequencer;
use table::slot::Slot;

/// The second word of a slot follows from the first, so a mixture of two writes shows.
fn mark(seq: u64) -> u64 {
    seq * 1_000 + 7
}

/// One slot with what the table has around it.
struct Small {
    slots: [Slot<2>; 2],
    changed: [AtomicU64; 2],
    sequencer: Sequencer,
}

impl Small {
    fn new(writers: usize) -> Arc<Small> {
        Arc::new(Small {
            slots: [Slot::new(), Slot::new()],
            changed: [AtomicU64::new(0), AtomicU64::new(0)],
            sequencer: Sequencer::new(writers),
        })
    }

    /// The same steps in the same order as `Writer::apply`.
    fn write(&self, slot: usize, place: &mut table::sequence::Place) {
        let mut guard = self.slots[slot].lock();
        let ticket = self.sequencer.take(place);
        let seq = ticket.seq();
        let mut rewrite = guard.rewrite();
        rewrite.set(0, seq);
        rewrite.set(1, mark(seq));
        rewrite.publish();
        self.changed[slot].store(seq, Ordering::Release);
        drop(guard);
        drop(ticket);
    }

    /// The sequence in a slot, whole or the test fails.
    fn read(&self, slot: usize) -> u64 {
        let (seq, other) = self.slots[slot].read(|view| (view.get(0), view.get(1)));
        assert!((seq, other) == (0, 0) || other == mark(seq), "torn: {seq} with {other}");
        seq
    }

    fn changed(&self, slot: usize) -> u64 {
        self.changed[slot].load(Ordering::Acquire)
    }
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(model);
}

/// Two writers and two readers on one slot: whole quotes, rising sequences, an array that is never ahead.
#[test]
fn promise_3_no_torn_quote() {
    check(2, || {
        let small = Small::new(2);
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let small = Arc::clone(&small);
                thread::spawn(move || small.write(0, &mut small.sequencer.claim().unwrap()))
            })
            .collect();
        let reader = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let said = small.changed(0);
                assert!(small.read(0) >= said, "the array was ahead of the slot");
            })
        };
        let first = small.read(0);
        let second = small.read(0);
        assert!(second >= first, "the sequence went back from {first} to {second}");
        for thread in writers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
        assert_eq!((small.read(0), small.changed(0)), (2, 2));
    });
}

/// A reader that is overtaken twice lands on a lane that is being filled again: it must notice, and must not wait.
#[test]
fn promise_3_no_torn_quote_when_overtaken() {
    check(3, || {
        let small = Small::new(1);
        let writer = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let mut place = small.sequencer.claim().unwrap();
                for _ in 0..3 {
                    small.write(0, &mut place);
                }
            })
        };
        let first = small.read(0);
        let second = small.read(0);
        assert!(second >= first);
        writer.join().unwrap();
        assert_eq!(small.read(0), 3);
    });
}

/// What only one write sets must be carried over to the other lane by the next, whoever writes it.
#[test]
fn words_that_a_write_leaves_alone_are_carried_over() {
    check(3, || {
        let slot = Arc::new(Slot::<3>::new());
        let writers: Vec<_> = (0..2)
            .map(|at| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let mut guard = slot.lock();
                    let count = guard.view().get(2) + 1;
                    let mut rewrite = guard.rewrite();
                    rewrite.set(at, 1);
                    rewrite.set(2, count);
                    rewrite.publish();
                })
            })
            .collect();
        let sum = slot.read(|view| (view.get(0) + view.get(1), view.get(2)));
        assert_eq!(sum.0, sum.1);
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(slot.read(|view| [view.get(0), view.get(1), view.get(2)]), [1, 1, 2]);
    });
}

/// A write that is given up must leave nothing behind, for readers and for the next writer.
#[test]
fn a_write_that_is_given_up_is_never_seen() {
    check(3, || {
        let slot = Arc::new(Slot::<2>::new());
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                for (finish, word) in [(true, 1), (false, 2), (true, 3)] {
                    let mut guard = slot.lock();
                    let mut rewrite = guard.rewrite();
                    rewrite.set(0, word);
                    if finish {
                        rewrite.set(1, word);
                        rewrite.publish();
                    }
                }
            })
        };
        for _ in 0..2 {
            let (one, other) = slot.read(|view| (view.get(0), view.get(1)));
            assert!(one == other && one != 2, "{one} {other}");
        }
        writer.join().unwrap();
    });
}

/// Both writers on one slot, two readers with a cut each: what lies at or below the cut is in the slot and in the array.
#[test]
fn the_cut_never_passes_an_unpublished_change_of_one_slot() {
    check(2, || {
        let small = Small::new(2);
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let small = Arc::clone(&small);
                thread::spawn(move || small.write(0, &mut small.sequencer.claim().unwrap()))
            })
            .collect();
        let look = |small: &Small| {
            let cut = small.sequencer.safe_cut();
            let said = small.changed(0);
            assert!(said >= cut, "cut {cut}, and the array says {said}");
            assert!(small.read(0) >= cut);
        };
        let reader = {
            let small = Arc::clone(&small);
            thread::spawn(move || look(&small))
        };
        look(&small);
        for thread in writers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
        assert_eq!(small.sequencer.safe_cut(), 2);
    });
}

/// Each writer on a slot of its own, so that nothing but the bounds connects them: as many numbers are visible as the
/// cut says. One reader looks twice and finds that the cut does not move back.
#[test]
fn the_cut_never_passes_an_unpublished_change_of_two_slots() {
    check(2, || {
        let small = Small::new(2);
        let writers: Vec<_> = (0..2)
            .map(|slot| {
                let small = Arc::clone(&small);
                thread::spawn(move || small.write(slot, &mut small.sequencer.claim().unwrap()))
            })
            .collect();
        let look = |small: &Small| {
            let cut = small.sequencer.safe_cut();
            let published =
                |seqs: [u64; 2]| seqs.into_iter().filter(|seq| (1..=cut).contains(seq)).count() as u64;
            assert_eq!(published([small.changed(0), small.changed(1)]), cut);
            assert_eq!(published([small.read(0), small.read(1)]), cut);
            cut
        };
        let reader = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                look(&small);
            })
        };
        let first = small.sequencer.safe_cut();
        assert!(look(&small) >= first, "the cut moved back");
        for thread in writers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
        assert_eq!(look(&small), 2);
    });
}

/// A writer that goes straight from one change to the next: the reader may see its later bound without the idle in
/// between, and must see the earlier change all the same.
#[test]
fn the_cut_sees_a_change_through_the_writers_next_bound() {
    check(3, || {
        let small = Small::new(1);
        let writer = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let mut place = small.sequencer.claim().unwrap();
                small.write(0, &mut place);
                small.write(1, &mut place);
            })
        };
        let cut = small.sequencer.safe_cut();
        if cut >= 1 {
            assert_eq!(small.read(0), 1);
        }
        if cut >= 2 {
            assert_eq!(small.read(1), 2);
        }
        writer.join().unwrap();
    });
}
