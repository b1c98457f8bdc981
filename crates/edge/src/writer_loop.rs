//! A writer loop: owns its streams and their sockets, and does everything that a change costs.
//!
//! There is one for each core that is to write. A change costs only those who are owed it: the table says which symbols
//! changed ([`table::Watcher`]), [`Subscribers`] says whose they are, and each of those is told all that it is owed in one
//! write. Nobody is woken for it. Streams whose connections stay with hyper (other protocols than plain HTTP/1.1) live
//! here too; they are woken instead of written.
//!
//! A stream that was not written to for a while is told at once. While changes keep coming, its writes are a window apart
//! that widens with the loop's load (`spacing.rs`), so that efficiency grows with load instead of latency.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use prometheus::Gauge;
use prometheus::local::LocalHistogram;
use table::Watcher;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::sync::CancellationToken;

use crate::Core;
use crate::client::EndReason;
use crate::desk::Desk;
use crate::home::{Home, Letter};
use crate::seats::{Marking, Seats};
use crate::sends::Sends;
use crate::spacing::Spacing;
use crate::subscribers::Subscribers;

mod writing;

use writing::Parcel;

/// Least time between two looks at what has changed: tokio's timers have this resolution.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Longest time that a turn reads the post: many subscriptions may be in it, and others are to be told meanwhile.
const READING_MAX: Duration = Duration::from_millis(5);
/// What a woken stream costs elsewhere, mostly its socket write: 8 us measured for hyper on two cores, with room for the
/// encoder.
const COST_OF_A_WAKE: Duration = Duration::from_micros(12);
/// So many streams ahead their memory is asked for.
const AHEAD: usize = 3;
/// Streams written before the loop looks what else there is: sockets, timers, the stop.
const CHUNK: usize = 64;
/// Bytes that are composed, for whomever, before they are sent: they are to be in the near cache still.
const SENT_AT: usize = 128 << 10;
/// Time between two counts of the memory that streams hold: it is for graphs, and walks over all of them.
const STOCKTAKING: Duration = Duration::from_secs(5);
/// Most time between two looks at heartbeats and stalled streams.
const HOUSEKEEPING_MAX: Duration = Duration::from_millis(250);

/// What a loop has panicked with.
type Panic = Box<dyn std::any::Any + Send>;

/// Starts the loops, each on a thread of its own with a runtime of its own, so that its sockets wake nobody else. On a
/// runtime that has one thread only, as tests and simulated worlds have it, they are tasks of that.
pub(crate) fn start(
    loops: Vec<WriterLoop>,
    stop: &CancellationToken,
) -> FuturesUnordered<BoxFuture<'static, Result<(), Panic>>> {
    let alone = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
    let start = |one: WriterLoop| -> BoxFuture<'static, Result<(), Panic>> {
        let name = format!("writer-{}", one.number());
        // A loop decides itself when others have their turn: after so many streams, not after so many writes.
        let run = |stop| tokio::task::unconstrained(one.run(stop));
        if alone {
            let task = tokio::spawn(run(stop.clone()));
            return Box::pin(async { task.await.map_err(tokio::task::JoinError::into_panic) });
        }
        let stop = stop.clone();
        let (done, ended) = tokio::sync::oneshot::channel();
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let run = || runtime.expect("a runtime for a writer loop").block_on(run(stop));
            // The other side may have gone, which is what it is told to do when we stop.
            let _ = done.send(catch_unwind(AssertUnwindSafe(run)));
        };
        std::thread::Builder::new().name(name).spawn(body).expect("a thread for a writer loop");
        Box::pin(async { ended.await.unwrap_or(Ok(())) })
    };
    loops.into_iter().map(start).collect()
}

/// One loop.
#[derive(Debug)]
pub(crate) struct WriterLoop {
    core: Arc<Core>,
    home: Arc<Home>,
    watcher: Watcher,
    desk: Desk,
    subscribers: Subscribers,
    seats: Seats,
    alarms: BTreeSet<(Duration, u32)>,
    spacing: Spacing,
    /// Post that has been taken and not read.
    letters: VecDeque<Letter>,
    calls: Vec<u32>,
    /// The length of the table, the changes of feeds and those of any status that have been looked at.
    seen_symbols: usize,
    seen_feeds: u64,
    seen_statuses: u64,
    /// Not looked before, in monotonic time.
    next_look: Duration,
    next_housekeeping: Duration,
    next_stocktaking: Duration,
    /// What its streams held at the last one, in bytes.
    memory: i64,
    delivery: LocalHistogram,
    flush_window: Gauge,
    /// What is sent next, and whose it is.
    out: Vec<u8>,
    parcels: Vec<Parcel>,
    sends: Sends,
    sent: Vec<io::Result<usize>>,
}

impl WriterLoop {
    pub(crate) fn new(core: Arc<Core>, home: Arc<Home>, watcher: Watcher) -> WriterLoop {
        let label = home.number.to_string();
        let spacing = Spacing::new();
        let flush_window = core.metrics.flush_window.with_label_values(&[&label]);
        flush_window.set(spacing.window().as_secs_f64());
        let sends = Sends::new(core.config.load().io_uring);
        WriterLoop {
            delivery: core.metrics.delivery.with_label_values(&[&label]).local(),
            flush_window,
            next_stocktaking: Duration::ZERO,
            memory: 0,
            desk: Desk::default(),
            core,
            home,
            watcher,
            subscribers: Subscribers::default(),
            seats: Seats::default(),
            alarms: BTreeSet::new(),
            spacing,
            letters: VecDeque::new(),
            calls: Vec::new(),
            seen_symbols: 0,
            seen_feeds: 0,
            seen_statuses: 0,
            next_look: Duration::ZERO,
            next_housekeeping: Duration::ZERO,
            out: Vec::new(),
            parcels: Vec::new(),
            sends,
            sent: Vec::new(),
        }
    }

    /// Which loop it is, from 0.
    pub(crate) fn number(&self) -> usize {
        self.home.number
    }

    /// Runs until stopped. Ends every stream that is still here.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let home = Arc::clone(&self.home);
        loop {
            match self.pause() {
                Some(pause) => {
                    // In this order, so that the same run comes out of the same seed.
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = home.bell.notified() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                // A timer would round nothing up to a millisecond.
                None if stop.is_cancelled() => break,
                None => {}
            }
            self.turn().await;
        }
        // What nobody reads any more holds connections.
        drop(home.take());
    }

    /// How long there is nothing to do but what the bell says; `None` when there is something.
    fn pause(&self) -> Option<Duration> {
        if self.seats.has_listed() || !self.letters.is_empty() {
            return None;
        }
        let pending = self.core.hub.signal.is_pending(self.home.number);
        let until = [
            Some(self.next_housekeeping),
            self.alarms.first().map(|&(alarm, _)| alarm),
            self.seats.next_deferred(),
            pending.then_some(self.next_look),
        ];
        let until = until.into_iter().flatten().min().unwrap_or_default();
        Some(until.saturating_sub(self.core.clock.monotonic()))
    }

    /// Reads the post, looks at what has changed if it is time to, and writes to everybody who is owed something.
    async fn turn(&mut self) {
        let start = self.core.clock.monotonic();
        self.read_post(start);
        if start >= self.next_look && self.core.hub.signal.is_pending(self.home.number) {
            self.look(start);
            self.next_look = start + LOOK_EVERY;
        }
        self.desk.echo.begin();
        self.seats.list_deferred(start, self.spacing.window());
        self.ring_alarms(start);
        if start >= self.next_housekeeping {
            self.keep_house(start);
        }
        let listed = self.seats.take_listed();
        for places in listed.chunks(CHUNK) {
            for (at, &place) in places.iter().enumerate() {
                for steps in 1..=AHEAD {
                    if let Some(&ahead) = places.get(at + steps) {
                        self.seats.prefetch(ahead, steps);
                    }
                }
                self.guarded(place, WriterLoop::compose);
                if self.out.len() >= SENT_AT {
                    self.send();
                }
            }
            self.send();
            self.desk.tally.show(&self.core.metrics, &self.delivery, self.core.clock.now());
            tokio::task::yield_now().await;
        }
        self.seats.recycle(listed);
        let now = self.core.clock.monotonic();
        let woken = u32::try_from(self.seats.take_woken()).unwrap_or(u32::MAX);
        let worked = now.saturating_sub(start) + COST_OF_A_WAKE.saturating_mul(woken);
        let before = self.spacing.window();
        self.spacing.worked(worked, now, self.core.config.load().flush_max);
        if self.spacing.window() != before {
            self.flush_window.set(self.spacing.window().as_secs_f64());
        }
    }

    pub(crate) fn read_post(&mut self, now: Duration) {
        let (letters, calls) = self.home.take();
        self.letters.extend(letters);
        self.calls.extend(calls);
        while let Some(letter) = self.letters.pop_front() {
            self.read(letter, now);
            if self.core.clock.monotonic().saturating_sub(now) > READING_MAX {
                return;
            }
        }
        // A call may be for somebody of whom a letter tells first.
        for place in std::mem::take(&mut self.calls) {
            let Some(seat) = self.seats.get(place) else { continue };
            if seat.line.is_some() {
                self.seats.list(place);
            } else if seat.client.as_ref().is_some_and(|client| client.take_unfinished())
                && self.seats.is_unfinished(place)
            {
                // The table may have changed, and been looked at, before it said so.
                self.seats.owe(place, now);
            }
        }
    }

    fn read(&mut self, letter: Letter, now: Duration) {
        match letter {
            Letter::Join { client, symbols, waits } => {
                let place = client.place;
                for &symbol in &symbols {
                    self.subscribers.add(symbol, place);
                }
                self.seats.take(place, client, waits);
                // What has changed since it looked, and before it stood among the subscribers.
                self.seats.owe(place, now);
            }
            Letter::HandOver { place, mut line } => {
                let Some(seat) = self.seats.get(place) else { return };
                let Some(client) = &seat.client else { return };
                client.hand_over();
                if let Err(error) = line.settle() {
                    tracing::warn!(%error, "a connection cannot be taken over");
                    return;
                }
                seat.line = Some(line);
                self.seats.owe(place, now);
            }
            Letter::Change { place, left, joined, waits } => {
                for &symbol in &left {
                    self.subscribers.remove(symbol, place);
                }
                for &symbol in &joined {
                    self.subscribers.add(symbol, place);
                }
                let Some(seat) = self.seats.get(place) else { return };
                seat.waits = waits;
                self.seats.owe(place, now);
            }
            Letter::Leave { place, symbols } => {
                for &symbol in &symbols {
                    self.subscribers.remove(symbol, place);
                }
                if let Some(alarm) = self.seats.get(place).and_then(|seat| seat.alarm.take()) {
                    self.alarms.remove(&(alarm, place));
                }
                self.seats.clear(place);
                self.home.free(place);
            }
        }
    }

    /// Lists, wakes or puts off everybody who may be owed something.
    pub(crate) fn look(&mut self, now: Duration) {
        let signal = &self.core.hub.signal;
        signal.take(self.home.number);
        self.core.metrics.looks.inc();
        let statuses = signal.statuses();
        let marking = Marking { now, statuses, window: self.spacing.window() };
        let (seats, subscribers) = (&mut self.seats, &self.subscribers);
        self.watcher.drain(|symbol| {
            for place in subscribers.of(symbol) {
                seats.mark(place, marking);
            }
        });
        seats.mark_unfinished(marking);
        if std::mem::replace(&mut self.seen_statuses, statuses) != statuses {
            seats.mark_held(marking);
        }
        // These are rare, and concern many.
        let (symbols, feeds) = (self.core.table.len(), signal.feeds());
        let grown = std::mem::replace(&mut self.seen_symbols, symbols) != symbols;
        if std::mem::replace(&mut self.seen_feeds, feeds) != feeds {
            seats.mark_all(marking, |_| true);
        } else if grown {
            seats.mark_all(marking, |seat| seat.waits);
        }
    }

    /// Looks, and wakes whoever it finds, whatever their windows. Returns how many.
    #[cfg(test)]
    pub(crate) fn look_and_wake(&mut self, now: Duration) -> usize {
        self.seats.take_woken();
        self.look(now);
        self.seats.list_deferred(now + Duration::from_secs(1), Duration::ZERO);
        self.seats.take_woken()
    }

    fn ring_alarms(&mut self, now: Duration) {
        while let Some(&(alarm, place)) = self.alarms.first().filter(|(alarm, _)| *alarm <= now) {
            self.alarms.remove(&(alarm, place));
            let Some(seat) = self.seats.get(place) else { continue };
            seat.alarm = None;
            seat.rang = true;
            self.seats.list(place);
        }
    }

    /// Heartbeats for streams that were quiet, the end for streams that do not read.
    fn keep_house(&mut self, now: Duration) {
        let (heartbeat, stall) = {
            let config = self.core.config.load();
            (config.heartbeat, config.limits.stall)
        };
        let every = HOUSEKEEPING_MAX.min(heartbeat / 4).max(Duration::from_millis(1));
        self.next_housekeeping = now + every;
        // Looks come up to a quarter of the interval late, so the threshold comes that much early.
        let quiet = heartbeat - heartbeat / 4;
        if self.home.number == 0 {
            self.core.hub.signal.keep_house(now);
            self.core.desks.rest();
        }
        self.desk.tape.rest();
        if now >= self.next_stocktaking {
            self.next_stocktaking = now + STOCKTAKING;
            self.take_stock();
        }
        let mut beating = Vec::new();
        for (place, seat) in self.seats.iter_mut() {
            let Some(client) = &seat.client else { continue };
            // A socket that takes all it is given is not stalled, whoever says so.
            let may_stall = seat.line.as_ref().is_none_or(|line| line.is_blocked());
            if may_stall && client.waiting_for(now) >= stall {
                client.end_with(EndReason::Stalled);
                if seat.line.take().is_none() {
                    client.kill(EndReason::Stalled);
                }
            } else if client.quiet_for(now) >= quiet && client.heartbeat(now) && seat.line.is_some() {
                beating.push(place);
            }
        }
        for place in beating {
            self.seats.list(place);
        }
    }

    /// Counts the memory of all streams. Not while they are written: it has to look at each.
    fn take_stock(&mut self) {
        let seats = self.seats.memory();
        let lines: usize =
            self.seats.iter().filter_map(|seat| seat.line.as_ref()).map(|line| line.memory()).sum();
        let memory = i64::try_from(seats + lines).unwrap_or(i64::MAX);
        self.core.metrics.stream_memory.add(memory - self.memory);
        self.memory = memory;
    }
}
