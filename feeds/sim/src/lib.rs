//! Feed adapter: sim.
