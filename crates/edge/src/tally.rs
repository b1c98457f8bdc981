//! What a thread counts while it composes, until it has a moment to add it to the shared series: once for many streams
//! instead of a dozen atomic additions for each.

use std::time::Duration;

use market::Micros;
use prometheus::local::LocalHistogram;

use crate::metrics::Metrics;

/// What composing told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) snapshots: u64,
    pub(crate) quotes: u64,
    pub(crate) statuses: u64,
    pub(crate) lagged: u64,
    /// Changes that a stream that wanted each of them has lost.
    pub(crate) missed: u64,
    /// Changes that were merged into another event.
    pub(crate) conflated: u64,
    /// Events whose bytes had been encoded before.
    pub(crate) shared: u64,
    /// Publication of the newest change told as a delta; snapshots may be of any age.
    pub(crate) newest: Option<Micros>,
}

impl Told {
    /// Both.
    pub(crate) fn and(self, other: Told) -> Told {
        Told {
            snapshots: self.snapshots + other.snapshots,
            quotes: self.quotes + other.quotes,
            statuses: self.statuses + other.statuses,
            lagged: self.lagged + other.lagged,
            missed: self.missed + other.missed,
            conflated: self.conflated + other.conflated,
            shared: self.shared + other.shared,
            newest: self.newest.max(other.newest),
        }
    }

    /// Events of symbols and feeds.
    pub(crate) fn events(&self) -> u64 {
        self.snapshots + self.quotes + self.statuses
    }

    /// The same, from bytes that had been encoded before.
    pub(crate) fn as_shared(self) -> Told {
        Told { shared: self.events(), ..self }
    }
}

/// Counted and not yet shown.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    told: Told,
    /// When the newest change of each write was published, and how long its stream had waited; at most one for each write
    /// since the last time.
    lags: Vec<(Micros, Duration)>,
    pub(crate) hellos: u64,
    pub(crate) heartbeats: u64,
    pub(crate) goodbyes: u64,
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// What was told to a stream that had waited for so long.
    pub(crate) fn add(&mut self, told: Told, waited: Duration) {
        let Told { snapshots, quotes, statuses, lagged, missed, conflated, shared, newest } = told;
        self.told.snapshots += snapshots;
        self.told.quotes += quotes;
        self.told.statuses += statuses;
        self.told.lagged += lagged;
        self.told.missed += missed;
        self.told.conflated += conflated;
        self.told.shared += shared;
        self.lags.extend(newest.map(|published| (published, waited)));
    }

    /// Adds everything to the series, and begins anew. What was told has been written `now`.
    pub(crate) fn show(&mut self, metrics: &Metrics, delivery: &LocalHistogram, now: Micros) {
        let Tally { told, lags, hellos, heartbeats, goodbyes, writes, bytes } = self;
        let counts = [
            (&metrics.events.snapshot, &mut told.snapshots),
            (&metrics.events.quote, &mut told.quotes),
            (&metrics.events.status, &mut told.statuses),
            (&metrics.events.lagged, &mut told.lagged),
            (&metrics.events.hello, hellos),
            (&metrics.events.heartbeat, heartbeats),
            (&metrics.events.goodbye, goodbyes),
            (&metrics.missed, &mut told.missed),
            (&metrics.conflated, &mut told.conflated),
            (&metrics.frames_shared, &mut told.shared),
            (&metrics.writes, writes),
            (&metrics.event_bytes, bytes),
        ];
        for (series, count) in counts {
            let count = std::mem::take(count);
            if count > 0 {
                series.inc_by(count);
            }
        }
        if !lags.is_empty() {
            for (published, waited) in lags.drain(..) {
                // No less than what the stream has waited since it was woken: the sooner of the changes merged into an event
                // may be that old.
                delivery.observe(now.since(published).max(waited).as_secs_f64());
            }
            delivery.flush();
        }
    }
}
