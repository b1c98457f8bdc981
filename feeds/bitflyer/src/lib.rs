//! Feed adapter: bitFlyer Lightning Realtime API (JSON-RPC 2.0 over a WebSocket): spot, the CFD, and futures.
//!
//! # What a session subscribes
//!
//! `lightning_board_snapshot_X`, `lightning_board_X`, `lightning_ticker_X` and `lightning_executions_X` of every product.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | the book: a snapshot about every 5 s, and the changes between; until the first snapshot `ticker` |
//! | last, its size and side | `executions` once one came on this connection, until then `ltp` of `ticker` (without size and side) |
//! | volume of 24 h | `volume_by_product` of `ticker` |
//! | status | `state` of `ticker` |
//!
//! The book goes before the ticker because it is the newer one: the ticker speaks twice a second at most, and each of its tops is
//! one that the book went through (241 of 241 in the recorded session). Sizes count the base currency, also of the CFD and of futures. The
//! venue tells no mark, no index and no funding rate on this interface.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.lightstream.bitflyer.com/json-rpc`; one channel a call; data come as `channelMessage` | bf-lightning-api.readme.io and lightning.bitflyer.com/docs; recorded session of 2021 |
//! | an acknowledgement comes only for a call with an `id`, and also for a product that does not exist, which then is silent | probes of 2026-09 (nemanull/arbitrage-observatory, profile of bitFlyer) |
//! | refusals: -32602 invalid channel, -32009 already subscribed, -32601, -32700 | the same probes |
//! | no snapshot on subscribing; the first within 5 s, then one every 4.9 to 5.1 s, of 300 levels a side in any order | the same probes; documents |
//! | a size of 0 removes a level; a price of 0 is a market order that an opening auction filled | documents |
//! | nothing numbers the messages of the book, and a snapshot is up to 0.25 s off the changes | the same probes; recorded session |
//! | `mid_price` is the middle of the best bid and ask, cut to the digits of a price | recorded session: 748 of 749 messages, the other one is told between two states; the same probes: 1,922 of 1,922 |
//! | `side` is the taker's; it is empty for a trade of an auction; trades of a message stand in their order | documents; recorded session |
//! | `state`: RUNNING, CLOSED, STARTING, PREOPEN, CIRCUIT BREAK, AWAITING SQ, MATURED | documents, `getboardstate` |
//! | times are ISO in UTC with up to seven digits; the book has none | recorded session |
//! | no limit on channels; frequent reconnects may be restricted | documents |
//! | the server pings every 15 s and answers pings | the same probes |
//! | from 2024-03-28 on `FX_BTC_JPY` is the Crypto CFD, which has no expiry and a funding rate | lightning.bitflyer.com/docs |
//!
//! # When a message is lost
//!
//! The middle that every message of the book tells is compared with the middle of the rebuilt book, as a checksum. Where they differ
//! once, nothing is said of that book (the message counts as `before_snapshot`); where they differ twice in a row the symbol is told
//! `Suspect` and the book emptied; changes are counted as `before_snapshot` until the next snapshot, at most 5 s later, makes the
//! symbol live. A fourth such loss without a good message in between asks for a new connection. While a market is not `RUNNING` (an
//! auction crosses the book) nothing is compared.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Lightning;
pub use session::{Bitflyer, REST_URL, Settings, WS_URL, session};
