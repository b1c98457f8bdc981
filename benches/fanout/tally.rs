//! What the readers of one group of clients counted.

use crate::histogram::Histogram;

/// Counts since the last measurement began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Quotes read while the measurement ran.
    pub(crate) events: u64,
    /// Reads of a socket in the same time, and the bytes they gave.
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
    /// Due -> read, of the quotes that were due while the measurement ran.
    pub(crate) delays: Histogram,
    /// Numbers that were left out, came again, or came after a higher one.
    pub(crate) gaps: u64,
    pub(crate) doubles: u64,
    pub(crate) disorder: u64,
    /// Events by which a server owned up to a loss.
    pub(crate) lagged: u64,
    /// Events that were not quotes.
    pub(crate) others: u64,
    /// Connections that ended.
    pub(crate) ended: u64,
}

impl Tally {
    /// Adds another group's counts.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.events += other.events;
        self.reads += other.reads;
        self.bytes += other.bytes;
        self.delays.add(&other.delays);
        self.gaps += other.gaps;
        self.doubles += other.doubles;
        self.disorder += other.disorder;
        self.lagged += other.lagged;
        self.others += other.others;
        self.ended += other.ended;
    }
}
