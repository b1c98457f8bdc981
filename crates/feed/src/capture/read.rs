//! Reading a recording line by line, whatever it is packed with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::packets::Packets;
use super::{CaptureError, Fault, MAX_LINE_BYTES, Payload, Record};
use crate::RestAnswer;

/// Unpacked bytes held at a time. A quarter of a megabyte keeps the unpacker in long runs and still fits the
/// second-level cache.
const BUFFER_BYTES: usize = 256 << 10;
/// Packed bytes read from the file at a time.
const PACKED_BUFFER_BYTES: usize = 64 << 10;

/// The first bytes of a gzip member (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The first bytes of a Zstandard frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads a recording record by record. One line and one binary payload are held at a time, in memory that is reused.
pub struct CaptureReader {
    name: String,
    input: Box<dyn BufRead + Send>,
    line: String,
    binary: Vec<u8>,
    /// Where the parts of the record in `line` are; none before the first and after a fault.
    parts: Option<Parts>,
    /// What reads the input instead of lines, where it is a packet capture.
    packets: Option<Packets>,
    number: u64,
    ended: bool,
}

/// A line that was cut into its parts.
#[derive(Clone, Copy, Debug)]
struct Parts {
    recv_ns: i64,
    kind: u8,
    /// Where the payload begins in the line.
    payload_at: usize,
    /// Where the body begins in the line, for an HTTP answer.
    body_at: usize,
}

impl std::fmt::Debug for CaptureReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureReader").field("name", &self.name).field("line", &self.number).finish()
    }
}

impl CaptureReader {
    /// Opens a file. What it is packed with is seen from its first bytes, not from its name.
    ///
    /// # Errors
    /// When the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<CaptureReader, CaptureError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => CaptureReader::new(name, file),
            Err(error) => Err(CaptureError { name, line: 0, fault: Fault::Unreadable(error) }),
        }
    }

    /// Reads bytes in memory (`include_bytes!`, an `Arc<[u8]>`); `name` stands in errors.
    ///
    /// # Errors
    /// When the unpacker cannot be set up.
    pub fn from_bytes(
        name: impl Into<String>,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<CaptureReader, CaptureError> {
        CaptureReader::new(name, Cursor::new(bytes))
    }

    /// Reads from anything; `name` stands in errors.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(
        name: impl Into<String>,
        input: impl Read + Send + 'static,
    ) -> Result<CaptureReader, CaptureError> {
        let name = name.into();
        match unpacked(input) {
            Ok(input) => Ok(CaptureReader {
                name,
                input,
                line: String::new(),
                binary: Vec::new(),
                parts: None,
                packets: None,
                number: 0,
                ended: false,
            }),
            Err(error) => Err(CaptureError { name, line: 0, fault: Fault::Unreadable(error) }),
        }
    }

    /// What errors call this recording.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the line (of the datagram, in a packet capture) that was read last, counted from 1.
    pub const fn line(&self) -> u64 {
        self.number
    }

    /// The next record; `None` at the end, and after an error that ends the reading.
    ///
    /// # Errors
    /// See [`Fault`]: after [`Fault::BadLine`] the next call reads on, after the others it returns `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the reader, which `Iterator` cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    /// Reads the next record without looking at it; false at the end. [`CaptureReader::current`] is then that record:
    /// whoever plays several recordings in the order of their times must know the next time of each.
    ///
    /// # Errors
    /// As [`CaptureReader::next`].
    pub fn advance(&mut self) -> Result<bool, CaptureError> {
        self.parts = None;
        if self.ended {
            return Ok(false);
        }
        self.number += 1;
        if self.number == 1 {
            match self.input.fill_buf() {
                Ok(head) => self.packets = Packets::recognise(head),
                Err(error) => return Err(self.broken(error)),
            }
        }
        if let Some(packets) = self.packets.take() {
            return self.packet(packets);
        }
        let mut line = std::mem::take(&mut self.line).into_bytes();
        line.clear();
        // One byte more than the bound tells a line that ends at the bound from one that goes on.
        let bound = MAX_LINE_BYTES as u64 + 1;
        match self.input.by_ref().take(bound).read_until(b'\n', &mut line) {
            Ok(0) => {
                self.ended = true;
                self.number -= 1;
                return Ok(false);
            }
            Ok(_) if line.last() == Some(&b'\n') => {
                line.pop();
            }
            Ok(_) if line.len() > MAX_LINE_BYTES => return Err(self.end(Fault::LineTooLong)),
            Ok(_) => return Err(self.end(Fault::CutOff)),
            Err(error) => return Err(self.broken(error)),
        }
        let cut = String::from_utf8(line).map_err(|_| "not UTF-8").and_then(|line| {
            self.line = line;
            cut(&self.line, &mut self.binary)
        });
        match cut {
            Ok(parts) => self.parts = Some(parts),
            Err(what) => {
                let fault = Fault::BadLine(what);
                return Err(CaptureError { name: self.name.clone(), line: self.number, fault });
            }
        }
        Ok(true)
    }

    /// The record that was read last; none before the first, after the end and after a fault.
    pub fn current(&self) -> Option<Record<'_>> {
        let Parts { recv_ns, kind, payload_at, body_at } = self.parts?;
        let text = &self.line[payload_at..];
        let payload = match kind {
            b'@' => Payload::Opened(text),
            b'>' => Payload::Sent(text),
            b'<' => Payload::Text(text),
            b'G' => Payload::Rest { url: &self.line[payload_at..body_at - 1], body: &self.line[body_at..] },
            _ => Payload::Binary(&self.binary),
        };
        Some(Record { recv_ns, payload })
    }

    /// Reads the next datagram of a packet capture, as a binary frame.
    fn packet(&mut self, mut packets: Packets) -> Result<bool, CaptureError> {
        let read = packets.next(&mut *self.input);
        let found = match read {
            Ok(Some((recv_ns, place))) => {
                self.binary.clear();
                self.binary.extend_from_slice(packets.bytes(place));
                self.parts = Some(Parts { recv_ns, kind: b'B', payload_at: 0, body_at: 0 });
                true
            }
            Ok(None) => {
                self.ended = true;
                self.number -= 1;
                false
            }
            Err(error) => return Err(self.broken(error)),
        };
        self.packets = Some(packets);
        Ok(found)
    }

    /// The end of a recording that could not be read on.
    fn broken(&mut self, error: io::Error) -> CaptureError {
        self.end(match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::CutOff,
            _ => Fault::Unreadable(error),
        })
    }

    fn end(&mut self, fault: Fault) -> CaptureError {
        self.ended = true;
        CaptureError { name: self.name.clone(), line: self.number, fault }
    }
}

/// All recorded HTTP answers of a file, in order: what a session's catalogue is read from when there is no network.
///
/// # Errors
/// At the first line that is not a record, or when the file cannot be read.
pub fn read_rest(path: &Path) -> Result<Vec<RestAnswer>, CaptureError> {
    CaptureReader::open(path)?.into_rest()
}

impl CaptureReader {
    /// All HTTP answers from here on, in order.
    ///
    /// # Errors
    /// At the first line that is not a record, or when the input cannot be read.
    pub fn into_rest(mut self) -> Result<Vec<RestAnswer>, CaptureError> {
        let mut answers = Vec::new();
        while let Some(record) = self.next()? {
            if let Payload::Rest { url, body } = record.payload {
                answers.push(RestAnswer { url: url.to_owned(), body: body.to_owned() });
            }
        }
        Ok(answers)
    }
}

/// Puts the right unpacker in front, told by the first bytes. A plain recording starts with a digit, so there is no
/// doubt between the three.
fn unpacked(mut input: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
    input.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP_MAGIC), head == ZSTD_MAGIC);
    let whole = Cursor::new(head).chain(input);
    Ok(if gzip {
        // A recording that was appended to is several gzip members in a row.
        let packed = BufReader::with_capacity(PACKED_BUFFER_BYTES, whole);
        Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(packed)))
    } else if zstd {
        let packed = BufReader::with_capacity(PACKED_BUFFER_BYTES, whole);
        Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::stream::read::Decoder::with_buffer(packed)?))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, whole))
    })
}

/// Cuts one line, without its line feed, into the parts of a record. `binary` takes the bytes of a `B` record.
fn cut(line: &str, binary: &mut Vec<u8>) -> Result<Parts, &'static str> {
    let (time, rest) = line.split_once('\t').ok_or("no TAB after the receive time")?;
    let (kind, payload) = rest.split_once('\t').ok_or("no TAB after the kind")?;
    let recv_ns = parse_nanos(time).ok_or("the receive time is not a whole number of nanoseconds")?;
    let payload_at = line.len() - payload.len();
    let mut parts = Parts { recv_ns, kind: 0, payload_at, body_at: payload_at };
    match kind {
        "@" | ">" | "<" => one_field(payload)?,
        "B" => {
            binary.clear();
            STANDARD.decode_vec(payload, binary).map_err(|_| "the binary payload is not base64")?;
        }
        "G" => {
            let (_, body) = payload.split_once('\t').ok_or("no TAB between the URL and the body")?;
            one_field(body)?;
            parts.body_at = line.len() - body.len();
        }
        _ => return Err("unknown kind, expected one of @ > < B G"),
    }
    parts.kind = kind.as_bytes()[0];
    Ok(parts)
}

fn one_field(text: &str) -> Result<(), &'static str> {
    if text.contains('\t') { Err("a TAB inside the payload") } else { Ok(()) }
}

/// Digits only: a sign or a blank would be read by `str::parse` or by other readers of the format, but not by all.
fn parse_nanos(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
