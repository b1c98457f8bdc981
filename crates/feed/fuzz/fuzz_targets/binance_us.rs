//! The decoder of the preset `binance_us`.
#![no_main]

feed_fuzz::target!((|o: &feed::Overrides| feed_binance::session(feed_binance::Market::Us, o)));
