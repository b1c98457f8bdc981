//! The decoder of the preset `okx`.
#![no_main]

feed_fuzz::target!(feed_okx::session);
