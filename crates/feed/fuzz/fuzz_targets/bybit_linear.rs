//! The decoder of the preset `bybit_linear`.
#![no_main]

feed_fuzz::target!(feed_bybit::linear);
