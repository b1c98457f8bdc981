//! Frames of both interfaces to updates.
//!
//! | current | older | what it tells |
//! |---|---|---|
//! | `orderbook` | `orderbooksnapshot`, `orderbookdepth` | top |
//! | `trade` | `transaction` | last trade |
//! | `ticker` | `ticker` | figures of 24 h, and the last trade while no trade came; the current one the market's state |
//! | `status`, `error` | `status` | life, answers, refusals |

mod old;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::Rebuilt;
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};

use self::shapes::{Said, level, moment};

/// What the older interface answers when it has done what was asked.
const DONE: &str = "0000";

/// What is remembered of one market on one connection.
#[derive(Debug, Default)]
struct Slot {
    /// A live trade came.
    traded: bool,
    state: Option<Status>,
    /// The older interface's book, and the time of the snapshot that it began with.
    rebuilt: Rebuilt,
    snapshot_at: Option<Micros>,
}

/// Reads frames of both interfaces.
#[derive(Debug, Default)]
pub struct Bithumb {
    slots: Vec<Slot>,
}

impl Bithumb {
    /// A decoder for a new connection.
    pub fn new() -> Bithumb {
        Bithumb::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for Bithumb {
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
        let message: Said<'_> = serde_json::from_str(text)
            .map_err(|_| DecodeError::Garbage("not a message of either interface"))?;
        match (message.kind.as_deref(), message.content) {
            (Some(kind), Some(content)) => self.older(kind, content.get(), ts_recv, batch),
            (Some(kind), None) => self.current(kind, &message, ts_recv, batch),
            (None, _) => aside(&message, batch),
        }
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

fn resolve(native: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(native);
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// What is not data: answers and refusals.
fn aside(message: &Said<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let word = |text: &Option<feed::json::Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
    if let Some(error) = &message.error {
        batch.refused.push((None, format!("{} {}", word(&error.name), word(&error.message))));
        return Ok("error");
    }
    if let Some(status) = message.status.as_deref() {
        if message.words.is_some() && status != DONE {
            batch.refused.push((None, format!("{status} {}", word(&message.words))));
        }
        return Ok("status");
    }
    if message.foreign.is_some() {
        // Bithumb Global spoke like this: another exchange of the same name, which ended in 2022.
        batch.ignore(Ignored::NotAQuote);
        return Ok("status");
    }
    Err(DecodeError::Garbage("neither data nor answer"))
}

impl Bithumb {
    fn current(
        &mut self,
        kind: &str,
        message: &Said<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let kind = match kind {
            "orderbook" => "orderbook",
            "trade" => "trade",
            "ticker" => "ticker",
            _ => {
                batch.ignore(Ignored::NotAQuote);
                return Ok("other");
            }
        };
        let Some(code) = message.code.as_deref() else { return Err(DecodeError::Garbage("no code")) };
        let Some(id) = resolve(code, batch) else { return Ok(kind) };
        match kind {
            "orderbook" => whole(id, message, ts_recv, batch)?,
            "trade" => self.trade(id, message, ts_recv, batch),
            _ => self.ticker(id, message, ts_recv, batch),
        }
        Ok(kind)
    }

    fn trade(&mut self, id: InstrumentId, message: &Said<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Some(Some(price)), Some(size)) = (read(message.price, batch), read(message.volume, batch))
        else {
            return;
        };
        let history = message.stream.as_deref() == Some("SNAPSHOT");
        let mut update = Update::new(if history { Source::History } else { Source::Direct }, ts_recv);
        update.ts_event = moment(message.timestamp);
        update.tell_trade(Some(price), size, taker(message));
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
            update.tell_trade(price, size.filter(|_| price.is_some()), taker(message));
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
            let confirmed = state == Status::Live && slot.state.is_none();
            slot.state = Some(state);
            update.status = Some((state, if confirmed { Reason::Confirmed } else { Reason::Venue }));
        }
        batch.push(id, update);
    }
}

fn taker(message: &Said<'_>) -> Option<Side> {
    match message.side.as_deref() {
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

/// The whole book, of which the best level a side is told: the first that is neither padding nor an order too small to be
/// printed.
fn whole(
    id: InstrumentId,
    message: &Said<'_>,
    ts_recv: Micros,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let Some(units) = &message.units else { return Err(DecodeError::Garbage("book without levels")) };
    let ungrouped = |lv: Number<'_>| lv.decimal().is_ok_and(|lv| lv.is_none_or(|it| it <= Decimal::ONE));
    if message.level.is_some_and(|level| !ungrouped(level)) {
        batch.ignore(Ignored::NotAQuote);
        return Ok(());
    }
    let mut update = Update::new(Source::Book, ts_recv);
    update.ts_event = moment(message.timestamp);
    for field in [Field::Bid, Field::Ask] {
        let mut best = None;
        for unit in units {
            let (price, size) =
                if field == Field::Bid { (unit.bid, unit.bid_size) } else { (unit.ask, unit.ask_size) };
            let Some((price, size)) = level(price, size) else {
                batch.ignore(Ignored::BadNumber);
                return Ok(());
            };
            if !price.is_zero() && !size.is_zero() {
                best = Some((price, size));
                break;
            }
        }
        update.tell_side(field, best.map(|(price, _)| price), best.map(|(_, size)| size));
    }
    batch.push(id, update);
    Ok(())
}
