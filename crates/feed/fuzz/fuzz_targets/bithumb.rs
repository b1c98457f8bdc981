//! The decoder of the preset `bithumb`.
#![no_main]

feed_fuzz::target!(feed_bithumb::session);
