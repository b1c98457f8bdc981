//! The decoder of the preset `kraken`.
#![no_main]

feed_fuzz::target!(feed_kraken::session_v1);
