//! The decoder of the preset `finnhub`.
#![no_main]

feed_fuzz::target!(feed_finnhub::session);
