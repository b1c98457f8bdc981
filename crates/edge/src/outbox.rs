//! What one stream is owed, and the events that tell it.
//!
//! A stream that is behind is owed a *set*: the subscribed symbols that changed since their last event, each told once
//! with its newest values. The set is worked out afresh in rounds:
//!
//! 1. take the table's safe cut;
//! 2. collect every subscribed symbol whose last change is newer than what was sent of it;
//! 3. tell them in order of that change, the focused ones first, reading each quote at the moment it is encoded.
//!
//! **Ids.** Each event carries the id `min(cut, c - 1)`, where `c` is the smallest last change of all that is still
//! untold after it: the rest of the round, and what is held back by a rate. That id is honest: every change at or below
//! it was visible in step 2, and belongs either to a symbol that has been told or to one whose last change is newer than
//! the id, which a resume therefore tells again (a last change only grows). An id that was honest once stays so, hence
//! ids never fall. So a stream may be cut after any event and resumed without loss, although no log is kept.
//!
//! The modes `trades` and `every` also take changes from the shared ring ([`crate::ring`], `follow.rs`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use market::{Quote, Symbol};
use table::{FeedId, SymbolId, Table};
use wire::Rate;

use crate::asked::Asked;
use crate::follow::Follow;
use crate::pace::Pace;
use crate::ring::Ring;
use crate::sent::Sent;

mod echo;
mod rounds;

pub(crate) use echo::Echo;
pub(crate) use rounds::{Look, Owed};

/// Bytes of events joined into one buffer before the connection gets it. It bounds a stream's unsent memory, and is
/// large enough that the cost of a write no longer shows.
pub(crate) const BUFFER: usize = 16 << 10;

/// How a stream starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A snapshot of every symbol, then deltas.
    Snapshots,
    /// Deltas only.
    Deltas,
    /// Snapshots of the symbols that changed after this sequence, then deltas.
    Resume(u64),
}

/// A symbol with a rate of its own.
#[derive(Clone, Copy, Debug)]
struct Rated {
    at: usize,
    window: Duration,
    /// Not told before, in monotonic time.
    due: Duration,
}

/// What one stream is owed. Memory: 14 bytes a subscribed symbol, and 32 more of each that is owed while a
/// round is under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) asked: Asked,
    pub(crate) pace: Pace,
    pub(crate) symbols: Vec<SymbolId>,
    pub(crate) sent: Vec<Sent>,
    /// Those behind the symbols, with the sequences of their states as last told.
    feeds: Vec<(FeedId, u64)>,
    /// Symbols of the table below this place have been held against the patterns.
    pub(crate) seen: usize,
    named: Option<Box<Named>>,
    /// The round under way; `next` is the first that is not told yet. At rest there is none: its memory is the desk's.
    round: Option<Box<Owed>>,
    next: usize,
    /// The highest id that leaves untold what is not in the round because it is held back.
    held_back: u64,
    cut: u64,
    /// The round holds changes of status only, which no limit holds up.
    urgent: bool,
    /// All symbols have just been held against the table, and what is untold of them only the ring may tell.
    looked: bool,
    /// The stream has ended: what is changed now would have nobody to tell.
    pub(crate) closed: bool,
    pub(crate) last_id: u64,
    /// When the first symbol that its own rate holds back may be told, in monotonic time.
    due: Option<Duration>,
    pub(crate) follow: Option<Box<Follow>>,
    told: u64,
    changes: Option<Box<Changes>>,
}

/// Subscribed symbols that the settings name.
#[derive(Debug, Default)]
struct Named {
    /// In order of `at`.
    rated: Vec<Rated>,
    /// The focused ones.
    focus: Vec<usize>,
}

/// Symbols that its loop is to be told of: subscribed to since it was told last, and subscribed to no more.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) joined: Vec<SymbolId>,
    pub(crate) left: Vec<SymbolId>,
}

impl Outbox {
    /// What a stream that starts like this is owed. `feeds` are those behind the symbols, with the sequences of their
    /// states that `hello` tells. `seen` is the length of the table when the patterns were held against it.
    pub(crate) fn new(
        asked: Asked,
        symbols: Vec<SymbolId>,
        feeds: &[(FeedId, u64)],
        seen: usize,
        table: &Table,
        start: Start,
        now: Duration,
    ) -> Outbox {
        let mut quote = Quote::default();
        // It may have grown into more room than it needs, by its patterns.
        let symbols = symbols.into_boxed_slice().into_vec();
        let sent = symbols
            .iter()
            .map(|&id| {
                let whole = match start {
                    Start::Snapshots => true,
                    Start::Deltas => false,
                    Start::Resume(seq) => table.changed_seq(id) > seq,
                };
                if whole {
                    return Sent::NOTHING;
                }
                table.read_into(id, &mut quote);
                // A change between the look and the read is newer than what the client has: tell it whole.
                match start {
                    Start::Resume(seq) if quote.seq > seq => Sent::NOTHING,
                    _ => Sent::of(&quote),
                }
            })
            .collect();
        let (seq, resumed) = match start {
            Start::Resume(seq) => (seq, true),
            Start::Snapshots | Start::Deltas => (0, false),
        };
        let mut outbox = Outbox {
            pace: Pace::new(&asked.settings, now),
            asked,
            symbols,
            sent,
            feeds: feeds.iter().map(|&(id, told)| (id, if resumed { seq } else { told })).collect(),
            seen,
            named: None,
            round: None,
            next: 0,
            held_back: u64::MAX,
            cut: 0,
            urgent: false,
            looked: false,
            closed: false,
            last_id: seq,
            due: None,
            follow: None,
            told: 0,
            changes: None,
        };
        outbox.place_settings(table);
        outbox
    }

    /// Works out which places the settings that name symbols speak of. To be called after either has changed.
    pub(crate) fn place_settings(&mut self, table: &Table) {
        let settings = &self.asked.settings;
        self.named = None;
        if settings.symbol_rates.is_empty() && settings.priority.is_empty() {
            return;
        }
        // By hash: both lists may be as long as the subscription.
        let rates: HashMap<&Symbol, &Rate> =
            settings.symbol_rates.iter().map(|(s, rate)| (s, rate)).collect();
        let focus: HashSet<&Symbol> = settings.priority.iter().collect();
        let named = self.named.insert(Box::default());
        for (at, &id) in self.symbols.iter().enumerate() {
            let symbol = table.symbol(id);
            if let Some(rate) = rates.get(symbol) {
                named.rated.push(Rated { at, window: rate.window(), due: Duration::ZERO });
            }
            if focus.contains(symbol) {
                named.focus.push(at);
            }
        }
    }

    /// The rate that was asked for that symbol alone.
    fn rate_of(&mut self, at: usize) -> Option<&mut Rated> {
        let rated = &mut self.named.as_mut()?.rated;
        let place = rated.binary_search_by_key(&at, |rate| rate.at).ok()?;
        rated.get_mut(place)
    }

    /// Subscribes to another symbol, which begins with a snapshot.
    pub(crate) fn add(&mut self, id: SymbolId, ring: &Ring) {
        self.end_round();
        self.changes.get_or_insert_default().joined.push(id);
        self.symbols.push(id);
        self.sent.push(Sent::NOTHING);
        if let Some(follow) = &mut self.follow {
            follow.add(id, ring);
        }
    }

    /// Leaves only the symbols that `keep` names.
    pub(crate) fn retain(&mut self, keep: impl Fn(SymbolId) -> bool) {
        self.end_round();
        let kept: Vec<bool> = self.symbols.iter().map(|&id| keep(id)).collect();
        let left = self.symbols.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(&id, _)| id);
        self.changes.get_or_insert_default().left.extend(left);
        let mut places = kept.iter();
        self.symbols.retain(|_| *places.next().unwrap_or(&true));
        let mut places = kept.iter();
        self.sent.retain(|_| *places.next().unwrap_or(&true));
        if let Some(follow) = &mut self.follow {
            follow.retain(&kept);
        }
    }

    /// Which symbols have been left and which have joined since this was asked last.
    pub(crate) fn take_changes(&mut self) -> Changes {
        self.changes.take().map(|changes| *changes).unwrap_or_default()
    }

    /// Takes the feeds behind the symbols anew; those that are new here are told once.
    pub(crate) fn set_feeds(&mut self, feeds: Vec<FeedId>) {
        self.end_round();
        let sent_of = |feed| self.feeds.iter().find(|(known, _)| *known == feed).map_or(0, |&(_, sent)| sent);
        self.feeds = feeds.into_iter().map(|feed| (feed, sent_of(feed))).collect();
    }

    /// The next event of every symbol is a snapshot: the client lacks what it did not choose before.
    pub(crate) fn tell_all_anew(&mut self) {
        self.end_round();
        for sent in &mut self.sent {
            sent.make_whole();
        }
    }

    /// Takes the symbols that came into the table since the last look and are awaited or match a pattern. Returns whether any came into
    /// the table at all.
    pub(crate) fn grow(&mut self, table: &Table, ring: &Ring) -> bool {
        let len = table.len();
        if !self.asked.waits_for_symbols() || len <= self.seen {
            return false;
        }
        let before = self.symbols.len();
        let seen = self.seen;
        let known: HashSet<SymbolId> = self.symbols.iter().copied().filter(|id| id.index() >= seen).collect();
        for id in (self.seen..len).filter_map(|index| table.id(index)) {
            let symbol = table.symbol(id);
            let room = self.symbols.len() < self.asked.symbols_max;
            let matches = self.asked.takes(symbol);
            if room && matches && !known.contains(&id) {
                self.add(id, ring);
            }
        }
        self.seen = len;
        if self.symbols.len() > before {
            self.place_settings(table);
        }
        true
    }

    /// Bytes that it holds beside itself; what few streams ask for (patterns, rates of symbols) is left out.
    pub(crate) fn memory(&self) -> usize {
        self.symbols.capacity() * size_of::<SymbolId>()
            + self.sent.capacity() * size_of::<Sent>()
            + self.feeds.capacity() * size_of::<(FeedId, u64)>()
            + self.round.as_ref().map_or(0, |round| round.memory())
            + self.follow.as_ref().map_or(0, |follow| follow.memory())
    }
}

#[cfg(test)]
#[path = "outbox_ring_tests.rs"]
mod ring_tests;
#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
