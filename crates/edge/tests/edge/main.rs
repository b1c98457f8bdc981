//! The edge through its front door: real sockets on port 0, a real table, requests as bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod control;
mod drain;
mod fault;
mod formats;
mod http;
mod limits;
mod memory;
mod modes;
mod polls;
mod resume;
mod spec;
mod stream;
mod stress;
mod support;
