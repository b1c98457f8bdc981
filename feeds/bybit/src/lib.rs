//! Feed adapter: Bybit WebSocket v5, spot, linear and inverse contracts.
//!
//! Not proven on a recorded session: none was at hand. Its messages are single ones, in part of a live socket (tickers of
//! 2024), in part of the venue's documents.
//!
//! # What a session subscribes
//!
//! `orderbook.1`, `publicTrade` and `tickers` of every symbol. Recordings of deeper books are read as well, and so are tickers of
//! options.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `orderbook.1` once it spoke on this connection, else a synchronised deeper book, else `tickers` (contracts and options; spot's has none) |
//! | last, its size and side | `publicTrade` once one came on this connection, until then `tickers` (price only) |
//! | open, high, low, volume of 24 h | `tickers` (`prevPrice24h`, ..) |
//! | quote volume of 24 h | `turnover24h`; on inverse contracts that is an amount of the *base* coin, and is left out |
//! | mark, index, funding rate | `tickers` |
//!
//! Sizes of spot, linear contracts and options are in the base coin, those of inverse contracts US dollars.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://stream.bybit.com/v5/public/{spot,linear,inverse}`, one socket a family; one answer for each text | the venue's documents, Jul 2026 |
//! | 500 connects in 5 minutes; topics of a connection at most 21,000 characters; on spot at most 10 in a text | the venue's documents, Jul 2026 |
//! | a ping every 20 s; the answer's `op` is `ping` (spot, with `ret_msg` pong) or `pong` (the others) | the venue's documents, Jul 2026 |
//! | `orderbook.1` is whole in every message today and was not in 2023; it is repeated after 3 s without a change, with the same `u` | the venue's documents of 2023 and Jul 2026 |
//! | `u` = 1 is a whole book after a restart of the service | the venue's documents |
//! | at depths 50 and 200 `u` is one above the last; nothing is promised of other depths | probes of Jul 2026; the documents do not say it |
//! | in a delta of `tickers` a field that is not there has not changed | the venue's documents; single messages of 2024 |
//! | `instruments-info` holds at most 1,000 an answer and names the next page in `nextPageCursor`; spot has no pages | the venue's documents of v5, get instruments info, Jul 2026; sent back as it came: bybit-exchange/pybit |
//! | `S` of a trade is the taker's side | the venue's documents |
//! | an unknown topic is refused in words that name it, `error:handler not found,topic:..` or `Invalid topic: ..` | probes of Jul 2026; a single message |
//!
//! # When a change is missing
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, and its topic is taken back and subscribed again. A
//! fourth loss in a row asks for a new connection. Where `orderbook.1` tells the top, a deeper book is repaired without a word.

mod catalogue;
pub mod decode;
mod session;

use feed::{Overrides, Session};

pub use decode::Bybit5;
pub use session::{Bybit, Market};

/// Spot.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Bybit::new(Market::Spot, overrides))
}

/// Contracts settled in USDT or USDC.
pub fn linear(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Bybit::new(Market::Linear, overrides))
}

/// Contracts settled in the base coin.
pub fn inverse(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Bybit::new(Market::Inverse, overrides))
}
