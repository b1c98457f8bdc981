//! Feed adapter: Bitstamp WebSocket v2, spot and perpetuals.
//!
//! # What a session subscribes
//!
//! `order_book_X` and `live_trades_X` of every market, and `funding_rate_X` of perpetuals. Recordings of `diff_order_book_X`
//! are read as well.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `order_book_X`, whole each time; where it never spoke on this connection, the book rebuilt from an HTTP answer and `diff_order_book_X` |
//! | last, its size and side | `live_trades_X` |
//! | mark, index, funding rate | `funding_rate_X` |
//! | halted | the catalogue's word (`trading` `Disabled`), told when a subscription is acknowledged or with the first update, until a trade proves that trading goes on |
//! | figures of 24 h | nowhere: the venue has them over HTTP only |
//!
//! Sizes are in the base currency; a perpetual's contract is one unit of it. `live_orders_X` and `detail_order_book_X` name
//! single orders, of which `order_book_X` tells the sums; they are counted and fill nothing.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.bitstamp.net` for spot and perpetuals; one channel in a text of less than 512 bytes; 1,024 channels a connection, one more closes it silently | WebSocket API v2, read 2026-09-15; probes of that day |
//! | `bts:heartbeat` is answered at once; the venue itself pings every 54 s and may be silent for 49 s | the same probes |
//! | a wrong name is acknowledged and silent when it is lower case, else `bts:error` without naming the channel | the same probes |
//! | `order_book_X` is whole each time, 100 levels a side, the best first (13,577 of 13,577 frames); it comes with the next change, not on subscribing | the same |
//! | such a book may be crossed for one message, which the next one mends | WebSocket API v2, read 2026-09-15 |
//! | books have no sequence and no checksum; `microtimestamp` never goes back (13,577 frames) | the same probes |
//! | a change applies when its `microtimestamp` is above that of the HTTP answer of `order_book/X` | WebSocket API v2 |
//! | zero removes a level, spelled with the market's digits (`0.00000`) | recorded session of 2021; probes |
//! | `type` of a trade is the taker's: 0 bought, 1 sold; `price_str` and `amount_str` are the exact texts | WebSocket API v2; recorded session of 2021 |
//! | `timestamp` is in seconds, on trades of perpetuals in milliseconds; `microtimestamp` is what it says everywhere | probes of 2026-09-15 |
//! | `bts:request_reconnect` leaves a few seconds to move | WebSocket API v2 |
//! | `GET /api/v2/markets/` lists spot and perpetuals; in 2021 it was `trading-pairs-info/` with spot alone; `trading` is `Enabled` or `Disabled` | API reference, read 2026-09-15; recorded session of 2021 |
//!
//! # When a message is lost
//!
//! `order_book_X` states the book afresh each time, so a lost frame is made good by the next one, and there is nothing to
//! resynchronise. A time more than 5 s ahead of ours is none: its message counts, and bounds nothing that follows. Of `diff_order_book_X` the venue gives no means to notice a loss; no session subscribes it.

mod catalogue;
pub mod decode;
mod session;

pub use decode::BitstampV2;
pub use session::{Bitstamp, REST_URL, Settings, WS_URL, session};
