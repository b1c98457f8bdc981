//! Feed adapter: Upbit quotation WebSocket v1, spot markets in KRW, BTC and USDT.
//!
//! # What a session subscribes
//!
//! `ticker`, `trade` and `orderbook` of every code, in the short spelling (`"format":"SIMPLE"`), with the state of the moment
//! first; of the book only the best level (`KRW-BTC.1`). Both spellings, lists of messages and books of any depth are read.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `orderbook`, its best level a side; a book of grouped prices (`level` above 0) has none |
//! | last, its size and side | `trade` once one came live on this connection, until then `ticker`, or the trade told on subscribing |
//! | volume and quote volume of 24 h | `ticker`: `acc_trade_volume_24h`, `acc_trade_price_24h`, rolling |
//! | status | `ticker`: `market_state` and `is_trading_suspended` |
//!
//! `opening_price`, `high_price` and `low_price` are of a day that begins at 00:00 UTC and are left out, and so are the best
//! bid and ask in `trade`: the book tells them too, with every change. Sizes count the base currency.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://api.upbit.com/websocket/v1`; an array of a ticket, types with codes, and a format | docs.upbit.com, WebSocket guide, v1.6.4 of 2026 |
//! | every frame is binary and holds JSON | recorded session of 2021; probes of 2026-09 (nemanull/arbitrage-observatory, profile of Upbit) |
//! | a second subscription replaces the first, so all codes go in one text; 855 codes in one were served | the same probes |
//! | no acknowledgement; a code that is not listed is taken in silence | the same probes |
//! | an error is followed by the end of the connection | the same probes |
//! | `code` carries no depth, whatever was asked for; depths are 1, 5, 15 and 30 | the same probes; docs.upbit.com, change of 2025-07-02 |
//! | every `orderbook` message is the whole book; missing levels are filled with zeros; nothing numbers them | recorded session of 2021; the same probes |
//! | `stream_type` is `SNAPSHOT` for what is told on subscribing: of trades the latest one, which is no new one | docs.upbit.com, v1.6.4 |
//! | `ask_bid` is the taker's side; `trade_timestamp` may be cut to seconds, `timestamp` is not | docs.upbit.com; recorded session of 2021 |
//! | 5 connections a second from one address; 5 texts a second and 100 a minute on a connection | docs.upbit.com, rate limits, 2026-10 |
//! | 60 s without a frame end a connection (120 s by the documents); a WebSocket ping is answered | the same probes |
//! | a market's name is quote currency, `-`, base currency | docs.upbit.com, `market/all` |
//!
//! # When a message is lost
//!
//! Nothing shows it, and the next message of the book replaces the whole. A quiet market sends nothing; what proves the
//! connection is the answer to our own pings, every 2 s.

mod catalogue;
pub mod decode;
mod session;

pub use decode::UpbitV1;
pub use session::{REST_URL, Upbit, WS_URL, session};
