//! The thread that makes updates for servers that take them from outside.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::schedule::{Schedule, Tick};

/// Shortest and longest time between two turns, in microseconds: at a high rate updates go out in bunches of a
/// millisecond, as venues send them.
const TURN: (u64, u64) = (1_000, 10_000);

/// Where updates go.
pub(crate) trait Outlet: Send {
    /// Takes one update; it may wait for the flush.
    fn put(&mut self, tick: &Tick, seq: u64);
    /// Sends what was put. May block; updates that become late by it keep the times at which they were due.
    fn flush(&mut self) -> io::Result<()>;
}

struct Order {
    rate: f64,
    made: SyncSender<u64>,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Publisher {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Publisher {
    /// Starts it, standing still.
    pub(crate) fn start(symbols: u32, outlet: impl Outlet + 'static) -> io::Result<Publisher> {
        let (orders, taken) = sync_channel(4);
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || publish(Schedule::new(symbols), outlet, &taken))?;
        Ok(Publisher { orders, thread: Some(thread) })
    }

    /// From now on so many updates a second. Returns how many there were.
    pub(crate) fn set_rate(&mut self, rate: f64) -> io::Result<u64> {
        let (made, told) = sync_channel(1);
        let sent = self.orders.send(Order { rate, made });
        let answer = sent.ok().and_then(|()| told.recv_timeout(Duration::from_secs(30)).ok());
        answer.ok_or_else(|| match self.thread.take_if(|thread| thread.is_finished()).map(JoinHandle::join) {
            Some(Ok(Err(error))) => io::Error::new(error.kind(), format!("publishing failed: {error}")),
            _ => io::Error::other("the publisher stands still: the server takes no updates"),
        })
    }
}

fn publish(mut schedule: Schedule, mut outlet: impl Outlet, taken: &Receiver<Order>) -> io::Result<()> {
    let mut turn = clock::now();
    loop {
        let wait = Duration::from_micros(turn.saturating_sub(clock::now()));
        match taken.recv_timeout(wait) {
            Ok(Order { rate, made }) => {
                schedule.set_rate(rate, clock::now());
                // Whoever asked may have given up.
                let _ = made.send(schedule.made());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        let now = clock::now();
        while let Some(tick) = schedule.take(now) {
            outlet.put(&tick, schedule.made());
        }
        outlet.flush()?;
        turn = schedule.next_due().unwrap_or(u64::MAX).clamp(now + TURN.0, now + TURN.1);
    }
}
