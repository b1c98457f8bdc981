//! Feed adapter: Coinbase Advanced Trade, spot and futures. Not proven on a recording: there is none, only single messages
//! that are shaped like the documents.
//!
//! # What a session subscribes
//!
//! `heartbeats`, and of every product `level2`, `market_trades`, `ticker` and `status`, one channel a text.
//! `ticker_batch` and `candles` are read as well, the latter for its kind only.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | the book of `level2` (its messages say `l2_data`) while it is synchronised, else `ticker` |
//! | last, its size and side | `market_trades`; until an update of it came on this connection the newest trade of its snapshot, as history, and `ticker` (without size and side) |
//! | open of 24 h | nothing: there is a percentage only |
//! | high, low, volume of 24 h | `ticker`, `ticker_batch` |
//! | status | `status`: anything but `online` is a halt, `delisted` the end |
//!
//! The book goes before the ticker because a ticker comes with trades only, so its top is as old as the last trade.
//!
//! Sizes are of the base currency for spot and contracts for futures (`contract_size` of the product, 0.01 BTC for nano ones).
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://advanced-trade-ws.coinbase.com`; one channel and many products a text, the first within 5 s; no login for these channels | docs.cdp.coinbase.com, WebSocket overview and channels, 2026-07 |
//! | 8 connections and 8 texts a second from one address | the same, rate limits |
//! | `heartbeats` comes every second; without it a channel closes after 60 to 90 s of quiet | the same |
//! | `level2` sends a snapshot and then changes; `new_quantity` is the whole quantity at a price, 0 removes it | the same |
//! | `sequence_num` rises by one from message to message of a connection, over all channels | observed; the documents speak of products, so it is held against a connection only once it was seen so, see below |
//! | `market_trades` gathers 250 ms; its trades are put in order by `trade_id`, because no order is documented | docs.cdp.coinbase.com, market trades |
//! | the `side` of a trade is taken as the taker's | single messages; the documents do not say |
//! | a product whose `alias` is another one (BTC-USDC: BTC-USD) has that one's book, and messages carry the other's name | docs.cdp.coinbase.com, channels: `-USDC` products |
//! | a price of 0 is no price, a volume of 0 is one | as on Coinbase Exchange |
//!
//! # When a message is missing
//!
//! A jump of `sequence_num` does not say whose message is missing, so every book is told `Suspect` before anything else, and a
//! new connection is asked for. That the numbers count a connection is taken as proven once four messages in a row, of
//! more than one channel, followed each other; a jump before that counts from then on. Heartbeats and acknowledgements prove it
//! within seconds, and if the numbers should count something else they are never believed.

mod catalogue;
pub mod decode;
mod session;

pub use decode::CoinbaseAdvancedDecoder;
pub use session::{CoinbaseAdvanced, REST_URL, WS_URL, session};
