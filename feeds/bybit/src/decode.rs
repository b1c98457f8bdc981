//! WebSocket v5: frames to updates.
//!
//! | topic | what it tells |
//! |---|---|
//! | `orderbook.1` | top |
//! | `orderbook.25` to `orderbook.1000` | top of the rebuilt book |
//! | `publicTrade` | last trade |
//! | `tickers` | 24 h figures, mark, index, funding; top and last, unless better topics do |

mod scan;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Book, Ladder, Rebuilt};
use feed::json::{Number, text_decimal};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};
use serde::Deserialize;
use serde_json::json;

use self::shapes::{BookData, CommandData, Envelope, TickerData, TradeData, millis, read};
use crate::Market;

/// What is remembered of one instrument on one connection.
#[derive(Debug, Default)]
struct Slot {
    /// The book of `orderbook.1`: one level a side. Its deltas of 2023 and before change a side by taking the old price away.
    best: Rebuilt,
    book: Rebuilt,
    /// The depth of the topic that `book` is rebuilt from.
    depth: usize,
    /// The latest `u` of `book`.
    last: u64,
    traded: bool,
}

/// What a book message says of itself.
#[derive(Clone, Copy, Debug)]
struct About {
    depth: usize,
    snapshot: bool,
    u: u64,
    ts_event: Option<Micros>,
}

/// A level of a message; `None` when it cannot be read.
type Level = (Ladder, Option<(Decimal, Decimal)>);

/// Reads WebSocket v5 frames of public topics.
#[derive(Debug)]
pub struct Bybit5 {
    slots: Vec<Slot>,
    inverse: bool,
}

impl Bybit5 {
    /// A decoder for a new connection to that market.
    pub const fn new(market: Market) -> Bybit5 {
        Bybit5 { slots: Vec::new(), inverse: matches!(market, Market::Inverse) }
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for Bybit5 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        if let Some(book) = scan::book(text) {
            return self.scanned(&book, ts_recv, batch);
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a message of v5"))?;
        let Some(topic) = envelope.topic.as_deref() else { return operation(&envelope, batch) };
        let (topic, rest) = topic.split_once('.').unwrap_or((topic, ""));
        let snapshot = envelope.kind.as_deref() != Some("delta");
        match topic {
            "orderbook" => {
                let (depth, _) = rest.split_once('.').ok_or(DecodeError::Garbage("book without a depth"))?;
                let Ok(depth) = depth.parse() else {
                    // `rpi` and `full`: other views of the book.
                    batch.ignore(Ignored::NotAQuote);
                    return Ok("orderbook:other");
                };
                let book: BookData<'_> = data(&envelope, "orderbook")?;
                let ts_event = millis(envelope.cts.or(book.cts)).or_else(|| millis(envelope.ts));
                let about = About { depth, snapshot, u: book.u, ts_event };
                self.book(&book.s, about, book.levels(), ts_recv, batch)?;
                Ok(if snapshot { "orderbook:snapshot" } else { "orderbook:delta" })
            }
            "publicTrade" => {
                for trade in data::<Vec<TradeData<'_>>>(&envelope, "publicTrade")? {
                    self.trade(&trade, ts_recv, batch);
                }
                Ok("publicTrade:snapshot")
            }
            // The name of the topic before v5 was launched; a document still has it.
            "trade" => {
                for trade in data::<Vec<TradeData<'_>>>(&envelope, "trade")? {
                    self.trade(&trade, ts_recv, batch);
                }
                Ok("trade:snapshot")
            }
            "tickers" => {
                let ticker: TickerData<'_> = data(&envelope, "tickers")?;
                self.ticker(&ticker, millis(envelope.ts), ts_recv, batch);
                Ok(if snapshot { "tickers:snapshot" } else { "tickers:delta" })
            }
            "kline" => {
                batch.ignore(Ignored::NotAQuote);
                Ok("kline:snapshot")
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

/// The data of a topic's message.
fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<T, DecodeError> {
    let data = envelope.data.ok_or(DecodeError::Garbage(what))?;
    serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage(what))
}

/// The instrument of that name; an unknown one is counted.
fn resolve(native: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(native);
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// Answers to what we said.
fn operation(envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let words = envelope.ret_msg.as_deref().unwrap_or_default();
    if envelope.kind.as_deref() == Some("COMMAND_RESP") {
        // The answer of the options' socket.
        for topic in &data::<CommandData<'_>>(envelope, "COMMAND_RESP")?.fail_topics {
            let id = topic.rsplit_once('.').and_then(|(_, native)| batch.instruments.find(native));
            batch.refused.push((id, format!("failed topic {}", &**topic)));
        }
        return Ok("COMMAND_RESP");
    }
    let Some(op) = envelope.op.as_deref() else { return Err(DecodeError::Garbage("neither topic nor op")) };
    match op {
        "ping" => Ok("op:ping"),
        "pong" => Ok("op:pong"),
        "subscribe" => {
            // Subscribed twice is subscribed.
            if envelope.success == Some(false) && !words.contains("already subscribed") {
                refused(envelope, words, batch);
            }
            Ok("op:subscribe")
        }
        "unsubscribe" => Ok("op:unsubscribe"),
        _ => {
            batch.ignore(Ignored::NotAQuote);
            Ok("op:other")
        }
    }
}

/// A refused topic stands at the end of the venue's words. Every text that a session sends is about one symbol and carries
/// it as its id, because one bad topic refuses the whole text.
fn refused(envelope: &Envelope<'_>, words: &str, batch: &mut Batch) {
    let named =
        words.rsplit([':', ' ', ',']).find_map(|topic| topic.rsplit_once('.')).map(|(_, native)| native);
    let asked = envelope.req_id.as_deref();
    let find = |native: Option<&str>| native.and_then(|native| batch.instruments.find(native));
    let id = find(asked).or_else(|| find(named));
    batch.refused.push((id, words.to_owned()));
}

/// The text of `subscribe` and `unsubscribe`.
pub(crate) fn request(op: &str, id: &str, topics: &[String]) -> String {
    json!({"req_id": id, "op": op, "args": topics}).to_string()
}

impl Bybit5 {
    fn ticker(
        &mut self,
        ticker: &TickerData<'_>,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = resolve(&ticker.symbol, batch) else { return };
        let inverse = self.inverse;
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ts_event;
        if !slot.best.is_synchronised() && !slot.book.is_synchronised() {
            for (field, price, size) in
                [(Field::Bid, ticker.bid, ticker.bid_size), (Field::Ask, ticker.ask, ticker.ask_size)]
            {
                tell_side(&mut update, field, price, size, batch);
            }
        }
        if !slot.traded
            && let Some(price) = read(ticker.last_price, batch)
        {
            update.tell_trade(price, None, None);
        }
        for (field, figure) in [
            (Field::Open24h, ticker.prev_price24h),
            (Field::High24h, ticker.high_price24h),
            (Field::Low24h, ticker.low_price24h),
            (Field::Volume24h, ticker.volume24h),
            // On inverse contracts this counts the base coin, for which a quote has no field.
            (Field::QuoteVolume24h, ticker.turnover24h.filter(|_| !inverse)),
            (Field::Mark, ticker.mark_price),
            (Field::Index, ticker.index_price),
            (Field::FundingRate, ticker.funding_rate),
        ] {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure);
            }
        }
        // The ticker's time is when it was made. A trade that comes after it may have happened before, and would be taken for an
        // old one; without a time the better source wins.
        if update.told().contains(Field::Last) {
            update.ts_event = None;
        }
        if !update.told().is_empty() {
            batch.push(id, update);
        } else if batch.ignored.is_empty() {
            // A change of open interest, or of what better topics tell.
            batch.ignore(Ignored::NotAQuote);
        }
    }

    fn trade(&mut self, trade: &TradeData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&trade.s, batch) else { return };
        let (Some(Some(price)), Some(size)) = (read(Some(trade.p), batch), read(Some(trade.v), batch)) else {
            return;
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = millis(trade.time);
        let side = match trade.side.as_deref() {
            Some("Buy") => Some(Side::Buy),
            Some("Sell") => Some(Side::Sell),
            _ => None,
        };
        update.tell_trade(Some(price), size, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    /// A book in its usual form.
    fn scanned(
        &mut self,
        book: &scan::Book<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let snapshot = book.kind != Some("delta");
        let time = |millis: Option<u64>| i64::try_from(millis?).ok().filter(|&millis| millis > 0);
        let ts_event = time(book.cts).or_else(|| time(book.ts)).map(Micros::from_millis);
        let about = About { depth: book.depth, snapshot, u: book.u, ts_event };
        let numbers = |(price, size)| Some((text_decimal(price).ok()??, text_decimal(size).ok()??));
        let bids = book.bids.iter().map(|level| (Ladder::Bids, numbers(level)));
        let asks = book.asks.iter().map(|level| (Ladder::Asks, numbers(level)));
        self.book(book.native, about, bids.chain(asks), ts_recv, batch)?;
        Ok(if snapshot { "orderbook:snapshot" } else { "orderbook:delta" })
    }

    fn book(
        &mut self,
        native: &str,
        about: About,
        levels: impl Iterator<Item = Level>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(native, batch) else { return Ok(()) };
        let About { depth, u, ts_event, .. } = about;
        // The number 1 says that the service was restarted: what comes is a whole book whatever its type says.
        let snapshot = about.snapshot || u == 1;
        if depth == 1 {
            return self.best(id, levels, snapshot, ts_event, ts_recv, batch);
        }
        let slot = self.slot(id);
        if slot.book.is_synchronised() && slot.depth != depth {
            // Another book of the same instrument is rebuilt already; one is enough.
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        if snapshot {
            slot.book.restart(depth);
            slot.depth = depth;
        } else if !slot.book.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if matches!(depth, 50 | 200) && u != slot.last.saturating_add(1) {
            return self.lose(id, depth, Reason::Gap, ts_recv, batch);
        }
        slot.last = u;
        if !set_levels(&mut slot.book.book, levels) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, depth, Reason::Gap, ts_recv, batch);
        }
        if !snapshot {
            slot.book.confirm();
        }
        if slot.best.is_synchronised() {
            batch.ignore(Ignored::NotAQuote);
        } else {
            slot.book.tell(id, ts_event, ts_recv, batch);
        }
        Ok(())
    }

    /// `orderbook.1`: the venue's own word for the top, repeated with the same number after 3 s without a change.
    fn best(
        &mut self,
        id: InstrumentId,
        levels: impl Iterator<Item = Level>,
        snapshot: bool,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        let first = !slot.best.is_synchronised();
        if !snapshot && first {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        if snapshot {
            slot.best.restart(1);
        }
        let before = slot.best.book.top();
        if !set_levels(&mut slot.best.book, levels) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, 1, Reason::Gap, ts_recv, batch);
        }
        let top = slot.best.book.top();
        if !snapshot && top == before {
            batch.ignore(Ignored::TopUnmoved);
            return Ok(());
        }
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = ts_event;
        update.snapshot = first;
        for (field, level) in [(Field::Bid, top.bid), (Field::Ask, top.ask)] {
            update.tell_side(field, level.map(|level| level.price), level.map(|level| level.size));
        }
        batch.push(id, update);
        Ok(())
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew.
    fn lose(
        &mut self,
        id: InstrumentId,
        depth: usize,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        let shown = depth == 1 || !slot.best.is_synchronised();
        let lost = if depth == 1 { &mut slot.best } else { &mut slot.book };
        if shown {
            lost.lose(id, reason, ts_recv, batch)?;
        } else {
            lost.lose_unseen(reason)?;
        }
        if let Some(instrument) = batch.instruments.get(id) {
            let topics = [format!("orderbook.{depth}.{}", instrument.native)];
            let again = ["unsubscribe", "subscribe"].map(|op| request(op, &instrument.native, &topics));
            batch.replies.extend(again);
        }
        Ok(())
    }
}

/// Tells what a sparse message carries of one side: a price without its size keeps the size, and the other way round.
fn tell_side(
    update: &mut Update,
    price_field: Field,
    price: Option<Number<'_>>,
    size: Option<Number<'_>>,
    batch: &mut Batch,
) {
    let size_field = if price_field == Field::Bid { Field::BidSize } else { Field::AskSize };
    match (price.is_some(), size.is_some()) {
        (true, true) => {
            if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
                update.tell_side(price_field, price, size);
            }
        }
        (true, false) => {
            if let Some(price) = read(price, batch) {
                update.tell(price_field, price.filter(|price| !price.is_zero()));
            }
        }
        (false, true) => {
            if let Some(size) = read(size, batch) {
                update.tell(size_field, size.filter(|size| !size.is_zero()));
            }
        }
        (false, false) => {}
    }
}

/// Sets every level of a message and cuts the book to its depth; false when a level cannot be read.
fn set_levels(book: &mut Book, levels: impl Iterator<Item = Level>) -> bool {
    for (ladder, numbers) in levels {
        let Some((price, size)) = numbers else { return false };
        book.set(ladder, price, size);
    }
    book.truncate();
    true
}
