//! WebSocket v1: frames to updates.
//!
//! | message | what it tells |
//! |---|---|
//! | `orderbook` | top |
//! | `trade` | last trade; as history when it is told on subscribing |
//! | `ticker` | volumes of 24 h, the market's state, and the last trade while no trade came |
//! | `status`, `error` | life, refusals |

mod shapes;
#[cfg(test)]
mod tests;

use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};
use serde_json::value::RawValue;

use self::shapes::{Said, moment};

/// What is remembered of one market on one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// A live trade came.
    traded: bool,
    state: Option<Status>,
}

/// Reads WebSocket v1 frames, in either spelling, alone or in lists.
#[derive(Debug, Default)]
pub struct UpbitV1 {
    slots: Vec<Slot>,
}

impl UpbitV1 {
    /// A decoder for a new connection.
    pub fn new() -> UpbitV1 {
        UpbitV1::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for UpbitV1 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| DecodeError::Garbage("binary frame that is no text"))?,
        };
        if !text.starts_with('[') {
            return self.message(text, ts_recv, batch);
        }
        let list: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a list of messages"))?;
        let mut kind = Err(DecodeError::Garbage("an empty list"));
        for (at, message) in list.iter().enumerate() {
            let read = self.message(message.get(), ts_recv, batch)?;
            if at == 0 {
                kind = Ok(read);
            }
        }
        kind
    }
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let read = number?.decimal();
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}

/// The taker's side.
fn side(word: Option<&str>) -> Option<Side> {
    match word {
        Some("BID") => Some(Side::Buy),
        Some("ASK") => Some(Side::Sell),
        _ => None,
    }
}

/// The state of a market as a status.
fn state(message: &Said<'_>) -> Option<Status> {
    match message.state.as_deref() {
        Some("ACTIVE") if message.suspended == Some(true) => Some(Status::Halted),
        Some("ACTIVE") => Some(Status::Live),
        // Listed, and not traded yet.
        Some("PREVIEW") => Some(Status::Closed),
        Some("DELISTED") => Some(Status::Delisted),
        _ => None,
    }
}

impl UpbitV1 {
    fn message(
        &mut self,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let message: Said<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a message of v1"))?;
        let Some(kind) = message.kind.as_deref() else { return aside(&message, batch) };
        let kind = match kind {
            "orderbook" => "orderbook",
            "trade" => "trade",
            "ticker" => "ticker",
            other => {
                batch.ignore(Ignored::NotAQuote);
                return Ok(if other.starts_with("candle") { "candle" } else { "other" });
            }
        };
        let Some(code) = message.code.as_deref() else { return Err(DecodeError::Garbage("no code")) };
        let Some(id) = batch.instruments.resolve(code) else {
            batch.ignore(Ignored::UnknownSymbol);
            return Ok(kind);
        };
        match kind {
            "orderbook" => book(id, &message, ts_recv, batch)?,
            "trade" => self.trade(id, &message, ts_recv, batch),
            _ => self.ticker(id, &message, ts_recv, batch),
        }
        Ok(kind)
    }

    fn trade(&mut self, id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Some(Some(price)), Some(size)) = (read(message.price, batch), read(message.volume, batch))
        else {
            return;
        };
        let history = message.stream.as_deref() == Some("SNAPSHOT");
        let source = if history { Source::History } else { Source::Direct };
        let mut update = Update::new(source, ts_recv);
        update.ts_event = moment(message.timestamp);
        update.tell_trade(Some(price), size, side(message.side.as_deref()));
        self.slot(id).traded |= !history;
        batch.push(id, update);
    }

    fn ticker(&mut self, id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = moment(message.timestamp);
        if !slot.traded
            && let (Some(price), Some(size)) = (read(message.price, batch), read(message.volume, batch))
        {
            update.tell_trade(price, size.filter(|_| price.is_some()), side(message.side.as_deref()));
        }
        for (field, figure) in
            [(Field::Volume24h, message.volume_24h), (Field::QuoteVolume24h, message.quote_volume_24h)]
        {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure);
            }
        }
        // The ticker's time is when it was made. A trade that comes after it may have happened before, and would be taken for an
        // old one; without a time the better source wins.
        if update.told().contains(Field::Last) {
            update.ts_event = None;
        }
        // A halt ends only by a word, which may be the first one on a new connection.
        if let Some(state) = state(message).filter(|&state| slot.state != Some(state)) {
            let reason = match (state, slot.state) {
                (Status::Live, None) => Reason::Confirmed,
                _ => Reason::Venue,
            };
            slot.state = Some(state);
            update.status = Some((state, reason));
        }
        batch.push(id, update);
    }
}

/// The whole book, of which the best level a side is told.
fn book(id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
    let Some(units) = &message.units else { return Err(DecodeError::Garbage("book without levels")) };
    let ungrouped =
        |level: Number<'_>| level.decimal().is_ok_and(|level| level.is_none_or(|it| it.is_zero()));
    if message.level.is_some_and(|level| !ungrouped(level)) {
        batch.ignore(Ignored::NotAQuote);
        return Ok(());
    }
    if units.broken {
        batch.ignore(Ignored::BadNumber);
        return Ok(());
    }
    let mut update = Update::new(Source::Book, ts_recv);
    update.ts_event = moment(message.timestamp);
    for (field, level) in [(Field::Bid, units.bid), (Field::Ask, units.ask)] {
        update.tell_side(field, level.map(|(price, _)| price), level.map(|(_, size)| size));
    }
    batch.push(id, update);
    Ok(())
}

/// What is not data: answers and refusals.
fn aside(message: &Said<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    if let Some(error) = &message.error {
        let word = |text: &Option<feed::json::Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
        batch.refused.push((None, format!("{} {}", word(&error.name), word(&error.message))));
        return Ok("error");
    }
    if message.status.is_some() {
        return Ok("status");
    }
    Err(DecodeError::Garbage("neither data nor answer"))
}
