//! The decoder of the preset `bitstamp`.
#![no_main]

feed_fuzz::target!(feed_bitstamp::session);
