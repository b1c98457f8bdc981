//! Feed adapter: Gemini, the current WebSocket API and its predecessor, market data v2. One decoder reads both.
//!
//! # What a session subscribes
//!
//! | preset | channels |
//! |---|---|
//! | current ([`session`]) | `@bookTicker`, `@trade` and `@depth20` of each symbol, `@markPrice` of perpetuals |
//! | v2 ([`session_v2`]) | `l2` of each symbol, `mark_price` of perpetuals |
//!
//! Recordings of `@depth` and `@depth@100ms` are read as well.
//!
//! | field | from the current interface | from v2 |
//! |---|---|---|
//! | bid, ask and sizes | `@bookTicker`; a `@depth20` whose number is higher; before both the book rebuilt from `@depth` | the book rebuilt from `l2` |
//! | last, its size and side | `@trade`; until one came the `c` and `C` of `@bookTicker` (without a side) | `trade`; until one came the newest of the trades that begin `l2` |
//! | mark | `@markPrice`, `@fundingAmount` | `mark_price_updates`, `funding_amount_updates` |
//! | index | nowhere: the `i` of `@markPrice` is off by a power of ten that the venue does not publish | `spot_index` of `mark_price_updates` |
//! | funding rate | nowhere: the venue's rate is a percentage cut to few digits | nowhere, likewise |
//! | figures of 24 h | nowhere: the venue has them over HTTP only | nowhere |
//!
//! Sizes are in the base currency; a perpetual's contract is one unit of it.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.gemini.com` for everything; one bad stream in a text refuses the whole text, with the text's `id` | WebSocket API 0.10.7, read 2026-09-15; probes of that day |
//! | streams are spelled in lower case there; v2 takes upper case only and says `NoValidTradingPairs` | the same |
//! | the venue pings every 20 s and answers `{"method":"ping"}`; v2 sends `heartbeat` every 5 s | the same; recorded session of 2021 (7 in 31 s) |
//! | 300 connections in 5 minutes, 7,000 units of weight in 10 s | `conninfo`, 2026-09-15 |
//! | `u` of `@bookTicker` and `lastUpdateId` of `@depthN` are drawn from one rising range | probes of 2026-09-15 |
//! | `@depth20` is sent every second whether it changed or not, with the symbol in `symbol` | stream reference; probes of 2026-09-15 |
//! | the first `depthUpdate` of a symbol is its book where the connection asked for one (`snapshot=-1`): `U` equals `u`; every other has the `u` before as its `U` | the same (5,489 of 5,489 changes) |
//! | `E` is in nanoseconds and exceeds 2^53, as does the `timestamp` of v2's figures; v2 trades have milliseconds | the same; recorded session of 2021 |
//! | `m` of a trade: the buyer was the maker, so the taker sold | stream reference |
//! | a side without orders is an empty text or left out | reported; stream reference |
//! | the first `l2_updates` of a symbol holds the book, the last 50 trades newest first, and `auction_events`; later ones hold `changes` alone | market data v2; recorded session of 2021 (10 of 655) |
//! | neither v2's `changes` nor its `trade` have numbers by which a loss could be noticed | the same |
//! | names come from `/v1/symbols/details/X`, one symbol a request, 120 requests a minute | REST API, read 2026-09-15 |
//!
//! # The catalogue
//!
//! The venue names base and quote of one symbol at a time. Those of [`Settings::details`] are asked for, and so is what is
//! listed and wished for by a name in parts (`SHIB-USD`), at most 110 in all; every other listed symbol is known by its bare name
//! (`GEMINI:SHIBUSD`), because text is not cut by guessing.
//!
//! # When a message is lost
//!
//! A `depthUpdate` that does not follow makes the symbol `Suspect` in the same batch and is subscribed again; behind
//! `@bookTicker`, which is whole each time, it is repaired without a word. Of v2 the venue gives no means to notice a loss.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Gemini;
pub use session::{Api, GeminiSession, REST_URL, Settings, V2_URL, WS_URL, session, session_v2};
