//! Which derivatives stand on which price index.

use std::collections::HashMap;

use feed::{InstrumentId, Instruments};

/// The derivatives of each index that was spoken of. An index that no instrument stands on is not remembered, so the
/// number of entries is bounded by that of the instruments.
#[derive(Debug, Default)]
pub(super) struct Derivatives {
    by_index: HashMap<Box<str>, Vec<InstrumentId>>,
    /// How many instruments there were when the map was filled.
    known: usize,
}

impl Derivatives {
    /// The instruments on an index (`btc_usd`): those whose canonical name goes on after `VENUE:BTC-USD-`.
    pub(super) fn of(&mut self, index: &str, instruments: &Instruments) -> &[InstrumentId] {
        if self.known != instruments.len() {
            self.by_index.clear();
            self.known = instruments.len();
        }
        if !self.by_index.contains_key(index) {
            let pair = index.to_ascii_uppercase().replace('_', "-");
            let stands_on =
                |name: &str| name.strip_prefix(pair.as_str()).is_some_and(|rest| rest.starts_with('-'));
            let ids: Vec<InstrumentId> =
                instruments.iter().filter(|(_, i)| stands_on(i.symbol.name())).map(|(id, _)| id).collect();
            if ids.is_empty() {
                return &[];
            }
            self.by_index.insert(index.into(), ids);
        }
        self.by_index.get(index).map_or(&[], Vec::as_slice)
    }
}
