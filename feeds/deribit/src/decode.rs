//! JSON-RPC frames to updates.
//!
//! | kind | what it tells |
//! |---|---|
//! | `quote` | top |
//! | `ticker`, `incremental_ticker` | top and last (unless better channels do), 24 h figures, mark, index, funding, state |
//! | `trades` | last trade |
//! | `book` | top of the rebuilt book, while neither of the first two spoke |
//! | `perpetual`, `deribit_price_index` | index and funding |
//! | `platform_state`, `instrument` | halts, and the end of an instrument |
//! | `rpc:heartbeat`, `rpc:result`, `rpc:error` | life, answers, refusals |
//! | `chart` and others | no field of a quote |

mod answer;
mod index;
mod shapes;
mod slot;
#[cfg(test)]
mod tests;

use feed::book::{Book, Ladder};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Update};
use serde::Deserialize;

use self::index::Derivatives;
use self::shapes::{BookData, Envelope, FigureData, StateData, TickerData, TradeData, moment};
use self::slot::Slot;
use crate::session::{FIRST_CALL, call, test};

/// Most levels a side. The venue sends the whole book, of some hundred levels; the bound only stops a flood.
const LEVELS_MAX: usize = 20_000;

/// Reads the frames of one connection.
#[derive(Debug, Default)]
pub struct DeribitDecoder {
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    slots: Vec<Slot>,
    derivatives: Derivatives,
    /// The whole venue is in maintenance.
    maintenance: bool,
}

impl DeribitDecoder {
    /// A decoder for a new connection.
    pub fn new() -> DeribitDecoder {
        DeribitDecoder::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for DeribitDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        // Notifications of the usual form are read once. Any other form, or anything beside the data, goes the general way.
        if let Some((channel, data)) = notification(text) {
            match self.notified(channel, data, ts_recv, batch) {
                Err(DecodeError::Garbage(_)) => {}
                read => return read,
            }
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of JSON-RPC"))?;
        let params = envelope.params.as_ref();
        match envelope.method.as_deref() {
            Some("subscription") => {}
            Some("heartbeat") => {
                if params.and_then(|params| params.kind.as_deref()) == Some("test_request") {
                    batch.replies.push(test());
                }
                return Ok("rpc:heartbeat");
            }
            Some(_) => return Err(DecodeError::Garbage("neither subscription nor heartbeat")),
            None => return answer::read(&envelope, batch),
        }
        let Some(channel) = params.and_then(|params| params.channel.as_deref()) else {
            return Err(DecodeError::Garbage("subscription without a channel"));
        };
        let data = params.and_then(|params| params.data);
        let data = data.ok_or(DecodeError::Garbage("subscription without data"))?;
        self.notified(channel, data.get(), ts_recv, batch)
    }
}

impl DeribitDecoder {
    fn notified(
        &mut self,
        channel: &str,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (kind, rest) = channel.split_once('.').unwrap_or((channel, ""));
        match kind {
            "quote" => self.quote(&data(text)?, ts_recv, batch),
            "ticker" => self.ticker("ticker", &data(text)?, ts_recv, batch),
            "incremental_ticker" => self.ticker("incremental_ticker", &data(text)?, ts_recv, batch),
            "trades" => {
                for trade in data::<Vec<TradeData<'_>>>(text)? {
                    self.trade(&trade, ts_recv, batch);
                }
                Ok("trades")
            }
            "book" => {
                self.book(channel, &data(text)?, ts_recv, batch)?;
                Ok("book")
            }
            "perpetual" => {
                let name = rest.split_once('.').map_or(rest, |(name, _)| name);
                perpetual(name, &data(text)?, ts_recv, batch)
            }
            "deribit_price_index" => self.index(&data(text)?, ts_recv, batch),
            "platform_state" => self.platform(&data(text)?, ts_recv, batch),
            "instrument" => self.instrument(&data(text)?, ts_recv, batch),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok(if kind == "chart" { "chart" } else { "other" })
            }
        }
    }
}

/// Channel and data of a notification in its usual form, of the channels that come often. A name that is not as it stands (an
/// escape), or that JSON forbids (a control character), goes the general way.
fn notification(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":""#)?;
    let (channel, rest) = rest.split_once('"')?;
    let often = ["quote.", "ticker.", "trades.", "book."].iter().any(|kind| channel.starts_with(kind));
    let data = rest.strip_prefix(r#","data":"#)?.strip_suffix("}}")?;
    let plain = channel.bytes().all(|byte| byte >= b' ' && byte != b'\\');
    (often && plain).then_some((channel, data))
}

/// The data of a notification.
fn data<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|_| DecodeError::Garbage("data is not as documented"))
}

/// The instrument of that name; an unknown one is counted.
fn resolve(native: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(native);
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

/// One side of the top, of which a message may tell only a half.
fn side(
    update: &mut Update,
    of: (Field, Field),
    price: Option<Number<'_>>,
    amount: Option<Number<'_>>,
    batch: &mut Batch,
) {
    match (read(price, batch), read(amount, batch)) {
        (Some(price), Some(amount)) => update.tell_side(of.0, price, amount),
        (Some(None), None) => update.tell_side(of.0, None, None),
        (Some(price), None) => update.tell(of.0, price),
        (None, Some(amount)) => update.tell(of.1, amount),
        (None, None) => {}
    }
}

/// Both sides of the top.
fn top(update: &mut Update, ticker: &TickerData<'_>, batch: &mut Batch) {
    side(update, (Field::Bid, Field::BidSize), ticker.best_bid_price, ticker.best_bid_amount, batch);
    side(update, (Field::Ask, Field::AskSize), ticker.best_ask_price, ticker.best_ask_amount, batch);
}

fn perpetual(
    name: &str,
    figures: &FigureData<'_>,
    ts_recv: Micros,
    batch: &mut Batch,
) -> Result<&'static str, DecodeError> {
    let Some(id) = resolve(name, batch) else { return Ok("perpetual") };
    let mut update = Update::new(Source::Ticker, ts_recv);
    update.ts_event = moment(figures.timestamp);
    for (field, figure) in [(Field::Index, figures.index_price), (Field::FundingRate, figures.interest)] {
        if let Some(figure) = read(figure, batch) {
            update.tell(field, figure);
        }
    }
    batch.push(id, update);
    Ok("perpetual")
}

impl DeribitDecoder {
    fn quote(
        &mut self,
        quote: &TickerData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Some(id) = resolve(&quote.instrument_name, batch) else { return Ok("quote") };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(quote.timestamp);
        top(&mut update, quote, batch);
        if !update.told().is_empty() {
            // The first one on a connection states the top afresh.
            update.snapshot = !std::mem::replace(&mut self.slot(id).quoted, true);
            batch.push(id, update);
        }
        Ok("quote")
    }

    fn ticker(
        &mut self,
        kind: &'static str,
        ticker: &TickerData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Some(id) = resolve(&ticker.instrument_name, batch) else { return Ok(kind) };
        let maintenance = self.maintenance;
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = moment(ticker.timestamp);
        if !slot.quoted {
            top(&mut update, ticker, batch);
            if !update.told().is_empty() {
                update.snapshot = !std::mem::replace(&mut slot.tickered, true);
            }
        }
        let figures = [
            (Field::Mark, ticker.mark_price),
            (Field::Index, ticker.index_price),
            (Field::FundingRate, ticker.current_funding),
        ];
        let day = ticker.stats.as_ref().map(|stats| {
            [
                (Field::High24h, stats.high),
                (Field::Low24h, stats.low),
                (Field::Volume24h, stats.volume),
                (Field::QuoteVolume24h, stats.volume_notional),
            ]
        });
        for (field, figure) in figures.into_iter().chain(day.into_iter().flatten()) {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure);
            }
        }
        if let Some(state) = ticker.state.as_deref() {
            slot.state = slot::of_ticker(state);
            update.status = slot.new_status(maintenance);
        }
        batch.push(id, update);
        if !slot.traded
            && let Some(last) = read(ticker.last_price, batch)
        {
            // The ticker's time is not that of the trade. With it, the first trade itself would look older.
            let mut update = Update::new(Source::Ticker, ts_recv);
            update.tell_trade(last, None, None);
            batch.push(id, update);
        }
        Ok(kind)
    }

    fn trade(&mut self, trade: &TradeData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&trade.instrument_name, batch) else { return };
        let (Some(Some(price)), Some(amount)) =
            (read(Some(trade.price), batch), read(Some(trade.amount), batch))
        else {
            return;
        };
        let side = match trade.direction.as_deref() {
            Some("buy") => Some(Side::Buy),
            Some("sell") => Some(Side::Sell),
            _ => None,
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(trade.timestamp);
        update.tell_trade(Some(price), amount, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    fn book(
        &mut self,
        channel: &str,
        data: &BookData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(&data.instrument_name, batch) else { return Ok(()) };
        let slot = self.slot(id);
        let another = slot.channel.as_deref().is_some_and(|of| of != channel);
        // A doubt that a book raised ends by a book, whatever a ticker says.
        let in_doubt = slot.channel.is_some() && !slot.rebuilt.is_synchronised();
        // A better channel tells the top, another book of the instrument is rebuilt already, or prices are rounded.
        if slot.quoted || (slot.tickered && !in_doubt) || another || is_rounded(channel) {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let whole = match data.kind.as_deref() {
            None | Some("snapshot") => true,
            Some("change") => false,
            Some(_) => return Err(DecodeError::Garbage("a book that is neither snapshot nor change")),
        };
        if whole {
            // A window is whole each time, and continues what was told before.
            if data.kind.is_some() || !slot.rebuilt.is_synchronised() {
                slot.rebuilt.restart(LEVELS_MAX);
            } else {
                slot.rebuilt.book.restart(LEVELS_MAX);
            }
            slot.channel.get_or_insert_with(|| channel.into());
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if let (Some(before), Some(said)) = (slot.change, data.prev_change_id)
            && before != said
        {
            return self.lose(id, ts_recv, batch);
        }
        slot.change = data.change_id;
        if !set_levels(&mut slot.rebuilt.book, data) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, ts_recv, batch);
        }
        if !whole {
            slot.rebuilt.confirm();
        }
        slot.rebuilt.tell(id, moment(data.timestamp), ts_recv, batch);
        Ok(())
    }

    /// Tells the symbol suspect and asks for its book anew.
    fn lose(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        slot.change = None;
        slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
        if let Some(channel) = slot.channel.as_deref() {
            // A second subscription alone would send no snapshot.
            let channels = [channel.to_owned()];
            batch.replies.extend(
                ["public/unsubscribe", "public/subscribe"]
                    .map(|method| call(FIRST_CALL - 1, method, &channels)),
            );
        }
        Ok(())
    }

    /// The price of an index belongs to every derivative on it.
    fn index(
        &mut self,
        figures: &FigureData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let name = figures.index_name.as_deref().ok_or(DecodeError::Garbage("index without a name"))?;
        let Some(price) = read(figures.price, batch) else { return Ok("deribit_price_index") };
        let ids = self.derivatives.of(name, &batch.instruments);
        if ids.is_empty() {
            batch.ignore(Ignored::UnknownSymbol);
        }
        for &id in ids {
            let mut update = Update::new(Source::Ticker, ts_recv);
            update.ts_event = moment(figures.timestamp);
            update.tell(Field::Index, price);
            batch.push(id, update);
        }
        Ok("deribit_price_index")
    }

    /// Maintenance stops everything, a locked index the derivatives on it.
    fn platform(
        &mut self,
        data: &StateData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let concerned: Vec<InstrumentId> = if let Some(maintenance) = data.maintenance {
            self.maintenance = maintenance;
            batch.instruments.iter().map(|(id, _)| id).collect()
        } else if let (Some(index), Some(locked)) = (data.price_index.as_deref(), data.locked) {
            let ids = self.derivatives.of(index, &batch.instruments).to_vec();
            for &id in &ids {
                self.slot(id).locked = locked;
            }
            ids
        } else {
            return Err(DecodeError::Garbage("platform state without a state"));
        };
        for id in concerned {
            self.tell_status(id, ts_recv, batch);
        }
        Ok("platform_state")
    }

    /// The venue says that an instrument begins or ends.
    fn instrument(
        &mut self,
        data: &StateData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (Some(name), Some(state)) = (data.instrument_name.as_deref(), data.state.as_deref()) else {
            return Err(DecodeError::Garbage("instrument state without a state"));
        };
        // Names that are new today are not ours.
        let Some(id) = batch.instruments.find(name) else {
            batch.ignore(Ignored::UnknownSymbol);
            return Ok("instrument");
        };
        match state {
            "closed" | "settled" | "deactivated" => self.slot(id).state = Status::Closed,
            "terminated" => self.slot(id).state = Status::Delisted,
            _ => batch.ignore(Ignored::NotAQuote),
        }
        self.tell_status(id, ts_recv, batch);
        Ok("instrument")
    }

    /// Tells the status of an instrument that was heard of on this connection, if it is another one than before.
    fn tell_status(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) {
        let maintenance = self.maintenance;
        let slot = self.slot(id);
        if slot.is_heard()
            && let Some((status, reason)) = slot.new_status(maintenance)
        {
            batch.push(id, Update::of_status(status, reason, ts_recv));
        }
    }
}

/// Whether the book of a channel has its prices rounded to steps: `book.NAME.STEP.DEPTH.INTERVAL`.
fn is_rounded(channel: &str) -> bool {
    let mut parts = channel.split('.').skip(2);
    let step = parts.next();
    parts.next().is_some() && step != Some("none")
}

/// Sets every level of a message; false when one cannot be read.
fn set_levels(book: &mut Book, data: &BookData<'_>) -> bool {
    for (ladder, levels) in [(Ladder::Asks, &data.asks), (Ladder::Bids, &data.bids)] {
        for level in levels {
            let Some((price, amount)) = level.numbers() else { return false };
            book.set(ladder, price, amount);
        }
    }
    book.truncate();
    true
}
