//! Scenarios G and V: what taking updates in costs, and how old they are at a client. Quotewire alone, on its synthetic market
//! and on an emulated venue, whose last word on every symbol is held against the whole table afterwards.

use std::io;

use crate::clock::{self, SECOND};
use crate::load::{Load, Wanted};
use crate::measure::{Crowd, Each, Stand};
use crate::peers::Server;
use crate::peers::quotewire::{Quotewire, Settings};
use crate::report::{Cell, Table};
use crate::row::{Kind, Row};
use crate::say;
use crate::schedule;
use crate::sse::Keys;
use crate::usage::{self, Cpu};

pub(crate) const COLUMNS: &[&str] = &[
    "symbols",
    "updates/s asked",
    "applied/s",
    "clients",
    "server cores",
    "others",
    "events/s",
    "age p50 ms",
    "p99 ms",
    "RSS MiB",
];

/// Symbols, updates a second, clients, symbols of each client.
const CASES: &[(u32, u32, u64, u32)] = &[
    (10_000, 1_000_000, 0, 0),
    (10_000, 1_000_000, 100, 20),
    (10_000, 100_000, 0, 0),
    (100_000, 100_000, 0, 0),
];

/// Adds a line for every case; nothing for rows without a synthetic market.
pub(crate) fn run(row: &Row, seconds: u64, table: &mut Table) {
    let Kind::Quotewire(settings) = &row.kind else { return };
    for (case, letter) in CASES.iter().zip('a'..) {
        let outcome = one(settings, *case, seconds).map_err(|error| error.to_string());
        table.add(&format!("{} ({letter})", row.name), outcome);
    }
}

fn one(settings: &Settings, case: (u32, u32, u64, u32), seconds: u64) -> io::Result<Vec<Cell>> {
    let (symbols, rate, clients, each) = case;
    let server = Quotewire::on_sim(settings, symbols, rate)?;
    let wanted: Vec<Wanted> = (0..clients)
        .map(|client| Wanted { symbols: schedule::some_symbols(client, each, symbols), group: 0 })
        .collect();
    let load = Load::connect(server.address(), &wanted, 1, Keys::event_times(), |symbols| {
        let names: Vec<String> =
            symbols.iter().map(|symbol| format!("SIM:{}-USD", schedule::letters(*symbol))).collect();
        let mode = settings.mode;
        format!("/v1/stream?fields=bid,bid_size,ts_event&named=false&mode={mode}&symbols={}", names.join(","))
    })?;
    clock::wait_until(clock::now() + 2 * SECOND);
    let applied_before = server.applied()?;
    let from = clock::now();
    load.measure(from, from + seconds * SECOND)?;
    let cpu = Cpu::now(&server.pids());
    clock::wait_until(from + seconds * SECOND);
    let cores = Cpu::now(&server.pids()).since(&cpu);
    let applied_after = server.applied()?;
    let applied = (applied_after - applied_before) * 1e6 / (clock::now() - from) as f64;
    let tally = load.tally()?;
    let age = |share| Cell::maybe((tally.delays.count() > 0).then(|| tally.delays.millis(share)), 2);
    say(&format!(
        "  {symbols} symbols, {rate} updates/s, {clients} clients: {:.2} cores, {:.0} applied/s, age p99 {:.1} ms",
        cores.server,
        applied,
        tally.delays.millis(0.99)
    ));
    Ok(vec![
        Cell::Number(f64::from(symbols), 0),
        Cell::Number(f64::from(rate), 0),
        Cell::Number(applied, 0),
        Cell::Number(clients as f64, 0),
        Cell::Number(cores.server, 2),
        Cell::Number(cores.others + cores.stolen, 2),
        Cell::Number(tally.events as f64 / seconds as f64, 0),
        age(0.5),
        age(0.99),
        Cell::Number(usage::resident(&server.pids()) as f64 / 1024.0, 1),
    ])
}

pub(crate) const VENUE_COLUMNS: &[&str] = &[
    "symbols",
    "updates/s",
    "clients",
    "server cores",
    "venue and clients",
    "others",
    "events/s",
    "p50 ms",
    "p99 ms",
    "lost",
    "wrong",
    "symbols unlike the oracle",
    "RSS MiB",
];

/// What scenario V asks for: symbols, updates a second over all of them, clients, symbols of each.
const VENUE: (u32, f64, u64, u32) = (10_000, 100_000.0, 100, 20);
/// So long the table may take to be as the venue left it.
const SETTLE: u64 = 2 * SECOND;

/// Scenario V: through a venue's WebSockets, decoder and screen included.
pub(crate) fn venue(row: &Row, seconds: u64) -> io::Result<Vec<Cell>> {
    let Kind::Quotewire(settings) = &row.kind else {
        return Err(io::Error::other("only Quotewire takes a venue's messages"));
    };
    let (symbols, rate, clients, each) = VENUE;
    let (server, oracle) = Quotewire::start_watched(settings, symbols)?;
    let reads_table = server.reader();
    let crowd = Crowd { clients, symbols, each: Each::Some(each), slow_one_in: 0 };
    let mut stand = Stand::around(Box::new(server), crowd)?;
    let measured = stand.run(rate, seconds)?;
    say(&format!("  {}", measured.line()));
    // Nothing is sent any more: what the venue said last is what the table must say.
    let end = clock::now() + SETTLE;
    let unlike = loop {
        let unlike = oracle.unlike(&reads_table.tops(symbols)?);
        if unlike == 0 || clock::now() > end {
            break unlike;
        }
    };
    say(&format!("  {unlike} of {symbols} symbols are not as the venue left them"));
    Ok(vec![
        Cell::Number(f64::from(symbols), 0),
        Cell::Number(rate, 0),
        Cell::Number(clients as f64, 0),
        Cell::Number(measured.cores.server, 2),
        Cell::Number(measured.cores.client, 2),
        Cell::Number(measured.cores.others + measured.cores.stolen, 2),
        Cell::Number(measured.events_per_second, 0),
        Cell::Number(measured.p50, 2),
        Cell::Number(measured.p99, 1),
        Cell::Number(measured.lost as f64, 0),
        Cell::Number(measured.wrong as f64, 0),
        Cell::Number(unlike as f64, 0),
        Cell::Number(measured.resident as f64 / 1024.0, 1),
    ])
}
