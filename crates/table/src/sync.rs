//! The atomics of this crate: the standard ones, or loom's in a build with `--cfg loom`.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How often a writer looks again before it gives its core away. A write takes some tens of nanoseconds, so a lock
/// that is not free by then belongs to a writer that is not running.
#[cfg(not(loom))]
const SPINS: u32 = 100;

/// Waits a little before the next look at a lock that another thread holds.
#[cfg(not(loom))]
pub(crate) fn pause(tries: u32) {
    if tries < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// Tells loom that nothing happens here until another thread runs.
#[cfg(loom)]
pub(crate) fn pause(_tries: u32) {
    loom::thread::yield_now();
}

/// A value on cache lines of its own: 128 bytes, because x86 fetches lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
