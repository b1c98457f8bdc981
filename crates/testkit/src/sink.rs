//! A sink that remembers: the latest values and status of every symbol, and a log of everything it was told.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use feed::{Outcome, Sink, SymbolRef};
use market::{Field, FieldSet, Micros, Reason, Status, Symbol, Update, Values};
use tokio::sync::watch;

use crate::wait_for;

/// What is known of one symbol.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The symbol.
    pub symbol: String,
    /// Values as last told.
    pub values: Values,
    /// Status as last told: by an update, by a feed status that named it, or live through an update with fields.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Every status and reason the symbol went through, without repetitions.
    pub history: Vec<(Status, Reason)>,
    /// Updates taken that told a value; one that tells a status alone is none of them.
    pub updates: u64,
    /// When the latest of them was received.
    pub ts_recv: Option<Micros>,
    /// The latest venue's time that was told.
    pub ts_event: Option<Micros>,
}

impl Latest {
    /// A number as text, digit for digit; empty when absent.
    pub fn text(&self, field: Field) -> String {
        self.values.number(field).map(|number| number.to_string()).unwrap_or_default()
    }

    fn become_status(&mut self, status: Status, reason: Reason) {
        (self.status, self.reason) = (status, reason);
        if self.history.last() != Some(&(status, reason)) {
            self.history.push((status, reason));
        }
    }
}

/// One thing that a sink was told.
#[derive(Clone, Debug)]
pub enum Told {
    /// A symbol was made known.
    Interned(String),
    /// An update of that symbol.
    Update(String, Box<Update>),
    /// The feed's own state, and the symbols it was told for.
    Feed(Status, Reason, Vec<String>),
}

/// Everything a [`CollectingSink`] holds.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// By [`SymbolRef`].
    pub symbols: Vec<Latest>,
    /// Everything in order; only when the sink was made with [`CollectingSink::logging`].
    pub log: Vec<Told>,
    /// The venue's words of refused symbols, in order.
    pub refused: Vec<(String, String)>,
    /// The feed's state as last told.
    pub feed: Option<(Status, Reason)>,
    /// Every state the feed went through, without repetitions.
    pub feed_history: Vec<(Status, Reason)>,
    /// Updates taken that told a value, over all symbols: what a recording can be counted by, whatever the supervisor
    /// says of states in between.
    pub updates: u64,
    by_name: HashMap<String, u32>,
}

impl Collected {
    /// What is known of a symbol.
    pub fn get(&self, symbol: &str) -> Option<&Latest> {
        self.by_name.get(symbol).and_then(|&at| self.symbols.get(at as usize))
    }

    /// Status and reason of a symbol; [`Status::Unknown`] when it was never interned.
    pub fn status(&self, symbol: &str) -> (Status, Reason) {
        self.get(symbol).map_or((Status::Unknown, Reason::None), |latest| (latest.status, latest.reason))
    }

    fn name(&self, symbol: SymbolRef) -> String {
        self.symbols.get(symbol.0 as usize).map(|latest| latest.symbol.clone()).unwrap_or_default()
    }
}

/// A [`Sink`] that remembers. Clones share what they hold: give one to the feed and keep one to look at.
#[derive(Clone, Debug)]
pub struct CollectingSink {
    /// Written by the feed's clone, read by the test's.
    collected: Arc<watch::Sender<Collected>>,
    capacity: usize,
    logging: bool,
}

impl Default for CollectingSink {
    fn default() -> CollectingSink {
        CollectingSink::new()
    }
}

impl CollectingSink {
    /// A sink that keeps the latest of every symbol and no log.
    pub fn new() -> CollectingSink {
        let collected = Arc::new(watch::Sender::new(Collected::default()));
        CollectingSink { collected, capacity: usize::MAX, logging: false }
    }

    /// A sink that also logs everything it is told.
    pub fn logging() -> CollectingSink {
        CollectingSink { logging: true, ..CollectingSink::new() }
    }

    /// The same sink with room for only that many symbols.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> CollectingSink {
        CollectingSink { capacity, ..self }
    }

    /// A look at what was collected. The feed waits as long as it lasts.
    pub fn look<R>(&self, look: impl FnOnce(&Collected) -> R) -> R {
        look(&self.collected.borrow())
    }

    /// Waits until `pred` agrees with what was collected; `awaited` names that in the failure.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait(&self, awaited: impl fmt::Display, pred: impl Fn(&Collected) -> bool) {
        wait_for(&self.collected, awaited, |collected| pred(collected).then_some(())).await;
    }

    /// Waits until a symbol has that status for that reason.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait_status(&self, symbol: &str, status: Status, reason: Reason) {
        let awaited = format!("{symbol} to be {} ({})", status.name(), reason.name());
        self.wait(awaited, |collected| collected.status(symbol) == (status, reason)).await;
    }

    /// Waits until that many updates that told a value were taken over all symbols.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait_updates(&self, count: u64) {
        self.wait(format!("{count} updates"), |collected| collected.updates >= count).await;
    }
}

impl Sink for CollectingSink {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let mut given = None;
        self.collected.send_modify(|collected| {
            given = collected.by_name.get(symbol.as_str()).copied();
            if given.is_none() && collected.symbols.len() < self.capacity {
                let at = u32::try_from(collected.symbols.len()).unwrap_or(u32::MAX);
                collected.symbols.push(Latest { symbol: symbol.as_str().to_owned(), ..Latest::default() });
                collected.by_name.insert(symbol.as_str().to_owned(), at);
                if self.logging {
                    collected.log.push(Told::Interned(symbol.as_str().to_owned()));
                }
                given = Some(at);
            }
        });
        given.map(SymbolRef)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let mut outcome = Outcome::Unchanged;
        self.collected.send_modify(|collected| {
            if self.logging {
                let name = collected.name(symbol);
                collected.log.push(Told::Update(name, Box::new(*update)));
            }
            let counts = u64::from(!update.told().is_empty());
            collected.updates += counts;
            let Some(latest) = collected.symbols.get_mut(symbol.0 as usize) else { return };
            let before = (latest.status, latest.reason);
            for field in update.told().intersection(FieldSet::NUMBERS).iter() {
                if !latest.values.same(update.values(), field) {
                    outcome = Outcome::Changed;
                }
                latest.values.set_number(field, update.values().number(field));
            }
            if update.told().contains(Field::LastSide) {
                latest.values.set_side(update.values().side());
            }
            match update.status {
                Some((status, reason)) => latest.become_status(status, reason),
                None if latest.status == Status::Suspect && !update.snapshot => {}
                None => latest.become_status(Status::Live, Reason::Confirmed),
            }
            if (latest.status, latest.reason) != before {
                outcome = Outcome::Changed;
            }
            latest.updates += counts;
            latest.ts_recv = Some(update.ts_recv);
            latest.ts_event = update.ts_event.or(latest.ts_event);
        });
        outcome
    }

    fn refused(&mut self, symbol: SymbolRef, words: &str) {
        self.collected.send_modify(|collected| {
            let name = collected.name(symbol);
            collected.refused.push((name, words.to_owned()));
        });
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        self.collected.send_modify(|collected| {
            if self.logging {
                let names = symbols.iter().map(|symbol| collected.name(*symbol)).collect();
                collected.log.push(Told::Feed(status, reason, names));
            }
            collected.feed = Some((status, reason));
            if collected.feed_history.last() != Some(&(status, reason)) {
                collected.feed_history.push((status, reason));
            }
            // As the contract has it: these three are carried over, and only to what is live.
            if !matches!(status, Status::Stale | Status::Suspect | Status::Connecting) {
                return;
            }
            for symbol in symbols {
                match collected.symbols.get_mut(symbol.0 as usize) {
                    Some(latest) if latest.status == Status::Live => latest.become_status(status, reason),
                    _ => {}
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use market::{Decimal, Source};

    use super::*;

    #[test]
    fn it_keeps_the_latest_and_carries_feed_states_to_live_symbols() {
        let seen = CollectingSink::logging().with_capacity(2);
        let mut sink = seen.clone();
        let names = ["X:A", "X:B", "X:C"].map(|name| Symbol::parse(name).unwrap());
        let [a, b, c] = names.map(|symbol| sink.intern(&symbol));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(c, None, "full");
        let mut update = Update::new(Source::Direct, Micros(7));
        update.tell(Field::Bid, Some(Decimal::new(150, 2)));
        assert_eq!(sink.update(a, &update), Outcome::Changed);
        assert_eq!(sink.update(a, &update), Outcome::Unchanged);
        let mut status = Update::new(Source::Direct, Micros(8));
        status.status = Some((Status::Live, Reason::Confirmed));
        sink.update(a, &status);
        sink.feed_status(Status::Stale, Reason::Silence, &[a, b]);
        seen.look(|collected| {
            assert_eq!(collected.get("X:A").unwrap().text(Field::Bid), "1.50");
            assert_eq!(collected.status("X:A"), (Status::Stale, Reason::Silence));
            assert_eq!(collected.status("X:B"), (Status::Unknown, Reason::None), "never was live");
            assert_eq!((collected.updates, collected.log.len()), (2, 6));
            assert_eq!(collected.feed, Some((Status::Stale, Reason::Silence)));
        });
    }
}
