//! Feed adapter: HTX, once Huobi: spot. Frames of its derivatives are read as well.
//!
//! # What a session subscribes
//!
//! `bbo`, `trade.detail` and `detail` of every spot symbol. Recordings of `depth.stepN`, `depth.size_N.high_freq`, `mbp.N`,
//! `mbp.refresh.N`, `ticker`, and of derivatives `mark_price`, `index`, `basis` and `funding_rate`, are read as well.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `bbo` once it spoke on this connection, else a book (`depth.step0`, `mbp.refresh.N`; rebuilt from `mbp.N` or `high_freq`), else `ticker`, and `detail` of derivatives |
//! | last, its size and side | `trade.detail` once one came on this connection, until then `ticker` (without a side) or `detail` (without a size) |
//! | open, high, low of 24 h | `detail`, `ticker` |
//! | volume of 24 h | `amount`: base currency, of derivatives too |
//! | quote volume of 24 h | `vol` of spot, `trade_turnover` of linear derivatives; `vol` of derivatives counts contracts and is left out |
//! | mark, index | the close of `mark_price.PERIOD` and `index.PERIOD`; `index_price` of `basis` |
//! | funding rate | `public.CODE.funding_rate` |
//!
//! Sizes of spot are in the base currency, those of derivatives in contracts, as the venue has them. A book whose prices are
//! merged (`depth.step1` and the like) names prices at which nobody stands: it is counted and fills nothing.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://api.huobi.pro/ws`; one topic a text; every frame is gzip in a binary frame | recorded session of 2021; spot API reference; probes of the derivatives' sockets, 2026-09-22 |
//! | `{"ping":N}` as data every 5 s wants `{"pong":N}`; four of them unanswered end the connection with 1003 | recorded session; probes of 2026-09-22 |
//! | an own `{"ping":N}` may stay unanswered | probes of 2026-09-22 |
//! | at most 40 subscriptions a second (derivatives); 60 at once and 150 on one connection were taken | derivatives' API reference; probes of 2026-09-22 |
//! | an acknowledgement carries our `id`, and so does a refusal: `status` `error`, `err-code`, `err-msg`; a suspended contract is acknowledged and silent | probes of 2026-09-22 |
//! | trades of one message stand newest first for spot, oldest first for derivatives: the id tells | recorded session of 2021 (all eight such messages); an option's message of 2021 |
//! | `direction` of a trade is the taker's | spot API reference |
//! | an `id` of a trade has up to 27 digits; `tradeId` fits 64 bits | recorded session of 2021 |
//! | prices and sizes are JSON numbers, small ones with an exponent (`1.58E-4`) | recorded session of 2021 (160 of 202 messages) |
//! | `mbp.N` changes chain by `prevSeqNum`; the book they apply to is asked for (`req`) and has the `seqNum` of one of them | venue's announcement of 2020-05-28; spot API reference |
//! | `high_freq` sends a book on subscribing, then changes whose `version` rises by one; an empty change is legal; subscribing again sends the book again | probes of 2026-09-22 (77,000 changes) |
//! | a side that is missing, `null` or empty has no orders | messages of 2022 (`GST-USDT`, `ANT-USD`, `DOT_CW`) |
//! | `/v1/common/symbols` lists spot symbols with base and quote | recorded session of 2021; current clients |
//!
//! # When a change does not fit
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, and the book is asked for again (`req` for
//! `mbp.N`, a new `sub` for `high_freq`). Changes that came meanwhile are kept, up to 256, and applied to it. Where `bbo`
//! tells the top, the book behind it is repaired without a word. What a session subscribes is whole in each message:
//! a lost one is made good by the next.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Htx;
pub use session::{HtxSpot, REST_URL, WS_URL, session};
