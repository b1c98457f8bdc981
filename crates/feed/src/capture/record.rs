//! Recording beside a live connection: frames are handed to a writer thread and never wait for the disk.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::{CaptureWriter, Payload, Record, WriteError, one_line};

/// Most records on their way to the writer. At 20,000 messages a second, far above the recorded peaks, the disk may
/// stand still for three seconds.
const QUEUE_RECORDS: usize = 65_536;
/// Most payload bytes on their way to the writer.
const QUEUE_BYTES: usize = 64 << 20;

/// Shared by all handles and the writer thread.
#[derive(Debug, Default)]
struct Shared {
    /// Payload bytes between the handles and the file. Handles add, the writer subtracts. Relaxed: it is a bound, it
    /// guards no memory, and the queue itself orders the records.
    queued_bytes: AtomicUsize,
    /// Records that found the queue full. Handles add; read once after the writer has ended.
    lost: AtomicU64,
}

/// A record on its way to the writer.
struct Queued {
    recv_ns: i64,
    kind: u8,
    payload: Vec<u8>,
    /// Where the body starts in the payload of an HTTP answer.
    body_at: usize,
}

/// A recording in progress. Give [`Recording::recorder`] to each connection, then call [`Recording::finish`].
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder,
    writer: JoinHandle<io::Result<(u64, u64)>>,
}

/// The hand that a connection records with. Cheap to clone.
///
/// It never blocks: when the disk cannot keep up, the record is lost and counted ([`Recorded::lost`]).
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: SyncSender<Queued>,
    shared: Arc<Shared>,
}

/// What a recording came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Records in the file.
    pub records: u64,
    /// Records that the disk was too slow for.
    pub lost: u64,
    /// Records that do not fit the format, and are therefore not in the file.
    pub unfit: u64,
}

impl Recording {
    /// Makes a new file, packed by the end of its name, and the thread that writes it.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn start(path: &Path) -> io::Result<Recording> {
        Recording::with_writer(CaptureWriter::create(path)?)
    }

    /// Records into this writer.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn with_writer(writer: CaptureWriter) -> io::Result<Recording> {
        let shared = Arc::new(Shared::default());
        let (queue, records) = sync_channel(QUEUE_RECORDS);
        let for_thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("capture-writer".to_owned())
            .spawn(move || write_all(writer, &records, &for_thread))?;
        Ok(Recording { recorder: Recorder { queue, shared }, writer })
    }

    /// A hand to record with.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Whether the writer has given up, because the disk is full for example: call [`Recording::finish`] for the
    /// reason.
    pub fn has_failed(&self) -> bool {
        self.writer.is_finished()
    }

    /// Waits until every hand is dropped and everything is written. Blocks, so call it off the async workers.
    ///
    /// # Errors
    /// When the file could not be written.
    pub fn finish(self) -> io::Result<Recorded> {
        let Recording { recorder: Recorder { queue, shared }, writer } = self;
        drop(queue);
        let (records, unfit) = writer
            .join()
            .map_err(|_| io::Error::other("the thread that writes the recording panicked"))??;
        Ok(Recorded { records, lost: shared.lost.load(Ordering::Relaxed), unfit })
    }
}

impl Recorder {
    /// Records what happened at `recv_ns` (nanoseconds since 1970 UTC). JSON that a venue spread over several lines
    /// is put on one.
    pub fn record(&self, recv_ns: i64, payload: Payload<'_>) {
        let mut queued = Queued { recv_ns, kind: payload.letter(), payload: Vec::new(), body_at: 0 };
        match payload {
            Payload::Opened(text) | Payload::Sent(text) | Payload::Text(text) => {
                queued.payload.extend_from_slice(one_line(text).as_bytes());
            }
            Payload::Binary(bytes) => queued.payload.extend_from_slice(bytes),
            Payload::Rest { url, body } => {
                queued.payload.extend_from_slice(url.as_bytes());
                queued.body_at = queued.payload.len();
                queued.payload.extend_from_slice(one_line(body).as_bytes());
            }
        }
        let bytes = queued.payload.len();
        let before = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // A full queue and a writer that has given up look the same from here: the record is lost.
        let taken = before <= QUEUE_BYTES
            && !matches!(
                self.queue.try_send(queued),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
            );
        if !taken {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes until every hand is gone; returns how many records are in the file and how many did not fit the format.
fn write_all(
    mut writer: CaptureWriter,
    records: &Receiver<Queued>,
    shared: &Shared,
) -> io::Result<(u64, u64)> {
    let mut unfit = 0;
    for queued in records {
        shared.queued_bytes.fetch_sub(queued.payload.len(), Ordering::Relaxed);
        match writer.write(&Record { recv_ns: queued.recv_ns, payload: queued.as_payload() }) {
            Ok(()) => {}
            Err(WriteError::Unfit(_)) => unfit += 1,
            Err(WriteError::Io(error)) => return Err(error),
        }
    }
    Ok((writer.finish()?, unfit))
}

impl Queued {
    fn as_payload(&self) -> Payload<'_> {
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
