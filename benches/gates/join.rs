//! How many instructions it may take to join what a client is owed into one write: from five changes in the table to the bytes
//! in its pipe, a thousand times.
//!
//! Counted from outside, through the edge's own door, in one thread and in a time of its own: what wakes the writer loop and
//! what it looks for is in it, a kernel is not. Apart from `gates`, because what else is in a program moves the counts of
//! the pieces by some percent. Limits are as there: what was counted, and 5 % more.
#![allow(missing_docs, unused_qualifications, reason = "what gungraun's macros write")]

mod gateway;

use gateway::Gateway;
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// How often the client is told.
const TIMES: usize = 1_000;
/// How many symbols change before.
const CHANGED: usize = 5;

/// A thousand times that many instructions, and 5 % more.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = instructions * TIMES as u64 * 105 / 100;
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)]));
    config
}

// Five changes and one write, for a client of so many symbols. What a symbol that has not changed costs is the difference of
// the first two.
#[library_benchmark]
#[bench::of_50(args = (Gateway::start("latest", 50)), config = at_most(38_781))]
#[bench::of_500(args = (Gateway::start("latest", 500)), config = at_most(67_578))]
#[bench::every_of_50(args = (Gateway::start("every", 50)), config = at_most(44_336))]
fn join(mut gateway: Gateway) -> Gateway {
    gateway.tell(TIMES, CHANGED);
    gateway
}

library_benchmark_group!(name = owed, benchmarks = [join]);
main!(library_benchmark_groups = owed);
