//! Scenario E: one client in five stops reading for a while, and reads again.
//!
//! What a resumed client gets has two origins, told apart in the columns. What lay in the kernel's buffers had left the
//! server before, and is dead whatever the server does; a small buffer is all that helps. What the server writes afterwards
//! is its own choice: `latest` is to be current with it at once. At most what was left of one buffer that it had begun to
//! write is dead there as well.

use std::io;
use std::time::Duration;

use crate::clock::{self, SECOND};
use crate::histogram::Histogram;
use crate::load::SLOW;
use crate::measure::{Crowd, Each, Stand};
use crate::report::Cell;
use crate::resume::{Given, Parked, Resumed};
use crate::row::Row;
use crate::say;
use crate::usage::{self, Cpu};

pub(crate) const COLUMNS: &[&str] = &[
    "healthy events/s before",
    "while, of before",
    "healthy p50 ms before",
    "while",
    "healthy p99 ms before",
    "while",
    "of before",
    "RSS KiB a stopped client",
    "kernel KiB a stopped client",
    "parked at the server's end KiB",
    "at the client's",
    "ended",
    "out of the kernel: quotes each",
    "dead",
    "first, age s",
    "written after: quotes each",
    "dead",
    "first, age ms",
    "view current after ms",
    "(longest)",
    "newest quote then, age ms",
    "healthy lost",
    "stopped left out",
    "newest missing",
    "others",
];

const RATE: f64 = 2_000.0;
/// So long they do not read.
const STOPPED: u64 = 30 * SECOND;
/// So long all read before: until a history that the server keeps for all is full, and no growth is put down to those who
/// stop.
const WARM_UP: u64 = 10 * SECOND;
/// Time between two that read again: to read 30 s of old quotes takes a client here a few milliseconds.
const APART: Duration = Duration::from_millis(20);
/// So long they are watched afterwards.
const AFTER: u64 = 5 * SECOND;

/// Runs it: a time without, a time with stopped readers, and a time after.
pub(crate) fn run(row: &Row, seconds: u64) -> io::Result<Vec<Cell>> {
    let crowd = Crowd { clients: 1_000, symbols: 500, each: Each::Some(25), slow_one_in: 5 };
    let mut stand = Stand::up(row, crowd, None)?;
    stand.server.set_rate(RATE)?;
    clock::wait_until(clock::now() + WARM_UP);
    let healthy = |stand: &Stand, length: u64| -> io::Result<(f64, Histogram)> {
        let from = clock::now();
        stand.load.measure(from, from + length)?;
        clock::wait_until(from + length);
        let tally = stand.load.tallies()?.swap_remove(0);
        Ok((tally.events as f64 * 1e6 / length as f64, tally.delays))
    };
    let (rate_before, before) = healthy(&stand, seconds * SECOND)?;
    let pids = stand.server.pids();
    let cpu = Cpu::now(&pids);
    let memory = (usage::resident(&pids), usage::kernel());
    stand.load.hold(SLOW)?;
    let (rate_while, during) = healthy(&stand, STOPPED)?;
    let grown = (usage::resident(&pids) as f64 - memory.0 as f64, usage::kernel() as f64 - memory.1 as f64);
    let cores = Cpu::now(&pids).since(&cpu);
    stand.load.release(SLOW, APART)?;
    clock::wait_until(clock::now() + AFTER);
    let resumed = stand.load.resumes(SLOW)?;
    let made = stand.server.set_rate(0.0)?;
    stand.load.quiet(Duration::from_millis(300), Duration::from_secs(12));
    let tallies = stand.load.tallies()?;
    let (short, _) = stand.missing(made)?;
    // Where merging is the promise, what is left out is no loss.
    let healthy_lost = if stand.server.conflates() { 0 } else { tallies[0].gaps };
    let stopped = resumed.len().max(1) as f64;
    let waits = histogram(&resumed, |one| one.current_at.map(|current| current.saturating_sub(one.at)));
    let newest = histogram(&resumed, |one| one.current_at.map(|_| one.newest_age));
    say(&format!(
        "  healthy p99 {:.1} -> {:.1} ms, {:.1} KiB of the server's memory a stopped client, current after {:.1} ms \
         (longest {:.1}), {} of {} current, {} ended",
        before.millis(0.99),
        during.millis(0.99),
        grown.0 / stopped,
        waits.millis(0.5),
        waits.millis(1.0),
        waits.count(),
        resumed.len(),
        stand.load.ended(),
    ));
    let (p99_before, p99_while) = (before.millis(0.99), during.millis(0.99));
    let parked = |of: fn(&Parked) -> u64| {
        let sum: u64 = resumed.iter().map(|one| of(&one.held)).sum();
        Cell::Number(sum as f64 / 1024.0 / stopped, 1)
    };
    let mut cells = vec![
        Cell::Number(rate_before, 0),
        Cell::maybe(Some(rate_while / rate_before), 3),
        Cell::Number(before.millis(0.5), 1),
        Cell::Number(during.millis(0.5), 1),
        Cell::Number(p99_before, 1),
        Cell::Number(p99_while, 1),
        Cell::maybe(Some(p99_while / p99_before), 2),
        Cell::Number(grown.0 / stopped, 2),
        Cell::Number(grown.1 / stopped, 1),
        parked(|held| held.server),
        parked(|held| held.client),
        Cell::Number(stand.load.ended() as f64, 0),
    ];
    cells.extend(given(&resumed, |one| one.parked, 1e6, 1));
    cells.extend(given(&resumed, |one| one.written, 1e3, 0));
    cells.extend([
        told(&waits, 0.5),
        // Nobody who never came back is to hide behind those who did.
        if waits.count() == resumed.len() as u64 { told(&waits, 1.0) } else { Cell::None },
        told(&newest, 0.5),
        Cell::Number(healthy_lost as f64, 0),
        Cell::Number(tallies[SLOW].gaps as f64 / stopped, 0),
        Cell::Number(short as f64, 0),
        Cell::Number(cores.others + cores.stolen, 2),
    ]);
    Ok(cells)
}

fn histogram(resumed: &[Resumed], of: impl Fn(&Resumed) -> Option<u64>) -> Histogram {
    let mut all = Histogram::default();
    resumed.iter().filter_map(of).for_each(|micros| all.record(micros));
    all
}

fn told(all: &Histogram, share: f64) -> Cell {
    Cell::maybe((all.count() > 0).then(|| all.millis(share)), 1)
}

/// Quotes of one origin and the dead ones among them, by the client, and the median of the first one's age.
fn given(resumed: &[Resumed], origin: fn(&Resumed) -> Given, unit: f64, decimals: usize) -> [Cell; 3] {
    let each = |of: fn(&Given) -> u64| {
        let sum: u64 = resumed.iter().map(|one| of(&origin(one))).sum();
        Cell::maybe(Some(sum as f64 / resumed.len() as f64), 1)
    };
    let ages = histogram(resumed, |one| origin(one).first_age);
    let age = (ages.count() > 0).then(|| ages.millis(0.5) * 1e3 / unit);
    [each(|given| given.quotes), each(|given| given.dead), Cell::maybe(age, decimals)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_told_apart_and_by_the_client() {
        let one = |quotes, dead, age| Resumed {
            parked: Given { quotes, dead, first_age: age },
            ..Resumed::default()
        };
        let resumed = [one(30, 20, Some(30_000_000)), one(10, 0, None)];
        let cells = given(&resumed, |one| one.parked, 1e6, 1);
        assert_eq!(cells, [Cell::Number(20.0, 1), Cell::Number(10.0, 1), Cell::Number(30.0, 1)]);
        let none = given(&resumed, |one| one.written, 1e3, 0);
        assert_eq!(none, [Cell::Number(0.0, 1), Cell::Number(0.0, 1), Cell::None]);
    }
}
