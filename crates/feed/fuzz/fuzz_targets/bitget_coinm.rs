//! The decoder of the preset `bitget_coinm`.
#![no_main]

feed_fuzz::target!(feed_bitget::coinm);
