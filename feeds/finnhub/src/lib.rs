//! Feed adapter: Finnhub trades. **Not proven on a recording**: written from the venue's documents and a message printed in a
//! public repository, which are its fixtures.
//!
//! | function | symbols |
//! |---|---|
//! | [`session`] | US stocks: `FINNHUB:AAPL` |
//! | [`crypto`] | crypto pairs of Binance: `BINANCE:BTCUSDT` there, `FINNHUB:BTC-USDT` here |
//! | [`forex`] | currency pairs of OANDA: `OANDA:EUR_USD` there, `FINNHUB:EUR-USD` here |
//!
//! # What a session subscribes
//!
//! The one stream there is, `trade`, with a text for each symbol.
//!
//! | field | from |
//! |---|---|
//! | last and its size | `trade`: `p` and `v`; a `v` of 0 is a price without a trade, which leaves the size absent |
//! | last side, bid, ask, 24 h figures, status | nothing: the venue does not tell them |
//!
//! Sizes count shares of stocks and the base currency of pairs. Conditions of trades (`c`) are not looked at.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.finnhub.io?token=KEY`; one connection for a key | finnhub.io/docs/api/websocket-trades, as kept by asyncapi.apis.io, 2026 |
//! | `{"type":"subscribe","symbol":"AAPL"}`, one symbol a text, no acknowledgement | the same |
//! | `{"type":"trade","data":[{"s","p","t","v","c"}]}`, `t` in milliseconds | the same; tspannhw/FLiPN-Py-Stocks, a message of 2022-12-29 |
//! | currency and crypto exchanges without trades send prices with a volume of 0 | the same |
//! | `{"type":"ping"}` comes as a message, `{"type":"error","msg":..}` for what is refused | the same; docs.rs, crate finnhub 0.2.2 |
//! | lists: `GET /api/v1/stock/symbol?exchange=US`, `/crypto/symbol?exchange=binance`, `/forex/symbol?exchange=oanda`, key in `X-Finnhub-Token` | finnhub.io/docs/api |
//! | a free key has 50 symbols | finnhub.io, prices page (not confirmed) |
//!
//! # When a message is lost
//!
//! Nothing shows it, and each trade replaces the one before.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Trades;
pub use session::{Finnhub, Listing, REST_URL, Settings, WS_URL, crypto, forex, session};
