//! The decoder of the preset `finnhub_crypto`.
#![no_main]

feed_fuzz::target!(feed_finnhub::crypto);
