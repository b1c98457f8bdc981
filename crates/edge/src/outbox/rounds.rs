//! Rounds: what is owed now, worked out and told. The rules stand at the head of `outbox.rs`.

use std::time::Duration;

use market::{Field, FieldSet, Quote, Symbol};
use table::{SymbolId, Table};
use wire::{EventId, Mode, encode};

use super::Outbox;
use crate::desk::Desk;
use crate::frames::{Frame, Kept, Key, Kind};
use crate::pace::Moment;
use crate::ring::TRADE;
use crate::sent::Sent;
use crate::tally::Told;

/// A round: whom it tells, in order, with their last changes. And by place in it the highest id that leaves this one and
/// all after it untold.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    owed: Vec<(u64, Subject)>,
    hold: Vec<u64>,
}

impl Owed {
    /// Bytes that it holds beside itself.
    pub(super) fn memory(&self) -> usize {
        self.owed.capacity() * size_of::<(u64, Subject)>() + self.hold.capacity() * size_of::<u64>()
    }
}

#[derive(Clone, Copy, Debug)]
enum Subject {
    Symbol(usize),
    Feed(usize),
}

/// What a look takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything that may be told by its symbol's rate.
    All,
    /// Changes of status only: the stream may not speak yet, but those are never held back.
    Statuses,
}

impl Outbox {
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
            let changed = table.changed_seq(id);
            if !sent.is_behind(changed) {
                continue;
            }
            // Both lists are in order of the place.
            while rated.next_if(|rate| rate.at < at).is_some() {}
            let rate = rated.next_if(|rate| rate.at == at);
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
