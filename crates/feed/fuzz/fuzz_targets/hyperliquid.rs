//! The decoder of the preset `hyperliquid`.
#![no_main]

feed_fuzz::target!(feed_hyperliquid::session);
