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

use market::{Field, FieldSet, Quote, Symbol};
use table::{FeedId, SymbolId, Table};
use wire::{EventId, Mode, Rate, encode};

use crate::asked::Asked;
use crate::desk::Desk;
use crate::follow::Follow;
use crate::frames::{Frame, Kept, Key, Kind};
use crate::pace::{Moment, Pace};
use crate::ring::{Ring, TRADE};
use crate::sent::Sent;
use crate::tally::Told;

/// Bytes of events joined into one buffer before the connection gets it. It bounds a stream's unsent memory, and is
/// large enough that the cost of a write no longer shows.
pub(crate) const BUFFER: usize = 16 << 10;

/// A round: whom it tells, in order, with their last changes. And by place in it the highest id that leaves this one and
/// all after it untold.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    owed: Vec<(u64, Subject)>,
    hold: Vec<u64>,
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
            + self.round.as_ref().map_or(0, |round| {
                round.owed.capacity() * size_of::<(u64, Subject)>() + round.hold.capacity() * size_of::<u64>()
            })
            + self.follow.as_ref().map_or(0, |follow| follow.memory())
    }

    /// Whether a round is under way.
    pub(crate) fn in_round(&self) -> bool {
        self.round.as_ref().is_some_and(|round| self.next < round.owed.len())
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

    /// Whether the last look left out what waits for the ring or for a rate.
    pub(crate) fn holds_back(&self) -> bool {
        self.held_back < u64::MAX
    }

    /// Every change at or below it has been told.
    pub(crate) fn told_up_to(&self) -> u64 {
        let untold = self.round.as_ref().and_then(|round| round.hold.get(self.next));
        self.cut.min(self.held_back).min(untold.copied().unwrap_or(u64::MAX))
    }

    /// Gives the round up. What it leaves untold is found by the next look.
    pub(crate) fn end_round(&mut self) {
        if let Some(round) = &mut self.round {
            if let Some(&untold) = round.hold.get(self.next) {
                self.held_back = self.held_back.min(untold);
            }
            round.owed.clear();
            round.hold.clear();
        }
        self.next = 0;
        self.looked = false;
    }

    /// All symbols have been held against the table after this cut was taken, and what is above `held_back` of them only the
    /// ring may tell: the round that begins next need not look at them again. Where symbols have rates it must.
    pub(crate) fn has_looked(&mut self, cut: u64, held_back: u64) {
        self.looked = self.named.as_ref().is_none_or(|named| named.rated.is_empty());
        if self.looked {
            (self.cut, self.held_back, self.due) = (cut, held_back, None);
        }
    }

    /// Works out what is owed now. Returns whether it is anything; if not, the client has everything up to the cut but
    /// what is held back.
    pub(crate) fn begin(&mut self, desk: &mut Desk, table: &Table, look: Look, now: Duration) -> bool {
        let looked = self.looked;
        self.end_round();
        let mut round = self.round.take().or_else(|| desk.owed.take()).unwrap_or_default();
        self.urgent = look == Look::Statuses;
        if !looked {
            self.look_at_symbols(table, look, now, &mut round.owed);
        }
        self.look_at_feeds(table, &mut round.owed);
        let begun = !round.owed.is_empty();
        if begun {
            self.put_in_order(&mut round);
            self.round = Some(round);
        } else {
            desk.owed = Some(round);
        }
        begun
    }

    fn look_at_symbols(&mut self, table: &Table, look: Look, now: Duration, owed: &mut Vec<(u64, Subject)>) {
        self.cut = table.safe_cut();
        self.held_back = u64::MAX;
        self.due = None;
        let mode = self.asked.settings.mode;
        let mut rated = self.named.as_ref().map_or(&[][..], |named| &named.rated).iter().peekable();
        for (at, (&id, sent)) in self.symbols.iter().zip(&self.sent).enumerate() {
            let rate = rated.next_if(|rate| rate.at == at);
            let changed = table.changed_seq(id);
            if !sent.is_behind(changed) {
                continue;
            }
            let later = rate.filter(|rate| now < rate.due);
            let free = look == Look::All && later.is_none() && (sent.is_whole() || mode == Mode::Latest);
            if free || self.may_go_now(table, id, sent, mode, look, later.is_some()) {
                owed.push((changed, Subject::Symbol(at)));
                continue;
            }
            self.held_back = self.held_back.min(changed.saturating_sub(1));
            if let Some(rate) = later {
                self.due = Some(self.due.map_or(rate.due, |due| due.min(rate.due)));
            }
        }
    }

    fn look_at_feeds(&self, table: &Table, owed: &mut Vec<(u64, Subject)>) {
        if self.asked.style.tells_feeds() {
            for (at, &(id, sent)) in self.feeds.iter().enumerate() {
                let changed = table.feed_changed_seq(id);
                if changed > sent {
                    owed.push((changed, Subject::Feed(at)));
                }
            }
        }
    }

    fn put_in_order(&self, round: &mut Owed) {
        let Owed { owed, hold } = round;
        let focus = self.named.as_ref().map_or(&[][..], |named| &named.focus);
        if focus.is_empty() {
            owed.sort_unstable_by_key(|&(changed, _)| changed);
        } else {
            let waits = |subject| matches!(subject, Subject::Symbol(at) if focus.binary_search(&at).is_err());
            owed.sort_unstable_by_key(|&(changed, subject)| (waits(subject), changed));
        }
        let mut lowest = u64::MAX;
        hold.extend(owed.iter().rev().map(|&(changed, _)| {
            lowest = lowest.min(changed.saturating_sub(1));
            lowest
        }));
        hold.reverse();
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
        if mode == Mode::Every && !sent.is_whole() {
            return false;
        }
        let mut quote = Quote::default();
        table.read_into(id, &mut quote);
        let changed = quote.changed_since(sent.seq());
        if sent.is_whole() {
            // The client has an older state of it that it may take for live.
            return sent.seq() > 0 && changed.contains(Field::Status);
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
        desk: &mut Desk,
        table: &Table,
        most: usize,
        moment: Moment,
        out: &mut Vec<u8>,
    ) -> Told {
        let mut told = Told::default();
        if self.next > 0 && !self.urgent && self.asked.settings.mode == Mode::Latest {
            let half = out.len() + most.saturating_sub(out.len()) / 2;
            self.tell_focus(desk, table, half, moment, out, &mut told);
        }
        while out.len() < most && !self.is_done() {
            let Some(&(_, subject)) = self.round.as_ref().and_then(|round| round.owed.get(self.next)) else {
                break;
            };
            self.next += 1;
            match subject {
                Subject::Symbol(at) => self.tell_symbol(at, desk, table, moment, out, &mut told),
                Subject::Feed(at) => {
                    let id = self.id(table.epoch());
                    let (feed, sent) = &mut self.feeds[at];
                    let state = table.feed(*feed);
                    *sent = state.seq;
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
            // A stream at rest keeps no memory of a round.
            self.end_round();
            desk.owed = self.round.take();
        }
        told
    }

    /// Between two buffers of a long round, the focused symbols that have changed again go first.
    fn tell_focus(
        &mut self,
        desk: &mut Desk,
        table: &Table,
        most: usize,
        moment: Moment,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        for place in 0.. {
            let Some(&at) = self.named.as_ref().and_then(|named| named.focus.get(place)) else { return };
            let later = self.rate_of(at).is_some_and(|rate| moment.now < rate.due);
            if out.len() >= most || self.is_done() || later {
                continue;
            }
            if table.changed_seq(self.symbols[at]) > self.sent[at].seq() {
                self.tell_symbol(at, desk, table, moment, out, told);
            }
        }
    }

    fn tell_symbol(
        &mut self,
        at: usize,
        desk: &mut Desk,
        table: &Table,
        moment: Moment,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        let (symbol, sent) = (self.symbols[at], self.sent[at]);
        let from = out.len();
        if self.asked.settings.mode == Mode::Trades && !sent.is_whole() {
            let mut quote = Quote::default();
            table.read_into(symbol, &mut quote);
            if !quote.changed_since(sent.seq()).intersection(TRADE).is_empty() {
                // A trade has come since the look: the ring tells it, and what changed with it.
                let told = self.round.as_ref().and_then(|round| round.owed.get(self.next - 1));
                let looked_at = told.map_or(0, |&(changed, _)| changed);
                self.held_back = self.held_back.min(looked_at.saturating_sub(1));
                return;
            }
            let id = self.id(table.epoch());
            encode::id_line(out, self.asked.style, id);
            if !self.event(at, table.symbol(symbol), &quote, desk.frames.of(symbol.index()), out, told) {
                out.truncate(from);
                return;
            }
        } else {
            let id = self.id(table.epoch());
            encode::id_line(out, self.asked.style, id);
            let kept = desk.frames.of(symbol.index());
            // Others of the loop have been told the same: then the quote need not be read.
            // The sequence may lie behind the slot for a moment, and so behind what this client has been told.
            let seq = table.changed_seq(symbol);
            let is_told = match kept.get(&self.key(at, seq)).filter(|_| seq >= sent.seq()) {
                Some(frame) => self.tell_frame(at, frame, out, told),
                None => {
                    let mut quote = Quote::default();
                    table.read_into(symbol, &mut quote);
                    self.event(at, table.symbol(symbol), &quote, kept, out, told)
                }
            };
            if !is_told {
                out.truncate(from);
                return;
            }
        }
        let align = self.asked.settings.align;
        if let Some(rate) = self.rate_of(at) {
            rate.due = if align { moment.boundary(rate.window) } else { moment.now + rate.window };
        }
    }

    /// What makes the event the same as another stream's, when the symbol stands at that sequence.
    pub(crate) fn key(&self, at: usize, seq: u64) -> Key {
        let sent = self.sent[at];
        let from = if sent.is_whole() { Key::WHOLE } else { sent.seq() };
        Key { seq, from, wanted: self.asked.settings.fields, style: self.asked.style }
    }

    /// Appends an event, without its id. False when nothing of it concerns the client.
    pub(crate) fn tell_frame(
        &mut self,
        at: usize,
        frame: &Frame,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) -> bool {
        told.shared += 1;
        out.extend_from_slice(&frame.bytes);
        self.count_frame(at, frame, told)
    }

    fn count_frame(&mut self, at: usize, frame: &Frame, told: &mut Told) -> bool {
        self.sent[at] = frame.sent;
        match frame.kind {
            Kind::Snapshot => told.snapshots += 1,
            Kind::Quote => told.quotes += 1,
            Kind::Status => told.statuses += 1,
            Kind::Nothing => return false,
        }
        self.told += 1;
        told.conflated += u64::from(frame.merged.saturating_sub(1));
        // Snapshots may be of any age.
        if frame.kind != Kind::Snapshot {
            told.newest = told.newest.max(Some(frame.published));
        }
        true
    }

    /// Makes the event, without its id, that brings a client to the quote at hand, appends it and keeps it for others.
    /// False when nothing of it concerns the client.
    pub(crate) fn event(
        &mut self,
        at: usize,
        symbol: &Symbol,
        quote: &Quote,
        kept: &mut Kept,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) -> bool {
        let sent = self.sent[at];
        let key = self.key(at, quote.seq);
        let Key { wanted, style, .. } = key;
        let (changed, merged) = if sent.is_whole() {
            (FieldSet::ALL, 0)
        } else {
            (quote.changed_since(sent.seq()), sent.changes_until(quote))
        };
        let from = out.len();
        let kind = if sent.is_whole() {
            encode::snapshot(out, style, symbol, quote, wanted);
            Kind::Snapshot
        } else if changed == FieldSet::EMPTY.with(Field::Status) {
            encode::symbol_status(out, style, symbol, quote, wanted);
            Kind::Status
        } else if changed.contains(Field::Status) || encode::moves(changed, wanted) {
            encode::quote(out, style, symbol, quote, changed, wanted, merged);
            Kind::Quote
        } else {
            Kind::Nothing // of what the client chose has moved
        };
        let bytes = out[from..].into();
        let merged = u32::try_from(merged).unwrap_or(u32::MAX);
        let frame = Frame { bytes, kind, merged, sent: Sent::of(quote), published: quote.ts_pub };
        let is_told = self.count_frame(at, &frame, told);
        kept.put(key, frame);
        is_told
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
