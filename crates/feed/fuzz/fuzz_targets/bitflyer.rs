//! The decoder of the preset `bitflyer`.
#![no_main]

feed_fuzz::target!(feed_bitflyer::session);
