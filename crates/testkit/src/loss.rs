//! What every decoder promises when a message is lost: once it can know, nothing is shown as live until it is right again.
//!
//! Sockets lose nothing, but venues do (a slow consumer is skipped), and so do faults of our own. A decoder has to notice
//! by the means that its venue gives: sequence numbers, checksums, whole snapshots.

use std::collections::{BTreeMap, HashMap};

use feed::capture::{CaptureReader, Payload};
use feed::{DecodeError, Frame, FrameTap, InstrumentId, Outcome, RestAnswer, Sink, SymbolRef};
use market::{Field, FieldSet, Group, Micros, Reason, Side, Source, Status, Symbol, Update, Values};

#[cfg(test)]
mod tests;

use crate::contract::Make;
use crate::proof::Fixtures;
use crate::script::Recorded;

/// A step of a recorded session.
#[derive(Clone, Debug)]
pub enum Step {
    /// A message of the venue.
    Frame(Recorded),
    /// An HTTP answer that stands inside the session (a book snapshot). These are never lost.
    Answer(RestAnswer, Micros),
}

impl From<Recorded> for Step {
    fn from(frame: Recorded) -> Step {
        Step::Frame(frame)
    }
}

/// The frames of `NAME.cap.gz`, and the HTTP answers of `REST.rest.gz` at the times at which they were received.
///
/// # Panics
/// When a file cannot be read.
pub fn steps(fixtures: &Fixtures, name: &str, rest: &str) -> Vec<Step> {
    let path = fixtures.path(&format!("{rest}.rest.gz"));
    let mut answers = Vec::new();
    let mut reader = CaptureReader::open(&path).unwrap_or_else(|error| panic!("{error}"));
    while let Some(record) = reader.next().unwrap_or_else(|error| panic!("{error}")) {
        if let Payload::Rest { url, body } = record.payload {
            let answer = RestAnswer { url: url.to_owned(), body: body.to_owned() };
            answers.push((record.ts_recv(), answer));
        }
    }
    let mut answers = answers.into_iter().peekable();
    let mut steps = Vec::new();
    for frame in fixtures.frames(name) {
        let now = frame.ts_recv.unwrap_or_default();
        while let Some((at, answer)) = answers.next_if(|(at, _)| *at <= now) {
            steps.push(Step::Answer(answer, at));
        }
        steps.push(Step::Frame(frame));
    }
    steps
}

/// What came of the losses. All of them together are those that were tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Messages that were lost, one at a time.
    pub tried: usize,
    /// The decoder noticed: a symbol became suspect, or the connection was given up.
    pub noticed: usize,
    /// It made no difference in the end.
    pub harmless: usize,
    /// In the end the symbol is not shown as live, so nothing wrong is.
    pub unshown: usize,
    /// Nothing of the kind came of the symbol afterwards, so nobody could know.
    pub last: usize,
    /// The venue gives no means to notice, by kind of message.
    pub unnumbered: BTreeMap<&'static str, usize>,
}

/// Plays the session once for each of at most `most` of its messages, taken evenly, without that one message:
///
/// 1. until the decoder notices, what is shown may be old;
/// 2. where it notices, the symbol is told `Suspect` before any value of it in that message, or a new connection is asked
///    for;
/// 3. from then on the symbol is not live until it is stated afresh, and whenever it is live it is what it would be without
///    the loss;
/// 4. a new connection, on which nothing is lost, ends as the session does;
/// 5. what is never noticed makes no difference in the end, unless nothing of the kind came afterwards, or the message
///    is of a kind in `unnumbered`: those of which the venue gives no means to notice a loss.
///
/// The session itself must be whole: nothing in it may be suspect.
///
/// # Panics
/// When a promise is broken; the message shows the lost one.
pub fn check_every_loss(
    make: &Make<'_>,
    session: &[Step],
    most: usize,
    unnumbered: &[&'static str],
) -> Losses {
    let mut whole = Play::new(make);
    let mut truth = Vec::with_capacity(session.len());
    for (place, step) in session.iter().enumerate() {
        let read = whole.step(place, step);
        let kind = read.unwrap_or_else(|error| match error {
            DecodeError::Garbage(_) => "garbage",
            DecodeError::Reconnect(_) | DecodeError::GiveUp(_) => {
                panic!("step {place} is not whole: {error}")
            }
        });
        assert!(whole.screen.doubted_now.is_empty(), "step {place} is not whole: {}", shown(step));
        let mut told = Vec::new();
        for symbol in &whole.screen.told_now {
            told.push((*symbol, whole.screen.of(*symbol).values));
        }
        truth.push(Truth { kind, heard: whole.tap.heard().to_vec(), told });
    }
    let frames: Vec<usize> =
        (0..session.len()).filter(|&place| matches!(session[place], Step::Frame(_))).collect();
    let mut losses = Losses::default();
    for &lost in frames.iter().step_by(frames.len().div_ceil(most.max(1)).max(1)) {
        losses.tried += 1;
        let mut play = Play::new(make);
        if play.without(lost, session, &truth) {
            losses.noticed += 1;
            play.afresh(make, session, lost);
            if let Some(difference) = play.screen.difference(&whole.screen, false) {
                panic!("after a new connection {difference}; lost was {}", shown(&session[lost]));
            }
            continue;
        }
        if play.screen.difference(&whole.screen, false).is_none() {
            losses.harmless += 1;
        } else if let Some(difference) = play.screen.difference(&whole.screen, true) {
            let kind = truth[lost].kind;
            if let Some(kind) = unnumbered.iter().find(|of| **of == kind) {
                *losses.unnumbered.entry(kind).or_default() += 1;
            } else if truth[lost].is_last(&truth[lost + 1..]) {
                losses.last += 1;
            } else {
                panic!("nobody noticed, and {difference}; lost was {kind} {}", shown(&session[lost]));
            }
        } else {
            losses.unshown += 1;
        }
    }
    losses
}

/// What a step says when nothing is lost.
struct Truth {
    kind: &'static str,
    heard: Vec<InstrumentId>,
    told: Vec<(SymbolRef, Values)>,
}

impl Truth {
    /// Whether none of these is of the same kind and speaks of the same instruments.
    fn is_last(&self, later: &[Truth]) -> bool {
        let same = |other: &Truth| {
            other.kind == self.kind
                && (self.heard.is_empty() || other.heard.iter().any(|id| self.heard.contains(id)))
        };
        !later.iter().any(same)
    }
}

/// A session being played.
struct Play {
    tap: FrameTap,
    screen: Screen,
}

impl Play {
    fn new(make: &Make<'_>) -> Play {
        let (decoder, instruments) = make();
        Play { tap: FrameTap::new(decoder, instruments), screen: Screen::default() }
    }

    fn step(&mut self, place: usize, step: &Step) -> Result<&'static str, DecodeError> {
        self.screen.told_now.clear();
        self.screen.doubted_now.clear();
        self.screen.told_before_doubt.clear();
        match step {
            Step::Frame(recorded) => {
                let ts_recv = recorded.ts_recv.unwrap_or(Micros(1 + place as i64));
                match recorded.frame() {
                    Some(Frame::Text(text)) => self.tap.frame(Frame::Text(text), ts_recv, &mut self.screen),
                    Some(frame) => self.tap.frame(frame, ts_recv, &mut self.screen),
                    None => Ok("ping"),
                }
            }
            Step::Answer(answer, ts_recv) => {
                self.tap.rest(&answer.url, &answer.body, *ts_recv, &mut self.screen);
                Ok("answer")
            }
        }
    }

    /// Plays everything but one message, as far as the decoder goes along. Returns whether it noticed.
    fn without(&mut self, lost: usize, session: &[Step], truth: &[Truth]) -> bool {
        let mut right: HashMap<SymbolRef, Values> = HashMap::new();
        let mut noticed = Vec::new();
        for (place, step) in session.iter().enumerate() {
            right.extend(truth[place].told.iter().copied());
            if place == lost {
                continue;
            }
            let read = self.step(place, step);
            for &symbol in &self.screen.doubted_now {
                let told_first = self.screen.told_before_doubt.contains(&symbol);
                assert!(!told_first, "a value left before the doubt, at {}", shown(step));
                noticed.push(symbol);
            }
            match read {
                Err(DecodeError::Reconnect(_)) => return true,
                Err(error @ DecodeError::GiveUp(_)) => {
                    panic!("{error}, only because a message was lost: {}", shown(&session[lost]))
                }
                Ok(_) | Err(DecodeError::Garbage(_)) => {}
            }
            for &symbol in &noticed {
                let shown_now = self.screen.of(symbol);
                if shown_now.status == Status::Live
                    && let Some(right) = right.get(&symbol)
                    && let Some(field) = differing(&shown_now.values, right)
                {
                    panic!(
                        "{} is live again and its {} is {} instead of {}, at {}; lost was {}",
                        shown_now.name,
                        field.name(),
                        value(&shown_now.values, field),
                        value(right, field),
                        shown(step),
                        shown(&session[lost])
                    );
                }
            }
        }
        !noticed.is_empty()
    }

    /// A new connection, on which nothing is lost.
    fn afresh(&mut self, make: &Make<'_>, session: &[Step], lost: usize) {
        let all: Vec<SymbolRef> = self.tap.symbols().to_vec();
        self.screen.feed_status(Status::Stale, Reason::Gap, &all);
        self.tap.renew(make().0);
        for (place, step) in session.iter().enumerate() {
            let read = self.step(place, step);
            let whole = matches!(read, Ok(_) | Err(DecodeError::Garbage(_)));
            assert!(
                whole && self.screen.doubted_now.is_empty(),
                "a new connection is in doubt, at {}; lost was {}",
                shown(step),
                shown(&session[lost])
            );
        }
    }
}

/// The field by which two quotes differ.
fn differing(one: &Values, other: &Values) -> Option<Field> {
    if one.side() != other.side() {
        return Some(Field::LastSide);
    }
    Field::NUMBER_FIELDS.into_iter().find(|&field| one.number(field) != other.number(field))
}

/// A field as a failure shows it.
fn value(values: &Values, field: Field) -> String {
    match field {
        Field::LastSide => values.side().map_or("absent", Side::name).to_owned(),
        _ => values.number(field).map_or_else(|| "absent".to_owned(), |number| number.to_string()),
    }
}

/// A step as a failure shows it.
fn shown(step: &Step) -> String {
    format!("{step:?}").chars().take(400).collect()
}

/// What a client would see: the rules of the contract for values and states, and none for times and sequences, because
/// what is played here is in order.
#[derive(Debug, Default)]
struct Screen {
    quotes: Vec<Quote>,
    by_name: HashMap<String, SymbolRef>,
    /// Told a value, became suspect, told a value before it became suspect: by the present message.
    told_now: Vec<SymbolRef>,
    doubted_now: Vec<SymbolRef>,
    told_before_doubt: Vec<SymbolRef>,
}

#[derive(Clone, Debug, Default)]
struct Quote {
    name: String,
    values: Values,
    status: Status,
    /// In doubt, whatever the status says meanwhile.
    doubted: bool,
    told: [bool; Group::COUNT],
}

impl Screen {
    fn of(&self, symbol: SymbolRef) -> &Quote {
        &self.quotes[symbol.0 as usize]
    }

    /// How this differs from what is right: in quotes that are live, or also by one that is not.
    fn difference(&self, right: &Screen, in_live_ones: bool) -> Option<String> {
        for want in &right.quotes {
            let have = self.by_name.get(&want.name).map(|&symbol| self.of(symbol));
            let Some(have) = have.filter(|have| have.status == want.status) else {
                if in_live_ones && have.is_none_or(|have| have.status != Status::Live) {
                    continue;
                }
                let status = have.map_or(Status::Unknown, |have| have.status);
                return Some(format!("{} is {} instead of {}", want.name, status.name(), want.status.name()));
            };
            if let Some(field) = differing(&have.values, &want.values) {
                let (have, right) = (value(&have.values, field), value(&want.values, field));
                return Some(format!("{} of {} is {have} instead of {right}", field.name(), want.name));
            }
        }
        None
    }
}

impl Sink for Screen {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        let next = SymbolRef(self.quotes.len() as u32);
        let known = *self.by_name.entry(symbol.as_str().to_owned()).or_insert(next);
        if known == next {
            self.quotes.push(Quote { name: symbol.as_str().to_owned(), ..Quote::default() });
        }
        Some(known)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let quote = &mut self.quotes[symbol.0 as usize];
        let mut taken = FieldSet::EMPTY;
        for group in Group::ALL {
            let fields = update.told().intersection(group.fields());
            let told = &mut quote.told[group as usize];
            if fields.is_empty() || (update.source == Source::History && *told) {
                continue;
            }
            *told = true;
            taken = taken.union(fields);
        }
        for field in taken.intersection(FieldSet::NUMBERS).iter() {
            quote.values.set_number(field, update.values().number(field));
        }
        if taken.contains(Field::LastSide) {
            quote.values.set_side(update.values().side());
        }
        quote.doubted &= !update.snapshot;
        match update.status {
            Some((Status::Suspect, _)) => {
                if self.told_now.contains(&symbol) {
                    self.told_before_doubt.push(symbol);
                }
                self.doubted_now.push(symbol);
                (quote.status, quote.doubted) = (Status::Suspect, true);
            }
            Some((Status::Live, _)) if quote.doubted => quote.status = Status::Suspect,
            Some((status, _)) => quote.status = status,
            None if matches!(quote.status, Status::Halted | Status::Closed | Status::Delisted) => {}
            None => quote.status = if quote.doubted { Status::Suspect } else { Status::Live },
        }
        if !taken.is_empty() {
            self.told_now.push(symbol);
        }
        Outcome::Changed
    }

    fn feed_status(&mut self, status: Status, _: Reason, symbols: &[SymbolRef]) {
        for symbol in symbols {
            let quote = &mut self.quotes[symbol.0 as usize];
            if matches!(quote.status, Status::Live | Status::Suspect) {
                quote.status = status;
            }
        }
    }
}
