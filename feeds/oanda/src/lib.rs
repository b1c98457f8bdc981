//! Feed adapter: OANDA v20, the pricing stream of an account.
//!
//! # What a session subscribes
//!
//! One GET of `/v3/accounts/ACCOUNT/pricing/stream` with all instruments in its query. The answer does not end; each line of
//! it is a JSON object. The account's instruments are its catalogue. Both want the account's number and its token
//! ([`feed::Overrides::account`], [`feed::Overrides::key`]); without them the feed ends and says so.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `PRICE`: the first of `bids` and of `asks`, with its `liquidity` |
//! | status | `PRICE`: `tradeable` and `status`; what cannot be traded is `halted` |
//! | everything else | not told: these are a dealer's prices, there are no trades to see and no figures of a day |
//!
//! Prices are in the second currency of a name. Sizes (`liquidity`) are units of the first: what the dealer deals at that
//! price.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | `stream-fxtrade.oanda.com` and `api-fxtrade.oanda.com`; for practice accounts `stream-fxpractice` and `api-fxpractice` | v20 development guide, as clients of 2025 have it |
//! | header `Authorization: Bearer TOKEN` | v20 pricing and account endpoints, read 2026 |
//! | an instrument's name is its first currency, `_`, and its second | v20 primitives, `InstrumentName` |
//! | the first lines are the present prices of all instruments | v20 pricing stream, parameter `snapshot`, true by default |
//! | at most one price each 250 ms and instrument: what lies between is conflated | v20 pricing stream |
//! | prices best first, each with its liquidity; a list may be empty | v20 pricing definitions, `ClientPrice`; printed session of 2016 |
//! | `status` is `tradeable`, `non-tradeable`, or `invalid` when there is no valid price; it is deprecated for `tradeable` | v20 pricing definitions, `PriceStatus` |
//! | a `HEARTBEAT` line each 5 s (5.07 s apart in a printed session); reconnect when none came for 10 s | v20 best practices |
//! | two new connections a second, twenty streams | v20 best practices; the twenty from a third party |
//!
//! # When a line is missed
//!
//! Lines carry no numbers, and each price stands for itself: what was missed is made good by the next price of its
//! instrument. After a lost connection the first price of each instrument is a snapshot.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Pricing;
pub use session::{Environment, Oanda, Settings, practice, session};
