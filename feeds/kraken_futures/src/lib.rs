//! Feed adapter: Kraken Futures WebSocket v1, perpetuals and dated futures.
//!
//! # What a session subscribes
//!
//! `book`, `trade` and `ticker` of every contract. Recordings of `ticker_lite` and `heartbeat` are read as well.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | the book while it is synchronised, else `ticker`, and `ticker_lite` (without sizes) while no `ticker` came |
//! | last, its size and side | `trade`; until one came on this connection the newest of `trade_snapshot`, as history, and `ticker` (without size and side) |
//! | open, high, low of 24 h | nothing: `open`, `high` and `low` of `ticker` are not documented as those of 24 h, and in a message of 2023 `change` does not follow from `open` |
//! | volume of 24 h | `volume` |
//! | quote volume of 24 h | nothing: `volumeQuote` equals `volume` on inverse contracts, where both count USD |
//! | mark, index | `markPrice`, `index` of `ticker` |
//! | funding rate | `relative_funding_rate` of `ticker`, for one hour; `funding_rate` is an amount of money and no ratio |
//! | status | `suspended` of `ticker` |
//!
//! The book goes before the ticker because the ticker is throttled to one message a second, and so is the older of the two.
//!
//! Sizes and volumes are as the venue has them: USD for inverse contracts (`PI_`, `FI_`; a contract is 1 USD), the base
//! coin for multi-collateral ones (`PF_`, `FF_`).
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://futures.kraken.com/ws/v1`; one feed and many products in a text; one acknowledgement for each product | recorded session of 2021; docs.kraken.com, futures websocket, 2026 |
//! | names are upper case in messages; the catalogue of 2021 has them in lower case, and both are taken in a subscription | recorded session; docs.kraken.com |
//! | `book_snapshot` is the whole book, `book` one level; `seq` rises by one from message to message of a product | recorded session, 7,014 of 7,014; docs.kraken.com |
//! | a quantity of 0 removes a level, and in a snapshot it is none | documents; a single message |
//! | `trade_snapshot` has the last 100 trades, newest first | recorded session |
//! | the `side` of a trade is the taker's | docs.kraken.com |
//! | a funding rate of zero is left out of the ticker of a perpetual | docs.kraken.com, ticker |
//! | `event` `error` and `subscribed_failed` refuse; `alert` complains of what we sent | docs.kraken.com |
//! | a ping at least every 60 s | support.kraken.com, Subscriptions (WebSockets API) |
//!
//! # When a message of a book is missing
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, its subscription is taken back and made again,
//! and what comes before the snapshot is counted as `before_snapshot`. Meanwhile the ticker tells the top, and the symbol
//! stays suspect. A fourth loss in a row asks for a new connection.

mod catalogue;
pub mod decode;
mod session;

pub use decode::KrakenFuturesDecoder;
pub use session::{KrakenFutures, REST_URL, WS_URL, session};
