//! What composing needs and no stream has to keep: shared events, the tape, and room to work in.

use parking_lot::Mutex;
use table::SymbolId;

use crate::frames::Frames;
use crate::outbox::{Echo, Owed};
use crate::tally::Tally;
use crate::tape::Tape;

/// One for each thread that composes; a stream at rest holds none of it.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) frames: Frames,
    pub(crate) tape: Tape,
    pub(crate) places: Places,
    /// Room for a round that is told in one go.
    pub(crate) owed: Option<Box<Owed>>,
    pub(crate) echo: Echo,
    pub(crate) tally: Tally,
    /// Room for an id, and for the event that follows it.
    pub(crate) id: Vec<u8>,
    pub(crate) event: Vec<u8>,
}

/// Desks for the threads that poll response bodies: at most one for each that composes at a time.
#[derive(Debug, Default)]
pub(crate) struct Desks(Mutex<Vec<Desk>>);

impl Desks {
    pub(crate) fn take(&self) -> Desk {
        self.0.lock().pop().unwrap_or_default()
    }

    pub(crate) fn put_back(&self, desk: Desk) {
        self.0.lock().push(desk);
    }

    /// Gives back the memory of what nobody has used since this was called last.
    pub(crate) fn rest(&self) {
        self.0.lock().iter_mut().for_each(|desk| desk.tape.rest());
    }
}

/// Where in a stream's list each symbol stands, for one stream at a time.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By place of the table: the place in the list plus one, 0 for symbols that are not in it.
    by_symbol: Vec<u32>,
}

impl Places {
    /// Lays out a stream's symbols. They are to be cleared with the same list.
    pub(crate) fn lay_out(&mut self, symbols: &[SymbolId]) {
        let most = symbols.iter().map(|id| id.index() + 1).max().unwrap_or(0);
        if most > self.by_symbol.len() {
            self.by_symbol.resize(most, 0);
        }
        for (place, id) in symbols.iter().enumerate() {
            self.by_symbol[id.index()] = place as u32 + 1;
        }
    }

    pub(crate) fn clear(&mut self, symbols: &[SymbolId]) {
        for id in symbols {
            self.by_symbol[id.index()] = 0;
        }
    }

    #[inline]
    pub(crate) fn of(&self, symbol: usize) -> Option<usize> {
        match self.by_symbol.get(symbol) {
            None | Some(0) => None,
            Some(&place) => Some(place as usize - 1),
        }
    }
}
