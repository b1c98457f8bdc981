//! Finds the symbols that make a venue close a whole connection (Hyperliquid: one unknown coin, and the line is dead without
//! a word), so that the others go on.
//!
//! When a venue has ended [`CLOSES_IN_A_ROW`] connections in a row during or soon after their subscription, it is no longer
//! subscribed at once:
//!
//! 1. *Seeking.* Ever smaller parts are subscribed, each on a connection of its own, until one lives. It is cleared.
//! 2. *Sorting.* Each connection begins with what is cleared. Once that has lived for a while, one more part is subscribed
//!    *on the same connection*. When it lives it is cleared too, and the next part follows; when the venue ends the
//!    connection, the part is halved. What is cleared is served meanwhile.
//!
//! **Why nobody is blamed wrongly.** A symbol is blamed when [`STRIKES`] times in a row a connection that had served others
//! for a while was ended by the venue just after this one symbol was added. An outage, which ends connections whatever is
//! subscribed, gives no such evidence: then what is cleared dies as well, before anything is added, or nothing was cleared
//! in the first place. A line that always dies at some age gives none either: before each further strike the others must
//! have lived [`PATIENCE`] times as long as before, so longer than the whole connection of the strike before, and when they
//! die meanwhile all strikes are forgotten. When every symbol is refused nobody is blamed, since that cannot be told from an
//! outage, and the feed goes on dialling at the pace of its back-off. Ends of another kind (silence, a reset long after,
//! faults) are no evidence. A venue that takes its symbols in a single text is left alone: nobody has shown that it takes
//! a second one.
//!
//! Blame is for an hour, and is then tried again when a connection begins anyway.
//!
//! Pure: the time comes from outside, and every dial is the supervisor's, within its limits.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::InstrumentId;

/// So many early ends in a row make it look for a culprit. One or two happen when a venue restarts.
pub(super) const CLOSES_IN_A_ROW: u32 = 3;
/// So often in a row a symbol must have ended a connection alone.
const STRIKES: u32 = 3;
/// How many times longer the others must have lived before the next strike counts. More than 2, see above: a strike takes
/// the time of the others and at most as much again.
const PATIENCE: u32 = 3;
/// How long a symbol stays blamed.
const BLAMED_FOR: Duration = Duration::from_secs(3_600);

/// The state of it, over all lives of one connection.
#[derive(Debug)]
pub(super) struct Trial {
    wanted: Vec<InstrumentId>,
    blamed: Vec<(InstrumentId, Instant)>,
    stage: Stage,
}

/// Parts of what is wanted, each to be subscribed at once.
type Parts = VecDeque<Vec<InstrumentId>>;

#[derive(Debug)]
enum Stage {
    /// All at once, and how many connections in a row the venue has ended early.
    Whole(u32),
    /// None is cleared yet.
    Seeking(Parts),
    /// Some are.
    Sorting(Sorting),
}

#[derive(Debug)]
struct Sorting {
    cleared: Vec<InstrumentId>,
    parts: Parts,
    /// Whether a part was added on the present connection.
    added: bool,
    /// How often in a row the first part ended a connection.
    strikes: u32,
    /// How often in a row the venue ended a connection with nothing on it but what is cleared.
    outages: u32,
}

impl Stage {
    const fn sorting(cleared: Vec<InstrumentId>, parts: Parts, added: bool) -> Stage {
        Stage::Sorting(Sorting { cleared, parts, added, strikes: 0, outages: 0 })
    }
}

impl Trial {
    pub(super) const fn new(wanted: Vec<InstrumentId>) -> Trial {
        Trial { wanted, blamed: Vec::new(), stage: Stage::Whole(0) }
    }

    /// Whether something else than everything is subscribed.
    pub(super) const fn is_on(&self) -> bool {
        !matches!(self.stage, Stage::Whole(_))
    }

    /// What a connection that begins at `now` subscribes first.
    pub(super) fn begin(&mut self, now: Instant) -> Vec<InstrumentId> {
        self.retry(now);
        match &mut self.stage {
            Stage::Whole(_) => self.unblamed(),
            Stage::Seeking(parts) => parts.front().cloned().unwrap_or_default(),
            Stage::Sorting(sorting) => {
                sorting.added = false;
                sorting.cleared.clone()
            }
        }
    }

    /// How many times the usual while has to pass before what is subscribed is known to live.
    pub(super) fn patience(&self) -> u32 {
        match &self.stage {
            Stage::Sorting(sorting) if !sorting.added => PATIENCE.pow(sorting.strikes),
            Stage::Whole(_) | Stage::Seeking(_) | Stage::Sorting(_) => 1,
        }
    }

    /// Everything subscribed so far has lived for a while. Returns what is to be added on this connection.
    pub(super) fn lived(&mut self) -> Option<Vec<InstrumentId>> {
        match &mut self.stage {
            Stage::Whole(closes) => *closes = 0,
            Stage::Seeking(parts) => {
                let cleared = parts.pop_front().unwrap_or_default();
                // All others at once: that they died unproven says nothing, and after an outage this is the end of it.
                let others = self.unblamed().into_iter().filter(|id| !cleared.contains(id)).collect();
                self.stage = Stage::sorting(cleared, VecDeque::from([others]), true);
            }
            Stage::Sorting(sorting) => {
                sorting.outages = 0;
                if std::mem::replace(&mut sorting.added, true) {
                    sorting.cleared.extend(sorting.parts.pop_front().unwrap_or_default());
                    sorting.strikes = 0;
                }
            }
        }
        self.next_part()
    }

    /// The venue ended a connection while what was subscribed last had not lived for a while. `texts` is how many texts it
    /// takes to subscribe everything. Returns the symbol that is to blame, if that is proven now.
    pub(super) fn closed(&mut self, now: Instant, texts: usize) -> Option<InstrumentId> {
        match &mut self.stage {
            Stage::Whole(closes) => {
                *closes += 1;
                let all = self.unblamed();
                if matches!(self.stage, Stage::Whole(CLOSES_IN_A_ROW..)) && texts > 1 && all.len() > 1 {
                    self.stage = Stage::Seeking(halves(&all).into());
                }
                None
            }
            Stage::Seeking(parts) => {
                let part = parts.pop_front().unwrap_or_default();
                if part.len() > 1 {
                    parts.extend(halves(&part));
                }
                if parts.is_empty() {
                    self.stage = Stage::Whole(0);
                }
                None
            }
            Stage::Sorting(sorting) if !sorting.added => {
                sorting.strikes = 0;
                sorting.outages += 1;
                if sorting.outages >= CLOSES_IN_A_ROW {
                    self.stage = Stage::Whole(0);
                }
                None
            }
            Stage::Sorting(sorting) => {
                let part = sorting.parts.front()?;
                if let &[one] = &part[..] {
                    sorting.strikes += 1;
                    if sorting.strikes < STRIKES {
                        return None;
                    }
                    sorting.strikes = 0;
                    sorting.parts.pop_front();
                    self.blamed.push((one, now));
                    self.next_part();
                    return Some(one);
                }
                let [first, second] = halves(part);
                sorting.parts.pop_front();
                sorting.parts.push_front(second);
                sorting.parts.push_front(first);
                None
            }
        }
    }

    /// The part that is to be added next. Without one everything is sorted, and what is left is subscribed at once again.
    fn next_part(&mut self) -> Option<Vec<InstrumentId>> {
        let Stage::Sorting(sorting) = &self.stage else { return None };
        let part = sorting.parts.front().cloned();
        if part.is_none() {
            self.stage = Stage::Whole(0);
        }
        part
    }

    fn unblamed(&self) -> Vec<InstrumentId> {
        let blamed = |id: &InstrumentId| self.blamed.iter().any(|(blamed, _)| blamed == id);
        self.wanted.iter().copied().filter(|id| !blamed(id)).collect()
    }

    /// Tries again what was blamed long ago, each by itself.
    fn retry(&mut self, now: Instant) {
        if self.is_on() || self.blamed.iter().all(|(_, since)| now < *since + BLAMED_FOR) {
            return;
        }
        let cleared = self.unblamed();
        let (old, kept): (Vec<_>, Vec<_>) =
            self.blamed.drain(..).partition(|(_, since)| now >= *since + BLAMED_FOR);
        self.blamed = kept;
        let parts = old.into_iter().map(|(id, _)| vec![id]).collect();
        self.stage = Stage::sorting(cleared, parts, false);
    }
}

fn halves(part: &[InstrumentId]) -> [Vec<InstrumentId>; 2] {
    let (first, second) = part.split_at(part.len() / 2);
    [first.to_vec(), second.to_vec()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A venue that ends a connection as soon as one of `bad` is subscribed on it, every connection of the lives that it is
    /// `out`, and those of later lives at an `age`, counted in the time that a part has to live.
    struct Venue {
        bad: BTreeSet<u32>,
        out: std::ops::Range<usize>,
        age: u32,
    }

    /// Plays lives until one has everything subscribed that is not blamed; returns the blamed ones and the lives it took.
    fn play(trial: &mut Trial, venue: &Venue, texts: usize, lives_max: usize) -> (BTreeSet<u32>, usize) {
        let now = Instant::now();
        let mut blamed = BTreeSet::new();
        for life in 0..lives_max {
            let mut on_it = trial.begin(now);
            let mut next = Some(on_it.clone());
            let mut age = 0;
            while let Some(part) = next {
                on_it.extend(&part);
                age += trial.patience();
                let out = venue.out.contains(&life) || (life >= venue.out.end && age > venue.age);
                if out || part.iter().any(|id| venue.bad.contains(&id.0)) {
                    blamed.extend(trial.closed(now, texts).map(|id| id.0));
                    on_it.clear();
                    break;
                }
                next = trial.lived();
            }
            if !on_it.is_empty() && !trial.is_on() {
                let on_it: BTreeSet<u32> = on_it.into_iter().map(|id| id.0).collect();
                let all: BTreeSet<u32> = trial.wanted.iter().map(|id| id.0).collect();
                assert!(on_it.is_disjoint(&blamed) && &on_it | &blamed == all, "{on_it:?} {blamed:?}");
                return (blamed, life + 1);
            }
        }
        (blamed, lives_max)
    }

    fn check(count: u32, bad: &[u32], out: std::ops::Range<usize>) -> (Vec<u32>, usize) {
        let mut trial = Trial::new((0..count).map(InstrumentId).collect());
        let venue = Venue { bad: bad.iter().copied().collect(), out, age: u32::MAX };
        let (blamed, lives) = play(&mut trial, &venue, 8, 1_000);
        (blamed.into_iter().collect(), lives)
    }

    #[test]
    fn culprits_are_found_and_nobody_else() {
        assert_eq!(check(8, &[], 0..0), (vec![], 1));
        assert_eq!(check(8, &[5], 0..0), (vec![5], 9), "three whole, and the rest to find it");
        assert_eq!(check(8, &[0], 0..0).0, [0]);
        assert_eq!(check(8, &[2, 5], 0..0).0, [2, 5]);
        assert_eq!(check(8, &[0, 1, 2, 3, 4, 5, 7], 0..0).0, [0, 1, 2, 3, 4, 5, 7]);
        assert_eq!(check(2, &[1], 0..0).0, [1]);
        let (blamed, lives) = check(200, &[77], 0..0);
        assert_eq!(blamed, [77]);
        assert!(lives <= 15, "{lives}");
    }

    #[test]
    fn when_all_are_refused_nobody_is_blamed() {
        let all: Vec<u32> = (0..8).collect();
        assert_eq!(check(8, &all, 0..0), (vec![], 1_000));
        assert_eq!(check(1, &[0], 0..0), (vec![], 1_000), "a single one has nobody to compare it with");
    }

    #[test]
    fn an_outage_of_any_length_is_nobodys_fault() {
        for out in 0..60 {
            let (blamed, lives) = check(8, &[], 0..out);
            assert_eq!((blamed, lives), (vec![], out + 1), "the first life after it has everything again");
        }
    }

    #[test]
    fn lines_that_die_at_an_age_are_nobodys_fault() {
        for (out, age) in (0..25).flat_map(|out| (0..40).map(move |age| (out, age))) {
            let mut trial = Trial::new((0..8).map(InstrumentId).collect());
            let venue = Venue { bad: BTreeSet::new(), out: 0..out, age };
            let (blamed, _) = play(&mut trial, &venue, 8, 200);
            assert_eq!(blamed, BTreeSet::new(), "after {out} lives at once, at the age of {age}");
        }
    }

    #[test]
    fn a_venue_that_takes_one_text_is_left_alone() {
        let mut trial = Trial::new((0..8).map(InstrumentId).collect());
        let venue = Venue { bad: [3].into(), out: 0..0, age: u32::MAX };
        assert_eq!(play(&mut trial, &venue, 1, 50), (BTreeSet::new(), 50));
        assert_eq!(trial.begin(Instant::now()).len(), 8);
    }

    #[test]
    fn what_is_blamed_is_tried_again_after_an_hour_alone_and_with_the_others_served() {
        let ids: Vec<InstrumentId> = (0..4).map(InstrumentId).collect();
        let mut trial = Trial::new(ids.clone());
        play(&mut trial, &Venue { bad: [2].into(), out: 0..0, age: u32::MAX }, 4, 50);
        let now = Instant::now();
        assert_eq!(trial.begin(now).len(), 3);
        let later = now + BLAMED_FOR;
        for patience in [1, 3, 9] {
            assert_eq!((trial.begin(later).len(), trial.patience()), (3, patience), "the others first");
            assert_eq!(trial.lived(), Some(vec![ids[2]]));
            assert_eq!(trial.patience(), 1);
            if patience < 9 {
                assert_eq!(trial.closed(later, 4), None, "not proven yet");
            }
        }
        assert_eq!(trial.lived(), None, "it is well now");
        assert_eq!(trial.begin(later).len(), 4);
    }

    proptest! {
        /// Whoever is bad and whenever the venue is out: the innocent are never blamed, and the guilty always, as long as
        /// somebody is innocent.
        #[test]
        fn blame_is_never_wrong(
            count in 1_u32..40,
            bad in prop::collection::btree_set(0_u32..40, 0..6),
            begin in 0_usize..40,
            length in 0_usize..10,
        ) {
            let bad: BTreeSet<u32> = bad.into_iter().filter(|id| *id < count).collect();
            let mut trial = Trial::new((0..count).map(InstrumentId).collect());
            let all_bad = bad.len() == count as usize;
            let venue = Venue { bad: bad.clone(), out: begin..begin + length, age: u32::MAX };
            let (blamed, lives) = play(&mut trial, &venue, 2, 400);
            prop_assert!(blamed.is_subset(&bad));
            if !all_bad {
                prop_assert!(lives < 400 && blamed == bad, "{blamed:?} of {bad:?} in {lives}");
            } else {
                prop_assert!(blamed.is_empty());
            }
        }
    }
}
