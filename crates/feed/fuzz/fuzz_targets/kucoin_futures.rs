//! The decoder of the preset `kucoin_futures`.
#![no_main]

feed_fuzz::target!(feed_kucoin::futures);
