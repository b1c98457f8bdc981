//! Event ids: `<epoch>-<seq>`, the place in the table's history up to which a client has been told everything.

use std::fmt;

/// The longest text that is looked at. The longest id has 37 bytes; Fetch lets a `Last-Event-ID` header of up to 128
/// bytes pass without a preflight, and half of that leaves room for a later form.
pub const MAX_ID: usize = 64;

/// A place in the history of one table.
///
/// It means: everything for this stream up to `seq` has been sent before or with the event that carries it. The text
/// is the epoch in lower-case hexadecimal, a hyphen, and the sequence in decimal, both without leading zeros, so that
/// every id has exactly one text.
///
/// ```
/// use wire::EventId;
/// let id = EventId { epoch: 0x18f3a, seq: 42 };
/// assert_eq!(id.to_string(), "18f3a-42");
/// assert_eq!(EventId::parse("18f3a-42"), Ok(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Which life of the table.
    pub epoch: u64,
    /// The table-wide sequence.
    pub seq: u64,
}

/// Why a text is not one of our ids. All of them lead to [`ResetReason::Malformed`]; the variant is for logs and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// Nothing there.
    Empty,
    /// Longer than [`MAX_ID`] bytes.
    TooLong,
    /// Not of the form `<hexadecimal>-<decimal>`, or not its shortest text.
    Malformed,
    /// A number past 64 bits.
    OutOfRange,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdError::Empty => "empty event id",
            IdError::TooLong => "event id too long",
            IdError::Malformed => "not an event id of this server",
            IdError::OutOfRange => "number in event id out of range",
        })
    }
}

impl std::error::Error for IdError {}

/// Why a stream cannot go on where the client left off: a closed list, the `reason` of a `reset` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// The text is not one of our ids.
    Malformed,
    /// The id is of another life of the table.
    UnknownEpoch,
    /// The id is ahead of this table.
    FutureSeq,
}

impl ResetReason {
    /// Every reason.
    pub const ALL: [ResetReason; 3] =
        [ResetReason::Malformed, ResetReason::UnknownEpoch, ResetReason::FutureSeq];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ResetReason::Malformed => "malformed_id",
            ResetReason::UnknownEpoch => "unknown_epoch",
            ResetReason::FutureSeq => "future_seq",
        }
    }
}

impl From<IdError> for ResetReason {
    fn from(_: IdError) -> ResetReason {
        ResetReason::Malformed
    }
}

impl EventId {
    /// Reads an id. The text comes from a client and may be anything.
    ///
    /// # Errors
    /// When it is not the exact text of an id: send `reset`, then snapshots.
    pub fn parse(text: &str) -> Result<EventId, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_ID {
            return Err(IdError::TooLong);
        }
        let (epoch, seq) = text.split_once('-').ok_or(IdError::Malformed)?;
        Ok(EventId { epoch: number::<16>(epoch)?, seq: number::<10>(seq)? })
    }

    /// Where a stream that held an id may resume in a table that now stands at `(epoch, seq)`.
    ///
    /// # Errors
    /// The reason for the `reset` event, when it may not.
    pub fn resume(text: &str, now: EventId) -> Result<u64, ResetReason> {
        let id = EventId::parse(text)?;
        if id.epoch != now.epoch {
            return Err(ResetReason::UnknownEpoch);
        }
        if id.seq > now.seq {
            return Err(ResetReason::FutureSeq);
        }
        Ok(id.seq)
    }

    /// Appends the text.
    pub fn write(self, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let nibbles = (64 - self.epoch.leading_zeros()).div_ceil(4).max(1);
        for nibble in (0..nibbles).rev() {
            out.push(HEX[(self.epoch >> (4 * nibble)) as usize & 0xf]);
        }
        out.push(b'-');
        out.extend_from_slice(itoa::Buffer::new().format(self.seq).as_bytes());
    }

    /// The epoch's part of the text, as `hello` tells it.
    pub fn epoch_text(epoch: u64) -> String {
        format!("{epoch:x}")
    }
}

/// A number in its shortest text. `from_str_radix` alone would also take a sign, upper case and leading zeros.
fn number<const RADIX: u32>(text: &str) -> Result<u64, IdError> {
    let digit = |b: u8| char::from(b).is_digit(RADIX) && !b.is_ascii_uppercase();
    if text.is_empty() || !text.bytes().all(digit) || (text.len() > 1 && text.starts_with('0')) {
        return Err(IdError::Malformed);
    }
    u64::from_str_radix(text, RADIX).map_err(|_| IdError::OutOfRange)
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_short_safe_text() {
        for (epoch, seq) in [(0, 0), (1, 9), (0xf, 10), (0x10, 1), (0x18f3a, 42), (u64::MAX, u64::MAX)] {
            let id = EventId { epoch, seq };
            let mut written = Vec::new();
            id.write(&mut written);
            let text = String::from_utf8(written).unwrap();
            assert_eq!(text, id.to_string());
            assert_eq!(text, format!("{}-{seq}", EventId::epoch_text(epoch)));
            assert!(text.len() <= 37 && text.len() <= MAX_ID);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')));
            assert_eq!(EventId::parse(&text), Ok(id));
        }
    }

    #[test]
    fn garbage_is_refused_with_its_kind() {
        assert_eq!(EventId::parse(""), Err(IdError::Empty));
        assert_eq!(EventId::parse(&"1".repeat(65)), Err(IdError::TooLong));
        for text in [
            "-",
            "1-",
            "-1",
            "1",
            "1-1-1",
            "+1-1",
            "1-+1",
            "1--1",
            "A-1",
            "0x1-1",
            "01-1",
            "1-01",
            "1-1 ",
            " 1-1",
            "1-a",
            "g-1",
            "1_1",
            "é-1",
            "1-1\n",
            "１-１",
            "null",
            "undefined",
        ] {
            assert_eq!(EventId::parse(text), Err(IdError::Malformed), "{text:?}");
        }
        assert_eq!(EventId::parse("10000000000000000-1"), Err(IdError::OutOfRange));
        assert_eq!(EventId::parse("1-18446744073709551616"), Err(IdError::OutOfRange));
    }

    #[test]
    fn a_stream_resumes_only_in_its_own_epoch_and_past() {
        let now = EventId { epoch: 7, seq: 100 };
        assert_eq!(EventId::resume("7-100", now), Ok(100));
        assert_eq!(EventId::resume("7-0", now), Ok(0));
        assert_eq!(EventId::resume("7-101", now), Err(ResetReason::FutureSeq));
        assert_eq!(EventId::resume("8-1", now), Err(ResetReason::UnknownEpoch));
        assert_eq!(EventId::resume("yesterday", now), Err(ResetReason::Malformed));
    }
}
