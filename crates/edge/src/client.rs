//! One connected stream: who it is, what it subscribed to, and what can wake or end it.
//!
//! What it is *owed* is worked out in `outbox`, the bytes are made in `wire`, who wakes it is
//! [`crate::hub`]. This file holds only what those three share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::RwLock;
use table::{FeedId, SymbolId, Table};
use tokio_util::sync::CancellationToken;

/// Why a stream ended: a closed list. Each end has exactly one reason, in a metric and, when it can still be
/// written, in the last event (promise 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EndReason {
    /// The client closed, reset or lost its connection.
    ClientGone = 1,
    /// The client left what it was owed unread for too long.
    Stalled = 2,
    /// We are shutting down.
    Drain = 3,
    /// A fault of our own in this stream.
    Fault = 4,
    /// It has told as many events as were asked for.
    Limit = 5,
    /// It has lasted as long as was asked for.
    Duration = 6,
    /// It has lasted as long as the server lets a stream last.
    MaxAge = 7,
    /// Whoever knows its id has closed it.
    Closed = 8,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [EndReason; 8] = [
        EndReason::ClientGone,
        EndReason::Stalled,
        EndReason::Drain,
        EndReason::Fault,
        EndReason::Limit,
        EndReason::Duration,
        EndReason::MaxAge,
        EndReason::Closed,
    ];

    /// The name in metrics and in `goodbye`.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::ClientGone => "client_gone",
            EndReason::Stalled => "stalled",
            EndReason::Drain => "drain",
            EndReason::Fault => "fault",
            EndReason::Limit => "limit",
            EndReason::Duration => "duration",
            EndReason::MaxAge => "max_age",
            EndReason::Closed => "closed",
        }
    }

    fn from_u8(byte: u8) -> Option<EndReason> {
        EndReason::ALL.into_iter().find(|reason| *reason as u8 == byte)
    }
}

/// A subscribed symbol may have changed.
const OWED: u8 = 1;
/// The stream has been quiet for a heartbeat interval.
const HEARTBEAT: u8 = 2;
/// The stream is to say goodbye.
const END: u8 = 4;

/// What woke a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake(u8);

impl Wake {
    pub(crate) fn owed(self) -> bool {
        self.0 & OWED != 0
    }
    pub(crate) fn heartbeat(self) -> bool {
        self.0 & HEARTBEAT != 0
    }
    pub(crate) fn end(self) -> bool {
        self.0 & END != 0
    }
}

/// What the hub compares with the table for a stream.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) symbols: Box<[SymbolId]>,
    /// The feeds behind those symbols, whose state it is told too.
    pub(crate) feeds: Box<[FeedId]>,
    /// The length of the table up to which its patterns have been looked at; `usize::MAX` without patterns.
    pub(crate) seen: usize,
}

/// The part of a stream that its body and the hub share.
///
/// The body (polled by the connection's task) and the hub (one task) meet only through these atomics. None of them
/// guards memory: quotes are read from the table, whose own ordering makes what the hub saw visible to the body.
#[derive(Debug)]
pub(crate) struct Client {
    /// What it listens to. Replaced as a whole when the subscription changes.
    watched: RwLock<Arc<Watched>>,
    /// Ends the connection from outside the body, which is not polled while the socket is full.
    pub(crate) kill: CancellationToken,
    /// Registered by the body in each poll, woken by the hub.
    waker: AtomicWaker,
    /// What woke it: set by the hub, taken by the body.
    flags: AtomicU8,
    /// Everything of this stream at or below has been handed over. Written by the body, read by the hub; an old value
    /// only costs a wake-up that finds nothing.
    sent_cut: AtomicU64,
    /// Since when the body has been woken without being polled, in milliseconds of monotonic time plus one; 0 when it
    /// has answered. Set by the hub, cleared by the body.
    waiting_since_ms: AtomicU64,
    /// When the body last handed over bytes, in milliseconds of monotonic time. Written by the body, read by the hub.
    wrote_ms: AtomicU64,
    /// Before that time (microseconds of monotonic time) its rate lets it tell nothing but changes of status. Written by
    /// the body, which wakes itself then; read by the hub.
    hold_until_us: AtomicU64,
    /// The latest change of status that it has looked for. Written by the body, read by the hub.
    status_seen: AtomicU64,
    /// The reason of the end, 0 while there is none; the first one stands.
    end: AtomicU8,
}

impl Client {
    pub(crate) fn new(watched: Watched, kill: CancellationToken, now: Duration) -> Client {
        Client {
            watched: RwLock::new(Arc::new(watched)),
            kill,
            waker: AtomicWaker::new(),
            // A new stream is owed its first events.
            flags: AtomicU8::new(OWED),
            sent_cut: AtomicU64::new(0),
            waiting_since_ms: AtomicU64::new(0),
            wrote_ms: AtomicU64::new(millis(now)),
            hold_until_us: AtomicU64::new(0),
            status_seen: AtomicU64::new(0),
            end: AtomicU8::new(0),
        }
    }

    /// Listens to something else from now on, and looks at all of it anew.
    pub(crate) fn watch(&self, watched: Watched) {
        *self.watched.write() = Arc::new(watched);
        self.sent_up_to(0);
    }

    /// Whether the table has something that this stream has not been told and may be told now.
    pub(crate) fn is_behind(&self, table: &Table, status_seq: u64, now: Duration) -> bool {
        if u64::try_from(now.as_micros()).unwrap_or(u64::MAX) < self.hold_until_us.load(Ordering::Relaxed)
            && status_seq <= self.status_seen.load(Ordering::Acquire)
        {
            return false;
        }
        let sent = self.sent_cut();
        let watched = self.watched.read();
        watched.symbols.iter().any(|&id| table.changed_seq(id) > sent)
            || watched.feeds.iter().any(|&id| table.feed_changed_seq(id) > sent)
            || table.len() > watched.seen
    }

    /// The body will wake itself at that time; before it only changes of status are of interest.
    pub(crate) fn hold_until(&self, time: Option<Duration>) {
        let micros = time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        self.hold_until_us.store(micros, Ordering::Relaxed);
    }

    /// The body is about to look for changes of status up to this one.
    pub(crate) fn saw_status(&self, seq: u64) {
        self.status_seen.store(seq, Ordering::Release);
    }

    pub(crate) fn status_seen(&self) -> u64 {
        self.status_seen.load(Ordering::Acquire)
    }

    /// The body asks what it was woken for, and from now on is woken again. Registering comes before taking the flags:
    /// a flag set in between wakes the fresh waker.
    pub(crate) fn take_wake(&self, waker: &std::task::Waker) -> Wake {
        self.waker.register(waker);
        self.waiting_since_ms.store(0, Ordering::Relaxed);
        Wake(self.flags.swap(0, Ordering::AcqRel))
    }

    /// The body has handed over everything at or below `cut`.
    pub(crate) fn sent_up_to(&self, cut: u64) {
        self.sent_cut.store(cut, Ordering::Release);
    }

    pub(crate) fn sent_cut(&self) -> u64 {
        self.sent_cut.load(Ordering::Acquire)
    }

    /// The body has handed over bytes.
    pub(crate) fn wrote(&self, now: Duration) {
        self.wrote_ms.store(millis(now), Ordering::Relaxed);
    }

    pub(crate) fn quiet_for(&self, now: Duration) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.wrote_ms.load(Ordering::Relaxed)))
    }

    /// How long the body has been woken without being polled.
    pub(crate) fn waiting_for(&self, now: Duration) -> Duration {
        match self.waiting_since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis((millis(now) + 1).saturating_sub(since)),
        }
    }

    /// Puts back what was taken and not acted upon. For the body, which will be polled again at once.
    pub(crate) fn wake_again(&self, wake: Wake) {
        self.flags.fetch_or(wake.0, Ordering::AcqRel);
    }

    pub(crate) fn wake_owed(&self, now: Duration) -> bool {
        self.wake(OWED, now)
    }

    pub(crate) fn wake_heartbeat(&self, now: Duration) -> bool {
        self.wake(HEARTBEAT, now)
    }

    /// Asks the stream to say goodbye for that reason.
    pub(crate) fn wake_end(&self, reason: EndReason, now: Duration) {
        self.end_with(reason);
        self.wake(END, now);
    }

    /// Sets the flag and wakes the body; false when it had been woken for this already.
    fn wake(&self, flag: u8, now: Duration) -> bool {
        if self.flags.fetch_or(flag, Ordering::AcqRel) & flag != 0 {
            return false;
        }
        let _ =
            self.waiting_since_ms.compare_exchange(0, millis(now) + 1, Ordering::Relaxed, Ordering::Relaxed);
        self.waker.wake();
        true
    }

    /// Records why the stream ends; the first reason stands.
    pub(crate) fn end_with(&self, reason: EndReason) {
        let _ = self.end.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        EndReason::from_u8(self.end.load(Ordering::Acquire))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(Watched::default(), CancellationToken::new(), Duration::ZERO)
    }

    #[test]
    fn a_stream_is_woken_once_until_it_answers() {
        let client = client();
        let waker = std::task::Waker::noop();
        assert!(client.take_wake(waker).owed(), "a new stream is owed its first events");
        let at = Duration::from_secs(5);
        assert!(client.wake_owed(at));
        assert!(!client.wake_owed(at));
        assert_eq!(client.waiting_for(at + Duration::from_secs(2)), Duration::from_secs(2));
        assert!(client.wake_heartbeat(at + Duration::from_secs(1)), "another reason wakes too");
        assert_eq!(
            client.waiting_for(at + Duration::from_secs(2)),
            Duration::from_secs(2),
            "since the first"
        );
        let wake = client.take_wake(waker);
        assert!(wake.owed() && wake.heartbeat() && !wake.end());
        assert_eq!(client.waiting_for(at + Duration::from_secs(9)), Duration::ZERO);
    }

    #[test]
    fn the_first_reason_stands() {
        let client = client();
        assert_eq!(client.end_reason(), None);
        client.end_with(EndReason::Stalled);
        client.wake_end(EndReason::Drain, Duration::ZERO);
        assert_eq!(client.end_reason(), Some(EndReason::Stalled));
    }
}
