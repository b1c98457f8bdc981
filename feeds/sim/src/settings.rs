//! What the configuration says of a synthetic market.

use std::fmt;
use std::time::Duration;

use market::{Decimal, Price};
use serde::{Deserialize, Deserializer};

/// Most updates a second, bursts included.
pub const RATE_MAX: u32 = 1_000_000;
/// Most symbols.
pub const SYMBOLS_MAX: u32 = 100_000;
/// Widest spread, in ticks: far below the lowest price, which is a quarter of 100,000 ticks.
const SPREAD_MAX: u32 = 1_000;

/// The keys of a `[[feeds]]` entry of kind `sim`, besides those that every feed has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The venue's canonical name.
    pub venue: String,
    /// How many symbols, or their names.
    pub symbols: Symbols,
    /// Updates a second, over all symbols: 1 to 1,000,000.
    pub rate: u32,
    /// The same seed gives the same market.
    pub seed: u64,
    /// Popularity of symbol `n` is `1 / n^zipf`: 0 makes all alike, 1 is Zipf's law. At most 5.
    pub zipf: f64,
    /// Least step of a price, as text, positive, with at most 9 digits.
    #[serde(deserialize_with = "price")]
    pub tick: Price,
    /// Widest spread, in ticks: 1 to 1,000.
    pub spread: u32,
    /// Per cent of updates that are trades: 0 to 100.
    pub trades: u32,
    /// Times of higher rate; none by default.
    pub bursts: Option<Bursts>,
}

/// Regular times of higher rate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// How many times the rate: at least 1, and the product at most 1,000,000 updates a second.
    pub factor: u32,
    /// Time from the start of one burst to the start of the next. The first starts after one such time, less its
    /// length.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// How long a burst lasts: less than `every`.
    #[serde(rename = "for", deserialize_with = "duration")]
    pub lasting: Duration,
}

/// The symbols of the market, the most popular first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "symbols is a count or a list of names")]
pub enum Symbols {
    /// So many, named `AAA-USD`, `AAB-USD` and so on.
    Count(u32),
    /// These, without the venue: `BTC-USD`.
    Names(Vec<String>),
}

impl Symbols {
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Symbols::Count(count) => (0..*count).map(|n| format!("{}-USD", letters(n))).collect(),
            Symbols::Names(names) => names.clone(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Symbols::Count(count) => *count as usize,
            Symbols::Names(names) => names.len(),
        }
    }
}

/// `AAA`, `AAB`, ... `ZZZ`, `BAAA`, ...: a number in 26 letters, of at least three.
fn letters(mut n: u32) -> String {
    let mut letters = Vec::new();
    while n > 0 || letters.len() < 3 {
        letters.push(char::from(b'A' + (n % 26) as u8));
        n /= 26;
    }
    letters.iter().rev().collect()
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            venue: "SIM".to_owned(),
            symbols: Symbols::Count(20),
            rate: 200,
            seed: 1,
            zipf: 1.0,
            tick: Price::from_decimal(Decimal::new(1, 2)),
            spread: 5,
            trades: 20,
            bursts: None,
        }
    }
}

/// A setting is out of its range: tell the user, who changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(pub String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// When a setting is out of its range; the message names it.
    pub fn check(&self) -> Result<(), SettingsError> {
        let tick = self.tick.decimal();
        let tick_fits = (1..1_000_000_000).contains(&tick.mantissa()) && tick.scale() <= 12;
        let bursts_fit = self.bursts.as_ref().is_none_or(|bursts| {
            bursts.factor >= 1
                && self.rate.checked_mul(bursts.factor).is_some_and(|rate| rate <= RATE_MAX)
                && !bursts.lasting.is_zero()
                && bursts.lasting < bursts.every
                // So that nanoseconds times updates stay within 128 bits, with all the room there is.
                && bursts.every <= Duration::from_secs(86_400)
        });
        let rules = [
            ((1..=SYMBOLS_MAX as usize).contains(&self.symbols.count()), "symbols: from 1 to 100000"),
            ((1..=RATE_MAX).contains(&self.rate), "rate: from 1 to 1000000 updates a second"),
            ((0.0..=5.0).contains(&self.zipf), "zipf: an exponent from 0 to 5"),
            (tick_fits, "tick: a positive price of at most 9 digits, 12 after the point"),
            ((1..=SPREAD_MAX).contains(&self.spread), "spread: from 1 to 1000 ticks"),
            (self.trades <= 100, "trades: from 0 to 100 per cent"),
            (
                bursts_fit,
                "bursts: a factor of at least 1, rate x factor at most 1000000, for < every, every at most 1 day",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(SettingsError(rule.to_owned())),
            None => Ok(()),
        }
    }
}

fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Price, D::Error> {
    let text = String::deserialize(deserializer)?;
    Price::parse(&text).map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}")))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_in_letters() {
        assert_eq!([0, 1, 25, 26, 17_575, 17_576].map(letters), ["AAA", "AAB", "AAZ", "ABA", "ZZZ", "BAAA"]);
    }

    #[test]
    fn settings_are_read_and_unknown_keys_refused() {
        let read = |json: &str| serde_json::from_str::<Settings>(json);
        assert_eq!(read("{}").unwrap(), Settings::default());
        let all = r#"{"venue":"LAB","symbols":["BTC-USD"],"rate":10,"seed":9,"zipf":0.5,"tick":"0.25","spread":3,
            "trades":50,"bursts":{"factor":10,"every":"10s","for":"500ms"}}"#;
        let all = read(all).unwrap();
        assert_eq!(all.check(), Ok(()));
        assert_eq!(all.bursts.unwrap().lasting, Duration::from_millis(500));
        assert_eq!(all.tick.to_string(), "0.25");
        assert!(read(r#"{"ratte":1}"#).unwrap_err().to_string().contains("ratte"));
        assert!(read(r#"{"symbols":"many"}"#).unwrap_err().to_string().contains("count or a list"));
        assert!(read(r#"{"tick":"cheap"}"#).unwrap_err().to_string().contains("cheap"));
        assert!(read(r#"{"bursts":{"factor":1,"every":"soon","for":"1s"}}"#).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err().0
        };
        let tick = |text| Price::parse(text).unwrap();
        assert!(refused(|s| s.symbols = Symbols::Count(0)).starts_with("symbols"));
        assert!(refused(|s| s.symbols = Symbols::Count(100_001)).starts_with("symbols"));
        assert!(refused(|s| s.symbols = Symbols::Names(Vec::new())).starts_with("symbols"));
        assert!(refused(|s| s.rate = 0).starts_with("rate"));
        assert!(refused(|s| s.rate = 1_000_001).starts_with("rate"));
        assert!(refused(|s| s.zipf = f64::NAN).starts_with("zipf"));
        assert!(refused(|s| s.zipf = -0.1).starts_with("zipf"));
        assert!(refused(|s| s.spread = 0).starts_with("spread"));
        assert!(refused(|s| s.trades = 101).starts_with("trades"));
        for bad in ["0", "-0.01", "1000000000", "0.0000000000001"] {
            let settings = Settings { tick: tick(bad), ..Settings::default() };
            assert!(settings.check().unwrap_err().0.starts_with("tick"), "{bad}");
        }
        let bursts = |factor, every, lasting| {
            let bursts =
                Bursts { factor, every: Duration::from_secs(every), lasting: Duration::from_secs(lasting) };
            Settings { bursts: Some(bursts), ..Settings::default() }.check()
        };
        assert_eq!(bursts(5_000, 10, 1), Ok(()));
        for bad in [
            bursts(0, 10, 1),
            bursts(5_001, 10, 1),
            bursts(2, 10, 10),
            bursts(2, 10, 0),
            bursts(2, 86_401, 1),
        ] {
            assert!(bad.unwrap_err().0.starts_with("bursts"));
        }
    }
}
