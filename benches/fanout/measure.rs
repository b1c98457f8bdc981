//! One measurement: a rate, a warm-up, a time, and what came of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{self, SECOND};
use crate::load::{Load, Wanted};
use crate::peers::Server;
use crate::row::Row;
use crate::schedule;
use crate::sse::Keys;
use crate::usage::{self, Cores, Cpu};

/// So long a rate runs before it is measured.
const WARM_UP: u64 = SECOND;
/// When nothing has come for so long, everything has.
const SILENCE: Duration = Duration::from_millis(300);
/// So long a server may take to deliver what was due.
const DRAIN: Duration = Duration::from_secs(12);
/// So long what is still missing may take to come. Less than a heartbeat, so that only what was owed is waited for.
const STRAGGLERS: u64 = 3 * SECOND;
/// The bound of a knee, in milliseconds.
pub(crate) const P99_MAX: f64 = 100.0;

/// Who subscribes to what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    /// Clients.
    pub(crate) clients: u64,
    /// Symbols in the world.
    pub(crate) symbols: u32,
    /// Symbols of a client.
    pub(crate) each: Each,
    /// One in so many clients is of the group that may be held; 0 for none.
    pub(crate) slow_one_in: u64,
}

/// Which symbols a client has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Each {
    /// All have the first one.
    First,
    /// One each, by Zipf's law.
    Zipf,
    /// So many, uniformly.
    Some(u32),
}

impl Crowd {
    /// What every client wants.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let one = |client: u64| Wanted {
            symbols: match self.each {
                Each::First => vec![0],
                Each::Zipf => vec![schedule::zipf_symbol(client, self.symbols)],
                Each::Some(count) => schedule::some_symbols(client, count, self.symbols),
            },
            group: usize::from(self.slow_one_in > 0 && client.is_multiple_of(self.slow_one_in)),
        };
        (0..self.clients).map(one).collect()
    }

    /// Deliveries that a rate of updates makes, by the second.
    pub(crate) fn deliveries(&self, rate: f64) -> f64 {
        let symbols: usize = self.wanted().iter().map(|wanted| wanted.symbols.len()).sum();
        rate * symbols as f64 / f64::from(self.symbols)
    }
}

/// A server and its clients.
#[derive(Debug)]
pub(crate) struct Stand {
    // The clients go first, so that no server sees its own end as theirs.
    pub(crate) load: Load,
    pub(crate) server: Box<dyn Server>,
    pub(crate) crowd: Crowd,
}

impl Stand {
    /// Starts the server and connects the clients.
    pub(crate) fn up(row: &Row, crowd: Crowd, same: Option<f64>) -> io::Result<Stand> {
        let server = row.start(crowd.symbols, same)?;
        Stand::around(server, crowd)
    }

    /// Connects the clients to a running server.
    pub(crate) fn around(server: Box<dyn Server>, crowd: Crowd) -> io::Result<Stand> {
        let wanted = crowd.wanted();
        let target = |symbols: &[u32]| server.target(symbols);
        let load = Load::connect(server.address(), &wanted, crowd.symbols, Keys::bids(), target)?;
        let stand = Stand { load, server, crowd };
        if stand.server.opens() {
            // A first full quote that came after the first updates would look like a gap.
            let all: usize = wanted.iter().map(|one| one.symbols.len()).sum();
            clock::poll(DRAIN, || (stand.load.quotes() >= all as u64).then_some(()))
                .ok_or_else(|| io::Error::other("not every client was told every symbol at first"))?;
        }
        stand.load.quiet(SILENCE, DRAIN);
        Ok(stand)
    }

    /// Runs a rate for so many seconds and counts until everything has come.
    pub(crate) fn run(&mut self, rate: f64, seconds: u64) -> io::Result<Measured> {
        let from = clock::now() + WARM_UP;
        let to = from + seconds * SECOND;
        self.load.measure(from, to)?;
        self.server.set_rate(rate)?;
        let written = self.server.writes()?;
        clock::wait_until(from);
        let pids = self.server.pids();
        let before = Cpu::now(&pids);
        clock::wait_until(to);
        let cores = Cpu::now(&pids).since(&before);
        let resident = usage::resident(&pids);
        // Between two looks at the server's counter, so that the share of the warm-up is in both numbers.
        let written = self.server.writes()?.zip(written).map(|(after, before)| after - before);
        let read_by_then = self.load.tally()?;
        let made = self.server.set_rate(0.0)?;
        let drained = self.load.quiet(SILENCE, DRAIN);
        let (short, numbers) = self.settled(made)?;
        let tally = self.load.tally()?;
        let events_per_second = read_by_then.events as f64 / seconds as f64;
        let span = (seconds * SECOND + WARM_UP) as f64 / 1e6;
        Ok(Measured {
            rate,
            events_per_second,
            cores,
            p50: tally.delays.millis(0.5),
            p99: tally.delays.millis(0.99),
            p999: tally.delays.millis(0.999),
            lost: if self.server.conflates() { short } else { tally.gaps + numbers },
            lost_how: (tally.gaps, numbers, tally.lagged),
            wrong: tally.doubles + tally.disorder,
            events_per_read: tally.events as f64 / tally.reads.max(1) as f64,
            events_per_write: written.map(|writes| events_per_second * span / writes.max(1) as f64),
            resident,
            ended: self.load.ended(),
            drained,
        })
    }

    /// As [`Stand::missing`], with time for stragglers: late is not lost.
    fn settled(&self, made: u64) -> io::Result<(u64, u64)> {
        let mut missing = self.missing(made)?;
        let end = clock::now() + STRAGGLERS;
        while missing.0 > 0 && clock::now() < end {
            clock::pause(Duration::from_millis(100));
            missing = self.missing(made)?;
        }
        Ok(missing)
    }

    /// How many (client, symbol) lack the newest number after so many updates, and how many numbers.
    pub(crate) fn missing(&self, made: u64) -> io::Result<(u64, u64)> {
        self.load.missing(&Arc::new(schedule::counters_after(made, self.crowd.symbols)))
    }
}

/// What came of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Updates a second, over all symbols.
    pub(crate) rate: f64,
    /// Deliveries while it ran.
    pub(crate) events_per_second: f64,
    pub(crate) cores: Cores,
    /// Due -> read, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Numbers that never came; of a server that conflates, newest ones that never came.
    pub(crate) lost: u64,
    /// Numbers left out on the way, numbers short of the newest at the end, and losses that the server owned up to.
    pub(crate) lost_how: (u64, u64, u64),
    /// Numbers that came twice or too late.
    pub(crate) wrong: u64,
    pub(crate) events_per_read: f64,
    pub(crate) events_per_write: Option<f64>,
    /// KiB.
    pub(crate) resident: u64,
    /// Clients whose connection ended.
    pub(crate) ended: u64,
    /// Whether the server had delivered everything soon after the rate ended.
    pub(crate) drained: bool,
}

impl Measured {
    /// Deliveries for each second of the server's CPU.
    pub(crate) fn events_per_cpu_second(&self) -> f64 {
        self.events_per_second / self.cores.server.max(0.001)
    }

    /// Whether the rate was held: everybody told everything, in time.
    pub(crate) fn held(&self) -> bool {
        self.p99 < P99_MAX && self.lost == 0 && self.wrong == 0 && self.ended == 0 && self.drained
    }

    /// One line for who watches.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:>7.0} updates/s {:>9.0} events/s {:>9.0} a CPU s, server {:.2} client {:.2} others {:.2} cores, \
             p50 {:.1} p99 {:.1} p99.9 {:.1} ms, lost {} ({} left out, {} at the end, told {} times), wrong {}, \
             {:.1} a read, {} MiB{}",
            self.rate,
            self.events_per_second,
            self.events_per_cpu_second(),
            self.cores.server,
            self.cores.client,
            self.cores.others,
            self.p50,
            self.p99,
            self.p999,
            self.lost,
            self.lost_how.0,
            self.lost_how.1,
            self.lost_how.2,
            self.wrong,
            self.events_per_read,
            self.resident / 1024,
            if self.held() { "" } else { "  (not held)" },
        )
    }
}
