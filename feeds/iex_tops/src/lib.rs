//! Feed adapter: IEX TOPS 1.6, best bid and offer and trades of US equities, in segments of IEX-TP.
//!
//! # What a session subscribes
//!
//! Nothing: IEX sends everything to everybody, by UDP multicast. The endpoint is the group of the venue's network documents,
//! `ws_url = "udp://GROUP:PORT?interface=ADDRESS"`; groups and ports differ by site and year, so there is none by default.
//! Recordings of such a group, also as pcap or pcapng files, are read as well.
//!
//! There is no catalogue to ask for. Symbols come from the configuration, as IEX spells them or as we do, and with `*` from the
//! messages themselves.
//!
//! | field | from |
//! |---|---|
//! | bid, ask and sizes | `Q`, the whole top each time |
//! | last, its size | `T`, every trade, odd lots and extended hours too; `B` takes one back. The side is not told |
//! | status | `H` trading status, `O` operational halt, and the availability in the flags of `Q`; `S` closes and opens the day |
//! | everything else | not told: figures of a day are not sent, and `D A P X I E` fill no field |
//!
//! Prices are dollars with the four decimals that are sent. Sizes are shares.
//!
//! # The venue's rules
//!
//! | rule | source |
//! |---|---|
//! | a segment is 40 bytes of head (version 1, protocol `0x8003`, channel, session, length, count, offset, first sequence, send time), then messages with two bytes of length each, all little-endian | IEX-TP specification 1, seen in the recording |
//! | the first sequence of a segment is that of the one before plus its count; a segment of count 0 is a heartbeat, each second when nothing is to be said, and names the sequence to come | IEX-TP specification 1; in the recording at most 1.25 s pass without a segment |
//! | lines A and B carry the same messages in the same order, cut into other segments | IEX-TP specification 1 |
//! | messages may grow at their end, and new types may come | TOPS specification 1.66, 2021-10-19 |
//! | price 0 with size 0 is no quote on that side | TOPS specification; seen in the recording |
//! | prices have four decimals, times are nanoseconds since 1970, symbols have eight characters, padded with blanks | TOPS specification 1.66 |
//! | `H`: `T` is trading; `H` halted, `O` halted and taking orders, `P` paused and taking orders | TOPS specification 1.66 |
//! | `Q` flag `0x80`: halted, paused or otherwise not available; `0x40`: outside regular hours | TOPS specification 1.66; in the recording it is set where `H` or `O` halts, and nowhere else |
//! | `S`: `O` and `C` begin and end the messages, `S` and `E` the hours of the system, `R` and `M` the regular hours | TOPS specification 1.66 |
//! | `B` names the trade that it takes back by its id | TOPS specification 1.66; seen in the recording |
//! | symbols follow the suffixes of Nasdaq's integrated platform: `+` warrants, `=` units, `^` rights ... | Nasdaq's ticker symbol convention; `catalogue.rs` has them all |
//!
//! # When a segment is missed
//!
//! Every symbol that was told becomes `Suspect` before the next message is read, and loses its last trade, which may be another
//! one by now. It is live again with its next `Q`, which is a whole top. Messages that came before (line B, a repetition)
//! count as duplicates. A new session, or a numbering that has gone back for good, empties every quote and makes it suspect
//! likewise.
//!
//! Asking the venue for what was missed (its gap fill service) is not done.

mod catalogue;
pub mod decode;
mod messages;
mod segment;
mod session;

pub use decode::Tops;
pub use session::{IexTops, session};
