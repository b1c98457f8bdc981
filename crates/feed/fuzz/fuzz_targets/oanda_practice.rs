//! The decoder of the preset `oanda_practice`.
#![no_main]

feed_fuzz::target!(feed_oanda::practice);
