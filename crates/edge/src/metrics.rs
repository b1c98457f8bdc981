//! This crate's series. No symbol and no client is ever a label.

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use wire::EventName;

use crate::client::EndReason;

/// What the edge counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) connections_open: IntGauge,
    pub(crate) connections_accepted: IntCounter,
    pub(crate) connections_refused: IntCounter,
    pub(crate) accept_errors: IntCounter,
    pub(crate) streams_open: IntGauge,
    pub(crate) streams_opened: IntCounter,
    pub(crate) streams_ended: IntCounterVec,
    pub(crate) streams_refused: IntCounter,
    pub(crate) streams_changed: IntCounter,
    pub(crate) polls_open: IntGauge,
    pub(crate) streams_resumed: IntCounter,
    pub(crate) streams_reset: IntCounter,
    pub(crate) subscriptions: IntGauge,
    pub(crate) events: Events,
    pub(crate) event_bytes: IntCounter,
    pub(crate) writes: IntCounter,
    pub(crate) conflated: IntCounter,
    pub(crate) missed: IntCounter,
    pub(crate) frames_shared: IntCounter,
    pub(crate) looks: IntCounter,
    /// By writer loop, and for the streams that hyper writes.
    pub(crate) delivery: HistogramVec,
    pub(crate) delivery_by_hyper: Histogram,
    /// By writer loop.
    pub(crate) flush_window: GaugeVec,
    pub(crate) stream_memory: IntGauge,
    pub(crate) requests: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Metrics> {
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let counters = |name: &str, help: &str, label: &str| -> prometheus::Result<IntCounterVec> {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let delivery = HistogramVec::new(
            HistogramOpts::new(
                "quotewire_edge_delivery_seconds",
                "Time from the publication of the newest change in a write to its hand-over to the socket (`writer` names the loop) or to hyper, or what the stream had waited to be read if that is longer. Snapshots are left out.",
            )
            .buckets(vec![0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
            &["writer"],
        )?;
        registry.register(Box::new(delivery.clone()))?;
        let flush_window = GaugeVec::new(
            Opts::new(
                "quotewire_edge_flush_window_seconds",
                "Time between two writes to one stream while changes keep coming: what a change may be held back to be joined with others. Widens while the writer loop is busy.",
            ),
            &["writer"],
        )?;
        registry.register(Box::new(flush_window.clone()))?;
        let metrics = Metrics {
            connections_open: gauge(
                "quotewire_edge_connections_open",
                "Client connections that are open now.",
            )?,
            connections_accepted: counter(
                "quotewire_edge_connections_accepted_total",
                "Client connections that were accepted.",
            )?,
            connections_refused: counter(
                "quotewire_edge_connections_refused_total",
                "Connections that were closed at once because the limit was reached.",
            )?,
            accept_errors: counter(
                "quotewire_edge_accept_errors_total",
                "Failed accept calls, mostly for want of file descriptors.",
            )?,
            streams_open: gauge("quotewire_edge_streams_open", "Quote streams that are open now.")?,
            streams_opened: counter(
                "quotewire_edge_streams_opened_total",
                "Quote streams that were opened. Equals the open ones plus the ended ones.",
            )?,
            streams_ended: counters(
                "quotewire_edge_streams_ended_total",
                "Quote streams that ended, by the one reason of each.",
                "reason",
            )?,
            streams_refused: counter(
                "quotewire_edge_streams_refused_total",
                "Streams that were told refused because there was no room or the server was stopping.",
            )?,
            streams_changed: counter(
                "quotewire_edge_streams_changed_total",
                "Changes made to open streams.",
            )?,
            polls_open: gauge("quotewire_edge_polls_open", "Long polls that are waiting for a change now.")?,
            streams_resumed: counter(
                "quotewire_edge_streams_resumed_total",
                "Streams that went on where an earlier one had been cut.",
            )?,
            streams_reset: counter(
                "quotewire_edge_streams_reset_total",
                "Streams that came with a last event id from which they could not go on.",
            )?,
            subscriptions: gauge(
                "quotewire_edge_subscriptions",
                "Symbols subscribed to over all open streams.",
            )?,
            events: Events::new(&counters(
                "quotewire_edge_events_total",
                "Events written to clients, by kind.",
                "event",
            )?),
            event_bytes: counter(
                "quotewire_edge_event_bytes_total",
                "Bytes of events written to clients, without HTTP framing.",
            )?,
            writes: counter(
                "quotewire_edge_writes_total",
                "Buffers handed to connections; each joins all events that were due.",
            )?,
            conflated: counter(
                "quotewire_edge_conflated_total",
                "Changes that were merged into a later event of the same symbol instead of being sent one by one.",
            )?,
            missed: counter(
                "quotewire_edge_missed_total",
                "Changes lost by streams that wanted each one and fell behind, as told to them.",
            )?,
            frames_shared: counter(
                "quotewire_edge_frames_shared_total",
                "Quote events whose bytes had been encoded for another client already.",
            )?,
            looks: counter(
                "quotewire_edge_looks_total",
                "Times that a writer loop looked at what had changed.",
            )?,
            delivery_by_hyper: delivery.with_label_values(&["hyper"]),
            delivery,
            flush_window,
            stream_memory: gauge(
                "quotewire_edge_stream_memory_bytes",
                "Memory that open streams hold: their state, what they subscribed to, and bytes that their sockets have not taken. The buffers of streams that hyper writes come on top.",
            )?,
            requests: counters(
                "quotewire_edge_requests_total",
                "Requests answered, by status class.",
                "status",
            )?,
        };
        // Every reason stands from the start, so that a rate over it needs no special case.
        for reason in EndReason::ALL {
            metrics.streams_ended.with_label_values(&[reason.name()]);
        }
        for class in ["2xx", "3xx", "4xx", "5xx"] {
            metrics.requests.with_label_values(&[class]);
        }
        Ok(metrics)
    }
}

/// Events written, by kind: the series are looked up once, because they are counted with every write.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) hello: IntCounter,
    pub(crate) snapshot: IntCounter,
    pub(crate) quote: IntCounter,
    pub(crate) status: IntCounter,
    pub(crate) heartbeat: IntCounter,
    pub(crate) lagged: IntCounter,
    pub(crate) reset: IntCounter,
    pub(crate) goodbye: IntCounter,
}

impl Events {
    fn new(all: &IntCounterVec) -> Events {
        let of = |name: EventName| all.with_label_values(&[name.name()]);
        Events {
            hello: of(EventName::Hello),
            snapshot: of(EventName::Snapshot),
            quote: of(EventName::Quote),
            status: of(EventName::Status),
            heartbeat: of(EventName::Heartbeat),
            lagged: of(EventName::Lagged),
            reset: of(EventName::Reset),
            goodbye: of(EventName::Goodbye),
        }
    }
}
