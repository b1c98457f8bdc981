//! Recordings: one record a line, `recv_ns TAB kind TAB payload`, plain, gzip or zstd.
//!
//! | kind | what it is | payload |
//! |---|---|---|
//! | `@` | a connection was opened, or recording went on after a hole | its URL |
//! | `>` | text that our side sent | the text |
//! | `<` | a text frame of the venue | the text |
//! | `B` | a binary frame of the venue | base64 of the frame as it came |
//! | `G` | an answer of the venue's HTTP interface | URL, TAB, body; the URL is `-` when unknown |
//!
//! `recv_ns` is the receive time in nanoseconds since 1970 UTC, 0 when the source has none. A payload is kept as it
//! came and holds neither TAB nor line feed; the last line ends with a line feed too, so a recording that was cut off
//! in the middle of a line is recognised as such. A `NAME.rest.gz` beside `NAME.cap.gz` holds the `G` records of that
//! session: its catalogue and book snapshots.
//!
//! A recording is of one connection at a time: what follows another `@` comes from the next one, for which a decoder starts
//! afresh. An `@` that repeats the last one, time and URL, begins the next file of the same connection.
//!
//! A pcap or pcapng file, packed or not, is read as well: its UDP payloads are binary frames.
//!
//! [`CaptureReader`] reads, [`CaptureWriter`] writes, and [`Recording`] writes beside live connections without ever
//! making them wait.

mod folder;
mod packets;
mod part;
mod read;
mod record;
mod strand;
mod write;

use std::fmt;
use std::io;

use market::Micros;

use crate::Frame;

pub use folder::{FolderSettings, PartName, is_unfinished};
pub use read::{CaptureReader, read_rest};
pub use record::{Recorded, Recorder, Recording, RecordingWatch, Standing};
pub use write::{CaptureWriter, Packing, WriteError, one_line};

/// The longest line, in bytes. The longest recorded one, Binance's catalogue of 2021, has 1.5 MB; the bound leaves
/// room for today's answers of about 20 MB and keeps a file without line feeds from filling the memory.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// What happened, at one receive time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Nanoseconds since 1970 UTC; 0 when the recording does not say.
    pub recv_ns: i64,
    /// What happened.
    pub payload: Payload<'a>,
}

/// What happened: the five kinds of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// `@`: a connection to this URL was opened.
    Opened(&'a str),
    /// `>`: our side sent this text.
    Sent(&'a str),
    /// `<`: the venue sent this text frame.
    Text(&'a str),
    /// `B`: the venue sent this binary frame, here already without its base64.
    Binary(&'a [u8]),
    /// `G`: the venue's HTTP interface answered.
    Rest {
        /// The URL that was asked, `-` when unknown.
        url: &'a str,
        /// The body of the answer.
        body: &'a str,
    },
}

impl Record<'_> {
    /// The receive time in microseconds; 0 when the recording does not say.
    pub const fn ts_recv(&self) -> Micros {
        Micros::from_nanos(self.recv_ns)
    }

    /// The frame that a decoder takes; `None` for what no decoder takes as a frame (`@`, `>`, `G`).
    pub const fn frame(&self) -> Option<Frame<'_>> {
        match self.payload {
            Payload::Text(text) => Some(Frame::Text(text)),
            Payload::Binary(bytes) => Some(Frame::Binary(bytes)),
            Payload::Opened(_) | Payload::Sent(_) | Payload::Rest { .. } => None,
        }
    }
}

impl Payload<'_> {
    /// The letter of the kind in the second column.
    pub const fn letter(&self) -> u8 {
        match self {
            Payload::Opened(_) => b'@',
            Payload::Sent(_) => b'>',
            Payload::Text(_) => b'<',
            Payload::Binary(_) => b'B',
            Payload::Rest { .. } => b'G',
        }
    }
}

/// Why a recording could not be read on: where, and what is wrong.
#[derive(Debug)]
pub struct CaptureError {
    /// The file, or what the caller calls bytes in memory.
    pub name: String,
    /// The line (the datagram, in a packet capture), counted from 1; 0 when the file could not be opened.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a recording.
#[derive(Debug)]
pub enum Fault {
    /// This one line is not a record; the lines after it can still be read.
    BadLine(&'static str),
    /// The recording ends in the middle of something: all records before this line were good, and none follow.
    CutOff,
    /// The line is longer than [`MAX_LINE_BYTES`]; nothing more is read.
    LineTooLong,
    /// The file cannot be opened, read or unpacked; nothing more is read.
    Unreadable(io::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.line > 0 {
            write!(f, ": line {}", self.line)?;
        }
        match &self.fault {
            Fault::BadLine(what) => write!(f, ": {what}"),
            Fault::CutOff => f.write_str(": the recording is cut off here"),
            Fault::LineTooLong => write!(f, ": longer than {} MiB", MAX_LINE_BYTES >> 20),
            Fault::Unreadable(error) => write!(f, ": {error}"),
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Unreadable(error) => Some(error),
            Fault::BadLine(_) | Fault::CutOff | Fault::LineTooLong => None,
        }
    }
}
