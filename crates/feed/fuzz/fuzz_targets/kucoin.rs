//! The decoder of the preset `kucoin`.
#![no_main]

feed_fuzz::target!(feed_kucoin::session);
