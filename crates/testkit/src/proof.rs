//! What the proofs of every adapter share: its fixtures, a recording played and compared with what an independent reader
//! made of it, and its session at work against the emulated venue.
//!
//! ```no_run
//! # fn example(session: &dyn feed::Session) {
//! use testkit::proof::{Fixtures, play};
//!
//! let fixtures = Fixtures::of(env!("CARGO_MANIFEST_DIR"));
//! let (played, want) = play(session, &fixtures, "20210417", |_, _| {});
//! played.check_kinds(&want);
//! for (native, symbol) in testkit::proof::symbols(&want) {
//!     played.check_top(native, &symbol["book"], "at the end");
//! }
//! # }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use feed::backoff::Policy;
use feed::capture::{CaptureReader, Payload, read_rest};
use feed::metrics::FeedMetrics;
use feed::{
    Batch, Decoder, FeedEnd, FeedHandle, FeedSettings, FrameTap, Ignored, Instruments, Overrides, RestAnswer,
    Session, Timing,
};
use market::{Decimal, Field, Micros, RealClock, Reason, Status, Update};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::naive::{NaiveSink, Played};
use crate::recording;
use crate::script::Recorded;
use crate::sink::CollectingSink;
use crate::venue::Venue;

/// Most names of a catalogue in a test; the largest recorded one has some 8,000.
const INSTRUMENTS_MAX: usize = 20_000;

/// The folder `fixtures` of an adapter. Names of recordings are those of the files without their endings
/// (`20210417`, `kraken_v2/book10`).
#[derive(Clone, Debug)]
pub struct Fixtures(PathBuf);

impl Fixtures {
    /// The fixtures of a crate: `Fixtures::of(env!("CARGO_MANIFEST_DIR"))`.
    pub fn of(crate_folder: &str) -> Fixtures {
        Fixtures(Path::new(crate_folder).join("fixtures"))
    }

    /// A file among them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What the independent reader ends with.
    ///
    /// # Panics
    /// When the file is not there, or no JSON.
    pub fn expected(&self, name: &str) -> Value {
        let path = self.path(&format!("expected/{name}.expected.json"));
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A whole recording in memory.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn recording(&self, name: &str) -> recording::Session {
        recording::Session::read(&self.path(&format!("{name}.cap.gz")))
    }

    /// The frames that the venue sent.
    ///
    /// # Panics
    /// When the recording cannot be read.
    pub fn frames(&self, name: &str) -> Vec<Recorded> {
        self.recording(name).frames
    }

    /// The recorded HTTP answers of that name; none when there is no such file.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn rest(&self, name: &str) -> Vec<RestAnswer> {
        match self.path(&format!("{name}.rest.gz")) {
            path if path.exists() => read_rest(&path).unwrap_or_else(|error| panic!("{error}")),
            _ => Vec::new(),
        }
    }

    /// The single messages of `NAME.tsv`, each with what the independent reader says of it.
    ///
    /// # Panics
    /// When the two files do not have as many entries.
    pub fn singles(&self, name: &str) -> Vec<(String, Value)> {
        let path = self.path(&format!("{name}.tsv"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let want = self.expected(name);
        let want = want["messages"].as_array().cloned().unwrap_or_default();
        let texts: Vec<String> =
            text.lines().filter_map(|line| line.split_once('\t')).map(|(_, text)| text.to_owned()).collect();
        assert_eq!(texts.len(), want.len(), "{name}: messages and what is said of them");
        texts.into_iter().zip(want).collect()
    }
}

/// The session's instruments by these answers.
///
/// # Panics
/// When the answers are not its catalogue.
pub fn instruments(session: &dyn Session, answers: &[RestAnswer]) -> Instruments {
    let mut instruments = Instruments::new(session.venue(), INSTRUMENTS_MAX);
    session.catalogue(answers, &mut instruments).unwrap_or_else(|error| panic!("{error}"));
    instruments
}

/// The symbols of an expected result, by the venue's spelling.
///
/// # Panics
/// When there are none.
pub fn symbols(want: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = want["symbols"].as_object().unwrap_or_else(|| panic!("no symbols in {want}"));
    all.iter().map(|(native, symbol)| (native.as_str(), symbol))
}

/// Gives every frame to a fresh decoder of the session and shows what came of each, with the time of its receipt.
///
/// # Panics
/// When a frame has no time or is not readable; the message shows it.
pub fn each(session: &dyn Session, frames: &[Recorded], mut look: impl FnMut(Micros, &'static str, &Batch)) {
    let (mut decoder, mut batch) = (session.decoder(), Batch::new(instruments(session, &[])));
    for recorded in frames {
        let Some(frame) = recorded.frame() else { continue };
        let ts_recv = recorded.ts_recv.unwrap_or_else(|| panic!("no time: {frame:?}"));
        batch.clear();
        let kind = decoder.decode(frame, ts_recv, &mut batch);
        look(ts_recv, kind.unwrap_or_else(|error| panic!("{error}: {frame:?}")), &batch);
    }
}

/// The longest time between two updates of one symbol.
pub fn longest_quiet(session: &dyn Session, frames: &[Recorded]) -> Duration {
    let (mut heard, mut longest) = (BTreeMap::new(), Duration::ZERO);
    each(session, frames, |ts_recv, _, batch| {
        for (id, _) in &batch.updates {
            if let Some(before) = heard.insert(*id, ts_recv) {
                longest = longest.max(ts_recv.since(before));
            }
        }
    });
    longest
}

/// One line of a recording.
enum Line {
    Text(String),
    Binary(Vec<u8>),
    Rest(String, String),
    Other,
}

fn lines(path: &Path) -> Vec<(Micros, Line)> {
    let mut reader = CaptureReader::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut lines = Vec::new();
    while let Some(record) = reader.next().unwrap_or_else(|error| panic!("{error}")) {
        let line = match record.payload {
            Payload::Text(text) => Line::Text(text.to_owned()),
            Payload::Binary(bytes) => Line::Binary(bytes.to_vec()),
            Payload::Rest { url, body } => Line::Rest(url.to_owned(), body.to_owned()),
            Payload::Opened(_) | Payload::Sent(_) => Line::Other,
        };
        lines.push((record.ts_recv(), line));
    }
    lines
}

/// Plays `NAME.cap.gz` through a fresh decoder, with the HTTP answers of the `.rest.gz` beside it at the times at which they
/// were received. `at` is called after every line of the recording with the number of lines so far. Returns what was
/// told, and the expected result.
///
/// Every frame must be readable; the quotes on the way (`checkpoints`) are for the caller to compare in `at`, because only it
/// knows which source tells the top.
///
/// # Panics
/// When a file is missing or a frame is not readable; the message names its line.
pub fn play(
    session: &dyn Session,
    fixtures: &Fixtures,
    name: &str,
    at: impl FnMut(u64, &Played),
) -> (Played, Value) {
    let mut catalogue = fixtures.recording(name).rest;
    if let Some(path) = rest_beside(&fixtures.path(&format!("{name}.cap.gz"))) {
        catalogue.extend(read_rest(&path).unwrap_or_else(|error| panic!("{error}")));
    }
    play_with(session.decoder(), instruments(session, &catalogue), fixtures, name, at)
}

/// As [`play`], through this decoder and with these instruments.
///
/// # Panics
/// When a file is missing or a frame is not readable; the message names its line.
pub fn play_with(
    decoder: Box<dyn Decoder>,
    known: Instruments,
    fixtures: &Fixtures,
    name: &str,
    mut at: impl FnMut(u64, &Played),
) -> (Played, Value) {
    let want = fixtures.expected(name);
    let capture = fixtures.path(&format!("{name}.cap.gz"));
    let beside = rest_beside(&capture);
    let mut answers = beside.as_deref().map(lines).unwrap_or_default().into_iter().peekable();
    let tap = FrameTap::new(decoder, known);
    let mut played = Played { tap, sink: NaiveSink::default() };
    for (number, (ts_recv, line)) in lines(&capture).into_iter().enumerate() {
        let number = number as u64 + 1;
        while let Some((when, answer)) = answers.next_if(|(when, _)| *when <= ts_recv) {
            if let Line::Rest(url, body) = answer {
                played.tap.rest(&url, &body, when, &mut played.sink);
            }
        }
        let read = match &line {
            Line::Text(text) => {
                played.tap.frame(feed::Frame::Text(text), ts_recv, &mut played.sink).map(drop)
            }
            Line::Binary(bytes) => {
                played.tap.frame(feed::Frame::Binary(bytes), ts_recv, &mut played.sink).map(drop)
            }
            Line::Rest(url, body) => {
                played.tap.rest(url, body, ts_recv, &mut played.sink);
                Ok(())
            }
            Line::Other => Ok(()),
        };
        read.unwrap_or_else(|error| panic!("{name}, line {number}: {error}"));
        at(number, &played);
    }
    (played, want)
}

/// The HTTP answers that belong to a recording: `20210417-book.cap.gz` has `20210417.rest.gz`.
fn rest_beside(capture: &Path) -> Option<PathBuf> {
    let mut stem = capture.file_name()?.to_str()?.split(".cap").next()?;
    loop {
        let candidate = capture.with_file_name(format!("{stem}.rest.gz"));
        if candidate.is_file() {
            return Some(candidate);
        }
        stem = stem.rsplit_once('-')?.0;
    }
}

impl Played {
    /// Compares the counts by kind of message with `by_type`.
    ///
    /// # Panics
    /// When they differ.
    pub fn check_kinds(&self, want: &Value) {
        let by_type: BTreeMap<&str, u64> = want["by_type"]
            .as_object()
            .unwrap_or_else(|| panic!("no by_type in {want}"))
            .iter()
            .map(|(kind, count)| (kind.as_str(), count.as_u64().unwrap_or_default()))
            .collect();
        let kinds: BTreeMap<&str, u64> = self.tap.stats().by_kind().into_iter().collect();
        assert_eq!(kinds, by_type);
    }

    /// The canonical name of a native one.
    ///
    /// # Panics
    /// When it never came.
    pub fn name(&self, native: &str) -> &str {
        let instrument = self.tap.instruments().get(self.id(native));
        instrument.unwrap_or_else(|| panic!("{native} never came")).symbol.as_str()
    }

    /// A number, digit for digit; empty when it is absent.
    ///
    /// # Panics
    /// When nothing was told of the symbol.
    pub fn text(&self, native: &str, field: Field) -> String {
        self.values(native).number(field).map(|number| number.to_string()).unwrap_or_default()
    }

    /// Compares what led to no update with these counts; reasons that are not named must not have occurred.
    ///
    /// # Panics
    /// When they differ.
    pub fn check_ignored(&self, want: &[(Ignored, u64)]) {
        let want: BTreeMap<&str, u64> = want.iter().map(|(why, count)| (why.name(), *count)).collect();
        assert_eq!(self.tap.stats().ignored(), want);
    }

    /// Compares these fields with the members of the same names, as decimals; `null` and what is missing are absent.
    ///
    /// # Panics
    /// When one differs; the message names it.
    pub fn check_fields(&self, native: &str, want: &Value, fields: &[Field], at: &str) {
        let values = self.values(native);
        for &field in fields {
            assert_eq!(values.number(field), decimal(&want[field.name()]), "{native} {} {at}", field.name());
        }
    }

    /// [`Played::check_fields`] for best bid and ask with sizes.
    ///
    /// # Panics
    /// When one differs; the message names it.
    pub fn check_top(&self, native: &str, want: &Value, at: &str) {
        self.check_fields(native, want, &[Field::Bid, Field::BidSize, Field::Ask, Field::AskSize], at);
    }

    /// [`Played::check_fields`] for the last trade and its size.
    ///
    /// # Panics
    /// When one differs; the message names it.
    pub fn check_last(&self, native: &str, want: &Value, at: &str) {
        self.check_fields(native, want, &[Field::Last, Field::LastSize], at);
    }

    /// Compares the taker's side of the last trade.
    ///
    /// # Panics
    /// When it differs.
    pub fn check_side(&self, native: &str, want: &Value) {
        assert_eq!(
            self.values(native).side().map(market::Side::name),
            want["side"].as_str(),
            "{native} side"
        );
    }
}

/// The updates of a message as `field=number`, in one line each; a status stands before them, and what is absent is empty.
pub fn told(batch: &Batch) -> Vec<String> {
    let show = |update: &Update| {
        let status = update.status.map(|(status, reason)| format!("{}/{}", status.name(), reason.name()));
        let fields = update.told().iter().map(|field| {
            let value = match field {
                Field::LastSide => update.values().side().map(|side| side.name().to_owned()),
                number => update.values().number(number).map(|number| number.to_string()),
            };
            format!("{}={}", field.name(), value.unwrap_or_default())
        });
        status.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
    };
    batch.updates.iter().map(|(_, update)| show(update)).collect()
}

/// An expected number as a decimal; `null` and what is missing are absent.
///
/// # Panics
/// When it is no number.
pub fn decimal(want: &Value) -> Option<Decimal> {
    let text = want.as_str().unwrap_or_default();
    feed::json::text_decimal(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The overrides that lead a session to the emulated venue.
pub fn overrides(venue: &Venue) -> Overrides {
    Overrides { ws_url: Some(venue.ws_url()), rest_url: Some(venue.rest_url()), ..Overrides::default() }
}

/// A feed at work against the emulated venue. Waits between dials are short, and silence is never the verdict.
#[derive(Debug)]
pub struct Running {
    /// What it told.
    pub sink: CollectingSink,
    handle: FeedHandle,
    stop: CancellationToken,
}

impl Running {
    /// Starts a feed with these wishes.
    pub fn start(session: Box<dyn Session>, symbols: &[&str]) -> Running {
        Running::start_with(session, symbols, |_| {})
    }

    /// As [`Running::start`], with a change to the settings.
    ///
    /// # Panics
    /// Never: the registry of its metrics is its own.
    pub fn start_with(
        session: Box<dyn Session>,
        symbols: &[&str],
        change: impl FnOnce(&mut FeedSettings),
    ) -> Running {
        let backoff = Policy {
            base: Duration::from_millis(5),
            cap: Duration::from_millis(20),
            dials_per_minute: 1_000,
            ..Policy::default()
        };
        let mut settings = FeedSettings {
            timing: Timing { backoff, between_dials: Some(Duration::ZERO), ..Timing::default() },
            stale_after: Some(Duration::from_secs(60)),
            ..FeedSettings::new("proof", symbols.iter().map(|&symbol| symbol.to_owned()).collect())
        };
        change(&mut settings);
        let sink = CollectingSink::new();
        let stop = CancellationToken::new();
        let metrics = FeedMetrics::register(&prometheus::Registry::new())
            .unwrap_or_else(|error| panic!("metrics of a fresh registry: {error}"));
        let clock = Arc::new(RealClock::new());
        let handle =
            feed::supervisor::spawn(Arc::from(session), settings, sink.clone(), clock, &metrics, &stop);
        Running { sink, handle, stop }
    }

    /// Waits until the best bid and ask of a symbol with their sizes are these, and the symbol is live.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait_top(&self, symbol: &str, want: &Value) {
        self.wait_fields(symbol, want, &[Field::Bid, Field::BidSize, Field::Ask, Field::AskSize]).await;
    }

    /// Waits until these fields of a symbol are the members of the same names, and the symbol is live.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait_fields(&self, symbol: &str, want: &Value, fields: &[Field]) {
        self.sink
            .wait(format!("{symbol} at {want}"), |seen| {
                seen.get(symbol).is_some_and(|latest| {
                    latest.status == Status::Live
                        && fields
                            .iter()
                            .all(|&field| latest.values.number(field) == decimal(&want[field.name()]))
                })
            })
            .await;
    }

    /// Whether the symbol was in that status for that reason at some time.
    pub fn went_through(&self, symbol: &str, status: Status, reason: Reason) -> bool {
        self.sink
            .look(|seen| seen.get(symbol).is_some_and(|latest| latest.history.contains(&(status, reason))))
    }

    /// Stops the feed.
    ///
    /// # Panics
    /// When it ends otherwise than stopped.
    pub async fn stop(self) {
        self.stop.cancel();
        assert_eq!(self.handle.join().await, FeedEnd::Stopped);
    }

    /// How the feed ended by itself.
    ///
    /// # Panics
    /// When it does not within [`crate::PATIENCE`].
    pub async fn end(self) -> FeedEnd {
        let ended = tokio::time::timeout(crate::PATIENCE, self.handle.join()).await;
        ended.unwrap_or_else(|_| panic!("the feed did not end by itself"))
    }
}
