//! Feed adapter: Hyperliquid, perpetuals (those of builders too) and spot.
//!
//! # What a session subscribes
//!
//! `bbo`, `l2Book`, `trades` and `activeAssetCtx` of every coin, each in a text of its own.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `bbo` once it spoke on this connection, until then the first levels of `l2Book` |
//! | last, its size and side | `trades`; those of a coin's first message are history |
//! | open, volume, quote volume of 24 h | `activeAssetCtx`: `prevDayPx`, `dayBaseVlm`, `dayNtlVlm`; high and low are not told |
//! | mark, index, funding rate | `activeAssetCtx` of perpetuals: `markPx`, `oraclePx`, `funding` (for one hour) |
//!
//! `bbo` goes before the book because it comes with every block that changes it, the book about every 5 s; where both told a
//! top at the same time it was the same one. The book is subscribed because it tells a top at once and speaks of every coin
//! on its clock, changed or not, while `bbo` of a quiet coin can be silent for most of a minute.
//!
//! Sizes are coins. A name with a small `k` is a thousand coins (`kPEPE` is `HYPERLIQUID:KPEPE-USDC-PERP`), in price and in
//! size. The collateral of a perpetual is its quote here, as the venue names its contracts; the oracle behind the index counts in
//! USDT for most of them.
//!
//! Not read, although they hold figures: `allDexsAssetCtxs`, whose contexts carry no names, `fastAssetCtxs`, which is
//! compressed inside its JSON, and `allMids`, which is computed from the book.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `wss://api.hyperliquid.xyz/ws`; one subscription a text, acknowledged on `subscriptionResponse` | API documents, probes of 2026-09-24 |
//! | an unknown coin, or one in another case, closes the socket with 1006 and without a word | probes of 2026-09-24 |
//! | so only names are subscribed that `meta` (of every dex that is set) and `spotMeta` list and do not call delisted; both are POSTs to `/info` | the same |
//! | `l2Book`: 20 levels a side, whole each time, best first; every coin on one clock of 5.0 to 5.6 s since June 2026, about 0.5 s before | probes of 2026-09-24; recorded session of 2025 |
//! | `bbo` only when it changed on a block; a side without orders is `null` | API documents |
//! | the first `trades` of a coin are those before the subscription, oldest first | probes; recorded session: 30 trades of the 50 s before |
//! | `side` is the taker's: `B` buys, `A` sells | API documents |
//! | no sequence numbers; `time` never goes back | probes, 23,817 frames |
//! | 10 connections, 30 new ones a minute, 1,000 subscriptions and 2,000 texts a minute from one address | API documents, rate limits |
//! | 60 s without a message from the server end a connection; `{"method":"ping"}` is answered on `pong` | API documents, probes |
//! | `Already subscribed: ..` is said on `error`, and so is a text that cannot be read, which is repeated there | probes |
//!
//! # When a message is missing
//!
//! Nothing has to be made good: every message of a book or a top is whole, so the next one is right again. What can be lost is
//! time, and the silence of a coin shows that: the book speaks of each about every 5 s.

mod catalogue;
pub mod decode;
mod session;

pub use decode::HyperliquidDecoder;
pub use session::{Hyperliquid, REST_URL, Settings, WS_URL, session};
