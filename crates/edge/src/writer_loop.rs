//! A writer loop: owns its streams and their sockets, and does everything that a change costs.
//!
//! There is one for each core that is to write. A change costs only those who are owed it: the table says which symbols
//! changed ([`table::Watcher`]), [`Subscribers`] says whose they are, and each of those is told all that it is owed in one
//! write. Nobody is woken for it. Streams whose connections stay with hyper (other protocols than plain HTTP/1.1) live
//! here too; they are woken instead of written.
//!
//! The first change after quiet leaves at once. While changes keep coming, looks are spaced by what they cost, between
//! [`WINDOW_MIN`] and the `flush_max` of the configuration, so that efficiency grows with load instead of latency.

use std::collections::BTreeSet;
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
use crate::client::{Client, EndReason};
use crate::desk::Desk;
use crate::home::{Home, Letter};
use crate::line::{Line, Written};
use crate::outbox::BUFFER;
use crate::pace::Moment;
use crate::stream::Occasion;
use crate::subscribers::Subscribers;

/// Least time between two looks while changes keep coming. Below it a loop with a few streams would spend its core on
/// writes of one event each, above it a person would begin to notice.
const WINDOW_MIN: Duration = Duration::from_millis(4);
/// What a woken stream costs elsewhere, mostly its socket write: 8 us measured for hyper on two cores, with room for the
/// encoder.
const COST_OF_A_WAKE: Duration = Duration::from_micros(12);
/// Streams written before the loop looks what else there is: sockets, timers, the stop.
const CHUNK: usize = 64;
/// Buffers that one stream gets in a turn, so that nobody with a long round holds up the others.
const BUFFERS_A_TURN: usize = 4;
/// Time between two counts of the memory that streams hold: it is for graphs, and walks over all of them.
const STOCKTAKING: Duration = Duration::from_secs(5);
/// Most time between two looks at heartbeats and stalled streams.
const HOUSEKEEPING_MAX: Duration = Duration::from_millis(250);

/// A place, and who has it.
#[derive(Debug, Default)]
struct Seat {
    client: Option<Arc<Client>>,
    /// There once the socket has been handed over.
    line: Option<Box<Line>>,
    /// Symbols that come into the table later may concern it.
    waits: bool,
    /// It stands among those to be written.
    listed: bool,
    /// A symbol of it has changed since it last looked.
    owed: bool,
    /// Its alarm has gone off.
    rang: bool,
    /// When it is to go off, in monotonic time.
    alarm: Option<Duration>,
}

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
    seats: Vec<Seat>,
    /// To be written in this turn.
    listed: Vec<u32>,
    /// What happened to a stream stands in the table and not in the ring yet: it looks again when the table has changed.
    unfinished: Vec<u32>,
    alarms: BTreeSet<(Duration, u32)>,
    /// The length of the table, and the last change of a feed, that have been looked at.
    seen_symbols: usize,
    seen_feeds: u64,
    /// Not looked before, in monotonic time.
    next_look: Duration,
    next_housekeeping: Duration,
    next_stocktaking: Duration,
    /// What its streams held at the last one, in bytes.
    memory: i64,
    delivery: LocalHistogram,
    flush_window: Gauge,
    /// What is written next.
    out: Vec<u8>,
}

impl WriterLoop {
    pub(crate) fn new(core: Arc<Core>, home: Arc<Home>, watcher: Watcher) -> WriterLoop {
        let label = home.number.to_string();
        WriterLoop {
            delivery: core.metrics.delivery.with_label_values(&[&label]).local(),
            flush_window: core.metrics.flush_window.with_label_values(&[&label]),
            next_stocktaking: Duration::ZERO,
            memory: 0,
            desk: Desk::default(),
            core,
            home,
            watcher,
            subscribers: Subscribers::default(),
            seats: Vec::new(),
            listed: Vec::new(),
            unfinished: Vec::new(),
            alarms: BTreeSet::new(),
            seen_symbols: 0,
            seen_feeds: 0,
            next_look: Duration::ZERO,
            next_housekeeping: Duration::ZERO,
            out: Vec::new(),
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
            let pause = self.pause(self.core.clock.monotonic());
            // In this order, so that the same run comes out of the same seed.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = home.bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            self.turn().await;
        }
    }

    /// How long there is nothing to do but what the bell says.
    fn pause(&self, now: Duration) -> Duration {
        let mut until = self.next_housekeeping;
        if let Some(&(alarm, _)) = self.alarms.first() {
            until = until.min(alarm);
        }
        if self.core.hub.signal.is_pending(self.home.number) {
            until = until.min(self.next_look);
        }
        if !self.listed.is_empty() {
            until = now;
        }
        until.saturating_sub(now)
    }

    /// Reads the post, looks at what has changed if it is time to, and writes to everybody who is owed something.
    async fn turn(&mut self) {
        let start = self.core.clock.monotonic();
        self.read_post(start);
        let mut look = None;
        if start >= self.next_look && self.core.hub.signal.is_pending(self.home.number) {
            look = Some(self.look(start));
        }
        self.ring_alarms(start);
        if start >= self.next_housekeeping {
            self.keep_house(start);
        }
        let listed = std::mem::take(&mut self.listed);
        for places in listed.chunks(CHUNK) {
            for &place in places {
                self.write_guarded(place);
            }
            self.desk.tally.show(&self.core.metrics, &self.delivery);
            tokio::task::yield_now().await;
        }
        self.recycle(listed);
        if let Some(woken) = look {
            let took = self.core.clock.monotonic().saturating_sub(start);
            let window = window(took, woken, self.core.config.load().flush_max);
            self.next_look = start + window;
            self.flush_window.set(window.as_secs_f64());
            self.core.metrics.looks.inc();
        }
    }

    /// Keeps the memory of the list, unless others have been listed meanwhile.
    fn recycle(&mut self, mut list: Vec<u32>) {
        list.clear();
        list.append(&mut self.listed);
        self.listed = list;
    }

    pub(crate) fn read_post(&mut self, now: Duration) {
        let (letters, calls) = self.home.take();
        for letter in letters {
            self.read(letter, now);
        }
        for place in calls {
            let Some(seat) = self.seats.get_mut(place as usize) else { continue };
            if seat.line.is_some() {
                list(&mut self.listed, seat, place);
            } else if seat.client.as_ref().is_some_and(|client| client.take_unfinished()) {
                self.unfinished.push(place);
            }
        }
    }

    fn read(&mut self, letter: Letter, now: Duration) {
        match letter {
            Letter::Join { client, symbols, waits } => {
                let place = client.place;
                if place as usize >= self.seats.len() {
                    self.seats.resize_with(place as usize + 1, Seat::default);
                }
                for &symbol in &symbols {
                    self.subscribers.add(symbol, place);
                }
                // What has changed since it looked, and before it stood among the subscribers.
                client.wake_owed(now);
                self.seats[place as usize] = Seat { client: Some(client), waits, ..Seat::default() };
            }
            Letter::HandOver { place, mut line } => {
                let Some(seat) = self.seats.get_mut(place as usize) else { return };
                let Some(client) = &seat.client else { return };
                client.hand_over();
                if let Err(error) = line.settle() {
                    tracing::warn!(%error, "a connection cannot be taken over");
                    return;
                }
                seat.line = Some(line);
                seat.owed = true;
                list(&mut self.listed, seat, place);
            }
            Letter::Change { place, left, joined, waits } => {
                for &symbol in &left {
                    self.subscribers.remove(symbol, place);
                }
                for &symbol in &joined {
                    self.subscribers.add(symbol, place);
                }
                let Some(seat) = self.seats.get_mut(place as usize) else { return };
                seat.waits = waits;
                if seat.line.is_some() {
                    seat.owed = true;
                    list(&mut self.listed, seat, place);
                } else if let Some(client) = &seat.client {
                    client.wake_owed(now);
                }
            }
            Letter::Leave { place, symbols } => {
                for &symbol in &symbols {
                    self.subscribers.remove(symbol, place);
                }
                if let Some(seat) = self.seats.get_mut(place as usize) {
                    if let Some(alarm) = seat.alarm.take() {
                        self.alarms.remove(&(alarm, place));
                    }
                    // Whoever is listed is passed over when it has gone.
                    let listed = seat.listed;
                    *seat = Seat { listed, ..Seat::default() };
                }
                self.home.free(place);
            }
        }
    }

    /// Lists or wakes everybody who may be owed something, and returns how many were woken.
    pub(crate) fn look(&mut self, now: Duration) -> usize {
        let signal = &self.core.hub.signal;
        signal.take(self.home.number);
        let status_seq = signal.status_seq();
        let (seats, listed, subscribers) = (&mut self.seats, &mut self.listed, &self.subscribers);
        let mut woken = 0;
        let mut mark = |place: u32, concerned: fn(&Seat) -> bool| {
            let Some(seat) = seats.get_mut(place as usize).filter(|seat| concerned(seat)) else { return };
            let Some(client) = &seat.client else { return };
            // One that is held has its own alarm, and looks then.
            if client.is_held(status_seq, now) {
            } else if seat.line.is_some() {
                seat.owed = true;
                list(listed, seat, place);
            } else {
                woken += usize::from(client.wake_owed(now));
            }
        };
        self.watcher.drain(|symbol| subscribers.of(symbol).for_each(|place| mark(place, |_| true)));
        for place in std::mem::take(&mut self.unfinished) {
            mark(place, |_| true);
        }
        // These are rare, and concern many.
        let (symbols, feeds) = (self.core.table.len(), signal.feed_seq());
        let (grown, feed_changed) = (symbols > self.seen_symbols, feeds > self.seen_feeds);
        (self.seen_symbols, self.seen_feeds) = (symbols, feeds);
        if grown || feed_changed {
            let everybody = 0..u32::try_from(self.home.places()).unwrap_or(u32::MAX);
            for place in everybody {
                mark(place, if feed_changed { |_| true } else { |seat| seat.waits });
            }
        }
        woken
    }

    fn ring_alarms(&mut self, now: Duration) {
        while let Some(&(alarm, place)) = self.alarms.first().filter(|(alarm, _)| *alarm <= now) {
            self.alarms.remove(&(alarm, place));
            let Some(seat) = self.seats.get_mut(place as usize) else { continue };
            seat.alarm = None;
            seat.rang = true;
            list(&mut self.listed, seat, place);
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
        for (place, seat) in self.seats.iter_mut().enumerate() {
            let Some(client) = &seat.client else { continue };
            if client.waiting_for(now) >= stall {
                client.end_with(EndReason::Stalled);
                if seat.line.take().is_none() {
                    client.kill(EndReason::Stalled);
                }
            } else if client.quiet_for(now) >= quiet && client.heartbeat(now) && seat.line.is_some() {
                list(&mut self.listed, seat, place as u32);
            }
        }
    }

    /// Counts the memory of all streams. Not while they are written: it has to look at each.
    fn take_stock(&mut self) {
        let seats = self.seats.capacity() * size_of::<Seat>();
        let lines: usize =
            self.seats.iter().filter_map(|seat| seat.line.as_ref()).map(|line| line.memory()).sum();
        let memory = i64::try_from(seats + lines).unwrap_or(i64::MAX);
        self.core.metrics.stream_memory.add(memory - self.memory);
        self.memory = memory;
    }

    /// Writes to a stream, whatever happens in it: a fault ends that stream alone (promise 9).
    fn write_guarded(&mut self, place: u32) {
        if catch_unwind(AssertUnwindSafe(|| self.write(place))).is_err() {
            tracing::error!("a fault of our own in a stream; it ends");
            if let Some(seat) = self.seats.get_mut(place as usize) {
                if let Some(client) = &seat.client {
                    client.end_with(EndReason::Fault);
                }
                seat.line = None;
            }
        }
    }

    /// Writes to a stream what it is owed, as far as its socket takes it.
    fn write(&mut self, place: u32) {
        let Some(seat) = self.seats.get_mut(place as usize) else { return };
        seat.listed = false;
        let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
        if client.is_killed() || (client.take_socket() && !line.listen(client)) {
            seat.line = None;
            return;
        }
        let moment = Moment::of(&*self.core.clock);
        let now = moment.now;
        let waited = client.waiting_for(now);
        if line.is_blocked() && line.has_begun() {
            let before = line.progress();
            match line.write_unsent(client) {
                Written::Gone => return seat.line = None,
                Written::Blocked => {
                    if line.progress() > before {
                        client.waits_no_more();
                    }
                    return client.waits_from(now);
                }
                Written::All if line.over => return seat.close(),
                Written::All => {}
            }
        }
        client.waits_no_more();
        for _ in 0..BUFFERS_A_TURN {
            Line::begin_chunk(&mut self.out);
            let next = loop {
                let wake = client.take_flags().and_owed(std::mem::take(&mut seat.owed));
                let rang = std::mem::take(&mut seat.rang);
                let before = self.out.len();
                let occasion = Occasion { wake, rang, waited, moment };
                let next = line.stream.turn(occasion, &mut self.desk, &mut self.out);
                line.over = next.over;
                if next.is_done || self.out.len() == before || Line::chunk_len(&self.out) >= BUFFER {
                    break next;
                }
            };
            if Line::chunk_len(&self.out) > 0 {
                match line.write_chunk(client, &mut self.out) {
                    Written::Gone => return seat.line = None,
                    Written::Blocked => return client.waits_from(now),
                    Written::All if line.over => return seat.close(),
                    Written::All => {}
                }
            }
            if next.is_done {
                if next.unfinished {
                    self.unfinished.push(place);
                }
                if seat.alarm != next.again {
                    if let Some(alarm) = seat.alarm.take() {
                        self.alarms.remove(&(alarm, place));
                    }
                    self.alarms.extend(next.again.map(|alarm| (alarm, place)));
                    seat.alarm = next.again;
                }
                return;
            }
        }
        // There is more of it, after the others.
        seat.owed = true;
        list(&mut self.listed, seat, place);
    }
}

impl Seat {
    /// Everything has been written: the connection ends in good order.
    fn close(&mut self) {
        if let (Some(client), Some(mut line)) = (&self.client, self.line.take()) {
            line.shut(client);
        }
    }
}

/// Puts a stream among those to be written, once.
fn list(listed: &mut Vec<u32>, seat: &mut Seat, place: u32) {
    if !std::mem::replace(&mut seat.listed, true) {
        listed.push(place);
    }
}

/// Time from a look to the next one, given how long it took, writes included, and how many streams it woke elsewhere:
/// writing takes two thirds of a core at most, until the widest window has been reached.
fn window(took: Duration, woken: usize, most: Duration) -> Duration {
    let waking = COST_OF_A_WAKE.saturating_mul(u32::try_from(woken).unwrap_or(u32::MAX));
    (took * 3 / 2).max(waking).clamp(WINDOW_MIN.min(most), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_widen_with_their_cost_and_not_beyond_the_bound() {
        let most = Duration::from_millis(50);
        let ms = Duration::from_millis;
        assert_eq!(window(Duration::ZERO, 0, most), WINDOW_MIN);
        assert_eq!(window(ms(2), 1, most), WINDOW_MIN);
        assert_eq!(window(ms(8), 1, most), ms(12));
        assert_eq!(window(ms(1), 1_000, most), ms(12), "what others do for it has its price too");
        assert_eq!(window(ms(600), 0, most), most);
        assert_eq!(window(ms(600), 1_000_000, ms(1)), ms(1), "a narrow bound is kept");
    }
}
