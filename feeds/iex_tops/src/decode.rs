//! Segments to updates: numbering, tops, trades, halts and the day.

use std::time::Duration;

use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Source, Status, Update};

use crate::catalogue;
use crate::messages::{Message, Quote, Trade};
use crate::segment::Segment;

/// Time without anything new after which old numbers mean that the numbering has begun anew: a single garbled number would
/// silence the feed for ever otherwise. The venue says something new each second.
const STUCK: Duration = Duration::from_secs(10);

/// Reads one group's segments.
#[derive(Debug, Default)]
pub struct Tops {
    numbering: Option<Numbering>,
    /// The hours of the system are over.
    closed: bool,
    /// By instrument.
    known: Vec<Known>,
}

/// Where the numbers of a session stand.
#[derive(Clone, Copy, Debug)]
struct Numbering {
    stream: (u32, u32),
    /// The number to come.
    next: u64,
    /// When something new was heard last.
    advanced: Micros,
}

/// What is known of one symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The venue has halted or paused it (`H`).
    halted: bool,
    /// IEX has halted it (`O`).
    held: bool,
    /// The flags of its last quote say that it cannot be traded.
    unavailable: bool,
    /// Its top was told, and nothing was missed since.
    stated: bool,
    /// The status that was told last, once one was.
    told: Option<Status>,
    /// Its last trade, and the one before: what `B` takes back is mostly one of them.
    trades: [Option<Printed>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Printed {
    id: i64,
    price: Decimal,
    size: Decimal,
}

impl Tops {
    /// A decoder that has heard nothing yet.
    pub const fn new() -> Tops {
        Tops { numbering: None, closed: false, known: Vec::new() }
    }

    /// Follows the numbers. Returns how many messages of the segment are known already.
    fn follow(&mut self, segment: &Segment<'_>, ts_recv: Micros, batch: &mut Batch) -> usize {
        let end = segment.first + u64::from(segment.count);
        let fresh = Numbering { stream: segment.stream, next: end, advanced: ts_recv };
        let Some(was) = self.numbering.replace(fresh) else { return 0 };
        if was.stream != segment.stream {
            self.restart(segment.first, ts_recv, batch);
            return 0;
        }
        if segment.first > was.next {
            self.miss(ts_recv, batch);
            return 0;
        }
        if end >= was.next {
            return usize::try_from(was.next - segment.first).unwrap_or(usize::MAX);
        }
        if ts_recv.since(was.advanced) >= STUCK {
            self.restart(segment.first, ts_recv, batch);
            return 0;
        }
        self.numbering = Some(was);
        usize::from(segment.count)
    }

    /// Something was missed: any quote may have changed, any trade been made or taken back, any halt and the day itself have
    /// begun or ended.
    fn miss(&mut self, ts_recv: Micros, batch: &mut Batch) {
        for (place, known) in self.known.iter_mut().enumerate() {
            let traded = known.trades[0].is_some();
            let told = known.told.map(|_| Status::Suspect);
            if told.is_some() && (traded || told != known.told) {
                let mut update = Update::of_status(Status::Suspect, Reason::Gap, ts_recv);
                if traded {
                    update.tell_trade(None, None, None);
                }
                batch.push(InstrumentId(place as u32), update);
            }
            *known = Known { told, ..Known::default() };
        }
        self.closed = false;
    }

    /// The venue has begun anew: nothing that is known holds.
    fn restart(&mut self, first: u64, ts_recv: Micros, batch: &mut Batch) {
        if self.closed && first <= 1 {
            // The next day, heard from its first message on: that opens it.
            return;
        }
        for (place, known) in self.known.iter_mut().enumerate() {
            if known.told.is_some() {
                let mut update = Update::of_status(Status::Suspect, Reason::Reset, ts_recv);
                update.tell_side(Field::Bid, None, None);
                update.tell_side(Field::Ask, None, None);
                batch.push(InstrumentId(place as u32), update);
            }
            *known = Known { told: known.told.map(|_| Status::Suspect), ..Known::default() };
        }
        self.closed = false;
    }

    /// Tells every symbol that has a status another one.
    fn tell_all(&mut self, status: Status, reason: Reason, ts_recv: Micros, batch: &mut Batch) {
        for (place, known) in self.known.iter_mut().enumerate() {
            if known.told.is_some_and(|told| told != status) {
                known.told = Some(status);
                batch.push(InstrumentId(place as u32), Update::of_status(status, reason, ts_recv));
            }
        }
    }

    /// The symbol, with what is known of it.
    fn find(&mut self, symbol: &str, batch: &mut Batch) -> Option<(InstrumentId, &mut Known)> {
        let Some(id) = batch.instruments.resolve_as(symbol, catalogue::symbol) else {
            batch.ignore(Ignored::UnknownSymbol);
            return None;
        };
        if self.known.len() <= id.place() {
            self.known.resize(id.place() + 1, Known::default());
        }
        Some((id, &mut self.known[id.place()]))
    }

    fn quote(&mut self, quote: &Quote<'_>, ts_recv: Micros, batch: &mut Batch) {
        let closed = self.closed;
        let Some((id, known)) = self.find(quote.symbol, batch) else { return };
        known.unavailable = !quote.available;
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = Some(quote.at);
        update.tell_side(Field::Bid, quote.bid.0, quote.bid.1);
        update.tell_side(Field::Ask, quote.ask.0, quote.ask.1);
        // Each quote is the whole top; the first one, and the first after a gap, state the symbol afresh.
        update.snapshot = !std::mem::replace(&mut known.stated, true);
        update.status = known.turn(closed);
        batch.push(id, update);
    }

    fn trade(&mut self, trade: &Trade<'_>, ts_recv: Micros, batch: &mut Batch) {
        let closed = self.closed;
        let Some((id, known)) = self.find(trade.symbol, batch) else { return };
        let printed = Printed { id: trade.id, price: trade.price(), size: trade.size.into() };
        known.trades = [Some(printed), known.trades[0]];
        let mut update = told_trade(Some(printed), trade.at, ts_recv);
        if known.told.is_none() {
            // The first word of it; after a gap only a quote will do.
            update.status = known.turn(closed);
        }
        batch.push(id, update);
    }

    /// A trade is taken back. When it is the last one, the one before stands again; without one nothing does.
    fn take_back(&mut self, trade: &Trade<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some((id, known)) = self.find(trade.symbol, batch) else { return };
        let [last, before] = known.trades;
        let is_it = |printed: Option<Printed>| printed.is_some_and(|printed| printed.id == trade.id);
        if is_it(last) {
            known.trades = [before, None];
            batch.push(id, told_trade(before, trade.at, ts_recv));
            return;
        }
        if is_it(before) {
            known.trades[1] = None;
        }
        // An older trade than those that can be shown.
        batch.ignore(Ignored::NotAQuote);
    }

    fn halt(
        &mut self,
        symbol: &str,
        at: Micros,
        set: impl FnOnce(&mut Known),
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let closed = self.closed;
        let Some((id, known)) = self.find(symbol, batch) else { return };
        set(known);
        // Nothing makes a symbol live but its quote: one whose top is not stated waits for it.
        match (known.stated || known.is_halted()).then(|| known.turn(closed)).flatten() {
            Some((status, reason)) => {
                let mut update = Update::of_status(status, reason, ts_recv);
                update.ts_event = Some(at);
                batch.push(id, update);
            }
            None => batch.ignore(Ignored::NotAQuote),
        }
    }

    fn system(&mut self, event: u8, ts_recv: Micros, batch: &mut Batch) {
        match event {
            b'E' | b'C' if !self.closed => {
                self.closed = true;
                self.tell_all(Status::Closed, Reason::Venue, ts_recv, batch);
            }
            b'O' | b'S' if self.closed => {
                self.closed = false;
                self.tell_all(Status::Connecting, Reason::NotHeard, ts_recv, batch);
                self.known.fill(Known::default());
            }
            _ => batch.ignore(Ignored::NotAQuote),
        }
    }
}

impl Known {
    const fn is_halted(&self) -> bool {
        self.halted || self.held || self.unavailable
    }

    /// The status as it is now, if that was not told last.
    fn turn(&mut self, closed: bool) -> Option<(Status, Reason)> {
        let (status, reason) = match (closed, self.is_halted()) {
            (true, _) => (Status::Closed, Reason::Venue),
            (false, true) => (Status::Halted, Reason::Venue),
            (false, false) => (Status::Live, Reason::Confirmed),
        };
        (self.told.replace(status) != Some(status)).then_some((status, reason))
    }
}

fn told_trade(trade: Option<Printed>, at: Micros, ts_recv: Micros) -> Update {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = Some(at);
    update.tell_trade(trade.map(|printed| printed.price), trade.map(|printed| printed.size), None);
    update
}

impl Decoder for Tops {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Binary(bytes) = frame else {
            return Err(DecodeError::Garbage("text where segments are due"));
        };
        let segment = Segment::read(bytes)?;
        let known = self.follow(&segment, ts_recv, batch);
        for (place, message) in segment.messages().enumerate() {
            if place < known {
                batch.ignore(Ignored::Duplicate);
                continue;
            }
            match Message::read(message) {
                Message::Quote(quote) => self.quote(&quote, ts_recv, batch),
                Message::Trade(trade) => self.trade(&trade, ts_recv, batch),
                Message::Break(trade) => self.take_back(&trade, ts_recv, batch),
                Message::Trading(symbol, at, trading) => {
                    self.halt(symbol, at, |known| known.halted = !trading, ts_recv, batch);
                }
                Message::Operational(symbol, at, trading) => {
                    self.halt(symbol, at, |known| known.held = !trading, ts_recv, batch);
                }
                Message::System(event) => self.system(event, ts_recv, batch),
                Message::Directory(symbol) => {
                    // The name is known from now on; nothing else of it fills a field.
                    if self.find(symbol, batch).is_some() {
                        batch.ignore(Ignored::NotAQuote);
                    }
                }
                Message::Other => batch.ignore(Ignored::NotAQuote),
                Message::Unreadable => batch.ignore(Ignored::BadNumber),
            }
        }
        Ok(if segment.count == 0 { "heartbeat" } else { "segment" })
    }
}

#[cfg(test)]
mod tests;
