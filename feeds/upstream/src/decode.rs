//! Lines of a stream to updates: server-sent events, and NDJSON, which has the same objects.

use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Field, Micros, Reason, Side, Source, Status, Update, Values};

use crate::catalogue;

mod shapes;

use shapes::{Event, Hello, Lagged, Times};

/// Reads one stream.
#[derive(Debug, Default)]
pub struct Events {
    times: Times,
    /// By instrument.
    known: Vec<Known>,
}

/// A quote as the upstream has it.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Its snapshot has come, and nothing was lost since.
    stated: bool,
    seq: u64,
    status: Status,
    reason: Reason,
    values: Values,
}

impl Events {
    /// A decoder that has heard nothing yet.
    pub fn new() -> Events {
        Events::default()
    }

    /// The symbol, with what is known of it.
    fn find(&mut self, symbol: &str, batch: &mut Batch) -> Option<(InstrumentId, &mut Known)> {
        let Some(id) = batch.instruments.resolve_as(symbol, |_, name| catalogue::symbol(name)) else {
            batch.ignore(Ignored::UnknownSymbol);
            return None;
        };
        if self.known.len() <= id.place() {
            self.known.resize(id.place() + 1, Known::default());
        }
        Some((id, &mut self.known[id.place()]))
    }

    /// `snapshot`, `quote`, and `status` of a symbol.
    fn quote(&mut self, event: &Event<'_>, is_snapshot: bool, ts_recv: Micros, batch: &mut Batch) {
        let times = self.times;
        let (Some(symbol), Some(seq)) = (event.symbol.as_deref(), event.seq) else {
            // The state of a feed, which concerns its symbols by their own events.
            return batch.ignore(Ignored::NotAQuote);
        };
        let Some((id, known)) = self.find(symbol, batch) else { return };
        if !is_snapshot && !known.stated {
            return batch.ignore(Ignored::BeforeSnapshot);
        }
        if known.stated && seq <= known.seq {
            return batch.ignore(Ignored::Duplicate);
        }
        let before = (known.stated, known.status, known.reason);
        if is_snapshot {
            *known = Known { stated: true, ..Known::default() };
        }
        known.seq = seq;
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = event.ts_event.as_ref().and_then(|time| times.micros(time.get()));
        for (field, told) in event.numbers() {
            let Some(number) = told else { continue };
            match number.decimal() {
                Ok(number) => {
                    known.values.set_number(field, number);
                    update.tell(field, number);
                }
                Err(_) => batch.ignore(Ignored::BadNumber),
            }
        }
        if let Some(side) = &event.last_side {
            known.values.set_side(side.as_deref().and_then(side_of));
        }
        if let Some(status) = event.status.as_deref().and_then(Status::from_name) {
            known.status = status;
            known.reason = event.reason.as_deref().and_then(Reason::from_name).unwrap_or_default();
        }
        let turned = before != (true, known.status, known.reason);
        if turned {
            // What stands here may have lost fields since; it is told whole, and the gap before it, if any, is made good.
            update.status = Some((known.status, known.reason));
            if is_snapshot || known.status == Status::Live {
                update.snapshot = true;
                for field in Field::NUMBER_FIELDS {
                    update.tell(field, known.values.number(field));
                }
            }
        }
        if update.snapshot || event.last_side.is_some() {
            tell_side(&mut update, &known.values);
        }
        batch.push(id, update);
    }

    /// These symbols missed something: nothing of them holds until their snapshots come.
    fn doubt(&mut self, place: usize, reason: Reason, ts_recv: Micros, batch: &mut Batch) {
        let Some(known) = self.known.get_mut(place).filter(|known| known.stated) else { return };
        *known = Known::default();
        batch.push(InstrumentId(place as u32), Update::of_status(Status::Suspect, reason, ts_recv));
    }

    fn object(
        &mut self,
        json: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let garbage = |_| DecodeError::Garbage("an event of another form");
        let event: Event<'_> = serde_json::from_str(json).map_err(garbage)?;
        let kind = match &*event.kind {
            "snapshot" => {
                self.quote(&event, true, ts_recv, batch);
                return Ok("snapshot");
            }
            "quote" => {
                self.quote(&event, false, ts_recv, batch);
                return Ok("quote");
            }
            "status" => {
                self.quote(&event, false, ts_recv, batch);
                return Ok("status");
            }
            "heartbeat" => return Ok("heartbeat"),
            "hello" => {
                let hello: Hello<'_> = serde_json::from_str(json).map_err(garbage)?;
                self.times = Times::of(hello.effective.times.as_deref());
                for rejected in &hello.rejected {
                    let id = batch.instruments.find(&rejected.symbol);
                    batch.refused.push((id, rejected.reason.to_string()));
                }
                return Ok("hello");
            }
            "lagged" => {
                let lagged: Lagged<'_> = serde_json::from_str(json).map_err(garbage)?;
                for symbol in &lagged.symbols {
                    if let Some(id) = batch.instruments.find(symbol) {
                        self.doubt(id.place(), Reason::Gap, ts_recv, batch);
                    }
                }
                return Ok("lagged");
            }
            "reset" => {
                for place in 0..self.known.len() {
                    self.doubt(place, Reason::Reset, ts_recv, batch);
                }
                return Ok("reset");
            }
            // The answer ends with these, which is when the line is dialled again.
            "goodbye" => "goodbye",
            "refused" => "refused",
            _ => "other",
        };
        batch.ignore(Ignored::NotAQuote);
        Ok(kind)
    }
}

impl Decoder for Events {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(line) = frame else { return Err(DecodeError::Garbage("a line that is no text")) };
        if line.starts_with('{') {
            return self.object(line, ts_recv, batch);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.object(value, ts_recv, batch),
            "id" => Ok("id"),
            "event" => Ok("event"),
            "retry" => Ok("retry"),
            "" => Ok("comment"),
            _ => Err(DecodeError::Garbage("a line of no event")),
        }
    }
}

fn side_of(name: &str) -> Option<Side> {
    [Side::Buy, Side::Sell].into_iter().find(|side| side.name() == name)
}

/// Tells the taker's side, which is told with the trade that it belongs to.
fn tell_side(update: &mut Update, values: &Values) {
    update.tell_trade(values.number(Field::Last), values.number(Field::LastSize), values.side());
}

#[cfg(test)]
mod tests;
