//! Feed adapter: recordings, played at their own pace, faster, or as fast as possible, once or in a loop.
//!
//! A recording goes through the decoder of the venue it came from, so what leaves is what a live connection would
//! have given. Several of one venue are played together, by their times ([`Merge`]); the parts of a rotated recording
//! are one [`Track`]. Two kinds of use:
//!
//! * **As a computation** ([`Speed::Max`], once): receive and venue times are the recorded ones, and the same recording
//!   always gives the same updates.
//! * **As a feed** (paced, or in a loop): each record arrives now. Receive times are the clock's, and venue times are
//!   moved by the same amount as the record's receive time (`now - recorded receive time`), so that ages and latencies
//!   stay what they were. A record without a receive time moves by what brings the round's first venue time to now.
//!
//! Each round of a loop begins with a fresh decoder, as a new connection would. Its first update of each symbol and
//! field group is a snapshot, because the venue's own sequence numbers start over; the feed stays live throughout.
//!
//! A [`Window`] names the part that is played. What lies before it is taken at once, so that books are whole; the time that
//! the venue took for it is not waited for.

mod lane;
mod settings;
mod shift;
mod track;
mod window;

use std::sync::Arc;
use std::time::Duration;

use feed::capture::{CaptureError, Payload};
use feed::{CatalogueError, InstrumentId, Instruments, RestAnswer, Session, Sink, Stats, SymbolRef};
use market::{Clock, Micros, Reason, Status};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use lane::Lane;
pub use settings::{Settings, Speed, SpeedError};
pub use track::{Due, Merge, Source, Track, catalogue_within};
pub use window::{Moment, MomentError, Seek, Turn, Window};

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
    /// There is no message in the part of it that was asked for.
    #[error("{name}: {why}")]
    OutsideWindow {
        /// The recording.
        name: String,
        /// What there is.
        why: String,
    },
}

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Playing {
    /// How fast.
    pub speed: Speed,
    /// Whether it starts over at its end.
    pub looped: bool,
    /// Which part of it.
    pub window: Window,
    /// When the first message of all was received that are played side by side, in feeds of their own. Those with the same one
    /// keep their distances in time.
    pub first_ns: Option<i64>,
}

/// Recordings of one venue that are ready to be played.
#[derive(Debug)]
pub struct Replay {
    session: Arc<dyn Session>,
    tracks: Vec<Track>,
    /// By track: its instruments, and those that were asked for.
    chosen: Vec<(Instruments, Vec<InstrumentId>)>,
    missing: Vec<String>,
    playing: Playing,
}

impl Replay {
    /// Makes one recording ready: see [`Replay::of_tracks`].
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
        let track = Track { parts: vec![source], beside: None, answers: answers.to_vec() };
        let playing = Playing { speed, looped, ..Playing::default() };
        Replay::of_tracks(vec![track], session, symbols, playing)
    }

    /// Makes recordings ready: `session` holds the rules of the venue they came from; their answers are the recorded
    /// catalogue (none is fine: symbols are then named `VENUE:NATIVE`), `symbols` the wishes as in a live feed, `["*"]`
    /// for every symbol that is heard.
    ///
    /// # Errors
    /// When a recording cannot be opened, or the answers are no catalogue of that venue.
    pub fn of_tracks(
        tracks: Vec<Track>,
        session: Box<dyn Session>,
        symbols: &[String],
        playing: Playing,
    ) -> Result<Replay, Error> {
        let session: Arc<dyn Session> = Arc::from(session);
        let mut chosen = Vec::with_capacity(tracks.len());
        let mut missing: Option<Vec<String>> = None;
        for track in &tracks {
            for part in &track.parts {
                part.open()?;
            }
            let mut instruments = Instruments::new(session.venue(), INSTRUMENTS_MAX);
            session
                .catalogue(&track.answers, &mut instruments)
                .map_err(|error| Error::Catalogue { name: track.name(), error })?;
            if symbols.iter().any(|wish| wish == "*") {
                chosen.push((instruments, Vec::new()));
                continue;
            }
            let (narrow, wanted, without) = narrowed(&instruments, session.venue(), symbols);
            chosen.push((narrow, wanted));
            // What one recording does not have another one may.
            missing = Some(match missing {
                None => without,
                Some(before) => before.into_iter().filter(|wish| without.contains(wish)).collect(),
            });
        }
        Ok(Replay { session, tracks, chosen, missing: missing.unwrap_or_default(), playing })
    }

    /// The symbols that were asked for and that no catalogue knows.
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
        let mut lanes: Vec<Lane> = self
            .chosen
            .iter()
            .map(|(instruments, _)| Lane::new(Arc::clone(&self.session), instruments.clone()))
            .collect();
        let mut wanted = Vec::new();
        for (lane, (_, ids)) in lanes.iter_mut().zip(&self.chosen) {
            for symbol in lane.tap_mut().introduce(ids, sink) {
                if !wanted.contains(&symbol) {
                    wanted.push(symbol);
                }
            }
        }
        sink.feed_status(Status::Connecting, Reason::NotHeard, &wanted);
        let ended = stop.run_until_cancelled(self.rounds(&mut lanes, sink, clock, report)).await;
        let reason = match ended {
            Some(Ok(())) => Reason::EndOfRecording,
            Some(Err(_)) => Reason::Fault,
            None => Reason::Stopped,
        };
        let mut symbols: Vec<SymbolRef> = Vec::new();
        for lane in &lanes {
            symbols.extend(lane.tap().symbols());
        }
        symbols.sort_unstable_by_key(|symbol| symbol.0);
        symbols.dedup();
        sink.feed_status(Status::Stale, reason, &symbols);
        let stats = total(&lanes);
        report(&stats);
        ended.unwrap_or(Ok(())).map(|()| stats)
    }

    async fn rounds(
        &self,
        lanes: &mut [Lane],
        sink: &mut dyn Sink,
        clock: &dyn Clock,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Result<(), Error> {
        let as_recorded = self.playing.speed == Speed::Max && !self.playing.looped;
        let times = if as_recorded { VenueTimes::Recorded } else { VenueTimes::Unknown };
        let mut sink = ShiftedSink::new(sink, times);
        let mut round = Round { live: false, records: 0, reported: Instant::now() };
        let name = || self.tracks.iter().map(Track::name).next().unwrap_or_default();
        loop {
            let before = total(lanes).messages;
            let start = Instant::now();
            let mut seek = Seek::since(self.playing.window, self.playing.first_ns);
            self.round(&mut round, &mut seek, lanes, &mut sink, clock, report).await?;
            if let Some(why) = seek.missed() {
                return Err(Error::OutsideWindow { name: name(), why });
            }
            if total(lanes).messages == before {
                return Err(Error::Empty(name()));
            }
            if !self.playing.looped {
                return Ok(());
            }
            if self.playing.speed != Speed::Max {
                tokio::time::sleep_until(start + ROUND_MIN).await;
            }
            lanes.iter_mut().for_each(Lane::begin_round);
            sink.begin_round();
        }
    }

    async fn round(
        &self,
        round: &mut Round,
        seek: &mut Seek,
        lanes: &mut [Lane],
        sink: &mut ShiftedSink<'_>,
        clock: &dyn Clock,
        report: &mut (dyn FnMut(&Stats) + Send),
    ) -> Result<(), Error> {
        let mut merge = Merge::open(&self.tracks)?;
        let mut pace = Pace { speed: self.playing.speed, start: Instant::now(), first_ns: None };
        let mut heard = false;
        while let Some(Due { track, at_ns, record }) = merge.next()? {
            let lane = &mut lanes[track];
            match record.payload {
                // Nothing arrives with these, so nothing waits for them.
                Payload::Opened(_) | Payload::Sent(_) => {
                    lane.play(&record, clock.now(), sink);
                    continue;
                }
                // The catalogue, which is older than the session.
                Payload::Rest { .. } if !heard => {}
                Payload::Rest { .. } | Payload::Text(_) | Payload::Binary(_) => {
                    heard = true;
                    match seek.turn(at_ns) {
                        Turn::Before => {}
                        Turn::Within => pace.wait(at_ns, seek.origin_ns()).await,
                        Turn::After => break,
                    }
                }
            }
            round.records += 1;
            if round.records.is_multiple_of(RECORDS_PER_TURN) {
                tokio::task::yield_now().await;
            }
            let ts_recv = sink.arrive(record.recv_ns, clock.now());
            let before = lane.tap().stats().applied();
            lane.play(&record, ts_recv, sink);
            if !round.live && lane.tap().stats().applied() > before {
                round.live = true;
                sink.feed_status(Status::Live, Reason::Confirmed, &[]);
            }
            if round.reported.elapsed() >= REPORT_EVERY {
                round.reported = Instant::now();
                report(&total(lanes));
            }
        }
        if let (true, Some(end)) = (self.playing.looped, seek.end_ns()) {
            // A window lasts until its end, whenever the last message came: so rounds of several feeds stay in step.
            pace.wait(end, seek.origin_ns()).await;
        }
        for cut in merge.cut_off() {
            tracing::warn!("{cut}, because it was never closed");
        }
        Ok(())
    }
}

/// The counts of all tracks.
fn total(lanes: &[Lane]) -> Stats {
    if let [lane] = lanes {
        return lane.tap().stats().clone();
    }
    let mut stats = Stats::default();
    for lane in lanes {
        stats.absorb(lane.tap().stats());
    }
    stats
}

/// Only the instruments that were asked for, and the wishes that none of them is.
fn narrowed(
    all: &Instruments,
    venue: &str,
    wishes: &[String],
) -> (Instruments, Vec<InstrumentId>, Vec<String>) {
    let (found, missing) = all.select(wishes);
    let mut narrow = Instruments::new(venue, INSTRUMENTS_MAX);
    let chosen = found.iter().filter_map(|&id| all.get(id));
    let mut wanted: Vec<InstrumentId> =
        chosen.filter_map(|one| narrow.add(&one.native, one.symbol.clone())).collect();
    let mut without = Vec::new();
    for wish in missing {
        // Without a catalogue a wish can only be the venue's own spelling.
        let own = if all.is_empty() { narrow.resolve(&wish) } else { None };
        match own {
            Some(id) => wanted.push(id),
            None => without.push(wish),
        }
    }
    narrow.close();
    (narrow, wanted, without)
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
    /// When the window began to be played, and the time at which it begins.
    start: Instant,
    first_ns: Option<i64>,
}

impl Pace {
    /// Waits until a record is due. Records without a time follow the one before at once.
    async fn wait(&mut self, recv_ns: i64, origin_ns: Option<i64>) {
        let Speed::Times { thousandths } = self.speed else { return };
        if recv_ns == 0 {
            return;
        }
        if self.first_ns.is_none() {
            // What lies before the window has taken its time.
            self.start = Instant::now();
        }
        let first_ns = *self.first_ns.get_or_insert(origin_ns.unwrap_or(recv_ns));
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
