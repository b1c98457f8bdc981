//! The decoder of the preset `deribit`.
#![no_main]

feed_fuzz::target!(feed_deribit::session);
