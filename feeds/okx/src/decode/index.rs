//! Which derivatives stand on which index.

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
    /// The instruments on that index: those whose canonical name goes on after `VENUE:BASE-QUOTE-`.
    pub(super) fn of(&mut self, index: &str, instruments: &Instruments) -> &[InstrumentId] {
        if self.known != instruments.len() {
            self.by_index.clear();
            self.known = instruments.len();
        }
        if !self.by_index.contains_key(index) {
            let stands_on = |name: &str| name.strip_prefix(index).is_some_and(|rest| rest.starts_with('-'));
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

#[cfg(test)]
mod tests {
    use market::Symbol;

    use super::*;

    #[test]
    fn derivatives_are_found_by_their_canonical_names() {
        let mut instruments = Instruments::new("OKX", 10);
        let mut add = |native: &str, name: &str| {
            instruments.add(native, Symbol::of_venue("OKX", name).unwrap()).unwrap()
        };
        let _spot = add("BTC-USD", "BTC-USD");
        let swap = add("BTC-USD-SWAP", "BTC-USD-PERP");
        let _linear = add("BTC-USDT-SWAP", "BTC-USDT-PERP");
        let mut derivatives = Derivatives::default();
        assert_eq!(derivatives.of("BTC-USD", &instruments), [swap]);
        assert_eq!(derivatives.of("BTC", &instruments).len(), 3, "no index has such a name");
        assert!(derivatives.of("DOGE-USD", &instruments).is_empty());
        let dated = instruments.resolve("BTC-USD-220527").unwrap();
        assert_eq!(derivatives.of("BTC-USD", &instruments), [swap, dated], "met later on the wire");
    }
}
