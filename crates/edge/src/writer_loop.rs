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
use std::ops::Range;
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
use crate::line::{Line, Written};
use crate::outbox::BUFFER;
use crate::pace::Moment;
use crate::seats::{Marking, Seats};
use crate::sends::Sends;
use crate::spacing::Spacing;
use crate::stream::{Next, Occasion};
use crate::subscribers::Subscribers;

/// Least time between two looks at what has changed: tokio's timers have this resolution.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Longest time that a turn reads the post: many subscriptions may be in it, and others are to be told meanwhile.
const READING_MAX: Duration = Duration::from_millis(5);
/// What a woken stream costs elsewhere, mostly its socket write: 8 us measured for hyper on two cores, with room for the
/// encoder.
const COST_OF_A_WAKE: Duration = Duration::from_micros(12);
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

/// Bytes of one stream that are to be sent.
#[derive(Debug)]
struct Parcel {
    place: u32,
    /// Where they lie.
    bytes: Range<usize>,
    next: Next,
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
        self.seats.list_deferred(start, self.spacing.window());
        self.ring_alarms(start);
        if start >= self.next_housekeeping {
            self.keep_house(start);
        }
        let listed = self.seats.take_listed();
        for places in listed.chunks(CHUNK) {
            for &place in places {
                self.guarded(place, WriterLoop::compose);
                if self.out.len() >= SENT_AT {
                    self.send();
                }
            }
            self.send();
            self.desk.tally.show(&self.core.metrics, &self.delivery);
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

    /// Does something with a stream, whatever happens in it: a fault ends that stream alone (promise 9).
    fn guarded(&mut self, place: u32, step: impl FnOnce(&mut WriterLoop, u32)) {
        let (bytes, parcels) = (self.out.len(), self.parcels.len());
        if catch_unwind(AssertUnwindSafe(|| step(self, place))).is_err() {
            tracing::error!("a fault of our own in a stream; it ends");
            // It may have left these in any state.
            self.desk = Desk::default();
            self.out.truncate(bytes);
            self.parcels.truncate(parcels);
            if let Some(seat) = self.seats.get(place) {
                if let Some(client) = &seat.client {
                    client.end_with(EndReason::Fault);
                }
                seat.line = None;
            }
        }
    }

    /// Composes what a stream is owed, up to a buffer, to be sent with what others are.
    fn compose(&mut self, place: u32) {
        let Some(seat) = self.seats.get(place) else { return };
        let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
        if client.is_killed() || (client.take_socket() && !line.listen(client)) {
            seat.line = None;
            return;
        }
        let moment = Moment::of(&*self.core.clock);
        let waited = client.waiting_for(moment.now);
        if line.is_blocked() && line.has_begun() {
            let before = line.progress();
            match line.write_unsent(client) {
                Written::Gone => return seat.line = None,
                Written::Blocked => {
                    if line.progress() > before {
                        client.waits_no_more();
                    }
                    return client.waits_from(moment.now);
                }
                Written::All if line.over => return seat.close(),
                Written::All => {}
            }
        }
        client.waits_no_more();
        let chunk = Line::begin_chunk(&mut self.out);
        let next = loop {
            let wake = client.take_flags().and_owed(std::mem::take(&mut seat.owed));
            let rang = std::mem::take(&mut seat.rang);
            let before = self.out.len();
            let occasion = Occasion { wake, rang, waited, moment };
            let next = line.stream.turn(occasion, &mut self.desk, &mut self.out);
            line.over = next.over;
            if next.is_done || self.out.len() == before || chunk.len(&self.out) >= BUFFER {
                break next;
            }
        };
        if chunk.len(&self.out) == 0 {
            chunk.take_back(&mut self.out);
            return self.has_told(place, next);
        }
        let from = line.end_chunk(chunk, &mut self.out);
        let bytes = from..self.out.len();
        if line.open_socket().is_some() {
            self.parcels.push(Parcel { place, bytes, next });
            return;
        }
        let written = line.write(client, &self.out[bytes]);
        chunk.take_back(&mut self.out);
        self.has_written(place, written, next);
    }

    /// Sends everything that has been composed.
    fn send(&mut self) {
        let (seats, out) = (&self.seats, &self.out);
        // Nothing can have happened to a stream between composing and this.
        let sends = self.parcels.iter().map(|parcel| {
            let line = seats.line(parcel.place).expect("what was composed has a socket");
            (line.open_socket().expect("and it is not blocked"), &out[parcel.bytes.clone()])
        });
        self.sends.send_all(sends, &mut self.sent);
        let mut parcels = std::mem::take(&mut self.parcels);
        let mut sent = std::mem::take(&mut self.sent);
        for (Parcel { place, bytes, next }, sent) in parcels.drain(..).zip(sent.drain(..)) {
            self.guarded(place, |this, place| {
                let Some(seat) = this.seats.get(place) else { return };
                let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
                let written = line.sent(sent, client, &this.out[bytes]);
                this.has_written(place, written, next);
            });
        }
        self.out.clear();
        (self.parcels, self.sent) = (parcels, sent);
    }

    /// Bytes of a stream have been written, as far as its socket took them.
    fn has_written(&mut self, place: u32, written: Written, next: Next) {
        let Some(seat) = self.seats.get(place) else { return };
        let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
        match written {
            Written::Gone => seat.line = None,
            Written::Blocked => {
                // When it is to be asked again has not been arranged: it looks again when there is room.
                seat.owed = true;
                client.waits_from(self.core.clock.monotonic());
            }
            Written::All if line.over => seat.close(),
            Written::All => self.has_told(place, next),
        }
    }

    /// A stream has said what it has to say for now, or there is more of it.
    fn has_told(&mut self, place: u32, next: Next) {
        let Some(seat) = self.seats.get(place) else { return };
        if !next.is_done {
            // After the others.
            seat.owed = true;
            self.seats.list(place);
            return;
        }
        if seat.alarm != next.again {
            if let Some(alarm) = seat.alarm.take() {
                self.alarms.remove(&(alarm, place));
            }
            self.alarms.extend(next.again.map(|alarm| (alarm, place)));
            seat.alarm = next.again;
        }
        if next.unfinished {
            self.seats.is_unfinished(place);
        }
    }
}
