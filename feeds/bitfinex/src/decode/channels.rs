//! What the numbers of channels stand for: the acknowledgement of a subscription is the only place that says it.

use std::collections::HashMap;

use feed::{InstrumentId, Instruments};
use market::Micros;

use super::shapes::Event;
use crate::session::SILENCE;

/// Most channels of one connection. The venue takes 36.
const CHANNELS_MAX: usize = 1_000;

/// What a channel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `book` of precision P0.
    Book,
    /// `trades`.
    Trades,
    /// `ticker`.
    Ticker,
    /// `status` of a perpetual.
    Status,
    /// What fills no field, with the kind of its frames.
    Other(&'static str),
}

impl Kind {
    /// The venue's word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Book => "book",
            Kind::Trades => "trades",
            Kind::Ticker => "ticker",
            Kind::Status => "status",
            Kind::Other(name) => name,
        }
    }
}

/// One channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) kind: Kind,
    /// The symbol; `None` when it is not one of ours.
    pub(super) instrument: Option<InstrumentId>,
    /// Nothing came on it yet: the next data is its snapshot.
    pub(super) fresh: bool,
    /// When something came on it last; `None` until then, and after its silence was found.
    heard: Option<Micros>,
}

/// The channels of one connection.
#[derive(Debug, Default)]
pub(super) struct Channels(HashMap<u64, Channel>);

impl Channels {
    /// Takes an acknowledgement.
    pub(super) fn add(&mut self, number: u64, event: &Event<'_>, instruments: &mut Instruments) {
        if self.0.len() >= CHANNELS_MAX {
            return;
        }
        let key = event.key.as_deref().and_then(|key| key.strip_prefix("deriv:"));
        // Funding currencies begin with `f` and have no quote.
        let native = event.symbol.as_deref().or(key).filter(|native| native.starts_with('t'));
        let kind = match event.channel.as_deref() {
            Some("book") if event.prec.as_deref().is_none_or(|prec| prec == "P0") => Kind::Book,
            Some("book") => Kind::Other("book"),
            Some("trades") => Kind::Trades,
            Some("ticker") => Kind::Ticker,
            Some("status") if key.is_some() => Kind::Status,
            Some("status") => Kind::Other("status"),
            Some("candles") => Kind::Other("candles"),
            _ => Kind::Other("other"),
        };
        let kind = if native.is_some() { kind } else { Kind::Other(kind.name()) };
        let instrument = native.and_then(|native| instruments.resolve(native));
        self.0.insert(number, Channel { kind, instrument, fresh: true, heard: None });
    }

    /// Forgets a channel.
    pub(super) fn remove(&mut self, number: u64) {
        self.0.remove(&number);
    }

    /// The channel as it was before this frame, which is not the first one any more from now on.
    pub(super) fn take(&mut self, number: u64, ts_recv: Micros) -> Option<Channel> {
        let channel = self.0.get_mut(&number)?;
        let before = *channel;
        channel.fresh = false;
        channel.heard = Some(ts_recv);
        Some(before)
    }

    /// Whether a channel of that symbol which spoke before has been silent for too long, while another one of it speaks now.
    /// Each silence is found once.
    pub(super) fn is_one_silent(&mut self, instrument: InstrumentId, ts_recv: Micros) -> bool {
        let mut found = false;
        for channel in self.0.values_mut().filter(|channel| channel.instrument == Some(instrument)) {
            let silent = channel.heard.is_some_and(|heard| ts_recv.since(heard) > SILENCE);
            if silent && !matches!(channel.kind, Kind::Other(_)) {
                channel.heard = None;
                found = true;
            }
        }
        found
    }
}
