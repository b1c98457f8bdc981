//! Feed adapter: KuCoin's classic WebSocket, spot and futures.
//!
//! # What a session subscribes
//!
//! Spot: `/spotMarket/level1`, `/market/match`, `/market/ticker`, `/market/snapshot`. Futures: `/contractMarket/tickerV2`,
//! `/contractMarket/execution`, `/contractMarket/snapshot`, `/contract/instrument`. Recordings of other subscriptions are read as
//! well: `level2` of both markets, `level2Depth5`, `level2Depth50`, `/contractMarket/ticker`.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `level1` or `tickerV2` once they spoke on this connection, else a synchronised `level2` book (or `level2Depth5`/`50`), else `/market/ticker`, else `/market/snapshot` (without sizes) |
//! | last, its size and side | `match` or `execution` once one came on this connection, until then `/market/ticker`, then `snapshot` |
//! | open, high, low, volume, quote volume of 24 h | `snapshot`; futures tell no open, and of inverse ones no quote volume |
//! | mark, index, funding rate | `/contract/instrument`; the funding rate is the predicted one, told every minute |
//! | halted | `trading` of `/market/snapshot` |
//!
//! A book comes before the ticker because the ticker is sent at most every 100 ms; in the recording both end at the same top.
//!
//! Sizes of spot are in the base currency. Sizes of futures are lots: of `multiplier` coins on linear contracts (0.001 BTC for
//! `XBTUSDTM`), of one US dollar on inverse ones (`multiplier` -1). The 24 h volume of linear contracts is in the base currency, that
//! of inverse ones in lots.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `POST /api/v1/bullet-public` names endpoint and token (good for 24 h); `welcome` comes first, then one `ack` for each text | the venue's API guide and probes, Sep 2026; a recorded session of 2021 |
//! | 100 texts in 10 s, 100 symbols in a topic, 400 topics on a spot connection | the venue's request limits, 2026; the last not confirmed |
//! | the client pings every 18 s; 60 s without a text of ours end the connection, also while data flows | probes of Sep 2026 |
//! | an unknown symbol is acknowledged and stays silent; an unknown topic is refused with 404 | probes of Sep 2026 |
//! | `sequence` of tickers grows with gaps | recorded session of 2021 |
//! | a `level2` change fits when `sequenceStart` is at most one above the book's number; what ends at or below it is in the book already; a price of 0 only moves the number | the venue's API guide; recorded session of 2021 (3,853 messages, no gap) |
//! | the `side` of a match is the taker's; its time is in nanoseconds | the venue's API guide |
//! | `/market/snapshot` pads numbers with 20 zeros | single messages of 2022 and 2023 |
//!
//! # When a change is missing
//!
//! The symbol is told `Suspect` before anything else and its book is emptied. The socket sends no book, so a new connection is
//! asked for. A live session subscribes `level1` instead and has no book to lose: where that tells the top, a lost book is dropped
//! without a word.

mod catalogue;
pub mod decode;
mod session;

use feed::{Overrides, Session};

pub use decode::KucoinClassic;
pub use session::{Kucoin, Market};

/// Spot.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Kucoin::new(Market::Spot, overrides))
}

/// Perpetual and dated futures.
pub fn futures(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Kucoin::new(Market::Futures, overrides))
}
