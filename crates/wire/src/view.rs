//! The client's side: what a reader that has merged every event now believes.
//!
//! Written for tests and for the command line: [`View::differences`] holds a client's belief against the table's quote.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use market::{Field, FieldSet, Micros, Quote, Side, Symbol};

use crate::event::{Event, Figures, QuoteEvent, StatusNow, Subject, Words};

/// What is believed of one symbol.
#[derive(Clone, Debug, Default)]
pub struct Belief {
    /// Sequence of the last event.
    pub seq: u64,
    /// Fields that some event has spoken of.
    pub told: FieldSet,
    /// Numbers, derived ones among them.
    pub figures: Figures,
    /// The taker's side of the last trade.
    pub side: Option<Side>,
    /// The venues of a composite, and how they stand.
    pub words: Words,
    /// Whether it can be believed.
    pub status: StatusNow,
    /// Venue's clock of the last event with quotes.
    pub ts_event: Option<Micros>,
    /// Arrival behind the last event with quotes.
    pub ts_recv: Option<Micros>,
    /// Publication of the last event with quotes.
    pub ts_pub: Option<Micros>,
    /// Events applied.
    pub events: u64,
    /// Changes that those events told.
    pub changes: u64,
}

/// A broken promise of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewError {
    /// The sequence of a symbol did not rise (promise 1).
    SeqFell {
        /// Whose.
        symbol: Symbol,
        /// What it was.
        before: u64,
        /// What came.
        now: u64,
    },
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewError::SeqFell { symbol, before, now } => {
                write!(f, "sequence of {symbol} went from {before} to {now}")
            }
        }
    }
}

impl std::error::Error for ViewError {}

/// What a reader believes after every event so far, over any number of connections.
#[derive(Clone, Debug, Default)]
pub struct View {
    symbols: BTreeMap<Symbol, Belief>,
    feeds: HashMap<String, StatusNow>,
    resets: u64,
}

impl View {
    /// A view that knows nothing.
    pub fn new() -> View {
        View::default()
    }

    /// Merges one event.
    ///
    /// # Errors
    /// When the event breaks a promise; the view is left as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), ViewError> {
        match event {
            Event::Snapshot(quote) => {
                // A new stream may tell once more what is known already.
                self.check(&quote.symbol, quote.seq, true)?;
                let belief = self.symbols.entry(quote.symbol.clone()).or_default();
                *belief = Belief { events: belief.events, changes: belief.changes, ..Belief::default() };
                belief.merge(quote);
            }
            Event::Quote(quote) => {
                self.check(&quote.symbol, quote.seq, false)?;
                self.symbols.entry(quote.symbol.clone()).or_default().merge(quote);
            }
            Event::Status(status) => match &status.subject {
                Subject::Symbol(symbol) => {
                    self.check(symbol, status.seq, false)?;
                    let belief = self.symbols.entry(symbol.clone()).or_default();
                    belief.seq = status.seq;
                    belief.status = status.now;
                    belief.told = belief.told.with(Field::Status);
                    belief.events += 1;
                    belief.changes += 1;
                }
                Subject::Feed(feed) => {
                    self.feeds.insert(feed.clone(), status.now);
                }
            },
            Event::Reset(_) => {
                self.symbols.clear();
                self.feeds.clear();
                self.resets += 1;
            }
            Event::Hello(_)
            | Event::Heartbeat(_)
            | Event::Lagged(_)
            | Event::Refused(_)
            | Event::Goodbye(_)
            | Event::Other(_) => {}
        }
        Ok(())
    }

    fn check(&self, symbol: &Symbol, now: u64, same_is_fine: bool) -> Result<(), ViewError> {
        match self.symbols.get(symbol) {
            Some(belief) if now < belief.seq || (now == belief.seq && !same_is_fine) => {
                Err(ViewError::SeqFell { symbol: symbol.clone(), before: belief.seq, now })
            }
            _ => Ok(()),
        }
    }

    /// What is believed of a symbol.
    pub fn get(&self, symbol: &Symbol) -> Option<&Belief> {
        self.symbols.get(symbol)
    }

    /// What is believed of a feed, once a `status` event has spoken of it.
    pub fn feed(&self, feed: &str) -> Option<StatusNow> {
        self.feeds.get(feed).copied()
    }

    /// Every symbol that was told of, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Symbol, &Belief)> {
        self.symbols.iter()
    }

    /// How many `reset` events came.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// The wanted fields in which the view differs from the table's quote (promise 2); digits count (promise 13), so
    /// `1.0` for `1.00` is a difference. Times are not compared: an event that a client did not want moves them.
    pub fn differences(&self, symbol: &Symbol, quote: &Quote, wanted: FieldSet) -> FieldSet {
        let unknown = Belief::default();
        let belief = self.symbols.get(symbol).unwrap_or(&unknown);
        let digits = |number: market::Decimal| (number.mantissa(), number.scale());
        wanted
            .with(Field::Status)
            .minus(FieldSet::TIMES)
            .iter()
            .filter(|field| match field {
                Field::Status => {
                    belief.status
                        != StatusNow { status: quote.status, since: quote.status_since, reason: quote.reason }
                }
                Field::LastSide => belief.side != quote.values.side(),
                word if FieldSet::COMPOSITE.contains(*word) => belief.words.get(*word) != quote.word(*word),
                number => belief.figures.get(*number).map(digits) != quote.values.figure(*number).map(digits),
            })
            .collect()
    }
}

impl Belief {
    fn merge(&mut self, quote: &QuoteEvent) {
        self.seq = quote.seq;
        self.told = self.told.union(quote.told);
        for field in quote.told.minus(FieldSet::TIMES).iter() {
            match field {
                Field::LastSide => self.side = quote.side,
                Field::Status => self.status = quote.status.unwrap_or_default(),
                word if FieldSet::COMPOSITE.contains(word) => self.words.set(word, quote.words.get(word)),
                number => self.figures.set(number, quote.figures.get(number)),
            }
        }
        // Times describe the event they stand in; a venue that sent none this time has none.
        self.ts_event = quote.ts_event;
        self.ts_recv = quote.ts_recv;
        self.ts_pub = quote.ts_pub;
        self.events += 1;
        self.changes += quote.merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(view: &mut View, data: &str) -> Result<(), ViewError> {
        view.apply(&Event::parse(data).unwrap())
    }

    #[test]
    fn promise_1_a_sequence_that_does_not_rise_is_told() {
        let mut view = View::new();
        let symbol = Symbol::parse("X:A").unwrap();
        apply(&mut view, r#"{"type":"snapshot","symbol":"X:A","seq":5,"status":"live"}"#).unwrap();
        apply(&mut view, r#"{"type":"snapshot","symbol":"X:A","seq":5,"status":"live"}"#).unwrap();
        let fell = |now| Err(ViewError::SeqFell { symbol: symbol.clone(), before: 5, now });
        assert_eq!(apply(&mut view, r#"{"type":"quote","symbol":"X:A","seq":5,"bid":"1"}"#), fell(5));
        assert_eq!(
            apply(&mut view, r#"{"type":"snapshot","symbol":"X:A","seq":4,"status":"live"}"#),
            fell(4)
        );
        assert_eq!(apply(&mut view, r#"{"type":"status","symbol":"X:A","seq":3,"status":"live"}"#), fell(3));
        assert_eq!(view.get(&symbol).unwrap().events, 2, "what broke a promise was not merged");
        apply(&mut view, r#"{"type":"reset","reason":"unknown_epoch"}"#).unwrap();
        apply(&mut view, r#"{"type":"snapshot","symbol":"X:A","seq":1,"status":"live"}"#).unwrap();
        assert_eq!(view.resets(), 1);
    }

    #[test]
    fn a_snapshot_forgets_what_it_does_not_tell() {
        let mut view = View::new();
        let symbol = Symbol::parse("X:A").unwrap();
        apply(&mut view, r#"{"type":"quote","symbol":"X:A","seq":1,"bid":"1.0","ask":"2"}"#).unwrap();
        apply(&mut view, r#"{"type":"snapshot","symbol":"X:A","seq":2,"ask":"2","status":"live"}"#).unwrap();
        let belief = view.get(&symbol).unwrap();
        assert_eq!(belief.figures.get(Field::Bid), None);
        assert!(belief.figures.get(Field::Ask).is_some());
    }

    #[test]
    fn a_difference_is_found_in_every_kind_of_field() {
        let mut view = View::new();
        let symbol = Symbol::parse("X:A").unwrap();
        apply(&mut view, r#"{"type":"quote","symbol":"X:A","seq":1,"bid":"1.0"}"#).unwrap();
        let mut quote = Quote::default();
        quote.values.set_number(Field::Bid, Some(market::Decimal::new(10, 1)));
        assert!(view.differences(&symbol, &quote, FieldSet::ALL).is_empty());
        quote.values.set_number(Field::Bid, Some(market::Decimal::new(100, 2)));
        quote.values.set_side(Some(Side::Buy));
        quote.status = market::Status::Stale;
        let expected: FieldSet = [Field::Bid, Field::LastSide, Field::Status].into_iter().collect();
        assert_eq!(view.differences(&symbol, &quote, FieldSet::ALL), expected);
        assert_eq!(
            view.differences(&symbol, &quote, FieldSet::EMPTY),
            FieldSet::EMPTY.with(Field::Status),
            "the status is everybody's"
        );
    }
}
