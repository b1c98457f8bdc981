//! Writer loops on threads of their own, against threads that publish and clients that come, change, leave and come back.
//!
//! It goes in rounds: writers publish at full speed while some clients act, then all is quiet, and every client must come to
//! what the table says before the next round begins. A mark, a wake-up or a seat that gets lost is lost for good in that quiet:
//! no heartbeat comes to mend it. At the end every single event is held against the record of what was written.
//!
//! Bounded by counts, not by time. The seed makes the walk of the prices and the acts of the clients, not the order of the
//! threads; a failure prints it, and `QUOTEWIRE_STRESS_SEED` takes it.

mod reader;
mod record;
mod script;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edge::{Config, EndReason};
use market::Symbol;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use table::{SymbolId, Table};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::reader::History;
use self::record::{Record, Scribe};
use self::script::{Kind, play};
use crate::support::{PATIENCE, Running, hand_over};

const ROUNDS: usize = 320;
const WRITERS: usize = 3;
const LOOPS: usize = 2;
/// Symbols of each writer; the last ones of all are written by every writer.
const OWN: usize = 8;
const SHARED: usize = 2;
const SYMBOLS: usize = WRITERS * OWN + SHARED;
/// Symbols of the table that nobody writes, between two that are written: marks are kept in words of 64 on three levels.
const BETWEEN: usize = 190;
/// Most changes of a writer in a round.
const BURST: usize = 250;
/// In so many rounds there is one such. In the others each writer makes one change: no later one mends what it has lost.
const BURST_EVERY: usize = 4;

/// What everybody needs to know.
struct Stage {
    edge: Running,
    ids: Vec<SymbolId>,
    /// Clients that still have something to do in this round.
    acting: AtomicUsize,
}

fn name(symbol: usize) -> String {
    format!("TEST:S{symbol}")
}

fn is_shared(symbol: usize) -> bool {
    symbol >= WRITERS * OWN
}

fn stage() -> Stage {
    let mut config = Config { hand_over: hand_over(), ..Config::default() };
    // A heartbeat looks for itself, and would mend what this test is to find.
    config.heartbeat = Duration::from_secs(3_600);
    // Some read late on purpose, and this is not about when that is too late.
    config.limits.stall = Duration::from_secs(3_600);
    // Twice what a round can hold: it goes round and round, and nobody who keeps up loses anything.
    config.limits.every_changes = 2 * WRITERS * BURST;
    let symbols = SYMBOLS * (BETWEEN + 1);
    let table =
        Table::new(table::Config { symbols, watchers: LOOPS, epoch: 0xabc, ..table::Config::default() });
    let mut ids = Vec::new();
    for symbol in 0..SYMBOLS {
        for n in 0..BETWEEN {
            table.intern(&Symbol::parse(&format!("REST:S{symbol}-{n}")).unwrap()).unwrap();
        }
        ids.push(table.intern(&Symbol::parse(&name(symbol)).unwrap()).unwrap());
    }
    Stage { edge: Running::over(config, table), ids, acting: AtomicUsize::new(Kind::CAST.len()) }
}

/// Which half of which round it is: odd while writers are quiet.
type Phase = usize;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_loops_on_threads_lose_nothing_double_nothing_and_keep_the_order() {
    let seed = std::env::var("QUOTEWIRE_STRESS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("QUOTEWIRE_STRESS_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let stage = Arc::new(stage());
    let mut record = Record::new(&stage);

    let (phases, phase) = watch::channel::<Phase>(0);
    let (arrive, mut arrived) = mpsc::channel(Kind::CAST.len());
    let mut clients = JoinSet::new();
    for (number, kind) in Kind::CAST.into_iter().enumerate() {
        let rng = StdRng::seed_from_u64(rng.random());
        clients.spawn(play(number, kind, Arc::clone(&stage), rng, phase.clone(), arrive.clone()));
    }
    drop((phase, arrive));
    let mut scribes: Vec<Scribe> =
        (0..WRITERS).map(|n| Scribe::new(n, &stage, StdRng::seed_from_u64(rng.random()))).collect();
    for round in 0..ROUNDS {
        phases.send(2 * round).unwrap();
        let writing = scribes.drain(..).map(|mut scribe| {
            let stage = Arc::clone(&stage);
            tokio::task::spawn_blocking(move || {
                scribe.burst(&stage, if round.is_multiple_of(BURST_EVERY) { BURST } else { 1 });
                scribe
            })
        });
        for scribe in futures_util::future::join_all(writing).await {
            scribes.push(scribe.unwrap());
        }
        phases.send(2 * round + 1).unwrap();
        for _ in Kind::CAST {
            tokio::select! {
                biased;
                Some(ended) = clients.join_next() => {
                    let reasons = EndReason::ALL.map(EndReason::name);
                    let ended_as = |reason| stage.edge.metric_of("quotewire_edge_streams_ended_total", reason);
                    let reasons = reasons.map(|reason| (reason, ended_as(reason)));
                    panic!("seed {seed}, round {round}: {ended:?}; streams ended: {reasons:?}");
                }
                all = tokio::time::timeout(PATIENCE, arrived.recv()) => {
                    all.unwrap_or_else(|_| panic!("seed {seed}, round {round}: somebody does not arrive")).unwrap();
                }
            }
        }
        stage.acting.store(Kind::CAST.len(), Ordering::Release);
    }
    drop(phases);
    let mut histories: Vec<History> = Vec::new();
    while let Some(ended) = clients.join_next().await {
        histories.extend(ended.unwrap());
    }
    scribes.into_iter().for_each(|scribe| record.take(scribe));
    record.sort();
    for history in &histories {
        history.check(&record).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(stage.edge.metric("quotewire_edge_conflated_total") > 0.0, "`latest` merges");
    assert_eq!(stage.edge.metric("quotewire_edge_streams_reset_total"), 0.0);
    let ended = |e: &Running| e.metric("quotewire_edge_streams_ended_total");
    let opened = stage.edge.metric("quotewire_edge_streams_opened_total");
    stage.edge.until("all have left", |e| ended(e) == opened).await;
    assert_eq!(
        stage.edge.metric_of("quotewire_edge_streams_ended_total", "client_gone"),
        opened,
        "promise 15"
    );
    stage.edge.stop.cancel();
}
