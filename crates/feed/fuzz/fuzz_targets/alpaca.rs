//! The decoder of the preset `alpaca`.
#![no_main]

feed_fuzz::target!(feed_alpaca::session);
