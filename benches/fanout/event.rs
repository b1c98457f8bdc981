//! The event that every peer sends: as long as ours, with the same keys.
//!
//! `bid` is the time at which the update was due ([`Tick::bid`]), `bid_size` its number among the updates of the symbol: so a reader
//! measures delay, loss, doubles and order by itself, whatever server is in between.

use crate::schedule::{self, Tick};

/// Appends the JSON of a tick, 130 bytes and the digits of its counters.
pub(crate) fn json(tick: &Tick, seq: u64, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"type\":\"quote\",\"symbol\":\"");
    out.extend_from_slice(schedule::name(tick.symbol).as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    out.extend_from_slice(digits.format(seq).as_bytes());
    out.extend_from_slice(b",\"bid\":\"");
    out.extend_from_slice(digits.format(tick.bid()).as_bytes());
    out.extend_from_slice(b"\",\"bid_size\":\"");
    out.extend_from_slice(digits.format(tick.counter).as_bytes());
    out.extend_from_slice(b"\",\"status\":\"live\",\"venue\":\"bench\"}");
}

/// Appends the whole event.
pub(crate) fn sse(tick: &Tick, seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    json(tick, seq, out);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_as_long_as_ours() {
        let mut out = Vec::new();
        sse(&Tick { symbol: 17, counter: 12_345, due: 1_795_280_000_000_000 }, 1_234_567, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("data: {\"type\":\"quote\",\"symbol\":\"BENCH:S00017-USDT\",\"seq\":1234567,")
        );
        assert!((135..=150).contains(&text.len()), "{} bytes", text.len());
    }
}
