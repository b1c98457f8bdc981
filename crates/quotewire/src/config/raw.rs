//! The file as it is written: text and numbers with their places, nothing checked yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) server: Server,
    pub(super) admin: Admin,
    pub(super) limits: Limits,
    pub(super) record: Record,
    pub(super) composite: Composite,
    pub(super) feeds: Vec<Feed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) heartbeat: Option<Spanned<String>>,
    pub(super) drain: Option<Spanned<String>>,
    pub(super) max_stream_age: Option<Spanned<String>>,
    pub(super) writers: Option<Spanned<usize>>,
    pub(super) flush_max: Option<Spanned<String>>,
    pub(super) hand_over: Option<bool>,
    pub(super) io_uring: Option<bool>,
    pub(super) cors_origins: Option<Spanned<Vec<String>>>,
    pub(super) cors_credentials: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) listen: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) symbols: Option<Spanned<usize>>,
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) streams: Option<Spanned<usize>>,
    pub(super) symbols_per_stream: Option<Spanned<usize>>,
    pub(super) body_bytes: Option<Spanned<usize>>,
    pub(super) every_changes: Option<Spanned<usize>>,
    pub(super) head_bytes: Option<Spanned<usize>>,
    pub(super) head_timeout: Option<Spanned<String>>,
    pub(super) stall: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Record {
    pub(super) dir: Option<Spanned<String>>,
    pub(super) rotate_size: Option<Spanned<String>>,
    pub(super) rotate_age: Option<Spanned<String>>,
    pub(super) max_disk: Option<Spanned<String>>,
    pub(super) compression: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Composite {
    pub(super) enabled: Option<bool>,
    pub(super) exclude: Option<Spanned<Vec<String>>>,
    pub(super) join: BTreeMap<String, Spanned<String>>,
}

/// One feed of any kind: which keys a kind takes is checked later, where the place of each is still known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feed {
    pub(super) kind: Spanned<String>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) venue: Option<Spanned<String>>,
    pub(super) symbols: Option<Spanned<Symbols>>,
    pub(super) ws_url: Option<Spanned<String>>,
    pub(super) rest_url: Option<Spanned<String>>,
    pub(super) stale_after: Option<Spanned<String>>,
    pub(super) symbol_stale_after: Option<Spanned<String>>,
    /// Of every kind: what is held back as a bad tick.
    pub(super) max_move: Option<Spanned<String>>,
    pub(super) confirmations: Option<Spanned<usize>>,
    pub(super) hold_max: Option<Spanned<String>>,
    /// Which variant of the kind (binance: spot, us, usdm, coinm).
    pub(super) market: Option<Spanned<String>>,
    /// The same, where it is a protocol (kraken: v2, v1).
    pub(super) version: Option<Spanned<String>>,
    /// Credentials, for venues that want them.
    pub(super) account: Option<Spanned<String>>,
    pub(super) key_env: Option<Spanned<String>>,
    pub(super) key_file: Option<Spanned<String>>,
    pub(super) secret_env: Option<Spanned<String>>,
    pub(super) secret_file: Option<Spanned<String>>,
    /// replay
    pub(super) file: Option<Spanned<String>>,
    pub(super) files: Option<Spanned<Vec<String>>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
    pub(super) rest: Option<Spanned<String>>,
    pub(super) preset: Option<Spanned<String>>,
    pub(super) speed: Option<Spanned<String>>,
    #[serde(rename = "loop")]
    pub(super) looped: Option<Spanned<bool>>,
    /// sim
    pub(super) rate: Option<Spanned<u32>>,
    pub(super) seed: Option<Spanned<u64>>,
    pub(super) zipf: Option<Spanned<f64>>,
    pub(super) tick: Option<Spanned<String>>,
    pub(super) spread: Option<Spanned<u32>>,
    pub(super) trades: Option<Spanned<u32>>,
    pub(super) bursts: Option<Spanned<Bursts>>,
}

/// Regular times of higher rate (sim).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bursts {
    pub(super) factor: u32,
    pub(super) every: Spanned<String>,
    #[serde(rename = "for")]
    pub(super) lasting: Spanned<String>,
}

/// `"*"`, a list of names, or (sim) how many.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Symbols {
    /// How many synthetic symbols.
    Count(u32),
    /// One name, or `*`.
    One(String),
    /// Names.
    List(Vec<String>),
}
