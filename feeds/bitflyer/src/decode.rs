//! JSON-RPC messages to updates.
//!
//! | channel | kind | what it tells |
//! |---|---|---|
//! | `lightning_board_snapshot_X` | `board_snapshot` | top of the book, afresh after a loss |
//! | `lightning_board_X` | `board` | top of the book |
//! | `lightning_ticker_X` | `ticker` | volume, state; top and last until better ones came |
//! | `lightning_executions_X` | `executions` | last trades |
//! | answers to calls | `rpc:result`, `rpc:error` | refusals |

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Book, Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::shapes::{Board, Envelope, Execution, Refusal, Rung, Ticker};
use crate::session::{CHANNELS, called};

/// Levels that are kept a side. A snapshot has 300; changes outside of them come as well.
const DEPTH: usize = 1_000;

/// What is remembered of one product on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    /// The middle that the latest message of the book told is not that of the book.
    doubted: bool,
    traded: bool,
    state: Option<Status>,
}

/// Reads messages of the Lightning Realtime API.
#[derive(Debug, Default)]
pub struct Lightning {
    slots: Vec<Slot>,
    matched: u64,
}

impl Lightning {
    /// A decoder for a new connection.
    pub fn new() -> Lightning {
        Lightning::default()
    }

    /// How many messages of books told the middle of the book as it was rebuilt.
    pub const fn middles_matched(&self) -> u64 {
        self.matched
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for Lightning {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        if text.starts_with('[') {
            // Only answers to calls come in lists.
            let answers: Vec<Envelope<'_>> =
                serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a list of answers"))?;
            let mut kind = Err(DecodeError::Garbage("an empty list"));
            for answer in &answers {
                kind = Ok(aside(answer, batch)?);
            }
            return kind;
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of JSON-RPC"))?;
        let Some(params) = &envelope.params else { return aside(&envelope, batch) };
        let [snapshot, board, ticker, executions] = CHANNELS;
        let channel = &*params.channel;
        // The name of the snapshots' channel begins with that of the changes'.
        if let Some(product) = channel.strip_prefix(snapshot) {
            self.board(product, params.message, true, ts_recv, batch)
        } else if let Some(product) = channel.strip_prefix(board) {
            self.board(product, params.message, false, ts_recv, batch)
        } else if let Some(product) = channel.strip_prefix(ticker) {
            let told: Ticker<'_> = content(params.message, "ticker")?;
            if let Some(id) = resolve(product, batch) {
                self.ticker(id, &told, ts_recv, batch);
            }
            Ok("ticker")
        } else if let Some(product) = channel.strip_prefix(executions) {
            let told: Vec<Execution<'_>> = content(params.message, "executions")?;
            if let Some(id) = resolve(product, batch) {
                for execution in &told {
                    self.execution(id, execution, ts_recv, batch);
                }
            }
            Ok("executions")
        } else {
            batch.ignore(Ignored::NotAQuote);
            Ok("other")
        }
    }
}

fn content<'a, T: Deserialize<'a>>(message: &'a RawValue, what: &'static str) -> Result<T, DecodeError> {
    serde_json::from_str(message.get()).map_err(|_| DecodeError::Garbage(what))
}

/// The product's instrument; an unknown one is counted.
fn resolve(product: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(product);
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

/// Answers to calls.
fn aside(envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    if let Some(Refusal { code, message }) = &envelope.error {
        let number = envelope.id.and_then(|id| i64::try_from(id.decimal().ok()??).ok());
        let id = number.and_then(called).filter(|&id| batch.instruments.get(id).is_some());
        let code = code.as_ref().map_or("", Number::raw);
        batch.refused.push((id, format!("{code} {}", message.as_deref().unwrap_or_default())));
        return Ok("rpc:error");
    }
    if envelope.result.is_some() {
        return Ok("rpc:result");
    }
    Err(DecodeError::Garbage("neither data nor answer"))
}

/// The state of a market as a status.
fn state(word: &str) -> Option<Status> {
    match word {
        "RUNNING" => Some(Status::Live),
        // Orders are collected and not matched.
        "PREOPEN" | "CIRCUIT BREAK" => Some(Status::Halted),
        "CLOSED" | "STARTING" | "AWAITING SQ" => Some(Status::Closed),
        "MATURED" => Some(Status::Delisted),
        _ => None,
    }
}

impl Lightning {
    fn ticker(&mut self, id: InstrumentId, ticker: &Ticker<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ticker.timestamp.as_deref().and_then(Micros::parse_iso);
        if !slot.rebuilt.is_synchronised() {
            for (field, price, size) in [
                (Field::Bid, ticker.best_bid, ticker.best_bid_size),
                (Field::Ask, ticker.best_ask, ticker.best_ask_size),
            ] {
                if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
                    update.tell_side(field, price, size);
                }
            }
        }
        if !slot.traded
            && let Some(price) = read(ticker.ltp, batch)
        {
            // A product that was never traded has a last price of zero.
            update.tell_trade(price.filter(|price| !price.is_zero()), None, None);
        }
        if let Some(volume) = read(ticker.volume_by_product.or(ticker.volume), batch) {
            update.tell(Field::Volume24h, volume);
        }
        // The ticker's time is when it was made. A trade that comes after it may have happened before, and would be taken for an
        // old one; without a time the better source wins.
        if update.told().contains(Field::Last) {
            update.ts_event = None;
        }
        // A halt ends only by a word, which may be the first one on a new connection.
        let state = ticker.state.as_deref().and_then(state);
        if let Some(state) = state.filter(|&state| slot.state != Some(state)) {
            let confirmed = state == Status::Live && slot.state.is_none();
            slot.state = Some(state);
            update.status = Some((state, if confirmed { Reason::Confirmed } else { Reason::Venue }));
        }
        batch.push(id, update);
    }

    fn execution(&mut self, id: InstrumentId, execution: &Execution<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Some(Some(price)), Some(size)) =
            (read(Some(execution.price), batch), read(Some(execution.size), batch))
        else {
            return;
        };
        let side = match execution.side.as_deref() {
            Some("BUY") => Some(Side::Buy),
            Some("SELL") => Some(Side::Sell),
            _ => None,
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = execution.exec_date.as_deref().and_then(Micros::parse_iso);
        update.tell_trade(Some(price), size, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    fn board(
        &mut self,
        product: &str,
        message: &RawValue,
        snapshot: bool,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let kind = if snapshot { "board_snapshot" } else { "board" };
        let board: Board<'_> = content(message, kind)?;
        let Some(id) = resolve(product, batch) else { return Ok(kind) };
        let slot = self.slot(id);
        if snapshot {
            begin(&mut slot.rebuilt);
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(kind);
        }
        if !set_levels(&mut slot.rebuilt.book, &board) {
            batch.ignore(Ignored::BadNumber);
            slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
            return Ok(kind);
        }
        let running = slot.state.is_none_or(|state| state == Status::Live);
        match middle(&slot.rebuilt.book, board.mid_price).filter(|_| running) {
            // Once it may be told between two states of the venue: nothing is said of that book until the next message.
            Some(false) if !slot.doubted => {
                slot.doubted = true;
                batch.ignore(Ignored::BeforeSnapshot);
                return Ok(kind);
            }
            Some(false) => {
                slot.doubted = false;
                slot.rebuilt.lose(id, Reason::Checksum, ts_recv, batch)?;
                return Ok(kind);
            }
            Some(true) => {
                slot.doubted = false;
                slot.rebuilt.confirm();
                self.matched += 1;
            }
            None => slot.doubted = false,
        }
        self.slot(id).rebuilt.tell(id, None, ts_recv, batch);
        Ok(kind)
    }
}

/// Empties the book for a snapshot. One that replaces a good book does not state the symbol afresh.
fn begin(rebuilt: &mut Rebuilt) {
    if rebuilt.is_synchronised() {
        rebuilt.book.restart(DEPTH);
    } else {
        rebuilt.restart(DEPTH);
    }
}

/// Sets every level of a message; false when one cannot be read. A price of zero is a market order of an auction, which stands
/// in no book.
fn set_levels(book: &mut Book, board: &Board<'_>) -> bool {
    for (ladder, levels) in [(Ladder::Bids, &board.bids), (Ladder::Asks, &board.asks)] {
        for Rung { price, size } in levels {
            let (Ok(Some(price)), Ok(Some(size))) = (price.decimal(), size.decimal()) else { return false };
            if !price.is_zero() {
                book.set(ladder, price, size);
            }
        }
    }
    book.truncate();
    true
}

/// Whether the told middle is that of the book, cut to the digits of a price. `None` when there is nothing to compare.
fn middle(book: &Book, told: Option<Number<'_>>) -> Option<bool> {
    let told = told?.decimal().ok()??;
    let top = book.top();
    let (bid, ask) = (top.bid?.price.normalize(), top.ask?.price.normalize());
    let middle = bid.checked_add(ask)?.checked_mul(Decimal::new(5, 1))?;
    let off = middle.checked_sub(told)?;
    let step = Decimal::new(1, bid.scale().max(ask.scale()));
    Some(!off.is_sign_negative() && off < step || off.is_zero())
}
