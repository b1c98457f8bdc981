//! The feeds of a table: who they are, and whether they can be believed.
//!
//! A venue may spread its channels over several endpoints, and then several writers tell of one feed, each of its own
//! connections. The feed is in the state of the worst of them, whichever spoke last; what a writer said last stands when it
//! is gone.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use market::{Micros, Reason, Status};

use crate::layout::{micros, of_micros};
use crate::sequence::{Place, Sequencer};
use crate::slot::{Slot, View};
use crate::sync::{AtomicU64, Ordering};
use crate::{Full, SymbolId};

/// The dense id of a feed in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(u16);

impl FeedId {
    /// The place of the feed in the order of [`crate::Table::feeds`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How much what a feed says has to do with the market of this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedMode {
    /// The venue, now.
    Live,
    /// The built-in demo: a recording in a loop.
    Demo,
    /// The venue, some minutes ago.
    Delayed,
    /// A recording.
    Replay,
    /// Invented prices.
    Synthetic,
}

impl FeedMode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            FeedMode::Live => "live",
            FeedMode::Demo => "demo",
            FeedMode::Delayed => "delayed",
            FeedMode::Replay => "replay",
            FeedMode::Synthetic => "synthetic",
        }
    }
}

/// What is fixed about a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedInfo {
    /// Its name in the configuration.
    pub name: String,
    /// The venue's canonical name.
    pub venue: String,
    /// The kind of adapter: a folder of `feeds/`.
    pub kind: String,
    /// How close to the market it is.
    pub mode: FeedMode,
}

/// A feed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// What is fixed about it.
    pub info: Arc<FeedInfo>,
    /// Whether it can be believed; [`Status::Unknown`] until the first status is set.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Micros,
    /// Sequence of its last change of status; 0 before the first.
    pub seq: u64,
}

/// Most symbols of a feed whose refusal is remembered in the venue's words.
const REFUSALS_MAX: usize = 100;

/// Status and reason, since when, sequence.
const WORDS: usize = 3;
const STATE: usize = 0;
const SINCE: usize = 1;
const SEQ: usize = 2;

#[derive(Debug)]
struct Entry {
    info: OnceLock<Arc<FeedInfo>>,
    /// By writer what it said last. Writers only; locked around the slot, so that the worst is always that of all.
    parts: Mutex<Vec<(u64, (Status, Reason))>>,
    /// What the venue said of symbols that it refused.
    refusals: Mutex<Vec<(SymbolId, Arc<str>)>>,
    /// Never ahead of the slot.
    changed_seq: AtomicU64,
    slot: Slot<WORDS>,
}

/// All feeds.
#[derive(Debug)]
pub(crate) struct Feeds {
    entries: Box<[Entry]>,
    adding: Mutex<()>,
    len: AtomicU64,
}

fn status(view: View<'_, WORDS>) -> (Status, Reason) {
    let [status, reason, ..] = view.get(STATE).to_le_bytes();
    (Status::from_u8(status), Reason::from_u8(reason))
}

impl Feeds {
    pub(crate) fn new(capacity: usize) -> Feeds {
        let entry = || Entry {
            info: OnceLock::new(),
            parts: Mutex::default(),
            refusals: Mutex::default(),
            changed_seq: AtomicU64::new(0),
            slot: Slot::new(),
        };
        Feeds {
            entries: (0..capacity).map(|_| entry()).collect(),
            adding: Mutex::new(()),
            len: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, info: FeedInfo) -> Result<FeedId, Full> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.len();
        let full = Full { capacity: self.entries.len() };
        let entry = self.entries.get(place).ok_or(full)?;
        let id = u16::try_from(place).map_err(|_| full)?;
        let _ = entry.info.set(Arc::new(info));
        self.len.store(place as u64 + 1, Ordering::Release);
        Ok(FeedId(id))
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Acquire) as usize
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = FeedId> + use<> {
        (0..self.len()).filter_map(|place| u16::try_from(place).ok()).map(FeedId)
    }

    pub(crate) fn state(&self, id: FeedId) -> FeedState {
        let entry = &self.entries[id.index()];
        let info = entry.info.get().expect("an id is given out after its info is set");
        entry.slot.read(|view| {
            let (status, reason) = status(view);
            let since = micros(view.get(SINCE));
            FeedState { info: Arc::clone(info), status, reason, since, seq: view.get(SEQ) }
        })
    }

    /// Keeps what was said last of a symbol, for so many symbols.
    pub(crate) fn refuse(
        &self,
        id: FeedId,
        (symbol, words): (SymbolId, &str),
        is_refused: impl Fn(SymbolId) -> bool,
    ) {
        let refusals = &self.entries[id.index()].refusals;
        let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = refusals.iter_mut().find(|(known, _)| *known == symbol) {
            *before = words.into();
            return;
        }
        if refusals.len() == REFUSALS_MAX {
            refusals.retain(|(other, _)| is_refused(*other));
        }
        if refusals.len() < REFUSALS_MAX {
            refusals.push((symbol, words.into()));
        }
    }

    pub(crate) fn refusals(&self, id: FeedId) -> Vec<(SymbolId, Arc<str>)> {
        self.entries[id.index()].refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn changed_seq(&self, id: FeedId) -> u64 {
        self.entries[id.index()].changed_seq.load(Ordering::Acquire)
    }

    /// Sets what that writer says of a feed. Nothing changes unless the feed as a whole is in another state then.
    pub(crate) fn set_status(
        &self,
        id: FeedId,
        (writer, said): (u64, (Status, Reason)),
        now: Micros,
        sequencer: &Sequencer,
        place: &mut Place,
    ) -> Option<u64> {
        let entry = &self.entries[id.index()];
        let mut parts = entry.parts.lock().unwrap_or_else(PoisonError::into_inner);
        match parts.iter_mut().find(|(known, _)| *known == writer) {
            Some((_, part)) => *part = said,
            None => parts.push((writer, said)),
        }
        let worst = parts.iter().map(|(_, part)| *part).max_by_key(|(status, _)| status.badness());
        // Of equally bad ones what was said now is the news.
        let (new, reason) = worst.filter(|worst| worst.0.badness() != said.0.badness()).unwrap_or(said);
        let mut guard = entry.slot.lock();
        let (old, why) = status(guard.view());
        if (old, why) == (new, reason) {
            return None;
        }
        let ticket = sequencer.take(place);
        let seq = ticket.seq();
        let mut rewrite = guard.rewrite();
        rewrite.set(STATE, u64::from_le_bytes([new as u8, reason as u8, 0, 0, 0, 0, 0, 0]));
        rewrite.set(SEQ, seq);
        if old != new {
            rewrite.set(SINCE, of_micros(now));
        }
        rewrite.publish();
        entry.changed_seq.store(seq, Ordering::Release);
        drop(guard);
        drop(ticket);
        Some(seq)
    }
}
