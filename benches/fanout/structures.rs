//! Scenario M: what subscriptions and symbols cost in memory, as differences of whole servers.
//!
//! Estimate: of a subscription the stream keeps 14 bytes and its loop about 2, so that 10,000 clients with 500 each take
//! 76 MiB. Two servers with as many clients and symbols differ in nothing but the number of subscriptions, and two with as
//! many clients in nothing but the symbols; what each costs follows without a word of the server.
//!
//! Clients come some at a time, and those before them have been told everything: what a server needs for a moment while
//! thousands are answered at once is measured too, by one case that has all come at once.

use std::io;
use std::time::Duration;

use crate::clock;
use crate::load::{Load, Wanted};
use crate::peers::Server;
use crate::peers::quotewire::{Quotewire, Settings};
use crate::report::{Cell, Table};
use crate::row::{Kind, Row};
use crate::say;
use crate::schedule;
use crate::sse::Keys;
use crate::usage;

pub(crate) const COLUMNS: &[&str] = &[
    "symbols",
    "clients",
    "subscriptions",
    "RSS before MiB",
    "RSS with MiB",
    "user KiB a client",
    "bytes a subscription",
    "bytes a symbol",
    "server cores",
];

/// So many clients connect at a time, where it does not matter.
const AT_ONCE: usize = 100;

/// How a client asks for its symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// By their names.
    List,
    /// By patterns of 26 symbols each.
    Patterns,
}

impl Asks {
    /// Symbols that are told for each that is asked for.
    fn stands_for(self) -> u64 {
        match self {
            Asks::List => 1,
            Asks::Patterns => u64::from(OF_A_PATTERN),
        }
    }
}

/// One server and its clients.
#[derive(Clone, Copy, Debug)]
struct Case {
    what: &'static str,
    symbols: u32,
    clients: u64,
    /// Symbols of each.
    each: u32,
    asks: Asks,
    /// So many connect before all have been told everything.
    at_once: usize,
}

/// Each is compared with those above it.
const CASES: &[Case] = &[
    Case { what: "one each", symbols: 10_000, clients: 10_000, each: 1, asks: Asks::List, at_once: AT_ONCE },
    Case {
        what: "500 each",
        symbols: 10_000,
        clients: 10_000,
        each: 500,
        asks: Asks::List,
        at_once: AT_ONCE,
    },
    Case {
        what: "20 patterns each",
        symbols: 10_000,
        clients: 10_000,
        each: 520,
        asks: Asks::Patterns,
        at_once: AT_ONCE,
    },
    Case {
        what: "500 each, at once",
        symbols: 10_000,
        clients: 10_000,
        each: 500,
        asks: Asks::List,
        at_once: 10_000,
    },
    Case { what: "few clients", symbols: 10_000, clients: 20, each: 20, asks: Asks::List, at_once: AT_ONCE },
    Case {
        what: "few clients, more symbols",
        symbols: 100_000,
        clients: 20,
        each: 20,
        asks: Asks::List,
        at_once: AT_ONCE,
    },
];

/// Symbols of one pattern: those whose names differ in the last letter.
const OF_A_PATTERN: u32 = 26;
/// Updates a second over all symbols: next to nothing, as the clients are to be idle.
const RATE: u32 = 10;
/// So long the clients may take to be told all their symbols.
const PATIENCE: Duration = Duration::from_secs(90);
/// So long they then stand there, with time for a heartbeat.
const STAND: Duration = Duration::from_secs(12);

/// What came of a case.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    case: Case,
    subscriptions: u64,
    /// KiB.
    before: u64,
    with: u64,
    cores: f64,
}

/// Adds a line for every case; nothing for rows without a synthetic market.
pub(crate) fn run(row: &Row, table: &mut Table) {
    let Kind::Quotewire(settings) = &row.kind else { return };
    let mut earlier: Vec<Outcome> = Vec::new();
    for case in CASES {
        let outcome = one(settings, *case).map(|outcome| {
            let cells = cells(&outcome, &earlier);
            earlier.push(outcome);
            cells
        });
        table.add(&format!("{}, {}", row.name, case.what), outcome.map_err(|error| error.to_string()));
    }
}

fn one(settings: &Settings, case: Case) -> io::Result<Outcome> {
    let server = Quotewire::on_sim(settings, case.symbols, RATE)?;
    let pids = server.pids();
    let before = usage::resident(&pids);
    let wanted: Vec<Wanted> =
        (0..case.clients).map(|client| Wanted { symbols: chosen(&case, client), group: 0 }).collect();
    let target = |chosen: &[u32]| target(&case, settings.mode, chosen);
    let mut load = Load::empty(Keys::event_times())?;
    let mut subscriptions = 0;
    for some in wanted.chunks(case.at_once) {
        load.join(server.address(), some, 1, target)?;
        let chosen: u64 = some.iter().map(|one| one.symbols.len() as u64).sum();
        subscriptions += chosen * case.asks.stands_for();
        clock::poll(PATIENCE, || (load.quotes() >= subscriptions).then_some(())).ok_or_else(|| {
            io::Error::other(format!("{} of {subscriptions} symbols were told", load.quotes()))
        })?;
    }
    let cpu = usage::Cpu::now(&pids);
    clock::pause(STAND);
    let cores = usage::Cpu::now(&pids).since(&cpu).server;
    let with = usage::resident(&pids);
    if load.ended() > 0 {
        return Err(io::Error::other(format!("{} clients were ended", load.ended())));
    }
    say(&format!("  {}: {} MiB, {} MiB with clients", case.what, before / 1024, with / 1024));
    Ok(Outcome { case, subscriptions, before, with, cores })
}

/// The symbols of a client, or the first one of each of its patterns.
fn chosen(case: &Case, client: u64) -> Vec<u32> {
    match case.asks {
        Asks::List => schedule::some_symbols(client, case.each, case.symbols),
        Asks::Patterns => {
            // The last one may be of fewer symbols, so it is left out.
            let patterns = case.symbols / OF_A_PATTERN;
            let mut chosen = schedule::some_symbols(client, case.each / OF_A_PATTERN, patterns);
            chosen.iter_mut().for_each(|pattern| *pattern *= OF_A_PATTERN);
            chosen
        }
    }
}

fn target(case: &Case, mode: &str, chosen: &[u32]) -> String {
    let name = |symbol: &u32| {
        let letters = schedule::letters(*symbol);
        match case.asks {
            Asks::List => format!("SIM:{letters}-USD"),
            Asks::Patterns => format!("SIM:{}*", &letters[..letters.len() - 1]),
        }
    };
    let names: Vec<String> = chosen.iter().map(name).collect();
    format!("/v1/stream?fields=bid,ts_event&named=false&mode={mode}&symbols={}", names.join(","))
}

fn cells(outcome: &Outcome, earlier: &[Outcome]) -> Vec<Cell> {
    let Outcome { case, subscriptions, before, with, cores } = *outcome;
    let user = |one: &Outcome| one.with as f64 - one.before as f64;
    let alike = |one: &&Outcome| one.case.clients == case.clients && one.case.symbols == case.symbols;
    let a_subscription = earlier
        .iter()
        .find(alike)
        .map(|one| (user(outcome) - user(one)) * 1024.0 / (subscriptions as f64 - one.subscriptions as f64));
    let fewer = |one: &&Outcome| one.case.clients == case.clients && one.case.symbols < case.symbols;
    let a_symbol = earlier
        .iter()
        .find(fewer)
        .map(|one| (with as f64 - one.with as f64) * 1024.0 / f64::from(case.symbols - one.case.symbols));
    vec![
        Cell::Number(f64::from(case.symbols), 0),
        Cell::Number(case.clients as f64, 0),
        Cell::Number(subscriptions as f64, 0),
        Cell::Number(before as f64 / 1024.0, 1),
        Cell::Number(with as f64 / 1024.0, 1),
        Cell::Number(user(outcome) / case.clients as f64, 2),
        Cell::maybe(a_subscription, 1),
        Cell::maybe(a_symbol, 0),
        Cell::Number(cores, 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_as_many_symbols_as_they_say() {
        let case = CASES[2];
        let chosen = chosen(&case, 7);
        assert_eq!(chosen.len() as u32 * OF_A_PATTERN, case.each);
        for first in &chosen {
            let prefix = schedule::letters(*first)[..2].to_owned();
            let alike = |symbol: &u32| schedule::letters(*symbol).starts_with(&prefix);
            assert_eq!((0..case.symbols).filter(alike).count() as u32, OF_A_PATTERN);
        }
        let target = target(&case, "latest", &[26, 0]);
        assert!(target.ends_with("&mode=latest&symbols=SIM:AB*,SIM:AA*"), "{target}");
    }

    #[test]
    fn costs_are_differences() {
        let outcome = |case: usize, subscriptions, with| Outcome {
            case: CASES[case],
            subscriptions,
            before: 10 << 10,
            with,
            cores: 0.0,
        };
        let one = outcome(0, 10_000, 30 << 10);
        let many = outcome(1, 10_000 + (1_000 << 10), (30 << 10) + 16_000);
        let cells_of_many = cells(&many, &[one]);
        assert_eq!((cells_of_many[6].clone(), cells_of_many[7].clone()), (Cell::Number(16.0, 1), Cell::None));
        let few = outcome(4, 400, 12 << 10);
        let symbols = outcome(5, 400, (12 << 10) + 90_000);
        let cells_of_symbols = cells(&symbols, &[one, many, few]);
        assert_eq!(
            (cells_of_symbols[6].clone(), cells_of_symbols[7].clone()),
            (Cell::None, Cell::Number(1024.0, 0))
        );
        assert_eq!(cells_of_symbols.len(), COLUMNS.len());
    }
}
