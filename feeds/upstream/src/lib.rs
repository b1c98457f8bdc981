//! Feed adapter: another Quotewire as a source, over its server-sent events.
//!
//! # What a session subscribes
//!
//! `GET /v1/stream` with at most a hundred symbols in its query, so that no address is longer than 8 KB; more symbols are spread
//! over more streams. `mode=latest`, all fields, decimals as text, times in microseconds, no event lines. The catalogue is
//! `GET /v1/symbols`, which lists a thousand names; a symbol beyond them is asked for by its whole name.
//!
//! Symbols keep their names: `KRAKEN:BTC-USD` there is `KRAKEN:BTC-USD` here, and a wish names them so. Composites (`BTC-USD`) are
//! not taken over: this side makes its own, of all its sources.
//!
//! | field | from |
//! |---|---|
//! | every stored field | `snapshot` and `quote`, digit for digit; a snapshot says of each field whether there is one |
//! | `ts_event` | that of the upstream, so the venue's own |
//! | `ts_recv` | ours: when the event arrived here |
//! | status and reason | those of the upstream: what is stale, halted or suspect there is so here. Without the upstream all is stale |
//! | `change_24h`, `mid` and the other derived figures | worked out here |
//!
//! Units are those of the venue behind the upstream.
//!
//! # The rules
//!
//! | rule | source |
//! |---|---|
//! | events and their members; unknown ones are passed over | `crates/wire/PROTOCOL.md`, version 1, sections 1 and 2 |
//! | a heartbeat at most 10 s after the last event; who hears nothing for twice as long opens the stream again | section 2 |
//! | for one symbol `seq` only rises, until a `reset` | sections 1 and 3 |
//! | a delta tells what changed since the last event of that symbol on the stream; `null` is absent from now on | section 2 |
//! | `lagged` and `reset` are followed by snapshots | sections 2 and 3 |
//! | `refused` and `goodbye` end a stream | section 2 |
//! | what `hello` rejects is not streamed; an unknown name joins when it appears | section 2 |
//!
//! # When something is missed
//!
//! Nothing can be: a stream of the newest states skips what lies between by intent. An event whose `seq` does not rise is
//! dropped as a duplicate. After `lagged` the symbols it names are `Suspect`, after `reset` all are, until their snapshots. A
//! stream that ended is asked for afresh, without an id, and begins with snapshots.
//!
//! A delta says what changed there since the last event. What became stale here in between lost its fields to the rules of the
//! table, so whenever the status changes the whole quote is told again.

mod catalogue;
pub mod decode;
mod session;

pub use decode::Events;
pub use session::{Upstream, session};
