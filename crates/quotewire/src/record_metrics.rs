//! The series of a recording, read from it when somebody asks.

use feed::capture::{RecordingWatch, Standing};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// What a recording can tell about itself.
pub(crate) struct RecordMetrics {
    /// None when nothing is recorded.
    watch: Option<RecordingWatch>,
    records: IntCounterVec,
    lost: IntCounterVec,
    bytes: IntCounter,
    closed: IntCounter,
    deleted: IntCounter,
    disk: IntGauge,
    stopped: IntGauge,
}

impl RecordMetrics {
    /// Registers the series; without a recording they stay at zero.
    pub(crate) fn register(watch: Option<RecordingWatch>, registry: &Registry) -> prometheus::Result<()> {
        let by_feed = |name, help| IntCounterVec::new(Opts::new(name, help), &["feed"]);
        let metrics = RecordMetrics {
            records: by_feed("quotewire_record_records_total", "Records written into recordings.")?,
            lost: by_feed(
                "quotewire_record_lost_total",
                "Records that were not written because the disk was too slow, or after the recording had stopped. \
                 Quotes are not touched by it.",
            )?,
            bytes: IntCounter::new(
                "quotewire_record_bytes_total",
                "Packed bytes written into recordings, those of deleted files included.",
            )?,
            closed: IntCounter::new(
                "quotewire_record_files_closed_total",
                "Files of recordings that are whole.",
            )?,
            deleted: IntCounter::new(
                "quotewire_record_files_deleted_total",
                "Files of recordings that were deleted to stay below record.max_disk.",
            )?,
            disk: IntGauge::new(
                "quotewire_record_disk_bytes",
                "Bytes that all recordings in the folder take, as of the last look a few seconds ago.",
            )?,
            stopped: IntGauge::new(
                "quotewire_record_stopped",
                "1 when recording has given up, because the disk is full for example. The log tells why; a restart begins \
                 anew.",
            )?,
            watch,
        };
        if metrics.watch.is_none() {
            metrics.records.with_label_values(&["none"]);
            metrics.lost.with_label_values(&["none"]);
        }
        registry.register(Box::new(metrics))
    }
}

/// Brings a counter to where the recording is.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

impl Collector for RecordMetrics {
    fn desc(&self) -> Vec<&Desc> {
        [
            self.records.desc(),
            self.lost.desc(),
            self.bytes.desc(),
            self.closed.desc(),
            self.deleted.desc(),
            self.disk.desc(),
            self.stopped.desc(),
        ]
        .concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let standing = self.watch.as_ref().map(RecordingWatch::look).unwrap_or_default();
        let Standing { stopped, bytes, files_closed, files_deleted, disk_bytes, feeds } = standing;
        for (feed, (records, lost)) in &feeds {
            raise(&self.records.with_label_values(&[feed.as_str()]), *records);
            raise(&self.lost.with_label_values(&[feed.as_str()]), *lost);
        }
        raise(&self.bytes, bytes);
        raise(&self.closed, files_closed);
        raise(&self.deleted, files_deleted);
        self.disk.set(i64::try_from(disk_bytes).unwrap_or(i64::MAX));
        self.stopped.set(i64::from(stopped));
        [
            self.records.collect(),
            self.lost.collect(),
            self.bytes.collect(),
            self.closed.collect(),
            self.deleted.collect(),
            self.disk.collect(),
            self.stopped.collect(),
        ]
        .concat()
    }
}
