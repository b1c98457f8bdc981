//! Frames of market data v2 to updates.
//!
//! | message | what it tells |
//! |---|---|
//! | `q` | top |
//! | `t` | last trade, when its conditions let it be the last (`conditions`) |
//! | `c`, `x` | a trade was corrected, or taken back |
//! | `s` | halts and resumptions |
//! | `success`, `subscription`, `error` | answers |

mod conditions;
mod shapes;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Source, Status, Update};
use serde_json::value::RawValue;

use self::conditions::{Effect, effect};
use self::shapes::Said;

/// Trades that are remembered of each symbol, so that the last one can be taken back.
const TRADES_KEPT: usize = 8;

/// A trade by which a correction finds it: numbers are given out by each exchange.
#[derive(Clone, Debug, PartialEq)]
struct Trade {
    exchange: u8,
    id: u64,
    price: Decimal,
    size: Option<Decimal>,
}

/// Reads frames of market data v2.
#[derive(Debug, Default)]
pub struct AlpacaV2 {
    /// The latest trades of each symbol that made the last price, the last one at the end.
    trades: Vec<VecDeque<Trade>>,
    /// Of which symbols it was said on this connection whether they are traded, by a word or by a trade.
    spoken: Vec<bool>,
    authenticated: bool,
}

impl AlpacaV2 {
    /// A decoder for a new connection.
    pub fn new() -> AlpacaV2 {
        AlpacaV2::default()
    }

    /// Whether nothing on this connection had said if the symbol is traded. From now on something has.
    fn is_first_word(&mut self, id: InstrumentId) -> bool {
        let at = id.place();
        if self.spoken.len() <= at {
            self.spoken.resize(at + 1, false);
        }
        !std::mem::replace(&mut self.spoken[at], true)
    }

    fn trades(&mut self, id: InstrumentId) -> &mut VecDeque<Trade> {
        let at = id.place();
        if self.trades.len() <= at {
            self.trades.resize_with(at + 1, VecDeque::new);
        }
        &mut self.trades[at]
    }
}

impl Decoder for AlpacaV2 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let messages: Vec<Said<'_>> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an array of messages"))?;
        let mut first = Err(DecodeError::Garbage("an empty array"));
        for message in &messages {
            let kind = self.message(message, ts_recv, batch)?;
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

/// The number of a trade, and the letter of its exchange.
fn numbered(exchange: Option<&str>, id: Option<&RawValue>) -> (u8, Option<u64>) {
    let letter = exchange.and_then(|letter| letter.bytes().next()).unwrap_or_default();
    (letter, id.and_then(|id| id.get().parse().ok()))
}

/// What a status code means for trading; those about prices, imbalances and short sales mean nothing for it, and a resumption of
/// quotes (Q) none of trading.
fn trading(code: &str) -> Option<Status> {
    match code {
        "2" | "H" | "P" => Some(Status::Halted),
        "3" | "T" => Some(Status::Live),
        _ => None,
    }
}

impl AlpacaV2 {
    fn message(
        &mut self,
        message: &Said<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let kind = match &*message.kind {
            "q" => "q",
            "t" => "t",
            "c" => "c",
            "x" => "x",
            "s" => "s",
            "success" => {
                if message.msg.as_deref() == Some("authenticated") {
                    self.authenticated = true;
                    batch.ready = true;
                }
                return Ok("success");
            }
            "subscription" => return Ok("subscription"),
            "error" => return self.error(message, batch),
            other => {
                batch.ignore(Ignored::NotAQuote);
                return Ok(match other {
                    "l" => "l",
                    "b" | "d" | "u" => "bar",
                    _ => "other",
                });
            }
        };
        let Some(symbol) = message.symbol.as_deref() else { return Err(DecodeError::Garbage("no symbol")) };
        let Some(id) = batch.instruments.resolve(symbol) else {
            batch.ignore(Ignored::UnknownSymbol);
            return Ok(kind);
        };
        let at = message.time.as_deref().and_then(Micros::parse_iso);
        match kind {
            "q" => quote(id, message, at, ts_recv, batch),
            "t" => self.trade(id, message, at, ts_recv, batch),
            "c" => self.correct(id, message, at, ts_recv, batch),
            "x" => self.cancel(id, message, at, ts_recv, batch),
            _ => match message.status_code.as_deref().and_then(trading) {
                Some(status) => {
                    self.is_first_word(id);
                    batch.push(id, Update::of_status(status, Reason::Venue, ts_recv));
                }
                None => batch.ignore(Ignored::NotAQuote),
            },
        }
        Ok(kind)
    }

    fn error(&mut self, message: &Said<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
        let code = message.code.unwrap_or_default();
        let words = format!("{code} {}", message.msg.as_deref().unwrap_or_default());
        match code {
            402 => Err(DecodeError::GiveUp(words)),
            // Without a login these are about the key; with one about a single subscription.
            401 | 409 if !self.authenticated => Err(DecodeError::GiveUp(words)),
            // Too late, one too many (ours of before may not be gone yet), too slow, or a fault of the venue.
            404 | 406 | 407 | 500 => Err(DecodeError::Reconnect(Reason::Venue)),
            _ => {
                batch.refused.push((None, words));
                Ok("error")
            }
        }
    }

    fn trade(
        &mut self,
        id: InstrumentId,
        message: &Said<'_>,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let (Some(Some(price)), Some(size)) = (read(message.price, batch), read(message.size, batch)) else {
            return;
        };
        let of_last = |trades: &VecDeque<Trade>| {
            let (exchange, _) = numbered(message.exchange.as_deref(), None);
            trades.back().is_some_and(|last| last.exchange == exchange)
        };
        match effect(message.conditions, message.tape.as_deref()) {
            Some(Effect::Always) => {}
            Some(Effect::OfItsExchange) if of_last(self.trades(id)) => {}
            // Whether it was the first of the day nobody knows who began to listen in the middle of it.
            Some(Effect::OfItsExchange | Effect::AsTheFirst | Effect::Never) | None => {
                return batch.ignore(Ignored::NotAQuote);
            }
        }
        let trades = self.trades(id);
        if let (exchange, Some(number)) = numbered(message.exchange.as_deref(), message.id) {
            if trades.len() == TRADES_KEPT {
                trades.pop_front();
            }
            trades.push_back(Trade { exchange, id: number, price, size });
        }
        // A halt of an earlier connection may have ended unheard, and its end is not told again: a trade shows it.
        let resumed = self.is_first_word(id).then_some((Status::Live, Reason::Confirmed));
        let mut update = told(Some((price, size)), at, ts_recv);
        update.status = resumed;
        batch.push(id, update);
    }

    /// Where the trade of that number is among the latest.
    fn find(&mut self, id: InstrumentId, exchange: Option<&str>, number: Option<&RawValue>) -> Option<usize> {
        let (exchange, Some(number)) = numbered(exchange, number) else { return None };
        self.trades(id).iter().rposition(|trade| trade.exchange == exchange && trade.id == number)
    }

    fn correct(
        &mut self,
        id: InstrumentId,
        message: &Said<'_>,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let found = self.find(id, message.exchange.as_deref(), message.original_id);
        let Some(place) = found else { return batch.ignore(Ignored::NotAQuote) };
        let (Some(Some(price)), Some(size)) =
            (read(message.corrected_price, batch), read(message.corrected_size, batch))
        else {
            return;
        };
        let conditions = effect(message.corrected_conditions, message.tape.as_deref());
        if !matches!(conditions, Some(Effect::Always | Effect::OfItsExchange)) {
            // What it is now would not have made the last price.
            return self.take_back(id, place, at, ts_recv, batch);
        }
        let (exchange, number) = numbered(message.exchange.as_deref(), message.corrected_id);
        let trades = self.trades(id);
        let is_last = place + 1 == trades.len();
        let number = number.unwrap_or(trades[place].id);
        trades[place] = Trade { exchange, id: number, price, size };
        if is_last {
            batch.push(id, told(Some((price, size)), at, ts_recv));
        } else {
            batch.ignore(Ignored::NotAQuote);
        }
    }

    fn cancel(
        &mut self,
        id: InstrumentId,
        message: &Said<'_>,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        match self.find(id, message.exchange.as_deref(), message.id) {
            Some(place) => self.take_back(id, place, at, ts_recv, batch),
            None => batch.ignore(Ignored::NotAQuote),
        }
    }

    /// The last trade is the one before again; absent when none is remembered.
    fn take_back(
        &mut self,
        id: InstrumentId,
        place: usize,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let trades = self.trades(id);
        let was_last = place + 1 == trades.len();
        trades.remove(place);
        let last = trades.back().map(|trade| (trade.price, trade.size));
        if was_last {
            batch.push(id, told(last, at, ts_recv));
        } else {
            batch.ignore(Ignored::NotAQuote);
        }
    }
}

fn told(trade: Option<(Decimal, Option<Decimal>)>, at: Option<Micros>, ts_recv: Micros) -> Update {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = at;
    update.tell_trade(trade.map(|(price, _)| price), trade.and_then(|(_, size)| size), None);
    update
}

fn quote(id: InstrumentId, message: &Said<'_>, at: Option<Micros>, ts_recv: Micros, batch: &mut Batch) {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = at;
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
