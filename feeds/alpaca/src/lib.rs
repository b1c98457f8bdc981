//! Feed adapter: Alpaca market data v2, US stocks. **Not proven on a recording**: written from the venue's documents, whose example
//! messages are its fixtures.
//!
//! | function | feed |
//! |---|---|
//! | [`session`] | `v2/iex`: quotes and trades of one exchange, IEX |
//! | [`sip`] | `v2/sip`: best quotes and trades of all US exchanges |
//! | [`delayed_sip`] | `v2/delayed_sip`: the same, 15 minutes late |
//!
//! # What a session subscribes
//!
//! `quotes` and `trades` of every symbol, and by a text of its own `statuses`, so that a plan without statuses keeps the rest.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `q`; sizes are in *shares*; before 2025-11-03 the venue wrote round lots (100 shares for most stocks), and a recording of then is told as it stands |
//! | last and its size | `t`, in shares, of trades that make the last price by the rules of their tape; corrections `c` and cancellations `x` of one of the latest trades change it back |
//! | last side | nothing: the tape does not tell it |
//! | 24 h figures | nothing: bars are of a trading day |
//! | status | `s`: 2, H and P halt, 3 and T resume; a resumption of quotes (Q) is none of trading |
//!
//! A price of zero is no quote on that side. Odd lots, average prices, trades of extended hours and others that by the tape's rules
//! do not make the last price are counted and tell nothing; out of sequence, prior and derived prices make it only where there is
//! none (`decode/conditions.rs` has every code). The rules for all exchanges together are kept on `v2/iex` too. Bands of limit up and limit down
//! (`l`), bars and imbalances fill no field.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://stream.data.alpaca.markets/v2/{iex,sip,delayed_sip}` | docs.alpaca.markets, real-time stock data, 2025 |
//! | headers `APCA-API-KEY-ID` and `APCA-API-SECRET-KEY` when dialling, or a text within 10 s; then `connected`, then `authenticated` | docs.alpaca.markets, WebSocket stream, 2025 |
//! | every frame is an array of messages; `subscription` tells the whole set after each change | the same |
//! | corrections and cancellations come with trades, unasked; their ids are those of an exchange | real-time stock data |
//! | times are RFC 3339 with up to nine digits | the same |
//! | `c` holds the tape's own codes of sale conditions, `z` the tape: A and B are CTS, C is UTDF | docs.alpaca.markets, real-time stock data; forum.alpaca.markets 11767 |
//! | which codes make the last price | CTA CTS output specification 2.11b (2026-01-29), sale conditions with notes 2 and 3; UTP data feed specification 4.1 (2026-09), 3.14 |
//! | sizes of quotes are shares since 2025-11-03 (SEC rules on market data infrastructure) | docs.alpaca.markets, changelog, "market data bid and ask size display change" |
//! | one connection for an endpoint and account (406); 30 symbols without a paid plan (405) | WebSocket stream |
//! | 400 syntax, 401 not authenticated, 402 failed, 403 twice, 404 timeout, 405 symbols, 406 connections, 407 slow client, 409 plan, 500 internal | alpacahq/alpaca-trade-api-js, `datastream_v2.ts` |
//! | the list of stocks: `GET /v2/assets` with the same headers, on the host that the key belongs to | docs.alpaca.markets, assets |
//!
//! # When a message is lost
//!
//! Nothing shows it: quotes and trades carry no sequence, and each replaces the one before.

mod catalogue;
pub mod decode;
mod session;

pub use decode::AlpacaV2;
pub use session::{Alpaca, REST_URL, STREAM_URL, Settings, Tape, delayed_sip, session, sip};
