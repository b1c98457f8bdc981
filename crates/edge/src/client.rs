//! One connected stream: who it is, and what can wake or end it.
//!
//! What it is *owed* is worked out in `outbox`, the bytes are made in `wire`, who wakes it is its writer loop
//! (`writer_loop.rs`). This file holds only what those share with everybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::task::{ArcWake, AtomicWaker};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::home::Home;

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
/// Its socket can be read or written again. Only where the loop owns the socket.
const SOCKET: u8 = 8;
/// The connection ends without a word. Only where the loop owns the socket.
const KILL: u8 = 16;
/// The loop owns the socket. Set once.
const HANDED_OVER: u8 = 32;
/// It is to look again when the table changes. Only where the loop does not own the socket.
const UNFINISHED: u8 = 64;

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
    /// The same, for a stream that its loop has found to be owed something.
    pub(crate) fn and_owed(self, owed: bool) -> Wake {
        Wake(self.0 | if owed { OWED } else { 0 })
    }
}

/// The part of a stream that everybody who wakes or ends it shares with whoever writes it.
///
/// They meet only through these atomics. None of them guards memory: quotes are read from the table, whose own ordering
/// makes what the loop saw visible to the body.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its writer loop, and its place there.
    pub(crate) home: Arc<Home>,
    pub(crate) place: u32,
    /// Ends the connection's task, as long as there is one; what is not polled cannot be ended otherwise.
    kill: Mutex<Option<CancellationToken>>,
    /// Registered by the body in each poll, woken by the loop. Not used once the socket has been handed over.
    waker: AtomicWaker,
    /// What woke it: set by anybody, taken by whoever writes it.
    flags: AtomicU8,
    /// Since when the body has been woken without being polled, in milliseconds of monotonic time plus one; 0 when it
    /// has answered. Set by the loop, cleared by the body.
    waiting_since_ms: AtomicU64,
    /// When bytes were last handed over, in milliseconds of monotonic time. Written by the body, read by the loop.
    wrote_ms: AtomicU64,
    /// Before that time (microseconds of monotonic time) its rate lets it tell nothing but changes of status. Written by
    /// the body, which wakes itself then; read by the loop.
    hold_until_us: AtomicU64,
    /// How many changes of status there had been when it last looked for them. Written by the body, read by the loop.
    statuses_seen: AtomicU64,
    /// The reason of the end, 0 while there is none; the first one stands.
    end: AtomicU8,
}

impl Client {
    pub(crate) fn new(home: Arc<Home>, place: u32, kill: Option<CancellationToken>, now: Duration) -> Client {
        Client {
            home,
            place,
            kill: Mutex::new(kill),
            waker: AtomicWaker::new(),
            // A new stream is owed its first events.
            flags: AtomicU8::new(OWED),
            waiting_since_ms: AtomicU64::new(0),
            wrote_ms: AtomicU64::new(millis(now)),
            hold_until_us: AtomicU64::new(0),
            statuses_seen: AtomicU64::new(0),
            end: AtomicU8::new(0),
        }
    }

    /// Whether its rate lets it tell nothing now, and no change of status waits that no rate holds back.
    #[inline]
    pub(crate) fn is_held(&self, statuses: u64, now: Duration) -> bool {
        let until = self.hold_until_us.load(Ordering::Relaxed);
        until > 0
            && u64::try_from(now.as_micros()).unwrap_or(u64::MAX) < until
            && statuses <= self.statuses_seen.load(Ordering::Acquire)
    }

    /// The body will wake itself at that time; before it only changes of status are of interest.
    pub(crate) fn hold_until(&self, time: Option<Duration>) {
        let micros = time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        self.hold_until_us.store(micros, Ordering::Relaxed);
    }

    /// Whether a rate holds it, or held it when it last looked.
    pub(crate) fn has_rate(&self) -> bool {
        self.hold_until_us.load(Ordering::Relaxed) > 0
    }

    /// The time is over for which its rate held it. It looks then, whatever else it was woken for: what changed meanwhile was
    /// left to it.
    pub(crate) fn hold_is_over(&self, now: Duration) -> bool {
        let until = self.hold_until_us.load(Ordering::Relaxed);
        until > 0 && u64::try_from(now.as_micros()).unwrap_or(u64::MAX) >= until
    }

    /// The body is about to look for changes of status; there have been so many.
    pub(crate) fn saw_statuses(&self, count: u64) {
        self.statuses_seen.store(count, Ordering::Release);
    }

    pub(crate) fn statuses_seen(&self) -> u64 {
        self.statuses_seen.load(Ordering::Acquire)
    }

    /// The body asks what it was woken for, and from now on is woken again. Registering comes before taking the flags:
    /// a flag set in between wakes the fresh waker.
    pub(crate) fn take_wake(&self, waker: &std::task::Waker) -> Wake {
        self.waker.register(waker);
        self.waiting_since_ms.store(0, Ordering::Relaxed);
        Wake(self.flags.fetch_and(HANDED_OVER | UNFINISHED, Ordering::AcqRel))
    }

    /// What has happened to it is not all to be had yet: it looks again when the table has changed.
    pub(crate) fn is_unfinished(&self) {
        if self.flags.fetch_or(UNFINISHED, Ordering::AcqRel) & UNFINISHED == 0 {
            self.home.call(self.place);
        }
    }

    /// For its loop, once for each time that it said so.
    pub(crate) fn take_unfinished(&self) -> bool {
        self.flags.fetch_and(!UNFINISHED, Ordering::AcqRel) & UNFINISHED != 0
    }

    /// The loop asks what a stream was woken for whose socket it owns.
    pub(crate) fn take_flags(&self) -> Wake {
        const KEPT: u8 = HANDED_OVER | SOCKET | KILL;
        // Mostly there is nothing, which needs no write: whoever sets a flag later calls the loop.
        match self.flags.load(Ordering::Acquire) & !KEPT {
            0 => Wake(0),
            _ => Wake(self.flags.fetch_and(KEPT, Ordering::AcqRel)),
        }
    }

    /// Whether its socket has something to say; asked once for each time that it has.
    pub(crate) fn take_socket(&self) -> bool {
        self.flags.load(Ordering::Acquire) & SOCKET != 0
            && self.flags.fetch_and(!SOCKET, Ordering::AcqRel) & SOCKET != 0
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & KILL != 0
    }

    /// From now on whoever wakes it calls its loop. What it was woken for before is found by the next look at its flags.
    pub(crate) fn hand_over(&self) {
        // And its socket is listened to from now on, which begins with a first try.
        self.flags.fetch_or(HANDED_OVER | SOCKET, Ordering::AcqRel);
    }

    /// The connection's task is about to end, and not to end the stream with it.
    pub(crate) fn leave_task(&self) {
        *self.kill.lock() = None;
    }

    /// Bytes have been handed over.
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

    /// It waits from now on, unless it does already.
    pub(crate) fn waits_from(&self, now: Duration) {
        let _ =
            self.waiting_since_ms.compare_exchange(0, millis(now) + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// It waits no longer. For the loop that owns its socket.
    pub(crate) fn waits_no_more(&self) {
        self.waiting_since_ms.store(0, Ordering::Relaxed);
    }

    /// Puts back what was taken and not acted upon. For whoever will look again at once.
    pub(crate) fn wake_again(&self, wake: Wake) {
        self.flags.fetch_or(wake.0 & (OWED | HEARTBEAT | END), Ordering::AcqRel);
    }

    pub(crate) fn wake_owed(&self, now: Duration) -> bool {
        self.wake(OWED, now)
    }

    /// A heartbeat is due. Wakes the body; the loop that owns the socket sees to it itself.
    pub(crate) fn heartbeat(&self, now: Duration) -> bool {
        let before = self.flags.fetch_or(HEARTBEAT, Ordering::AcqRel);
        if before & (HEARTBEAT | HANDED_OVER) == 0 {
            self.waits_from(now);
            self.waker.wake();
        }
        before & HEARTBEAT == 0
    }

    /// Asks the stream to say goodbye for that reason.
    pub(crate) fn wake_end(&self, reason: EndReason, now: Duration) {
        self.end_with(reason);
        self.wake(END, now);
    }

    /// Ends the connection without a word.
    pub(crate) fn kill(&self, reason: EndReason) {
        self.end_with(reason);
        // Always, because the hand-over may be on its way at this moment.
        self.flags.fetch_or(KILL, Ordering::AcqRel);
        let task = self.kill.lock().take();
        match task {
            Some(task) => task.cancel(),
            None => self.home.call(self.place),
        }
    }

    /// Sets the flag and wakes whoever writes the stream; false when it had been woken for this already.
    fn wake(&self, flag: u8, now: Duration) -> bool {
        let before = self.flags.fetch_or(flag, Ordering::AcqRel);
        if before & flag != 0 {
            return false;
        }
        if before & HANDED_OVER == 0 {
            self.waits_from(now);
            self.waker.wake();
        } else {
            self.home.call(self.place);
        }
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

/// What a handed-over socket wakes: its loop.
impl ArcWake for Client {
    fn wake_by_ref(client: &Arc<Client>) {
        if client.flags.fetch_or(SOCKET, Ordering::AcqRel) & SOCKET == 0 {
            client.home.call(client.place);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(Arc::new(Home::new(0)), 7, Some(CancellationToken::new()), Duration::ZERO)
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
        assert!(client.heartbeat(at + Duration::from_secs(1)), "another reason wakes too");
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

    #[test]
    fn what_came_before_the_hand_over_is_found_after_it() {
        let client = Arc::new(client());
        client.wake_end(EndReason::Drain, Duration::ZERO);
        client.hand_over();
        assert!(client.take_flags().end());
        assert!(client.take_socket(), "the socket is listened to from the beginning");
        assert_eq!(client.home.take().1, [0_u32; 0], "nobody was called before");
        client.wake_owed(Duration::ZERO);
        ArcWake::wake_by_ref(&client);
        ArcWake::wake_by_ref(&client);
        assert_eq!(client.home.take().1, [7, 7], "once for each reason");
        assert!(client.take_socket() && !client.take_socket());
        assert!(client.take_flags().owed(), "which the socket's does not take with it");
    }

    #[test]
    fn killed_is_killed_on_either_side_of_the_hand_over() {
        let (before, after) = (client(), client());
        let task = CancellationToken::new();
        *before.kill.lock() = Some(task.clone());
        before.kill(EndReason::Stalled);
        assert!(task.is_cancelled());
        after.leave_task();
        after.kill(EndReason::Stalled);
        assert!(after.is_killed());
    }
}
