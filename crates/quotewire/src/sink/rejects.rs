//! The counts of what was not taken.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::screen::Reject;

/// The series of all feeds.
#[derive(Clone, Debug)]
pub(crate) struct RejectMetrics(IntCounterVec);

/// The counters of one feed, by [`Reject`].
#[derive(Clone, Debug)]
pub(crate) struct Rejects([IntCounter; Reject::ALL.len()]);

impl RejectMetrics {
    /// Registers the series.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<RejectMetrics> {
        let opts = Opts::new(
            "quotewire_ingest_rejected_total",
            "Groups of fields that were refused as no market can mean them (negative_price, zero_price, negative_size, \
             off_scale), and updates that were held back because a price moved too far (jump).",
        );
        let counters = IntCounterVec::new(opts, &["feed", "reason"])?;
        registry.register(Box::new(counters.clone()))?;
        Ok(RejectMetrics(counters))
    }

    /// The counters of a feed, all of them there from the beginning.
    pub(crate) fn of_feed(&self, feed: &str) -> Rejects {
        Rejects(Reject::ALL.map(|reject| self.0.with_label_values(&[feed, reject.name()])))
    }
}

impl Rejects {
    /// Counts what was not taken.
    pub(crate) fn count(&self, rejects: &[Reject]) {
        for reject in rejects {
            self.0[*reject as usize].inc();
        }
    }
}
