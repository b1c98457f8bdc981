//! Which streams of a loop are subscribed to a symbol: what makes a change cost only those who are owed it.

use roaring::RoaringBitmap;
use table::SymbolId;

/// By symbol the places of its subscribers.
///
/// Memory: two bytes a subscription in a set of some thousand, less in larger ones; 24 bytes for each symbol of the table
/// up to the last one that is subscribed to. Adding and removing cost the logarithm of the set, never a walk through it.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    by_symbol: Vec<RoaringBitmap>,
}

impl Subscribers {
    pub(crate) fn add(&mut self, symbol: SymbolId, place: u32) {
        let at = symbol.index();
        if at >= self.by_symbol.len() {
            self.by_symbol.resize_with(at + 1, RoaringBitmap::new);
        }
        self.by_symbol[at].insert(place);
    }

    pub(crate) fn remove(&mut self, symbol: SymbolId, place: u32) {
        if let Some(places) = self.by_symbol.get_mut(symbol.index()) {
            places.remove(place);
        }
    }

    /// In increasing order.
    pub(crate) fn of(&self, symbol: SymbolId) -> impl Iterator<Item = u32> {
        self.by_symbol.get(symbol.index()).into_iter().flatten()
    }
}
