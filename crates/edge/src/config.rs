//! What can be set about the edge, as checked values. The binary reads them from its configuration file.

use std::time::Duration;

use crate::cors::Cors;

/// Settings of the public side.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which origins may read our answers from their pages.
    pub cors: Cors,
    /// Longest time between two events of a stream; a heartbeat fills the gap. At most 10 s, so that the shortest
    /// proxy timeouts in use (30 s) and a client's own watchdog have room for a lost one.
    pub heartbeat: Duration,
    /// What a client waits before it reconnects, in milliseconds: a random value of this range is sent to each, so
    /// that clients that were cut together do not come back together.
    pub retry_ms: std::ops::RangeInclusive<u64>,
    /// Over how long the goodbyes of a shutdown are spread, so that clients do not all come back in one moment.
    pub drain: Duration,
    /// Longest time by which changes are held back to be joined into fewer writes, while writing is what takes the time.
    pub flush_max: Duration,
    /// Streams over plain HTTP/1.1 are written by loops that own their sockets. Otherwise hyper writes them, as it does all
    /// others. Read at the start.
    pub hand_over: bool,
    /// Many writes of a loop are one system call where the system allows it. Read at the start.
    pub io_uring: bool,
    /// How long a stream may last, give or take [`MAX_AGE_JITTER`]; `None` for ever. It moves clients to new machines and
    /// makes balancers spread them anew.
    pub max_stream_age: Option<Duration>,
    /// The bounds on what clients may take.
    pub limits: Limits,
    /// Makes every random number follow from this seed, so that a run can be repeated. Never in service: the ids of
    /// streams could be foretold.
    pub seed: Option<u64>,
}

/// The part of the greatest age by which streams differ, so that those opened together do not end together.
pub const MAX_AGE_JITTER: f64 = 0.1;

/// Bounds on what clients may take. Each has a metric that shows how close it is.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most open connections; one more is accepted and closed at once.
    pub connections: usize,
    /// Most open streams; one more is told `refused`.
    pub streams: usize,
    /// Most symbols on one stream and in one request.
    pub symbols_per_stream: usize,
    /// Longest request head in bytes, which also bounds the URL. 32 KiB holds about 1,500 symbols.
    pub head_bytes: usize,
    /// Time for a client to send its request head; also how long an idle connection is kept.
    pub head_timeout: Duration,
    /// How long a client may leave what it is owed unread before it is ended as stalled.
    pub stall: Duration,
    /// Longest body of a request, in bytes: 10,000 symbols take about 250 KB.
    pub body_bytes: usize,
    /// Changes kept for the streams that want each one of them: how far those may fall behind. About 700 bytes each,
    /// taken when the first such stream opens.
    pub every_changes: usize,
    /// Bytes parked in the kernel per client before our own conflation takes over (TCP_NOTSENT_LOWAT).
    pub unsent_bytes: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            cors: Cors::default(),
            heartbeat: Duration::from_secs(10),
            retry_ms: 1_000..=3_000,
            drain: Duration::from_secs(5),
            flush_max: Duration::from_millis(50),
            hand_over: true,
            io_uring: true,
            max_stream_age: None,
            limits: Limits::default(),
            seed: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 12_000,
            streams: 10_000,
            symbols_per_stream: 10_000,
            head_bytes: 32 << 10,
            head_timeout: Duration::from_secs(10),
            stall: Duration::from_secs(15),
            body_bytes: 1 << 20,
            every_changes: 16_384,
            unsent_bytes: 16 << 10,
        }
    }
}
