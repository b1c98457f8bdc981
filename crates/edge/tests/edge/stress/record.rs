//! What was written: each change of each symbol, with what the quote was after it.

use std::sync::atomic::Ordering;

use market::{Decimal, Field, FieldSet, Micros, Reason, Source, Status, Update};
use rand::Rng;
use rand::rngs::StdRng;
use table::{Applied, Writer};

use super::{OWN, SHARED, SYMBOLS, Stage, WRITERS, is_shared};

/// How often a writer gives way between two changes to clients that have not acted.
const GIVING_WAY: usize = 50;

/// A quote as far as this test writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) bid: Option<Decimal>,
    pub(super) ask: Option<Decimal>,
    pub(super) status: Status,
}

/// By symbol its changes: numbers and states, in order.
pub(super) struct Record(Vec<Vec<(u64, State)>>);

impl Record {
    /// With what is known before anybody writes.
    pub(super) fn new(stage: &Stage) -> Record {
        let first = |&id| {
            let quote = stage.edge.table.read(id);
            vec![(quote.seq, State { bid: None, ask: None, status: quote.status })]
        };
        Record(stage.ids.iter().map(first).collect())
    }

    pub(super) fn take(&mut self, scribe: Scribe) {
        for (symbol, seq, state) in scribe.written {
            self.0[symbol].push((seq, state));
        }
    }

    pub(super) fn sort(&mut self) {
        self.0.iter_mut().for_each(|changes| changes.sort_unstable_by_key(|&(seq, _)| seq));
    }

    /// The how many-th change that was, and what it made of the quote.
    pub(super) fn find(&self, symbol: usize, seq: u64) -> Option<(usize, State)> {
        let changes = &self.0[symbol];
        changes.binary_search_by_key(&seq, |&(seq, _)| seq).ok().map(|at| (at, changes[at].1))
    }
}

/// One writer of the table, and its random walk.
pub(super) struct Scribe {
    number: usize,
    writer: Writer,
    rng: StdRng,
    prices: Vec<(i64, i64)>,
    stale: Vec<bool>,
    written: Vec<(usize, u64, State)>,
    ticks: i64,
}

impl Scribe {
    pub(super) fn new(number: usize, stage: &Stage, rng: StdRng) -> Scribe {
        let writer = stage.edge.table.writer().unwrap();
        let prices = vec![(1_000, 1_001); SYMBOLS];
        Scribe { number, writer, rng, prices, stale: vec![false; SYMBOLS], written: Vec::new(), ticks: 0 }
    }

    /// Writes without a pause, until every client has acted or `most` changes are made; a few changes at least.
    pub(super) fn burst(&mut self, stage: &Stage, most: usize) {
        let least = self.rng.random_range(1..=most.div_ceil(4));
        for n in 0..most {
            if n >= least && !self.wait_for_acts(stage) {
                return;
            }
            let at = self.rng.random_range(0..OWN + SHARED);
            let symbol = if at < OWN { self.number * OWN + at } else { WRITERS * OWN + at - OWN };
            if !is_shared(symbol) && self.rng.random_ratio(1, 40) {
                self.silence(stage, symbol);
            } else {
                self.quote(stage, symbol);
            }
            if self.rng.random_ratio(1, 2) {
                std::thread::yield_now();
            }
        }
    }

    /// Gives way to clients that have not acted yet, so that they act while there are changes. False when all have.
    fn wait_for_acts(&self, stage: &Stage) -> bool {
        let acting = || stage.acting.load(Ordering::Acquire);
        let before = acting();
        for _ in 0..GIVING_WAY {
            if acting() != before {
                break;
            }
            std::thread::yield_now();
        }
        acting() > 0
    }

    fn quote(&mut self, stage: &Stage, symbol: usize) {
        let (bid, ask) = &mut self.prices[symbol];
        *bid += self.rng.random_range(-1..=1);
        *ask += self.rng.random_range(-1..=1);
        let (bid, ask) = (Some(Decimal::new(*bid, 1)), Some(Decimal::new(*ask, 1)));
        self.ticks += 1;
        let mut update = Update::new(Source::Direct, Micros(self.ticks));
        update.tell_side(Field::Bid, bid, Some(Decimal::ONE));
        update.tell_side(Field::Ask, ask, Some(Decimal::ONE));
        let holds = self.rng.random_ratio(1, 16);
        // A number may be taken long before its change is published.
        let mid_write = || {
            if holds {
                std::thread::yield_now();
            }
        };
        let id = stage.ids[symbol];
        let applied = self.writer.apply_with(id, &update, Micros(self.ticks), mid_write);
        if let Applied::Changed { seq, fields } = applied {
            stage.edge.notifier.published(id, fields);
            self.stale[symbol] = false;
            self.written.push((symbol, seq, State { bid, ask, status: Status::Live }));
        }
    }

    fn silence(&mut self, stage: &Stage, symbol: usize) {
        let id = stage.ids[symbol];
        self.ticks += 1;
        if let Some(seq) = self.writer.set_status(id, Status::Stale, Reason::Silence, Micros(self.ticks)) {
            stage.edge.notifier.published(id, FieldSet::EMPTY.with(Field::Status));
            let State { bid, ask, .. } = self.before(symbol);
            self.written.push((symbol, seq, State { bid, ask, status: Status::Stale }));
        }
    }

    /// What this writer has made of a symbol that nobody else writes.
    fn before(&self, symbol: usize) -> State {
        let last = self.written.iter().rev().find(|(written, ..)| *written == symbol);
        last.map_or(State { bid: None, ask: None, status: Status::Unknown }, |&(_, _, state)| state)
    }
}
