//! The words of the field: prices, symbols, quotes, deltas, updates, status, clocks.
//!
//! Nothing here does I/O, waits, or knows how a quote is stored or sent. Every other crate speaks in these
//! words, and each word has one meaning:
//!
//! | word | meaning |
//! |---|---|
//! | *venue* | a place that publishes prices |
//! | *composite* | a symbol without a venue: the best bid and offer over the venues that quote it |
//! | *feed* | a source of ours, always upstream: one adapter connected to one venue |
//! | *client* | a connected reader, always downstream |
//! | *symbol* | the name of one thing that has prices, in canonical form ([`Symbol`]) |
//! | *native* | the venue's own spelling of a symbol |
//! | *quote* | the current state of a symbol ([`Quote`]) |
//! | *update* | what a venue said ([`Update`]) |
//! | *change* | the table moved: some visible field of a quote is different now |
//! | *delta* | the fields that differ between two states of one quote ([`Delta`]) |
//! | *snapshot* | a full quote |
//! | *frame* | ready bytes on the wire |
//! | *owed* | what a client that is behind must still be told: a set of symbols, never a queue |
//! | *conflate* | to tell several changes of a symbol as one |
//! | *lagged* | a client lost changes it had asked to get one by one |
//! | *stale* | a quote whose feed has gone silent |
//! | *epoch* | one life of a table |
//!
//! Times are [`Micros`] and named by origin: `ts_event` (venue's clock), `ts_recv` (our socket), `ts_pub` (the
//! change was published). Numbers are exact decimals ([`Price`], [`Size`], [`Ratio`]); no float appears anywhere.
//!
//! Reading order: [`field`], [`exact`], [`quote`], [`update`], [`delta`], [`symbol`], [`venue`], [`status`], [`clock`].

pub mod clock;
pub mod delta;
pub mod exact;
pub mod field;
pub mod quote;
pub mod status;
pub mod symbol;
pub mod update;
pub mod venue;

pub use clock::{Clock, ManualClock, Micros, RealClock};
pub use delta::Delta;
pub use exact::{Exact, NumberError, Price, Ratio, Size};
pub use field::{Field, FieldSet, Group};
pub use quote::{ChangedAt, Cross, Quote, Side, Values};
pub use rust_decimal::Decimal;
pub use status::{Reason, Status};
pub use symbol::{Symbol, SymbolError};
pub use update::{Source, Update};
pub use venue::{Sides, Venue};
