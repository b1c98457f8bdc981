//! The decoder of the preset `kraken_futures`.
#![no_main]

feed_fuzz::target!(feed_kraken_futures::session);
