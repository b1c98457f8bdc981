//! Frames through a decoder into a sink: the one path that live connections and recordings share.
//!
//! [`FrameTap`] takes one frame at a time and is what the WebSocket driver calls; [`pump`] drives it from a
//! recording, as fast as the file can be read.

use std::collections::{BTreeMap, HashSet};

use market::{Micros, Reason, Status, Update};

use crate::capture::{CaptureError, CaptureReader, Payload, Record};
use crate::{
    Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId, Instruments, Outcome, Sink, SymbolRef,
};

mod standing;

use standing::Standings;

/// What came in and what became of it. For every moment between two frames
///
/// * `messages = sum of by_kind + garbage + reconnects + give_ups`,
/// * `updates = changed + unchanged + older + rejected + refused`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames given to the decoder.
    pub messages: u64,
    /// Frames the decoder could not read.
    pub garbage: u64,
    /// Frames after which the decoder asked for a new connection.
    pub reconnects: u64,
    /// Frames with which the venue refused for good.
    pub give_ups: u64,
    /// HTTP answers given to the decoder.
    pub answers: u64,
    /// Updates that the decoder made.
    pub updates: u64,
    /// Updates after which something visible is different.
    pub changed: u64,
    /// Updates that were taken and changed nothing.
    pub unchanged: u64,
    /// Updates dropped as older than what is there.
    pub older: u64,
    /// Updates not believed: dropped, or held back and let go later.
    pub rejected: u64,
    /// Updates dropped because there is no room for their symbol.
    pub refused: u64,
    /// Symbols there is no room for.
    pub refused_symbols: u64,
    /// Subscriptions that the venue refused.
    pub refused_subscriptions: u64,
    /// Frames by kind, in the order in which the kinds first came. A short list: searching it is cheaper than a map.
    kinds: Vec<(&'static str, u64)>,
    /// What led to no update, by [`Ignored`] discriminant.
    ignored: [u64; Ignored::ALL.len()],
    /// Updates taken, by [`InstrumentId::place`].
    applied_to: Vec<u64>,
}

impl Stats {
    /// Adds the counts of another path. Those by instrument are left out: each path has ids of its own.
    pub fn absorb(&mut self, other: &Stats) {
        // Taken apart whole: a count that is added here one day cannot be forgotten.
        let Stats {
            messages,
            garbage,
            reconnects,
            give_ups,
            answers,
            updates,
            changed,
            unchanged,
            older,
            rejected,
            refused,
            refused_symbols,
            refused_subscriptions,
            kinds,
            ignored,
            applied_to: _,
        } = other;
        self.messages += messages;
        self.garbage += garbage;
        self.reconnects += reconnects;
        self.give_ups += give_ups;
        self.answers += answers;
        self.updates += updates;
        self.changed += changed;
        self.unchanged += unchanged;
        self.older += older;
        self.rejected += rejected;
        self.refused += refused;
        self.refused_symbols += refused_symbols;
        self.refused_subscriptions += refused_subscriptions;
        for &(kind, count) in kinds {
            match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, known)) => *known += count,
                None => self.kinds.push((kind, count)),
            }
        }
        for (count, more) in self.ignored.iter_mut().zip(ignored) {
            *count += more;
        }
    }

    /// Updates that were taken.
    pub const fn applied(&self) -> u64 {
        self.changed + self.unchanged
    }

    /// Updates taken of one instrument.
    pub fn applied_to(&self, instrument: InstrumentId) -> u64 {
        self.applied_to.get(instrument.place()).copied().unwrap_or(0)
    }

    /// Readable frames by the venue's own word for their kind, sorted.
    pub fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.kinds.iter().copied().collect()
    }

    /// How often something led to no update, by reason; reasons that never occurred are left out.
    pub fn ignored(&self) -> BTreeMap<&'static str, u64> {
        Ignored::ALL
            .into_iter()
            .map(|why| (why.name(), self.ignored_for(why)))
            .filter(|&(_, count)| count > 0)
            .collect()
    }

    /// How often something led to no update for this reason.
    pub const fn ignored_for(&self, why: Ignored) -> u64 {
        self.ignored[why as usize]
    }

    fn count_kind(&mut self, kind: &'static str) {
        // Kinds are constants of the decoder, so the pointers nearly always match and no text is compared.
        let same = |known: &str| std::ptr::eq(known, kind) || known == kind;
        match self.kinds.iter_mut().find(|(known, _)| same(known)) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }
}

/// What the sink calls an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not asked yet.
    Unasked,
    /// Known.
    Known(SymbolRef),
    /// There is no room; symbols are never forgotten, so it is not asked again.
    Refused,
}

/// The last step into the sink, for one feed: what the sink calls its instruments, and the counts.
///
/// Part of every [`FrameTap`]; a feed that makes its updates without frames uses it alone.
#[derive(Debug, Default)]
pub struct Intake {
    places: Vec<Place>,
    /// In the order in which they became known, and each once.
    known: Vec<SymbolRef>,
    /// The same, to look one up: a feed of 100,000 symbols would search half of them for each.
    among_known: HashSet<SymbolRef>,
    stats: Stats,
}

impl Intake {
    /// Hands one update to the sink and counts what became of it. Returns `None` when there is no room for its symbol.
    pub fn take(
        &mut self,
        instruments: &Instruments,
        instrument: InstrumentId,
        update: &Update,
        sink: &mut dyn Sink,
    ) -> Option<Outcome> {
        self.stats.updates += 1;
        let Some(symbol) = self.place(instruments, instrument, sink) else {
            self.stats.refused += 1;
            return None;
        };
        let outcome = sink.update(symbol, update);
        match outcome {
            Outcome::Changed => self.stats.changed += 1,
            Outcome::Unchanged => self.stats.unchanged += 1,
            Outcome::Older => {
                self.stats.older += 1;
                return Some(outcome);
            }
            Outcome::Rejected => {
                self.stats.rejected += 1;
                return Some(outcome);
            }
        }
        self.stats.applied_to[instrument.place()] += 1;
        Some(outcome)
    }

    /// What the sink calls the instrument; asks at most once. Two native names of one canonical symbol share its
    /// reference, which then stands once among the known ones.
    pub fn place(
        &mut self,
        instruments: &Instruments,
        instrument: InstrumentId,
        sink: &mut dyn Sink,
    ) -> Option<SymbolRef> {
        let at = instrument.place();
        match self.places.get(at) {
            Some(Place::Known(symbol)) => return Some(*symbol),
            Some(Place::Refused) => return None,
            Some(Place::Unasked) | None => {}
        }
        // An id that names no instrument would be the decoder's own fault. It leads nowhere, like a refused symbol.
        let symbol = &instruments.get(instrument)?.symbol;
        if self.places.len() <= at {
            self.places.resize(instruments.len(), Place::Unasked);
            self.stats.applied_to.resize(instruments.len(), 0);
        }
        let answer = sink.intern(symbol);
        self.places[at] = answer.map_or(Place::Refused, Place::Known);
        match answer {
            Some(symbol) => {
                if self.among_known.insert(symbol) {
                    self.known.push(symbol);
                }
            }
            None => self.stats.refused_symbols += 1,
        }
        answer
    }

    /// Tells that an instrument which had fallen silent speaks again.
    fn awake(&self, instrument: InstrumentId, ts_recv: Micros, sink: &mut dyn Sink) {
        if let Some(Place::Known(symbol)) = self.places.get(instrument.place()) {
            sink.update(*symbol, &Update::of_status(Status::Live, Reason::Confirmed, ts_recv));
        }
    }

    /// What the sink calls the instruments that it was asked for so far.
    pub fn symbols(&self) -> &[SymbolRef] {
        &self.known
    }

    /// The counts so far.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }
}

/// One connection's path from frames to the sink: decoder, instruments, and what the sink calls them.
///
/// Symbols become known to the sink when they are first heard, or all at once by [`FrameTap::introduce`].
pub struct FrameTap {
    decoder: Box<dyn Decoder>,
    batch: Batch,
    intake: Intake,
    standings: Standings,
}

impl std::fmt::Debug for FrameTap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameTap").field("stats", self.stats()).finish_non_exhaustive()
    }
}

impl FrameTap {
    /// A tap with a fresh decoder over these instruments.
    pub fn new(decoder: Box<dyn Decoder>, instruments: Instruments) -> FrameTap {
        FrameTap {
            decoder,
            batch: Batch::new(instruments),
            intake: Intake::default(),
            standings: Standings::default(),
        }
    }

    /// Replaces the decoder, for a new connection. Instruments, what the sink calls them and the counts stay.
    pub fn renew(&mut self, decoder: Box<dyn Decoder>) {
        self.decoder = decoder;
        self.batch.clear();
        self.standings.renew();
    }

    /// Makes these instruments known to the sink before anything is heard of them, and returns what it calls them.
    /// Instruments there is no room for are counted and left out.
    pub fn introduce(&mut self, wanted: &[InstrumentId], sink: &mut dyn Sink) -> Vec<SymbolRef> {
        wanted.iter().filter_map(|&id| self.intake.place(&self.batch.instruments, id, sink)).collect()
    }

    /// Takes one frame that arrived at `ts_recv`: decodes it, hands every update to the sink and counts. Returns the
    /// kind of message. Afterwards [`FrameTap::replies`] and [`FrameTap::refused`] hold what the driver must see to.
    ///
    /// # Errors
    /// As the decoder's; what it told before the error is applied, and the error is counted.
    pub fn frame(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        sink: &mut dyn Sink,
    ) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        let read = self.decoder.decode(frame, ts_recv, &mut self.batch);
        self.intake.stats.messages += 1;
        match &read {
            Ok(kind) => self.intake.stats.count_kind(kind),
            Err(DecodeError::Garbage(_)) => self.intake.stats.garbage += 1,
            Err(DecodeError::Reconnect(_)) => self.intake.stats.reconnects += 1,
            Err(DecodeError::GiveUp(_)) => self.intake.stats.give_ups += 1,
        }
        self.apply(ts_recv, sink);
        read
    }

    /// Takes an HTTP answer that stands inside a session (a book snapshot).
    pub fn rest(&mut self, url: &str, body: &str, ts_recv: Micros, sink: &mut dyn Sink) {
        self.batch.clear();
        self.decoder.rest(url, body, ts_recv, &mut self.batch);
        self.intake.stats.answers += 1;
        self.apply(ts_recv, sink);
    }

    /// Takes one record of a recording: frames and HTTP answers go to the decoder, the rest is passed over.
    /// Returns the kind of message for a frame.
    ///
    /// # Errors
    /// As [`FrameTap::frame`].
    pub fn record(
        &mut self,
        record: &Record<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<&'static str>, DecodeError> {
        self.record_at(record, record.ts_recv(), sink)
    }

    /// As [`FrameTap::record`], as if the record had arrived at `ts_recv`.
    ///
    /// # Errors
    /// As [`FrameTap::frame`].
    pub fn record_at(
        &mut self,
        record: &Record<'_>,
        ts_recv: Micros,
        sink: &mut dyn Sink,
    ) -> Result<Option<&'static str>, DecodeError> {
        match record.payload {
            Payload::Text(text) => self.frame(Frame::Text(text), ts_recv, sink).map(Some),
            Payload::Binary(bytes) => self.frame(Frame::Binary(bytes), ts_recv, sink).map(Some),
            Payload::Rest { url, body } => {
                self.rest(url, body, ts_recv, sink);
                Ok(None)
            }
            Payload::Opened(_) | Payload::Sent(_) => Ok(None),
        }
    }

    /// What the last frame asks to be sent back.
    pub fn replies(&self) -> &[String] {
        &self.batch.replies
    }

    /// Subscriptions that the venue refused in the last frame.
    pub fn refused(&self) -> &[(Option<InstrumentId>, String)] {
        &self.batch.refused
    }

    /// Whether the last frame said that the venue is ready for the subscription.
    pub const fn ready(&self) -> bool {
        self.batch.ready
    }

    /// Instruments that the last frame spoke of, perhaps several times: with a value, a state, or a mere sign of life.
    pub fn heard(&self) -> &[InstrumentId] {
        &self.batch.heard
    }

    /// Whether the venue told something of the instrument on this connection.
    pub fn is_told(&self, instrument: InstrumentId) -> bool {
        self.standings.is_told(instrument)
    }

    /// Whether the decoder lost track of the instrument and has not found it again.
    pub fn is_doubted(&self, instrument: InstrumentId) -> bool {
        self.standings.is_doubted(instrument)
    }

    /// Whether the venue has halted, closed or delisted the instrument: it need not speak.
    pub fn is_held(&self, instrument: InstrumentId) -> bool {
        self.standings.is_held(instrument)
    }

    /// How many instruments are in doubt.
    pub const fn doubted(&self) -> usize {
        self.standings.doubted()
    }

    /// Tells the sink that an instrument fell silent, `last` being when it was heard of last. It speaks again with its next
    /// update or sign of life. Nothing is told of one that need not speak, or is in doubt already; returns whether it was.
    ///
    /// What stood there when it fell silent stands again then: the connection is the same, and it delivers everything or ends.
    pub fn fall_silent(&mut self, instrument: InstrumentId, last: Micros, sink: &mut dyn Sink) -> bool {
        let Some(symbol) = self.symbol(instrument) else { return false };
        let silent = self.standings.silence(instrument);
        if silent {
            sink.update(symbol, &Update::of_status(Status::Stale, Reason::Silence, last));
        }
        silent
    }

    /// The instruments, including those that were met on the wire.
    pub const fn instruments(&self) -> &Instruments {
        &self.batch.instruments
    }

    /// What the sink calls the instruments that were introduced or heard so far.
    pub fn symbols(&self) -> &[SymbolRef] {
        self.intake.symbols()
    }

    /// What the sink calls one instrument, if it is known to it.
    pub fn symbol(&self, instrument: InstrumentId) -> Option<SymbolRef> {
        match self.intake.places.get(instrument.place()) {
            Some(Place::Known(symbol)) => Some(*symbol),
            Some(Place::Unasked | Place::Refused) | None => None,
        }
    }

    /// The counts so far.
    pub const fn stats(&self) -> &Stats {
        self.intake.stats()
    }

    fn apply(&mut self, ts_recv: Micros, sink: &mut dyn Sink) {
        let Batch { instruments, updates, refused, ignored, heard, .. } = &mut self.batch;
        let (intake, standings) = (&mut self.intake, &mut self.standings);
        intake.stats.refused_subscriptions += refused.len() as u64;
        for &why in ignored.iter() {
            intake.stats.ignored[why as usize] += 1;
        }
        for &instrument in heard.iter() {
            if standings.wake(instrument) {
                intake.awake(instrument, ts_recv, sink);
            }
        }
        for (instrument, mut update) in updates.drain(..) {
            // A state that the venue tells takes the place of silence by itself.
            if standings.wake(instrument) && update.status.is_none() {
                intake.awake(instrument, ts_recv, sink);
            }
            let before = standings.told(instrument, &mut update);
            heard.push(instrument);
            if intake.take(instruments, instrument, &update, sink) == Some(Outcome::Rejected)
                && update.snapshot
            {
                standings.doubt_again(instrument, before);
            }
        }
    }
}

/// Plays a whole recording into the sink, without pauses. Receive times are those of the recording.
///
/// A frame that the decoder cannot take is counted and the next one is read: a recording has only one way to go on.
///
/// # Errors
/// When the recording cannot be read on. What came before stands in the sink and in [`FrameTap::stats`].
pub fn pump(reader: &mut CaptureReader, tap: &mut FrameTap, sink: &mut dyn Sink) -> Result<(), CaptureError> {
    while let Some(record) = reader.next()? {
        // The tap has counted the error; there is nobody to reconnect to.
        let _counted = tap.record(&record, sink);
    }
    Ok(())
}
