//! The table: what readers ask, and where writers come from.

use std::fmt;
use std::sync::Arc;

use market::{Group, Micros, Quote, Symbol};

use crate::feeds::{FeedId, FeedInfo, FeedState, Feeds};
use crate::layout::{self, HEARD, fill};
use crate::names::{Entry, Names};
use crate::origins::{self, Origin};
use crate::sequence::Sequencer;
use crate::sync::{AtomicU64, Ordering};
use crate::watcher::Watchers;
use crate::{Watcher, Writer};

/// How large a table is. It never grows beyond this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most symbols. A symbol costs 8 bytes at once and about 1 KB from when its name comes up.
    pub symbols: usize,
    /// Most feeds, at most 65,535.
    pub feeds: usize,
    /// Most writers at a time, usually one a feed. Every safe cut looks at each of them.
    pub writers: usize,
    /// Most watchers at a time, at most [`crate::WATCHERS_MAX`]. Every change is marked for each of them, taken or not.
    pub watchers: usize,
    /// Which life of the table this is: sequences of different epochs do not compare.
    pub epoch: u64,
}

impl Default for Config {
    /// 16,384 symbols (about 16 MB when all are used), 64 feeds, 64 writers, one watcher, epoch 1.
    fn default() -> Config {
        Config { symbols: 16_384, feeds: 64, writers: 64, watchers: 1, epoch: 1 }
    }
}

/// The dense id of a symbol in its table: good for the table that gave it out, and for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) u32);

impl SymbolId {
    /// Its place: ids are given out from 0 without holes.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// There is no room for another one: drop it, count it, and say so to whoever can change the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many there is room for.
    pub capacity: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no room in the table beyond {}", self.capacity)
    }
}

impl std::error::Error for Full {}

/// All writers are in use: raise `writers` in the configuration, or drop one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyWriters {
    /// How many there may be at a time.
    pub limit: usize,
}

impl fmt::Display for TooManyWriters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} writers of the table are in use", self.limit)
    }
}

impl std::error::Error for TooManyWriters {}

/// The latest quote of every symbol, in one epoch.
#[derive(Debug)]
pub struct Table {
    epoch: u64,
    pub(crate) names: Names,
    /// By symbol the sequence of its last change, dense so that a reader scans many at little cost.
    pub(crate) changed: Box<[AtomicU64]>,
    pub(crate) feeds: Feeds,
    pub(crate) sequencer: Sequencer,
    pub(crate) watchers: Watchers,
    writers: usize,
    /// How many writers there have been; it guards nothing.
    pub(crate) writers_made: AtomicU64,
}

impl Table {
    /// An empty table.
    pub fn new(config: Config) -> Arc<Table> {
        let Config { symbols, feeds, writers, watchers, epoch } = config;
        Arc::new(Table {
            epoch,
            names: Names::new(symbols),
            changed: (0..symbols).map(|_| AtomicU64::new(0)).collect(),
            feeds: Feeds::new(feeds),
            sequencer: Sequencer::new(writers),
            watchers: Watchers::new(watchers, symbols),
            writers,
            writers_made: AtomicU64::new(0),
        })
    }

    /// Which life of the table this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The id of a symbol, new or known. Not for the way of a quote: keep the id.
    ///
    /// # Errors
    /// When the table is full. It is counted in [`Table::refused`].
    pub fn intern(&self, symbol: &Symbol) -> Result<SymbolId, Full> {
        self.names.intern(symbol)
    }

    /// The id of a known symbol, by its canonical text.
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        self.names.find(name)
    }

    /// The id at a place, if it is given out: the way back from [`SymbolId::index`].
    pub fn id(&self, index: usize) -> Option<SymbolId> {
        let id = u32::try_from(index).ok().map(SymbolId);
        id.filter(|_| index < self.len())
    }

    /// The symbol of an id.
    ///
    /// # Panics
    /// When the id is another table's and unknown here, as every method that takes an id.
    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        self.names.symbol(id)
    }

    /// Every id given out so far, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = SymbolId> + use<> {
        (0..self.len() as u32).map(SymbolId)
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many symbols there is room for.
    pub fn capacity(&self) -> usize {
        self.names.capacity()
    }

    /// How often a symbol was refused for want of room.
    pub fn refused(&self) -> u64 {
        self.names.refused()
    }

    /// How many slots have memory behind them: at most one chunk of 64 more than [`Table::len`].
    pub fn slots(&self) -> usize {
        self.names.slots()
    }

    /// A new writer. Its place is free again when it is dropped.
    ///
    /// # Errors
    /// When all writers are in use.
    pub fn writer(self: &Arc<Table>) -> Result<Writer, TooManyWriters> {
        let place = self.sequencer.claim().ok_or(TooManyWriters { limit: self.writers })?;
        Ok(Writer::new(Arc::clone(self), place))
    }

    /// A watcher that nobody has, if there is one. It begins with every symbol that has changed in this epoch, and is
    /// somebody else's to take when it is dropped.
    pub fn watcher(self: &Arc<Table>) -> Option<Watcher> {
        Watcher::claim(self)
    }

    #[inline]
    pub(crate) fn entry(&self, id: SymbolId) -> &Entry {
        self.names.entry(id)
    }

    /// The latest quote, as one consistent picture. Never waits for a writer.
    #[inline]
    pub fn read(&self, id: SymbolId) -> Quote {
        let mut quote = Quote::default();
        self.read_into(id, &mut quote);
        quote
    }

    /// As [`Table::read`], into a quote that is at hand: cheaper, because absent numbers need not be wiped. Nothing of
    /// what `quote` held before remains visible.
    #[inline]
    pub fn read_into(&self, id: SymbolId, quote: &mut Quote) {
        self.entry(id).slot.read(|words| fill(quote, &words));
    }

    /// The sequence of the symbol's last change, 0 before the first. Never ahead of what a [`Table::read`] after it
    /// sees, and never behind a [`Table::safe_cut`] taken before it.
    #[inline]
    pub fn changed_seq(&self, id: SymbolId) -> u64 {
        self.changed[id.index()].load(Ordering::Acquire)
    }

    /// When the latest update that was not older arrived, whether it changed anything or not.
    pub fn heard(&self, id: SymbolId) -> Option<Micros> {
        layout::heard(self.entry(id).slot.note(HEARD))
    }

    /// Where the values of a group came from. Unlike everything else here it takes its turn with the writers of this
    /// symbol: for people and tests, not for the way of a quote.
    pub fn origin(&self, id: SymbolId, group: Group) -> Origin {
        origins::origin(&self.entry(id).slot.lock(), group)
    }

    /// The highest sequence such that every change up to it is visible. Never moves back. Looks at every writer's
    /// word: ask once for many clients.
    pub fn safe_cut(&self) -> u64 {
        self.sequencer.safe_cut()
    }

    /// The sequence taken last; what lies above [`Table::safe_cut`] may not be visible yet.
    pub fn last_seq(&self) -> u64 {
        self.sequencer.last()
    }

    /// Makes a feed known.
    ///
    /// # Errors
    /// When there are as many feeds as the configuration allows.
    pub fn add_feed(&self, info: FeedInfo) -> Result<FeedId, Full> {
        self.feeds.add(info)
    }

    /// Begins to load what a write of this symbol will need, for who has other work to do before.
    #[inline]
    pub fn glance(&self, id: SymbolId) {
        std::hint::black_box(layout::glance(&self.entry(id).slot));
    }

    /// A feed as it is now.
    pub fn feed(&self, id: FeedId) -> FeedState {
        self.feeds.state(id)
    }

    /// Every feed as it is now, in order of the ids.
    pub fn feeds(&self) -> Vec<(FeedId, FeedState)> {
        self.feeds.ids().map(|id| (id, self.feed(id))).collect()
    }

    /// Keeps the venue's words about a symbol of this feed that it refused. A hundred symbols of a feed are remembered; those
    /// that are refused no more make room.
    pub fn refuse(&self, id: FeedId, symbol: SymbolId, words: &str) {
        let is_refused = |other: SymbolId| self.read(other).reason == market::Reason::Refused;
        self.feeds.refuse(id, (symbol, words), is_refused);
    }

    /// The symbols that are refused now ([`market::Reason::Refused`]), in the venue's words.
    pub fn refusals(&self, id: FeedId) -> Vec<(SymbolId, Arc<str>)> {
        let mut refusals = self.feeds.refusals(id);
        refusals.retain(|(symbol, _)| self.read(*symbol).reason == market::Reason::Refused);
        refusals
    }

    /// The sequence of the feed's last change of status, with the same promises as [`Table::changed_seq`].
    pub fn feed_changed_seq(&self, id: FeedId) -> u64 {
        self.feeds.changed_seq(id)
    }
}
