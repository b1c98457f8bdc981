//! Gemini's frames to updates, of the current interface and of market data v2.
//!
//! | frame | what it tells |
//! |---|---|
//! | `bookTicker`, `depth` (of `@depthN`) | top, by the higher number |
//! | `depthUpdate` | top of the rebuilt book |
//! | `trade` of either | last trade |
//! | `markPrice`, `fundingAmount` | mark |
//! | `l2_updates` | top of the rebuilt book; its first one the newest trade so far |
//! | `mark_price_updates`, `funding_amount_updates` | mark, index |

mod shapes;
#[cfg(test)]
mod tests;
mod v2;

use feed::book::{Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};
use serde_json::value::RawValue;

use self::shapes::{Envelope, LevelText, nanos, whole};
use crate::session::method;

/// Most levels a side of a rebuilt book. The deepest recorded one has some hundred; what lies beyond this is no part of a
/// quote, and without a bound a venue could make us keep anything.
const LEVELS_MAX: usize = 20_000;

/// Longest symbol; the longest today has 14 letters.
const SYMBOL_BYTES_MAX: usize = 32;

/// What is remembered of one symbol on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    /// The `u` of the latest `depthUpdate`.
    number: u64,
    /// The highest number of a `bookTicker` or a `@depthN`.
    best: Option<u64>,
    traded: bool,
}

/// Reads frames of both interfaces.
#[derive(Debug, Default)]
pub struct Gemini {
    slots: Vec<Slot>,
}

impl Gemini {
    /// A decoder for a new connection.
    pub fn new() -> Gemini {
        Gemini::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for Gemini {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of Gemini"))?;
        if let Some(kind) = envelope.kind.as_deref() {
            return self.v2(kind, &envelope, ts_recv, batch);
        }
        if envelope.result.as_deref() == Some("error") {
            batch.refused.push((None, envelope.reason.as_deref().unwrap_or("error").to_owned()));
            return Ok("error");
        }
        if envelope.status.is_some() {
            return Ok(answer(&envelope, batch));
        }
        let kind = kind_of(&envelope).ok_or(DecodeError::Garbage("neither a stream nor an answer"))?;
        let native = envelope.s.as_deref().or(envelope.symbol.as_deref());
        if kind == "other" {
            batch.ignore(Ignored::NotAQuote);
            return Ok(kind);
        }
        let Some(id) = resolve(native, batch) else { return Ok(kind) };
        match kind {
            "bookTicker" => self.best(id, &envelope, ts_recv, batch),
            "depth" => self.partial(id, &envelope, ts_recv, batch)?,
            "depthUpdate" => self.change(id, &envelope, ts_recv, batch)?,
            "trade" => self.trade(id, &envelope, ts_recv, batch),
            _ => {
                // `markPrice` and `fundingAmount` have the mark under the same name.
                let mut update = Update::new(Source::Direct, ts_recv);
                update.ts_event = nanos(envelope.event_time);
                if let Some(mark) = read(envelope.p, batch) {
                    update.tell(Field::Mark, mark);
                }
                batch.push(id, update);
            }
        }
        Ok(kind)
    }
}

/// The kind of a frame of the current interface: most of them do not say it.
fn kind_of(envelope: &Envelope<'_>) -> Option<&'static str> {
    match envelope.event.as_deref() {
        Some("depthUpdate") => Some("depthUpdate"),
        Some("bookTicker") => Some("bookTicker"),
        Some("trade") => Some("trade"),
        Some("markPrice") => Some("markPrice"),
        Some("fundingAmount") => Some("fundingAmount"),
        Some(_) => Some("other"),
        None if envelope.last_update_id.is_some() => Some("depth"),
        None if envelope.t.is_some() && envelope.p.is_some() => Some("trade"),
        None if envelope.u.is_some() => Some("bookTicker"),
        None => None,
    }
}

/// An answer to one of our texts, which repeats its `id`: the symbol, or the stream of a mark.
fn answer(envelope: &Envelope<'_>, batch: &mut Batch) -> &'static str {
    if whole(envelope.status) == Some(200) {
        return "ack";
    }
    let id = envelope.id.map(|id| id.raw().trim_matches('"').to_owned()).unwrap_or_default();
    let error = envelope.error.as_ref();
    let code = error.and_then(|error| error.code.as_ref()).map(Number::raw).unwrap_or_default();
    let words = error.and_then(|error| error.msg.as_deref()).unwrap_or("refused");
    if id.contains('@') {
        // A quote without a mark is still a quote.
        batch.ignore(Ignored::NotAQuote);
        return "error";
    }
    batch.refused.push((find(&id, batch), format!("{code} {words}")));
    "error"
}

/// A name in upper case, as the catalogue has it; `None` when it is too long for a symbol.
fn upper<'a>(native: &str, buffer: &'a mut [u8; SYMBOL_BYTES_MAX]) -> Option<&'a str> {
    let upper = buffer.get_mut(..native.len())?;
    upper.copy_from_slice(native.as_bytes());
    upper.make_ascii_uppercase();
    std::str::from_utf8(upper).ok()
}

/// A known instrument, whichever case its name is in.
fn find(native: &str, batch: &Batch) -> Option<InstrumentId> {
    let mut buffer = [0; SYMBOL_BYTES_MAX];
    let upper = upper(native, &mut buffer).and_then(|upper| batch.instruments.find(upper));
    upper.or_else(|| batch.instruments.find(native))
}

/// The instrument of that name; an unknown one, or none, is counted.
fn resolve(native: Option<&str>, batch: &mut Batch) -> Option<InstrumentId> {
    let id = native.and_then(|native| find(native, batch).or_else(|| batch.instruments.resolve(native)));
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let read = number?.decimal();
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}

/// A number that is absent where it is not said.
fn read_or_absent(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    match number {
        None => Some(None),
        said => read(said, batch),
    }
}

/// Every level of one side.
fn levels(side: &RawValue) -> Option<Vec<(Decimal, Decimal)>> {
    let levels: Vec<LevelText<'_>> = serde_json::from_str(side.get()).ok()?;
    levels.iter().map(LevelText::numbers).collect()
}

impl Gemini {
    /// `@bookTicker`: the venue's own word for the top. A side without orders is empty or left out.
    fn best(&mut self, id: InstrumentId, said: &Envelope<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        let number = whole(said.u);
        if number.is_some() && number == slot.best {
            return batch.ignore(Ignored::Duplicate);
        }
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = nanos(said.event_time);
        for (field, price, size) in [(Field::Bid, said.b, said.bid_size), (Field::Ask, said.a, said.ask_size)]
        {
            let price = price.map(|price| serde_json::from_str::<Number<'_>>(price.get()));
            let Ok(price) = price.transpose() else { return batch.ignore(Ignored::BadNumber) };
            let (Some(price), Some(size)) = (read_or_absent(price, batch), read_or_absent(size, batch))
            else {
                return;
            };
            update.tell_side(field, price, size.filter(|_| price.is_some()));
        }
        update.venue_seq = number;
        // The first on a connection states the top afresh, and so does the first after the numbers were restarted: else it
        // would be taken for an old one.
        update.snapshot = slot.best.is_none_or(|before| number.is_some_and(|now| now < before));
        slot.best = Some(number.unwrap_or(0));
        batch.push(id, update);
        if !self.slot(id).traded
            && let (Some(Some(price)), Some(size)) =
                (read(said.c, batch), read_or_absent(said.last_size, batch))
        {
            // Without a time: a trade that comes after this frame may have happened before it was sent.
            let mut update = Update::new(Source::Ticker, ts_recv);
            update.tell_trade(Some(price), size, None);
            batch.push(id, update);
        }
    }

    /// `@depthN`: the best levels, whole, every second. Told when they are newer than what `@bookTicker` said.
    fn partial(
        &mut self,
        id: InstrumentId,
        said: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some(bids), Some(asks)) = (said.bids, said.asks) else {
            return Err(DecodeError::Garbage("levels without their sides"));
        };
        let Some(number) = whole(said.last_update_id) else {
            return Err(DecodeError::Garbage("levels without a number"));
        };
        batch.heard.push(id);
        let slot = self.slot(id);
        if slot.best.is_some_and(|best| number <= best) {
            batch.ignore(Ignored::Duplicate);
            return Ok(());
        }
        let (Some(bids), Some(asks)) = (levels(bids), levels(asks)) else {
            batch.ignore(Ignored::BadNumber);
            return Ok(());
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        let bid = bids.iter().max_by_key(|(price, _)| *price);
        let ask = asks.iter().min_by_key(|(price, _)| *price);
        for (field, best) in [(Field::Bid, bid), (Field::Ask, ask)] {
            update.tell_side(field, best.map(|(price, _)| *price), best.map(|(_, size)| *size));
        }
        update.venue_seq = Some(number);
        update.snapshot = slot.best.replace(number).is_none();
        batch.push(id, update);
        Ok(())
    }

    /// `@depth`: the book where it was asked for, then changes each of which names the number before.
    fn change(
        &mut self,
        id: InstrumentId,
        said: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some(first), Some(last)) = (whole(said.first), whole(said.u)) else {
            return Err(DecodeError::Garbage("change without its numbers"));
        };
        let slot = self.slot(id);
        let synchronised = slot.rebuilt.is_synchronised();
        let snapshot = !synchronised && first == last;
        if snapshot {
            slot.rebuilt.restart(LEVELS_MAX);
        } else if !synchronised {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if last <= slot.number {
            batch.ignore(Ignored::Duplicate);
            return Ok(());
        } else if first > slot.number {
            return self.lose(id, ts_recv, batch);
        }
        for (ladder, side) in [(Ladder::Bids, said.b), (Ladder::Asks, said.a)] {
            let Some(side) = side else { continue };
            let Some(mut levels) = levels(side) else {
                batch.ignore(Ignored::BadNumber);
                return self.lose(id, ts_recv, batch);
            };
            if snapshot {
                // The best comes first; set from the other end, none has to make room for the next.
                levels.reverse();
            }
            for (price, size) in levels {
                slot.rebuilt.book.set(ladder, price, size);
            }
        }
        slot.rebuilt.book.truncate();
        slot.number = last;
        if !snapshot {
            slot.rebuilt.confirm();
        }
        if slot.best.is_some() {
            batch.ignore(Ignored::NotAQuote);
        } else {
            slot.rebuilt.tell(id, nanos(said.event_time), ts_recv, batch);
        }
        Ok(())
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew.
    fn lose(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        if slot.best.is_some() {
            slot.rebuilt.lose_unseen(Reason::Gap)?;
        } else {
            slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
        }
        if let Some(instrument) = batch.instruments.get(id) {
            let stream = [format!("{}@depth@100ms", instrument.native.to_ascii_lowercase())];
            let texts = ["unsubscribe", "subscribe"].map(|name| method(name, &stream[0], &stream));
            batch.replies.extend(texts);
        }
        Ok(())
    }

    fn trade(&mut self, id: InstrumentId, said: &Envelope<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Some(Some(price)), Some(size)) = (read(said.p, batch), read_or_absent(said.q, batch)) else {
            return;
        };
        let side = match said.m.as_ref().map(Number::raw) {
            Some("true") => Some(Side::Sell),
            Some("false") => Some(Side::Buy),
            _ => None,
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = nanos(said.event_time);
        update.tell_trade(Some(price), size, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }
}
