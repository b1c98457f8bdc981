//! The decoder of the preset `huobi`.
#![no_main]

feed_fuzz::target!(feed_huobi::session);
