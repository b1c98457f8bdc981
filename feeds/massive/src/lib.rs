//! Feed adapter: Massive (Polygon.io until 2025-10-30), US stocks. **Not proven on a recording**: written from the venue's
//! documents, whose example messages are its fixtures.
//!
//! # What a session subscribes
//!
//! `Q`, `T` and `LULD` of every ticker.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `Q`, the best of all exchanges; sizes are in *shares*; before 2025-11-03 the venue wrote round lots (100 shares for most stocks), and a recording of then is told as it stands |
//! | last and its size | `T`, in shares, of trades that make the last price by the rules of the tapes |
//! | last side | nothing: the tape does not tell it |
//! | 24 h figures | nothing: `A` and `AM` are of a trading day |
//! | status | `LULD` indicators 17 (halt) and 18 (resumption), for stocks listed on Nasdaq only |
//!
//! A price of zero is no quote on that side. Odd lots, average prices, trades of extended hours and others that by the tapes' rules
//! do not make the last price are counted and tell nothing; out of sequence, prior and derived prices make it only where there is
//! none (`decode/conditions.rs` has every number).
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://socket.massive.com/stocks`, `wss://delayed.massive.com/stocks` 15 minutes late ([`delayed`]) | massive.com/docs, websocket, 2026 |
//! | login by `{"action":"auth","params":KEY}`; subscriptions only after `auth_success` | massive.com/docs, stocks trades and quotes, 2026 |
//! | every frame is an array of messages; answers are `{"ev":"status","status":..,"message":..}` | the same |
//! | `bs` and `as` are shares since 2025-11-03 (SEC rules on market data infrastructure), before round lots | massive.com/blog, "upcoming changes to bid and ask sizes in stocks quotes", 2025-10-27 |
//! | which conditions make the last price: `update_rules.consolidated` of `GET /v3/reference/conditions`; one that forbids outweighs others | massive.com/docs, condition codes; massive.com/blog, "understanding trade eligibility"; CTA CTS 2.11b and UTP 4.1 specifications, sale conditions |
//! | `t` is in milliseconds (`LULD`: its example has microseconds) | massive-com/client-python `.massive/websocket.json` |
//! | `q` rises for each ticker, not by one, and starts over each session: it proves nothing | the same |
//! | indicators 17 and 18 | massive.com/docs, stocks LULD, 2026 |
//! | one connection for a cluster and key; no limit on tickers, but a client that is slow is cut off | massive.com knowledge base |
//! | statuses `connected`, `auth_success`, `auth_failed`, `auth_timeout`, `success`, `max_connections`, `error` | massive-com/client-python; rubydoc polygonio |
//! | tickers: `GET /v3/reference/tickers`, at most 1,000 an answer; the key as a bearer token | massive.com/docs, rest tickers |
//!
//! The catalogue is asked for in halves of each first letter, so that no answer is full; one that is full all the same is refused by
//! its `next_url`.
//!
//! # When a message is lost
//!
//! Nothing shows it, and each quote and trade replaces the one before.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Stocks;
pub use session::{Massive, REST_URL, Settings, WS_URL, WS_URL_DELAYED, delayed, session};
