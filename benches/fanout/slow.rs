//! Scenario E: one client in five stops reading for a while, and reads again.

use std::io;
use std::time::Duration;

use crate::clock::{self, SECOND};
use crate::histogram::Histogram;
use crate::load::SLOW;
use crate::measure::{Crowd, Each, Stand};
use crate::report::Cell;
use crate::row::Row;
use crate::say;
use crate::usage;

pub(crate) const COLUMNS: &[&str] = &[
    "healthy events/s before",
    "while",
    "healthy p99 ms before",
    "while",
    "p99.9 while",
    "RSS KiB a stopped client",
    "kernel KiB a stopped client",
    "unread at the client KiB",
    "ended",
    "first quote after, age ms (median)",
    "quotes older than 1 s, each",
    "fresh after ms (median)",
    "(longest)",
    "healthy lost",
    "stopped left out",
    "newest missing",
];

const RATE: f64 = 2_000.0;
/// So long they do not read.
const STOPPED: u64 = 30 * SECOND;
/// So long they are watched afterwards.
const AFTER: u64 = 5 * SECOND;

/// Runs it: a time without, a time with stopped readers, and a time after.
pub(crate) fn run(row: &Row, seconds: u64) -> io::Result<Vec<Cell>> {
    let crowd = Crowd { clients: 1_000, symbols: 500, each: Each::Some(25), slow_one_in: 5 };
    let mut stand = Stand::up(row, crowd, None)?;
    stand.server.set_rate(RATE)?;
    clock::wait_until(clock::now() + SECOND);
    let healthy = |stand: &Stand, length: u64| -> io::Result<(f64, Histogram)> {
        let from = clock::now();
        stand.load.measure(from, from + length)?;
        clock::wait_until(from + length);
        let tally = stand.load.tallies()?.swap_remove(0);
        Ok((tally.events as f64 * 1e6 / length as f64, tally.delays))
    };
    let (rate_before, before) = healthy(&stand, seconds * SECOND)?;
    let pids = stand.server.pids();
    let memory = (usage::resident(&pids), usage::kernel());
    stand.load.hold(SLOW, true)?;
    let (rate_while, during) = healthy(&stand, STOPPED)?;
    let grown = (usage::resident(&pids) as f64 - memory.0 as f64, usage::kernel() as f64 - memory.1 as f64);
    let unread = stand.load.unread(SLOW)?;
    stand.load.hold(SLOW, false)?;
    clock::wait_until(clock::now() + AFTER);
    let resumed = stand.load.resumes(SLOW)?;
    let made = stand.server.set_rate(0.0)?;
    stand.load.quiet(Duration::from_millis(300), Duration::from_secs(12));
    let tallies = stand.load.tallies()?;
    let (short, _) = stand.missing(made)?;
    // Where merging is the promise, what is left out is no loss.
    let healthy_lost = if stand.server.conflates() { 0 } else { tallies[0].gaps };
    let stopped = resumed.len().max(1) as f64;
    let mut ages = Histogram::default();
    resumed.iter().filter_map(|one| one.first_age).for_each(|age| ages.record(age));
    let mut waits = Histogram::default();
    resumed.iter().filter_map(|one| Some(one.fresh_at? - one.at)).for_each(|wait| waits.record(wait));
    let old = resumed.iter().map(|one| one.old).sum::<u64>() as f64 / stopped;
    say(&format!(
        "  healthy p99 {:.1} -> {:.1} ms, {:.1} KiB of the server's memory a stopped client, first quote {:.0} ms old, \
         fresh after {:.0} ms, {} of {} fresh, {} ended",
        before.millis(0.99),
        during.millis(0.99),
        grown.0 / stopped,
        ages.millis(0.5),
        waits.millis(0.5),
        waits.count(),
        resumed.len(),
        stand.load.ended(),
    ));
    Ok(vec![
        Cell::Number(rate_before, 0),
        Cell::Number(rate_while, 0),
        Cell::Number(before.millis(0.99), 1),
        Cell::Number(during.millis(0.99), 1),
        Cell::Number(during.millis(0.999), 1),
        Cell::Number(grown.0 / stopped, 1),
        Cell::Number(grown.1 / stopped, 1),
        Cell::Number(unread as f64 / 1024.0 / stopped, 1),
        Cell::Number(stand.load.ended() as f64, 0),
        Cell::maybe((ages.count() > 0).then(|| ages.millis(0.5)), 0),
        Cell::Number(old, 0),
        Cell::maybe((waits.count() > 0).then(|| waits.millis(0.5)), 0),
        Cell::maybe((waits.count() > 0).then(|| waits.millis(1.0)), 0),
        Cell::Number(healthy_lost as f64, 0),
        Cell::Number(tallies[SLOW].gaps as f64 / stopped, 0),
        Cell::Number(short as f64, 0),
    ])
}
