//! Recordings in the order of their times: the files of one connection behind each other, those of several beside.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::path::PathBuf;

use bytes::Bytes;
use feed::RestAnswer;
use feed::capture::{CaptureError, CaptureReader, Fault, Payload, Record, is_unfinished};

/// Where a recording comes from. It is read anew in every round and never held unpacked.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes in memory, and what errors call them.
    Bytes(String, Bytes),
}

impl Source {
    pub(crate) fn open(&self) -> Result<CaptureReader, CaptureError> {
        match self {
            Source::File(path) => CaptureReader::open(path),
            Source::Bytes(name, bytes) => CaptureReader::from_bytes(name.clone(), bytes.clone()),
        }
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Bytes(name, _) => name.clone(),
        }
    }

    /// Whether it may end in the middle, because whoever wrote it was killed.
    fn may_be_cut(&self) -> bool {
        match self {
            Source::File(path) => is_unfinished(path),
            Source::Bytes(..) => false,
        }
    }
}

/// What one decoder plays: a recording, or the parts of a rotated one in their order.
#[derive(Clone, Debug)]
pub struct Track {
    /// The files.
    pub parts: Vec<Source>,
    /// HTTP answers that were recorded in a file of their own (snapshots of books), played at the times at which they came.
    pub beside: Option<Source>,
    /// The catalogue.
    pub answers: Vec<RestAnswer>,
}

impl Track {
    /// Errors name it by its first part.
    pub(crate) fn name(&self) -> String {
        self.parts.first().map(Source::name).unwrap_or_default()
    }
}

/// The HTTP answers that stand in these recordings before their first messages: a recording begins with its catalogue. Parts
/// of one recording repeat it; each answer is taken once.
///
/// # Errors
/// When a file cannot be opened. Faults inside are left to whoever plays it.
pub fn catalogue_within(parts: &[Source]) -> Result<Vec<RestAnswer>, CaptureError> {
    let (mut answers, mut known) = (Vec::new(), HashSet::new());
    for part in parts {
        let mut reader = part.open()?;
        while let Ok(Some(record)) = reader.next() {
            match record.payload {
                Payload::Rest { url, body } => {
                    // Without a time there is no telling whether it is the same answer.
                    if record.recv_ns == 0 || known.insert((record.recv_ns, url.to_owned())) {
                        answers.push(RestAnswer { url: url.to_owned(), body: body.to_owned() });
                    }
                }
                Payload::Text(_) | Payload::Binary(_) => break,
                Payload::Opened(_) | Payload::Sent(_) => {}
            }
        }
    }
    Ok(answers)
}

/// Reads one track, or what stands beside it.
#[derive(Debug)]
struct TrackReader {
    /// Which track.
    track: usize,
    parts: Vec<Source>,
    next: usize,
    reader: Option<CaptureReader>,
    /// The latest time so far. What a source wrote down with an earlier one came after it all the same.
    clock_ns: i64,
}

impl TrackReader {
    /// Reads the next record, of the next part if need be. A part that was never closed may end in the middle.
    fn advance(&mut self, cut: &mut Vec<CaptureError>) -> Result<bool, CaptureError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(part) = self.parts.get(self.next) else { return Ok(false) };
                self.reader = Some(part.open()?);
                self.next += 1;
                continue;
            };
            match reader.advance() {
                Ok(true) => {}
                Ok(false) => {
                    self.reader = None;
                    continue;
                }
                Err(error)
                    if matches!(error.fault, Fault::CutOff) && self.parts[self.next - 1].may_be_cut() =>
                {
                    cut.push(error);
                    self.reader = None;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Some(record) = reader.current() else { continue };
            // The catalogue at the head of a further part: it was told with the first one.
            let again = self.next > 1 && record.recv_ns != 0 && record.recv_ns <= self.clock_ns;
            if again && matches!(record.payload, Payload::Rest { .. }) {
                continue;
            }
            self.clock_ns = self.clock_ns.max(record.recv_ns);
            return Ok(true);
        }
    }
}

/// Several tracks as one, in the order of their times. At equal times the track that was named first comes first, and
/// within a track the order is the file's: the same files always give the same order.
#[derive(Debug)]
pub struct Merge {
    /// First what stands beside the tracks, because an answer of the same time as a frame came before it; then the tracks.
    readers: Vec<TrackReader>,
    /// The next record of each reader that has one.
    due: BinaryHeap<Reverse<(i64, usize)>>,
    /// Whose record was given out last, and has to be read past.
    taken: Option<usize>,
    cut: Vec<CaptureError>,
}

/// A record and where it comes from.
#[derive(Debug)]
pub struct Due<'a> {
    /// Which track.
    pub track: usize,
    /// The time by which it is in its place: its own, or that of an earlier record of its track where that is later.
    pub at_ns: i64,
    /// The record.
    pub record: Record<'a>,
}

impl Merge {
    /// Opens every track.
    ///
    /// # Errors
    /// When the first record of one cannot be read.
    pub fn open(tracks: &[Track]) -> Result<Merge, CaptureError> {
        let reader = |track, parts| TrackReader { track, parts, next: 0, reader: None, clock_ns: 0 };
        let beside = tracks.iter().enumerate();
        let beside = beside.filter_map(|(at, track)| Some(reader(at, vec![track.beside.clone()?])));
        let played = tracks.iter().enumerate().map(|(at, track)| reader(at, track.parts.clone()));
        let readers: Vec<TrackReader> = beside.chain(played).collect();
        let mut merge =
            Merge { due: BinaryHeap::with_capacity(readers.len()), readers, taken: None, cut: Vec::new() };
        for reader in 0..merge.readers.len() {
            merge.advance(reader)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, place: usize) -> Result<(), CaptureError> {
        let reader = &mut self.readers[place];
        if reader.advance(&mut self.cut)? {
            self.due.push(Reverse((reader.clock_ns, place)));
        }
        Ok(())
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// When a file cannot be read on; the error names it and the line.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the reader, which `Iterator` cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Due<'_>>, CaptureError> {
        if let Some(place) = self.taken.take() {
            self.advance(place)?;
        }
        let Some(Reverse((at_ns, place))) = self.due.pop() else { return Ok(None) };
        self.taken = Some(place);
        let TrackReader { track, reader, .. } = &self.readers[place];
        let record = reader.as_ref().and_then(CaptureReader::current);
        Ok(record.map(|record| Due { track: *track, at_ns, record }))
    }

    /// Where files that were never closed broke off, so far.
    pub fn cut_off(&self) -> &[CaptureError] {
        &self.cut
    }
}
