//! The decoder of the preset `iex_tops`.
#![no_main]

feed_fuzz::target!(feed_iex_tops::session);
