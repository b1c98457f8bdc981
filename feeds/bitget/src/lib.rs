//! Feed adapter: Bitget WebSocket v2, spot and futures; recordings of v1 are read too.
//!
//! # What a session subscribes
//!
//! `books1`, `trade` and `ticker` of every symbol, on v2. Recordings of other subscriptions are read as well: `books`, `books5`,
//! `books15`, and all of these in v1 (which ended in 2023).
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `books1` once it spoke on this connection, else a synchronised book (`books5`, `books15` likewise), else `ticker` |
//! | last, its size and side | `trade` once a new one came on this connection, until then `ticker` (price only), until then the newest of the old trades that `trade` begins with |
//! | open, high, low, volume, quote volume of 24 h | `ticker`; v1's futures tell no open |
//! | mark, index, funding rate | `ticker` of contracts |
//! | halted | the catalogue's word, told when a subscription is acknowledged or with the first update, until a trade proves that trading goes on |
//!
//! A book comes before the ticker because v1's spot ticker rounds its top: bid and ask of `CULTUSDT` are both 0.000036 where the
//! book says 0.00003505 and 0.00003530. It also has no sizes.
//!
//! All sizes are in the base coin, those of contracts too.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.bitget.com/v2/ws/public` carries all markets; one acknowledgement for each argument | the venue's documents and probes, Sep 2026 |
//! | 300 connects in 5 minutes; 10 messages a second; 4,096 bytes of arguments in a text; 1,000 channels on a connection; 240 subscription texts an hour | the venue's documents, Sep 2026 |
//! | the text `ping` is answered by the text `pong`; without one for 2 minutes the connection ends; it ends at 24 h | the venue's documents and probes, Sep 2026 |
//! | `pseq` of a change is the `seq` before, that of the first the snapshot's; 0 is a restart | probes of Sep 2026 (176,000 changes, no gap); the documents |
//! | `checksum` is CRC32, signed, over 25 levels a side: `bid:size:ask:size:..`; messages of today have none, so it is verified where it is and is not 0 | recorded sessions of 2022, 637 of 637 match; probes of Sep 2026 |
//! | `trade` begins with old trades, newest first | recorded sessions of 2022 |
//! | `status` of a pair: `offline`, `gray` (only some may trade), `halt` or `online`; `symbolStatus` of a contract: `listed`, `normal`, `maintain`, `limit_open` and `restrictedAPI` (others trade on), `off` | the venue's documents, Get Symbols and Get Contract Config, 2024 to 2026 |
//! | an unknown symbol is refused with 30001 and its argument; one of another market is acknowledged and silent | probes of Sep 2026 |
//!
//! # When a checksum or a sequence number does not fit
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, and its subscription is taken back and made
//! again. A fourth loss in a row asks for a new connection. Where `books1` tells the top, the book behind it is repaired
//! without a word.

mod catalogue;
pub mod decode;
mod session;

use feed::{Overrides, Session};

pub use catalogue::Recorded;
pub use decode::Bitget;
pub use session::{BitgetSession, Market};

/// Spot.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(BitgetSession::new(Market::Spot, overrides))
}

/// Contracts settled in USDT.
pub fn usdtm(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(BitgetSession::new(Market::UsdtM, overrides))
}

/// Contracts settled in the base coin.
pub fn coinm(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(BitgetSession::new(Market::CoinM, overrides))
}
