//! The decoder of the preset `massive`.
#![no_main]

feed_fuzz::target!(feed_massive::session);
