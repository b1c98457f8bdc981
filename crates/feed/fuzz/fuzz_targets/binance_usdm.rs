//! The decoder of the preset `binance_usdm`.
#![no_main]

feed_fuzz::target!((|o: &feed::Overrides| feed_binance::session(feed_binance::Market::UsdM, o)));
