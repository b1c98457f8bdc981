//! WebSocket v5: frames to updates.
//!
//! | frame | what it tells |
//! |---|---|
//! | `tickers` | top and last (unless better channels do), 24 h figures |
//! | `bbo-tbt` | top |
//! | `books`, `books-l2-tbt`, `books50-l2-tbt`, `books5` | top of the rebuilt book |
//! | `trades` | last trade |
//! | `mark-price`, `index-tickers`, `funding-rate` | figures of a contract |
//! | `event`, `pong` | answers, notices, errors, life |

mod index;
mod scan;
mod shapes;
#[cfg(test)]
mod tests;
mod trades;

use feed::book::{Book, Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::exact::write_decimal;
use market::{Decimal, Field, Micros, Reason, Source, Update};
use serde::Deserialize;

use self::index::Derivatives;
use self::shapes::{BookData, ContractData, Envelope, TickerData, TradeData, moment};
use crate::session::{argument, operation};

/// The code of the notice that a server is about to be stopped.
const NOTICE_UPGRADE: &str = "64008";

/// Levels of each side that go into the checksum.
const CHECKSUM_LEVELS: usize = 25;

/// A book channel that sends a snapshot and then changes.
#[derive(Debug, PartialEq, Eq)]
struct BookChannel {
    name: &'static str,
    depth: usize,
    snapshot: &'static str,
    update: &'static str,
}

static BOOK_CHANNELS: [BookChannel; 3] = [
    BookChannel { name: "books", depth: 400, snapshot: "books:snapshot", update: "books:update" },
    BookChannel {
        name: "books-l2-tbt",
        depth: 400,
        snapshot: "books-l2-tbt:snapshot",
        update: "books-l2-tbt:update",
    },
    BookChannel {
        name: "books50-l2-tbt",
        depth: 50,
        snapshot: "books50-l2-tbt:snapshot",
        update: "books50-l2-tbt:update",
    },
];

/// What is remembered of one instrument on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    /// The channel that the book is rebuilt from, and its latest `seqId` if it has one.
    channel: Option<&'static BookChannel>,
    seq: Option<i64>,
    /// The latest `seqId` of `bbo-tbt`; `Some(None)` when it spoke without one.
    bbo: Option<Option<i64>>,
    traded: bool,
}

/// Reads WebSocket v5 frames of public channels.
#[derive(Debug, Default)]
pub struct Okx5 {
    slots: Vec<Slot>,
    derivatives: Derivatives,
    text: Vec<u8>,
    matched: u64,
}

impl Okx5 {
    /// A decoder for a new connection.
    pub fn new() -> Okx5 {
        Okx5::default()
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
}

impl Decoder for Okx5 {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        if text == "pong" {
            return Ok("pong");
        }
        if self.trades(text, ts_recv, batch).is_some() {
            return Ok("trades");
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of v5"))?;
        if let Some(name) = envelope.event.as_deref() {
            return event(name, &envelope, batch);
        }
        let Some(arg) = &envelope.arg else { return Err(DecodeError::Garbage("neither event nor channel")) };
        let native = arg.inst_id.as_deref();
        match &*arg.channel {
            "tickers" => {
                for ticker in data::<TickerData<'_>>(&envelope, "tickers")? {
                    if let Some(id) = resolve(ticker.inst_id.as_deref().or(native), batch) {
                        self.ticker(id, &ticker, ts_recv, batch);
                    }
                }
                Ok("tickers")
            }
            "trades" => {
                for trade in data::<TradeData<'_>>(&envelope, "trades")? {
                    if let Some(id) = resolve(trade.inst_id.as_deref().or(native), batch) {
                        self.trade(id, &trade, ts_recv, batch);
                    }
                }
                Ok("trades")
            }
            "bbo-tbt" => {
                for best in data::<BookData<'_>>(&envelope, "bbo-tbt")? {
                    if let Some(id) = resolve(native, batch) {
                        self.best(id, &best, ts_recv, batch);
                    }
                }
                Ok("bbo-tbt")
            }
            "books5" => {
                for book in data::<BookData<'_>>(&envelope, "books5")? {
                    if let Some(id) = resolve(native, batch) {
                        self.five(id, &book, ts_recv, batch);
                    }
                }
                Ok("books5")
            }
            "mark-price" => self.contract("mark-price", &envelope, ts_recv, batch),
            "funding-rate" => self.contract("funding-rate", &envelope, ts_recv, batch),
            "index-tickers" => self.index(&envelope, ts_recv, batch),
            name => {
                if let Some(channel) = BOOK_CHANNELS.iter().find(|channel| channel.name == name) {
                    return self.books(channel, &envelope, ts_recv, batch);
                }
                batch.ignore(Ignored::NotAQuote);
                Ok(if name.starts_with("candle") { "candle" } else { "other" })
            }
        }
    }
}

/// The data of a channel's message.
fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let data = envelope.data.ok_or(DecodeError::Garbage(what))?;
    serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage(what))
}

/// The instrument of that name; an unknown one, or none, is counted.
fn resolve(native: Option<&str>, batch: &mut Batch) -> Option<InstrumentId> {
    let id = native.and_then(|native| batch.instruments.resolve(native));
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

/// Reads what is not data of a channel.
fn event(name: &str, envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let said = |text: &Option<feed::json::Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
    match name {
        "subscribe" => Ok("event:subscribe"),
        "unsubscribe" => Ok("event:unsubscribe"),
        "notice" if envelope.code.as_deref() == Some(NOTICE_UPGRADE) => {
            Err(DecodeError::Reconnect(Reason::Venue))
        }
        "notice" => Ok("event:notice"),
        "error" => {
            let native = envelope.arg.as_ref().and_then(|arg| arg.inst_id.as_deref());
            let id = native.and_then(|native| batch.instruments.find(native));
            batch.refused.push((id, format!("{} {}", said(&envelope.code), said(&envelope.msg))));
            Ok("event:error")
        }
        // Ends a subscription that was acknowledged before.
        "channel-conn-count-error" => {
            batch
                .refused
                .push((None, format!("too many connections for channel {}", said(&envelope.channel))));
            Ok("event:channel-conn-count-error")
        }
        "channel-conn-count" => Ok("event:channel-conn-count"),
        _ => {
            batch.ignore(Ignored::NotAQuote);
            Ok("event:other")
        }
    }
}

impl Okx5 {
    fn ticker(&mut self, id: InstrumentId, ticker: &TickerData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = moment(ticker.ts);
        if slot.bbo.is_none() && !slot.rebuilt.is_synchronised() {
            for (field, price, size) in
                [(Field::Bid, ticker.bid_px, ticker.bid_sz), (Field::Ask, ticker.ask_px, ticker.ask_sz)]
            {
                if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
                    update.tell_side(field, price, size);
                }
            }
        }
        if !slot.traded
            && let (Some(price), Some(size)) = (read(ticker.last, batch), read(ticker.last_sz, batch))
        {
            update.tell_trade(price, size.filter(|_| price.is_some()), None);
        }
        let of_spot = matches!(ticker.inst_type.as_deref(), Some("SPOT" | "MARGIN"));
        for (field, figure) in [
            (Field::Open24h, ticker.open24h),
            (Field::High24h, ticker.high24h),
            (Field::Low24h, ticker.low24h),
            (Field::Volume24h, ticker.vol24h),
            // In derivatives this counts the base currency, for which a quote has no field.
            (Field::QuoteVolume24h, ticker.vol_ccy24h.filter(|_| of_spot)),
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
        batch.push(id, update);
    }

    /// `bbo-tbt`: the venue's own word for the top.
    fn best(&mut self, id: InstrumentId, best: &BookData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let mut update = Update::new(Source::Direct, ts_recv);
        for (field, levels) in [(Field::Bid, &best.bids), (Field::Ask, &best.asks)] {
            match levels.first().map(|level| level.numbers()) {
                None => update.tell_side(field, None, None),
                Some(Some((price, size))) => update.tell_side(field, Some(price), Some(size)),
                Some(None) => batch.ignore(Ignored::BadNumber),
            }
        }
        if update.told().is_empty() {
            return;
        }
        let slot = self.slot(id);
        update.ts_event = moment(best.ts);
        update.venue_seq = best.seq_id.and_then(|seq| u64::try_from(seq).ok());
        // The first on a connection states the top afresh, and so does the first after the numbers were restarted: else it
        // would be taken for an old one.
        update.snapshot = match slot.bbo {
            None => true,
            Some(before) => before.zip(best.seq_id).is_some_and(|(before, now)| now < before),
        };
        slot.bbo = Some(best.seq_id);
        batch.push(id, update);
    }

    /// `books5`: five levels, whole each time.
    fn five(&mut self, id: InstrumentId, data: &BookData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        if slot.bbo.is_some() || slot.channel.is_some() {
            return batch.ignore(Ignored::NotAQuote);
        }
        slot.rebuilt.restart(5);
        if set_levels(&mut slot.rebuilt.book, data) {
            slot.rebuilt.tell(id, moment(data.ts), ts_recv, batch);
        } else {
            batch.ignore(Ignored::BadNumber);
        }
    }

    fn books(
        &mut self,
        channel: &'static BookChannel,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (kind, snapshot) = match envelope.action.as_deref() {
            Some("snapshot") => (channel.snapshot, true),
            Some("update") => (channel.update, false),
            _ => return Err(DecodeError::Garbage("book without an action")),
        };
        let books = data::<BookData<'_>>(envelope, channel.name)?;
        let native = envelope.arg.as_ref().and_then(|arg| arg.inst_id.as_deref());
        for book in &books {
            if let Some(id) = resolve(native, batch) {
                self.book(id, channel, book, snapshot, ts_recv, batch)?;
            }
        }
        Ok(kind)
    }

    fn book(
        &mut self,
        id: InstrumentId,
        channel: &'static BookChannel,
        data: &BookData<'_>,
        snapshot: bool,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        if snapshot {
            slot.rebuilt.restart(channel.depth);
            slot.channel = Some(channel);
        } else if slot.channel.is_some_and(|of| of != channel) {
            // Another book of the same instrument is rebuilt already; one is enough.
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if let (Some(before), Some(said)) = (slot.seq, data.prev_seq_id)
            && before != said
        {
            return self.lose(id, Reason::Gap, ts_recv, batch);
        }
        slot.seq = data.seq_id;
        if !set_levels(&mut slot.rebuilt.book, data) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, Reason::Gap, ts_recv, batch);
        }
        match data.checksum {
            None | Some(0) => {}
            Some(said) => {
                let mut text = std::mem::take(&mut self.text);
                let fits = said == checksum(&self.slot(id).rebuilt.book, &mut text);
                self.text = text;
                if !fits {
                    return self.lose(id, Reason::Checksum, ts_recv, batch);
                }
                self.matched += 1;
            }
        }
        let slot = self.slot(id);
        // A snapshot that nothing vouches for does not end a row of losses, a change that fits does.
        if !snapshot || data.checksum.is_some_and(|said| said != 0) {
            slot.rebuilt.confirm();
        }
        if slot.bbo.is_some() {
            batch.ignore(Ignored::NotAQuote);
        } else {
            slot.rebuilt.tell(id, moment(data.ts), ts_recv, batch);
        }
        Ok(())
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew.
    fn lose(
        &mut self,
        id: InstrumentId,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        slot.seq = None;
        if slot.bbo.is_some() {
            slot.rebuilt.lose_unseen(reason)?;
        } else {
            slot.rebuilt.lose(id, reason, ts_recv, batch)?;
        }
        let channel = slot.channel.map(|channel| channel.name);
        if let (Some(channel), Some(instrument)) = (channel, batch.instruments.get(id)) {
            let args = [argument(channel, &instrument.native)];
            batch.replies.extend(["unsubscribe", "subscribe"].map(|op| operation(op, &args)));
        }
        Ok(())
    }

    fn contract(
        &mut self,
        kind: &'static str,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let native = envelope.arg.as_ref().and_then(|arg| arg.inst_id.as_deref());
        for figures in data::<ContractData<'_>>(envelope, kind)? {
            let Some(id) = resolve(figures.inst_id.as_deref().or(native), batch) else { continue };
            let mut update = Update::new(Source::Direct, ts_recv);
            update.ts_event = moment(figures.ts);
            for (field, figure) in
                [(Field::Mark, figures.mark_px), (Field::FundingRate, figures.funding_rate)]
            {
                if let Some(figure) = read(figure, batch) {
                    update.tell(field, figure);
                }
            }
            batch.push(id, update);
        }
        Ok(kind)
    }

    /// An index belongs to every derivative on it; the spot instrument of the same name has no index field to fill.
    fn index(
        &mut self,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let native = envelope.arg.as_ref().and_then(|arg| arg.inst_id.as_deref());
        for figures in data::<ContractData<'_>>(envelope, "index-tickers")? {
            let Some(name) = figures.inst_id.as_deref().or(native) else { continue };
            let Some(index) = read(figures.idx_px, batch) else { continue };
            let ids = self.derivatives.of(name, &batch.instruments);
            if ids.is_empty() {
                batch.ignore(Ignored::UnknownSymbol);
            }
            for &id in ids {
                let mut update = Update::new(Source::Direct, ts_recv);
                update.ts_event = moment(figures.ts);
                update.tell(Field::Index, index);
                batch.push(id, update);
            }
        }
        Ok("index-tickers")
    }
}

/// Sets every level of a message and cuts the book to its depth; false when a level cannot be read.
fn set_levels(book: &mut Book, data: &BookData<'_>) -> bool {
    for (ladder, levels) in [(Ladder::Asks, &data.asks), (Ladder::Bids, &data.bids)] {
        for level in levels {
            let Some((price, size)) = level.numbers() else { return false };
            book.set(ladder, price, size);
        }
    }
    book.truncate();
    true
}

/// Signed CRC32 over `bid price:bid size:ask price:ask size:..` of 25 levels, digits as they came. When one side is
/// shorter the other goes on alone.
fn checksum(book: &Book, text: &mut Vec<u8>) -> i32 {
    text.clear();
    let mut bids = book.levels(Ladder::Bids);
    let mut asks = book.levels(Ladder::Asks);
    for _ in 0..CHECKSUM_LEVELS {
        for level in [bids.next(), asks.next()].into_iter().flatten() {
            for number in [level.price, level.size] {
                if !text.is_empty() {
                    text.push(b':');
                }
                write_decimal(number, text);
            }
        }
    }
    crc32fast::hash(text).cast_signed()
}
