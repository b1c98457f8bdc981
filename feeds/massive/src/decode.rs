//! Frames of the stocks cluster to updates.
//!
//! | event | what it tells |
//! |---|---|
//! | `Q` | top |
//! | `T` | last trade, when its conditions let it be the last (`conditions`) |
//! | `LULD` | halts and resumptions, by its indicators |
//! | `status` | answers |

mod conditions;
mod shapes;
#[cfg(test)]
mod tests;

use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Source, Status, Update};

use self::conditions::{Effect, effect};
use self::shapes::{Said, moment};

/// The indicators of a halt and of a resumption.
const HALT: u32 = 17;
const RESUMPTION: u32 = 18;

/// Reads frames of the stocks cluster.
#[derive(Debug, Default)]
pub struct Stocks {
    /// Of which tickers it was said on this connection whether they are traded, by an indicator or by a trade.
    spoken: Vec<bool>,
}

impl Stocks {
    /// A decoder for a new connection.
    pub const fn new() -> Stocks {
        Stocks { spoken: Vec::new() }
    }

    /// Whether nothing on this connection had said if the ticker is traded. From now on something has.
    fn is_first_word(&mut self, id: InstrumentId) -> bool {
        let at = id.place();
        if self.spoken.len() <= at {
            self.spoken.resize(at + 1, false);
        }
        !std::mem::replace(&mut self.spoken[at], true)
    }
}

impl Decoder for Stocks {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let messages: Vec<Said<'_>> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an array of events"))?;
        let mut first = Err(DecodeError::Garbage("an empty array"));
        for message in &messages {
            let kind = self.event(message, ts_recv, batch)?;
            if first.is_err() {
                first = Ok(kind);
            }
        }
        first
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

impl Stocks {
    fn event(
        &mut self,
        message: &Said<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let kind = match &*message.ev {
            "Q" => "Q",
            "T" => "T",
            "LULD" => "LULD",
            "status" => return answer(message, batch),
            other => {
                batch.ignore(Ignored::NotAQuote);
                return Ok(match other {
                    "A" => "A",
                    "AM" => "AM",
                    _ => "other",
                });
            }
        };
        let Some(ticker) = message.sym.as_deref().or(message.ticker.as_deref()) else {
            return Err(DecodeError::Garbage("no ticker"));
        };
        let Some(id) = batch.instruments.resolve(ticker) else {
            batch.ignore(Ignored::UnknownSymbol);
            return Ok(kind);
        };
        match kind {
            "Q" => quote(id, message, ts_recv, batch),
            "T" => self.trade(id, message, ts_recv, batch),
            _ => self.bands(id, message, ts_recv, batch),
        }
        Ok(kind)
    }

    fn trade(&mut self, id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Some(Some(price)), Some(size)) = (read(message.price, batch), read(message.size, batch)) else {
            return;
        };
        // Whether it was the first of the day nobody knows who began to listen in the middle of it.
        if effect(message.conditions) != Some(Effect::Always) {
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(message.time);
        update.tell_trade(Some(price), size, None);
        // A halt of an earlier connection may have ended unheard, and its end is not told again: a trade shows it.
        update.status = self.is_first_word(id).then_some((Status::Live, Reason::Confirmed));
        batch.push(id, update);
    }

    /// Price bands fill no field; two of the indicators are halt and resumption.
    fn bands(&mut self, id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
        let indicators = message.indicators.map(|raw| serde_json::from_str::<Vec<u32>>(raw.get()));
        let indicators = indicators.and_then(Result::ok).unwrap_or_default();
        let status = indicators.iter().rev().find_map(|&indicator| match indicator {
            HALT => Some(Status::Halted),
            RESUMPTION => Some(Status::Live),
            _ => None,
        });
        match status {
            Some(status) => {
                self.is_first_word(id);
                batch.push(id, Update::of_status(status, Reason::Venue, ts_recv));
            }
            None => batch.ignore(Ignored::NotAQuote),
        }
    }
}

fn quote(id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = moment(message.time);
    for (field, price, size) in
        [(Field::Bid, message.bid, message.bid_size), (Field::Ask, message.ask, message.ask_size)]
    {
        if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
            let price = price.filter(|price| !price.is_zero());
            update.tell_side(field, price, size.filter(|_| price.is_some()));
        }
    }
    batch.push(id, update);
}

fn answer(message: &Said<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let words = || message.message.as_deref().unwrap_or_default().to_owned();
    match message.status.as_deref().unwrap_or_default() {
        "connected" | "success" => {}
        "auth_success" => batch.ready = true,
        "auth_failed" => return Err(DecodeError::GiveUp(format!("auth_failed {}", words()))),
        // Ours of before may not be gone yet.
        "auth_timeout" | "max_connections" => return Err(DecodeError::Reconnect(Reason::Venue)),
        other => {
            // The words name the topic (`Q.AAPL`) or the ticker, if anything.
            let said = words();
            let name = |word: &str| {
                let ticker = word.split_once('.').map_or(word, |(_, ticker)| ticker);
                batch.instruments.find(word).or_else(|| batch.instruments.find(ticker))
            };
            let id = said.split(&[' ', ',', ':', '\''][..]).find_map(name);
            batch.refused.push((id, format!("{other} {said}")));
        }
    }
    Ok("status")
}
