//! Messages to updates.
//!
//! | kind | what it tells |
//! |---|---|
//! | `l2_data` | top of the rebuilt book |
//! | `ticker`, `ticker_batch` | top and last (unless better channels do), 24 h figures |
//! | `market_trades` | last trades; its snapshot the newest one, as history |
//! | `status` | halts |
//! | `heartbeats`, `subscriptions`, `error` | life, answers, refusals |
//! | `candles` and others | no field of a quote |

mod sequence;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Ladder, Rebuilt};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};
use serde::Deserialize;

use self::sequence::Sequence;
use self::shapes::{BookEvent, Envelope, StatusEvent, TickerData, TickerEvent, TradeData, TradeEvent};

/// Most levels a side. The venue tells the whole book, so a level that falls out is never told again and the top could one
/// day be missing it; the largest books have some tens of thousands. The bound only stops a flood.
const LEVELS_MAX: usize = 100_000;

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

/// What is remembered of one product on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    traded: Traded,
    /// What the venue says of trading, and what was told of it last.
    status: Option<Status>,
    told: Option<Status>,
}

impl Slot {
    /// The status, if the venue told one and it is another one than was told on.
    fn new_status(&mut self) -> Option<(Status, Reason)> {
        let status = self.status?;
        if self.told.replace(status) == Some(status) {
            return None;
        }
        Some((status, if status == Status::Live { Reason::Confirmed } else { Reason::Venue }))
    }
}

/// Reads the frames of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseAdvancedDecoder {
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    slots: Vec<Slot>,
    sequence: Sequence,
    /// One side of a snapshot while it is sorted. Kept for its memory.
    ladder: Vec<(Decimal, Decimal)>,
}

impl CoinbaseAdvancedDecoder {
    /// A decoder for a new connection.
    pub fn new() -> CoinbaseAdvancedDecoder {
        CoinbaseAdvancedDecoder::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for CoinbaseAdvancedDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of a channel"))?;
        let Some(channel) = envelope.channel.as_deref() else {
            if envelope.kind.as_deref() == Some("error") {
                refusal(envelope.message.as_deref().unwrap_or_default(), batch);
                return Ok("error");
            }
            return Err(DecodeError::Garbage("neither channel nor error"));
        };
        let missing = envelope.sequence_num.is_some_and(|number| self.sequence.misses(number, channel));
        if missing {
            self.lose_all(ts_recv, batch);
        }
        let kind = self.channel(channel, &envelope, ts_recv, batch)?;
        if missing { Err(DecodeError::Reconnect(Reason::Gap)) } else { Ok(kind) }
    }
}

/// The events of a message.
fn events<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>) -> Result<Vec<T>, DecodeError> {
    let events = envelope.events.ok_or(DecodeError::Garbage("a channel without events"))?;
    serde_json::from_str(events.get()).map_err(|_| DecodeError::Garbage("events are not as documented"))
}

/// The instrument of that product; an unknown one is counted.
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

/// The words go on as they are, and the product that they name, if they name one, is the one refused.
fn refusal(words: &str, batch: &mut Batch) {
    let names = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let id = names.filter(|name| !name.is_empty()).find_map(|name| batch.instruments.find(name));
    batch.refused.push((id, words.to_owned()));
}

/// The update of one trade, unless its price cannot be read.
fn of_trade(
    trade: &TradeData<'_>,
    source: Source,
    ts_recv: Micros,
    batch: &mut Batch,
) -> Option<(Decimal, Update)> {
    let (Some(price), Some(size)) = (read(Some(trade.price), batch)?, read(Some(trade.size), batch)) else {
        return None;
    };
    let side = match trade.side.as_deref() {
        Some("BUY") => Some(Side::Buy),
        Some("SELL") => Some(Side::Sell),
        _ => None,
    };
    let mut update = Update::new(source, ts_recv);
    update.ts_event = trade.moment();
    update.tell_trade(Some(price), size, side);
    Some((price, update))
}

impl CoinbaseAdvancedDecoder {
    fn channel(
        &mut self,
        channel: &str,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let ts_event = envelope.timestamp.as_deref().and_then(Micros::parse_iso);
        match channel {
            "l2_data" => {
                for event in events::<BookEvent<'_>>(envelope)? {
                    self.book(&event, ts_event, ts_recv, batch)?;
                }
                Ok("l2_data")
            }
            "ticker" | "ticker_batch" => {
                for ticker in events::<TickerEvent<'_>>(envelope)?.iter().flat_map(|event| &event.tickers) {
                    self.ticker(ticker, ts_event, ts_recv, batch);
                }
                Ok(if channel == "ticker" { "ticker" } else { "ticker_batch" })
            }
            "market_trades" => {
                for event in events::<TradeEvent<'_>>(envelope)? {
                    if &*event.kind == "snapshot" {
                        self.history(&event.trades, ts_recv, batch);
                    } else {
                        self.trades(&event.trades, ts_recv, batch);
                    }
                }
                Ok("market_trades")
            }
            "status" => {
                for product in events::<StatusEvent<'_>>(envelope)?.iter().flat_map(|event| &event.products) {
                    self.status(&product.id, product.status.as_deref(), ts_recv, batch);
                }
                Ok("status")
            }
            "heartbeats" => Ok("heartbeats"),
            "subscriptions" => Ok("subscriptions"),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok(match channel {
                    "candles" => "candles",
                    "user" => "user",
                    "futures_balance_summary" => "futures_balance_summary",
                    _ => "other",
                })
            }
        }
    }

    fn book(
        &mut self,
        event: &BookEvent<'_>,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(&event.product_id, batch) else { return Ok(()) };
        let whole = match &*event.kind {
            "snapshot" => true,
            "update" => false,
            _ => return Err(DecodeError::Garbage("a book that is neither snapshot nor update")),
        };
        if !whole && !self.slot(id).rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        let readable = if whole { self.fill(id, event) } else { self.change(id, event) };
        if !readable {
            batch.ignore(Ignored::BadNumber);
            self.slot(id).rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
            // A book cannot be asked for alone with certainty, a connection can.
            return Err(DecodeError::Reconnect(Reason::Gap));
        }
        let slot = self.slot(id);
        slot.rebuilt.book.truncate();
        slot.rebuilt.tell(id, ts_event, ts_recv, batch);
        Ok(())
    }

    /// Starts a book with a snapshot, each side from its worst level on, so that each goes to the end of its ladder. False
    /// when a level cannot be read.
    fn fill(&mut self, id: InstrumentId, event: &BookEvent<'_>) -> bool {
        let mut ladder = std::mem::take(&mut self.ladder);
        let slot = self.slot(id);
        slot.rebuilt.restart(LEVELS_MAX);
        let mut readable = event.updates.iter().all(|level| ladder_of(&level.side).is_some());
        for side in [Ladder::Bids, Ladder::Asks] {
            ladder.clear();
            for level in event.updates.iter().filter(|level| ladder_of(&level.side) == Some(side)) {
                match level.numbers() {
                    Some(numbers) => ladder.push(numbers),
                    None => readable = false,
                }
            }
            match side {
                Ladder::Bids => ladder.sort_by_key(|level| level.0),
                Ladder::Asks => ladder.sort_by_key(|level| std::cmp::Reverse(level.0)),
            }
            for &(price, quantity) in &ladder {
                slot.rebuilt.book.set(side, price, quantity);
            }
        }
        self.ladder = ladder;
        readable
    }

    /// Changes a book. False when a level cannot be read.
    fn change(&mut self, id: InstrumentId, event: &BookEvent<'_>) -> bool {
        let slot = self.slot(id);
        for level in &event.updates {
            let (Some(side), Some((price, quantity))) = (ladder_of(&level.side), level.numbers()) else {
                return false;
            };
            slot.rebuilt.book.set(side, price, quantity);
        }
        true
    }

    /// Nobody knows whose message is missing: every book is told suspect.
    fn lose_all(&mut self, ts_recv: Micros, batch: &mut Batch) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.rebuilt.is_synchronised() {
                // The connection ends anyway, so how often this happened does not matter.
                let _ = slot.rebuilt.lose(InstrumentId(at as u32), Reason::Gap, ts_recv, batch);
            }
        }
    }

    fn ticker(
        &mut self,
        ticker: &TickerData<'_>,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = resolve(&ticker.product_id, batch) else { return };
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ts_event;
        update.status = slot.new_status();
        if !slot.rebuilt.is_synchronised() {
            for (field, price, quantity) in [
                (Field::Bid, ticker.best_bid, ticker.best_bid_quantity),
                (Field::Ask, ticker.best_ask, ticker.best_ask_quantity),
            ] {
                if let (Some(price), Some(quantity)) = (read(price, batch), read(quantity, batch)) {
                    update.tell_side(field, price, quantity);
                }
            }
        }
        for (field, figure) in [(Field::High24h, ticker.high_24_h), (Field::Low24h, ticker.low_24_h)] {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure.filter(|price| !price.is_zero()));
            }
        }
        if let Some(volume) = read(ticker.volume_24_h, batch) {
            update.tell(Field::Volume24h, volume);
        }
        batch.push(id, update);
        // The ticker's time is not that of the trade. With it, the first trade itself would look older.
        let mut update = Update::new(Source::Ticker, ts_recv);
        let last = read(ticker.price, batch).map(|price| price.filter(|price| !price.is_zero()));
        match (&slot.traded, last) {
            (Traded::Live, _) | (_, None) => {}
            (Traded::Before(price), Some(last)) if last == Some(*price) => update.tell(Field::Last, last),
            (_, Some(last)) => update.tell_trade(last, None, None),
        }
        batch.push(id, update);
    }

    /// Trades in the order of their numbers, whichever end they start from.
    fn trades(&mut self, trades: &[TradeData<'_>], ts_recv: Micros, batch: &mut Batch) {
        let newest_first = trades.first().map(TradeData::order) > trades.last().map(TradeData::order);
        let mut tell = |trade: &TradeData<'_>| {
            let Some(id) = resolve(&trade.product_id, batch) else { return };
            if let Some((_, update)) = of_trade(trade, Source::Direct, ts_recv, batch) {
                self.slot(id).traded = Traded::Live;
                batch.push(id, update);
            }
        };
        if newest_first { trades.iter().rev().for_each(&mut tell) } else { trades.iter().for_each(&mut tell) }
    }

    /// The newest trade of each product before the subscription. The others say nothing of a quote.
    fn history(&mut self, trades: &[TradeData<'_>], ts_recv: Micros, batch: &mut Batch) {
        let mut newest: Vec<(InstrumentId, &TradeData<'_>)> = Vec::new();
        for trade in trades {
            let Some(id) = resolve(&trade.product_id, batch) else { continue };
            match newest.iter_mut().find(|(of, _)| *of == id) {
                Some((_, known)) if trade.order() > known.order() => *known = trade,
                Some(_) => {}
                None => newest.push((id, trade)),
            }
        }
        for (id, trade) in newest {
            if let Some((price, update)) = of_trade(trade, Source::History, ts_recv, batch) {
                let slot = self.slot(id);
                if !matches!(slot.traded, Traded::Live) {
                    slot.traded = Traded::Before(price);
                }
                batch.push(id, update);
            }
        }
    }

    fn status(&mut self, product: &str, status: Option<&str>, ts_recv: Micros, batch: &mut Batch) {
        // The channel may speak of every product of the venue. Those that nobody asked for are not looked at.
        let (Some(id), Some(status)) = (batch.instruments.find(product), status) else {
            return batch.ignore(Ignored::UnknownSymbol);
        };
        let slot = self.slot(id);
        slot.status = Some(match status {
            "online" => Status::Live,
            "delisted" => Status::Delisted,
            _ => Status::Halted,
        });
        // That trading goes on says nothing of a quote: where no halt was told, the next ticker takes it along, and so ends
        // a halt of an earlier connection.
        let halted = |status: Option<Status>| status.is_some_and(|status| status != Status::Live);
        if (halted(slot.status) || halted(slot.told))
            && let Some((status, reason)) = slot.new_status()
        {
            batch.push(id, Update::of_status(status, reason, ts_recv));
        }
    }
}

fn ladder_of(side: &str) -> Option<Ladder> {
    match side {
        "bid" => Some(Ladder::Bids),
        "offer" | "ask" => Some(Ladder::Asks),
        _ => None,
    }
}
