//! Every interleaving of a small table, up to a bound: slots of two and three words, the sequencer, the safe cut, the
//! marks.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p table --release --test loom` (in a target directory of its own, because the
//! flags rebuild everything). `LOOM_MAX_PREEMPTIONS` widens or narrows the search; without it each model uses its own bound.
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use table::marks::Marks;
use table::sequence::Sequencer;
use table::slot::Slot;

/// The second word of a slot follows from the first, so a mixture of two writes shows.
fn mark(seq: u64) -> u64 {
    seq * 1_000 + 7
}

/// The sequence in a slot, whole or the test fails.
fn whole(slot: &Slot<2>) -> u64 {
    let (seq, other) = slot.read(|view| (view.get(0), view.get(1)));
    assert!((seq, other) == (0, 0) || other == mark(seq), "torn: {seq} with {other}");
    seq
}

/// Two slots with what the table has around them.
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

    fn read(&self, slot: usize) -> u64 {
        whole(&self.slots[slot])
    }

    fn changed(&self, slot: usize) -> u64 {
        self.changed[slot].load(Ordering::Acquire)
    }
}

/// Two writers, one change each, on those slots.
fn both(small: &Arc<Small>, slots: [usize; 2]) -> Vec<thread::JoinHandle<()>> {
    // Placed beforehand: finding a place is another matter, and every step multiplies the search.
    let places = [small.sequencer.claim().unwrap(), small.sequencer.claim().unwrap()];
    places
        .into_iter()
        .zip(slots)
        .map(|(mut place, slot)| {
            let small = Arc::clone(small);
            thread::spawn(move || small.write(slot, &mut place))
        })
        .collect()
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(model);
}

/// Whether loom's first run, from which it goes on to all others, has the reader before the writers or behind them.
#[derive(Clone, Copy)]
enum End {
    Before,
    Behind,
}

impl End {
    /// Where the reader begins, after all writers have been started.
    fn reached(self) {
        match self {
            End::Before => {}
            End::Behind => thread::yield_now(),
        }
    }
}

/// Loom moves a change before a look at the same word, but only the last such look: a reader that takes a cut in front
/// of all writers hardly ever comes to see one above 0. From behind the writers it sees those, and fewer of the rest.
fn check_from_both_ends(preemptions: usize, model: impl Fn(End) + Copy + Sync + Send + 'static) {
    for end in [End::Before, End::Behind] {
        check(preemptions, move || model(end));
    }
}

/// Counts up what stands in a slot.
fn count_up(slot: &Slot<2>) {
    let mut guard = slot.lock();
    let seq = guard.view().get(0) + 1;
    let mut rewrite = guard.rewrite();
    rewrite.set(0, seq);
    rewrite.set(1, mark(seq));
    rewrite.publish();
}

/// Two writers and two readers on one slot: whole quotes only.
#[test]
fn promise_3_no_torn_quote() {
    check(2, || {
        let slot = Arc::new(Slot::<2>::new());
        let spawn = |run: fn(&Slot<2>)| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || run(&slot))
        };
        let read = |slot: &Slot<2>| assert!(whole(slot) <= 2);
        let others = [spawn(count_up), spawn(count_up), spawn(read)];
        read(&slot);
        for thread in others {
            thread.join().unwrap();
        }
        assert_eq!(whole(&slot), 2);
    });
}

/// Two writers and a reader that looks twice: it never goes back.
#[test]
fn promise_1_what_a_reader_sees_only_moves_forward() {
    check(2, || {
        let slot = Arc::new(Slot::<2>::new());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || count_up(&slot))
            })
            .collect();
        let first = whole(&slot);
        let second = whole(&slot);
        assert!(second >= first, "the sequence went back from {first} to {second}");
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

/// A reader that is overtaken twice lands on a lane that is being filled again: it must notice, and must not wait.
#[test]
fn promise_3_no_torn_quote_when_overtaken() {
    check(2, || {
        let slot = Arc::new(Slot::<2>::new());
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || (0..3).for_each(|_| count_up(&slot)))
        };
        let first = whole(&slot);
        let second = whole(&slot);
        assert!(second >= first, "the sequence went back from {first} to {second}");
        writer.join().unwrap();
        assert_eq!(whole(&slot), 3);
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

/// Notes stand once, outside the lanes: a writer must see what the writer before noted, and a reader's glance only rises.
#[test]
fn a_note_is_seen_by_the_next_writer() {
    check(3, || {
        let slot = Arc::new(Slot::<2, 1>::new());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let mut guard = slot.lock();
                    assert_eq!(guard.note(0), guard.view().get(0), "the last note goes with the last words");
                    let count = guard.note(0) + 1;
                    let mut rewrite = guard.rewrite();
                    rewrite.set(0, count);
                    rewrite.publish();
                    guard.set_note(0, count);
                })
            })
            .collect();
        let first = slot.note(0);
        assert!(slot.note(0) >= first);
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!((slot.note(0), slot.read(|view| view.get(0))), (2, 2));
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

/// Both writers on one slot: what lies at or below a cut is in the array and in the slot.
#[test]
fn the_cut_never_passes_an_unpublished_change_of_one_slot() {
    check_from_both_ends(2, |end| {
        let small = Small::new(2);
        let writers = both(&small, [0, 0]);
        end.reached();
        let cut = small.sequencer.safe_cut();
        let said = small.changed(0);
        assert!(said >= cut, "cut {cut}, and the array says {said}");
        assert!(small.read(0) >= said, "the array is ahead of the slot");
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!((small.sequencer.safe_cut(), small.read(0), small.changed(0)), (2, 2, 2));
    });
}

/// Each writer on a slot of its own, so that nothing but the bounds connects them: as many numbers are visible as the
/// cut says, and the cut does not move back.
#[test]
fn the_cut_never_passes_an_unpublished_change_of_two_slots() {
    check_from_both_ends(2, |end| {
        let small = Small::new(2);
        let writers = both(&small, [0, 1]);
        end.reached();
        let first = small.sequencer.safe_cut();
        let cut = small.sequencer.safe_cut();
        assert!(cut >= first, "the cut moved back from {first} to {cut}");
        let seen = [small.read(0), small.read(1)];
        assert_eq!(
            seen.into_iter().filter(|seq| (1..=cut).contains(seq)).count() as u64,
            cut,
            "{seen:?} at {cut}"
        );
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(small.sequencer.safe_cut(), 2);
    });
}

/// Two writers, and two readers that each take a cut: one may take over the cut that the other has found.
#[test]
fn a_cut_that_another_reader_found_is_as_good() {
    check_from_both_ends(1, |end| {
        let small = Small::new(2);
        let writers = both(&small, [0, 1]);
        let look = |small: &Small| {
            let cut = small.sequencer.safe_cut();
            let seen = [small.changed(0), small.changed(1)];
            assert_eq!(seen.into_iter().filter(|seq| (1..=cut).contains(seq)).count() as u64, cut);
        };
        let reader = {
            let small = Arc::clone(&small);
            thread::spawn(move || look(&small))
        };
        end.reached();
        look(&small);
        for thread in writers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
    });
}

/// A writer that goes straight from one change to the next: the reader may see its later bound without the idle in
/// between, and must see the earlier change all the same.
#[test]
fn the_cut_sees_a_change_through_the_writers_next_bound() {
    check_from_both_ends(3, |end| {
        let small = Small::new(1);
        let writer = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let mut place = small.sequencer.claim().unwrap();
                small.write(0, &mut place);
                small.write(1, &mut place);
            })
        };
        end.reached();
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

/// Two writers of one value each, which stand behind places of the marks, and what a drainer has seen of them.
struct Watched {
    /// By writer its value: the number of its change. Relaxed, so that only marks and tickets make it visible.
    values: [AtomicU64; 2],
    places: [usize; 2],
    marks: Marks,
    sequencer: Sequencer,
}

impl Watched {
    /// The same steps in the same order as `Writer::apply`.
    fn write(&self, writer: usize, place: &mut table::sequence::Place) {
        let ticket = self.sequencer.take(place);
        self.values[writer].store(ticket.seq(), Ordering::Relaxed);
        self.marks.mark(self.places[writer]);
        drop(ticket);
    }

    /// Drains, and looks at what stands behind each place.
    fn drain(&self, seen: &mut [u64; 2]) {
        self.marks.drain(|place| {
            for writer in (0..2).filter(|writer| self.places[*writer] == place) {
                seen[writer] = self.values[writer].load(Ordering::Relaxed);
            }
        });
    }
}

/// Two writers on those places, and a drainer that drains at some time, and then takes a cut and drains: every change at or
/// below the cut has been seen. After all of it, everything has.
fn what_lies_below_a_cut_is_drained(places: [usize; 2]) {
    check_from_both_ends(2, move |end| drained_below_a_cut(places, end, true));
}

fn drained_below_a_cut(places: [usize; 2], end: End, twice: bool) {
    let (values, sequencer) = (Default::default(), Sequencer::new(2));
    let marks = Marks::new(places[1] + 1);
    let watched = Arc::new(Watched { values, places, marks, sequencer });
    let writers = [0, 1].map(|writer| {
        let mut place = watched.sequencer.claim().unwrap();
        let watched = Arc::clone(&watched);
        thread::spawn(move || watched.write(writer, &mut place))
    });
    let mut seen = [0, 0];
    end.reached();
    if twice {
        watched.drain(&mut seen);
    }
    let cut = watched.sequencer.safe_cut();
    watched.drain(&mut seen);
    let below = seen.into_iter().filter(|seq| (1..=cut).contains(seq)).count() as u64;
    assert_eq!(below, cut, "{seen:?} at {cut}");
    for writer in writers {
        writer.join().unwrap();
    }
    watched.drain(&mut seen);
    seen.sort_unstable();
    assert_eq!((seen, watched.marks.is_quiet()), ([1, 2], true));
}

#[test]
fn what_lies_below_a_cut_is_drained_of_one_symbol() {
    what_lies_below_a_cut_is_drained([0, 0]);
}

#[test]
fn what_lies_below_a_cut_is_drained_of_two_symbols_of_one_word() {
    what_lies_below_a_cut_is_drained([0, 1]);
}

#[test]
fn what_lies_below_a_cut_is_drained_of_two_words() {
    what_lies_below_a_cut_is_drained([0, 64]);
}

#[test]
fn what_lies_below_a_cut_is_drained_of_two_middle_words() {
    what_lies_below_a_cut_is_drained([0, 4_096]);
}

/// A writer that finds marks in its word, whose own writer has not come to the words above yet: it takes one preemption more.
#[test]
fn what_lies_below_a_cut_is_drained_although_a_mark_beside_it_is_under_way() {
    check(3, || drained_below_a_cut([0, 1], End::Behind, false));
}
