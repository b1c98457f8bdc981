//! The decoder of the preset `alpaca_sip`.
#![no_main]

feed_fuzz::target!(feed_alpaca::sip);
