//! Writing a recording, packed by the name of the file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_LINE_BYTES, Payload, Record};

/// The library's own default.
const ZSTD_LEVEL: i32 = 3;

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This record does not fit the format: count it and go on, nothing of it was written.
    #[error("not a record of the capture format: {0}")]
    Unfit(&'static str),
    /// The file cannot be written: give up the recording.
    #[error("recording: {0}")]
    Io(#[from] io::Error),
}

/// Writes records. Call [`CaptureWriter::finish`] at the end: a packed file without its end reads as cut off.
pub struct CaptureWriter {
    output: Output,
    line: Vec<u8>,
    records: u64,
}

impl std::fmt::Debug for CaptureWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureWriter").field("records", &self.records).finish_non_exhaustive()
    }
}

type Target = BufWriter<Counted>;

/// Counts what passes.
struct Counted {
    output: Box<dyn Write + Send>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

enum Output {
    Plain(Target),
    Gzip(flate2::write::GzEncoder<Target>),
    Zstd(zstd::stream::write::Encoder<'static, Target>),
}

/// What a recording is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, as in `.gz`.
    Gzip,
    /// Zstandard, as in `.zst`.
    Zstd,
}

impl Packing {
    /// By the end of the name: `.gz`, `.zst` or `.zstd`, anything else is plain.
    pub fn of(path: &Path) -> Packing {
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => Packing::Gzip,
            Some("zst" | "zstd") => Packing::Zstd,
            _ => Packing::Plain,
        }
    }

    /// The end of a name that [`Packing::of`] knows, with its dot.
    pub const fn ending(self) -> &'static str {
        match self {
            Packing::Plain => "",
            Packing::Gzip => ".gz",
            Packing::Zstd => ".zst",
        }
    }
}

impl CaptureWriter {
    /// Makes a new file, packed by the end of its name (`.gz`, `.zst`, anything else plain). An existing file is an
    /// error: nobody loses a recording by a typing mistake.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<CaptureWriter> {
        CaptureWriter::new(File::create_new(path)?, Packing::of(path))
    }

    /// Writes to anything.
    ///
    /// # Errors
    /// When the packer cannot be set up.
    pub fn new(output: impl Write + Send + 'static, packing: Packing) -> io::Result<CaptureWriter> {
        let target = BufWriter::with_capacity(64 << 10, Counted { output: Box::new(output), bytes: 0 });
        let output = match packing {
            Packing::Plain => Output::Plain(target),
            Packing::Gzip => {
                Output::Gzip(flate2::write::GzEncoder::new(target, flate2::Compression::default()))
            }
            Packing::Zstd => Output::Zstd(zstd::stream::write::Encoder::new(target, ZSTD_LEVEL)?),
        };
        Ok(CaptureWriter { output, line: Vec::new(), records: 0 })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// See [`WriteError`]: an unfit record leaves the recording whole.
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        self.line.clear();
        compose(record, &mut self.line)?;
        match &mut self.output {
            Output::Plain(to) => to.write_all(&self.line)?,
            Output::Gzip(to) => to.write_all(&self.line)?,
            Output::Zstd(to) => to.write_all(&self.line)?,
        }
        self.records += 1;
        Ok(())
    }

    /// How many records were written.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// How many packed bytes have left for the output so far. What the packer still holds is not among them.
    pub fn bytes(&self) -> u64 {
        let target = match &self.output {
            Output::Plain(target) => target,
            Output::Gzip(encoder) => encoder.get_ref(),
            Output::Zstd(encoder) => encoder.get_ref(),
        };
        target.get_ref().bytes + target.buffer().len() as u64
    }

    /// Sends everything held to the output, so that every record so far can be read from it, whatever becomes of us.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(target) => target.flush(),
            Output::Gzip(encoder) => encoder.flush(),
            Output::Zstd(encoder) => encoder.flush(),
        }
    }

    /// Writes the end of the packing and everything still held, and returns how many records there are.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> io::Result<u64> {
        let mut target = match self.output {
            Output::Plain(target) => target,
            Output::Gzip(encoder) => encoder.finish()?,
            Output::Zstd(encoder) => encoder.finish()?,
        };
        target.flush()?;
        Ok(self.records)
    }
}

/// One record, packed by itself: several such in a row are read as one recording.
pub(super) fn pack(record: &Record<'_>, packing: Packing) -> Result<Vec<u8>, WriteError> {
    let mut line = Vec::new();
    compose(record, &mut line)?;
    Ok(match packing {
        Packing::Plain => line,
        Packing::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&line)?;
            encoder.finish()?
        }
        Packing::Zstd => zstd::bulk::compress(&line, ZSTD_LEVEL)?,
    })
}

fn compose(record: &Record<'_>, line: &mut Vec<u8>) -> Result<(), WriteError> {
    if record.recv_ns < 0 {
        return Err(WriteError::Unfit("a receive time before 1970"));
    }
    write!(line, "{}\t{}\t", record.recv_ns, char::from(record.payload.letter()))?;
    match record.payload {
        Payload::Opened(text) | Payload::Sent(text) | Payload::Text(text) => push_text(text, line)?,
        Payload::Binary(bytes) => {
            let start = line.len();
            line.resize(start + bytes.len().div_ceil(3) * 4, 0);
            STANDARD
                .encode_slice(bytes, &mut line[start..])
                .map_err(|_| WriteError::Unfit("a payload too long for base64"))?;
        }
        Payload::Rest { url, body } => {
            push_text(url, line)?;
            line.push(b'\t');
            push_text(body, line)?;
        }
    }
    if line.len() > MAX_LINE_BYTES {
        return Err(WriteError::Unfit("a payload longer than a line may be"));
    }
    line.push(b'\n');
    Ok(())
}

fn push_text(text: &str, line: &mut Vec<u8>) -> Result<(), WriteError> {
    if text.bytes().any(|b| matches!(b, b'\t' | b'\n')) {
        return Err(WriteError::Unfit("a TAB or line feed inside the payload"));
    }
    line.extend_from_slice(text.as_bytes());
    Ok(())
}

/// JSON text on one line: TAB and line feed become blanks. In JSON they can only stand between tokens (RFC 8259, 7
/// forbids them inside strings), so a reader sees the same value. For venues that indent their answers.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| matches!(b, b'\t' | b'\n')) {
        Cow::Owned(text.replace(['\t', '\n'], " "))
    } else {
        Cow::Borrowed(text)
    }
}
