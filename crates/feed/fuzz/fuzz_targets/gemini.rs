//! The decoder of the preset `gemini`.
#![no_main]

feed_fuzz::target!(feed_gemini::session);
