//! Feed adapter: OKX WebSocket v5, spot, perpetuals, futures and options.
//!
//! # What a session subscribes
//!
//! `bbo-tbt`, `trades` and `tickers` of every instrument; for derivatives `mark-price` too, and for perpetuals `funding-rate`.
//! Recordings of other subscriptions are read as well: `books`, `books-l2-tbt`, `books50-l2-tbt`, `books5`, `index-tickers`.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `bbo-tbt` once it spoke on this connection, else a synchronised book, else `tickers` |
//! | last, its size and side | `trades` once one came on this connection, until then `tickers` (without a side) |
//! | open, high, low of 24 h | `tickers`; `sodUtc0` and `sodUtc8` are of a calendar day and are left out |
//! | volume of 24 h | `vol24h`: base currency for spot, contracts for derivatives |
//! | quote volume of 24 h | `volCcy24h` for spot; for derivatives that is an amount of the *base* currency, and is left out |
//! | mark, index, funding rate | `mark-price`, `index-tickers` (told to every derivative of that index), `funding-rate` |
//!
//! Sizes of derivatives are contracts, as the venue has them.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://ws.okx.com:8443/ws/v5/public`; one acknowledgement for each argument, and again for repeated ones | probes of 2026; recorded sessions of 2021 and 2022 |
//! | 3 connections a second from one address; 480 subscribe or unsubscribe texts an hour on one connection; arguments of at most 64 KB in a text | probes of 2026 |
//! | 30 s without a message end a connection; the text `ping` is answered by the text `pong`, neither of them JSON | probes of 2026 |
//! | `notice` with code 64008 about 60 s before a server is stopped | probes of 2026 |
//! | `checksum` is CRC32, signed, over 25 levels a side: `bid:size:ask:size:..` in turn, the longer side alone at the end | recorded sessions, 1,794 of 1,794 match |
//! | since 2026-06-23 `checksum` is a constant 0, so it is verified only when it is not | probes of 2026 |
//! | `prevSeqId` is the `seqId` before, -1 in a snapshot; equal ones keep the connection alive; a `seqId` below its `prevSeqId` is a restart of the numbers | probes of 2026 |
//! | `books` and `books-l2-tbt` have 400 levels a side, `books50-l2-tbt` 50, `books5` 5 and no changes | recorded sessions; channel names |
//! | the `side` of a trade is the taker's | the venue's API guide, 2026 |
//! | an empty text is no value | recorded sessions (an option without a bid) |
//!
//! # When a checksum or a sequence number does not fit
//!
//! The symbol is told `Suspect` before anything else, its book is emptied, and its subscription is taken back and made
//! again. What comes before the new snapshot is counted as `before_snapshot`; the snapshot makes the symbol live. A
//! fourth loss in a row asks for a new connection. Where `bbo-tbt` tells the top, the book behind it is repaired without
//! a word: nothing that is shown is in doubt.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Okx5;
pub use session::{Okx, REST_URL, Settings, WS_URL, session};
