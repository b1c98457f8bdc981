//! The lines around an event, as the HTML standard's section on server-sent events defines them.
//!
//! ```text
//! id: 18f3a-42            (optional, of this client)
//! event: quote            (left out when the client asked for unnamed events)
//! data: {"type":"quote",...}
//!                         (blank line: the event is whole)
//! ```
//!
//! Everything after the `id` line is the same for every client that is owed the same, so those bytes are made once
//! and shared; [`id_line`] followed by shared bytes is a whole event. The other formats keep to this: where an event has
//! an id, NDJSON begins with it as the first member and CSV as the first value, and the rest is the same for all.

use crate::{EventId, Format, Style};

/// The kinds of event: a closed list. None is called `error` or `open`, because EventSource has those for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// First event of a stream: what was asked for and what is given.
    Hello,
    /// A full quote.
    Snapshot,
    /// The changed fields of a quote.
    Quote,
    /// A symbol or a feed changed state.
    Status,
    /// The stream is alive.
    Heartbeat,
    /// A stream that wanted every change has lost some.
    Lagged,
    /// What the client has can not be continued.
    Reset,
    /// The stream is not given now; come back later.
    Refused,
    /// The stream ends here.
    Goodbye,
}

impl EventName {
    /// Every kind.
    pub const ALL: [EventName; 9] = [
        EventName::Hello,
        EventName::Snapshot,
        EventName::Quote,
        EventName::Status,
        EventName::Heartbeat,
        EventName::Lagged,
        EventName::Reset,
        EventName::Refused,
        EventName::Goodbye,
    ];

    /// The name, in the `event` line and as the payload's `type`.
    pub const fn name(self) -> &'static str {
        match self {
            EventName::Hello => "hello",
            EventName::Snapshot => "snapshot",
            EventName::Quote => "quote",
            EventName::Status => "status",
            EventName::Heartbeat => "heartbeat",
            EventName::Lagged => "lagged",
            EventName::Reset => "reset",
            EventName::Refused => "refused",
            EventName::Goodbye => "goodbye",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<EventName> {
        EventName::ALL.into_iter().find(|e| e.name() == name)
    }

    /// Whether the event moves a client's state and therefore carries an id.
    pub const fn has_id(self) -> bool {
        match self {
            EventName::Snapshot
            | EventName::Quote
            | EventName::Status
            | EventName::Lagged
            | EventName::Reset => true,
            EventName::Hello | EventName::Heartbeat | EventName::Refused | EventName::Goodbye => false,
        }
    }

    /// The whole beginning of a named event, up to and with its `type`.
    const fn beginning(self) -> &'static [u8] {
        match self {
            EventName::Hello => b"event: hello\ndata: {\"type\":\"hello\"",
            EventName::Snapshot => b"event: snapshot\ndata: {\"type\":\"snapshot\"",
            EventName::Quote => b"event: quote\ndata: {\"type\":\"quote\"",
            EventName::Status => b"event: status\ndata: {\"type\":\"status\"",
            EventName::Heartbeat => b"event: heartbeat\ndata: {\"type\":\"heartbeat\"",
            EventName::Lagged => b"event: lagged\ndata: {\"type\":\"lagged\"",
            EventName::Reset => b"event: reset\ndata: {\"type\":\"reset\"",
            EventName::Refused => b"event: refused\ndata: {\"type\":\"refused\"",
            EventName::Goodbye => b"event: goodbye\ndata: {\"type\":\"goodbye\"",
        }
    }
}

/// What ends every server-sent event: the end of the JSON object, of the `data` line, and of the event. NDJSON leaves out
/// the last byte.
const END: &[u8] = b"}\n\n";

/// Appends the head of a stream, the first lines of its first event: a comment, and how long to wait before reconnecting.
/// Not a block of its own: some readers pass over a block without data, its `retry` too, and others take it for an event.
///
/// `retry_ms` should be a random value of 1,000 to 60,000 for each connection: browsers wait exactly this long, so
/// equal values bring everybody back in the same moment, and 0 makes one tab reconnect hundreds of times a second.
pub(crate) fn retry(out: &mut Vec<u8>, retry_ms: u64) {
    out.extend_from_slice(b": quotewire, wire version 1\nretry: ");
    out.extend_from_slice(itoa::Buffer::new().format(retry_ms).as_bytes());
    out.push(b'\n');
}

/// Appends what goes before the bytes of an event that has an id: the `id` line, or the first member, or the first value.
pub fn id_line(out: &mut Vec<u8>, style: Style, id: EventId) {
    match style.format {
        Format::Sse => {
            out.extend_from_slice(b"id: ");
            id.write(out);
            out.push(b'\n');
        }
        Format::Ndjson => {
            out.extend_from_slice(b"{\"id\":\"");
            id.write(out);
            out.push(b'"');
        }
        Format::Csv => {
            id.write(out);
            out.push(b',');
        }
    }
}

/// Appends a JSON event up to its payload's `type`; more members may follow, each beginning with a comma.
pub(crate) fn begin(out: &mut Vec<u8>, name: EventName, style: Style) {
    let whole = name.beginning();
    let data_at = "event: \n".len() + name.name().len();
    if style.format == Format::Sse {
        let from = if style.named { 0 } else { data_at };
        out.extend_from_slice(&whole[from..]);
    } else {
        // What opens the object stands before the `id` where there is one.
        out.push(if name.has_id() { b',' } else { b'{' });
        out.extend_from_slice(&whole[data_at + "data: {".len()..]);
    }
}

/// Ends the payload and the event.
pub(crate) fn end(out: &mut Vec<u8>, style: Style) {
    let length = if style.format == Format::Sse { END.len() } else { END.len() - 1 };
    out.extend_from_slice(&END[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_say_the_name_twice_or_once() {
        for name in EventName::ALL {
            let text = |named| {
                let mut out = Vec::new();
                begin(&mut out, name, Style { named, ..Style::default() });
                String::from_utf8(out).unwrap()
            };
            let payload = format!("data: {{\"type\":\"{}\"", name.name());
            assert_eq!(text(false), payload);
            assert_eq!(text(true), format!("event: {}\n{payload}", name.name()));
            let mut line = Vec::new();
            let style = Style { format: Format::Ndjson, ..Style::default() };
            begin(&mut line, name, style);
            end(&mut line, style);
            let open = if name.has_id() { ',' } else { '{' };
            assert_eq!(String::from_utf8(line).unwrap(), format!("{open}\"type\":\"{}\"}}\n", name.name()));
            assert_eq!(EventName::from_name(name.name()), Some(name));
            assert!(!["error", "open", "message"].contains(&name.name()));
        }
    }

    #[test]
    fn the_head_and_the_first_event_are_one_block() {
        for named in [true, false] {
            let style = Style { named, ..Style::default() };
            let mut out = Vec::new();
            retry(&mut out, 2_417);
            assert_eq!(out, b": quotewire, wire version 1\nretry: 2417\n");
            begin(&mut out, EventName::Hello, style);
            end(&mut out, style);
            let mut events = Vec::new();
            crate::Parser::default().push(&out, &mut events).unwrap();
            let [hello] = &events[..] else { panic!("{events:?}") };
            let name = if named { "hello" } else { "message" };
            assert_eq!((hello.event.as_str(), hello.data.as_str()), (name, r#"{"type":"hello"}"#));
            assert_eq!(hello.retry, Some(2_417));
        }
    }

    #[test]
    fn the_id_comes_before_the_shared_bytes() {
        for (format, expected) in
            [(Format::Sse, "id: abc-7\n"), (Format::Ndjson, "{\"id\":\"abc-7\""), (Format::Csv, "abc-7,")]
        {
            let mut out = Vec::new();
            id_line(&mut out, Style { format, ..Style::default() }, EventId { epoch: 0xabc, seq: 7 });
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
