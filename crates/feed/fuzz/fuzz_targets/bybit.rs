//! The decoder of the preset `bybit`.
#![no_main]

feed_fuzz::target!(feed_bybit::session);
