//! The decoder of the preset `finnhub_forex`.
#![no_main]

feed_fuzz::target!(feed_finnhub::forex);
