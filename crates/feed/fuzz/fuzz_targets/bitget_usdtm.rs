//! The decoder of the preset `bitget_usdtm`.
#![no_main]

feed_fuzz::target!(feed_bitget::usdtm);
