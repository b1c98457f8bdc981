//! The decoder of the preset `upstream`.
#![no_main]

feed_fuzz::target!(feed_upstream::session);
