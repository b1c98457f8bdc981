//! Feed adapter: Bithumb, spot markets in KRW and BTC.
//!
//! Two interfaces are read, told apart by each message. A session uses the current one, WebSocket v1 of 2024; recordings of the
//! older one (`pubwss.bithumb.com`, still served in 2026 and no longer documented) play through the same decoder.
//!
//! # What a session subscribes
//!
//! `ticker`, `trade` and `orderbook` of every code, with the state of the moment first.
//!
//! | field | from, current interface | from, older interface |
//! |---|---|---|
//! | bid, ask and sizes | `orderbook`, whole each time | `orderbooksnapshot`, and `orderbookdepth` after one |
//! | last, its size and side | `trade` once one came live on this connection, until then `ticker` | `transaction`, until then `ticker` (without size and side) |
//! | open, high, low of 24 h | nothing: those of `ticker` are of a day in Korea | `ticker` of `tickType` `24H` |
//! | volume and quote volume of 24 h | `ticker`: `acc_trade_volume_24h`, `acc_trade_price_24h` | `ticker` of `tickType` `24H`: `volume`, `value` |
//! | status | `ticker`: `market_state`, `is_trading_suspended` | nothing |
//!
//! Sizes count the base currency. The current book prints four decimals: an order below 0.00005 stands there with a size of `0`,
//! and is passed over for the next level.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | current: `wss://ws-api.bithumb.com/websocket/v1`; an array of a ticket, types with codes, and a format | apidocs.bithumb.com, 2026-09-07 |
//! | every frame is binary and holds JSON; no acknowledgement; a code that is not listed is taken in silence | probes of 2026-09 (nemanull/arbitrage-observatory, profile of Bithumb) |
//! | a second subscription replaces the first; 493 codes in one were served; an error is followed by the end of the connection | the same probes |
//! | every `orderbook` message is the whole book of 15 levels, padded with zeros, with a time in microseconds; `level` 1 is ungrouped | the same probes |
//! | `ask_bid` is the taker's side; `stream_type` `SNAPSHOT` marks what is told on subscribing | apidocs.bithumb.com, 2026-09-07 |
//! | 10 connections a second from one address | apidocs.bithumb.com, 2026-09-07 |
//! | 60 s without a frame end a connection (120 s by the documents); a WebSocket ping is answered | the same probes |
//! | older: `wss://pubwss.bithumb.com/pub/ws`; one text a type; answers `0000` and words, `5100` for a bad one | apidocs.bithumb.com v1.2.0; recorded session of 2021 |
//! | `buySellGb` 1 is a sale, 2 a purchase, by the taker; `contDtm`, `date` and `time` are Korea's, UTC+9 | apidocs.bithumb.com v1.2.0; recorded session of 2021 |
//! | `orderbookdepth` has changed levels only and no number; `datetime` is in microseconds | recorded session of 2021 |
//! | `orderbooksnapshot` has 30 levels a side | the same probes |
//! | a market's name is quote currency, `-`, base currency; in the older interface base currency, `_`, quote currency | apidocs.bithumb.com, both versions |
//!
//! # When a message is lost
//!
//! Current: nothing shows it, and the next message of the book replaces the whole. Older: changes before a snapshot are counted as
//! `before_snapshot` and tell nothing, and a book that stands crossed after a change has lost one: its symbol is suspect until the
//! next snapshot. What proves the connection is the answer to our own pings, every 2 s.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Bithumb;
pub use session::{REST_URL, Spot, WS_URL, session};
