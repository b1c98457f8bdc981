//! The decoder of the preset `coinbase_advanced`.
#![no_main]

feed_fuzz::target!(feed_coinbase_advanced::session);
