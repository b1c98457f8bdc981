//! WebSocket v2 and v1: frames to updates.
//!
//! | channel | what it tells |
//! |---|---|
//! | `books1` (v2) | top |
//! | `books` | top of the rebuilt book |
//! | `books5`, `books15` | top of a whole book |
//! | `trade` | last trade; its first message holds old ones |
//! | `ticker` | 24 h figures, mark, index, funding; top and last, unless better channels do |
//!
//! v1 is what recordings of 2022 speak, v2 what the venue speaks since 2023. They share the envelope and differ in the names of
//! fields, so one decoder reads both.

mod books;
mod kinds;
mod shapes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use feed::book::Rebuilt;
use feed::halts::Halts;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Field, Micros, Side, Source, Update};
use serde::Deserialize;
use serde_json::json;

use self::shapes::{Argument, BookData, Envelope, TickerData, TradeData, millis, read, whole};
use crate::catalogue::Recorded;

/// What is remembered of one instrument on one connection.
#[derive(Debug, Default)]
struct Slot {
    book: Rebuilt,
    /// The latest `seq` of the book, where it has numbers.
    seq: Option<u64>,
    /// Whether `books1` spoke.
    best: bool,
    /// Whether the last trade was told by anything.
    last: bool,
    traded: bool,
}

/// Reads v1 and v2 frames of public channels.
#[derive(Debug, Default)]
pub struct Bitget {
    slots: Vec<Slot>,
    recorded: Arc<Recorded>,
    halts: Halts,
    text: Vec<u8>,
    matched: u64,
}

impl Bitget {
    /// A decoder for a new connection.
    pub fn new() -> Bitget {
        Bitget::default()
    }

    /// A decoder that knows what the catalogue said: what is suspended, and of a recording of v1 which names mean both a spot
    /// pair and a contract.
    pub fn of_catalogue(recorded: Arc<Recorded>, halts: Halts) -> Bitget {
        Bitget { recorded, halts, ..Bitget::default() }
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

    /// The instrument of that name; an unknown one is counted. Spot pairs and contracts have the same names, so one of the
    /// other kind is unknown here.
    fn resolve(&self, arg: &Argument<'_>, batch: &mut Batch) -> Option<InstrumentId> {
        let contract = arg.is_contract();
        let listed = batch.instruments.find(&arg.inst_id).or_else(|| {
            let symbol = self.recorded.of(&arg.inst_id, contract)?;
            batch.instruments.add(&arg.inst_id, symbol.clone())
        });
        let id = listed.or_else(|| batch.instruments.resolve(&arg.inst_id)).filter(|&id| {
            batch.instruments.get(id).is_some_and(|listed| {
                let name = listed.symbol.name();
                let is_contract = name.bytes().filter(|&byte| byte == b'-').count() > 1;
                name == &*listed.native || is_contract == contract
            })
        });
        if id.is_none() {
            batch.ignore(Ignored::UnknownSymbol);
        }
        id
    }
}

impl Decoder for Bitget {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let read = self.message(text, ts_recv, batch);
        self.halts.mark(batch);
        read
    }
}

impl Bitget {
    fn message(
        &mut self,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        if text == "pong" {
            return Ok("pong");
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of v1 or v2"))?;
        if let Some(name) = envelope.event.as_deref() {
            if name == "subscribe"
                && let Some(id) = envelope.arg.as_ref().and_then(|arg| batch.instruments.find(&arg.inst_id))
            {
                self.halts.acknowledged(id, ts_recv, batch);
            }
            return Ok(event(name, &envelope, batch));
        }
        let Some(arg) = &envelope.arg else { return Err(DecodeError::Garbage("neither event nor channel")) };
        let snapshot = match envelope.action.as_deref() {
            Some("snapshot") => true,
            Some("update") => false,
            _ => return Err(DecodeError::Garbage("neither snapshot nor update")),
        };
        let kind = kinds::of(&arg.channel, snapshot);
        match &*arg.channel {
            "ticker" => {
                for ticker in data::<TickerData<'_>>(&envelope, kind)? {
                    self.ticker(arg, &ticker, ts_recv, batch);
                }
            }
            "trade" => {
                self.trades(arg, &data::<TradeData<'_>>(&envelope, kind)?, snapshot, ts_recv, batch);
            }
            "books" => {
                for book in data::<BookData<'_>>(&envelope, kind)? {
                    self.book(arg, &book, snapshot, ts_recv, batch)?;
                }
            }
            "books1" | "books5" | "books15" => {
                for book in data::<BookData<'_>>(&envelope, kind)? {
                    self.whole(arg, &book, ts_recv, batch);
                }
            }
            _ => batch.ignore(Ignored::NotAQuote),
        }
        Ok(kind)
    }
}

/// The data of a channel's message.
fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let data = envelope.data.ok_or(DecodeError::Garbage(what))?;
    serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage(what))
}

/// Reads what is not data of a channel.
fn event(name: &str, envelope: &Envelope<'_>, batch: &mut Batch) -> &'static str {
    match name {
        "subscribe" => "event:subscribe",
        "unsubscribe" => "event:unsubscribe",
        "error" => {
            let id = envelope.arg.as_ref().and_then(|arg| batch.instruments.find(&arg.inst_id));
            let code = envelope.code.as_ref().map_or("", |code| code.raw().trim_matches('"'));
            let msg = envelope.msg.as_deref().unwrap_or_default();
            batch.refused.push((id, format!("{code} {msg}")));
            "event:error"
        }
        _ => {
            batch.ignore(Ignored::NotAQuote);
            "event:other"
        }
    }
}

/// The text of `subscribe` and `unsubscribe`.
pub(crate) fn operation(op: &str, args: &[serde_json::Value]) -> String {
    json!({"op": op, "args": args}).to_string()
}

/// One argument of a subscription.
pub(crate) fn argument(inst_type: &str, channel: &str, native: &str) -> serde_json::Value {
    json!({"instType": inst_type, "channel": channel, "instId": native})
}

impl Bitget {
    fn ticker(&mut self, arg: &Argument<'_>, ticker: &TickerData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = self.resolve(arg, batch) else { return };
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = millis(ticker.ts);
        if !slot.best && !slot.book.is_synchronised() {
            for (field, price, size) in
                [(Field::Bid, ticker.bid_pr, ticker.bid_sz), (Field::Ask, ticker.ask_pr, ticker.ask_sz)]
            {
                // v1 has no sizes.
                let size = if size.is_some() { read(size, batch) } else { Some(None) };
                if let (Some(price), Some(size)) = (read(price, batch), size) {
                    update.tell_side(field, price, size);
                }
            }
        }
        if !slot.traded
            && let Some(price) = read(ticker.last_pr, batch)
        {
            slot.last = true;
            update.tell_trade(price, None, None);
        }
        for (field, figure) in [
            (Field::Open24h, ticker.open24h),
            (Field::High24h, ticker.high24h),
            (Field::Low24h, ticker.low24h),
            (Field::Volume24h, ticker.base_volume),
            (Field::QuoteVolume24h, ticker.quote_volume),
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
        batch.push(id, update);
    }

    /// Trades one by one in the order in which they happened: lists of old ones come newest first. Of old ones only the
    /// newest is told, and only while nothing else has told a last trade.
    fn trades(
        &mut self,
        arg: &Argument<'_>,
        trades: &[TradeData<'_>],
        history: bool,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = self.resolve(arg, batch) else { return };
        let ts = |trade: Option<&TradeData<'_>>| trade.and_then(|trade| whole(Some(trade.ts)));
        let newest_first = ts(trades.first()) > ts(trades.last());
        if history {
            let newest = if newest_first { trades.first() } else { trades.last() };
            match newest {
                Some(newest) if !self.slot(id).last => {
                    self.trade(id, newest, Source::History, ts_recv, batch)
                }
                _ => batch.ignore(Ignored::Duplicate),
            }
            return;
        }
        let count = trades.len();
        for at in 0..count {
            let trade = &trades[if newest_first { count - 1 - at } else { at }];
            self.slot(id).traded = true;
            self.trade(id, trade, Source::Direct, ts_recv, batch);
        }
    }

    fn trade(
        &mut self,
        id: InstrumentId,
        trade: &TradeData<'_>,
        source: Source,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let (Some(Some(price)), Some(size)) = (read(Some(trade.price), batch), read(Some(trade.size), batch))
        else {
            return;
        };
        let side = match &*trade.side {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            _ => None,
        };
        let mut update = Update::new(source, ts_recv);
        update.ts_event = millis(Some(trade.ts));
        update.tell_trade(Some(price), size, side);
        self.slot(id).last = true;
        batch.push(id, update);
    }
}
