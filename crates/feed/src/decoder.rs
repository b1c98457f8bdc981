//! Frames to updates: the pure half of an adapter.

use std::fmt;

use market::{Micros, Reason, Update};

use crate::{InstrumentId, Instruments};

/// One message as it came from the venue.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// Why a message, or a part of one, led to no update. A closed list: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ignored {
    /// A channel that fills no field of a quote (candles, depth where a best-bid-offer channel is there).
    NotAQuote,
    /// A symbol that is not subscribed, or one more name than the capacity allows.
    UnknownSymbol,
    /// Repeats what was said before (Bitfinex `tu` after `te`).
    Duplicate,
    /// Came before the snapshot it builds on, or while waiting for a resynchronisation.
    BeforeSnapshot,
    /// A number that cannot be kept exactly, or text that is no number.
    BadNumber,
    /// A book message that left the top of book as it was.
    TopUnmoved,
}

impl Ignored {
    /// Every reason.
    pub const ALL: [Ignored; 6] = [
        Ignored::NotAQuote,
        Ignored::UnknownSymbol,
        Ignored::Duplicate,
        Ignored::BeforeSnapshot,
        Ignored::BadNumber,
        Ignored::TopUnmoved,
    ];

    /// The name in metrics and `--stats`.
    pub const fn name(self) -> &'static str {
        match self {
            Ignored::NotAQuote => "not_a_quote",
            Ignored::UnknownSymbol => "unknown_symbol",
            Ignored::Duplicate => "duplicate",
            Ignored::BeforeSnapshot => "before_snapshot",
            Ignored::BadNumber => "bad_number",
            Ignored::TopUnmoved => "top_unmoved",
        }
    }
}

/// What the driver does about a message that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Not what the venue documents: count it, drop it, carry on.
    Garbage(&'static str),
    /// The venue asks for a new connection, or this one cannot be trusted any more: reconnect.
    Reconnect(Reason),
    /// The venue refused for good (wrong credentials, banned): give up and say why.
    GiveUp(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Garbage(what) => write!(f, "unreadable message: {what}"),
            DecodeError::Reconnect(reason) => write!(f, "reconnect needed: {}", reason.name()),
            DecodeError::GiveUp(why) => write!(f, "venue refused: {why}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// What one frame said. Reused from frame to frame, so that decoding allocates nothing once warm.
#[derive(Debug)]
pub struct Batch {
    /// The feed's symbols. The decoder resolves native names here.
    pub instruments: Instruments,
    /// Updates in the order the venue told them. Drained by the driver after each frame.
    pub updates: Vec<(InstrumentId, Update)>,
    /// Text the driver must send back now (a pong, a resubscription).
    pub replies: Vec<String>,
    /// Subscriptions that the venue refused: the native name if it gave one, and its words.
    pub refused: Vec<(Option<InstrumentId>, String)>,
    /// What led to no update, in order.
    pub ignored: Vec<Ignored>,
    /// Signs of life of one symbol's subscription that tell no value (Bitfinex `hb`).
    pub heard: Vec<InstrumentId>,
    /// The venue is ready for the subscription (a welcome, a login that was accepted): see [`crate::Session::waits_for_ready`].
    pub ready: bool,
}

impl Batch {
    /// An empty batch over these instruments.
    pub fn new(instruments: Instruments) -> Batch {
        Batch {
            instruments,
            updates: Vec::new(),
            replies: Vec::new(),
            refused: Vec::new(),
            ignored: Vec::new(),
            heard: Vec::new(),
            ready: false,
        }
    }

    /// Adds an update. An update that tells nothing is left out.
    pub fn push(&mut self, instrument: InstrumentId, update: Update) {
        if !update.told().is_empty() || update.status.is_some() {
            self.updates.push((instrument, update));
        }
    }

    /// Counts something that led to no update.
    pub fn ignore(&mut self, why: Ignored) {
        self.ignored.push(why);
    }

    /// Empties everything but the instruments, keeping the memory.
    pub fn clear(&mut self) {
        self.updates.clear();
        self.replies.clear();
        self.refused.clear();
        self.ignored.clear();
        self.heard.clear();
        self.ready = false;
    }
}

/// Pure bytes to updates: no I/O, no clock, no logging.
pub trait Decoder: Send {
    /// Reads one frame that arrived at `ts_recv` and appends what it says to `batch` (which the driver has cleared).
    /// Returns the kind of message, from a closed list of the venue's own words (`"bookTicker"`, `"event:heartbeat"`);
    /// it is a metric label and the key in `replay --stats`.
    ///
    /// An error must leave the decoder able to take the next frame. What was already appended to `batch` is still
    /// applied, so a gap is told as a `Suspect` status *before* the error.
    ///
    /// # Errors
    /// See [`DecodeError`]: the variant says what the driver does next.
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError>;

    /// Reads a recorded HTTP answer that stands inside a session (book snapshots). Most venues need none.
    fn rest(&mut self, _url: &str, _body: &str, _ts_recv: Micros, _batch: &mut Batch) {}
}
