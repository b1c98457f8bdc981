//! Feed adapter: Gate WebSocket v4, spot and perpetuals settled in USDT.
//!
//! # What a session subscribes
//!
//! `book_ticker`, `trades` and `tickers` of every symbol (`spot.` or `futures.`). Recordings of other subscriptions are read as
//! well: `obu`, `order_book_update`, `order_book`, `trades_v2`.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `book_ticker` once it spoke on this connection, else a synchronised book, else `tickers` (without sizes) |
//! | last, its size and side | `trades` once one came on this connection, until then `tickers` (price only) |
//! | high, low of 24 h | `tickers`; there is no open |
//! | volume of 24 h | spot `base_volume` in the base currency; futures `volume_24h` in contracts |
//! | quote volume of 24 h | spot `quote_volume`; futures `volume_24h_quote` |
//! | mark, index, funding rate | `futures.tickers` |
//! | halted | the catalogue's word, told when a subscription is acknowledged or with the first update, until a trade proves that trading goes on |
//!
//! A book comes before the ticker because the ticker has no sizes and is sent once a second.
//!
//! Sizes of futures are contracts of `quanto_multiplier` coins (0.0001 BTC for `BTC_USDT`); contracts that trade in fractions come
//! whole on `book_ticker`.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://api.gateio.ws/ws/v4/` and `wss://fx-ws.gateio.ws/v4/ws/usdt`; one acknowledgement for each text, `status` success or an `error` | recorded session of 2021; probes of Sep 2026 |
//! | no limits are published; 150 streams on a connection are fine | probes of Sep 2026 |
//! | a connection without a subscription and without a word of ours ends after 30 s; `spot.ping` is answered by `spot.pong` | probes of Sep 2026 |
//! | `futures.system` with `upgrade` comes before a server is stopped | the venue's documents, 2026 |
//! | an unknown symbol is refused with code 2 and its name, on `obu` acknowledged and silent | probes of Sep 2026 |
//! | `trade_status` of a pair: `untradable`, `buyable`, `sellable` or `tradable` | the venue's client libraries, model `CurrencyPair`, v4.106; recorded catalogue of 2021 (44 untradable, 6 sellable) |
//! | `status` of a contract: `prelaunch`, `trading`, `delisting`, `delisted` or `circuit_breaker` | a public client of 2025; not seen in a recording |
//! | `obu` begins with `full`; then `U` is one above the last `u`; a message without levels only moves the number | probes of Sep 2026 (32,862 messages, no gap) |
//! | `order_book_update` chains the same way onto the `id` of the HTTP interface's book | the venue's documents; recorded session of 2021 |
//! | `u` of `book_ticker` grows with gaps | single messages of 2022 |
//! | `create_time_ms` of a trade is milliseconds with a fraction; `size` of futures is negative when the taker sold | recorded session of 2021; single messages of 2021 and 2022 |
//!
//! # When a change is missing
//!
//! The symbol is told `Suspect` before anything else and its book is emptied. `obu` is subscribed again and begins with a new
//! book; `order_book_update` never sends one, so a new connection is asked for. A live session subscribes `book_ticker` and has no
//! book to lose: where that tells the top, a lost book is repaired without a word.

mod catalogue;
pub mod decode;
mod session;

use feed::{Overrides, Session};

pub use decode::Gate4;
pub use session::{Gate, Market};

/// Spot.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Gate::new(Market::Spot, overrides))
}

/// Perpetuals settled in USDT.
pub fn usdtm(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Gate::new(Market::UsdtM, overrides))
}
