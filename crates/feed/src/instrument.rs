//! The symbols of one feed: the venue's own names, the canonical names, and small dense ids for the hot path.

use std::collections::HashMap;

use market::Symbol;

/// A small dense id of an instrument within one feed. It means nothing outside its [`Instruments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// The id as a place in a vector.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// One thing that a venue quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// The venue's spelling in its payloads.
    pub native: Box<str>,
    /// The canonical name.
    pub symbol: Symbol,
}

/// The symbols of one feed. Names are never forgotten, and their number is bounded.
///
/// Filled from the venue's catalogue when a session starts. A name that appears on the wire without standing in the
/// catalogue is taken under the canonical name `VENUE:NATIVE`, unsplit: text is never cut by guessing.
#[derive(Clone, Debug)]
pub struct Instruments {
    venue: Box<str>,
    entries: Vec<Instrument>,
    by_native: HashMap<Box<str>, InstrumentId>,
    capacity: usize,
    open: bool,
    /// How many entries of the catalogue were left out, and the first of them.
    left_out: (usize, Box<str>),
}

impl Instruments {
    /// No instruments yet, of the venue of that canonical name (`KRAKEN`), for at most `capacity` names.
    pub fn new(venue: &str, capacity: usize) -> Instruments {
        Instruments {
            venue: venue.into(),
            entries: Vec::new(),
            by_native: HashMap::new(),
            capacity,
            open: true,
            left_out: (0, Box::default()),
        }
    }

    /// From now on only the names already here are known: what the venue says of others is dropped as unknown.
    /// A session closes its instruments once the configured symbols stand in them.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// Counts an entry of the catalogue that is not as documented; the first one is kept to be shown.
    pub fn leave_out(&mut self, entry: &str) {
        if self.left_out.0 == 0 {
            self.left_out.1 = entry.into();
        }
        self.left_out.0 += 1;
    }

    /// How many entries of the catalogue were left out, and the first of them.
    pub fn left_out(&self) -> (usize, &str) {
        (self.left_out.0, &self.left_out.1)
    }

    /// The venue's canonical name.
    pub fn venue(&self) -> &str {
        &self.venue
    }

    /// Adds a catalogue entry. Returns `None` when the capacity is used up. A native name that is already here keeps
    /// its first canonical name.
    pub fn add(&mut self, native: &str, symbol: Symbol) -> Option<InstrumentId> {
        if let Some(&id) = self.by_native.get(native) {
            return Some(id);
        }
        if self.entries.len() >= self.capacity {
            return None;
        }
        let id = InstrumentId(u32::try_from(self.entries.len()).ok()?);
        self.entries.push(Instrument { native: native.into(), symbol });
        self.by_native.insert(native.into(), id);
        Some(id)
    }

    /// The id of a native name as it stands in a message: one hash look-up, no allocation for known names. Unknown
    /// names are taken as `VENUE:NATIVE` while the set is open; `None` when it is closed, full, or the name is not one
    /// a symbol can have.
    pub fn resolve(&mut self, native: &str) -> Option<InstrumentId> {
        self.resolve_as(native, |venue, native| Symbol::of_venue(venue, native).ok())
    }

    /// As [`Instruments::resolve`], where the venue documents how its names are made: an unknown name is taken as what `named`
    /// makes of the venue and the name.
    pub fn resolve_as(
        &mut self,
        native: &str,
        named: impl FnOnce(&str, &str) -> Option<Symbol>,
    ) -> Option<InstrumentId> {
        if let Some(&id) = self.by_native.get(native) {
            return Some(id);
        }
        if !self.open || self.entries.len() >= self.capacity {
            return None;
        }
        let symbol = named(&self.venue, native)?;
        self.add(native, symbol)
    }

    /// The id of a native name that is already here.
    pub fn find(&self, native: &str) -> Option<InstrumentId> {
        self.by_native.get(native).copied()
    }

    /// The instrument of an id.
    pub fn get(&self, id: InstrumentId) -> Option<&Instrument> {
        self.entries.get(id.place())
    }

    /// All instruments in order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (InstrumentId, &Instrument)> {
        self.entries.iter().enumerate().map(|(at, i)| (InstrumentId(at as u32), i))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The instruments that a configuration asks for, in its order: each wish is `*`, a canonical name with or without
    /// the venue (`BTC-USD`, `KRAKEN:BTC-USD`, any case), or a native name. The second list holds wishes that nothing
    /// matches. Symbols of other venues, which a session may hold, go by their whole name only.
    pub fn select(&self, wishes: &[String]) -> (Vec<InstrumentId>, Vec<String>) {
        if wishes.iter().any(|w| w == "*") {
            return (self.iter().map(|(id, _)| id).collect(), Vec::new());
        }
        let own = |symbol: &Symbol| symbol.venue() == Some(&*self.venue);
        let short = self.iter().filter(|(_, i)| own(&i.symbol)).map(|(id, i)| (i.symbol.name(), id));
        let by_name: HashMap<&str, InstrumentId> =
            self.iter().map(|(id, i)| (i.symbol.as_str(), id)).chain(short).collect();
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for wish in wishes {
            let upper = wish.to_ascii_uppercase();
            match by_name.get(upper.as_str()).copied().or_else(|| self.find(wish)) {
                Some(id) if found.contains(&id) => {}
                Some(id) => found.push(id),
                None => missing.push(wish.clone()),
            }
        }
        (found, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_unknown_ones_are_not_cut() {
        let mut instruments = Instruments::new("BINANCE", 2);
        let btc = instruments.add("BTCUSDT", Symbol::parse("BINANCE:BTC-USDT").unwrap()).unwrap();
        assert_eq!(instruments.resolve("BTCUSDT"), Some(btc));
        let other = instruments.resolve("ETHUSDT").unwrap();
        assert_eq!(instruments.get(other).unwrap().symbol.as_str(), "BINANCE:ETHUSDT");
        assert_eq!(instruments.resolve("XRPUSDT"), None, "full");
        instruments.close();
        assert_eq!(instruments.resolve("ETHUSDT"), Some(other));
    }

    #[test]
    fn a_documented_form_names_what_is_not_known_yet() {
        let mut instruments = Instruments::new("OANDA", 2);
        let named = |venue: &str, native: &str| Symbol::of_venue(venue, &native.replace('_', "-")).ok();
        let id = instruments.resolve_as("EUR_USD", named).unwrap();
        assert_eq!(instruments.get(id).unwrap().symbol.as_str(), "OANDA:EUR-USD");
        assert_eq!(instruments.resolve_as("EUR_USD", |_, _| None), Some(id));
        assert_eq!(instruments.resolve_as("", named), None);
        instruments.close();
        assert_eq!(instruments.resolve_as("XAU_USD", named), None);
    }

    #[test]
    fn wishes_match_canonical_and_native_names() {
        let mut instruments = Instruments::new("KRAKEN", 10);
        let btc = instruments.add("XBT/USD", Symbol::parse("KRAKEN:BTC-USD").unwrap()).unwrap();
        let wishes = ["btc-usd", "KRAKEN:BTC-USD", "XBT/USD", "NOPE"].map(str::to_owned);
        assert_eq!(instruments.select(&wishes), (vec![btc], vec!["NOPE".to_owned()]));
        assert_eq!(instruments.select(&["*".to_owned()]).0.len(), 1);
        let other = instruments.add("OKX:ETH-USD", Symbol::parse("OKX:ETH-USD").unwrap()).unwrap();
        let wishes = ["eth-usd", "okx:eth-usd"].map(str::to_owned);
        assert_eq!(instruments.select(&wishes), (vec![other], vec!["eth-usd".to_owned()]));
    }
}
