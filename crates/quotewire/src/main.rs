//! Quotewire.

fn main() {}
