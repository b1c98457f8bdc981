//! Scenario D: what a client costs that hears nothing.

use std::io;
use std::time::Duration;

use crate::clock;
use crate::load::Load;
use crate::measure::{Crowd, Each};
use crate::report::Cell;
use crate::row::Row;
use crate::say;
use crate::sse::Keys;
use crate::usage::{self, Cpu};

pub(crate) const COLUMNS: &[&str] = &[
    "clients",
    "RSS before MiB",
    "RSS with MiB",
    "user KiB a client",
    "kernel KiB a connection, both ends",
    "server cores",
];

/// So many clients.
const CLIENTS: u64 = 10_000;
/// So long they stand there before the second look, with time for a heartbeat.
const STAND: Duration = Duration::from_secs(12);

/// Connects them and looks at the memory before and after.
pub(crate) fn run(row: &Row) -> io::Result<Vec<Cell>> {
    let crowd = Crowd { clients: CLIENTS, symbols: 1, each: Each::First, slow_one_in: 0 };
    let mut server = row.start(crowd.symbols, None)?;
    server.set_rate(0.0)?;
    let before = (usage::resident(&server.pids()), usage::kernel());
    let load = Load::connect(server.address(), &crowd.wanted(), crowd.symbols, Keys::bids(), |symbols| {
        server.target(symbols)
    })?;
    let cpu = Cpu::now(&server.pids());
    clock::pause(STAND);
    let cores = Cpu::now(&server.pids()).since(&cpu);
    let after = (usage::resident(&server.pids()), usage::kernel());
    let each = |before: u64, after: u64| (after as f64 - before as f64) / CLIENTS as f64;
    let (user, kernel) = (each(before.0, after.0), each(before.1, after.1));
    say(&format!("  {user:.2} KiB of the server's memory, {kernel:.2} KiB of the kernel's for each client"));
    if load.ended() > 0 {
        return Err(io::Error::other(format!("{} idle clients were ended", load.ended())));
    }
    Ok(vec![
        Cell::Number(CLIENTS as f64, 0),
        Cell::Number(before.0 as f64 / 1024.0, 1),
        Cell::Number(after.0 as f64 / 1024.0, 1),
        Cell::Number(user, 2),
        Cell::Number(kernel, 2),
        Cell::Number(cores.server, 3),
    ])
}
