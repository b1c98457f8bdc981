//! The client's side: bytes to events, by the HTML standard's rules for interpreting an event stream.
//!
//! Bytes may come cut anywhere, in mid-character too. Lines end in LF, CR or CRLF; a byte order mark at the very
//! start is dropped; an event that is not ended by a blank line is never told.

use std::fmt;

/// One event of any server-sent stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawEvent {
    /// The `event` line, or `message`.
    pub event: String,
    /// The last `id` line of the stream up to here, of this event or an earlier one; empty when there was none.
    pub id: String,
    /// The `data` lines, joined by LF.
    pub data: String,
    /// The last valid `retry` line of the stream up to here, in milliseconds.
    pub retry: Option<u64>,
}

/// An event, or a single line, is longer than the limit: the stream cannot be followed any more. End it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for EventTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event longer than {} bytes", self.limit)
    }
}

impl std::error::Error for EventTooLong {}

/// An incremental parser. Its memory is bounded by the limit, whatever the server sends.
#[derive(Clone, Debug)]
pub struct Parser {
    limit: usize,
    /// The line under way, as raw bytes: cutting lines at ASCII bytes first and decoding UTF-8 after it is the same.
    line: Vec<u8>,
    data: Vec<u8>,
    event: String,
    /// The last `id` line.
    id: String,
    /// The last `id` line that a blank line has confirmed.
    id_confirmed: String,
    retry: Option<u64>,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// No line has ended yet, so a byte order mark may come.
    first_line: bool,
    too_long: bool,
}

impl Parser {
    /// Longest event of our own streams: a `hello` of 1,000 symbols with 1,000 refusals stays under 256 KiB.
    pub const LIMIT_DEFAULT: usize = 1 << 20;

    /// A parser at the start of a stream that refuses events and lines of more than `limit` bytes.
    pub fn new(limit: usize) -> Parser {
        Parser {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            event: String::new(),
            id: String::new(),
            id_confirmed: String::new(),
            retry: None,
            after_cr: false,
            first_line: true,
            too_long: false,
        }
    }

    /// Takes the next bytes and appends the events that they complete; there are at most half as many as bytes.
    ///
    /// # Errors
    /// When an event is longer than the limit. Events before it have been appended; nothing more will come.
    pub fn push(&mut self, mut bytes: &[u8], events: &mut Vec<RawEvent>) -> Result<(), EventTooLong> {
        while !bytes.is_empty() && !self.too_long {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.hold(bytes);
                break;
            };
            self.hold(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if !self.too_long {
                self.end_line(events);
            }
        }
        if self.too_long {
            // What was held is of no use any more.
            self.line = Vec::new();
            self.data = Vec::new();
            return Err(EventTooLong { limit: self.limit });
        }
        Ok(())
    }

    /// How long the server asks to wait before reconnecting, in milliseconds, if it has asked.
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// What to send as `Last-Event-ID` when reconnecting; empty for nothing. An `id` line counts once the blank line
    /// after it has come.
    pub fn last_event_id(&self) -> &str {
        &self.id_confirmed
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            self.too_long = true;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, events: &mut Vec<RawEvent>) {
        let mut held = std::mem::take(&mut self.line);
        let mut line = held.as_slice();
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(events);
        } else {
            let (name, value) = match memchr::memchr(b':', line) {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &b""[..]),
            };
            self.field(name, value.strip_prefix(b" ").unwrap_or(value));
        }
        held.clear();
        self.line = held;
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into_owned(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                // Digits past 64 bits mean "very long" all the same.
                let digits = value.iter().map(|b| u64::from(b - b'0'));
                self.retry = Some(digits.fold(0, |n: u64, d| n.saturating_mul(10).saturating_add(d)));
            }
            // A comment has an empty name; unknown fields are ignored too.
            _ => {}
        }
    }

    fn dispatch(&mut self, events: &mut Vec<RawEvent>) {
        let event = std::mem::take(&mut self.event);
        self.id_confirmed.clone_from(&self.id);
        if self.data.is_empty() {
            return;
        }
        self.data.pop();
        events.push(RawEvent {
            event: if event.is_empty() { "message".to_owned() } else { event },
            id: self.id.clone(),
            data: String::from_utf8_lossy(&self.data).into_owned(),
            retry: self.retry,
        });
        self.data.clear();
    }
}

impl Default for Parser {
    fn default() -> Parser {
        Parser::new(Parser::LIMIT_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(limit: usize, chunks: &[&[u8]]) -> (Vec<RawEvent>, Result<(), EventTooLong>) {
        let mut parser = Parser::new(limit);
        let mut events = Vec::new();
        for chunk in chunks {
            if let Err(error) = parser.push(chunk, &mut events) {
                return (events, Err(error));
            }
        }
        (events, Ok(()))
    }

    #[test]
    fn an_event_longer_than_the_limit_ends_the_stream() {
        let (events, result) = parsed(20, &[b"data: one\n\n", b"data: 01234567890123456789\n\n"]);
        assert_eq!((events.len(), result), (1, Err(EventTooLong { limit: 20 })));
        let (events, result) = parsed(20, &[b"data: 1234567\n", b"data: 1234567\n\n"]);
        assert_eq!((events.len(), result.is_err()), (0, true), "many short lines add up");
        let (_, result) = parsed(20, &[&b":"[..], &b"x".repeat(30)]);
        assert!(result.is_err(), "comments are held line by line too");
        let mut parser = Parser::new(4);
        assert!(parser.push(b"data: 1\n\n", &mut Vec::new()).is_err());
        assert!(parser.push(b"\n", &mut Vec::new()).is_err(), "once broken it stays broken");
    }

    #[test]
    fn memory_does_not_grow_with_the_stream() {
        let mut parser = Parser::new(1_000);
        let mut events = Vec::new();
        for _ in 0..10_000 {
            parser.push(b": hm\nid: 1-2\nretry: 5\nevent: x\nunknown: y\n\n", &mut events).unwrap();
        }
        assert!(events.is_empty() && parser.line.capacity() + parser.data.capacity() <= 2_000);
        assert_eq!(parser.retry(), Some(5));
    }
}
