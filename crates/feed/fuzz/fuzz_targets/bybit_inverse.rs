//! The decoder of the preset `bybit_inverse`.
#![no_main]

feed_fuzz::target!(feed_bybit::inverse);
