//! Telling from the shared ring: each change (`every`), or each trade (`trades`).
//!
//! The ring says what happened between two states of the table. What it has not got any more is said to be lost
//! (`lagged`, with the count), and the symbols it was lost of are told whole. An event's sequence is held against what
//! was told of its symbol, so whatever the order in which ring and table are read, nothing is told twice.

use std::collections::HashSet;
use std::ops::ControlFlow;

use market::{Field, Quote};
use table::{SymbolId, Table};
use wire::{EventId, Mode, encode};

use crate::desk::Desk;
use crate::outbox::Outbox;
use crate::ring::{At, Ring};
use crate::tally::Told;

/// Where a stream stands in the ring.
#[derive(Debug)]
pub(crate) struct Follow {
    cursor: u64,
    /// Where the tape ended when the stream was allowed to speak: a rate spaces turns, not buffers.
    target: u64,
    /// By place: trades that the ring had seen with what was told last. Empty unless only trades are followed.
    trades: Vec<u64>,
    trades_only: bool,
    lost_before: Option<Box<Lost>>,
}

/// Lost between an earlier stream and this one. The whole state of the symbols follows.
#[derive(Debug)]
struct Lost {
    /// How much, if it can be counted.
    changes: Option<u64>,
    symbols: Vec<SymbolId>,
}

impl Follow {
    pub(crate) fn add(&mut self, id: SymbolId, ring: &Ring) {
        if self.trades_only {
            self.trades.push(ring.trades(id));
        }
    }

    /// Bytes that it holds.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Follow>() + self.trades.capacity() * size_of::<u64>()
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether what it tells depends on nothing but its place in the ring.
    pub(crate) fn is_plain(&self) -> bool {
        !self.trades_only && self.lost_before.is_none()
    }

    /// Everything before this place has been told.
    pub(crate) fn skip_to(&mut self, cursor: u64) {
        (self.cursor, self.target) = (cursor, cursor);
    }

    pub(crate) fn retain(&mut self, kept: &[bool]) {
        let mut places = kept.iter();
        self.trades.retain(|_| *places.next().unwrap_or(&true));
    }
}

/// So many changes are looked for in a stream's list one by one, before laying the list out pays.
const ONE_BY_ONE: u64 = 8;

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
        let mut follow = Follow { cursor: ring.head(), target: 0, trades, trades_only, lost_before: None };
        // What lies between the table as it was read and this place in the ring will not come from the ring.
        for (&id, sent) in self.symbols.iter().zip(&mut self.sent) {
            if table.changed_seq(id) > sent.seq() {
                sent.make_whole();
            }
        }
        if let Some(seq) = resume {
            follow.lost_before = self.lost_since(ring, seq, trades_only);
        }
        self.follow = Some(Box::new(follow));
    }

    /// What happened after `seq` to the symbols that are to be told whole. The ring is not played again: an id may lie
    /// behind what its client has seen, and a sequence must never fall.
    fn lost_since(&self, ring: &Ring, seq: u64, trades_only: bool) -> Option<Box<Lost>> {
        let changed: HashSet<SymbolId> = self
            .symbols
            .iter()
            .zip(&self.sent)
            .filter(|(_, sent)| sent.is_whole())
            .map(|(&id, _)| id)
            .collect();
        if changed.is_empty() {
            return None;
        }
        if !ring.holds_all_after(seq) {
            let symbols = self.symbols.iter().copied().filter(|id| changed.contains(id)).collect();
            return Some(Box::new(Lost { changes: None, symbols }));
        }
        let (mut missed, mut lost) = (0, HashSet::new());
        for at in ring.tail()..ring.head() {
            let At::Here(change) = ring.load(at) else { continue };
            if change.quote.seq > seq && changed.contains(&change.id) && (change.is_trade || !trades_only) {
                missed += 1;
                lost.insert(change.id);
            }
        }
        let symbols = self.symbols.iter().copied().filter(|id| lost.contains(id)).collect();
        (missed > 0).then(|| Box::new(Lost { changes: Some(missed), symbols }))
    }

    /// Tells what the ring holds for this stream, up to a buffer of `most` bytes.
    pub(crate) fn drain(
        &mut self,
        desk: &mut Desk,
        ring: &Ring,
        table: &Table,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Told {
        let mut told = Told::default();
        let Some(mut follow) = self.follow.take() else { return told };
        if let Some(lost) = follow.lost_before.take() {
            self.tell_lagged(lost.changes, &lost.symbols, table, out, &mut told);
        }
        let cut = table.safe_cut();
        desk.tape.catch_up(ring, follow.cursor);
        let overrun = follow.cursor < desk.tape.first();
        // A turn that a rate has begun goes to where the tape ended then; when that leaves nothing to tell, another begins.
        let from = out.len();
        while !overrun && out.len() == from && follow.cursor < desk.tape.end() {
            if follow.cursor >= follow.target || !self.pace.is_kept() {
                follow.target = desk.tape.end();
            }
            let here = follow.cursor..follow.target;
            self.tell_changes(&mut follow, here, cut, desk, table, most, out, &mut told);
            if self.is_done() {
                break;
            }
        }
        if overrun {
            self.lag(&mut follow, ring, table, out, &mut told);
        }
        self.follow = Some(follow);
        told
    }

    /// Tells the changes at these positions of the tape that concern this stream.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, which only its caller takes")]
    fn tell_changes(
        &mut self,
        follow: &mut Follow,
        positions: std::ops::Range<u64>,
        cut: u64,
        desk: &mut Desk,
        table: &Table,
        most: usize,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        let Desk { tape, places, id, event, .. } = desk;
        let (epoch, style) = (table.epoch(), self.asked.style);
        id.clear();
        encode::id_line(id, style, EventId { epoch, seq: self.last_id });
        let laid_out = positions.end - positions.start >= ONE_BY_ONE;
        if laid_out {
            places.lay_out(&self.symbols);
        }
        let full = out.len() + most;
        // Where the last event begins, with its id.
        let mut last = None;
        let symbols = std::mem::take(&mut self.symbols);
        let place_of = |symbol: usize| match laid_out {
            true => places.of(symbol),
            false => symbols.iter().position(|id| id.index() == symbol),
        };
        follow.cursor = positions.end;
        tape.changes(positions, place_of, |at, place, noted, change, kept| {
            if follow.trades_only {
                follow.trades[place] = follow.trades[place].max(change.trades);
            }
            let sent = self.sent[place];
            let is_news = noted.seq > sent.seq() && !sent.is_whole();
            if !is_news || (follow.trades_only && !noted.is_trade) {
                return ControlFlow::Continue(());
            }
            let from = out.len();
            out.extend_from_slice(id);
            let is_told = match kept.get(&self.key(place, noted.seq)) {
                Some(frame) => self.tell_frame(place, frame, out, told),
                None => self.event(place, table.symbol(change.id), &change.quote, kept, out, told),
            };
            if is_told {
                last = Some(from);
            } else {
                out.truncate(from);
            }
            if out.len() >= full || self.is_done() {
                follow.cursor = at + 1;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        self.symbols = symbols;
        if laid_out {
            places.clear(&self.symbols);
        }
        // Only the last one can say more than what was said before, because what it leaves untold is known only now.
        if let Some(from) = last {
            let (mut untold, mut any_whole) = (u64::MAX, false);
            for (&id, sent) in self.symbols.iter().zip(&self.sent) {
                let changed = table.changed_seq(id);
                if sent.is_behind(changed) {
                    untold = untold.min(changed.saturating_sub(1));
                    any_whole |= sent.is_whole();
                }
            }
            self.last_id = self.last_id.max(cut.min(untold));
            if !follow.trades_only && !any_whole {
                self.has_looked(cut, untold);
            }
            event.clear();
            event.extend_from_slice(&out[from + id.len()..]);
            out.truncate(from);
            encode::id_line(out, style, EventId { epoch, seq: self.last_id });
            out.extend_from_slice(event);
        }
    }

    /// Whether this turn has more in the ring.
    pub(crate) fn has_more(&self) -> bool {
        self.follow.as_ref().is_some_and(|follow| follow.cursor < follow.target)
    }

    /// Whether the ring holds, or will hold in a moment, what this stream has not been told.
    pub(crate) fn awaits_the_ring(&self, ring: &Ring) -> bool {
        let Some(follow) = &self.follow else { return false };
        follow.cursor < ring.head() || self.holds_back()
    }

    /// Whether a change of status waits, which no rate holds back.
    pub(crate) fn has_status_news(&self, table: &Table) -> bool {
        let mut quote = Quote::default();
        for (&id, sent) in self.symbols.iter().zip(&self.sent) {
            if table.changed_seq(id) > sent.seq() {
                table.read_into(id, &mut quote);
                if quote.changed_since(sent.seq()).contains(Field::Status) {
                    return true;
                }
            }
        }
        false
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
            } else if table.changed_seq(id) > sent.seq() && !sent.is_whole() {
                table.read_into(id, &mut quote);
                sent.changes_until(&quote)
            } else {
                0
            };
            if lost > 0 && !sent.is_whole() {
                missed += lost;
                sent.make_whole();
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
