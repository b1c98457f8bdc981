//! Every atomic of this crate: who writes it, who reads it, in which order, and why that is enough.
//!
//! There is no `unsafe` and no `SeqCst` here. Every shared word is an atomic, so a race can give a mixture of two
//! quotes but never undefined behaviour; the versions exist to find and drop such mixtures.
//!
//! # The slot (`slot.rs`)
//!
//! Two lanes; the lowest bit of `published` says which one readers take. Let *W(k)*, the k-th publication, be: tag of
//! lane *k mod 2* to busy (Release), fence (Release), words (Relaxed), tag to *k* (Release), `published` to *k*
//! (Release).
//!
//! | atomic | operation | order | partner and argument |
//! |---|---|---|---|
//! | `lock` | compare-exchange by a writer | Acquire | the `store(0, Release)` of the writer before: all it wrote, `published`, `pending` and both lanes, is visible, so those may be Relaxed under the lock |
//! | `lock` | compare-exchange, failed | Relaxed | nothing is concluded from a failure |
//! | `lock` | store 0 | Release | see above |
//! | `published` | load by a reader | Acquire | the store of *W(k)*: the reader finds the lane's tag at *k* or at something later |
//! | `published` | load by a writer | Relaxed | under the lock |
//! | `published` | store | Release | after the words and the tag |
//! | tag | load before the words | Acquire | the store of *k*: the words read after it are those of *W(k)* or later ones. If it sees something later than *k*, busy or a number, that store is Release too and comes after `published` went beyond *k*, so the reader's next look at `published` goes to a newer lane |
//! | tag | store busy | Release | see above. It does not keep the words behind it, the fence does |
//! | fence | writer, after the busy store | Release | the reader's fence: if the reader saw any word of *W(k+2)*, then its second load of the tag sees the busy store of *W(k+2)* or something later, never *k* again, and the picture is dropped |
//! | words | stores and loads | Relaxed | bracketed by the two rules above; each word by itself is always some word once written there |
//! | tag | store *k* | Release | the reader's first load |
//! | fence | reader, after the words | Acquire | the writer's fence |
//! | tag | load after the words | Relaxed | ordered by the fence before it |
//! | all | loads of `glance` | Relaxed | only to have the memory at hand; what they read is dropped |
//! | `pending` | load, store | Relaxed | under the lock |
//! | notes | load, store by a writer | Relaxed | under the lock |
//! | notes | load by a reader | Relaxed | one word by itself (`Table::heard`); nothing is concluded about other words |
//!
//! *What one reader sees only moves forward,* because it takes a lane only when the tag equals the `published` that
//! directed it there, and `published` cannot go back for one reader (coherence). Without that equality it could land,
//! by an old direction, on a lane that is whole but not published yet, and find an older one at its next look. An
//! earlier form of this file had that fault; `tests/loom.rs: promise_3_no_torn_quote_when_overtaken` finds it.
//!
//! *A view's publication* is the count that directed its reader to the lane, and the tag has been found equal to it on both
//! sides of the words: `Quote::changes` belongs to the rest of its quote without a word of its own.
//!
//! *A write that is given up* leaves the tag at busy for the same reason: a reader with an old direction may still come.
//! Test: `tests/loom.rs: a_write_that_is_given_up_is_never_seen`.
//!
//! *A reader waits for nobody.* A writer is only ever in a lane after `published` was turned away from it. So a reader
//! that has to look again, having seen another tag, was overtaken by at least one complete publication; its next look
//! sees that one or a later one. A writer that stands still in mid-write stands in the lane that `published` does not
//! name. Tests: `slot::tests::a_reader_does_not_wait_for_a_writer_in_mid_write`,
//! `tests/table.rs: promise_3_a_writer_that_stands_still_holds_up_no_reader`, and in loom a reader that *did* wait
//! for a writer would exceed loom's bound on branches.
//!
//! *A writer waits for another writer of the same slot*, for as long as that one is not running if need be. Readers and
//! all other slots go on. The cut (below) does not pass the number of the one that stands still.
//!
//! *One slot's sequences rise:* a number is taken under the lock, so numbers in a slot are in the order of the writes.
//!
//! Publications are counted in 64 bits: at one each nanosecond they would come round after 580 years.
//!
//! # The sequencer (`sequence.rs`)
//!
//! A change is: bound (Release), `next.fetch_add` (Release), slot, `changed` (Release), idle (Release). A cut is: `next`
//! (Acquire), then every writer's `in_flight` (Acquire).
//!
//! | atomic | operation | order | partner and argument |
//! |---|---|---|---|
//! | `next` | load for the bound | Relaxed | any value it ever had is a lower bound of the number that the `fetch_add` then gives: of one word a thread never sees an older value later |
//! | `in_flight` | store bound | Release | a cut that reads it sees everything this writer published *before*, even without having seen the idle in between |
//! | `next` | fetch_add | Release | the cut's Acquire load: when the cut sees a `next` above *n*, it reads from the fetch_add that gave *n* or from a later one, which continues its release sequence, so the bound stored before it is visible |
//! | `in_flight` | store idle | Release | the cut's Acquire load: idle seen, change visible |
//! | `next` | load for a cut | Acquire | first of all loads of the cut |
//! | `in_flight` | load for a cut | Acquire | it sees, for a number *n* below the `next` it read: the bound of *n*, which is at most *n*, so the cut stays below *n*; or something later by the same place, and then the change *n* is visible |
//! | `floor` | load | Acquire | the `fetch_max` of whoever found that cut, who had all of it visible |
//! | `floor` | fetch_max | AcqRel | both sides of the above |
//! | `next` | load in `last` | Relaxed | a number for people |
//! | `taken` | compare-exchange, store 0 | Acquire, Release | a place changes hands: the new owner's stores to `in_flight` come after the old one's |
//!
//! A bound may be an old one, when its writer was held up between loading `next` and storing it. It would pull a freshly
//! computed cut back; `floor` remembers the highest cut that was ever true, and what was true stays true.
//!
//! # The marks (`marks.rs`, `watcher.rs`)
//!
//! A change, extended, is: ticket, slot, `changed`, *marks*, idle. A mark goes up: leaf by `fetch_or`, then on each level above
//! a look, and a `fetch_or` if the bit is not set. A drain comes down: top, then the words below each bit that it took.
//!
//! | atomic | operation | order | partner and argument |
//! |---|---|---|---|
//! | leaf | `fetch_or` by a mark | AcqRel | the drain's swap, both ways: a swap after it in the order of this word takes the bit and sees the change; a swap before it is seen by the mark, with all that this drain did above |
//! | middle, top | load by a mark | Acquire | reads what is the result of read-modify-writes only, so it continues the release of every one of them up to there; see below for what is concluded from a set bit |
//! | middle, top | `fetch_or` by a mark | AcqRel | as a leaf's |
//! | top | load by a drain | Acquire | 0: nothing is taken, so nothing is concluded by others. The mark of a change below the cut happened before the cut, so 0 means that an earlier drain took it |
//! | all | `swap` by a drain | AcqRel | the marks, both ways, as above. *Also of a word that turns out to be 0* |
//! | all | `fetch_or` by a drain that panics | AcqRel | puts back what was not given, from the leaf upwards, as a mark |
//! | `taken` | compare-exchange, store 0 | Acquire, Release | the drains of one owner happen before those of the next: there is one drain at a time |
//!
//! *No mark is lost.* Let a mark look at, or change, the word of some level after the drain *D* swapped it, in the order of
//! that word. Then it synchronizes with *D*, whose swaps further up happened earlier: on every level above, too, the mark comes
//! after *D*. Turned round: when the mark comes before *D* on a level, it came before *D* on all levels below. So let *D* be
//! the first drain to swap the top after the mark was there. The mark left the bit of the top set, *D* takes it and goes
//! down; the mark was before *D* on the middle level too and left that bit set, so *D* takes it, unless an earlier drain did,
//! which then went down itself; and so to the leaf. Whoever takes the leaf's bit reads from the mark or something later in
//! its release sequence, and sees the change.
//!
//! *What is at or below a cut is drained.* The mark happened before the idle, the idle before the cut, the cut before the
//! drain. So in the order of each word the mark comes before the swap of this drain, which finds the bit unless an earlier
//! one did. Test: `tests/loom.rs: what_lies_below_a_cut_is_drained_of_...`. It fails when the mark comes after the idle, when a
//! leaf that has the bit is left alone, when the levels above are left alone because the leaf had a bit (`..._although_a_mark_beside_it_is_under_way`), and when a
//! read-modify-write of leaf or drain loses its Acquire or its Release.
//!
//! *Why a leaf is never only looked at.* Another mark set the bit, a drain took it and read the old quote, and then this change
//! was published: a look could still see the bit from before, because nothing orders it after the drain, and the change
//! would never be told. To look there one would need `SeqCst` between the publication and the look, and between the swap
//! and the read of the quote. The read-modify-write always sees the newest value, and is the cheaper of the two.
//!
//! *Why above it a look is enough.* A bit that was set for another symbol by a mark that is still under way counts as
//! well, for the argument asks only that the bit was set when this mark was there.
//!
//! *Why a drain swaps what is 0.* A mark that sets a middle bit after a drain merely looked at the word would learn nothing
//! of that drain, could see the top's bit from before it, and leave it at that: the change would wait for the next mark.
//!
//! # Around them
//!
//! | atomic | operation | order | partner and argument |
//! |---|---|---|---|
//! | `changed[id]` | store, under the slot's lock | Release | a reader's Acquire load: after it, a read of the slot sees that publication. Stored before the lock is given back, so it never goes down; stored before idle, so a cut at or above it means it is visible |
//! | `len` of names, of feeds | store, load | Release, Acquire | what an id below it stands for is there |
//! | `refused` | add, load | Relaxed | a counter |
//! | chunks, names, feed infos | `OnceLock` | | the standard library's |
//!
//! # What is not proven
//!
//! * loom explores two to three preemptions on slots of two and three words; not all interleavings of a full-size slot.
//!   The slot's code does not depend on its size but for the loop over `pending`.
//! * loom does not notice when a mark's look above the leaf is made Relaxed, nor when a drain only looks at a word that is 0:
//!   both need more threads than it can go through. They rest on the argument alone.
//! * loom lets a Relaxed store carry on what an earlier Release store of the same word published. So it does not notice when
//!   the store of the bound is made Relaxed; that Release rests on the argument alone.
//! * loom does not explore load buffering, and gives Relaxed loads only values from the past; the arguments above do not
//!   rest on either.
//! * ThreadSanitizer does not understand fences. It checks what is around the slots (names, chunks, hand-over of writers),
//!   not the slots: there every access is atomic, so it has nothing to report.
//! * The stress run was made on x86-64 only, where all of these loads and stores are plain moves. Weaker machines are
//!   covered by loom and by the arguments, not by a run.
//! * Progress of writers of one slot is not lock-free: they exclude each other.
