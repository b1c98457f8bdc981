//! Which symbols make a composite, and of what name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use market::Symbol;
use table::{Composites, FeedMode, Member, SymbolId, Table};

/// What the configuration says of composites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompositeConfig {
    /// Whether there are any.
    pub(crate) enabled: bool,
    /// Venues that are left out.
    pub(crate) exclude: BTreeSet<String>,
    /// Quote currencies that count as another one.
    pub(crate) join: BTreeMap<String, String>,
}

impl Default for CompositeConfig {
    /// All venues but the one whose prices are made up; no two currencies are the same.
    fn default() -> CompositeConfig {
        CompositeConfig { enabled: true, exclude: ["SIM".to_owned()].into(), join: BTreeMap::new() }
    }
}

impl CompositeConfig {
    /// The composite that a symbol belongs to: that of its base and quote currency, when it is spot.
    ///
    /// Only `VENUE:BASE-QUOTE`. What has a third part is a contract with a size of its own, and what has one is a stock or a
    /// name that no catalogue explained.
    pub(crate) fn composite_of(&self, symbol: &Symbol) -> Option<Symbol> {
        let venue = symbol.venue()?;
        let (base, quote) = symbol.name().split_once('-')?;
        let is_pair = !base.is_empty() && !quote.is_empty() && !quote.contains('-') && quote != "PERP";
        let is_date = quote.bytes().all(|b| b.is_ascii_digit());
        if !self.enabled || !is_pair || is_date || self.exclude.contains(venue) {
            return None;
        }
        let quote = self.join.get(quote).map_or(quote, String::as_str);
        Symbol::parse(&format!("{base}-{quote}")).ok()
    }
}

/// Whether the symbols of a feed make composites beside feeds of these modes: a recording or a made-up market has no place among
/// the prices of now. Where nothing is real, everything joins, so that a demo shows what there is.
pub(crate) fn joins(mode: FeedMode, all: &[FeedMode]) -> bool {
    mode == FeedMode::Live || !all.contains(&FeedMode::Live)
}

/// The composites of a table under a configuration. Cheap to clone; every sink has one.
#[derive(Clone, Debug)]
pub(crate) struct Composing {
    config: Arc<CompositeConfig>,
    composites: Arc<Composites>,
}

impl Composing {
    /// Of this table.
    pub(crate) fn new(table: &Arc<Table>, config: CompositeConfig) -> Composing {
        Composing { config: Arc::new(config), composites: Arc::new(Composites::new(table)) }
    }

    /// Makes a symbol a member of its composite, if it has one and the table has room for it, which it counts otherwise.
    pub(crate) fn join(&self, id: SymbolId, symbol: &Symbol) -> Option<Member> {
        let composite = self.config.composite_of(symbol)?;
        self.composites.join(id, &composite).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_now_stays_out_of_what_is() {
        let all = [FeedMode::Live, FeedMode::Replay, FeedMode::Synthetic];
        assert_eq!(all.map(|mode| joins(mode, &all)), [true, false, false]);
        assert_eq!(all[1..].iter().map(|&mode| joins(mode, &all[1..])).collect::<Vec<_>>(), [true, true]);
    }

    #[test]
    fn spot_pairs_have_composites_and_nothing_else_has() {
        let mut config = CompositeConfig::default();
        let of = |config: &CompositeConfig, name: &str| {
            config.composite_of(&Symbol::parse(name).unwrap()).map(|symbol| symbol.to_string())
        };
        assert_eq!(of(&config, "KRAKEN:BTC-USD").as_deref(), Some("BTC-USD"));
        assert_eq!(of(&config, "BINANCE:BTC-USDT").as_deref(), Some("BTC-USDT"));
        for name in [
            "BINANCE:BTC-USDT-PERP",
            "OKX:BTC-USD-20261225",
            "X:BTC-20261225",
            "X:BTC-PERP",
            "IEX:AAPL",
            "KRAKEN:XXBTZUSD",
            "BTC-USD",
            "X:-USD",
            "SIM:BTC-USD",
        ] {
            assert_eq!(of(&config, name), None, "{name}");
        }
        config.join.insert("USDT".to_owned(), "USD".to_owned());
        assert_eq!(of(&config, "BINANCE:BTC-USDT").as_deref(), Some("BTC-USD"));
        assert_eq!(of(&config, "BINANCE:USDT-EUR").as_deref(), Some("USDT-EUR"), "the base stays");
        config.enabled = false;
        assert_eq!(of(&config, "KRAKEN:BTC-USD"), None);
    }
}
