//! The threads that feeds run on.
//!
//! A feed stays on one thread, with all its connections and the task that lets go held prices. They write into the table through one
//! sink, so on several threads they would only wait for each other; and one wake-up serves all connections on which something
//! has come. With 100,000 updates a second over ten connections of one feed, half of all work was threads that put each other to sleep.

use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Most threads: some millions of updates a second.
const THREADS_MAX: usize = 8;

/// The running threads. They end when this is dropped, and what still runs there with them; nobody waits for that, so that a
/// second signal ends the process whatever a feed is stuck in.
#[derive(Debug)]
pub(crate) struct IngestThreads {
    threads: Vec<Handle>,
    given: usize,
    end: CancellationToken,
}

impl IngestThreads {
    /// Starts a thread for every four processors, no more than there are feeds.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(crate) fn start(feeds: usize) -> Result<IngestThreads, Failure> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let end = CancellationToken::new();
        let mut threads = Vec::new();
        for number in 0..count(cores, feeds) {
            let started = one(number, end.clone());
            threads.push(started.map_err(|error| Failure::failed(format!("a thread for feeds: {error}")))?);
        }
        Ok(IngestThreads { threads, given: 0, end })
    }

    /// Where the next feed runs: each thread in turn.
    pub(crate) fn next(&mut self) -> Handle {
        let handle = self.threads[self.given % self.threads.len()].clone();
        self.given += 1;
        handle
    }
}

impl Drop for IngestThreads {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn count(cores: usize, feeds: usize) -> usize {
    (cores / 4).clamp(1, THREADS_MAX).min(feeds.max(1))
}

fn one(number: usize, end: CancellationToken) -> std::io::Result<Handle> {
    let (tell, told) = mpsc::sync_channel(1);
    let body = move || match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let _ = tell.send(Ok(runtime.handle().clone()));
            runtime.block_on(end.cancelled());
            // Whatever still blocks (a catalogue on its way) is not waited for.
            runtime.shutdown_background();
        }
        Err(error) => drop(tell.send(Err(error))),
    };
    thread::Builder::new().name(format!("ingest-{number}")).spawn(body)?;
    told.recv().unwrap_or_else(|_| Err(std::io::Error::other("it ended at once")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_for_four_processors_and_none_without_a_feed() {
        let counts = [(1, 9), (2, 9), (4, 9), (8, 9), (64, 9), (64, 3), (64, 0)];
        let counts = counts.map(|(cores, feeds)| count(cores, feeds));
        assert_eq!(counts, [1, 1, 1, 2, 8, 3, 1]);
    }

    #[test]
    fn a_feed_stays_on_its_thread_and_threads_end_with_their_owner() {
        let end = CancellationToken::new();
        let threads = (0..2).map(|number| one(number, end.clone()).unwrap()).collect();
        let mut threads = IngestThreads { threads, given: 0, end: end.clone() };
        let (tell, told) = mpsc::sync_channel(4);
        for feed in 0..4 {
            let tell = tell.clone();
            threads.next().spawn(async move {
                let name = || thread::current().name().unwrap_or_default().to_owned();
                let first = name();
                tokio::task::yield_now().await;
                let _ = tell.send((feed, first, name()));
            });
        }
        let mut seen: Vec<(usize, String, String)> = told.iter().take(4).collect();
        seen.sort();
        for (feed, first, then) in seen {
            assert_eq!((first.as_str(), &then), (format!("ingest-{}", feed % 2).as_str(), &first));
        }
        drop(threads);
        assert!(end.is_cancelled());
    }
}
