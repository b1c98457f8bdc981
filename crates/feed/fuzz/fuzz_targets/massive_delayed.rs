//! The decoder of the preset `massive_delayed`.
#![no_main]

feed_fuzz::target!(feed_massive::delayed);
