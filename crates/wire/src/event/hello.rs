//! The client's side: the first event of a stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{Rate, Times, time};

/// The server's [`crate::encode::Hello`] as a client reads it. Words are text here, so that a later one is no error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Name of this stream.
    pub stream: String,
    /// The part of every id before the hyphen.
    pub epoch: String,
    /// The server's clock, microseconds since 1970, whatever the stream's `times`.
    #[serde(skip)]
    pub server_time: i64,
    /// The symbols that are streamed.
    pub accepted: Vec<String>,
    /// The symbols that are not, and why.
    pub rejected: Vec<Rejected>,
    /// The settings in force.
    pub effective: Effective,
    /// What the server allows.
    pub limits: Limits,
    /// The feeds behind the accepted symbols.
    pub feeds: Vec<Feed>,
}

/// A symbol that is not served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rejected {
    /// The text of the request, shortened when long.
    pub symbol: String,
    /// A name of [`crate::SymbolReason`].
    pub reason: String,
}

/// The settings in force on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Effective {
    /// What is merged.
    pub mode: String,
    /// The fields that quotes may carry.
    pub fields: Vec<String>,
    /// Whether events have an `event` line.
    pub named: bool,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// Longest time between two events, in milliseconds.
    pub heartbeat_ms: u64,
    /// What to wait before reconnecting, in milliseconds.
    pub retry_ms: u64,
    /// The form of the stream: a name of [`crate::Format`].
    pub format: String,
    /// How numbers are written: a name of [`crate::Numbers`].
    pub numbers: String,
    /// How times are written: a name of [`crate::Times`].
    pub times: String,
    /// Whether the windows of the rates are aligned to the wall clock.
    pub align: bool,
    /// Most events a second of each symbol.
    #[serde(deserialize_with = "rate")]
    pub max_rate: Option<Rate>,
    /// Most events a second of single symbols.
    #[serde(deserialize_with = "rates")]
    pub symbol_rates: BTreeMap<String, Rate>,
    /// Symbols that go first under pressure.
    pub priority: Vec<String>,
    /// Most kilobits of events a second.
    pub max_kbps: Option<u64>,
    /// After how many events the stream ends.
    pub limit: Option<u64>,
    /// After what time the client wanted it to end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// At what age the server will end it, in milliseconds.
    pub max_age_ms: Option<u64>,
    /// The patterns that symbols are added by.
    pub patterns: Vec<String>,
}

/// What the server allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most symbols on one stream.
    pub symbols_per_stream: u64,
}

/// A feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Feed {
    /// The operator's name for it.
    pub feed: String,
    /// The venue, as before the colon of its symbols.
    pub venue: String,
    /// The adapter.
    pub kind: String,
    /// What its prices are: `live`, `delayed`, `demo`, `replay`, `synthetic`.
    pub mode: String,
    /// A name of [`market::Status`].
    pub status: String,
}

#[derive(Deserialize)]
struct ServerTime<'a> {
    #[serde(borrow)]
    server_time: Option<&'a RawValue>,
}

impl Hello {
    /// Reads the event. It says itself how its times are written.
    pub(super) fn read(data: &str) -> Result<Hello, serde_json::Error> {
        let mut hello: Hello = serde_json::from_str(data)?;
        let ServerTime { server_time } = serde_json::from_str(data)?;
        let times = Times::from_name(&hello.effective.times).unwrap_or_default();
        if let Some(raw) = server_time {
            let moment =
                time::read(raw.get(), times).ok_or_else(|| serde::de::Error::custom("not a time"))?;
            hello.server_time = moment.get();
        }
        Ok(hello)
    }
}

/// A rate that a later server may allow and this version does not know is passed over.
fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    Ok(Rate::parse(Box::<RawValue>::deserialize(deserializer)?.get()))
}

fn rates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Rate>, D::Error> {
    let rates = BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?;
    Ok(rates.into_iter().filter_map(|(symbol, raw)| Some((symbol, Rate::parse(raw.get())?))).collect())
}
