//! The files of each connection: what stands at the head of each, when one ends and the next begins.
//!
//! **Each file can be played alone.** It begins with the catalogue's answers, then the connection's `@` and the texts that
//! were sent since, with the times at which that happened: earlier than the file, when it begins in the middle of a
//! connection. So a reader sees from `@` whether a file goes on where the last one ended (the same time and URL) or begins
//! anew. Alone, a file from the middle of a connection gives what the venue says from there on. A venue with deltas says
//! the book again only when it is asked to, so a book that is played from such a file stays silent until the next
//! connection; behind its predecessors, in order, it is whole.
//!
//! **A hole is told.** After records were lost the `@` of the connection is written again, with the time of the first
//! record after the hole: to whoever plays it that is a new connection, and nothing from before is built upon.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use market::Micros;

use super::folder::{Folder, named, unfinished};
use super::part::Part;
use super::record::{Queued, Shared, stem};
use super::{CaptureWriter, Packing, Payload, Record, WriteError, write};

/// Most texts of a connection that are written again at the head of each file. A subscription is the first of them;
/// what comes later (pings, resubscriptions) is in the file in which it was sent.
const SENT_MAX: usize = 4_096;
/// Most bytes of them.
const SENT_BYTES_MAX: usize = 1 << 20;

/// Where the files go.
pub(super) enum Place {
    /// Into a folder, in files that are cut.
    Folder(Folder),
    /// Into a file for each connection.
    Named {
        /// The first connection's, and already made.
        first: Option<(File, PathBuf)>,
        folder: PathBuf,
        stem: String,
        packing: Packing,
    },
    /// To a writer that somebody else has made.
    Written(Option<CaptureWriter>),
}

impl Place {
    /// A file of that name, made now so that a fault is known now.
    pub(super) fn named(path: &Path) -> io::Result<Place> {
        if path.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already"));
        }
        let first = File::create_new(unfinished(path)).map_err(|e| named(&unfinished(path), &e))?;
        let (stem, packing) = stem(path);
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Place::Named { first: Some((first, path.to_owned())), folder, stem, packing })
    }

    pub(super) const fn written(writer: CaptureWriter) -> Place {
        Place::Written(Some(writer))
    }

    const fn packing(&self) -> Packing {
        match self {
            Place::Folder(folder) => folder.settings.packing,
            Place::Named { packing, .. } => *packing,
            Place::Written(_) => Packing::Plain,
        }
    }
}

/// All connections that are recorded.
pub(super) struct Strands {
    place: Place,
    shared: Arc<Shared>,
    /// By feed: its catalogue's answers by what was asked, each packed and ready for the head of a file.
    heads: HashMap<u32, Vec<(String, Vec<u8>)>>,
    /// By feed and connection.
    strands: HashMap<(u32, u32), Strand>,
}

/// One connection over all its lives and files.
#[derive(Default)]
struct Strand {
    /// When the present life began, and its URL.
    opened: Option<(i64, String)>,
    /// Texts sent in it, each once.
    sent: Vec<(i64, String)>,
    sent_bytes: usize,
    part: Option<Part>,
}

impl Strands {
    pub(super) fn new(place: Place, shared: Arc<Shared>) -> Strands {
        Strands { place, shared, heads: HashMap::new(), strands: HashMap::new() }
    }

    /// Writes a record where it belongs.
    pub(super) fn take(&mut self, queued: &Queued) -> io::Result<()> {
        let payload = queued.as_payload();
        let record = Record { recv_ns: queued.recv_ns, payload };
        let key = (queued.source.id, queued.connection);
        if let Payload::Rest { url, .. } = payload
            && !self.strands.contains_key(&key)
            && !matches!(self.place, Place::Written(_))
        {
            return self.take_catalogue(queued, url, &record);
        }
        let mut strand = self.strands.remove(&key).unwrap_or_default();
        let taken = self.take_into(&mut strand, queued, &record);
        self.strands.insert(key, strand);
        taken
    }

    /// Keeps an answer of the catalogue for the heads of the feed's files. Asked again, it replaces the one before.
    fn take_catalogue(&mut self, queued: &Queued, url: &str, record: &Record<'_>) -> io::Result<()> {
        let packed = match write::pack(record, self.place.packing()) {
            Ok(packed) => packed,
            Err(error) => return self.unfit(error),
        };
        queued.source.records.fetch_add(1, Ordering::Relaxed);
        let head = self.heads.entry(queued.source.id).or_default();
        match head.iter_mut().find(|(known, _)| known == url) {
            Some((_, known)) => *known = packed,
            None => head.push((url.to_owned(), packed)),
        }
        Ok(())
    }

    fn take_into(&mut self, strand: &mut Strand, queued: &Queued, record: &Record<'_>) -> io::Result<()> {
        let begins = matches!(record.payload, Payload::Opened(_));
        let mut again = None;
        if queued.lost_before > 0 {
            tracing::warn!(
                feed = queued.source.name,
                connection = queued.connection,
                lost = queued.lost_before,
                "the disk is too slow: the recording has a hole"
            );
            if let (Some((opened, url)), false) = (&mut strand.opened, begins) {
                *opened = queued.recv_ns;
                again = Some(url.clone());
            }
        }
        if strand.part.as_ref().is_some_and(|part| self.is_due(part, queued.at())) {
            self.close(strand)?;
        }
        if strand.part.is_none() {
            let part = self.begin(strand, queued, begins)?;
            self.make_room(part.bytes())?;
            strand.part = Some(part);
            again = None;
        }
        let Some(part) = &mut strand.part else { return Ok(()) };
        if let Some(url) = again {
            let opened = Record { recv_ns: queued.recv_ns, payload: Payload::Opened(&url) };
            let wrote = written(part.writer.write(&opened));
            part.named(wrote)?;
        }
        if let Err(error) = part.writer.write(record) {
            return part.named(self.unfit(error));
        }
        queued.source.records.fetch_add(1, Ordering::Relaxed);
        part.count(&self.shared);
        match record.payload {
            Payload::Opened(url) => {
                *strand = Strand {
                    opened: Some((queued.recv_ns, url.to_owned())),
                    part: strand.part.take(),
                    ..Strand::default()
                };
            }
            Payload::Sent(text) => strand.keep(queued.recv_ns, text),
            Payload::Text(_) | Payload::Binary(_) | Payload::Rest { .. } => {}
        }
        Ok(())
    }

    fn unfit(&self, error: WriteError) -> io::Result<()> {
        match error {
            WriteError::Unfit(_) => {
                self.shared.unfit.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            WriteError::Io(error) => Err(error),
        }
    }

    fn is_due(&self, part: &Part, now: Micros) -> bool {
        let Place::Folder(folder) = &self.place else { return false };
        let settings = &folder.settings;
        // This file is among those that are open, or about to be.
        let open = self.open().count() as u64 + 1;
        let most = settings.rotate_size.min(settings.max_disk / (2 * open));
        part.bytes() - part.head >= most || now.since(part.began) >= settings.rotate_age
    }

    fn open(&self) -> impl Iterator<Item = &Part> {
        self.strands.values().filter_map(|strand| strand.part.as_ref())
    }

    /// Begins the next file of a connection, with its head.
    fn begin(&mut self, strand: &Strand, queued: &Queued, connection_begins: bool) -> io::Result<Part> {
        let source = &queued.source;
        let (name, path, file) = match &mut self.place {
            Place::Folder(folder) => {
                let (name, path) =
                    folder.place(&source.preset, queued.at(), &source.name, queued.connection)?;
                (Some(name), path, None)
            }
            Place::Named { first, folder, stem, packing } => match first.take() {
                Some((file, path)) => (None, path, Some(file)),
                None => {
                    // What the first file is not for is told apart by its place, and by its feed when that has several.
                    let mut name = stem.clone();
                    for number in [source.id, queued.connection].into_iter().filter(|&n| n > 0) {
                        name.push_str(&format!("-{number}"));
                    }
                    (None, folder.join(format!("{name}.cap{}", packing.ending())), None)
                }
            },
            Place::Written(writer) => {
                let writer = writer.take().ok_or_else(|| io::Error::other("a second connection"))?;
                return Ok(Part::new(writer, None, None, queued.at(), 0));
            }
        };
        let part_path = unfinished(&path);
        let mut file = match file {
            Some(file) => file,
            None => File::create_new(&part_path).map_err(|error| named(&part_path, &error))?,
        };
        let mut before = 0;
        for (_, packed) in self.heads.get(&source.id).into_iter().flatten() {
            file.write_all(packed).map_err(|error| named(&part_path, &error))?;
            before += packed.len() as u64;
        }
        let writer = CaptureWriter::new(file.try_clone()?, self.place.packing())?;
        let mut part = Part::new(writer, Some((file, path)), name, queued.at(), before);
        if let (Some((opened, url)), false) = (&strand.opened, connection_begins) {
            written(part.writer.write(&Record { recv_ns: *opened, payload: Payload::Opened(url) }))?;
            for (at, text) in &strand.sent {
                written(part.writer.write(&Record { recv_ns: *at, payload: Payload::Sent(text) }))?;
            }
            part.writer.flush().map_err(|error| named(&part_path, &error))?;
        }
        part.head = part.bytes();
        part.count(&self.shared);
        Ok(part)
    }

    /// Closes a connection's file: writes its end, and gives it its name.
    fn close(&mut self, strand: &mut Strand) -> io::Result<()> {
        let Some(mut part) = strand.part.take() else { return Ok(()) };
        let flushed = part.writer.flush();
        part.named(flushed)?;
        part.count(&self.shared);
        let Some((file, path)) = part.file else { return part.writer.finish().map(drop) };
        part.writer.finish().map_err(|error| named(&path, &error))?;
        file.sync_all().map_err(|error| named(&path, &error))?;
        let bytes = file.metadata().map_err(|error| named(&path, &error))?.len();
        std::fs::rename(unfinished(&path), &path).map_err(|error| named(&path, &error))?;
        self.shared.files_closed.fetch_add(1, Ordering::Relaxed);
        if let (Place::Folder(folder), Some(name)) = (&mut self.place, part.name) {
            folder.closed(name, path, bytes);
        }
        Ok(())
    }

    /// Sends what is held to the disk, closes what is old, and keeps within the bounds. Called every few seconds.
    pub(super) fn look_after(&mut self, now: Micros) -> io::Result<()> {
        let keys: Vec<(u32, u32)> = self.strands.keys().copied().collect();
        for key in keys {
            let Some(mut strand) = self.strands.remove(&key) else { continue };
            let looked = match &mut strand.part {
                Some(part) if self.is_due(part, now) => self.close(&mut strand),
                Some(part) => part.flush(&self.shared),
                None => Ok(()),
            };
            self.strands.insert(key, strand);
            looked?;
        }
        self.make_room(0)
    }

    /// Keeps within the bound of the disk; `more` is being written by a connection that is in our hands.
    fn make_room(&mut self, more: u64) -> io::Result<()> {
        let open = self.open().map(Part::bytes).sum::<u64>() + more;
        let Place::Folder(folder) = &mut self.place else { return Ok(()) };
        let deleted = folder.make_room(open);
        self.shared.disk_bytes.store(folder.closed_bytes() + open, Ordering::Relaxed);
        self.shared.files_deleted.fetch_add(deleted?, Ordering::Relaxed);
        Ok(())
    }

    /// Closes every file.
    pub(super) fn close_all(&mut self) -> io::Result<()> {
        let mut strands: Vec<Strand> = self.strands.drain().map(|(_, strand)| strand).collect();
        // A recording that got no further than the catalogue.
        let first = match &mut self.place {
            Place::Named { first, packing, .. } => first.take().map(|first| (first, *packing)),
            Place::Written(writer) => {
                if let Some(unused) = writer.take() {
                    unused.finish()?;
                }
                None
            }
            Place::Folder(_) => None,
        };
        if let Some(((mut file, path), packing)) = first {
            for packed in self.heads.values().flatten().map(|(_, packed)| packed) {
                file.write_all(packed)?;
            }
            let writer = CaptureWriter::new(file.try_clone()?, packing)?;
            let part = Part::new(writer, Some((file, path)), None, Micros(0), 0);
            strands.push(Strand { part: Some(part), ..Strand::default() });
        }
        strands.iter_mut().try_for_each(|strand| self.close(strand))?;
        self.make_room(0)
    }

    /// After a fault: closes what can be closed. What cannot keeps its unfinished name and what is in it.
    pub(super) fn abandon(&mut self) {
        let strands: Vec<Strand> = self.strands.drain().map(|(_, strand)| strand).collect();
        for mut strand in strands {
            if let Err(error) = self.close(&mut strand) {
                tracing::warn!("a recording keeps its unfinished name: {error}");
            }
        }
    }
}

impl Strand {
    /// Keeps a text for the heads of further files.
    fn keep(&mut self, at: i64, text: &str) {
        let room = self.sent.len() < SENT_MAX && self.sent_bytes + text.len() <= SENT_BYTES_MAX;
        if self.opened.is_some() && room && !self.sent.iter().any(|(_, known)| known == text) {
            self.sent_bytes += text.len();
            self.sent.push((at, text.to_owned()));
        }
    }
}

/// What we write ourselves fits the format: it was written once before.
fn written(result: Result<(), WriteError>) -> io::Result<()> {
    match result {
        Ok(()) | Err(WriteError::Unfit(_)) => Ok(()),
        Err(WriteError::Io(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::record::Source;
    use super::super::{CaptureReader, Fault, FolderSettings};
    use super::*;

    fn folder(place: &Path, packing: Packing) -> Place {
        let settings = FolderSettings {
            folder: place.to_owned(),
            packing,
            rotate_size: 1 << 30,
            rotate_age: Duration::from_secs(3_600),
            max_disk: 4 << 30,
        };
        Place::Folder(Folder::open(&settings).unwrap())
    }

    /// Everything in the only file, each record as a line, and the fault at its end.
    fn lines(place: &Path) -> (Vec<String>, Option<Fault>) {
        let mut files: Vec<_> =
            std::fs::read_dir(place.join("toy")).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let mut reader = CaptureReader::open(&files.remove(0)).unwrap();
        let mut lines = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(record)) => {
                    let (letter, text) = match record.payload {
                        Payload::Opened(text) | Payload::Sent(text) | Payload::Text(text) => {
                            (char::from(record.payload.letter()), text)
                        }
                        Payload::Rest { url, .. } => ('G', url),
                        Payload::Binary(_) => ('B', ""),
                    };
                    lines.push(format!("{} {letter} {text}", record.recv_ns));
                }
                Ok(None) => return (lines, None),
                Err(error) => return (lines, Some(error.fault)),
            }
        }
    }

    #[test]
    fn behind_a_hole_the_connection_begins_anew() {
        let place = tempfile::tempdir().unwrap();
        let mut strands = Strands::new(folder(place.path(), Packing::Plain), Arc::default());
        let source = Arc::new(Source::new(0, "toy", "feed"));
        for (at, lost_before, payload) in [
            (1_000, 0, Payload::Opened("wss://a")),
            (2_000, 0, Payload::Sent("sub")),
            (3_000, 0, Payload::Text("a")),
            (9_000, 4, Payload::Text("b")),
            (10_000, 0, Payload::Text("c")),
            // A new connection needs no other mark.
            (11_000, 2, Payload::Opened("wss://a")),
        ] {
            strands.take(&Queued::new(&source, 0, lost_before, at, payload)).unwrap();
        }
        strands.close_all().unwrap();
        let expected = [
            "1000 @ wss://a",
            "2000 > sub",
            "3000 < a",
            "9000 @ wss://a",
            "9000 < b",
            "10000 < c",
            "11000 @ wss://a",
        ];
        assert_eq!(lines(place.path()).0, expected);
    }

    #[test]
    fn what_was_flushed_is_there_whatever_happens_then() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let place = tempfile::tempdir().unwrap();
            let mut strands = Strands::new(folder(place.path(), packing), Arc::default());
            let source = Arc::new(Source::new(0, "toy", "feed"));
            let take = |strands: &mut Strands, at, payload| {
                strands.take(&Queued::new(&source, 0, 0, at, payload)).unwrap();
            };
            take(&mut strands, 1, Payload::Rest { url: "https://a", body: "[]" });
            take(&mut strands, 2, Payload::Opened("wss://a"));
            take(&mut strands, 3, Payload::Text("a"));
            strands.look_after(Micros(1)).unwrap();
            take(&mut strands, 4, Payload::Text("b"));
            // Nothing is closed, and nothing is dropped: as if we had been killed here.
            let (read, fault) = lines(place.path());
            assert_eq!(read, ["1 G https://a", "2 @ wss://a", "3 < a"], "{packing:?}");
            assert_eq!(
                matches!(fault, Some(Fault::CutOff)),
                packing != Packing::Plain,
                "{packing:?} {fault:?}"
            );
        }
    }

    #[test]
    fn a_text_that_is_sent_again_and_again_takes_no_more_room_in_heads() {
        let mut strand = Strand { opened: Some((1, "wss://a".to_owned())), ..Strand::default() };
        for n in 0..10_000 {
            strand.keep(n, "ping");
            strand.keep(n, &format!("ping {n}"));
        }
        assert_eq!((strand.sent.len(), strand.sent[0].0), (SENT_MAX, 0));
    }
}
