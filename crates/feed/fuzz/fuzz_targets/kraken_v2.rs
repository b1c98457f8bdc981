//! The decoder of the preset `kraken_v2`.
#![no_main]

feed_fuzz::target!(feed_kraken::session);
