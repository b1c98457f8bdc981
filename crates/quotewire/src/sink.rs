//! The feeds' way into the table: the only place where the two meet.

use std::collections::HashMap;
use std::sync::Arc;

use edge::Notifier;
use feed::{Outcome, Sink, SymbolRef};
use market::{Clock, Field, FieldSet, Micros, Reason, Status, Symbol, Update};
use table::{Applied, FeedId, SymbolId, Table, Writer};

use crate::ingest_metrics::IngestTimes;

/// What time a change is published at.
#[derive(Clone, Debug)]
pub(crate) enum PublishTime {
    /// The clock's.
    Clock(Arc<dyn Clock>),
    /// The receive time of the update: a recording gives the same bytes every time.
    Received,
}

/// Applies updates to the table and tells the edge.
#[derive(Debug)]
pub(crate) struct TableSink {
    table: Arc<Table>,
    writer: Writer,
    feed: FeedId,
    time: PublishTime,
    /// Latest receive time, for status changes when publishing by receive time.
    latest: Micros,
    notifier: Option<Notifier>,
    times: Option<IngestTimes>,
    /// Said once: a flood of names must not become a flood of log lines.
    told_full: bool,
    /// Whether the table is at work: a panic then is the table's own (see [`TableSink::is_broken`]).
    at_work: bool,
    symbols: Vec<SymbolId>,
    refs: HashMap<SymbolId, SymbolRef>,
}

impl TableSink {
    /// A sink for one feed.
    ///
    /// # Errors
    /// When the table has no room for another writer.
    pub(crate) fn new(
        table: &Arc<Table>,
        feed: FeedId,
        time: PublishTime,
        notifier: Option<Notifier>,
        times: Option<IngestTimes>,
    ) -> Result<TableSink, table::TooManyWriters> {
        Ok(TableSink {
            table: Arc::clone(table),
            writer: table.writer()?,
            feed,
            time,
            latest: Micros(0),
            notifier,
            times,
            told_full: false,
            at_work: false,
            symbols: Vec::new(),
            refs: HashMap::new(),
        })
    }

    /// The table's id of a symbol that was interned here.
    pub(crate) fn id(&self, symbol: SymbolRef) -> Option<SymbolId> {
        self.symbols.get(symbol.0 as usize).copied()
    }

    /// Whether a panic that was caught outside came from the table itself. Then its state cannot be trusted, and the
    /// process has to end.
    pub(crate) fn is_broken(&self) -> bool {
        self.at_work
    }

    /// Tells that this feed is lost by a fault of its own, with everything it ever told.
    pub(crate) fn lose(&mut self) {
        let all: Vec<SymbolRef> = self.refs.values().copied().collect();
        self.feed_status(Status::Stale, Reason::Fault, &all);
    }

    fn now(&self) -> Micros {
        match &self.time {
            PublishTime::Clock(clock) => clock.now(),
            PublishTime::Received => self.latest,
        }
    }

    /// Sets a symbol's status and tells the edge.
    fn set_status(&mut self, id: SymbolId, status: Status, reason: Reason, now: Micros) {
        if self.writer.set_status(id, status, reason, now).is_some()
            && let Some(notifier) = &self.notifier
        {
            notifier.published(id, FieldSet::EMPTY.with(Field::Status));
        }
    }
}

impl Sink for TableSink {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let id = match self.table.intern(symbol) {
            Ok(id) => id,
            Err(full) => {
                if !self.told_full {
                    self.told_full = true;
                    tracing::warn!(%symbol, "{full}; more symbols of this feed are counted and left out");
                }
                return None;
            }
        };
        if let Some(known) = self.refs.get(&id) {
            return Some(*known);
        }
        let known = SymbolRef(u32::try_from(self.symbols.len()).ok()?);
        self.symbols.push(id);
        self.refs.insert(id, known);
        // Nothing is live until its feed says so: until then a client sees that we are waiting.
        if self.table.read(id).status == Status::Unknown {
            self.set_status(id, Status::Connecting, Reason::NotConnected, self.now());
        }
        Some(known)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        // A reference that this sink did not give out leads nowhere, like an old update.
        let Some(id) = self.id(symbol) else { return Outcome::Older };
        self.latest = self.latest.max(update.ts_recv);
        let now = self.now();
        self.at_work = true;
        let applied = self.writer.apply(id, update, now);
        self.at_work = false;
        match applied {
            Applied::Changed { fields, .. } => {
                if let Some(notifier) = &self.notifier {
                    notifier.published(id, fields);
                }
                if let Some(times) = &mut self.times {
                    times.published(update.ts_recv, now);
                }
                Outcome::Changed
            }
            Applied::Unchanged => Outcome::Unchanged,
            Applied::Older => Outcome::Older,
        }
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        let now = self.now();
        if matches!(status, Status::Stale | Status::Suspect | Status::Connecting) {
            for &symbol in symbols {
                let Some(id) = self.id(symbol) else { continue };
                // What was never heard of stays so. A halt is not covered by a lost connection, which the table sees to,
                // but it must know that the venue's sequences may start anew.
                if !matches!(self.table.read(id).status, Status::Unknown | Status::Connecting) {
                    self.set_status(id, status, reason, now);
                }
            }
        }
        if self.writer.set_feed_status(self.feed, status, reason, now).is_some()
            && let Some(notifier) = &self.notifier
        {
            notifier.feed_changed();
        }
    }
}
