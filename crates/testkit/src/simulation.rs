//! A world without sockets and without real time, in which everything follows from a seed.
//!
//! Run it on a current-thread runtime with tokio's clock paused: time then jumps to the next thing that is due, and two
//! runs of a seed are the same run. Whatever draws random numbers draws them from a [`Dice`] of its own, so that one part
//! drawing once more does not change the others.
//!
//! | file | what it is |
//! |---|---|
//! | [`dice`] | seeded random numbers |
//! | [`clock`] | [`clock::PausedClock`]: wall and monotonic time from the runtime's clock |
//! | [`pipe`] | a connection in memory that is late, cuts anywhere, stalls, dies or is reset |
//! | [`wires`] | who listens where, who dials whom; a [`feed::network::Network`] |
//! | [`journal`] | what a venue said when, and how it can be told from any one number of it |
//! | [`kraken`] | a venue that speaks Kraken's protocol v2, with messages lost, swapped, doubled and garbled |

pub mod clock;
pub mod dice;
pub mod journal;
pub mod kraken;
pub mod pipe;
pub mod wires;

pub use clock::PausedClock;
pub use dice::Dice;
