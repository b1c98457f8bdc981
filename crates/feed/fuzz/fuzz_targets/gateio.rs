//! The decoder of the preset `gateio`.
#![no_main]

feed_fuzz::target!(feed_gateio::session);
