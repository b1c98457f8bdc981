//! Writing a recording, packed by the name of the file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_LINE_BYTES, Payload, Record};

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

type Target = BufWriter<Box<dyn Write + Send>>;

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
        let target = BufWriter::with_capacity(64 << 10, Box::new(output) as Box<dyn Write + Send>);
        let output = match packing {
            Packing::Plain => Output::Plain(target),
            Packing::Gzip => {
                Output::Gzip(flate2::write::GzEncoder::new(target, flate2::Compression::default()))
            }
            // Level 3 is the library's own default.
            Packing::Zstd => Output::Zstd(zstd::stream::write::Encoder::new(target, 3)?),
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
