//! Feed adapter: a seeded random market, for demonstrations and load without a network.
//!
//! [`Market`] is the market: pure, the same seed and times give the same updates. [`Sim`] runs it at a rate.

mod market;
mod pace;
mod random;
mod settings;

use std::time::Duration;

use ::market::{Clock, Reason, Status};
use feed::{Instruments, Intake, Sink, Stats};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use market::Market;
pub use settings::{Bursts, RATE_MAX, SYMBOLS_MAX, Settings, SettingsError, Symbols};

use pace::Pace;

/// Updates between two chances for other tasks and for a stop: about a tenth of a millisecond of work.
const UPDATES_PER_TURN: u64 = 1_000;
/// Shortest and longest time between two turns. Timers have a resolution of one millisecond, and at low rates an update
/// is at most as late as the longer one.
const TURN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// Most updates that are made up for, in time at the highest rate. What is owed beyond that is left out, so that a
/// machine that is too slow, or slept, has a lower rate instead of ever longer turns.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Least time between two reports of the counts.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A market that is ready to run.
#[derive(Clone, Debug)]
pub struct Sim {
    market: Market,
    pace: Pace,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What became of the updates.
    pub stats: Stats,
    /// Updates left out because the machine was too slow for the rate.
    pub skipped: u64,
}

impl Sim {
    /// Makes a market ready.
    ///
    /// # Errors
    /// When a setting is out of its range; the message names it.
    pub fn new(settings: &Settings) -> Result<Sim, SettingsError> {
        Ok(Sim { market: Market::new(settings)?, pace: Pace::new(settings) })
    }

    /// The symbols of the market.
    pub const fn instruments(&self) -> &Instruments {
        self.market.instruments()
    }

    /// Runs until `stop`. Every symbol opens at once, and the rate counts from then on. `report` is told the counts
    /// about once a second and at the end.
    ///
    /// The feed is `connecting` at first, `live` from the first update on, and `stale` with all its symbols at the end.
    /// Dropping the future is safe; the symbols are then not told stale.
    pub async fn run(
        mut self,
        sink: &mut dyn Sink,
        clock: &dyn Clock,
        stop: &CancellationToken,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Ran {
        let mut intake = Intake::default();
        for (id, _) in self.market.instruments().iter() {
            intake.place(self.market.instruments(), id, sink);
        }
        sink.feed_status(Status::Connecting, Reason::NotHeard, intake.symbols());
        let mut skipped = 0;
        stop.run_until_cancelled(self.trade(&mut intake, &mut skipped, sink, clock, report)).await;
        sink.feed_status(Status::Stale, Reason::Stopped, intake.symbols());
        report(intake.stats());
        Ran { stats: intake.stats().clone(), skipped }
    }

    async fn trade(
        &mut self,
        intake: &mut Intake,
        skipped: &mut u64,
        sink: &mut dyn Sink,
        clock: &dyn Clock,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) {
        self.make(1, intake, sink, clock).await;
        sink.feed_status(Status::Live, Reason::Confirmed, &[]);
        self.make(self.market.to_open() as u64, intake, sink, clock).await;
        let start = Instant::now();
        let (turn, owed_max) = (self.pace.turn(TURN), self.pace.most_in(CATCH_UP));
        let (mut done, mut reported) = (0, start);
        loop {
            tokio::time::sleep(turn).await;
            let owed = self.pace.due(start.elapsed()) - done;
            let left_out = owed.saturating_sub(owed_max);
            *skipped += left_out;
            done += owed;
            self.make(owed - left_out, intake, sink, clock).await;
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                report(intake.stats());
            }
        }
    }

    /// Makes so many updates, giving way to other tasks in between.
    async fn make(&mut self, count: u64, intake: &mut Intake, sink: &mut dyn Sink, clock: &dyn Clock) {
        let mut left = count;
        while left > 0 {
            let now = clock.now();
            for _ in 0..left.min(UPDATES_PER_TURN) {
                let (instrument, update) = self.market.next(now);
                intake.take(self.market.instruments(), instrument, &update, sink);
            }
            left -= left.min(UPDATES_PER_TURN);
            tokio::task::yield_now().await;
        }
    }
}
