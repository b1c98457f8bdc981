//! The classic WebSocket: frames to updates.
//!
//! | topic | what it tells |
//! |---|---|
//! | `/spotMarket/level1`, `/contractMarket/tickerV2` | top |
//! | `/market/ticker`, `/contractMarket/ticker` | top and last, unless better topics do |
//! | `/market/match`, `/contractMarket/execution` | last trade |
//! | `/market/snapshot`, `/contractMarket/snapshot` | 24 h figures, whether trading goes on; top and last until better topics speak |
//! | `/market/level2`, `/contractMarket/level2` | top of the book rebuilt on a snapshot of the HTTP interface |
//! | `level2Depth5`, `level2Depth50` | top of a whole book |
//! | `/contract/instrument` | mark, index and funding |

mod futures;
mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Chained, Change, Fit, Ladder};
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Field, Micros, Reason, Side, Source, Status, Update};
use serde::Deserialize;

use self::shapes::{
    Answer, BestData, BookData, ChangesData, Envelope, LevelData, MatchData, TickerData, Wrapped, millis,
    nanos, read, whole,
};

/// The kinds of messages by topic and subject, as they are counted.
static KINDS: [&str; 20] = [
    "/market/match:trade.l3match",
    "/market/level2:trade.l2update",
    "/market/snapshot:trade.snapshot",
    "/market/candles:trade.candles.add",
    "/market/candles:trade.candles.update",
    "/spotMarket/level1:level1",
    "/spotMarket/level2Depth5:level2",
    "/spotMarket/level2Depth50:level2",
    "/contractMarket/execution:match",
    "/contractMarket/level2:level2",
    "/contractMarket/level2Depth5:level2",
    "/contractMarket/level2Depth50:level2",
    "/contractMarket/tickerV2:tickerV2",
    "/contractMarket/ticker:ticker",
    "/contractMarket/snapshot:snapshot.24h",
    "/contractMarket/candle:candle.stick",
    "/contract/instrument:mark.index.price",
    "/contract/instrument:funding.rate",
    "/contract/announcement:funding.begin",
    "/contract/announcement:funding.end",
];

/// Levels a side that are kept. The snapshots hold whole books, of a few hundred levels in the recordings.
const DEPTH: usize = 10_000;

/// What is remembered of one instrument on one connection.
#[derive(Debug, Default)]
struct Slot {
    book: Chained,
    /// Whether a topic that tells nothing but the top spoke.
    best: bool,
    /// Whether `/market/ticker` spoke: it has sizes, `/market/snapshot` has none.
    ticker: bool,
    traded: bool,
    /// Whether the venue trades it, as last told.
    trading: Option<bool>,
}

/// Reads frames of the classic WebSocket, spot and futures.
#[derive(Debug, Default)]
pub struct KucoinClassic {
    slots: Vec<Slot>,
    /// The levels of the message being read.
    changes: Vec<Change>,
}

impl KucoinClassic {
    /// A decoder for a new connection.
    pub fn new() -> KucoinClassic {
        KucoinClassic::default()
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for KucoinClassic {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .map_err(|_| DecodeError::Garbage("not a message of the classic socket"))?;
        match &*envelope.kind {
            "message" => self.message(&envelope, ts_recv, batch),
            "welcome" => {
                batch.ready = true;
                Ok("welcome")
            }
            "ack" => Ok("ack"),
            "pong" => Ok("pong"),
            "error" => error(&envelope, batch),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }

    /// Takes the snapshot of a book. Others of the venue's answers are passed over.
    fn rest(&mut self, url: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        let Some(native) = asked(url) else { return };
        let Ok(Answer { data }) = serde_json::from_str::<Answer<'_>>(body) else {
            return batch.ignore(Ignored::BadNumber);
        };
        let Some(id) = resolve(Some(native), batch) else { return };
        let Some(seq) = data.sequence.and_then(whole) else { return batch.ignore(Ignored::BadNumber) };
        let ts_event = millis(data.time).or_else(|| nanos(data.ts));
        if !self.levels(seq, seq, &data.asks, &data.bids, batch) {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let slot = self.slot(id);
        match slot.book.snapshot(DEPTH, seq, &changes) {
            Fit::Applied if slot.best => batch.ignore(Ignored::NotAQuote),
            Fit::Applied => slot.book.rebuilt.tell(id, ts_event, ts_recv, batch),
            Fit::Old => batch.ignore(Ignored::Duplicate),
            Fit::Waits | Fit::Gap | Fit::Restarted => batch.ignore(Ignored::BeforeSnapshot),
        }
        self.changes = changes;
    }
}

/// The symbol of a question for a whole book; `None` of other questions.
fn asked(url: &str) -> Option<&str> {
    let (path, query) = url.split_once('?')?;
    let is_book = path.ends_with("/orderbook/level2") || path.ends_with("/level2/snapshot");
    query.split('&').find_map(|part| part.strip_prefix("symbol=")).filter(|_| is_book)
}

/// The data of a message.
fn data<'a, T: Deserialize<'a>>(envelope: &Envelope<'a>, what: &'static str) -> Result<T, DecodeError> {
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

/// `{"type":"error"}`: a refused subscription names its text's id and no symbol.
fn error(envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let code = envelope.code.as_ref().map_or("", |code| code.raw().trim_matches('"'));
    let words = envelope.data.map_or("", |data| data.get().trim_matches('"'));
    if code == "401" || words == "ping timeout" {
        // The token is not taken, or none of our pings arrived.
        return Err(DecodeError::Reconnect(Reason::Venue));
    }
    batch.refused.push((None, format!("{code} {words}")));
    Ok("error")
}

/// Which side took liquidity.
fn taker(side: Option<&str>) -> Option<Side> {
    match side {
        Some("buy") => Some(Side::Buy),
        Some("sell") => Some(Side::Sell),
        _ => None,
    }
}

/// Tells both sides of the top, if they can be read.
fn tell_top(
    update: &mut Update,
    top: [(Field, Option<Number<'_>>, Option<Number<'_>>); 2],
    batch: &mut Batch,
) {
    for (field, price, size) in top {
        if let (Some(price), Some(size)) = (read(price, batch), read(size, batch)) {
            update.tell_side(field, price, size);
        }
    }
}

impl KucoinClassic {
    fn message(
        &mut self,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let topic = envelope.topic.as_deref().ok_or(DecodeError::Garbage("message without a topic"))?;
        let (topic, of) = topic.split_once(':').unwrap_or((topic, ""));
        let subject = envelope.subject.as_deref().unwrap_or_default();
        if topic == "/market/ticker" {
            // Of `:all` the subject says which symbol it is.
            let native = if of == "all" { subject } else { of };
            self.ticker(native, &data(envelope, "ticker")?, ts_recv, batch);
            return Ok("/market/ticker");
        }
        let names = |kind: &&&str| kind.split_once(':') == Some((topic, subject));
        let Some(&kind) = KINDS.iter().find(names) else {
            batch.ignore(Ignored::NotAQuote);
            return Ok("other");
        };
        match kind {
            "/market/match:trade.l3match" | "/contractMarket/execution:match" => {
                self.trade(of, &data(envelope, kind)?, ts_recv, batch);
            }
            "/market/level2:trade.l2update" => {
                self.spot_changes(of, &data(envelope, kind)?, ts_recv, batch)?;
            }
            "/market/snapshot:trade.snapshot" => self.snapshot(&data(envelope, kind)?, ts_recv, batch),
            "/spotMarket/level1:level1" => self.best(of, &data(envelope, kind)?, ts_recv, batch),
            _ if topic.contains("/level2Depth") => self.whole(of, &data(envelope, kind)?, ts_recv, batch),
            _ => return self.contract(kind, of, envelope, ts_recv, batch),
        }
        Ok(kind)
    }

    fn ticker(&mut self, native: &str, ticker: &TickerData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(Some(native), batch) else { return };
        let slot = self.slot(id);
        slot.ticker = true;
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = millis(ticker.time);
        if !slot.best && !slot.book.rebuilt.is_synchronised() {
            let top = [
                (Field::Bid, ticker.best_bid, ticker.best_bid_size),
                (Field::Ask, ticker.best_ask, ticker.best_ask_size),
            ];
            tell_top(&mut update, top, batch);
        }
        if !slot.traded
            && let (Some(price), Some(size)) = (read(ticker.price, batch), read(ticker.size, batch))
        {
            update.tell_trade(price, size.filter(|_| price.is_some()), None);
        }
        push(id, update, batch);
    }

    fn trade(&mut self, of: &str, trade: &MatchData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(trade.symbol.as_deref().or(Some(of)), batch) else { return };
        let (Some(Some(price)), Some(size)) = (read(trade.price, batch), read(trade.size, batch)) else {
            return;
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = nanos(trade.time).or_else(|| nanos(trade.ts));
        update.tell_trade(Some(price), size, taker(trade.side.as_deref()));
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    /// `/market/snapshot`. Its top has no sizes and is up to two seconds old, so it counts only until another topic has
    /// told one on this connection.
    fn snapshot(&mut self, wrapped: &Wrapped<'_>, ts_recv: Micros, batch: &mut Batch) {
        let figures = &wrapped.data;
        let Some(id) = resolve(figures.symbol.as_deref(), batch) else { return };
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = millis(figures.datetime);
        if !slot.best && !slot.ticker && !slot.book.rebuilt.is_synchronised() {
            for (field, price) in [(Field::Bid, figures.buy), (Field::Ask, figures.sell)] {
                if let Some(price) = read(price, batch) {
                    update.tell_side(field, price, None);
                }
            }
        }
        if !slot.ticker
            && !slot.traded
            && let Some(price) = read(figures.last_traded_price, batch)
        {
            update.tell_trade(price, None, None);
        }
        for (field, figure) in [
            (Field::Open24h, figures.open),
            (Field::High24h, figures.high),
            (Field::Low24h, figures.low),
            (Field::Volume24h, figures.vol),
            (Field::QuoteVolume24h, figures.vol_value),
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
        if let Some(trading) = figures.trading
            && slot.trading.replace(trading) != Some(trading)
        {
            // The first word of a connection is told as well: trading may have ended or begun unheard.
            update.status = Some(if trading {
                (Status::Live, Reason::Confirmed)
            } else {
                (Status::Halted, Reason::Venue)
            });
        }
        batch.push(id, update);
    }

    /// `/spotMarket/level1`: the venue's own word for the top.
    fn best(&mut self, of: &str, best: &BestData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(Some(of), batch) else { return };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = millis(best.timestamp);
        let side = |level: &Option<Vec<Number<'_>>>, batch: &mut Batch| match level.as_deref() {
            None | Some([]) => Some((None, None)),
            Some([price, size, ..]) => read(Some(*price), batch).zip(read(Some(*size), batch)),
            Some([_]) => {
                batch.ignore(Ignored::BadNumber);
                None
            }
        };
        for (field, level) in [(Field::Bid, &best.bids), (Field::Ask, &best.asks)] {
            if let Some((price, size)) = side(level, batch) {
                update.tell_side(field, price, size);
            }
        }
        self.direct_top(id, update, batch);
    }

    /// The first of them on a connection states the top afresh.
    fn direct_top(&mut self, id: InstrumentId, mut update: Update, batch: &mut Batch) {
        if update.told().is_empty() {
            return;
        }
        let slot = self.slot(id);
        update.snapshot = !slot.best;
        slot.best = true;
        batch.push(id, update);
    }

    /// `level2Depth5` and `level2Depth50`: the best levels, whole each time.
    fn whole(&mut self, of: &str, book: &BookData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(Some(of), batch) else { return };
        let slot = self.slot(id);
        if slot.best || slot.book.rebuilt.is_synchronised() {
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut update = Update::new(Source::Book, ts_recv);
        update.ts_event = millis(book.timestamp);
        for (field, levels) in [(Field::Bid, &book.bids), (Field::Ask, &book.asks)] {
            match levels.first().map(LevelData::numbers) {
                None => update.tell_side(field, None, None),
                Some(Some((price, size))) => update.tell_side(field, Some(price), Some(size)),
                Some(None) => return batch.ignore(Ignored::BadNumber),
            }
        }
        slot.ticker = true;
        batch.push(id, update);
    }

    /// Reads levels into `self.changes`; false (and counted) when one of them cannot be read. A level without a number of
    /// its own has that of the message.
    fn levels(
        &mut self,
        first: u64,
        end: u64,
        asks: &[LevelData<'_>],
        bids: &[LevelData<'_>],
        batch: &mut Batch,
    ) -> bool {
        self.changes.clear();
        for (ladder, levels) in [(Ladder::Asks, asks), (Ladder::Bids, bids)] {
            for level in levels {
                let Some((price, size)) = level.numbers() else {
                    batch.ignore(Ignored::BadNumber);
                    return false;
                };
                // A price of zero stands for a number that moved no level.
                if !price.is_zero() {
                    let seq = level.seq().unwrap_or(end).clamp(first, end);
                    self.changes.push(Change { seq, ladder, price, size });
                }
            }
        }
        self.changes.sort_by_key(|change| change.seq);
        true
    }

    fn spot_changes(
        &mut self,
        of: &str,
        changes: &ChangesData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(changes.symbol.as_deref().or(Some(of)), batch) else { return Ok(()) };
        let (first, end) = (changes.sequence_start, changes.sequence_end);
        if first > end {
            return Err(DecodeError::Garbage("changes that end before they start"));
        }
        if !self.levels(first, end, &changes.changes.asks, &changes.changes.bids, batch) {
            return self.lose(id, Reason::Gap, ts_recv, batch);
        }
        self.change(id, first, end, millis(changes.time), ts_recv, batch)
    }

    /// Gives `self.changes` to the book of that instrument.
    fn change(
        &mut self,
        id: InstrumentId,
        first: u64,
        end: u64,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let changes = std::mem::take(&mut self.changes);
        let slot = self.slot(id);
        let fit = slot.book.change(first, end, &changes);
        match fit {
            Fit::Applied if slot.best => batch.ignore(Ignored::NotAQuote),
            Fit::Applied => slot.book.rebuilt.tell(id, ts_event, ts_recv, batch),
            Fit::Waits => batch.ignore(Ignored::BeforeSnapshot),
            Fit::Old => batch.ignore(Ignored::Duplicate),
            Fit::Gap | Fit::Restarted => {}
        }
        self.changes = changes;
        match fit {
            Fit::Gap => self.lose(id, Reason::Gap, ts_recv, batch),
            Fit::Restarted => self.lose(id, Reason::Reset, ts_recv, batch),
            Fit::Applied | Fit::Waits | Fit::Old => Ok(()),
        }
    }

    /// Tells the symbol suspect, unless the book is not what is shown. The socket never sends a book anew, so a new
    /// connection has to.
    fn lose(
        &mut self,
        id: InstrumentId,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        if !slot.book.rebuilt.is_synchronised() {
            return Ok(());
        }
        if slot.best {
            return slot.book.rebuilt.lose_unseen(reason);
        }
        slot.book.rebuilt.lose(id, reason, ts_recv, batch)?;
        Err(DecodeError::Reconnect(reason))
    }
}

/// Hands over an update; one that tells nothing, because better topics tell all of it, is counted.
fn push(id: InstrumentId, update: Update, batch: &mut Batch) {
    if !update.told().is_empty() {
        batch.push(id, update);
    } else if batch.ignored.is_empty() {
        batch.ignore(Ignored::NotAQuote);
    }
}
