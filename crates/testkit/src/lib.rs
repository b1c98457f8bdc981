//! Real stand-ins for tests: a venue on loopback, a sink that remembers, a client that stops reading, and the checks
//! that every decoder must pass.
//!
//! | file | what it is |
//! |---|---|
//! | [`script`] | what an emulated venue serves and plays, and what goes wrong on which connection |
//! | [`recording`] | a capture file and its HTTP answers in memory, and the script made of them |
//! | [`venue`] | the emulated venue: HTTP answers and a real WebSocket on `127.0.0.1` |
//! | [`datagrams`] | a group on loopback that datagrams are sent to |
//! | [`sink`] | [`sink::CollectingSink`]: keeps the latest of every symbol and a log |
//! | [`contract`] | [`contract::check_decoder`]: what every decoder promises, checked over recorded frames |
//! | [`loss`] | [`loss::check_every_loss`]: what every decoder promises when a message is lost |
//! | [`proof`] | what the proofs of every adapter share: fixtures, a played recording, a session at work |
//! | [`kept`] | a decoder that can still be asked what it counted while it is played |
//! | [`naive`] | the simplest sink, and a played recording compared with what an independent reader made of it |
//! | [`simulation`] | a world in memory and in virtual time, all of which follows from a seed |
//! | [`slow`] | a raw HTTP client that reads as much as it is told and then stops |
//!
//! Tests wait for what they are after (`wait_...`), never for time: every such wait ends the test with a message that
//! names what was awaited and what was there instead, after [`PATIENCE`]. Waits use tokio's timer: in a test that pauses
//! the clock, which then jumps whenever nothing else is left to do, only what is due sooner can be awaited.

#![expect(
    clippy::panic,
    reason = "a stand-in fails its test by panicking, with a message that says what it saw"
)]

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

pub mod contract;
pub mod datagrams;
pub mod kept;
pub mod loss;
pub mod naive;
pub mod proof;
pub mod recording;
pub mod script;
pub mod simulation;
pub mod sink;
pub mod slow;
pub mod venue;

/// How long a wait lasts before it fails its test. Far longer than anything awaited takes, even on a machine that
/// builds something else at the same time, because it is a verdict and not a measurement.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `found` has an answer for the watched state, or fails the test.
async fn wait_for<T: fmt::Debug, R>(
    state: &watch::Sender<T>,
    awaited: impl fmt::Display,
    mut found: impl FnMut(&T) -> Option<R>,
) -> R {
    let mut watcher = state.subscribe();
    let search = async {
        loop {
            if let Some(answer) = found(&watcher.borrow_and_update()) {
                return answer;
            }
            // The sender is borrowed by the caller, so it cannot go away while this waits.
            let _ = watcher.changed().await;
        }
    };
    match tokio::time::timeout(PATIENCE, search).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {awaited}; there is {:#?}", *state.borrow()),
    }
}
