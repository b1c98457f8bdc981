//! WebSocket v2: frames to updates.
//!
//! | frame | what it tells |
//! |---|---|
//! | `book` of precision P0 | top of the rebuilt book; `cs` vouches for it |
//! | `trades` with `te` | last trade; its snapshot the newest one so far |
//! | `ticker` | high, low, volume; last and prices until better channels do |
//! | `status` | mark and funding rate of a perpetual |
//! | `hb` | life of a symbol's channel, and by it the death of another one |
//! | events | what a channel's number stands for, answers, maintenance, errors |

mod channels;
mod checksum;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Ladder, Rebuilt};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Field, Micros, Reason, Side, Source, Status, Update};
use serde_json::value::RawValue;

use self::channels::{Channel, Channels, Kind};
use self::shapes::{Array, Event, Row, holds_rows, moment};
use crate::session::book_subscription;

/// Every array has a time at its end.
pub const FLAG_TIME: u64 = 32_768;
/// Every array has a counter at its end, before the time.
pub const FLAG_COUNTER: u64 = 65_536;
/// Books have checksums.
pub const FLAG_CHECKSUM: u64 = 131_072;
/// Changes of a book come several at once.
const FLAG_BULK: u64 = 536_870_912;

/// The server is about to be stopped.
const INFO_RECONNECT: u64 = 20_051;
/// Maintenance begins.
const INFO_PAUSE: u64 = 20_060;
/// Maintenance ended; everything should be subscribed anew.
const INFO_RESUME: u64 = 20_061;
/// Subscribed already.
const ERROR_DUPLICATE: u64 = 10_301;

/// Most levels a side. The deepest channel has 250 and removes what leaves it by itself; this bounds what a venue could make
/// us keep.
const LEVELS_MAX: usize = 1_000;

/// What is remembered of one symbol on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    /// The channel that the book is rebuilt from; another one of the same symbol is not needed.
    book: Option<u64>,
    traded: bool,
}

/// Reads WebSocket v2 frames of public channels.
#[derive(Debug, Default)]
pub struct BitfinexV2 {
    slots: Vec<Slot>,
    channels: Channels,
    flags: u64,
    counter: Option<u64>,
    text: Vec<u8>,
    matched: u64,
}

impl BitfinexV2 {
    /// A decoder for a new connection.
    pub fn new() -> BitfinexV2 {
        BitfinexV2::default()
    }

    /// How many checksums matched so far.
    pub const fn checksums_matched(&self) -> u64 {
        self.matched
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }

    const fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

/// When the venue says it was, and when it arrived.
type Times = (Option<Micros>, Micros);

impl Decoder for BitfinexV2 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        if text.starts_with('{') {
            let event: Event<'_> =
                serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an event of v2"))?;
            return self.event(&event, ts_recv, batch);
        }
        let array: Array<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("neither event nor array of v2"))?;
        self.array(&array, ts_recv, batch)
    }
}

/// A frame of a channel that cannot be read.
const fn garbage<T>(what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Garbage(what))
}

impl BitfinexV2 {
    fn array(
        &mut self,
        array: &Array<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (counts, timed) = (self.has(FLAG_COUNTER), self.has(FLAG_TIME));
        let mut parts = array.parts(usize::from(counts) + usize::from(timed));
        let Some(first) = parts.next() else { return garbage("a channel without data") };
        if counts {
            self.count(array.back(usize::from(timed)), ts_recv, batch)?;
        }
        let millis = array.back(0).filter(|_| timed).and_then(|millis| i64::try_from(millis).ok());
        let times = (millis.filter(|millis| *millis > 0).map(Micros::from_millis), ts_recv);
        let word = first.get();
        let Some(channel) = self.channels.take(array.channel, ts_recv) else {
            // A channel's heartbeat may come before the acknowledgement that says what the channel is.
            if word == "\"hb\"" {
                return Ok("hb");
            }
            batch.ignore(Ignored::UnknownSymbol);
            return Ok("unknown");
        };
        let Some(id) = channel.instrument else {
            batch.ignore(match channel.kind {
                Kind::Other(_) => Ignored::NotAQuote,
                _ => Ignored::UnknownSymbol,
            });
            return Ok(if word == "\"hb\"" { "hb" } else { channel.kind.name() });
        };
        match (channel.kind, word) {
            (_, "\"hb\"") => {
                batch.heard.push(id);
                return self.left_behind(id, ts_recv, batch).map(|()| "hb");
            }
            (Kind::Book, "\"cs\"") => {
                let said = parts.next().and_then(|said| said.get().parse().ok());
                let Some(said) = said else { return garbage("a checksum that is no number") };
                self.checksum(id, array.channel, said, ts_recv, batch)?;
                return Ok("book:cs");
            }
            (Kind::Trades, "\"te\"") => {
                let Some(row) = parts.next() else { return garbage("te without a trade") };
                self.trade(id, row, ts_recv, batch)?;
                return Ok("trades:te");
            }
            (Kind::Trades, "\"tu\"") => {
                batch.ignore(Ignored::Duplicate);
                return Ok("trades:tu");
            }
            (Kind::Trades, "\"fte\"" | "\"ftu\"") => {
                batch.ignore(Ignored::NotAQuote);
                return Ok("trades:funding");
            }
            _ => {}
        }
        match channel.kind {
            Kind::Book => self.book(id, array.channel, channel, first, times, batch)?,
            Kind::Trades => history(id, first, ts_recv, batch)?,
            Kind::Ticker => self.ticker(id, first, ts_recv, batch)?,
            Kind::Status => status(id, first, ts_recv, batch)?,
            Kind::Other(_) => batch.ignore(Ignored::NotAQuote),
        }
        Ok(channel.kind.name())
    }

    /// Checks that a frame is the next one of the connection.
    fn count(&mut self, said: Option<u64>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let Some(said) = said else { return garbage("an array without its counter") };
        let before = self.counter.replace(said);
        if before.is_none_or(|before| before.checked_add(1) == Some(said)) {
            return Ok(());
        }
        self.doubt(Reason::Gap, ts_recv, batch);
        Err(DecodeError::Reconnect(Reason::Gap))
    }

    /// At each heartbeat of one of its channels: whether another channel of the symbol has been silent although it is promised
    /// a heartbeat too. What it shows is old then, and only a new connection brings the channel back.
    fn left_behind(
        &mut self,
        id: InstrumentId,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if !self.channels.is_one_silent(id, ts_recv) {
            return Ok(());
        }
        batch.push(id, Update::of_status(Status::Suspect, Reason::Silence, ts_recv));
        Err(DecodeError::Reconnect(Reason::Silence))
    }

    /// Tells every symbol that has a book suspect.
    fn doubt(&mut self, why: Reason, ts_recv: Micros, batch: &mut Batch) {
        for (place, slot) in self.slots.iter_mut().enumerate() {
            if slot.rebuilt.is_synchronised() {
                // A new connection follows in any case.
                let _too_often = slot.rebuilt.lose(InstrumentId(place as u32), why, ts_recv, batch);
            }
        }
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        match &*event.event {
            "info" => match event.code {
                Some(INFO_RECONNECT | INFO_RESUME) => Err(DecodeError::Reconnect(Reason::Venue)),
                Some(INFO_PAUSE) => {
                    self.doubt(Reason::Venue, ts_recv, batch);
                    Ok("event:info")
                }
                _ => {
                    if event.platform.as_ref().is_some_and(|platform| platform.status == Some(0)) {
                        self.doubt(Reason::Venue, ts_recv, batch);
                    }
                    Ok("event:info")
                }
            },
            "conf" => {
                self.flags = event.flags.unwrap_or(0);
                // What was counted before, if anything, was counted otherwise.
                self.counter = None;
                Ok("event:conf")
            }
            "subscribed" => {
                let Some(number) = event.chan_id else { return garbage("subscribed without a channel") };
                self.channels.add(number, event, &mut batch.instruments);
                Ok("event:subscribed")
            }
            "unsubscribed" => {
                if let Some(number) = event.chan_id {
                    self.channels.remove(number);
                }
                Ok("event:unsubscribed")
            }
            "pong" => Ok("event:pong"),
            "error" => {
                let words = event.msg.as_deref().unwrap_or("error");
                let code = event.code.unwrap_or(0);
                if code == ERROR_DUPLICATE {
                    batch.ignore(Ignored::Duplicate);
                } else {
                    let key = event.key.as_deref().and_then(|key| key.strip_prefix("deriv:"));
                    let native = event.symbol.as_deref().or(key);
                    let id = native.and_then(|native| batch.instruments.find(native));
                    batch.refused.push((id, format!("{code} {words}")));
                }
                Ok("event:error")
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("event:other")
            }
        }
    }

    fn book(
        &mut self,
        id: InstrumentId,
        number: u64,
        channel: Channel,
        rows: &RawValue,
        (at, ts_recv): Times,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if !rows.get().starts_with('[') {
            return garbage("levels of a book");
        }
        let bulk = self.has(FLAG_BULK);
        let slot = self.slot(id);
        if slot.book.is_some_and(|book| book != number) {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let many = holds_rows(rows);
        let snapshot = many && (channel.fresh || !bulk);
        if !snapshot && !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        let read = if many {
            serde_json::from_str::<Vec<Row<'_, 3>>>(rows.get()).ok()
        } else {
            serde_json::from_str::<Row<'_, 3>>(rows.get()).ok().map(|row| vec![row])
        };
        let Some(mut read) = read else { return garbage("levels of a book") };
        if snapshot {
            slot.rebuilt.restart(LEVELS_MAX);
            slot.book = Some(number);
            // The best of each side comes first; set from the other end, none has to make room for the next.
            read.reverse();
        }
        if !read.iter().all(|row| set(&mut slot.rebuilt, row)) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, number, Reason::Gap, ts_recv, batch);
        }
        slot.rebuilt.book.truncate();
        slot.rebuilt.tell(id, at, ts_recv, batch);
        Ok(())
    }

    fn checksum(
        &mut self,
        id: InstrumentId,
        number: u64,
        said: i32,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let mut text = std::mem::take(&mut self.text);
        let slot = self.slot(id);
        let ours = slot.book == Some(number) && slot.rebuilt.is_synchronised();
        let fits = ours && checksum::of(&slot.rebuilt.book, &mut text) == said;
        if fits {
            slot.rebuilt.confirm();
        }
        self.text = text;
        match (ours, fits) {
            (false, _) => batch.ignore(Ignored::BeforeSnapshot),
            (true, true) => self.matched += 1,
            (true, false) => return self.lose(id, number, Reason::Checksum, ts_recv, batch),
        }
        Ok(())
    }

    /// Tells the symbol suspect, takes its book back and subscribes it again.
    fn lose(
        &mut self,
        id: InstrumentId,
        number: u64,
        why: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        slot.book = None;
        slot.rebuilt.lose(id, why, ts_recv, batch)?;
        if let Some(instrument) = batch.instruments.get(id) {
            batch.replies.push(format!(r#"{{"event":"unsubscribe","chanId":{number}}}"#));
            batch.replies.push(book_subscription(&instrument.native));
        }
        Ok(())
    }

    fn trade(
        &mut self,
        id: InstrumentId,
        row: &RawValue,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Ok(row) = serde_json::from_str::<Row<'_, 4>>(row.get()) else { return garbage("a trade") };
        self.slot(id).traded = true;
        tell_trade(id, &row, Source::Direct, ts_recv, batch);
        Ok(())
    }

    fn ticker(
        &mut self,
        id: InstrumentId,
        row: &RawValue,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Ok(row) = serde_json::from_str::<Row<'_, 10>>(row.get()) else { return garbage("a ticker") };
        let slot = self.slot(id);
        // The frame's time is when it was sent. A trade that comes after it may have happened before, and would be taken for
        // an old one; without a time the better source wins.
        let mut update = Update::new(Source::Ticker, ts_recv);
        let mut read = |place: usize| {
            let figure = row.0[place].decimal();
            if figure.is_err() {
                batch.ignore(Ignored::BadNumber);
            }
            figure.ok()
        };
        if !slot.rebuilt.is_synchronised() {
            for (field, place) in [(Field::Bid, 0), (Field::Ask, 2)] {
                // What stands beside the price is a sum over 25 levels.
                if let Some(price) = read(place) {
                    update.tell_side(field, price, None);
                }
            }
        }
        if !slot.traded
            && let Some(last) = read(6)
        {
            update.tell_trade(last, None, None);
        }
        for (field, place) in [(Field::Volume24h, 7), (Field::High24h, 8), (Field::Low24h, 9)] {
            if let Some(figure) = read(place) {
                update.tell(field, figure);
            }
        }
        batch.push(id, update);
        Ok(())
    }
}

/// Sets the level of `[price, count, amount]`; false when it cannot be read. Without orders the level is gone, and the
/// amount names the side alone.
fn set(rebuilt: &mut Rebuilt, row: &Row<'_, 3>) -> bool {
    let (Some(price), Some(count), Some(amount)) = (row.decimal(0), row.decimal(1), row.decimal(2)) else {
        return false;
    };
    let ladder = if amount.is_sign_negative() { Ladder::Asks } else { Ladder::Bids };
    let size = if count.is_zero() { count } else { amount.abs() };
    rebuilt.book.set(ladder, price, size);
    true
}

/// `[id, time, amount, price]`.
fn tell_trade(id: InstrumentId, row: &Row<'_, 4>, source: Source, ts_recv: Micros, batch: &mut Batch) {
    let (Some(price), Some(amount)) = (row.decimal(3), row.decimal(2)) else {
        return batch.ignore(Ignored::BadNumber);
    };
    let side = if amount.is_sign_negative() { Side::Sell } else { Side::Buy };
    let mut update = Update::new(source, ts_recv);
    update.ts_event = moment(row.raw(1));
    update.tell_trade(Some(price), Some(amount.abs()), Some(side));
    batch.push(id, update);
}

/// The trades that begin the channel: of them the newest is told.
fn history(id: InstrumentId, rows: &RawValue, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
    let Ok(rows) = serde_json::from_str::<Vec<Row<'_, 4>>>(rows.get()) else { return garbage("trades") };
    if let Some(newest) = rows.iter().max_by_key(|row| row.raw(0).parse::<u64>().unwrap_or(0)) {
        tell_trade(id, newest, Source::History, ts_recv, batch);
    }
    Ok(())
}

/// The row of a perpetual: its 12th entry is the funding rate of the next settlement, its 15th the mark.
fn status(id: InstrumentId, row: &RawValue, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
    let Ok(row) = serde_json::from_str::<Row<'_, 15>>(row.get()) else { return garbage("a status") };
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = moment(row.raw(0));
    for (field, place) in [(Field::FundingRate, 11), (Field::Mark, 14)] {
        match row.0[place].decimal() {
            Ok(figure) => update.tell(field, figure),
            Err(_) => batch.ignore(Ignored::BadNumber),
        }
    }
    batch.push(id, update);
    Ok(())
}
