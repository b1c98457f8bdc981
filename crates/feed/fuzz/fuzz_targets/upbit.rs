//! The decoder of the preset `upbit`.
#![no_main]

feed_fuzz::target!(feed_upbit::session);
