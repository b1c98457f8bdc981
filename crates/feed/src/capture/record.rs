//! Recording beside live connections: what happens is handed to one writer thread and never waits for the disk.
//!
//! Each connection has files of its own, because a decoder is made for each connection: what two connections say,
//! mixed in one file, could not be played again. `strand` has what becomes of a connection's records, `folder` where
//! the files are.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use market::{Clock, Micros, RealClock};

use super::folder::{Folder, FolderSettings};
use super::strand::{Place, Strands};
use super::{CaptureWriter, Packing, Payload, one_line};

/// Most records on their way to the writer. At 20,000 messages a second, far above the recorded peaks, the disk may
/// stand still for three seconds.
const QUEUE_RECORDS: usize = 65_536;
/// Most payload bytes on their way to the writer.
const QUEUE_BYTES: usize = 64 << 20;
/// How long a record may stand in our memory before it is on its way to the disk: what a kill costs at most.
const FLUSH_EVERY: Duration = Duration::from_secs(2);

/// Shared by all hands and the writer thread. All counts are relaxed: they guard no memory, and the queue itself orders
/// the records.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Payload bytes between the hands and the writer. Hands add, the writer subtracts.
    queued_bytes: AtomicUsize,
    /// Set once by the writer when it gives up, after which hands do nothing but count.
    stopped: AtomicBool,
    /// Set once by [`Recording::finish`]: what is in the queue is the rest.
    ending: AtomicBool,
    feeds_made: AtomicU32,
    /// What each feed came to. Locked when a feed is made and when somebody looks.
    feeds: Mutex<Vec<Arc<Source>>>,
    /// Packed bytes of all files of this run, those that are gone included.
    pub(super) bytes: AtomicU64,
    /// Files that were closed and have their final names.
    pub(super) files_closed: AtomicU64,
    /// Files that had to make room.
    pub(super) files_deleted: AtomicU64,
    /// Bytes that all recordings in the folder take now.
    pub(super) disk_bytes: AtomicU64,
    /// Records that do not fit the format.
    pub(super) unfit: AtomicU64,
}

/// One feed that is recorded.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: u32,
    /// The folder of its files: whose messages they are.
    pub(super) preset: String,
    /// In the names of its files.
    pub(super) name: String,
    /// Records in its files.
    pub(super) records: AtomicU64,
    /// Records that the disk was too slow for.
    lost: AtomicU64,
}

/// A record on its way to the writer.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) source: Arc<Source>,
    pub(super) connection: u32,
    /// How many records of this connection were lost just before this one.
    pub(super) lost_before: u64,
    pub(super) recv_ns: i64,
    kind: u8,
    payload: Vec<u8>,
    /// Where the body starts in the payload of an HTTP answer.
    body_at: usize,
}

/// A recording in progress. Give each feed a hand ([`Recording::of_feed`]), then call [`Recording::finish`].
#[derive(Debug)]
pub struct Recording {
    queue: SyncSender<Option<Queued>>,
    shared: Arc<Shared>,
    writer: JoinHandle<io::Result<()>>,
}

/// The hand that a connection records with. Cheap to clone.
///
/// It never blocks: when the disk cannot keep up, the record is lost and counted ([`Recorded::lost`]).
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: SyncSender<Option<Queued>>,
    shared: Arc<Shared>,
    source: Arc<Source>,
    connection: u32,
    /// Records of this connection that were lost since one was taken.
    hole: Arc<AtomicU64>,
}

/// What a recording came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Records in the files.
    pub records: u64,
    /// Records that the disk was too slow for.
    pub lost: u64,
    /// Records that do not fit the format, and are therefore not in the files.
    pub unfit: u64,
}

/// Looks at a recording in progress, also after its end.
#[derive(Clone, Debug)]
pub struct RecordingWatch(Arc<Shared>);

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it has given up, because the disk is full for example.
    pub stopped: bool,
    /// Packed bytes written, those of deleted files included.
    pub bytes: u64,
    /// Files closed.
    pub files_closed: u64,
    /// Files deleted to make room.
    pub files_deleted: u64,
    /// Bytes that all recordings in the folder take now.
    pub disk_bytes: u64,
    /// By feed: records in its files, and records lost.
    pub feeds: BTreeMap<String, (u64, u64)>,
}

impl Recording {
    /// Makes a new file, packed by the end of its name, and the thread that writes it. A second connection gets a second
    /// file: `NAME-1.cap.gz` beside `NAME.cap.gz`.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn start(path: &Path) -> io::Result<Recording> {
        Recording::begin(Place::named(path)?, Arc::new(RealClock::new()))
    }

    /// Records one connection into this writer.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn with_writer(writer: CaptureWriter) -> io::Result<Recording> {
        Recording::begin(Place::written(writer), Arc::new(RealClock::new()))
    }

    /// Records into a folder, in files that are cut by size and age.
    ///
    /// # Errors
    /// When the folder cannot be made or listed, or another process records into it.
    pub fn into_folder(settings: &FolderSettings, clock: Arc<dyn Clock>) -> io::Result<Recording> {
        Recording::begin(Place::Folder(Folder::open(settings)?), clock)
    }

    fn begin(place: Place, clock: Arc<dyn Clock>) -> io::Result<Recording> {
        let shared = Arc::new(Shared::default());
        let (queue, records) = sync_channel(QUEUE_RECORDS);
        let strands = Strands::new(place, Arc::clone(&shared));
        let for_thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("capture-writer".to_owned())
            .spawn(move || write_all(strands, &records, &for_thread, &*clock))?;
        Ok(Recording { queue, shared, writer })
    }

    /// A hand for one connection of a feed without a name.
    pub fn recorder(&self) -> Recorder {
        self.of_feed("", "")
    }

    /// A hand for a feed. `preset` says whose messages they are: it becomes the folder of the files, by which a replay
    /// knows the venue. `name` stands in the names of the files; a feed of several sessions takes one for each.
    pub fn of_feed(&self, preset: &str, name: &str) -> Recorder {
        let id = self.shared.feeds_made.fetch_add(1, Ordering::Relaxed);
        let source = Arc::new(Source::new(id, preset, name));
        self.shared.feeds.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&source));
        Recorder {
            queue: self.queue.clone(),
            shared: Arc::clone(&self.shared),
            source,
            connection: 0,
            hole: Arc::default(),
        }
    }

    /// A way to see how it stands.
    pub fn watch(&self) -> RecordingWatch {
        RecordingWatch(Arc::clone(&self.shared))
    }

    /// Whether the writer has given up, because the disk is full for example: call [`Recording::finish`] for the
    /// reason.
    pub fn has_failed(&self) -> bool {
        self.writer.is_finished()
    }

    /// Writes what was recorded before this call, and closes the files. Blocks, so call it off the async workers.
    ///
    /// # Errors
    /// When a file could not be written.
    pub fn finish(self) -> io::Result<Recorded> {
        let Recording { queue, shared, writer } = self;
        shared.ending.store(true, Ordering::Relaxed);
        // Only to wake it. A full queue keeps it awake, and a writer that is gone needs no waking.
        let _ = queue.try_send(None);
        drop(queue);
        writer.join().map_err(|_| io::Error::other("the thread that writes the recording panicked"))??;
        let feeds = shared.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |count: fn(&Source) -> &AtomicU64| {
            feeds.iter().map(|source| count(source).load(Ordering::Relaxed)).sum()
        };
        Ok(Recorded {
            records: sum(|source| &source.records),
            lost: sum(|source| &source.lost),
            unfit: shared.unfit.load(Ordering::Relaxed),
        })
    }
}

impl RecordingWatch {
    /// How it stands now.
    pub fn look(&self) -> Standing {
        let Shared { stopped, bytes, files_closed, files_deleted, disk_bytes, feeds, .. } = &*self.0;
        let mut standing = Standing {
            stopped: stopped.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            files_closed: files_closed.load(Ordering::Relaxed),
            files_deleted: files_deleted.load(Ordering::Relaxed),
            disk_bytes: disk_bytes.load(Ordering::Relaxed),
            feeds: BTreeMap::new(),
        };
        for source in feeds.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A feed of several sessions has a source for each, told apart behind a dot.
            let feed = source.name.split('.').next().unwrap_or_default();
            let (records, lost) = standing.feeds.entry(feed.to_owned()).or_default();
            *records += source.records.load(Ordering::Relaxed);
            *lost += source.lost.load(Ordering::Relaxed);
        }
        standing
    }
}

impl Recorder {
    /// A hand for another connection of the same feed, or for its next life.
    #[must_use]
    pub fn of_connection(&self, number: usize) -> Recorder {
        let connection = u32::try_from(number).unwrap_or(u32::MAX);
        Recorder { connection, hole: Arc::default(), ..self.clone() }
    }

    /// Records what happened at `recv_ns` (nanoseconds since 1970 UTC). JSON that a venue spread over several lines
    /// is put on one.
    pub fn record(&self, recv_ns: i64, payload: Payload<'_>) {
        if self.shared.stopped.load(Ordering::Relaxed) {
            self.source.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let lost_before = self.hole.load(Ordering::Relaxed);
        let queued = Queued::new(&self.source, self.connection, lost_before, recv_ns, payload);
        let size = queued.payload.len();
        let before = self.shared.queued_bytes.fetch_add(size, Ordering::Relaxed);
        // A full queue and a writer that has given up look the same from here: the record is lost.
        let taken = before <= QUEUE_BYTES
            && !matches!(
                self.queue.try_send(Some(queued)),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
            );
        if taken {
            if lost_before > 0 {
                // A connection records from one task, so nobody has added to it meanwhile.
                self.hole.fetch_sub(lost_before, Ordering::Relaxed);
            }
            return;
        }
        self.shared.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        self.source.lost.fetch_add(1, Ordering::Relaxed);
        self.hole.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes until it is told to end or every hand is gone, or until a file cannot be written.
fn write_all(
    mut strands: Strands,
    records: &Receiver<Option<Queued>>,
    shared: &Shared,
    clock: &dyn Clock,
) -> io::Result<()> {
    let written = write_on(&mut strands, records, shared, clock).and_then(|()| strands.close_all());
    if let Err(error) = &written {
        shared.stopped.store(true, Ordering::Relaxed);
        strands.abandon();
        tracing::error!("recording stopped: {error}");
    }
    written
}

fn write_on(
    strands: &mut Strands,
    records: &Receiver<Option<Queued>>,
    shared: &Shared,
    clock: &dyn Clock,
) -> io::Result<()> {
    let mut looked = Instant::now();
    loop {
        match records.recv_timeout(FLUSH_EVERY.saturating_sub(looked.elapsed())) {
            Ok(Some(queued)) => {
                shared.queued_bytes.fetch_sub(queued.payload.len(), Ordering::Relaxed);
                strands.take(&queued)?;
            }
            Ok(None) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if looked.elapsed() >= FLUSH_EVERY {
            looked = Instant::now();
            strands.look_after(clock.now())?;
        }
        if shared.ending.load(Ordering::Relaxed) {
            // What is still coming was recorded after the end; what is here was recorded before it.
            // The bound is the queue's, or a quick venue would keep us here for ever.
            for queued in records.try_iter().take(QUEUE_RECORDS).flatten() {
                strands.take(&queued)?;
            }
            return Ok(());
        }
    }
}

impl Source {
    pub(super) fn new(id: u32, preset: &str, name: &str) -> Source {
        Source {
            id,
            preset: preset.to_owned(),
            name: name.to_owned(),
            records: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }
}

impl Queued {
    pub(super) fn new(
        source: &Arc<Source>,
        connection: u32,
        lost_before: u64,
        recv_ns: i64,
        payload: Payload<'_>,
    ) -> Queued {
        let mut bytes = Vec::new();
        let mut body_at = 0;
        match payload {
            Payload::Opened(text) | Payload::Sent(text) | Payload::Text(text) => {
                bytes.extend_from_slice(one_line(text).as_bytes());
            }
            Payload::Binary(binary) => bytes.extend_from_slice(binary),
            Payload::Rest { url, body } => {
                bytes.extend_from_slice(url.as_bytes());
                body_at = bytes.len();
                bytes.extend_from_slice(one_line(body).as_bytes());
            }
        }
        let (source, kind) = (Arc::clone(source), payload.letter());
        Queued { source, connection, lost_before, recv_ns, kind, payload: bytes, body_at }
    }

    /// The receive time as it is shown in names.
    pub(super) const fn at(&self) -> Micros {
        Micros::from_nanos(self.recv_ns)
    }

    pub(super) fn as_payload(&self) -> Payload<'_> {
        // The bytes of a text kind came from a `str`, so nothing is replaced here.
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let all = &self.payload[..];
        match self.kind {
            b'@' => Payload::Opened(text(all)),
            b'>' => Payload::Sent(text(all)),
            b'<' => Payload::Text(text(all)),
            b'G' => Payload::Rest { url: text(&all[..self.body_at]), body: text(&all[self.body_at..]) },
            _ => Payload::Binary(all),
        }
    }
}

/// The packing that a name asks for, and the name without its endings: `a.cap.gz` is `a` and gzip.
pub(super) fn stem(path: &Path) -> (String, Packing) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let packing = Packing::of(path);
    let bare = match path.extension() {
        Some(ending) if packing != Packing::Plain => name[..name.len() - ending.len() - 1].to_owned(),
        _ => name,
    };
    (bare.strip_suffix(".cap").unwrap_or(&bare).to_owned(), packing)
}
