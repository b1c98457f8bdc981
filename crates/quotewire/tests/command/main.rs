//! The program as its users start it: arguments in, standard output, standard error and exit codes out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod documents;
mod record;
mod replay;
mod serve;
mod support;
mod usage;
mod venue;
