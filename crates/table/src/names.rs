//! Names to dense ids, and the slots behind the ids.
//!
//! A name is interned once and keeps its id and its slot for the life of the table. Slots come in chunks, so that a
//! table with room for many symbols costs what its symbols cost; beyond the capacity nothing grows, however many names
//! a feed comes up with. Looking up a name takes a dashmap shard for a moment (reading), a new name also takes a
//! mutex; both happen when subscribing, never on the way of a quote.

use std::sync::{Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use market::Symbol;

use crate::layout::QuoteSlot;
use crate::sync::{AtomicU64, Ordering, Padded};
use crate::{Full, SymbolId};

/// Slots a chunk: 60 KB at once, small beside any feed's own buffers.
const CHUNK: usize = 64;

/// Everything the table keeps of a symbol, but the dense sequence of its last change.
#[derive(Debug)]
// In this order, and lines of the cache beginning here, as `layout.rs` has it.
#[repr(C, align(64))]
pub(crate) struct Entry {
    /// Set once, before the id is given out.
    symbol: OnceLock<Symbol>,
    pub(crate) slot: QuoteSlot,
}

#[cfg(not(loom))]
const _: () = assert!(std::mem::offset_of!(Entry, slot) == 24 && size_of::<Entry>() == 15 * 64);

/// All names and slots.
#[derive(Debug)]
pub(crate) struct Names {
    ids: DashMap<Box<str>, SymbolId>,
    chunks: Box<[OnceLock<Box<[Entry]>>]>,
    /// Held while a new name gets its id.
    adding: Mutex<()>,
    /// How many ids are given out. Written under `adding`.
    len: AtomicU64,
    capacity: usize,
    /// How often a name was refused.
    refused: Padded<AtomicU64>,
}

impl Names {
    pub(crate) fn new(capacity: usize) -> Names {
        Names {
            ids: DashMap::new(),
            chunks: (0..capacity.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect(),
            adding: Mutex::new(()),
            len: AtomicU64::new(0),
            capacity,
            refused: Padded::default(),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<SymbolId> {
        self.ids.get(name).map(|id| *id)
    }

    pub(crate) fn intern(&self, symbol: &Symbol) -> Result<SymbolId, Full> {
        if let Some(id) = self.find(symbol.as_str()) {
            return Ok(id);
        }
        // Nothing is broken when another thread panicked here: the length is set last.
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = self.find(symbol.as_str()) {
            return Ok(id);
        }
        let place = self.len();
        let Some(id) = u32::try_from(place).ok().filter(|_| place < self.capacity).map(SymbolId) else {
            self.refused.0.fetch_add(1, Ordering::Relaxed);
            return Err(Full { capacity: self.capacity });
        };
        let chunk = self.chunks[place / CHUNK].get_or_init(|| {
            let here = CHUNK.min(self.capacity - place / CHUNK * CHUNK);
            (0..here).map(|_| Entry { symbol: OnceLock::new(), slot: QuoteSlot::new() }).collect()
        });
        // A place that a panic left half made is simply used.
        let _ = chunk[place % CHUNK].symbol.set(symbol.clone());
        // Whoever counts it must find it by its name: a request that is resolved in between would wait for it for ever.
        self.ids.insert(symbol.as_str().into(), id);
        self.len.store(place as u64 + 1, Ordering::Release);
        Ok(id)
    }

    /// The entry of an id.
    #[inline]
    pub(crate) fn entry(&self, id: SymbolId) -> &Entry {
        let chunk = self.chunks[id.index() / CHUNK].get();
        &chunk.expect("an id is given out after its chunk is made")[id.index() % CHUNK]
    }

    pub(crate) fn symbol(&self, id: SymbolId) -> &Symbol {
        self.entry(id).symbol.get().expect("an id is given out after its name is set")
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire) as usize
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.0.load(Ordering::Relaxed)
    }

    /// How many slots have been made.
    pub(crate) fn slots(&self) -> usize {
        self.chunks.iter().filter_map(OnceLock::get).map(|chunk| chunk.len()).sum()
    }
}
