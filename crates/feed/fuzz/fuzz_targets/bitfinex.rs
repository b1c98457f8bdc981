//! The decoder of the preset `bitfinex`.
#![no_main]

feed_fuzz::target!(feed_bitfinex::session);
