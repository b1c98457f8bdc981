//! The fan-out bench: what it costs to tell many clients, from outside, over loopback.
//!
//! Estimate: a write costs the kernel 5 to 8 us, an event in a write some 0.2 us. 1,000 clients with 500 events a second
//! each, told every 10 ms, are 100,000 writes of 5 events a second: 0.6 to 0.8 of a core.
//!
//! One process connects the clients, makes updates for those servers that take them from outside, and reads; the server
//! under test is another, whose CPU and memory the kernel tells. Every event carries the time at which it was due and
//! its number, so delay, loss, doubles and order are found by the reader, whatever the server says.
//!
//! | file | what |
//! |---|---|
//! | [`scenario`], [`slow`], [`idle`], [`ingest`], [`waves`], [`structures`] | what is measured |
//! | [`measure`], [`knee`] | one measurement; the highest rate that is held |
//! | [`row`], [`peers`] | the servers |
//! | [`load`], [`reader`], [`resume`], [`sse`], [`tally`], [`histogram`] | the clients |
//! | [`schedule`], [`event`], [`publisher`], [`venue`] | the updates |
//! | [`usage`], [`child`], [`clock`] | the machine |
//! | [`report`], [`args`] | what comes out, what goes in |

mod args;
mod child;
mod clock;
mod event;
mod histogram;
mod idle;
mod ingest;
mod knee;
mod load;
mod measure;
mod peers;
mod publisher;
mod reader;
mod report;
mod resume;
mod row;
mod scenario;
mod schedule;
#[cfg(test)]
mod self_check;
mod slow;
mod sse;
mod structures;
mod tally;
mod usage;
mod venue;
mod waves;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Asked;
use report::Table;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args::read(&words) {
        Ok(Asked::Help) => peers::say(args::HELP),
        Ok(Asked::Bare { symbols, window, ring }) => peers::bare::serve(symbols, window, ring),
        Ok(Asked::Warp { symbols }) => peers::warp::serve(symbols),
        Ok(Asked::Run { plan, out }) => run(&plan, out.as_deref()),
        Err(why) => {
            say(&format!("error: {why}; --help tells what there is"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &scenario::Plan, out: Option<&str>) -> io::Result<()> {
    child::end_with_us()?;
    load::raise_file_limit()?;
    let head = format!("# Fan-out\n\n{}\n", report::place());
    let text = |tables: &[Table]| {
        let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
        format!("{head}\n{}", tables.join("\n"))
    };
    let mut last = String::new();
    scenario::run(plan, |tables| {
        last = text(tables);
        // After each scenario, so that a run that is cut short leaves what it had.
        out.map_or(Ok(()), |out| std::fs::write(out, &last))
    })?;
    peers::say(&last)
}

/// Tells who watches.
fn say(line: &str) {
    // Nobody watches when this fails.
    let _ = writeln!(io::stderr(), "{line}");
}
