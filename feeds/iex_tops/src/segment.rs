//! One segment of IEX-TP: its head and the messages in it.

use feed::DecodeError;

/// Bytes of a head.
const HEAD: usize = 40;
/// TOPS 1.6 in the registry of protocols.
const TOPS_1_6: u16 = 0x8003;

/// A whole segment: every message lies within it, and there are as many as the head says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Which channel of which session: both begin numbering by themselves.
    pub(crate) stream: (u32, u32),
    /// Messages in it; 0 is a heartbeat.
    pub(crate) count: u16,
    /// The number of the first one, or of the one to come.
    pub(crate) first: u64,
    body: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a datagram.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Segment<'a>, DecodeError> {
        let garbage = DecodeError::Garbage;
        let head: &[u8; HEAD] = bytes.first_chunk().ok_or(garbage("shorter than the head of a segment"))?;
        if head[0] != 1 || le16(head, 2) != TOPS_1_6 {
            return Err(garbage("not TOPS 1.6 in IEX-TP 1"));
        }
        let length = usize::from(le16(head, 12));
        let body = bytes[HEAD..].get(..length).ok_or(garbage("a segment that is cut short"))?;
        let first = u64::try_from(le64(head, 24)).map_err(|_| garbage("a negative sequence"))?;
        let stream = (le32(head, 4), le32(head, 8));
        let segment = Segment { stream, count: le16(head, 14), first, body };
        let whole: usize = segment.messages().map(|message| message.len() + 2).sum();
        if whole != length || segment.messages().count() != usize::from(segment.count) {
            return Err(garbage("messages that do not fill their segment"));
        }
        Ok(segment)
    }

    /// The messages in order, as long as they are whole.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut left = self.body;
        std::iter::from_fn(move || {
            let (length, rest) = left.split_first_chunk::<2>()?;
            let (message, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            left = rest;
            Some(message)
        })
    }
}

/// Two bytes from there on; zero beyond the end, which callers rule out by the length they take.
pub(crate) fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |part| u16::from_le_bytes(*part))
}

/// Four bytes from there on.
pub(crate) fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |part| u32::from_le_bytes(*part))
}

/// Eight bytes from there on.
pub(crate) fn le64(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |part| i64::from_le_bytes(*part))
}
