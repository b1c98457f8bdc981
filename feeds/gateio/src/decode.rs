//! WebSocket v4: frames to updates.
//!
//! | channel | what it tells |
//! |---|---|
//! | `book_ticker` | top |
//! | `trades` | last trade |
//! | `tickers` | 24 h figures, mark, index, funding; top (without sizes) and last, unless better channels do |
//! | `obu` | top of the rebuilt book; the venue sends the snapshot |
//! | `order_book_update` | top of the book rebuilt on a snapshot of the HTTP interface |
//! | `order_book` | top of a whole book of a few levels |
//!
//! The names begin with `spot.` or `futures.`.

mod books;
mod channels;
mod scan;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Chained, Change};
use feed::halts::Halts;
use feed::json::text_decimal;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};
use serde::Deserialize;
use serde_json::json;

use self::channels::{Channel, What};
use self::shapes::{
    BestData, Envelope, SignedLevel, SystemData, TickerData, TradeData, exact, millis, read, seconds,
};

/// What is remembered of one instrument on one connection.
#[derive(Debug, Default)]
struct Slot {
    book: Chained,
    /// Which channel the book is rebuilt from.
    channel: Option<&'static Channel>,
    /// The latest `u` of `book_ticker`; `Some(None)` when it spoke without one.
    best: Option<Option<u64>>,
    traded: bool,
}

/// Reads WebSocket v4 frames of public channels, spot and futures.
#[derive(Debug, Default)]
pub struct Gate4 {
    slots: Vec<Slot>,
    halts: Halts,
    /// The levels of the message being read.
    changes: Vec<Change>,
}

impl Gate4 {
    /// A decoder for a new connection.
    pub fn new() -> Gate4 {
        Gate4::default()
    }

    /// A decoder for a new connection, which tells what the catalogue said of suspended instruments.
    pub fn with_halts(halts: Halts) -> Gate4 {
        Gate4 { halts, ..Gate4::default() }
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for Gate4 {
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

    fn rest(&mut self, url: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        self.fetched(url, body, ts_recv, batch);
        self.halts.mark(batch);
    }
}

impl Gate4 {
    fn message(
        &mut self,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        if let Some(trade) = scan::trade(text) {
            self.scanned(&trade, ts_recv, batch);
            return Ok("spot.trades:update");
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a message of v4"))?;
        let event = envelope.event.as_deref().unwrap_or_default();
        let Some(channel) = Channel::named(&envelope.channel) else {
            return unknown(&envelope, event, batch);
        };
        match event {
            "update" | "all" => {
                self.update(channel, &envelope, ts_recv, batch)?;
                Ok(if event == "all" { channel.all } else { channel.update })
            }
            "subscribe" => {
                if let Some(error) = &envelope.error {
                    let words = error.message.as_deref().unwrap_or_default();
                    refused(channel, &envelope, error.code, words, batch);
                } else {
                    for native in envelope.payload.iter().flatten() {
                        if let Some(id) = batch.instruments.find(native) {
                            self.halts.acknowledged(id, ts_recv, batch);
                        }
                    }
                }
                Ok(channel.subscribe)
            }
            "unsubscribe" => Ok("unsubscribe"),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

/// The result of a message.
fn result<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<T, DecodeError> {
    let result = envelope.result.ok_or(DecodeError::Garbage(what))?;
    serde_json::from_str(result.get()).map_err(|_| DecodeError::Garbage(what))
}

/// Whether the result is a list.
fn is_list(envelope: &Envelope<'_>) -> bool {
    envelope.result.is_some_and(|result| result.get().starts_with('['))
}

/// One object on spot, a list of them on futures.
fn results<'a, T: Deserialize<'a>>(
    envelope: &Envelope<'a>,
    what: &'static str,
) -> Result<Vec<T>, DecodeError> {
    if is_list(envelope) { result(envelope, what) } else { Ok(vec![result(envelope, what)?]) }
}

/// The instrument of that name; an unknown one is counted. Spot and futures have the same names for different things, so
/// one of the other kind is unknown here.
fn resolve(native: &str, futures: bool, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(native).filter(|&id| {
        batch.instruments.get(id).is_some_and(|listed| {
            let name = listed.symbol.name();
            let contract = name.bytes().filter(|&byte| byte == b'-').count() > 1;
            name == &*listed.native || contract == futures
        })
    });
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// What is not of a public channel.
fn unknown(envelope: &Envelope<'_>, event: &str, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    match &*envelope.channel {
        "spot.pong" => Ok("spot.pong"),
        "futures.pong" => Ok("futures.pong"),
        "spot.system" | "futures.system" if event == "update" => {
            let system: SystemData<'_> = result(envelope, "system")?;
            match system.kind.as_deref() {
                Some("upgrade") => Err(DecodeError::Reconnect(Reason::Venue)),
                _ => Ok("system"),
            }
        }
        name => {
            if let Some(error) = &envelope.error {
                let words = error.message.as_deref().unwrap_or_default();
                batch.refused.push((None, format!("{} {words} ({name})", error.code)));
            } else {
                batch.ignore(Ignored::NotAQuote);
            }
            Ok("other")
        }
    }
}

/// A refused subscription. The venue's words name the symbol at their end. What else stood in the same text may be refused
/// with it, so it is asked for again; asked for twice it is sent once.
fn refused(channel: &Channel, envelope: &Envelope<'_>, code: i64, words: &str, batch: &mut Batch) {
    let payload = envelope.payload.as_deref().unwrap_or_default();
    let named = match payload {
        [one] => Some(&**one),
        _ => words.rsplit([' ', ':']).find(|word| !word.is_empty()),
    };
    let id = named.and_then(|native| batch.instruments.find(native));
    batch.refused.push((id, format!("{code} {words}")));
    let others: Vec<&str> = payload.iter().map(|text| &**text).filter(|text| Some(*text) != named).collect();
    if id.is_some() && !others.is_empty() && others.len() < payload.len() {
        batch.replies.push(request(channel.name, "subscribe", &others));
    }
}

/// The text of a subscription. It may say when it was made, and need not.
pub(crate) fn request(channel: &str, event: &str, payload: &[&str]) -> String {
    json!({"channel": channel, "event": event, "payload": payload}).to_string()
}

impl Gate4 {
    fn update(
        &mut self,
        channel: &'static Channel,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let what = channel.update;
        match channel.what {
            What::Ticker => {
                let ts_event = moment(envelope);
                for ticker in results::<TickerData<'_>>(envelope, what)? {
                    self.ticker(channel, &ticker, ts_event, ts_recv, batch);
                }
            }
            What::Trades => {
                for trade in results::<TradeData<'_>>(envelope, what)? {
                    self.trade(channel, &trade, ts_recv, batch);
                }
            }
            What::Best => self.best(channel, &result(envelope, what)?, ts_recv, batch),
            What::Changes | What::Obu => {
                return self.changes(channel, &result(envelope, what)?, ts_recv, batch);
            }
            What::Levels if is_list(envelope) => {
                let levels: Vec<SignedLevel<'_>> = result(envelope, what)?;
                self.signed(channel, &levels, moment(envelope), ts_recv, batch);
            }
            What::Levels => self.whole(channel, &result(envelope, what)?, ts_recv, batch),
            What::Other => batch.ignore(Ignored::NotAQuote),
        }
        Ok(())
    }

    fn ticker(
        &mut self,
        channel: &'static Channel,
        ticker: &TickerData<'_>,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = resolve(&ticker.contract, channel.futures, batch) else { return };
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ts_event;
        if slot.best.is_none() && !slot.book.rebuilt.is_synchronised() {
            for (field, price) in [(Field::Bid, ticker.highest_bid), (Field::Ask, ticker.lowest_ask)] {
                if let Some(price) = read(price, batch) {
                    update.tell_side(field, price, None);
                }
            }
        }
        if !slot.traded
            && let Some(price) = read(ticker.last, batch)
        {
            update.tell_trade(price, None, None);
        }
        for (field, figure) in [
            (Field::High24h, ticker.high_24h),
            (Field::Low24h, ticker.low_24h),
            (Field::Volume24h, ticker.base_volume.or(ticker.volume_24h)),
            (Field::QuoteVolume24h, ticker.quote_volume.or(ticker.volume_24h_quote)),
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

    fn trade(
        &mut self,
        channel: &'static Channel,
        trade: &TradeData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = resolve(&trade.contract, channel.futures, batch) else { return };
        let (price, size) = (read(trade.price, batch), read(trade.amount.or(trade.size), batch));
        let (Some(Some(price)), Some(size)) = (price, size) else { return };
        let side = match (trade.side.as_deref(), size) {
            (Some("buy"), _) => Some(Side::Buy),
            (Some("sell"), _) => Some(Side::Sell),
            (None, Some(size)) if size.is_sign_negative() => Some(Side::Sell),
            (None, Some(size)) if !size.is_zero() => Some(Side::Buy),
            _ => None,
        };
        let ts_event = millis(trade.create_time_ms).or_else(|| seconds(trade.create_time));
        self.tell_trade(id, (price, size, side), ts_event, ts_recv, batch);
    }

    /// A trade of spot in its usual form.
    fn scanned(&mut self, trade: &scan::Trade<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(trade.native, false, batch) else { return };
        let price = exact(text_decimal(trade.price), batch);
        let size = exact(text_decimal(trade.size), batch);
        let (Some(Some(price)), Some(size)) = (price, size) else { return };
        let side = match trade.side {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            _ => None,
        };
        self.tell_trade(id, (price, size, side), Some(trade.moment), ts_recv, batch);
    }

    fn tell_trade(
        &mut self,
        id: InstrumentId,
        (price, size, side): (Decimal, Option<Decimal>, Option<Side>),
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = ts_event;
        update.tell_trade(Some(price), size.map(|size| size.abs()), side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    /// `book_ticker`: the venue's own word for the top.
    fn best(&mut self, channel: &'static Channel, best: &BestData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&best.s, channel.futures, batch) else { return };
        let mut update = Update::new(Source::Direct, ts_recv);
        for (field, price, size) in
            [(Field::Bid, best.bid, best.bid_size), (Field::Ask, best.ask, best.ask_size)]
        {
            if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
                // Without a price the side is empty, whatever stands for its size.
                update.tell_side(field, price, size.filter(|_| price.is_some()));
            }
        }
        if update.told().is_empty() {
            return;
        }
        let slot = self.slot(id);
        update.ts_event = millis(best.t);
        update.venue_seq = best.u;
        // The first on a connection states the top afresh, and so does the first after the numbers were restarted: else it
        // would be taken for an old one.
        update.snapshot = match slot.best {
            None => true,
            Some(before) => before.zip(best.u).is_some_and(|(before, now)| now < before),
        };
        slot.best = Some(best.u);
        batch.push(id, update);
    }
}

/// When the message was made.
fn moment(envelope: &Envelope<'_>) -> Option<Micros> {
    millis(envelope.time_ms).or_else(|| seconds(envelope.time))
}
