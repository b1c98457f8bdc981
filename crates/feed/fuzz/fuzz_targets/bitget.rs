//! The decoder of the preset `bitget`.
#![no_main]

feed_fuzz::target!(feed_bitget::session);
