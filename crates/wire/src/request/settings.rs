//! What a stream may change while it runs.

use market::{FieldSet, Symbol};

use super::given::Value;
use super::{Rate, RequestError};

/// What a stream merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Only the newest value of each field counts; a client that is behind skips what lies between.
    #[default]
    Latest,
    /// As `latest`, but every change of the last trade has an event of its own.
    Trades,
    /// Every change has an event of its own.
    Every,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 3] = [Mode::Latest, Mode::Trades, Mode::Every];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Latest => "latest",
            Mode::Trades => "trades",
            Mode::Every => "every",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// What a stream may change while it runs, as asked for and within the limits of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Fields that quotes may carry.
    pub fields: FieldSet,
    /// What is merged.
    pub mode: Mode,
    /// Most times a second that the stream speaks, and so most events a second of each symbol.
    pub max_rate: Option<Rate>,
    /// Most events a second of single symbols, each named once; a rate above [`Settings::max_rate`] changes nothing.
    pub symbol_rates: Vec<(Symbol, Rate)>,
    /// Whether the windows of the rates begin at whole multiples of their length on the wall clock.
    pub align: bool,
    /// Symbols that go first under pressure, the first before the second, each named once.
    pub priority: Vec<Symbol>,
    /// Most kilobits (1,000 bits) of events a second.
    pub max_kbps: Option<u32>,
}

impl Settings {
    /// Most symbols in [`Settings::priority`]: what a person looks at, not another subscription.
    pub const PRIORITY_MAX: usize = 100;
    /// Most symbols in [`Settings::symbol_rates`]: the few that differ, at some 90 bytes each.
    pub const SYMBOL_RATES_MAX: usize = 1_000;
    /// What [`Settings::max_kbps`] may be. Less than 8 kilobits is less than five snapshots a second.
    pub const KBPS: std::ops::RangeInclusive<u32> = 8..=1_000_000;

    /// Refuses what does not go together.
    pub(super) fn checked(self) -> Result<Settings, RequestError> {
        if self.align && self.max_rate.is_none() && self.symbol_rates.is_empty() {
            let detail = "there are no windows to align without a highest rate";
            return Err(RequestError::new("align", detail, "give max_rate too, or leave align out"));
        }
        Ok(self)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            fields: FieldSet::DEFAULT,
            mode: Mode::default(),
            max_rate: None,
            symbol_rates: Vec::new(),
            align: false,
            priority: Vec::new(),
            max_kbps: None,
        }
    }
}

/// Reads [`Settings::max_kbps`].
pub(super) fn kbps(value: Value<'_>) -> Result<u32, RequestError> {
    let range = u64::from(*Settings::KBPS.start())..=u64::from(*Settings::KBPS.end());
    let kbps = value.whole("max_kbps", range)?;
    Ok(u32::try_from(kbps).unwrap_or(*Settings::KBPS.end()))
}
