//! Fan-out: which streams are owed something now, which need a heartbeat, which have stalled.
//!
//! One task. It sleeps until the table changes, then compares the subscriptions of every stream with the table's
//! dense array of last-change sequences (about half a nanosecond a symbol) and wakes the streams that are behind.
//! There are no subscriber lists to keep and nothing can be lost: a stream that was missed once is still behind at
//! the next look.
//!
//! The first change after quiet is passed on at once. While changes keep coming, looks are spaced out by what waking
//! costs, up to `SPACING_MAX`, so that efficiency grows with load instead of latency.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use market::Clock;
use parking_lot::Mutex;
use table::Table;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, EndReason};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::signal::{Notifier, Signal};

/// Least time between two looks under load: tokio's timers have this resolution.
const SPACING_MIN: Duration = Duration::from_millis(1);
/// Most time between two looks under load: half of what the eye takes for "at once".
const SPACING_MAX: Duration = Duration::from_millis(50);
/// What one woken stream costs, mostly its socket write: 8 us measured for hyper on two cores, with room for the
/// encoder and for ingest.
const COST_OF_A_WAKE: Duration = Duration::from_micros(12);
/// Streams looked at before the task gives way to others.
const CHUNK: usize = 128;
/// Most time between two looks at heartbeats and stalled streams.
const HOUSEKEEPING_MAX: Duration = Duration::from_millis(250);

/// All open streams.
#[derive(Debug)]
pub(crate) struct Hub {
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    pub(crate) signal: Arc<Signal>,
    config: Arc<ArcSwap<Config>>,
    /// Open streams; a place is reused when its stream has ended. Locked for one chunk at a time.
    clients: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Option<Arc<Client>>>,
    free: Vec<usize>,
}

impl Hub {
    pub(crate) fn new(
        table: Arc<Table>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        config: Arc<ArcSwap<Config>>,
    ) -> Hub {
        let signal = Arc::new(Signal::new(Arc::clone(&table), config.load().limits.every_changes));
        Hub { table, clock, metrics, signal, config, clients: Mutex::default() }
    }

    pub(crate) fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.signal))
    }

    /// Takes a stream in; the place is given back with [`Hub::leave`].
    pub(crate) fn join(&self, client: Arc<Client>) -> usize {
        let mut places = self.clients.lock();
        match places.free.pop() {
            Some(place) => {
                places.taken[place] = Some(client);
                place
            }
            None => {
                places.taken.push(Some(client));
                places.taken.len() - 1
            }
        }
    }

    pub(crate) fn leave(&self, place: usize) {
        let mut places = self.clients.lock();
        if places.taken.get_mut(place).and_then(Option::take).is_some() {
            places.free.push(place);
        }
    }

    /// Every open stream, as it is now.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        self.clients.lock().taken.iter().flatten().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clients.lock().taken.iter().all(Option::is_none)
    }

    /// Asks every stream to say goodbye.
    pub(crate) fn end_all(&self, reason: EndReason) {
        let now = self.clock.monotonic();
        for client in self.clients() {
            client.wake_end(reason, now);
        }
    }

    /// Ends every connection that still has a stream, without a word.
    pub(crate) fn kill_all(&self, reason: EndReason) {
        for client in self.clients.lock().taken.iter().flatten() {
            client.end_with(reason);
            client.kill.cancel();
        }
    }

    /// Runs until stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let housekeeping = HOUSEKEEPING_MAX.min(self.config.load().heartbeat / 4).max(SPACING_MIN);
        let mut tick = tokio::time::interval(housekeeping);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = 0;
        loop {
            // In this order, so that a table that never rests cannot keep heartbeats from being sent, and so that the
            // same run comes out of the same seed.
            let keep_house = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => true,
                () = self.signal.changed() => false,
            };
            self.signal.take();
            if keep_house {
                self.keep_house();
            }
            // A number may be taken and not published yet, so a notification is always looked into, and quiet is only
            // believed when everything up to the last number could be seen.
            if keep_house && self.table.last_seq() == seen {
                continue;
            }
            seen = self.table.safe_cut();
            let start = self.clock.monotonic();
            let woken = self.wake_owed().await;
            self.metrics.looks.inc();
            let look = self.clock.monotonic().saturating_sub(start);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(spacing(woken, look)) => {}
            }
        }
    }

    /// Wakes every stream that is behind, and returns how many.
    async fn wake_owed(&self) -> usize {
        let now = self.clock.monotonic();
        let status_seq = self.signal.status_seq();
        let mut woken = 0;
        let mut from = 0;
        loop {
            {
                let places = self.clients.lock();
                let Some(rest) = places.taken.get(from..).filter(|r| !r.is_empty()) else { return woken };
                for client in rest.iter().take(CHUNK).flatten() {
                    woken +=
                        usize::from(client.is_behind(&self.table, status_seq, now) && client.wake_owed(now));
                }
            }
            from += CHUNK;
            tokio::task::yield_now().await;
        }
    }

    /// Heartbeats for streams that were quiet, the end for streams that do not read.
    fn keep_house(&self) {
        let now = self.clock.monotonic();
        // Looks come up to a quarter of the interval late, so the threshold comes that much early.
        let (heartbeat, stall) = {
            let config = self.config.load();
            (config.heartbeat, config.limits.stall)
        };
        let quiet = heartbeat - heartbeat / 4;
        self.signal.keep_house(now);
        for client in self.clients.lock().taken.iter().flatten() {
            if client.waiting_for(now) >= stall {
                client.end_with(EndReason::Stalled);
                client.kill.cancel();
            } else if client.quiet_for(now) >= quiet {
                client.wake_heartbeat(now);
            }
        }
    }
}

/// Time to the next look, given how many streams this one woke and how long it took: looking takes a third of one core
/// at most.
fn spacing(woken: usize, look: Duration) -> Duration {
    let waking = COST_OF_A_WAKE.saturating_mul(u32::try_from(woken).unwrap_or(u32::MAX));
    waking.max(look * 2).clamp(SPACING_MIN, SPACING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_widen_with_load_and_not_beyond_the_bound() {
        let quick = Duration::from_micros(10);
        assert_eq!(spacing(0, quick), SPACING_MIN);
        assert_eq!(spacing(1, quick), SPACING_MIN);
        assert_eq!(spacing(1_000, quick), Duration::from_millis(12));
        assert_eq!(spacing(1_000_000, quick), SPACING_MAX);
        assert_eq!(
            spacing(0, Duration::from_millis(8)),
            Duration::from_millis(16),
            "looking has its price too"
        );
        assert_eq!(spacing(0, Duration::from_secs(1)), SPACING_MAX);
    }
}
