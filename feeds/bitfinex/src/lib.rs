//! Feed adapter: Bitfinex WebSocket v2, spot and perpetuals.
//!
//! # What a session subscribes
//!
//! After `conf` (a counter and a time on every frame, checksums): `ticker`, `trades` and `book` (P0, F0, 25 levels) of each
//! symbol, and `status` of perpetuals.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `book` of precision P0; until its first frame the two prices of `ticker`, without sizes |
//! | last, its size and side | `te` of `trades` once one came on this connection; until then `ticker` (without a size) or the newest of the trades that begin `trades` |
//! | high, low, volume of 24 h | `ticker`; the volume counts the base currency |
//! | open of 24 h | nowhere: the venue tells a change "since yesterday" |
//! | mark, funding rate | `status`: its 15th and 12th entries; the rate is that of the next settlement |
//! | index | nowhere: the venue publishes none beside its mark, which is one; the row's spot price is a book's middle, or stale |
//!
//! Sizes are in the base currency; a perpetual's contract is one unit of it.
//!
//! The two sizes of `ticker` are sums over the 25 best levels of a side, not what stands at the best price: in the recording
//! of 2021 they equal those sums to the last digit wherever the two channels speak of the same moment (`tBFTUSD` asks
//! 48578.50804052 over 25 levels and 6662.31867263 at the best). So they are not told.
//!
//! Books of other precisions have rounded prices (`P1` to `P4`) or single orders (`R0`); they are counted and fill nothing.
//! Funding currencies (`fUSD`) have other layouts and no quote.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://api-pub.bitfinex.com/ws/2`; one channel a text; `chanId` of the acknowledgement is the only link from a frame to its symbol | WebSocket documents, 2025-09-26; recorded session of 2021 |
//! | 25 to 30 channels a connection documented, 36 taken; 20 connections a minute, one more blocks for 60 s | documents of 2025-06-10 and 2025-09-26; probes of 2026-09-22 |
//! | `[chanId,"hb"]` every 15 s on each channel, busy or quiet, and even before the channel is acknowledged; `{"event":"ping"}` is answered | the same; recorded session of 2021 |
//! | with flag 65536 every array ends in a counter over the whole connection, +1 each; with 32768 then in the time in ms | probes of 2026-09-22 (2,135 frames); recorded session of 2021 (1,671 frames) |
//! | the first array of a channel is its snapshot, every other of `book` one level: count 0 removes, its amount (1 or -1) naming the side; a level that leaves the window is removed so | the same |
//! | `cs` is CRC32, signed, over 25 levels a side in turn, `price:amount`, asks negative, numbers spelled as JavaScript does (`1e-7`) | documents of 2025-06-10; probes (1,563 of 1,563) |
//! | `tu` repeats a `te` a little later; `amount` is negative where the taker sold | documents; recorded session of 2021 |
//! | a snapshot of `trades` is newest first | recorded session of 2021 |
//! | a ticker is `[bid, its sum, ask, its sum, change, ratio, last, volume, high, low]`, and may grow at the end | documents; message of 2026 with an eleventh entry |
//! | error 10300 and 10001: no such symbol; 10301: subscribed already; 10305: too many channels | documents; probes of 2026-09-22 |
//! | info 20051: connect anew; 20060: maintenance begins; 20061: it ended, subscribe anew; `platform.status` 0: maintenance | documents of 2025-09-26 |
//! | a pair is two codes of three letters, or two codes with a colon between; `F0` ends the codes of perpetuals | documents of 2025-06-10; recorded catalogue, each half being in its list of currencies |
//! | `pub:map:currency:sym` names codes that differ from the usual ones (`DSH` DASH, `IOT` IOTA, `DOG` MDOGE); `UST` is USDT | documents; current clients |
//!
//! # When a number or a checksum does not fit, or a channel falls silent
//!
//! A channel that has been silent for 35 s while another one of its symbol speaks is dead: the symbol is told `Suspect`, and a new
//! connection is made. A counter that does not follow cannot be pinned to one symbol: all that have a book are told `Suspect` before anything
//! else, and a new connection is made. A checksum that does not match makes its symbol `Suspect`; its book is taken back and
//! subscribed again, what comes before the new snapshot is counted as `before_snapshot`, and a fourth loss in a row asks for
//! a new connection.

mod catalogue;
pub mod decode;
mod session;

pub use decode::BitfinexV2;
pub use session::{Bitfinex, REST_URL, Settings, WS_URL, session};
