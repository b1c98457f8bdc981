//! What one stream is owed, and the events that tell it.
//!
//! A stream that is behind is owed a *set*: the subscribed symbols that changed since their last event, each told once
//! with its newest values. The set is worked out afresh in rounds:
//!
//! 1. take the table's safe cut;
//! 2. collect every subscribed symbol whose last change is newer than what was sent of it, in order of that change;
//! 3. tell them in that order, reading each quote at the moment it is encoded.
//!
//! The event of the k-th symbol carries the id `min(change_k, cut)`. That id is honest: every change at or below it
//! was visible in step 2, and belongs either to a symbol told up to here or to one whose last change is newer than the
//! id, which a resume therefore tells again. So a stream may be cut after any event and resumed without loss, although
//! no log is kept.

use market::{Field, FieldSet, Micros, Quote};
use table::Table;
use wire::{EventId, Style, encode};

use crate::client::Client;
use crate::frames::{Frames, Key};

/// Bytes of events joined into one buffer before the connection gets it. It bounds a stream's unsent memory, and is
/// large enough that the cost of a write no longer shows.
const BUFFER: usize = 16 << 10;

/// What was last told of one symbol.
#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    changes: u64,
    /// The next event is a snapshot, whatever has changed.
    whole: bool,
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

/// What a stream wants to see, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) style: Style,
    pub(crate) wanted: FieldSet,
}

/// What composing told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) snapshots: u64,
    pub(crate) quotes: u64,
    pub(crate) statuses: u64,
    /// Changes that were merged into another event.
    pub(crate) conflated: u64,
    /// Events whose bytes had been encoded before.
    pub(crate) shared: u64,
    /// Publication of the newest change told as a delta; snapshots may be of any age.
    pub(crate) newest: Option<Micros>,
}

/// What one stream is owed. Memory: 24 bytes a subscribed symbol, and 24 more while a round is under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    sent: Box<[Sent]>,
    feeds_sent: Box<[u64]>,
    /// The round under way: (last change, whom), in order; `next` is the first that is not told yet.
    owed: Vec<(u64, Subject)>,
    next: usize,
    cut: u64,
    quote: Box<Quote>,
}

impl Outbox {
    /// What a stream that starts like this is owed. `feeds_told` are the sequences of the feeds' states that `hello` tells.
    pub(crate) fn new(client: &Client, table: &Table, start: Start, feeds_told: &[u64]) -> Outbox {
        let mut quote = Box::<Quote>::default();
        let sent = client
            .symbols
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
        let feeds_sent = match start {
            Start::Resume(seq) => feeds_told.iter().map(|_| seq).collect(),
            Start::Snapshots | Start::Deltas => feeds_told.into(),
        };
        Outbox { sent, feeds_sent, owed: Vec::new(), next: 0, cut: 0, quote }
    }

    /// Whether a round is under way.
    pub(crate) fn in_round(&self) -> bool {
        self.next < self.owed.len()
    }

    /// Works out what is owed now. Returns whether it is anything; if not, the client has everything up to the cut.
    pub(crate) fn begin(&mut self, client: &Client, table: &Table) -> bool {
        self.owed.clear();
        self.next = 0;
        self.cut = table.safe_cut();
        for (at, (&id, sent)) in client.symbols.iter().zip(&self.sent).enumerate() {
            let changed = table.changed_seq(id);
            if changed > sent.seq || sent.whole {
                self.owed.push((changed, Subject::Symbol(at)));
            }
        }
        for (at, (&id, &sent)) in client.feeds.iter().zip(&self.feeds_sent).enumerate() {
            let changed = table.feed_changed_seq(id);
            if changed > sent {
                self.owed.push((changed, Subject::Feed(at)));
            }
        }
        self.owed.sort_unstable_by_key(|&(changed, _)| changed);
        if !self.in_round() {
            client.sent_up_to(self.cut);
        }
        self.in_round()
    }

    /// Tells what is owed, up to a buffer full. Ends the round when everything is told.
    pub(crate) fn compose(
        &mut self,
        client: &Client,
        table: &Table,
        frames: &Frames,
        style: View,
        out: &mut Vec<u8>,
    ) -> Told {
        let mut told = Told::default();
        while out.len() < BUFFER {
            let Some(&(changed, subject)) = self.owed.get(self.next) else { break };
            self.next += 1;
            let id = EventId { epoch: table.epoch(), seq: changed.min(self.cut) };
            match subject {
                Subject::Symbol(at) => self.tell_symbol(at, id, client, table, frames, style, out, &mut told),
                Subject::Feed(at) => {
                    let state = table.feed(client.feeds[at]);
                    self.feeds_sent[at] = state.seq;
                    encode::id_line(out, style.style, id);
                    encode::feed_status(
                        out,
                        style.style,
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
            client.sent_up_to(self.cut);
            // A burst must not leave every stream with the memory of its largest round.
            self.owed.clear();
            self.owed.shrink_to(64);
        }
        told
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the stream's parts, borrowed apart; a struct of them would be built per event"
    )]
    fn tell_symbol(
        &mut self,
        at: usize,
        id: EventId,
        client: &Client,
        table: &Table,
        frames: &Frames,
        style: View,
        out: &mut Vec<u8>,
        told: &mut Told,
    ) {
        let symbol_id = client.symbols[at];
        let quote = &mut *self.quote;
        table.read_into(symbol_id, quote);
        let sent = std::mem::replace(
            &mut self.sent[at],
            Sent { seq: quote.seq, changes: quote.changes, whole: false },
        );
        let (changed, merged) = if sent.whole {
            (FieldSet::ALL, 0)
        } else {
            (quote.changed_since(sent.seq), quote.changes.saturating_sub(sent.changes))
        };
        let wanted = style.wanted;
        let key = Key { seq: quote.seq, changed, wanted, merged, style: style.style };
        let status_only = changed == FieldSet::EMPTY.with(Field::Status);
        if sent.whole {
            told.snapshots += 1;
        } else if status_only {
            told.statuses += 1;
        } else if changed.contains(Field::Status) || encode::moves(changed, wanted) {
            told.quotes += 1;
        } else {
            return; // nothing the client chose has moved
        }
        told.conflated += merged.saturating_sub(1);
        if !sent.whole {
            told.newest = told.newest.max(Some(quote.ts_pub));
        }
        encode::id_line(out, style.style, id);
        if let Some(bytes) = frames.get(symbol_id.index(), &key) {
            told.shared += 1;
            out.extend_from_slice(&bytes);
            return;
        }
        let from = out.len();
        let symbol = table.symbol(symbol_id);
        if sent.whole {
            encode::snapshot(out, style.style, symbol, quote, wanted);
        } else if status_only {
            encode::symbol_status(out, style.style, symbol, quote, wanted);
        } else {
            encode::quote(out, style.style, symbol, quote, changed, wanted, merged);
        }
        frames.put(symbol_id.index(), key, bytes::Bytes::copy_from_slice(&out[from..]));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use market::{Decimal, Source, Symbol, Update};
    use table::SymbolId;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const SYMBOLS: usize = 1_000;

    fn market() -> (std::sync::Arc<Table>, Box<[SymbolId]>) {
        let table = Table::new(table::Config { symbols: SYMBOLS, ..table::Config::default() });
        let ids = (0..SYMBOLS)
            .map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap())
            .collect();
        (table, ids)
    }

    /// However long a stream does not read and however much changes meanwhile: what it is owed stays a set.
    #[test]
    fn promise_6_a_stream_that_does_not_read_takes_no_more_memory() {
        let (table, ids) = market();
        let mut writer = table.writer().unwrap();
        let frames = Frames::new(SYMBOLS);
        let style = View { style: Style::default(), wanted: FieldSet::DEFAULT };
        let mut outbox = None;
        let opened = allocation_counter::measure(|| {
            let client = Client::new(ids.clone(), Box::default(), CancellationToken::new(), Duration::ZERO);
            let state = Outbox::new(&client, &table, Start::Snapshots, &[]);
            outbox = Some((client, state));
        });
        let (client, mut outbox) = outbox.unwrap();
        // A little more than a kilobyte for the stream, and for each symbol its id and what was sent of it.
        assert!(opened.bytes_current < 2_000 + 32 * SYMBOLS as i64, "{} bytes", opened.bytes_current);
        let stalled = allocation_counter::measure(|| {
            for round in 0..50 {
                for &id in &ids {
                    let mut update = Update::new(Source::Direct, Micros(round));
                    update.tell_side(Field::Bid, Some(Decimal::from(round + 1)), Some(Decimal::ONE));
                    writer.apply(id, &update, Micros(round));
                }
                outbox.begin(&client, &table);
            }
        });
        assert!(stalled.bytes_max < 32 * SYMBOLS as u64 + 20_000, "{} bytes", stalled.bytes_max);
        // Taking one buffer is bounded too, whatever is owed.
        let mut out = Vec::new();
        let told = outbox.compose(&client, &table, &frames, style, &mut out);
        assert!(out.len() < BUFFER + 1_024 && told.snapshots > 10 && outbox.in_round());
    }

    #[test]
    fn a_round_tells_every_symbol_once_and_then_nothing_is_owed() {
        let (table, ids) = market();
        let mut writer = table.writer().unwrap();
        let frames = Frames::new(SYMBOLS);
        let style = View { style: Style::default(), wanted: FieldSet::DEFAULT };
        let client = Client::new(ids.clone(), Box::default(), CancellationToken::new(), Duration::ZERO);
        let mut outbox = Outbox::new(&client, &table, Start::Deltas, &[]);
        assert!(!outbox.begin(&client, &table), "nothing has changed since");
        for n in 1..=3 {
            for &id in &ids {
                let mut update = Update::new(Source::Direct, Micros(n));
                update.tell_side(Field::Ask, Some(Decimal::from(n)), Some(Decimal::from(n)));
                writer.apply(id, &update, Micros(n));
            }
        }
        assert!(outbox.begin(&client, &table));
        let (mut quotes, mut conflated) = (0, 0);
        while outbox.in_round() {
            let told = outbox.compose(&client, &table, &frames, style, &mut Vec::new());
            quotes += told.quotes;
            conflated += told.conflated;
        }
        assert_eq!((quotes, conflated), (SYMBOLS as u64, 2 * SYMBOLS as u64));
        assert!(!outbox.begin(&client, &table));
        assert_eq!(client.sent_cut(), table.last_seq());
    }
}
