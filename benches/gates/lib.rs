//! Nothing: cargo wants a crate to hang the bench on.
