//! Feed adapter: a recording, played at its own pace, faster, or as fast as possible, once or in a loop.
//!
//! The recording goes through the decoder of the venue it came from, so what leaves is what a live connection would
//! have given. Two kinds of use:
//!
//! * **As a computation** ([`Speed::Max`], once): receive and venue times are the recorded ones, and the same recording
//!   always gives the same updates.
//! * **As a feed** (paced, or in a loop): each record arrives now. Receive times are the clock's, and venue times are
//!   moved by the same amount as the record's receive time (`now - recorded receive time`), so that ages and latencies
//!   stay what they were. A record without a receive time moves by what brings the round's first venue time to now.
//!
//! Each round of a loop begins with a fresh decoder, as a new connection would. Its first update of each symbol and
//! field group is a snapshot, because the venue's own sequence numbers start over; the feed stays live throughout.

mod settings;
mod shift;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use feed::capture::{CaptureError, CaptureReader, Payload};
use feed::{CatalogueError, FrameTap, InstrumentId, Instruments, RestAnswer, Session, Sink, Stats};
use market::{Clock, Micros, Reason, Status};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use settings::{Settings, Speed, SpeedError};

use shift::{ShiftedSink, VenueTimes};

/// Most names of one recording: the largest recorded session, all stocks of IEX, has 7,799.
const INSTRUMENTS_MAX: usize = 65_536;
/// Records between two chances for other tasks and for a stop: about a tenth of a millisecond of work.
const RECORDS_PER_TURN: u64 = 256;
/// A paced replay that is later than this, after the machine slept for example, goes on from where it is instead of
/// rushing through what it missed.
const LATE_MAX: Duration = Duration::from_secs(1);
/// A paced loop takes at least this long, so that a recording of one moment, or one without times, is not a busy loop.
const ROUND_MIN: Duration = Duration::from_secs(1);
/// Least time between two reports of the counts.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Where a recording comes from. It is read anew in every round and never held unpacked.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes in memory, and what errors call them.
    Bytes(String, Bytes),
}

impl Source {
    fn open(&self) -> Result<CaptureReader, CaptureError> {
        match self {
            Source::File(path) => CaptureReader::open(path),
            Source::Bytes(name, bytes) => CaptureReader::from_bytes(name.clone(), bytes.clone()),
        }
    }

    fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Bytes(name, _) => name.clone(),
        }
    }
}

/// Why a recording cannot be played: give up and say so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read, or not further.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The recorded answers are no catalogue of this venue.
    #[error("{name}: {error}")]
    Catalogue {
        /// The recording.
        name: String,
        /// What the venue's rules say of it.
        error: CatalogueError,
    },
    /// There is no message in it.
    #[error("{0}: no message in the recording")]
    Empty(String),
}

/// A recording that is ready to be played.
#[derive(Debug)]
pub struct Replay {
    source: Source,
    session: Box<dyn Session>,
    instruments: Instruments,
    wanted: Vec<InstrumentId>,
    missing: Vec<String>,
    speed: Speed,
    looped: bool,
}

impl Replay {
    /// Makes a recording ready: `session` holds the rules of the venue it came from, `answers` the recorded catalogue
    /// (none is fine: symbols are then named `VENUE:NATIVE`), `symbols` the wishes as in a live feed, `["*"]` for
    /// every symbol that is heard.
    ///
    /// # Errors
    /// When the recording cannot be opened, or the answers are no catalogue of that venue.
    pub fn new(
        source: Source,
        session: Box<dyn Session>,
        answers: &[RestAnswer],
        symbols: &[String],
        speed: Speed,
        looped: bool,
    ) -> Result<Replay, Error> {
        source.open()?;
        let mut instruments = Instruments::new(session.venue(), INSTRUMENTS_MAX);
        session
            .catalogue(answers, &mut instruments)
            .map_err(|error| Error::Catalogue { name: source.name(), error })?;
        let mut replay =
            Replay { source, session, instruments, wanted: Vec::new(), missing: Vec::new(), speed, looped };
        if !symbols.iter().any(|wish| wish == "*") {
            replay.narrow(symbols);
        }
        Ok(replay)
    }

    /// Keeps only the symbols that were asked for.
    fn narrow(&mut self, wishes: &[String]) {
        let (found, missing) = self.instruments.select(wishes);
        let mut narrow = Instruments::new(self.session.venue(), INSTRUMENTS_MAX);
        let chosen = found.iter().filter_map(|&id| self.instruments.get(id));
        self.wanted = chosen.filter_map(|one| narrow.add(&one.native, one.symbol.clone())).collect();
        for wish in missing {
            // Without a catalogue a wish can only be the venue's own spelling.
            let own = if self.instruments.is_empty() { narrow.resolve(&wish) } else { None };
            match own {
                Some(id) => self.wanted.push(id),
                None => self.missing.push(wish),
            }
        }
        narrow.close();
        self.instruments = narrow;
    }

    /// The symbols that were asked for and that the catalogue does not know.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Plays until the recording ends, or for ever in a loop, or until `stop`. `report` is told the counts about once
    /// a second and at the end. Returns the counts.
    ///
    /// The feed is `connecting` at first, `live` from the first update on, and at the end `stale` with all its symbols:
    /// by the end of the recording, by the stop, or by a fault.
    ///
    /// Dropping the future is safe; the symbols are then not told stale.
    ///
    /// # Errors
    /// When the recording cannot be read on or holds no message. What came before stands in the sink.
    pub async fn run(
        &self,
        sink: &mut dyn Sink,
        clock: &dyn Clock,
        stop: &CancellationToken,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Result<Stats, Error> {
        let mut tap = FrameTap::new(self.session.decoder(), self.instruments.clone());
        let wanted = tap.introduce(&self.wanted, sink);
        sink.feed_status(Status::Connecting, Reason::NotHeard, &wanted);
        let ended = stop.run_until_cancelled(self.rounds(&mut tap, sink, clock, report)).await;
        let reason = match ended {
            Some(Ok(())) => Reason::EndOfRecording,
            Some(Err(_)) => Reason::Fault,
            None => Reason::Stopped,
        };
        sink.feed_status(Status::Stale, reason, tap.symbols());
        report(tap.stats());
        ended.unwrap_or(Ok(())).map(|()| tap.stats().clone())
    }

    async fn rounds(
        &self,
        tap: &mut FrameTap,
        sink: &mut dyn Sink,
        clock: &dyn Clock,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Result<(), Error> {
        let as_recorded = self.speed == Speed::Max && !self.looped;
        let times = if as_recorded { VenueTimes::Recorded } else { VenueTimes::Unknown };
        let mut sink = ShiftedSink::new(sink, times);
        let mut round = Round { live: false, records: 0, reported: Instant::now() };
        loop {
            let before = tap.stats().messages;
            let start = Instant::now();
            self.round(&mut round, tap, &mut sink, clock, report).await?;
            if tap.stats().messages == before {
                return Err(Error::Empty(self.source.name()));
            }
            if !self.looped {
                return Ok(());
            }
            if self.speed != Speed::Max {
                tokio::time::sleep_until(start + ROUND_MIN).await;
            }
            tap.renew(self.session.decoder());
            sink.begin_round();
        }
    }

    async fn round(
        &self,
        round: &mut Round,
        tap: &mut FrameTap,
        sink: &mut ShiftedSink<'_>,
        clock: &dyn Clock,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Result<(), Error> {
        let mut reader = self.source.open()?;
        let mut pace = Pace { speed: self.speed, start: Instant::now(), first_ns: None };
        while let Some(record) = reader.next()? {
            // Nothing happens at these, so nothing waits for them.
            if matches!(record.payload, Payload::Opened(_) | Payload::Sent(_)) {
                continue;
            }
            pace.wait(record.recv_ns).await;
            round.records += 1;
            if round.records.is_multiple_of(RECORDS_PER_TURN) {
                tokio::task::yield_now().await;
            }
            let ts_recv = sink.arrive(record.recv_ns, clock.now());
            // The tap has counted the error; a recording has only one way to go on.
            let _counted = tap.record_at(&record, ts_recv, sink);
            if !round.live && tap.stats().applied() > 0 {
                round.live = true;
                sink.feed_status(Status::Live, Reason::Confirmed, &[]);
            }
            if round.reported.elapsed() >= REPORT_EVERY {
                round.reported = Instant::now();
                report(tap.stats());
            }
        }
        Ok(())
    }
}

/// What goes on from round to round.
struct Round {
    /// Whether the feed was told live.
    live: bool,
    /// Records played, over all rounds: short rounds must give way to other tasks as well.
    records: u64,
    /// When the counts were reported last.
    reported: Instant,
}

/// When the records of one round are due.
struct Pace {
    speed: Speed,
    /// When the first record was due.
    start: Instant,
    first_ns: Option<i64>,
}

impl Pace {
    /// Waits until a record is due. Records without a time follow the one before at once.
    async fn wait(&mut self, recv_ns: i64) {
        let Speed::Times { thousandths } = self.speed else { return };
        if recv_ns == 0 {
            return;
        }
        let first_ns = *self.first_ns.get_or_insert(recv_ns);
        let since = Micros::from_nanos(recv_ns).since(Micros::from_nanos(first_ns));
        let due = self.start + since.saturating_mul(1_000) / thousandths.get();
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        // Looked at after the waiting as well, because that is when a machine sleeps.
        let late = Instant::now().saturating_duration_since(due);
        if late > LATE_MAX {
            self.start += late;
        }
    }
}
