//! Feed adapter: Kraken spot, WebSocket v2 and v1.
//!
//! # What a session subscribes
//!
//! `book` (depth 10), `trade` and `ticker` of every symbol, in both versions; v2 with `event_trigger: bbo` on the ticker.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | the rebuilt book while it is synchronised, else the ticker |
//! | last, its size and side | trades once one came on this connection; until then the ticker (v1: no side, v2: no size either) |
//! | high, low, volume of 24 h | ticker; in v1 the second entry of each pair, as the first counts from midnight UTC |
//! | open of 24 h | v1: second entry of `o`; v2: `last - change`, because v2 names the change only |
//!
//! Volume is in the base currency. Kraken has no volume in the quote currency.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | v1 at `wss://ws.kraken.com`, frozen; v2 at `wss://ws.kraken.com/v2` | docs.kraken.com, exchange/api-reference/spot-websocket, 2026 |
//! | v1 says `XBT/USD` (`wsname` of `AssetPairs`), v2 says `BTC/USD`; XBT = BTC and XDG = DOGE | the same; recorded session of 2021 |
//! | after each message a book is cut to the subscribed depth: there is no removal for a level that fell out of it | docs.kraken.com, guides/spot-ws-book-v2, 2026 |
//! | the checksum is CRC32 over ten asks, then ten bids, digits without point and leading zeros, whatever the depth | guides/spot-ws-book-v1 and -v2 |
//! | v1: updates have a checksum, snapshots have none; the `c` stands in the last of two halves. v2: both have one | api-reference/spot-websocket, 2026; recorded sessions |
//! | v2 numbers are JSON numbers "containing full precision", trailing zeros too | guides/spot-ws-book-v2 |
//! | a size of zero removes a level; an `r` marks a level shown again because a better one went away | api-reference/spot-websocket-v1/book |
//! | an answer to each subscription: v1 `subscriptionStatus`, v2 `success` | recorded sessions; api-reference/spot-websocket-v2/ticker |
//! | once subscribed a heartbeat in every second without data; about 60 s without traffic ends the connection | probes of 2026 |
//! | about 150 connection attempts in 10 minutes from one address | probes of 2026 |
//!
//! Zero: a side with price and size of zero is empty; a last, high or low of zero says that there was no trade; a time
//! of 1970 says that there is no time.
//!
//! # When a checksum does not match
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, and its subscription is taken back and made
//! again. What comes before the new snapshot is counted as `before_snapshot`; the snapshot makes the symbol live. A
//! fourth mismatch in a row asks for a new connection. While it waits, the ticker's top is told.
//!
//! # Not done
//!
//! `status` messages (maintenance, cancel-only) do not halt the symbols: they carry no end that a new connection would see.
//! `instrument`, `ohlc` and `level3` fill no field.

mod catalogue;
mod session;
mod state;
pub mod v1;
pub mod v2;

pub use session::{DEPTH, Kraken, REST_URL, Settings, WS_URL_V1, WS_URL_V2, session, session_v1};
pub use v1::V1;
pub use v2::V2;

/// Which of Kraken's two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// Arrays, `XBT/USD`; kept for old recordings.
    V1,
    /// Objects, `BTC/USD`.
    #[default]
    V2,
}
