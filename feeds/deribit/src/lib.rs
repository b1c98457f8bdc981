//! Feed adapter: Deribit WebSocket v2, perpetuals, futures, options and spot.
//!
//! # What a session subscribes
//!
//! `quote.NAME`, `ticker.NAME.100ms` and `trades.NAME.100ms` of every instrument, after `public/set_heartbeat`; once a
//! connection `platform_state` and `instrument.state.any.any`.
//! Recordings of other subscriptions are read as well: `book` (all intervals, whole and grouped), `ticker` and `trades` of
//! any interval, `trades.KIND.CURRENCY`, `incremental_ticker`, `perpetual`, `deribit_price_index`.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `quote` once it spoke on this connection, else `ticker` once it did, else a synchronised `book` |
//! | last, its size and side | `trades` once one came on this connection, until then `ticker` (without size and side) |
//! | open of 24 h | nothing tells it: the ticker has a percentage only |
//! | high, low, volume of 24 h | `ticker`, its `stats` |
//! | quote volume of 24 h | `stats.volume_notional`; `volume_usd` is not in the quote currency of options and linear contracts, and is left out |
//! | mark, index | `ticker`; `perpetual` and `deribit_price_index` tell the index alone |
//! | funding rate | `current_funding` of `ticker`, `interest` of `perpetual`: the rate at this moment, for 8 hours |
//! | status | `state` of `ticker`, `locked` and `maintenance` of `platform_state`, `state` of `instrument.state` |
//!
//! The ticker goes before the book because it is not older: in the recording both tell each change of the top with the same
//! time, the ticker first. `quote` goes before both because it comes with every change, the ticker each 100 ms.
//!
//! Sizes and volumes are amounts as the venue has them: USD for inverse perpetuals and futures, the base coin for options, linear
//! contracts and spot (`stats.volume` is in the base coin for all of them). One inverse contract is 10 USD of BTC or
//! 1 USD of ETH (`contract_size`), and amounts are not counted in contracts.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://www.deribit.com/ws/api/v2`, JSON-RPC 2.0; `result` of `public/subscribe` lists what was accepted, in another order; what is unknown is left out of it without a word | recorded session of 2021; probes of 2026-09-22 |
//! | `.raw` wants a login since then: error 13778 | probes of 2026-09-22 |
//! | at most 500 channels in one call; about 3.3 calls a second, 10 at once, else 10028; 32 connections from one address | Market Data Collection Best Practices, Rate Limits and Connection Management, docs.deribit.com, 2026-09 |
//! | `public/set_heartbeat` of at least 10 s; a `test_request` that is not answered with `public/test` ends the connection; one without any traffic ends after 60 s | Connection Management, docs.deribit.com; probes of 2026-09-22 |
//! | a book's `prev_change_id` is the `change_id` before; the counter is shared between instruments, so it jumps | `book.{instrument}.{interval}`, docs.deribit.com; recorded session |
//! | a second subscription to a book sends no second snapshot | probes of 2026-09-22 |
//! | a price of 0.0 with an amount of 0.0 is an empty side, and so is `null`; `null` in `stats` is no trade in 24 h | recorded session (63 bids, 63 asks, 28 `stats`); documents |
//! | the `direction` of a trade is the taker's; trades of one message are oldest first | documents; single messages |
//! | numbers are JSON numbers, also as `2.2e3` | probes of 2026-09-22 |
//!
//! # When a message of a book is missing
//!
//! If the book is what tells the top, the symbol is told `Suspect` before anything else. The book is emptied, its channel is
//! taken back and subscribed again, and what comes before the snapshot is counted as `before_snapshot`. A fourth loss in a row
//! asks for a new connection. Behind a ticker or `quote` the book is not looked at, but for one in doubt that only a ticker
//! stands before. A live session has no book.

mod catalogue;
pub mod decode;
mod session;

pub use decode::DeribitDecoder;
pub use session::{Deribit, REST_URL, Settings, WS_URL, session};
