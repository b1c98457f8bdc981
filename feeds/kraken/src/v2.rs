//! WebSocket v2: objects with JSON numbers.
//!
//! | frame | what it tells |
//! |---|---|
//! | `channel` ticker | top (unless a book does), last (unless trades do), 24 h figures |
//! | `channel` trade | last trade; the snapshot holds old ones and is told as history |
//! | `channel` book | top of the rebuilt book; every message has a checksum |
//! | `channel` heartbeat, status; `method` pong | that the connection is alive |
//! | `method` subscribe | whether a subscription was taken |
//!
//! Numbers arrive with all places of their pair (`0.00100000`), and the checksum is over those digits. A recording that
//! went through a JSON writer has lost trailing zeros (`0.001`, `4.0`): before the checksum each number is padded to the
//! most places seen so far in that pair's book. On the wire itself this changes nothing.

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::Ladder;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};
use serde::Deserialize;

use self::shapes::{BookData, Envelope, TickerData, TradeData};
use crate::session::book_text_v2;
use crate::state::{Slots, checksum, depth_for, read, read_nonzero};

/// Reads WebSocket v2 frames.
#[derive(Debug)]
pub struct V2 {
    slots: Slots,
    depth: usize,
    text: Vec<u8>,
    matched: u64,
}

impl V2 {
    /// A decoder for a new connection on which books of `depth` levels a side are subscribed.
    pub fn new(depth: usize) -> V2 {
        V2 { slots: Slots::default(), depth, text: Vec::new(), matched: 0 }
    }

    /// How many checksums matched so far.
    pub const fn checksums_matched(&self) -> u64 {
        self.matched
    }
}

impl Decoder for V2 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of v2"))?;
        let Some(channel) = envelope.channel.as_deref() else { return method(&envelope, batch) };
        let snapshot = envelope.kind.as_deref() == Some("snapshot");
        let by_kind = |snap: &'static str, update: &'static str| if snapshot { snap } else { update };
        match channel {
            "ticker" => {
                for ticker in data::<TickerData<'_>>(&envelope, "ticker")? {
                    self.ticker(&ticker, snapshot, ts_recv, batch);
                }
                Ok(by_kind("ticker:snapshot", "ticker:update"))
            }
            "trade" => {
                let mut trades = data::<TradeData<'_>>(&envelope, "trade")?;
                // Ids only grow; the guide does not say in which order a snapshot has them.
                trades.sort_by_key(|trade| trade.trade_id);
                for trade in &trades {
                    self.trade(trade, snapshot, ts_recv, batch);
                }
                Ok(by_kind("trade:snapshot", "trade:update"))
            }
            "book" => {
                let books = data::<BookData<'_>>(&envelope, "book")?;
                for book in &books {
                    self.book(book, snapshot, ts_recv, batch)?;
                }
                Ok(by_kind("book:snapshot", "book:update"))
            }
            "heartbeat" => Ok("heartbeat"),
            "status" => Ok("status:update"),
            "ohlc" => {
                batch.ignore(Ignored::NotAQuote);
                Ok(by_kind("ohlc:snapshot", "ohlc:update"))
            }
            "instrument" => {
                batch.ignore(Ignored::NotAQuote);
                Ok(by_kind("instrument:snapshot", "instrument:update"))
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

/// The data of a channel's message.
fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let data = envelope.data.ok_or(DecodeError::Garbage(what))?;
    serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage(what))
}

/// Reads an answer to something that we sent.
fn method(envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let kind = match envelope.method.as_deref() {
        Some("subscribe") => "subscribe",
        Some("unsubscribe") => "unsubscribe",
        Some("pong") => "pong",
        Some(_) => "method:other",
        // A request that Kraken could not even read is answered with an error and no method.
        None if envelope.error.is_some() => "error",
        None => return Err(DecodeError::Garbage("neither channel nor method")),
    };
    let failed = envelope.success == Some(false) || envelope.error.is_some();
    if failed && kind != "unsubscribe" {
        let symbol = envelope.symbol.as_deref();
        let why = envelope.error.as_deref().unwrap_or("no reason given");
        batch.refused.push((symbol.and_then(|native| batch.instruments.find(native)), why.to_owned()));
    }
    Ok(kind)
}

/// The instrument of that name; an unknown one is counted.
fn resolve(native: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(native);
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// The venue's time; `None` for 1970, which stands where Kraken has none.
fn moment(text: Option<&str>) -> Option<Micros> {
    Micros::parse_iso(text?).filter(|moment| moment.get() > 0)
}

impl V2 {
    fn ticker(&mut self, ticker: &TickerData<'_>, snapshot: bool, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&ticker.symbol, batch) else { return };
        let slot = self.slots.of(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = moment(ticker.timestamp.as_deref());
        update.snapshot = snapshot;
        if !slot.rebuilt.is_synchronised() {
            for (field, price, size) in
                [(Field::Bid, ticker.bid, ticker.bid_qty), (Field::Ask, ticker.ask, ticker.ask_qty)]
            {
                if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
                    update.tell_side(field, price, size);
                }
            }
        }
        let last = read_nonzero(ticker.last, batch);
        if let (false, Some(last)) = (slot.traded, last) {
            update.tell_trade(last, None, None);
        }
        // Kraken names no opening price but how far the last price is from it.
        if let (Some(last), Some(change)) = (last, read(ticker.change, batch)) {
            let open = last.zip(change).and_then(|(last, change)| last.checked_sub(change));
            update.tell(Field::Open24h, open.filter(|open| !open.is_zero()));
        }
        for (field, figure) in [(Field::High24h, ticker.high), (Field::Low24h, ticker.low)] {
            if let Some(figure) = read_nonzero(figure, batch) {
                update.tell(field, figure);
            }
        }
        if let Some(volume) = read(ticker.volume, batch) {
            update.tell(Field::Volume24h, volume);
        }
        // The ticker's time is when it was made. A trade that comes after it may have happened before, and would be taken for an
        // old one; without a time the better source wins.
        if update.told().contains(Field::Last) {
            update.ts_event = None;
        }
        batch.push(id, update);
    }

    fn trade(&mut self, trade: &TradeData<'_>, history: bool, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&trade.symbol, batch) else { return };
        let (Some(price), Some(size)) = (read_nonzero(trade.price, batch), read(trade.qty, batch)) else {
            return;
        };
        let mut update = Update::new(if history { Source::History } else { Source::Direct }, ts_recv);
        update.ts_event = moment(trade.timestamp.as_deref());
        let side = match trade.side.as_deref() {
            Some("buy") => Some(Side::Buy),
            Some("sell") => Some(Side::Sell),
            _ => None,
        };
        update.tell_trade(price, size, side);
        self.slots.of(id).traded |= !history;
        batch.push(id, update);
    }

    fn book(
        &mut self,
        data: &BookData<'_>,
        snapshot: bool,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(&data.symbol, batch) else { return Ok(()) };
        let slot = self.slots.of(id);
        if snapshot {
            slot.rebuilt.restart(depth_for(self.depth, data.bids.len().max(data.asks.len())));
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        for (ladder, levels) in [(Ladder::Asks, &data.asks), (Ladder::Bids, &data.bids)] {
            for level in levels {
                let numbers: Option<(Decimal, Decimal)> = level.numbers();
                let Some((price, size)) = numbers else {
                    batch.ignore(Ignored::BadNumber);
                    return self.lose(id, Reason::Gap, ts_recv, batch);
                };
                slot.places.see(price, size);
                slot.rebuilt.book.set(ladder, price, size);
            }
        }
        slot.rebuilt.book.truncate();
        if let Some(said) = data.checksum {
            if said != checksum(&slot.rebuilt.book, Some(slot.places), &mut self.text) {
                return self.lose(id, Reason::Checksum, ts_recv, batch);
            }
            self.matched += 1;
            slot.rebuilt.confirm();
        }
        slot.rebuilt.tell(id, moment(data.timestamp.as_deref()), ts_recv, batch);
        Ok(())
    }

    /// Tells the symbol suspect and asks for its book anew.
    fn lose(
        &mut self,
        id: InstrumentId,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        self.slots.of(id).rebuilt.lose(id, reason, ts_recv, batch)?;
        if let Some(native) = batch.instruments.get(id).map(|instrument| instrument.native.clone()) {
            batch.replies.push(book_text_v2("unsubscribe", &[&native], self.depth));
            batch.replies.push(book_text_v2("subscribe", &[&native], self.depth));
        }
        Ok(())
    }
}
