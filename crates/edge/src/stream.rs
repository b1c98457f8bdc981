//! A quote stream as its connection sees it: polled for bytes, dropped when the client is gone.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use wire::encode;

use crate::Core;
use crate::client::{Client, EndReason};
use crate::outbox::{Outbox, Told, View};

/// The body of one stream. Never holds more than one unsent buffer; a connection that takes no bytes does not poll it,
/// and what it is owed then waits in the table, conflated.
#[derive(Debug)]
pub(crate) struct QuoteStream {
    core: Arc<Core>,
    client: Arc<Client>,
    outbox: Outbox,
    style: View,
    /// `retry`, `hello`, and `reset` if there is one.
    head: Option<Bytes>,
    /// What a client that is sent away waits before it comes back.
    retry_ms: u64,
    place: usize,
    lag_us: u64,
    over: bool,
}

impl QuoteStream {
    /// Opens a stream: from here on it is counted, and its end will be counted once.
    pub(crate) fn open(
        core: Arc<Core>,
        client: Client,
        outbox: Outbox,
        style: View,
        head: Bytes,
        retry_ms: u64,
    ) -> QuoteStream {
        let client = Arc::new(client);
        let place = core.hub.join(Arc::clone(&client));
        // Whoever joined after everybody was told to say goodbye has not been told.
        if core.is_draining() {
            client.wake_end(EndReason::Drain, core.clock.monotonic());
        }
        core.metrics.streams_opened.inc();
        core.metrics.streams_open.inc();
        core.metrics.subscriptions.add(client.symbols.len() as i64);
        QuoteStream { core, client, outbox, style, head: Some(head), retry_ms, place, lag_us: 0, over: false }
    }

    /// The next bytes, or what will wake the connection when there are some.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.over {
            return Poll::Ready(None);
        }
        let now = self.core.clock.monotonic();
        let waited = self.client.waiting_for(now);
        let wake = self.client.take_wake(cx.waker());
        if wake.end() {
            return Poll::Ready(Some(self.goodbye()));
        }
        if let Some(head) = self.head.take() {
            // What it was woken for comes with the next poll, which follows at once.
            if wake.owed() {
                self.client.wake_owed(now);
            }
            self.core.metrics.events.hello.inc();
            return Poll::Ready(Some(self.hand_over(head)));
        }
        let mut out = Vec::new();
        // A heartbeat says that everything up to its sequence was told, so it looks for itself.
        if self.outbox.in_round() || wake.owed() || wake.heartbeat() {
            // What woke it during a round is found by the next one.
            if !self.outbox.in_round() {
                self.outbox.begin(&self.client, &self.core.table);
            } else if wake.owed() {
                self.client.wake_owed(now);
            }
            while out.is_empty() && self.outbox.in_round() {
                let told = self.outbox.compose(
                    &self.client,
                    &self.core.table,
                    &self.core.frames,
                    self.style,
                    &mut out,
                );
                self.count(told, waited);
            }
        }
        if out.is_empty() && wake.heartbeat() {
            let cut = self.core.table.safe_cut();
            let now = self.core.clock.now();
            encode::heartbeat(&mut out, self.style.style, now, cut, self.lag_us, self.style.wanted);
            self.core.metrics.events.heartbeat.inc();
        }
        if out.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Some(self.hand_over(out.into())))
    }

    fn goodbye(&mut self) -> Bytes {
        self.over = true;
        let reason = self.client.end_reason().unwrap_or(EndReason::Drain);
        let mut out = Vec::new();
        encode::goodbye(&mut out, self.style.style, reason.name(), self.retry_ms, self.style.wanted);
        self.core.metrics.events.goodbye.inc();
        self.hand_over(out.into())
    }

    fn hand_over(&self, bytes: Bytes) -> Bytes {
        self.client.wrote(self.core.clock.monotonic());
        self.core.metrics.writes.inc();
        self.core.metrics.event_bytes.inc_by(bytes.len() as u64);
        bytes
    }

    fn count(&mut self, told: Told, waited: Duration) {
        let metrics = &self.core.metrics;
        metrics.events.snapshot.inc_by(told.snapshots);
        metrics.events.quote.inc_by(told.quotes);
        metrics.events.status.inc_by(told.statuses);
        metrics.conflated.inc_by(told.conflated);
        metrics.frames_shared.inc_by(told.shared);
        if let Some(published) = told.newest {
            // Since the newest change told was published, and no less than what the stream has waited since it was
            // woken: the sooner of the changes merged into an event may be that old.
            let lag = self.core.clock.now().since(published).max(waited);
            metrics.delivery.observe(lag.as_secs_f64());
            self.lag_us = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        }
    }
}

impl Drop for QuoteStream {
    fn drop(&mut self) {
        self.core.hub.leave(self.place);
        let fallback = if std::thread::panicking() { EndReason::Fault } else { EndReason::ClientGone };
        let reason = self.client.end_reason().unwrap_or(fallback);
        self.core.metrics.streams_ended.with_label_values(&[reason.name()]).inc();
        self.core.metrics.streams_open.dec();
        self.core.metrics.subscriptions.sub(self.client.symbols.len() as i64);
        tracing::debug!(reason = reason.name(), symbols = self.client.symbols.len(), "stream ended");
    }
}
