//! The decoder of the preset `gateio_usdtm`.
#![no_main]

feed_fuzz::target!(feed_gateio::usdtm);
