//! The feeds' way into the table: the only place where the two meet.
//!
//! An update goes through the [`screen`], into its symbol, and on into the composite of which the symbol is a member, all in
//! one step. What the screen holds back is let go by a task of its own when no update does it in time; the two take turns
//! under a lock that is nobody else's.

pub(crate) mod rejects;
pub(crate) mod screen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge::Notifier;
use feed::{Outcome, Sink, SymbolRef};
use market::{Clock, Field, FieldSet, Micros, Reason, Status, Symbol, Update};
use table::{Applied, FeedId, Member, SymbolId, Table, Traded, Writer};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::composite::Composing;
use crate::ingest_metrics::IngestTimes;
use rejects::Rejects;
use screen::{Moves, Screen, Verdict};

/// A change of a status alone.
const STATUS: (FieldSet, Option<Traded>) = (FieldSet::EMPTY.with(Field::Status), None);

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
    inner: Arc<Mutex<Inner>>,
    /// The task that lets go what is held back.
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    /// Rung when a price is held back.
    held: Arc<Notify>,
    /// Ends the task with the sink.
    _ends: DropGuard,
}

#[derive(Debug)]
struct Inner {
    table: Arc<Table>,
    writer: Writer,
    feed: FeedId,
    time: PublishTime,
    /// Latest receive time, for status changes when publishing by receive time.
    latest: Micros,
    notifier: Option<Notifier>,
    times: Option<IngestTimes>,
    composing: Option<Composing>,
    screening: Option<Screening>,
    /// Said once: a flood of names must not become a flood of log lines.
    told_full: bool,
    /// Whether the table is at work: a panic then is the table's own (see [`TableSink::is_broken`]).
    at_work: bool,
    symbols: Vec<Known>,
    refs: HashMap<SymbolId, SymbolRef>,
}

#[derive(Debug)]
struct Screening {
    screen: Screen,
    rejects: Rejects,
    clock: Arc<dyn Clock>,
}

/// A symbol of this sink.
#[derive(Debug)]
struct Known {
    id: SymbolId,
    /// Its place in a composite, if it has one.
    member: Option<Member>,
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
        let inner = Inner {
            table: Arc::clone(table),
            writer: table.writer()?,
            feed,
            time,
            latest: Micros(0),
            notifier,
            times,
            composing: None,
            screening: None,
            told_full: false,
            at_work: false,
            symbols: Vec::new(),
            refs: HashMap::new(),
        };
        Ok(TableSink { inner: Arc::new(Mutex::new(inner)), keeper: None })
    }

    /// Has the symbols to come make composites, if they shall.
    pub(crate) fn composing(self, composing: Option<&Composing>) -> TableSink {
        self.lock().composing = composing.cloned();
        self
    }

    /// Has the updates to come looked at before they are applied. With `moves` a task lets go what is held back when its time
    /// is over; it ends with the sink. To be called within a runtime, and before the first symbol.
    pub(crate) fn screened(
        mut self,
        moves: Option<Moves>,
        rejects: Rejects,
        clock: &Arc<dyn Clock>,
    ) -> TableSink {
        if moves.is_some() {
            let (held, stop) = (Arc::new(Notify::new()), CancellationToken::new());
            let keeping = let_go(Arc::clone(&self.inner), Arc::clone(&held), Arc::clone(clock));
            tokio::spawn(stop.clone().run_until_cancelled_owned(keeping));
            self.keeper = Some(Keeper { held, _ends: stop.drop_guard() });
        }
        let screening = Screening { screen: Screen::new(moves), rejects, clock: Arc::clone(clock) };
        self.lock().screening = Some(screening);
        self
    }

    /// The table's id of a symbol that was interned here.
    pub(crate) fn id(&self, symbol: SymbolRef) -> Option<SymbolId> {
        self.lock().symbols.get(symbol.0 as usize).map(|known| known.id)
    }

    /// Whether a panic that was caught outside came from the table itself. Then its state cannot be trusted, and the
    /// process has to end.
    pub(crate) fn is_broken(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).at_work
    }

    /// Tells that this feed is lost by a fault of its own, with everything it ever told.
    pub(crate) fn lose(&mut self) {
        let all: Vec<SymbolRef> = self.lock().refs.values().copied().collect();
        self.feed_status(Status::Stale, Reason::Fault, &all);
    }

    /// A panic in the table is met by whoever comes next, and ends the process as the first one would have.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("the table broke")
    }
}

/// Lets go the prices that no update let go in time. Never ends by itself. Deadlines only get later, so a price that is held
/// back during a sleep has time until after it.
async fn let_go(inner: Arc<Mutex<Inner>>, held: Arc<Notify>, clock: Arc<dyn Clock>) {
    loop {
        let deadline = inner.lock().expect("the table broke").expire(clock.monotonic());
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline.saturating_sub(clock.monotonic())).await,
            None => held.notified().await,
        }
    }
}

impl Inner {
    fn now(&self) -> Micros {
        match &self.time {
            PublishTime::Clock(clock) => clock.now(),
            PublishTime::Received => self.latest,
        }
    }

    /// Begins to load what an update of this symbol will need. With many symbols nothing of it is in the caches, and what is
    /// loaded side by side is waited for once.
    #[inline]
    fn glance(&self, symbol: SymbolRef) {
        if let Some(known) = self.symbols.get(symbol.0 as usize) {
            self.table.glance(known.id);
            if let Some(member) = &known.member {
                member.glance(&self.table);
            }
        }
        if let Some(screening) = &self.screening {
            screening.screen.glance(symbol.0 as usize);
        }
    }

    /// Applies one update and tells the edge, and then its composite.
    fn apply(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let Some(known) = self.symbols.get(symbol.0 as usize) else { return Outcome::Older };
        let id = known.id;
        self.latest = self.latest.max(update.ts_recv);
        let now = self.now();
        self.at_work = true;
        let applied = self.writer.apply(id, update, now);
        self.at_work = false;
        match applied {
            Applied::Changed { fields, .. } => {
                self.published(symbol, id, (fields, Traded::by(update, fields)), now);
                if let Some(times) = &mut self.times {
                    times.published(update.ts_recv, now);
                }
                Outcome::Changed
            }
            Applied::Unchanged => {
                // One more trade like the last one is the newest of all venues now.
                if let Some(traded) = Traded::by(update, FieldSet::EMPTY) {
                    self.follow(symbol, (FieldSet::EMPTY, Some(traded)), now);
                }
                Outcome::Unchanged
            }
            Applied::Older => Outcome::Older,
        }
    }

    /// Tells the edge of a change, and brings the symbol's composite up to it.
    fn published(&mut self, symbol: SymbolRef, id: SymbolId, what: (FieldSet, Option<Traded>), now: Micros) {
        if let Some(notifier) = &self.notifier {
            notifier.published(id, what.0);
        }
        self.follow(symbol, what, now);
    }

    /// Brings the symbol's composite up to a change, or to a trade.
    fn follow(&mut self, symbol: SymbolRef, what: (FieldSet, Option<Traded>), now: Micros) {
        let notifier = self.notifier.as_ref();
        if let Some(Known { member: Some(member), .. }) = self.symbols.get(symbol.0 as usize) {
            self.at_work = true;
            member.follow(&mut self.writer, what, now, |composite, fields| {
                if let Some(notifier) = notifier {
                    notifier.published(composite, fields);
                }
            });
            self.at_work = false;
        }
    }

    /// Sets a symbol's status and tells the edge.
    fn set_status(&mut self, symbol: SymbolRef, status: Status, reason: Reason, now: Micros) {
        let Some(id) = self.symbols.get(symbol.0 as usize).map(|known| known.id) else { return };
        self.at_work = true;
        let changed = self.writer.set_status(id, status, reason, now);
        self.at_work = false;
        if changed.is_some() {
            self.published(symbol, id, STATUS, now);
        }
    }

    /// Says that a price is held back, or is not any more.
    fn doubt(&mut self, symbol: SymbolRef, doubted: bool) {
        let Some(id) = self.symbols.get(symbol.0 as usize).map(|known| known.id) else { return };
        let now = self.now();
        self.at_work = true;
        let changed = self.writer.doubt(id, doubted, now);
        self.at_work = false;
        if changed.is_some() {
            self.published(symbol, id, STATUS, now);
        }
    }

    /// Applies what the screen says instead. What it held back last counts as what became of the update.
    fn instead(&mut self, symbol: SymbolRef, doubt: Option<bool>) -> Outcome {
        let Some(screening) = &self.screening else { return Outcome::Rejected };
        let pieces = screening.screen.instead().to_vec();
        let mut outcome = Outcome::Rejected;
        for piece in &pieces {
            let became = self.apply(symbol, piece);
            if outcome != Outcome::Changed {
                outcome = became;
            }
        }
        if let Some(doubt) = doubt {
            self.doubt(symbol, doubt);
        }
        outcome
    }

    /// Lets go every price whose time is over. Returns when to come again.
    fn expire(&mut self, now: std::time::Duration) -> Option<std::time::Duration> {
        while let Some(symbol) = self.screening.as_mut()?.screen.expire(now) {
            let symbol = SymbolRef(u32::try_from(symbol).ok()?);
            self.instead(symbol, Some(false));
        }
        self.screening.as_ref()?.screen.deadline()
    }
}

impl Sink for TableSink {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let id = match inner.table.intern(symbol) {
            Ok(id) => id,
            Err(full) => {
                if !inner.told_full {
                    inner.told_full = true;
                    tracing::warn!(%symbol, "{full}; more symbols of this feed are counted and left out");
                }
                return None;
            }
        };
        if let Some(known) = inner.refs.get(&id) {
            return Some(*known);
        }
        let known = SymbolRef(u32::try_from(inner.symbols.len()).ok()?);
        let member = inner.composing.as_ref().and_then(|composing| composing.join(id, symbol));
        let joins = member.is_some();
        inner.symbols.push(Known { id, member });
        inner.refs.insert(id, known);
        if let Some(screening) = &mut inner.screening {
            screening.screen.add(symbol.name());
        }
        // Nothing is live until its feed says so: until then a client sees that we are waiting.
        let now = inner.now();
        if inner.table.read(id).status == Status::Unknown {
            inner.set_status(known, Status::Connecting, Reason::NotConnected, now);
        } else if joins {
            inner.follow(known, (FieldSet::STORED, None), now);
        }
        Some(known)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.glance(symbol);
        let Some(screening) = &mut inner.screening else { return inner.apply(symbol, update) };
        let now = screening.clock.monotonic();
        let verdict = screening.screen.judge(symbol.0 as usize, update, now);
        match verdict {
            Verdict::AsIs => inner.apply(symbol, update),
            Verdict::Instead(doubt) | Verdict::Partly(doubt) => {
                screening.rejects.count(screening.screen.rejects());
                let outcome = inner.instead(symbol, doubt);
                // The feed is told that its snapshot did not do, so that it asks for another one.
                let outcome = if matches!(verdict, Verdict::Partly(_)) { Outcome::Rejected } else { outcome };
                if doubt == Some(true)
                    && let Some(keeper) = &self.keeper
                {
                    keeper.held.notify_one();
                }
                outcome
            }
        }
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = inner.now();
        if matches!(status, Status::Stale | Status::Suspect | Status::Connecting) {
            for &symbol in symbols {
                if let Some(screening) = &mut inner.screening {
                    screening.screen.forget(symbol.0 as usize);
                }
                let Some(known) = inner.symbols.get(symbol.0 as usize) else { continue };
                // What was never heard of stays so. A halt is not covered by a lost connection, which the table sees to,
                // but it must know that the venue's sequences may start anew.
                if !matches!(inner.table.read(known.id).status, Status::Unknown | Status::Connecting) {
                    inner.set_status(symbol, status, reason, now);
                }
            }
        }
        let feed = inner.feed;
        if inner.writer.set_feed_status(feed, status, reason, now).is_some()
            && let Some(notifier) = &inner.notifier
        {
            notifier.feed_changed();
        }
    }

    fn refused(&mut self, symbol: SymbolRef, words: &str) {
        let inner = self.lock();
        if let Some(known) = inner.symbols.get(symbol.0 as usize) {
            inner.table.refuse(inner.feed, known.id, words);
        }
    }
}

#[cfg(test)]
mod tests;
