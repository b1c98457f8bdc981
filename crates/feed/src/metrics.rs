//! This crate's series: what came in, what became of it, and how connections fare. Labels are the feed and closed
//! lists; symbols never are.

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use market::Micros;

use crate::connection::Cause;
use crate::{Ignored, Stats};

/// The series of all feeds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FeedMetrics {
    messages: IntCounterVec,
    bytes: IntCounterVec,
    updates: IntCounterVec,
    ignored: IntCounterVec,
    garbage: IntCounterVec,
    refused_subscriptions: IntCounterVec,
    symbol_silences: IntCounterVec,
    dials: IntCounterVec,
    reconnects: IntCounterVec,
    catalogue_failures: IntCounterVec,
    catalogue_left_out: IntGaugeVec,
    connected: IntGaugeVec,
    last_message: GaugeVec,
    symbols: IntGaugeVec,
}

impl FeedMetrics {
    /// Makes the series and registers them.
    ///
    /// # Errors
    /// When the registry has series of these names already.
    pub fn register(registry: &Registry) -> prometheus::Result<FeedMetrics> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            registered(
                registry,
                IntCounterVec::new(Opts::new(format!("quotewire_feed_{name}"), help), labels)?,
            )
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            registered(registry, IntGaugeVec::new(Opts::new(format!("quotewire_feed_{name}"), help), labels)?)
        };
        let last_message = Opts::new(
            "quotewire_feed_last_message_timestamp_seconds",
            "When the feed received its latest message, in seconds since 1970 UTC. It is 0 before the first one.",
        );
        Ok(FeedMetrics {
            messages: counter(
                "messages_total",
                "Messages of the venue that were given to the decoder. Pings and pongs are not among them.",
                &["feed"],
            )?,
            bytes: counter(
                "bytes_total",
                "Payload bytes of the venue's messages, without the framing of WebSocket and TLS.",
                &["feed"],
            )?,
            updates: counter(
                "updates_total",
                "Updates that the decoder made of messages, by what became of them. The sum over all outcomes is the \
                 number of updates: changed and unchanged ones were applied, older, rejected (not believed) and \
                 refused ones were dropped.",
                &["feed", "outcome"],
            )?,
            ignored: counter(
                "ignored_total",
                "Messages or parts of messages that led to no update, by reason.",
                &["feed", "reason"],
            )?,
            garbage: counter(
                "garbage_total",
                "Messages that are not what the venue documents. They are dropped and the feed goes on.",
                &["feed"],
            )?,
            refused_subscriptions: counter(
                "refused_subscriptions_total",
                "Subscriptions that the venue refused, by an answer or by ending every connection that asks for the symbol. \
                 The log names them.",
                &["feed"],
            )?,
            symbol_silences: counter(
                "symbol_silences_total",
                "Symbols that became stale alone, because they were not heard of for longer than their limit.",
                &["feed"],
            )?,
            dials: counter(
                "dials_total",
                "Attempts to connect to the venue. At most 12 a minute are made for each connection of the feed.",
                &["feed"],
            )?,
            reconnects: counter(
                "reconnects_total",
                "Connections and attempts to connect that ended, by reason. All but those stopped or given up are \
                 dialled again.",
                &["feed", "reason"],
            )?,
            catalogue_failures: counter(
                "catalogue_failures_total",
                "Attempts to fetch or read the venue's list of symbols that failed. They are repeated.",
                &["feed"],
            )?,
            catalogue_left_out: gauge(
                "catalogue_left_out",
                "Entries of the venue's list of symbols that are not as documented. They are left out, and the log shows \
                 the first of them.",
                &["feed"],
            )?,
            connected: gauge("connected", "Connections to the venue that are open now.", &["feed"])?,
            last_message: registered(registry, GaugeVec::new(last_message, &["feed"])?)?,
            symbols: gauge(
                "symbols",
                "Symbols that the feed was configured with, by what became of them: subscribed, missing from the \
                 venue's list, or refused because there is no room.",
                &["feed", "state"],
            )?,
        })
    }

    /// The series of one feed. All of them exist from now on, so that a rate over them starts at zero.
    pub fn of_feed(&self, feed: &str) -> OneFeed {
        let outcome = |outcome| self.updates.with_label_values(&[feed, outcome]);
        let state = |state| self.symbols.with_label_values(&[feed, state]);
        OneFeed {
            messages: self.messages.with_label_values(&[feed]),
            bytes: self.bytes.with_label_values(&[feed]),
            changed: outcome("changed"),
            unchanged: outcome("unchanged"),
            older: outcome("older"),
            rejected: outcome("rejected"),
            refused: outcome("refused"),
            ignored: Ignored::ALL.map(|why| self.ignored.with_label_values(&[feed, why.name()])),
            garbage: self.garbage.with_label_values(&[feed]),
            refused_subscriptions: self.refused_subscriptions.with_label_values(&[feed]),
            symbol_silences: self.symbol_silences.with_label_values(&[feed]),
            dials: self.dials.with_label_values(&[feed]),
            reconnects: Cause::ALL.map(|cause| self.reconnects.with_label_values(&[feed, cause.name()])),
            catalogue_failures: self.catalogue_failures.with_label_values(&[feed]),
            catalogue_left_out: self.catalogue_left_out.with_label_values(&[feed]),
            connected: self.connected.with_label_values(&[feed]),
            last_message: self.last_message.with_label_values(&[feed]),
            subscribed: state("subscribed"),
            missing: state("missing"),
            no_room: state("no_room"),
        }
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, series: C) -> prometheus::Result<C> {
    registry.register(Box::new(series.clone()))?;
    Ok(series)
}

/// The series of one feed, looked up once. Cheap to clone; every connection has a clone.
#[derive(Clone, Debug)]
pub struct OneFeed {
    messages: IntCounter,
    bytes: IntCounter,
    changed: IntCounter,
    unchanged: IntCounter,
    older: IntCounter,
    rejected: IntCounter,
    refused: IntCounter,
    ignored: [IntCounter; Ignored::ALL.len()],
    garbage: IntCounter,
    refused_subscriptions: IntCounter,
    symbol_silences: IntCounter,
    dials: IntCounter,
    reconnects: [IntCounter; Cause::ALL.len()],
    catalogue_failures: IntCounter,
    catalogue_left_out: IntGauge,
    connected: IntGauge,
    last_message: Gauge,
    subscribed: IntGauge,
    missing: IntGauge,
    no_room: IntGauge,
}

impl OneFeed {
    /// Counts what lies between two states of one connection's counts. Called after each message: the counting itself
    /// is plain arithmetic, and only what moved is added here.
    pub(crate) fn add(&self, before: &Counted, after: &Counted) {
        let add = |series: &IntCounter, before: u64, after: u64| {
            if after != before {
                series.inc_by(after.saturating_sub(before));
            }
        };
        add(&self.messages, before.messages, after.messages);
        add(&self.changed, before.changed, after.changed);
        add(&self.unchanged, before.unchanged, after.unchanged);
        add(&self.older, before.older, after.older);
        add(&self.rejected, before.rejected, after.rejected);
        add(&self.refused, before.refused, after.refused);
        add(&self.garbage, before.garbage, after.garbage);
        add(&self.refused_subscriptions, before.refused_subscriptions, after.refused_subscriptions);
        for ((series, before), after) in self.ignored.iter().zip(before.ignored).zip(after.ignored) {
            add(series, before, after);
        }
    }

    /// Notes a message of that many bytes.
    pub(crate) fn received(&self, bytes: usize, at: Micros) {
        self.bytes.inc_by(bytes as u64);
        self.last_message.set(at.get() as f64 / 1e6);
    }

    /// Counts a symbol that the venue refuses without a word.
    pub(crate) fn refused(&self) {
        self.refused_subscriptions.inc();
    }

    /// Counts symbols that became stale alone.
    pub(crate) fn fell_silent(&self, count: usize) {
        self.symbol_silences.inc_by(count as u64);
    }

    pub(crate) fn dialled(&self) {
        self.dials.inc();
    }

    pub(crate) fn ended(&self, cause: Cause) {
        self.reconnects[cause as usize].inc();
    }

    pub(crate) fn catalogue_failed(&self) {
        self.catalogue_failures.inc();
    }

    pub(crate) fn set_left_out(&self, entries: usize) {
        self.catalogue_left_out.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_symbols(&self, subscribed: usize, missing: usize, no_room: usize) {
        let set = |series: &IntGauge, count: usize| series.set(i64::try_from(count).unwrap_or(i64::MAX));
        set(&self.subscribed, subscribed);
        set(&self.missing, missing);
        set(&self.no_room, no_room);
    }

    /// Adds symbols that the sink has no room for.
    pub(crate) fn add_without_room(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.subscribed.sub(count);
        self.no_room.add(count);
    }

    /// Counts one open connection until the guard is dropped.
    pub(crate) fn connected(&self) -> ConnectedGuard {
        self.connected.inc();
        ConnectedGuard(self.connected.clone())
    }
}

/// Counts a feed that has no connection, such as a recording: told its counts from time to time, it adds what is new.
#[derive(Debug)]
pub struct Reporter {
    feed: OneFeed,
    reported: Counted,
}

impl Reporter {
    /// A reporter that has told nothing yet.
    pub fn new(feed: OneFeed) -> Reporter {
        Reporter { feed, reported: Counted::default() }
    }

    /// Adds what has come since the last report; `at` is when it was received.
    pub fn report(&mut self, stats: &Stats, at: Micros) {
        let now = Counted::of(stats);
        if now.messages > self.reported.messages {
            self.feed.last_message.set(at.get() as f64 / 1e6);
        }
        self.feed.add(&self.reported, &now);
        self.reported = now;
    }
}

/// One open connection in the gauge.
#[derive(Debug)]
pub(crate) struct ConnectedGuard(IntGauge);

impl Drop for ConnectedGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The part of [`Stats`] that has series, as plain numbers that are cheap to copy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    messages: u64,
    changed: u64,
    unchanged: u64,
    older: u64,
    rejected: u64,
    refused: u64,
    garbage: u64,
    refused_subscriptions: u64,
    ignored: [u64; Ignored::ALL.len()],
}

impl Counted {
    pub(crate) fn of(stats: &Stats) -> Counted {
        Counted {
            messages: stats.messages,
            changed: stats.changed,
            unchanged: stats.unchanged,
            older: stats.older,
            rejected: stats.rejected,
            refused: stats.refused,
            garbage: stats.garbage,
            refused_subscriptions: stats.refused_subscriptions,
            ignored: Ignored::ALL.map(|why| stats.ignored_for(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder, TextEncoder};

    use super::*;

    #[test]
    fn every_series_has_a_help_sentence_and_only_closed_labels() {
        let registry = Registry::new();
        let metrics = FeedMetrics::register(&registry).unwrap();
        let feed = metrics.of_feed("toy");
        let after = Counted { messages: 3, changed: 2, garbage: 1, ..Counted::default() };
        feed.add(&Counted::default(), &after);
        feed.add(&after, &Counted { messages: 4, ..after });
        feed.received(10, Micros(1_500_000));
        let guard = feed.connected();
        feed.ended(Cause::Silence);
        for family in registry.gather() {
            assert!(family.name().starts_with("quotewire_feed_"), "{}", family.name());
            assert!(family.help().ends_with('.'), "{}", family.help());
            for label in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
                assert!(["feed", "outcome", "reason", "state"].contains(&label.name()), "{}", label.name());
            }
        }
        let text = || {
            let mut text = Vec::new();
            TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        for line in [
            "quotewire_feed_messages_total{feed=\"toy\"} 4",
            "quotewire_feed_updates_total{feed=\"toy\",outcome=\"changed\"} 2",
            "quotewire_feed_updates_total{feed=\"toy\",outcome=\"older\"} 0",
            "quotewire_feed_garbage_total{feed=\"toy\"} 1",
            "quotewire_feed_bytes_total{feed=\"toy\"} 10",
            "quotewire_feed_last_message_timestamp_seconds{feed=\"toy\"} 1.5",
            "quotewire_feed_connected{feed=\"toy\"} 1",
            "quotewire_feed_reconnects_total{feed=\"toy\",reason=\"silence\"} 1",
        ] {
            assert!(text().contains(line), "{line} is not in {}", text());
        }
        drop(guard);
        assert!(text().contains("quotewire_feed_connected{feed=\"toy\"} 0"));
        assert!(FeedMetrics::register(&registry).is_err(), "registered twice");
    }
}
