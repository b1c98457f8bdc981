//! How long an update takes from its arrival to the publication of its change: counted where it happens, summed when asked.
//!
//! A histogram of the metrics library takes a search and two read-modify-writes an observation. Here each sink has counts
//! of its own that nobody else writes, with a bucket for each power of two: a look at the leading zeros, two additions.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use market::Micros;
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// Buckets end at 1, 2, 4 us and so on up to 1.05 s, which is far beyond anything that is not a fault; one more for the rest.
const BOUNDS: usize = 21;

/// The series of all feeds.
#[derive(Clone)]
pub(crate) struct IngestMetrics {
    desc: Desc,
    /// By feed the counts of each of its sinks.
    feeds: Arc<Mutex<BTreeMap<String, Vec<Arc<Counts>>>>>,
}

/// What one sink counts.
#[derive(Debug, Default)]
struct Counts {
    /// Not cumulative.
    buckets: [AtomicU64; BOUNDS + 1],
    sum_us: AtomicU64,
}

/// One sink's way of counting.
#[derive(Debug)]
pub(crate) struct IngestTimes(Arc<Counts>);

impl fmt::Debug for IngestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestMetrics").finish_non_exhaustive()
    }
}

impl IngestMetrics {
    /// Registers the series.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<IngestMetrics> {
        let help = "Time from the arrival of an update at our socket to the publication of its change.";
        let labels = vec!["feed".to_owned()];
        let desc = Desc::new(
            "quotewire_ingest_publish_seconds".to_owned(),
            help.to_owned(),
            labels,
            HashMap::new(),
        )?;
        let metrics = IngestMetrics { desc, feeds: Arc::default() };
        registry.register(Box::new(metrics.clone()))?;
        Ok(metrics)
    }

    /// The counts of another sink of this feed.
    pub(crate) fn of_feed(&self, feed: &str) -> IngestTimes {
        let counts = Arc::new(Counts::default());
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.entry(feed.to_owned()).or_default().push(Arc::clone(&counts));
        IngestTimes(counts)
    }
}

impl IngestTimes {
    /// Counts one change. A clock that was set back counts as no time at all.
    #[inline]
    pub(crate) fn published(&mut self, received: Micros, published: Micros) {
        let took_us = u64::try_from(published.0.saturating_sub(received.0)).unwrap_or(0);
        add(&self.0.buckets[bucket(took_us)], 1);
        add(&self.0.sum_us, took_us);
    }
}

/// Adds to a word that only the caller writes: so a load and a store will do.
#[inline]
fn add(word: &AtomicU64, more: u64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// The first bucket that ends at or after that time.
#[inline]
fn bucket(took_us: u64) -> usize {
    let power = u64::BITS - took_us.saturating_sub(1).leading_zeros();
    (power as usize).min(BOUNDS)
}

impl Collector for IngestMetrics {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(feeds.iter().map(|(feed, sinks)| metric(feed, sinks)).collect());
        vec![family]
    }
}

/// One feed's histogram. Its count is the sum of its buckets, whatever is counted meanwhile.
fn metric(feed: &str, sinks: &[Arc<Counts>]) -> Metric {
    let sum = |word: &dyn Fn(&Counts) -> u64| sinks.iter().map(|counts| word(counts)).sum::<u64>();
    let in_bucket = |at: usize| sum(&|counts| counts.buckets[at].load(Ordering::Relaxed));
    let mut so_far = 0;
    let buckets = (0..BOUNDS)
        .map(|at| {
            so_far += in_bucket(at);
            let mut bucket = Bucket::default();
            bucket.set_upper_bound((1_u64 << at) as f64 / 1e6);
            bucket.set_cumulative_count(so_far);
            bucket
        })
        .collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(so_far + in_bucket(BOUNDS));
    histogram.set_sample_sum(sum(&|counts| counts.sum_us.load(Ordering::Relaxed)) as f64 / 1e6);
    let mut label = LabelPair::default();
    label.set_name("feed".to_owned());
    label.set_value(feed.to_owned());
    let mut metric = Metric::from_label(vec![label]);
    metric.set_histogram(histogram);
    metric
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_ends_at_or_after_it() {
        let of = [0, 1, 2, 3, 4, 5, 1 << 20, (1 << 20) + 1, u64::MAX].map(bucket);
        assert_eq!(of, [0, 0, 1, 2, 2, 3, 20, 21, 21]);
    }

    #[test]
    fn sinks_of_one_feed_are_summed_and_buckets_cumulate() {
        let registry = Registry::new();
        let metrics = IngestMetrics::register(&registry).unwrap();
        let (mut one, mut other) = (metrics.of_feed("a"), metrics.of_feed("a"));
        let _ = metrics.of_feed("b");
        one.published(Micros(100), Micros(103));
        one.published(Micros(100), Micros(90));
        other.published(Micros(0), Micros(2_000_000));
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let value = |what: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("quotewire_ingest_publish_seconds{what}")));
            line.unwrap_or_else(|| unreachable!("{what} in {text}"))
                .rsplit(' ')
                .next()
                .map(str::to_owned)
                .unwrap()
        };
        let a = [
            "_bucket{feed=\"a\",le=\"0.000001\"}",
            "_bucket{feed=\"a\",le=\"0.000002\"}",
            "_bucket{feed=\"a\",le=\"0.000004\"}",
            "_bucket{feed=\"a\",le=\"1.048576\"}",
            "_bucket{feed=\"a\",le=\"+Inf\"}",
            "_count{feed=\"a\"}",
            "_sum{feed=\"a\"}",
            "_count{feed=\"b\"}",
        ];
        assert_eq!(a.map(value), ["1", "1", "2", "2", "3", "3", "2.000003", "0"]);
    }
}
