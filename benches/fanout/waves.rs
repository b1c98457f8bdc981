//! Scenario W: crowds that come and go. What a server has not given back after the tenth, it would not after the hundredth.
//!
//! Estimate: what one wave needs is there after the first. Anything that grows with the number of clients ever seen, by as
//! little as 100 bytes each, adds 4.3 MiB in nine more waves.

use std::io;
use std::time::Duration;

use crate::clock;
use crate::load::Load;
use crate::measure::{Crowd, Each};
use crate::report::Cell;
use crate::row::Row;
use crate::say;
use crate::sse::Keys;
use crate::usage::{self, Memory};

pub(crate) const COLUMNS: &[&str] = &[
    "RSS before MiB",
    "with the 1st wave",
    "with the last",
    "RSS after the 1st",
    "2nd",
    "5th",
    "last",
    "last of 1st",
    "PSS after the 1st",
    "last",
    "anonymous after the 1st",
    "last",
    "last of 1st",
    "bytes kept a client after the 1st",
];

/// Waves, and clients of each.
const WAVES: usize = 10;
const CLIENTS: u64 = 5_000;
/// In one wave more changes than a server's history holds, so that a history that fills up is full after the first.
const RATE: f64 = 2_500.0;
/// So long a wave stays after all have been answered.
const STAY: Duration = Duration::from_secs(4);
/// So long the server has to give back what it wants to: jemalloc returns pages that were not used for ten seconds.
const REST: Duration = Duration::from_secs(11);

/// What was seen of one wave.
#[derive(Clone, Copy, Debug)]
struct Wave {
    with: Memory,
    after: Memory,
}

/// Runs all waves on one server.
pub(crate) fn run(row: &Row) -> io::Result<Vec<Cell>> {
    let crowd = Crowd { clients: CLIENTS, symbols: 500, each: Each::Some(4), slow_one_in: 0 };
    let wanted = crowd.wanted();
    let mut server = row.start(crowd.symbols, None)?;
    server.set_rate(RATE)?;
    let pids = server.pids();
    let before = usage::memory(&pids);
    let mut waves = Vec::new();
    for number in 1..=WAVES {
        let target = |symbols: &[u32]| server.target(symbols);
        let load = Load::connect(server.address(), &wanted, crowd.symbols, Keys::bids(), target)?;
        clock::pause(STAY);
        if load.ended() > 0 || load.quotes() < CLIENTS {
            let text = format!("wave {number}: {} quotes, {} clients ended", load.quotes(), load.ended());
            return Err(io::Error::other(text));
        }
        let with = usage::memory(&pids);
        drop(load);
        clock::pause(REST);
        let wave = Wave { with, after: usage::memory(&pids) };
        say(&format!(
            "  wave {number}: {:.1} MiB with it, {:.1} MiB after it, {:.1} MiB of that anonymous",
            mib(wave.with.resident),
            mib(wave.after.resident),
            mib(wave.after.anonymous),
        ));
        waves.push(wave);
    }
    Ok(cells(before, &waves))
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn cells(before: Memory, waves: &[Wave]) -> Vec<Cell> {
    let (Some(first), Some(last)) = (waves.first(), waves.last()) else { return Vec::new() };
    let shown = |kib: u64| Cell::Number(mib(kib), 1);
    let after = |number: usize| waves.get(number - 1).map_or(Cell::None, |wave| shown(wave.after.resident));
    let ratio =
        |of: fn(&Memory) -> u64| Cell::maybe(Some(of(&last.after) as f64 / of(&first.after) as f64), 3);
    let kept = (last.after.anonymous as f64 - first.after.anonymous as f64) * 1024.0;
    let later = (waves.len() as u64 - 1) * CLIENTS;
    vec![
        shown(before.resident),
        shown(first.with.resident),
        shown(last.with.resident),
        after(1),
        after(2),
        after(5),
        shown(last.after.resident),
        ratio(|memory| memory.resident),
        shown(first.after.proportional),
        shown(last.after.proportional),
        shown(first.after.anonymous),
        shown(last.after.anonymous),
        ratio(|memory| memory.anonymous),
        Cell::maybe(Some(kept / later as f64), 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_by_the_client() {
        let of = |resident, anonymous| Memory { resident, proportional: resident, anonymous };
        let wave = |after| Wave { with: of(40 << 10, 30 << 10), after };
        let mut waves = vec![wave(of(20 << 10, 10 << 10)); WAVES];
        // 45,000 clients later, 1 MiB more.
        waves[WAVES - 1].after = of(21 << 10, 11 << 10);
        let cells = cells(of(12 << 10, 4 << 10), &waves);
        assert_eq!(cells.len(), COLUMNS.len());
        assert_eq!(cells[7], Cell::Number(1.05, 3));
        assert_eq!(cells[12], Cell::Number(1.1, 3));
        assert_eq!(cells[13], Cell::Number(1_048_576.0 / 45_000.0, 1));
    }
}
