//! The decoder of the preset `oanda`.
#![no_main]

feed_fuzz::target!(feed_oanda::session);
