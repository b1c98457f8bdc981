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

use market::{Field, FieldSet, Micros, Quote, Symbol};
use table::{FeedId, SymbolId, Table};
use wire::{EventId, Mode, Pattern, Rate, Settings, Style, encode};

use crate::follow::Follow;
use crate::frames::{Frames, Key};
use crate::pace::{Moment, Pace};
use crate::ring::{Ring, TRADE};

/// Bytes of events joined into one buffer before the connection gets it. It bounds a stream's unsent memory, and is
/// large enough that the cost of a write no longer shows.
pub(crate) const BUFFER: usize = 16 << 10;

/// What was last told of one symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) seq: u64,
    pub(crate) changes: u64,
    /// The next event is a snapshot, whatever has changed.
    pub(crate) whole: bool,
}

#[derive(Clone, Copy, Debug)]
enum Subject {
    Symbol(usize),
    Feed(usize),
}

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

/// What a look takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything that may be told by its symbol's rate.
    All,
    /// Changes of status only: the stream may not speak yet, but those are never held back.
    Statuses,
}

/// What composing told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) snapshots: u64,
    pub(crate) quotes: u64,
    pub(crate) statuses: u64,
    pub(crate) lagged: u64,
    /// Changes that a stream that wanted each of them has lost.
    pub(crate) missed: u64,
    /// Changes that were merged into another event.
    pub(crate) conflated: u64,
    /// Events whose bytes had been encoded before.
    pub(crate) shared: u64,
    /// Publication of the newest change told as a delta; snapshots may be of any age.
    pub(crate) newest: Option<Micros>,
}

/// A symbol with a rate of its own.
#[derive(Clone, Copy, Debug)]
struct Rated {
    at: usize,
    window: Duration,
    /// Not told before, in monotonic time.
    due: Duration,
}

/// What a stream asked for, beside its symbols.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) settings: Settings,
    pub(crate) style: Style,
    pub(crate) patterns: Vec<Pattern>,
    /// Symbols that are not here yet, and join when they are: a venue's catalogue may be on its way.
    pub(crate) awaited: HashSet<Symbol>,
    /// Most symbols, those of later matches included.
    pub(crate) symbols_max: usize,
    /// Events of symbols after which the stream is done.
    pub(crate) limit: Option<u64>,
}

impl Asked {
    /// Whether symbols that appear later may join.
    pub(crate) fn waits_for_symbols(&self) -> bool {
        !self.patterns.is_empty() || !self.awaited.is_empty()
    }
}

/// What one stream is owed. Memory: 28 bytes a subscribed symbol, and 32 more while a round is under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) asked: Asked,
    pub(crate) pace: Pace,
    pub(crate) symbols: Vec<SymbolId>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) feeds: Vec<FeedId>,
    feeds_sent: Vec<u64>,
    /// Symbols of the table below this place have been held against the patterns.
    pub(crate) seen: usize,
    /// In order of `at`.
    rated: Vec<Rated>,
    /// The focused symbols that are subscribed to.
    focus: Vec<usize>,
    /// The round under way: (last change, whom), in order; `next` is the first that is not told yet.
    owed: Vec<(u64, Subject)>,
    next: usize,
    /// By place in `owed`: the highest id that leaves this one and all after it untold.
    hold: Vec<u64>,
    /// The same for what is not in the round because it is held back.
    held_back: u64,
    cut: u64,
    /// The round holds changes of status only, which no limit holds up.
    urgent: bool,
    /// The stream has ended: what is changed now would have nobody to tell.
    pub(crate) closed: bool,
    pub(crate) last_id: u64,
    /// When the first symbol that its own rate holds back may be told, in monotonic time.
    due: Option<Duration>,
    pub(crate) follow: Option<Box<Follow>>,
    told: u64,
    /// Symbols that its loop is to be told of: subscribed to since it was told last, and subscribed to no more.
    joined: Vec<SymbolId>,
    left: Vec<SymbolId>,
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
        let sent = symbols
            .iter()
            .map(|&id| {
                let whole = match start {
                    Start::Snapshots => true,
                    Start::Deltas => false,
                    Start::Resume(seq) => table.changed_seq(id) > seq,
                };
                if whole {
                    return Sent { seq: 0, changes: 0, whole };
                }
                table.read_into(id, &mut quote);
                // A change between the look and the read is newer than what the client has: tell it whole.
                match start {
                    Start::Resume(seq) if quote.seq > seq => Sent { seq: 0, changes: 0, whole: true },
                    _ => Sent { seq: quote.seq, changes: quote.changes, whole },
                }
            })
            .collect();
        let (seq, resumed) = match start {
            Start::Resume(seq) => (seq, true),
            Start::Snapshots | Start::Deltas => (0, false),
        };
        let feeds_sent = feeds.iter().map(|&(_, told)| if resumed { seq } else { told }).collect();
        let mut outbox = Outbox {
            pace: Pace::new(&asked.settings, now),
            asked,
            symbols,
            sent,
            feeds: feeds.iter().map(|&(id, _)| id).collect(),
            feeds_sent,
            seen,
            rated: Vec::new(),
            focus: Vec::new(),
            owed: Vec::new(),
            next: 0,
            hold: Vec::new(),
            held_back: u64::MAX,
            cut: 0,
            urgent: false,
            closed: false,
            last_id: seq,
            due: None,
            follow: None,
            told: 0,
            joined: Vec::new(),
            left: Vec::new(),
        };
        outbox.place_settings(table);
        outbox
    }

    /// Works out which places the settings that name symbols speak of. To be called after either has changed.
    pub(crate) fn place_settings(&mut self, table: &Table) {
        let settings = &self.asked.settings;
        self.rated.clear();
        self.focus.clear();
        if settings.symbol_rates.is_empty() && settings.priority.is_empty() {
            return;
        }
        // By hash: both lists may be as long as the subscription.
        let rates: HashMap<&Symbol, &Rate> =
            settings.symbol_rates.iter().map(|(s, rate)| (s, rate)).collect();
        let focus: HashSet<&Symbol> = settings.priority.iter().collect();
        for (at, &id) in self.symbols.iter().enumerate() {
            let symbol = table.symbol(id);
            if let Some(rate) = rates.get(symbol) {
                self.rated.push(Rated { at, window: rate.window(), due: Duration::ZERO });
            }
            if focus.contains(symbol) {
                self.focus.push(at);
            }
        }
    }

    /// Subscribes to another symbol, which begins with a snapshot.
    pub(crate) fn add(&mut self, id: SymbolId, ring: &Ring) {
        self.end_round();
        self.joined.push(id);
        self.symbols.push(id);
        self.sent.push(Sent { seq: 0, changes: 0, whole: true });
        if let Some(follow) = &mut self.follow {
            follow.add(id, self.symbols.len() - 1, ring);
        }
    }

    /// Leaves only the symbols that `keep` names.
    pub(crate) fn retain(&mut self, keep: impl Fn(SymbolId) -> bool) {
        self.end_round();
        let kept: Vec<bool> = self.symbols.iter().map(|&id| keep(id)).collect();
        self.left.extend(self.symbols.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(&id, _)| id));
        let mut places = kept.iter();
        self.symbols.retain(|_| *places.next().unwrap_or(&true));
        let mut places = kept.iter();
        self.sent.retain(|_| *places.next().unwrap_or(&true));
        if let Some(follow) = &mut self.follow {
            follow.retain(&kept, &self.symbols);
        }
    }

    /// Which symbols have been left and which have joined since this was asked last.
    pub(crate) fn take_changes(&mut self) -> (Vec<SymbolId>, Vec<SymbolId>) {
        (std::mem::take(&mut self.left), std::mem::take(&mut self.joined))
    }

    /// Takes the feeds behind the symbols anew; those that are new here are told once.
    pub(crate) fn set_feeds(&mut self, feeds: Vec<FeedId>) {
        self.end_round();
        let sent_of = |feed: &FeedId| {
            self.feeds.iter().position(|known| known == feed).map_or(0, |at| self.feeds_sent[at])
        };
        self.feeds_sent = feeds.iter().map(sent_of).collect();
        self.feeds = feeds;
    }

    /// The next event of every symbol is a snapshot: the client lacks what it did not choose before.
    pub(crate) fn tell_all_anew(&mut self) {
        self.end_round();
        for sent in &mut self.sent {
            sent.whole = true;
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
            let matches = self.asked.awaited.remove(symbol)
                || self.asked.patterns.iter().any(|p| p.matches(symbol.as_str()));
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

    /// Whether a round is under way.
    pub(crate) fn in_round(&self) -> bool {
        self.next < self.owed.len()
    }

    /// Whether the round holds nothing but changes of status.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Whether the stream has told as many events as it was asked for.
    pub(crate) fn is_done(&self) -> bool {
        self.asked.limit.is_some_and(|limit| self.told >= limit)
    }

    /// When what a symbol's own rate holds back may be told, in monotonic time.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Up to where the last look saw.
    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    /// Every change at or below it has been told, or is in the round under way.
    pub(crate) fn looked_up_to(&self) -> u64 {
        self.cut.min(self.held_back)
    }

    /// Every change at or below it has been told.
    pub(crate) fn told_up_to(&self) -> u64 {
        self.cut.min(self.held_back).min(self.hold.get(self.next).copied().unwrap_or(u64::MAX))
    }

    /// Gives the round up. What it leaves untold is found by the next look.
    pub(crate) fn end_round(&mut self) {
        if let Some(&untold) = self.hold.get(self.next) {
            self.held_back = self.held_back.min(untold);
        }
        self.owed.clear();
        self.hold.clear();
        self.next = 0;
    }

    /// Works out what is owed now. Returns whether it is anything; if not, the client has everything up to the cut but
    /// what is held back.
    pub(crate) fn begin(&mut self, table: &Table, look: Look, now: Duration) -> bool {
        self.end_round();
        self.cut = table.safe_cut();
        self.urgent = look == Look::Statuses;
        self.held_back = u64::MAX;
        self.due = None;
        let mode = self.asked.settings.mode;
        let mut rated = self.rated.iter().peekable();
        for (at, (&id, sent)) in self.symbols.iter().zip(&self.sent).enumerate() {
            let rate = rated.next_if(|rate| rate.at == at);
            let changed = table.changed_seq(id);
            if changed <= sent.seq && !sent.whole {
                continue;
            }
            let later = rate.filter(|rate| now < rate.due);
            let free = look == Look::All && later.is_none() && (sent.whole || mode == Mode::Latest);
            if free || self.may_go_now(table, id, sent, mode, look, later.is_some()) {
                self.owed.push((changed, Subject::Symbol(at)));
                continue;
            }
            self.held_back = self.held_back.min(changed.saturating_sub(1));
            if let Some(rate) = later {
                self.due = Some(self.due.map_or(rate.due, |due| due.min(rate.due)));
            }
        }
        if self.asked.style.tells_feeds() {
            for (at, (&id, &sent)) in self.feeds.iter().zip(&self.feeds_sent).enumerate() {
                let changed = table.feed_changed_seq(id);
                if changed > sent {
                    self.owed.push((changed, Subject::Feed(at)));
                }
            }
        }
        if self.focus.is_empty() {
            self.owed.sort_unstable_by_key(|&(changed, _)| changed);
        } else {
            let focus = &self.focus;
            let waits = |subject| matches!(subject, Subject::Symbol(at) if focus.binary_search(&at).is_err());
            self.owed.sort_unstable_by_key(|&(changed, subject)| (waits(subject), changed));
        }
        let mut lowest = u64::MAX;
        self.hold.extend(self.owed.iter().rev().map(|&(changed, _)| {
            lowest = lowest.min(changed.saturating_sub(1));
            lowest
        }));
        self.hold.reverse();
        self.in_round()
    }

    /// Whether a change that would wait (for the rate, for the ring) is one that does not.
    fn may_go_now(
        &self,
        table: &Table,
        id: SymbolId,
        sent: &Sent,
        mode: Mode,
        look: Look,
        rated: bool,
    ) -> bool {
        if mode == Mode::Every && !sent.whole {
            return false;
        }
        let mut quote = Quote::default();
        table.read_into(id, &mut quote);
        let changed = quote.changed_since(sent.seq);
        if sent.whole {
            // The client has an older state of it that it may take for live.
            return sent.seq > 0 && changed.contains(Field::Status);
        }
        // A trade stands in the ring, or will in a moment; told from here, the one before it would be merged away.
        if mode == Mode::Trades && !changed.intersection(TRADE).is_empty() {
            return false;
        }
        changed.contains(Field::Status) || (look == Look::All && !rated)
    }

    /// The id of an event after which everything from place `next` on is untold.
    fn id(&mut self, epoch: u64) -> EventId {
        self.last_id = self.last_id.max(self.told_up_to());
        EventId { epoch, seq: self.last_id }
    }

    /// Tells what is owed, up to a buffer of `most` bytes. Ends the round when everything is told.
    pub(crate) fn compose(
        &mut self,
        table: &Table,
        frames: &Frames,
        most: usize,
        moment: Moment,
        out: &mut Vec<u8>,
    ) -> Told {
        let mut told = Told::default();
        if self.next > 0 && !self.urgent && self.asked.settings.mode == Mode::Latest {
            let half = out.len() + most.saturating_sub(out.len()) / 2;
            self.tell_focus(table, frames, half, moment, out, &mut told);
        }
        while out.len() < most && !self.is_done() {
            let Some(&(_, subject)) = self.owed.get(self.next) else { break };
            self.next += 1;
            match subject {
                Subject::Symbol(at) => self.tell_symbol(at, table, frames, moment, out, &mut told),
                Subject::Feed(at) => {
                    let id = self.id(table.epoch());
                    let state = table.feed(self.feeds[at]);
                    self.feeds_sent[at] = state.seq;
                    let style = self.asked.style;
                    encode::id_line(out, style, id);
                    encode::feed_status(
                        out,
                        style,
                        &state.info.name,
                        state.seq,
                        state.status,
                        state.since,
                        state.reason,
                    );
                    told.statuses += 1;
                }
            }
        }
        if !self.in_round() {
            // A burst must not leave every stream with the memory of its largest round.
            self.end_round();
            self.owed.shrink_to(64);
            self.hold.shrink_to(64);
        }
        told
    }

    /// Between two buffers of a long round, the focused symbols that have changed again go first.
    fn tell_focus(
        &mut self,
        table: &Table,
        frames: &Frames,
        most: usize,
        moment: Moment,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        for place in 0..self.focus.len() {
            let at = self.focus[place];
            let rate = self.rated.binary_search_by_key(&at, |rate| rate.at).map(|place| &self.rated[place]);
            let later = rate.is_ok_and(|rate| moment.now < rate.due);
            if out.len() >= most || self.is_done() || later {
                continue;
            }
            if table.changed_seq(self.symbols[at]) > self.sent[at].seq {
                self.tell_symbol(at, table, frames, moment, out, told);
            }
        }
    }

    fn tell_symbol(
        &mut self,
        at: usize,
        table: &Table,
        frames: &Frames,
        moment: Moment,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        let mut quote = Quote::default();
        table.read_into(self.symbols[at], &mut quote);
        let sent = self.sent[at];
        if self.asked.settings.mode == Mode::Trades
            && !sent.whole
            && !quote.changed_since(sent.seq).intersection(TRADE).is_empty()
        {
            // A trade has come since the look: the ring tells it, and what changed with it.
            let looked_at = self.owed.get(self.next - 1).map_or(0, |&(changed, _)| changed);
            self.held_back = self.held_back.min(looked_at.saturating_sub(1));
            return;
        }
        let id = self.id(table.epoch());
        let from = out.len();
        encode::id_line(out, self.asked.style, id);
        if !self.event(at, &quote, table, frames, out, told) {
            out.truncate(from);
            return;
        }
        if let Ok(place) = self.rated.binary_search_by_key(&at, |rate| rate.at) {
            let rate = &mut self.rated[place];
            rate.due = if self.asked.settings.align {
                moment.boundary(rate.window)
            } else {
                moment.now + rate.window
            };
        }
    }

    /// Appends the event, without its id, that brings a client to the quote at hand. False when nothing of it concerns
    /// the client.
    pub(crate) fn event(
        &mut self,
        at: usize,
        quote: &Quote,
        table: &Table,
        frames: &Frames,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) -> bool {
        let symbol_id = self.symbols[at];
        let sent = std::mem::replace(
            &mut self.sent[at],
            Sent { seq: quote.seq, changes: quote.changes, whole: false },
        );
        let (changed, merged) = if sent.whole {
            (FieldSet::ALL, 0)
        } else {
            (quote.changed_since(sent.seq), quote.changes.saturating_sub(sent.changes))
        };
        let (wanted, style) = (self.asked.settings.fields, self.asked.style);
        let key = Key { seq: quote.seq, changed, wanted, merged, style };
        let status_only = changed == FieldSet::EMPTY.with(Field::Status);
        if sent.whole {
            told.snapshots += 1;
        } else if status_only {
            told.statuses += 1;
        } else if changed.contains(Field::Status) || encode::moves(changed, wanted) {
            told.quotes += 1;
        } else {
            return false; // nothing the client chose has moved
        }
        self.told += 1;
        told.conflated += merged.saturating_sub(1);
        if !sent.whole {
            told.newest = told.newest.max(Some(quote.ts_pub));
        }
        if let Some(bytes) = frames.get(symbol_id.index(), &key) {
            told.shared += 1;
            out.extend_from_slice(&bytes);
            return true;
        }
        let from = out.len();
        let symbol = table.symbol(symbol_id);
        if sent.whole {
            encode::snapshot(out, style, symbol, quote, wanted);
        } else if status_only {
            encode::symbol_status(out, style, symbol, quote, wanted);
        } else {
            encode::quote(out, style, symbol, quote, changed, wanted, merged);
        }
        frames.put(symbol_id.index(), key, bytes::Bytes::copy_from_slice(&out[from..]));
        true
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
