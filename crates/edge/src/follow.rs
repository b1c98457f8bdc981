//! Telling from the shared ring: each change (`every`), or each trade (`trades`).
//!
//! The ring says what happened between two states of the table. What it has not got any more is said to be lost
//! (`lagged`, with the count), and the symbols it was lost of are told whole. An event's sequence is held against what
//! was told of its symbol, so whatever the order in which ring and table are read, nothing is told twice.

use std::collections::{HashMap, HashSet};

use market::{Field, Quote};
use table::{SymbolId, Table};
use wire::{EventId, Mode, encode};

use crate::frames::Frames;
use crate::outbox::{Outbox, Told};
use crate::ring::{At, Ring};

/// Where a stream stands in the ring.
#[derive(Debug)]
pub(crate) struct Follow {
    cursor: u64,
    /// Where the ring ended when the stream was allowed to speak: a rate spaces turns, not buffers.
    target: u64,
    places: HashMap<SymbolId, usize>,
    /// By place: trades that the ring had seen with what was told last. Empty unless only trades are followed.
    trades: Vec<u64>,
    trades_only: bool,
    /// Lost between an earlier stream and this one: how much, if it can be counted, and of which symbols. Their whole
    /// state follows.
    lost_before: Option<(Option<u64>, Vec<SymbolId>)>,
}

impl Follow {
    pub(crate) fn add(&mut self, id: SymbolId, at: usize, ring: &Ring) {
        self.places.insert(id, at);
        if self.trades_only {
            self.trades.push(ring.trades(id));
        }
    }

    pub(crate) fn retain(&mut self, kept: &[bool], symbols: &[SymbolId]) {
        let mut places = kept.iter();
        self.trades.retain(|_| *places.next().unwrap_or(&true));
        self.places = symbols.iter().enumerate().map(|(at, &id)| (id, at)).collect();
    }
}

impl Outbox {
    /// Begins or ends following the ring, as the mode says. The ring must be watched already when this is called, and
    /// the table be read after it: then what changes from now on is in the ring or in what is read.
    pub(crate) fn follow_mode(&mut self, ring: &Ring, table: &Table, resume: Option<u64>) {
        let mode = self.asked.settings.mode;
        if mode == Mode::Latest {
            self.follow = None;
            return;
        }
        let trades_only = mode == Mode::Trades;
        let trades =
            if trades_only { self.symbols.iter().map(|&id| ring.trades(id)).collect() } else { Vec::new() };
        let mut follow = Follow {
            cursor: ring.head(),
            target: 0,
            places: self.symbols.iter().enumerate().map(|(at, &id)| (id, at)).collect(),
            trades,
            trades_only,
            lost_before: None,
        };
        // What lies between the table as it was read and this place in the ring will not come from the ring.
        for (&id, sent) in self.symbols.iter().zip(&mut self.sent) {
            sent.whole |= table.changed_seq(id) > sent.seq;
        }
        if let Some(seq) = resume {
            follow.lost_before = self.lost_since(ring, seq, trades_only);
        }
        self.follow = Some(Box::new(follow));
    }

    /// What happened after `seq` to the symbols that are to be told whole. The ring is not played again: an id may lie
    /// behind what its client has seen, and a sequence must never fall.
    fn lost_since(&self, ring: &Ring, seq: u64, trades_only: bool) -> Option<(Option<u64>, Vec<SymbolId>)> {
        let changed: HashSet<SymbolId> =
            self.symbols.iter().zip(&self.sent).filter(|(_, sent)| sent.whole).map(|(&id, _)| id).collect();
        if changed.is_empty() {
            return None;
        }
        if !ring.holds_all_after(seq) {
            return Some((None, self.symbols.iter().copied().filter(|id| changed.contains(id)).collect()));
        }
        let (mut missed, mut lost) = (0, HashSet::new());
        for at in ring.tail()..ring.head() {
            ring.read(at, |change| {
                if change.quote.seq > seq && changed.contains(&change.id) && (change.is_trade || !trades_only)
                {
                    missed += 1;
                    lost.insert(change.id);
                }
            });
        }
        let lost: Vec<SymbolId> = self.symbols.iter().copied().filter(|id| lost.contains(id)).collect();
        (missed > 0).then_some((Some(missed), lost))
    }

    /// Tells what the ring holds for this stream, up to a buffer of `most` bytes.
    pub(crate) fn drain(
        &mut self,
        ring: &Ring,
        table: &Table,
        frames: &Frames,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Told {
        let mut told = Told::default();
        let Some(mut follow) = self.follow.take() else { return told };
        if let Some((missed, symbols)) = follow.lost_before.take() {
            self.tell_lagged(missed, &symbols, table, out, &mut told);
        }
        let cut = table.safe_cut();
        let mut events = Vec::new();
        let mut ends = Vec::new();
        let mut quote = Quote::default();
        let mut overrun = follow.cursor < ring.tail();
        if follow.cursor >= follow.target {
            follow.target = ring.head();
        }
        while !overrun && follow.cursor < follow.target && events.len() < most && !self.is_done() {
            let mut found = None;
            let at = ring.read(follow.cursor, |change| {
                let Some(&place) = follow.places.get(&change.id) else { return };
                let sent = &self.sent[place];
                if follow.trades_only {
                    follow.trades[place] = follow.trades[place].max(change.trades);
                    if !change.is_trade {
                        return;
                    }
                }
                if change.quote.seq > sent.seq && !sent.whole {
                    quote = change.quote;
                    found = Some(place);
                }
            });
            match at {
                At::Here => follow.cursor += 1,
                At::NotYet => break,
                At::Overwritten => overrun = true,
            }
            if let Some(place) = found
                && self.event(place, &quote, table, frames, &mut events, &mut told)
            {
                ends.push(events.len());
            }
        }
        self.join(cut, table, &events, &ends, out);
        if overrun {
            self.lag(&mut follow, ring, table, out, &mut told);
        }
        self.follow = Some(follow);
        told
    }

    /// Whether this turn has more in the ring.
    pub(crate) fn has_more(&self) -> bool {
        self.follow.as_ref().is_some_and(|follow| follow.cursor < follow.target)
    }

    /// Whether the ring holds, or will hold in a moment, what this stream has not been told.
    pub(crate) fn awaits_the_ring(&self, ring: &Ring) -> bool {
        let Some(follow) = &self.follow else { return false };
        follow.cursor < ring.head() || self.looked_up_to() < self.cut()
    }

    /// Whether a change of status waits, which no rate holds back.
    pub(crate) fn has_status_news(&self, table: &Table) -> bool {
        let mut quote = Quote::default();
        for (&id, sent) in self.symbols.iter().zip(&self.sent) {
            if table.changed_seq(id) > sent.seq {
                table.read_into(id, &mut quote);
                if quote.changed_since(sent.seq).contains(Field::Status) {
                    return true;
                }
            }
        }
        false
    }

    /// Puts the ids to events that were told in a row: only the last one can say more than what was said before, because
    /// what it leaves untold is known only now.
    fn join(&mut self, cut: u64, table: &Table, events: &[u8], ends: &[usize], out: &mut Vec<u8>) {
        let (epoch, style) = (table.epoch(), self.asked.style);
        let mut from = 0;
        for (at, &end) in ends.iter().enumerate() {
            if at + 1 == ends.len() {
                let untold = self.symbols.iter().zip(&self.sent).filter_map(|(&id, sent)| {
                    let changed = table.changed_seq(id);
                    (changed > sent.seq || sent.whole).then(|| changed.saturating_sub(1))
                });
                self.last_id = self.last_id.max(cut.min(untold.min().unwrap_or(u64::MAX)));
            }
            encode::id_line(out, style, EventId { epoch, seq: self.last_id });
            out.extend_from_slice(&events[from..end]);
            from = end;
        }
    }

    /// The ring has gone over this stream: counts what is lost, says so, and has the symbols told whole.
    fn lag(&mut self, follow: &mut Follow, ring: &Ring, table: &Table, out: &mut Vec<u8>, told: &mut Told) {
        // First the place in the ring, then the looks at the table: what comes in between is told whole or from the ring.
        follow.cursor = ring.head();
        follow.target = follow.cursor;
        let mut missed = 0;
        let mut symbols = Vec::new();
        let mut quote = Quote::default();
        for (at, (&id, sent)) in self.symbols.iter().zip(&mut self.sent).enumerate() {
            let lost = if follow.trades_only {
                let seen = ring.trades(id);
                seen - std::mem::replace(&mut follow.trades[at], seen).min(seen)
            } else if table.changed_seq(id) > sent.seq && !sent.whole {
                table.read_into(id, &mut quote);
                quote.changes.saturating_sub(sent.changes)
            } else {
                0
            };
            if lost > 0 && !sent.whole {
                missed += lost;
                sent.whole = true;
                symbols.push(id);
            }
        }
        if !symbols.is_empty() {
            self.tell_lagged(Some(missed), &symbols, table, out, told);
        }
    }

    fn tell_lagged(
        &mut self,
        missed: Option<u64>,
        symbols: &[SymbolId],
        table: &Table,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        let style = self.asked.style;
        encode::id_line(out, style, EventId { epoch: table.epoch(), seq: self.last_id });
        let wanted = self.asked.settings.fields;
        encode::lagged(out, style, missed, symbols.iter().map(|&id| table.symbol(id)), wanted);
        told.lagged += 1;
        told.missed += missed.unwrap_or(0);
    }
}
