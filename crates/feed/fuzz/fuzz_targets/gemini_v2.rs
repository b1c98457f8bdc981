//! The decoder of the preset `gemini_v2`.
#![no_main]

feed_fuzz::target!(feed_gemini::session_v2);
