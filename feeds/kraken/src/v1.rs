//! WebSocket v1: arrays of numbers in strings.
//!
//! | frame | what it tells |
//! |---|---|
//! | `[id, {..}, "ticker", pair]` | top (unless a book does), last (unless trades do), 24 h figures |
//! | `[id, [[price, size, seconds, b or s, ..], ..], "trade", pair]` | last trade, oldest first |
//! | `[id, {"as","bs"}, "book-N", pair]` | a snapshot of the book, without a checksum |
//! | `[id, {"a"}, {"b","c"}, "book-N", pair]` | a change of the book, in one or two halves, with its checksum |
//! | `[id, [bid, ask, seconds, bid size, ask size], "spread", pair]` | top (unless a book does) |
//! | `{"event": ..}` | heartbeat, status, answers to subscriptions |

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::Ladder;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Field, Micros, Reason, Side, Source, Update};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::shapes::{Entries, Event, Half, Pieces, Spread, Ticker, Trade};
use crate::session::book_text_v1;
use crate::state::{Slots, checksum, depth_for, read, read_nonzero, seconds};

/// The depth of a channel that is called `book` without a number (the venue's default).
const DEPTH_DEFAULT: usize = 10;

/// Reads WebSocket v1 frames.
#[derive(Debug, Default)]
pub struct V1 {
    slots: Slots,
    text: Vec<u8>,
    matched: u64,
}

impl V1 {
    /// A decoder for a new connection.
    pub fn new() -> V1 {
        V1::default()
    }

    /// How many checksums matched so far.
    pub const fn checksums_matched(&self) -> u64 {
        self.matched
    }
}

impl Decoder for V1 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        if text.starts_with('{') {
            return event(text, batch);
        }
        let pieces: Pieces<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("neither event nor data"))?;
        let (channel, pair, data) = pieces.split()?;
        let (name, depth) = match channel.split_once('-') {
            Some((name, number)) => (name, number.parse().ok()),
            None => (&*channel, None),
        };
        let of_pair = |batch: &mut Batch| {
            let id = batch.instruments.resolve(&pair);
            if id.is_none() {
                batch.ignore(Ignored::UnknownSymbol);
            }
            id
        };
        match name {
            "ticker" => {
                let ticker: Ticker<'_> = one(data, "ticker")?;
                if let Some(id) = of_pair(batch) {
                    self.ticker(id, &ticker, ts_recv, batch);
                }
                Ok("ticker")
            }
            "trade" => {
                let trades: Vec<Trade<'_>> = one(data, "trade")?;
                if let Some(id) = of_pair(batch) {
                    self.trades(id, &trades, ts_recv, batch);
                }
                Ok("trade")
            }
            "spread" => {
                let spread: Spread<'_> = one(data, "spread")?;
                if let Some(id) = of_pair(batch) {
                    self.spread(id, &spread, ts_recv, batch);
                }
                Ok("spread")
            }
            "book" => {
                let halves = data
                    .iter()
                    .flatten()
                    .map(|half| serde_json::from_str(half.get()))
                    .collect::<Result<Vec<Half<'_>>, _>>()
                    .map_err(|_| DecodeError::Garbage("book"))?;
                if let Some(id) = of_pair(batch) {
                    self.book(id, &halves, depth.unwrap_or(DEPTH_DEFAULT), ts_recv, batch)?;
                }
                Ok("book")
            }
            "ohlc" => {
                batch.ignore(Ignored::NotAQuote);
                Ok("ohlc")
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

impl V1 {
    fn ticker(&mut self, id: InstrumentId, ticker: &Ticker<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slots.of(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        if !slot.rebuilt.is_synchronised() {
            for (field, side) in [(Field::Bid, &ticker.b), (Field::Ask, &ticker.a)] {
                // The middle entry is the size in whole lots: rounded, of no use.
                let Some(Entries { first, third, .. }) = side else { continue };
                if let (Some(price), Some(size)) = (read(*first, batch), read(*third, batch)) {
                    update.tell_side(field, price, size);
                }
            }
        }
        if let (false, Some(closed)) = (slot.traded, &ticker.c)
            && let (Some(price), Some(size)) = (read_nonzero(closed.first, batch), read(closed.second, batch))
        {
            update.tell_trade(price, size.filter(|_| price.is_some()), None);
        }
        // The first entry of each counts from midnight UTC, the second is the rolling 24 hours.
        for (field, figure) in
            [(Field::Open24h, &ticker.o), (Field::High24h, &ticker.h), (Field::Low24h, &ticker.l)]
        {
            if let Some(figure) = figure.as_ref().and_then(|f| read_nonzero(f.second, batch)) {
                update.tell(field, figure);
            }
        }
        if let Some(volume) = ticker.v.as_ref().and_then(|v| read(v.second, batch)) {
            update.tell(Field::Volume24h, volume);
        }
        batch.push(id, update);
    }

    fn trades(&mut self, id: InstrumentId, trades: &[Trade<'_>], ts_recv: Micros, batch: &mut Batch) {
        for trade in trades {
            let (Some(price), Some(size)) = (read_nonzero(trade.price, batch), read(trade.size, batch))
            else {
                continue;
            };
            let mut update = Update::new(Source::Direct, ts_recv);
            update.ts_event = trade.time.and_then(seconds);
            update.tell_trade(price, size, taker(trade.side.as_deref()));
            self.slots.of(id).traded = true;
            batch.push(id, update);
        }
    }

    fn spread(&mut self, id: InstrumentId, spread: &Spread<'_>, ts_recv: Micros, batch: &mut Batch) {
        if self.slots.of(id).rebuilt.is_synchronised() {
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = seconds(spread.time);
        for (field, price, size) in
            [(Field::Bid, spread.bid, spread.bid_size), (Field::Ask, spread.ask, spread.ask_size)]
        {
            if let (Some(price), Some(size)) = (read(Some(price), batch), read(Some(size), batch)) {
                update.tell_side(field, price, size);
            }
        }
        batch.push(id, update);
    }

    fn book(
        &mut self,
        id: InstrumentId,
        halves: &[Half<'_>],
        depth: usize,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slots.of(id);
        let is_snapshot = halves.iter().any(|half| half.as_.is_some() || half.bs.is_some());
        if is_snapshot {
            let longer =
                halves.iter().flat_map(|h| [&h.as_, &h.bs]).flatten().map(Vec::len).max().unwrap_or(0);
            slot.rebuilt.restart(depth_for(depth, longer));
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        let mut latest = None;
        for half in halves {
            let sides = [
                (Ladder::Asks, &half.as_),
                (Ladder::Bids, &half.bs),
                (Ladder::Asks, &half.a),
                (Ladder::Bids, &half.b),
            ];
            for (ladder, levels) in sides {
                for level in levels.iter().flatten() {
                    let Some((price, size)) = level.numbers() else {
                        batch.ignore(Ignored::BadNumber);
                        return self.lose(id, depth, Reason::Gap, ts_recv, batch);
                    };
                    // A republished level carries the time of its order, not of this message.
                    if !level.republished {
                        latest = latest.max(seconds(level.time));
                    }
                    slot.rebuilt.book.set(ladder, price, size);
                }
            }
        }
        slot.rebuilt.book.truncate();
        if let Some(said) = halves.iter().find_map(|half| half.c.as_ref()) {
            if said.parse() != Ok(checksum(&slot.rebuilt.book, None, &mut self.text)) {
                return self.lose(id, depth, Reason::Checksum, ts_recv, batch);
            }
            self.matched += 1;
            slot.rebuilt.confirm();
        }
        slot.rebuilt.tell(id, latest, ts_recv, batch);
        Ok(())
    }

    /// Tells the symbol suspect and asks for its book anew.
    fn lose(
        &mut self,
        id: InstrumentId,
        depth: usize,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        self.slots.of(id).rebuilt.lose(id, reason, ts_recv, batch)?;
        if let Some(native) = batch.instruments.get(id).map(|instrument| instrument.native.clone()) {
            batch.replies.push(book_text_v1("unsubscribe", &[&native], depth));
            batch.replies.push(book_text_v1("subscribe", &[&native], depth));
        }
        Ok(())
    }
}

/// The taker's side in a trade: Kraken's `side` is that of the order that triggered the trade.
fn taker(side: Option<&str>) -> Option<Side> {
    match side? {
        "b" => Some(Side::Buy),
        "s" => Some(Side::Sell),
        _ => None,
    }
}

fn event(text: &str, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let event: Event<'_> = serde_json::from_str(text).map_err(|_| DecodeError::Garbage("event"))?;
    let why = || event.error.as_deref().unwrap_or("no reason given").to_owned();
    match &*event.event {
        "heartbeat" => Ok("event:heartbeat"),
        "systemStatus" => Ok("event:systemStatus"),
        "pong" => Ok("event:pong"),
        "subscriptionStatus" => {
            if event.status.as_deref() == Some("error") {
                let id = event.pair.as_deref().and_then(|pair| batch.instruments.find(pair));
                batch.refused.push((id, why()));
            }
            Ok("event:subscriptionStatus")
        }
        "error" => {
            batch.refused.push((None, why()));
            Ok("event:error")
        }
        _ => {
            batch.ignore(Ignored::NotAQuote);
            Ok("event:other")
        }
    }
}

/// Reads the data piece of a frame that has exactly one.
fn one<'a, T: Deserialize<'a>>(
    data: [Option<&'a RawValue>; 2],
    what: &'static str,
) -> Result<T, DecodeError> {
    match data {
        [Some(data), None] => serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage(what)),
        _ => Err(DecodeError::Garbage(what)),
    }
}
