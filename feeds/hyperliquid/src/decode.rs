//! Messages to updates.
//!
//! | kind | what it tells |
//! |---|---|
//! | `bbo` | top |
//! | `l2Book` | top, while `bbo` has not spoken; else that the coin is alive |
//! | `trades` | last trade |
//! | `activeAssetCtx`, `activeSpotAssetCtx` | 24 h figures; of perpetuals mark, index and funding |
//! | `subscriptionResponse`, `pong`, `error` | answers, life, refusals |
//! | `allMids`, `candle` and others | no field of a quote |

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Ladder, Rebuilt};
use feed::json::{Number, Text};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Side, Source, Update};
use serde::Deserialize;

use self::shapes::{Asked, BboData, BookData, ContextData, Envelope, LevelData, TradeData, moment};

/// Channels that fill no field of a quote, under their own name in the counts.
const NOT_QUOTES: [&str; 9] = [
    "allMids",
    "allDexsAssetCtxs",
    "fastAssetCtxs",
    "candle",
    "outcomeMetaUpdates",
    "explorerBlock",
    "explorerTxs",
    "notification",
    "post",
];

/// How a message of a book begins.
const BOOK_HEAD: &str = r#"{"channel":"l2Book","data":"#;

/// What is remembered of one coin on one connection.
#[derive(Debug, Default)]
struct Slot {
    /// One level a side.
    book: Rebuilt,
    /// `bbo` told the top.
    bbo: bool,
    /// A message of trades came.
    traded: bool,
}

/// Reads the frames of one connection.
#[derive(Debug, Default)]
pub struct HyperliquidDecoder {
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    slots: Vec<Slot>,
}

impl HyperliquidDecoder {
    /// A decoder for a new connection.
    pub fn new() -> HyperliquidDecoder {
        HyperliquidDecoder::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for HyperliquidDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        // Books are long, and all but their first levels are skipped: once, where the message has its usual form. Any other
        // form, or anything beside the data, is read by the general way.
        if let Some(data) = text.strip_prefix(BOOK_HEAD).and_then(|rest| rest.strip_suffix('}'))
            && let Ok(book) = serde_json::from_str(data)
        {
            self.book(&book, ts_recv, batch);
            return Ok("l2Book");
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("no channel"))?;
        match &*envelope.channel {
            "bbo" => {
                self.bbo(&data(&envelope)?, ts_recv, batch);
                Ok("bbo")
            }
            "l2Book" => {
                self.book(&data(&envelope)?, ts_recv, batch);
                Ok("l2Book")
            }
            "trades" => {
                self.trades(&data::<Vec<TradeData<'_>>>(&envelope)?, ts_recv, batch);
                Ok("trades")
            }
            "activeAssetCtx" => {
                context(&data(&envelope)?, true, ts_recv, batch);
                Ok("activeAssetCtx")
            }
            "activeSpotAssetCtx" => {
                context(&data(&envelope)?, false, ts_recv, batch);
                Ok("activeSpotAssetCtx")
            }
            "subscriptionResponse" => Ok("subscriptionResponse"),
            "pong" => Ok("pong"),
            "error" => {
                refusal(&data::<Text<'_>>(&envelope)?, batch);
                Ok("error")
            }
            name => {
                batch.ignore(Ignored::NotAQuote);
                Ok(NOT_QUOTES.into_iter().find(|known| *known == name).unwrap_or("other"))
            }
        }
    }
}

fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>) -> Result<T, DecodeError> {
    let data = envelope.data.ok_or(DecodeError::Garbage("a channel without data"))?;
    serde_json::from_str(data.get()).map_err(|_| DecodeError::Garbage("data is not as documented"))
}

/// The instrument of that coin; an unknown one is counted.
fn resolve(coin: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(coin);
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

/// What the venue says of a text of ours. It repeats the text, and that names the coin.
fn refusal(words: &str, batch: &mut Batch) {
    // Said of what is there already, or is gone already: nothing is refused.
    if words.starts_with("Already ") {
        return batch.ignore(Ignored::Duplicate);
    }
    let asked = words.find('{').and_then(|at| serde_json::from_str::<Asked<'_>>(&words[at..]).ok());
    let id = asked.and_then(|asked| batch.instruments.find(&asked.subscription.coin));
    batch.refused.push((id, words.to_owned()));
}

/// Figures of a coin. They carry no time.
fn context(data: &ContextData<'_>, perpetual: bool, ts_recv: Micros, batch: &mut Batch) {
    let Some(id) = resolve(&data.coin, batch) else { return };
    let figures = &data.ctx;
    let mut update = Update::new(Source::Ticker, ts_recv);
    for (field, figure, tells) in [
        (Field::Open24h, figures.prev_day_px, true),
        (Field::Volume24h, figures.day_base_vlm, true),
        (Field::QuoteVolume24h, figures.day_ntl_vlm, true),
        // A spot pair has a mark price as well, for margin; a quote has one for derivatives only.
        (Field::Mark, figures.mark_px, perpetual),
        (Field::Index, figures.oracle_px, perpetual),
        (Field::FundingRate, figures.funding, perpetual),
    ] {
        if tells && let Some(figure) = read(figure, batch) {
            update.tell(field, figure);
        }
    }
    batch.push(id, update);
}

/// The update of one trade, unless its price cannot be read.
fn of_trade(trade: &TradeData<'_>, source: Source, ts_recv: Micros, batch: &mut Batch) -> Option<Update> {
    let (Some(price), Some(size)) = (read(Some(trade.px), batch)?, read(Some(trade.sz), batch)) else {
        return None;
    };
    let side = match trade.side.as_deref() {
        Some("B") => Some(Side::Buy),
        Some("A") => Some(Side::Sell),
        _ => None,
    };
    let mut update = Update::new(source, ts_recv);
    update.ts_event = moment(trade.time);
    update.tell_trade(Some(price), size, side);
    Some(update)
}

impl HyperliquidDecoder {
    fn bbo(&mut self, data: &BboData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&data.coin, batch) else { return };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(data.time);
        for (field, level) in [Field::Bid, Field::Ask].into_iter().zip(&data.bbo) {
            match level.as_ref().map(LevelData::numbers) {
                None => update.tell_side(field, None, None),
                Some(Some((price, size))) => update.tell_side(field, Some(price), Some(size)),
                Some(None) => batch.ignore(Ignored::BadNumber),
            }
        }
        if !update.told().is_empty() {
            // The first one on a connection states the top afresh.
            update.snapshot = !std::mem::replace(&mut self.slot(id).bbo, true);
            batch.push(id, update);
        }
    }

    fn book(&mut self, data: &BookData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&data.coin, batch) else { return };
        let slot = self.slot(id);
        if slot.bbo {
            // It tells nothing, and shows that the coin's subscription is alive.
            batch.heard.push(id);
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut best = [None; 2];
        for (best, level) in best.iter_mut().zip(&data.levels) {
            let Some(level) = &level.0 else { continue };
            let Some(numbers) = level.numbers() else { return batch.ignore(Ignored::BadNumber) };
            *best = Some(numbers);
        }
        // Whole each time, and after the first one it continues what was told before.
        if slot.book.is_synchronised() {
            slot.book.book.restart(1);
        } else {
            slot.book.restart(1);
        }
        for (ladder, level) in [Ladder::Bids, Ladder::Asks].into_iter().zip(best) {
            if let Some((price, size)) = level {
                slot.book.book.set(ladder, price, size);
            }
        }
        slot.book.tell(id, moment(data.time), ts_recv, batch);
    }

    /// Trades, oldest first. The first message of a coin holds those before the subscription: of them the newest is told, as
    /// history.
    fn trades(&mut self, trades: &[TradeData<'_>], ts_recv: Micros, batch: &mut Batch) {
        let mut before: Vec<(InstrumentId, &TradeData<'_>)> = Vec::new();
        for trade in trades {
            let Some(id) = resolve(&trade.coin, batch) else { continue };
            if self.slot(id).traded {
                if let Some(update) = of_trade(trade, Source::Direct, ts_recv, batch) {
                    batch.push(id, update);
                }
                continue;
            }
            match before.iter_mut().find(|(of, _)| *of == id) {
                Some((_, newest)) if trade.time >= newest.time => *newest = trade,
                Some(_) => {}
                None => before.push((id, trade)),
            }
        }
        for (id, trade) in before {
            self.slot(id).traded = true;
            if let Some(update) = of_trade(trade, Source::History, ts_recv, batch) {
                batch.push(id, update);
            }
        }
    }
}
