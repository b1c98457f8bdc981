//! The decoder of the preset `coinbase`.
#![no_main]

feed_fuzz::target!(feed_coinbase::session);
