//! The decoder of the preset `alpaca_delayed_sip`.
#![no_main]

feed_fuzz::target!(feed_alpaca::delayed_sip);
