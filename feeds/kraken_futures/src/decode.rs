//! Messages to updates.
//!
//! | kind | what it tells |
//! |---|---|
//! | `book_snapshot`, `book` | top of the rebuilt book |
//! | `ticker`, `ticker_lite` | top and last (unless better feeds do), volume, mark, index, funding, suspension |
//! | `trade` | last trade |
//! | `trade_snapshot` | the newest of the trades before the subscription, as history |
//! | `heartbeat`, `event:…` | life, answers, refusals |

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};

use self::shapes::{Message, moment};
use crate::session::request;

/// Most levels a side. The venue sends the whole book, of some hundred levels; the bound only stops a flood.
const LEVELS_MAX: usize = 20_000;

/// What told the last trade on this connection.
#[derive(Debug, Default)]
enum Traded {
    /// Nothing, or a ticker.
    #[default]
    No,
    /// A trade before the subscription, at that price.
    Before(Decimal),
    /// A trade.
    Live,
}

/// What is remembered of one contract on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    seq: Option<u64>,
    traded: Traded,
    /// A `ticker` came.
    ticker: bool,
    /// What the ticker said last of a suspension.
    suspended: Option<bool>,
}

/// Reads the frames of one connection.
#[derive(Debug, Default)]
pub struct KrakenFuturesDecoder {
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    slots: Vec<Slot>,
}

impl KrakenFuturesDecoder {
    /// A decoder for a new connection.
    pub fn new() -> KrakenFuturesDecoder {
        KrakenFuturesDecoder::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for KrakenFuturesDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let message: Message<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not as documented"))?;
        if let Some(name) = message.event.as_deref() {
            return Ok(event(name, &message, batch));
        }
        let kind = match message.feed.as_deref() {
            Some("book") => "book",
            Some("book_snapshot") => "book_snapshot",
            Some("ticker") => "ticker",
            Some("ticker_lite") => "ticker_lite",
            Some("trade") => "trade",
            Some("trade_snapshot") => "trade_snapshot",
            Some("heartbeat") => return Ok("heartbeat"),
            Some(_) => {
                batch.ignore(Ignored::NotAQuote);
                return Ok("other");
            }
            None => return Err(DecodeError::Garbage("neither event nor feed")),
        };
        let native = message.product_id.as_deref().ok_or(DecodeError::Garbage("no product"))?;
        let Some(id) = batch.instruments.resolve(native) else {
            batch.ignore(Ignored::UnknownSymbol);
            return Ok(kind);
        };
        match kind {
            "book" => self.change(id, &message, ts_recv, batch)?,
            "book_snapshot" => self.snapshot(id, &message, ts_recv, batch)?,
            "trade" => self.trade(id, &message, ts_recv, batch)?,
            "trade_snapshot" => self.history(id, &message, ts_recv, batch)?,
            _ => self.ticker(id, kind == "ticker", &message, ts_recv, batch),
        }
        Ok(kind)
    }
}

/// Reads what is not of a feed.
fn event(name: &str, message: &Message<'_>, batch: &mut Batch) -> &'static str {
    let words = message.message.as_deref().unwrap_or_default();
    match name {
        "info" => "event:info",
        "subscribed" => "event:subscribed",
        "unsubscribed" => "event:unsubscribed",
        "unsubscribed_failed" => "event:unsubscribed_failed",
        "subscribed_failed" => {
            let feed = message.feed.as_deref().unwrap_or_default();
            let why = format!("subscribed_failed {feed} {words}").trim_end().to_owned();
            for product in message.product_ids.iter().flatten() {
                batch.refused.push((batch.instruments.find(product), why.clone()));
            }
            "event:subscribed_failed"
        }
        "error" | "alert" => {
            let id = message.product_ids.iter().flatten().find_map(|product| batch.instruments.find(product));
            batch.refused.push((id, words.to_owned()));
            if name == "error" { "event:error" } else { "event:alert" }
        }
        _ => {
            batch.ignore(Ignored::NotAQuote);
            "event:other"
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

fn side(name: Option<&str>) -> Option<Side> {
    match name {
        Some("buy") => Some(Side::Buy),
        Some("sell") => Some(Side::Sell),
        _ => None,
    }
}

impl KrakenFuturesDecoder {
    fn snapshot(
        &mut self,
        id: InstrumentId,
        message: &Message<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some(bids), Some(asks)) = (&message.bids, &message.asks) else {
            return Err(DecodeError::Garbage("a book without sides"));
        };
        let slot = self.slot(id);
        slot.rebuilt.restart(LEVELS_MAX);
        slot.seq = message.seq;
        for (ladder, levels) in [(Ladder::Bids, bids), (Ladder::Asks, asks)] {
            // Both sides come best first, and a ladder is filled quickest from its other end.
            for level in levels.iter().rev() {
                let Some((price, quantity)) = level.numbers() else {
                    batch.ignore(Ignored::BadNumber);
                    return self.lose(id, ts_recv, batch);
                };
                slot.rebuilt.book.set(ladder, price, quantity);
            }
        }
        slot.rebuilt.book.truncate();
        slot.rebuilt.tell(id, moment(message.timestamp), ts_recv, batch);
        Ok(())
    }

    fn change(
        &mut self,
        id: InstrumentId,
        message: &Message<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        let follows = match (slot.seq, message.seq) {
            (Some(before), Some(now)) => before.checked_add(1) == Some(now),
            _ => true,
        };
        if !follows {
            return self.lose(id, ts_recv, batch);
        }
        let ladder = match message.side.as_deref() {
            Some("buy") => Ladder::Bids,
            Some("sell") => Ladder::Asks,
            _ => return self.lose(id, ts_recv, batch),
        };
        let (Some(Some(price)), Some(Some(quantity))) =
            (read(message.price, batch), read(message.qty, batch))
        else {
            return self.lose(id, ts_recv, batch);
        };
        slot.seq = message.seq.or(slot.seq);
        slot.rebuilt.book.set(ladder, price, quantity);
        slot.rebuilt.book.truncate();
        slot.rebuilt.confirm();
        slot.rebuilt.tell(id, moment(message.timestamp), ts_recv, batch);
        Ok(())
    }

    /// Tells the symbol suspect and asks for its book anew.
    fn lose(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        slot.seq = None;
        slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
        if let Some(instrument) = batch.instruments.get(id) {
            let product = [&*instrument.native];
            batch.replies.extend(["unsubscribe", "subscribe"].map(|event| request(event, "book", &product)));
        }
        Ok(())
    }

    fn ticker(
        &mut self,
        id: InstrumentId,
        whole: bool,
        ticker: &Message<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = moment(ticker.time);
        if !slot.rebuilt.is_synchronised() && (whole || !slot.ticker) {
            for (field, price, size) in
                [(Field::Bid, ticker.bid, ticker.bid_size), (Field::Ask, ticker.ask, ticker.ask_size)]
            {
                // The lite one has no sizes at all: they are absent then, not as before.
                let size = if size.is_some() { read(size, batch) } else { Some(None) };
                if let (Some(price), Some(size)) = (read(price, batch), size) {
                    update.tell_side(field, price, size);
                }
            }
        }
        slot.ticker |= whole;
        for (field, figure) in [
            (Field::Volume24h, ticker.volume),
            (Field::Mark, ticker.mark_price),
            (Field::Index, ticker.index),
            (Field::FundingRate, ticker.relative_funding_rate),
        ] {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure);
            }
        }
        // A rate of zero is left out.
        if whole && ticker.relative_funding_rate.is_none() && ticker.tag.as_deref() == Some("perpetual") {
            update.tell(Field::FundingRate, Some(Decimal::ZERO));
        }
        if ticker.suspended.is_some() && slot.suspended != ticker.suspended {
            // The first one on a connection is always told: a halt of an earlier one ends by the venue's word only.
            slot.suspended = ticker.suspended;
            update.status = Some(match ticker.suspended {
                Some(true) => (Status::Halted, Reason::Venue),
                _ => (Status::Live, Reason::Confirmed),
            });
        }
        batch.push(id, update);
        // The ticker's time is not that of the trade. With it, the first trade itself would look older.
        let mut update = Update::new(Source::Ticker, ts_recv);
        match (&slot.traded, read(ticker.last, batch)) {
            (Traded::Live, _) | (_, None) => {}
            (Traded::Before(price), Some(last)) if last == Some(*price) => update.tell(Field::Last, last),
            (_, Some(last)) => update.tell_trade(last, None, None),
        }
        batch.push(id, update);
    }

    fn trade(
        &mut self,
        id: InstrumentId,
        trade: &Message<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some(price), Some(quantity)) = (trade.price, trade.qty) else {
            return Err(DecodeError::Garbage("a trade without price or quantity"));
        };
        let (Some(Some(price)), Some(quantity)) = (read(Some(price), batch), read(Some(quantity), batch))
        else {
            return Ok(());
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(trade.time);
        update.tell_trade(Some(price), quantity, side(trade.side.as_deref()));
        self.slot(id).traded = Traded::Live;
        batch.push(id, update);
        Ok(())
    }

    /// The newest trade before the subscription. The others say nothing of a quote.
    fn history(
        &mut self,
        id: InstrumentId,
        message: &Message<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let trades = message.trades.as_ref().ok_or(DecodeError::Garbage("a snapshot without trades"))?;
        // Newest first. By their numbers, in case that changes: of equal ones the first.
        let newest = trades.iter().rev().max_by_key(|trade| (trade.seq, trade.time));
        let Some(trade) = newest else { return Ok(()) };
        let (Some(Some(price)), Some(quantity)) = (read(trade.price, batch), read(trade.qty, batch)) else {
            return Ok(());
        };
        let mut update = Update::new(Source::History, ts_recv);
        update.ts_event = moment(trade.time);
        update.tell_trade(Some(price), quantity, side(trade.side.as_deref()));
        let slot = self.slot(id);
        if !matches!(slot.traded, Traded::Live) {
            slot.traded = Traded::Before(price);
        }
        batch.push(id, update);
        Ok(())
    }
}
