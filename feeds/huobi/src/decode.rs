//! HTX's frames to updates.
//!
//! | frame | what it tells |
//! |---|---|
//! | `bbo` | top |
//! | `depth.step0`, `mbp.refresh.N`, `depth.size_N.high_freq`, `mbp.N` | top of the book |
//! | `trade.detail` | last trade |
//! | `detail`, `ticker` | 24 h figures; last and top until better channels do |
//! | `mark_price`, `index`, `basis`, `funding_rate` | figures of a contract |
//! | `ping` | wants its number back |

mod channel;
mod rebuild;
mod shapes;
#[cfg(test)]
mod tests;

use feed::inflate::Inflater;
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Group, Micros, Side, Source, Update};

use self::channel::{Channel, of_name, parts};
use self::rebuild::Changes;
use self::shapes::{Best, Envelope, FundingText, Tick, TradeText, first, moment, whole};

/// What is remembered of one symbol on one connection.
#[derive(Debug, Default)]
struct Slot {
    changes: Changes,
    /// The latest number of `bbo`; `Some(None)` when it spoke without one.
    best: Option<Option<u64>>,
    /// The channel of whole books that tells the top; another one of the same symbol is not needed.
    whole: Option<&'static str>,
    traded: bool,
}

/// Reads frames of HTX's public channels.
#[derive(Debug, Default)]
pub struct Htx {
    slots: Slots,
    inflater: Inflater,
}

/// The slots by [`InstrumentId::place`].
#[derive(Debug, Default)]
struct Slots(Vec<Slot>);

impl Slots {
    fn of(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.0.len() <= at {
            self.0.resize_with(at + 1, Slot::default);
        }
        &mut self.0[at]
    }
}

impl Htx {
    /// A decoder for a new connection.
    pub fn new() -> Htx {
        Htx::default()
    }
}

impl Decoder for Htx {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Htx { slots, inflater } = self;
        // The venue sends gzip only; a text is what a recorder may have unpacked.
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(bytes) => inflater.text(bytes)?,
        };
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not an object of HTX"))?;
        if let (Some(topic), Some(tick)) = (envelope.ch.as_deref(), &envelope.tick) {
            return slots.channel(topic, &envelope, tick, ts_recv, batch);
        }
        if let Some(number) = envelope.ping.or(envelope.ts.filter(|_| envelope.op.as_deref() == Some("ping")))
        {
            return ping(number, envelope.op.is_some(), batch);
        }
        if envelope.pong.is_some() {
            return Ok("pong");
        }
        if envelope.op.as_deref() == Some("notify") {
            return notice(&envelope, ts_recv, batch);
        }
        match envelope.status.as_deref() {
            Some("error") => {
                refusal(&envelope, batch);
                Ok("error")
            }
            Some(_) => {
                if let (Some(topic), Some(body)) = (envelope.rep.as_deref(), envelope.data) {
                    return slots.answer(topic, body.get(), moment(envelope.ts), ts_recv, batch);
                }
                if envelope.data.is_some() || envelope.rep.is_some() {
                    batch.ignore(Ignored::NotAQuote);
                }
                Ok("ack")
            }
            None if envelope.ch.is_some() => {
                // Open interest and its like carry `data` in place of a tick.
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
            None => Err(DecodeError::Garbage("neither channel, ping nor answer")),
        }
    }
}

/// Sends a ping's number back. It is echoed as it came, so it has to be a plain number.
fn ping(number: Number<'_>, by_operation: bool, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let raw = number.raw();
    let digits = raw.trim_matches('"');
    if digits.is_empty() || digits.len() > 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::Garbage("ping without a number"));
    }
    batch.replies.push(if by_operation {
        format!(r#"{{"op":"pong","ts":{raw}}}"#)
    } else {
        format!(r#"{{"pong":{raw}}}"#)
    });
    Ok("ping")
}

/// A refused subscription. Ours have their topic for an `id`, so the symbol is known.
fn refusal(envelope: &Envelope<'_>, batch: &mut Batch) {
    let id = envelope.id.map(|id| id.raw().trim_matches('"').to_owned()).unwrap_or_default();
    let found = parts(&id).and_then(|(native, _)| batch.instruments.find(native));
    let code = envelope.err_code.map(|code| code.get().trim_matches('"')).unwrap_or_default();
    let words = envelope.err_msg.as_deref().unwrap_or_default();
    batch.refused.push((found, format!("{code}: {words}")));
}

/// What the notification socket of derivatives pushes.
fn notice(envelope: &Envelope<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    if !envelope.topic.as_deref().is_some_and(|topic| topic.ends_with(".funding_rate")) {
        batch.ignore(Ignored::NotAQuote);
        return Ok("other");
    }
    let rows = envelope.data.ok_or(DecodeError::Garbage("funding_rate"))?;
    let rows: Vec<FundingText<'_>> =
        serde_json::from_str(rows.get()).map_err(|_| DecodeError::Garbage("funding_rate"))?;
    for row in &rows {
        let Some(id) = resolve(&row.contract_code, batch) else { continue };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = moment(envelope.ts);
        if let Some(rate) = read(row.funding_rate, batch) {
            update.tell(Field::FundingRate, rate);
        }
        batch.push(id, update);
    }
    Ok("funding_rate")
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

/// Tells both best levels; false (and counted) when one of them cannot be read.
fn tell_top(
    update: &mut Update,
    bid: Option<Option<Best>>,
    ask: Option<Option<Best>>,
    batch: &mut Batch,
) -> bool {
    let (Some(bid), Some(ask)) = (bid, ask) else {
        batch.ignore(Ignored::BadNumber);
        return false;
    };
    for (field, best) in [(Field::Bid, bid), (Field::Ask, ask)] {
        update.tell_side(field, best.map(|(price, _)| price), best.and_then(|(_, size)| size));
    }
    true
}

/// Native names of derivatives have a mark that spot symbols never have (`BTC-USDT`, `BTC_CQ`, `btcusdt`).
fn is_derivative(native: &str) -> bool {
    native.contains(['-', '_'])
}

impl Slots {
    fn channel(
        &mut self,
        topic: &str,
        envelope: &Envelope<'_>,
        tick: &Tick<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let (native, name) = parts(topic).ok_or(DecodeError::Garbage("not a market's channel"))?;
        let (channel, kind) = of_name(name);
        if channel == Channel::Other {
            batch.ignore(Ignored::NotAQuote);
            return Ok(kind);
        }
        if matches!(channel, Channel::Best | Channel::Whole) && !tick.is_marked() {
            return Err(DecodeError::Garbage("levels without a number or a time"));
        }
        let Some(id) = resolve(native, batch) else { return Ok(kind) };
        let slot = self.of(id);
        let at = moment(tick.quote_time).or_else(|| moment(tick.ts)).or_else(|| moment(envelope.ts));
        match channel {
            Channel::Best => slot.best(id, tick, at, ts_recv, batch),
            Channel::Whole => slot.whole(kind, id, tick, at, ts_recv, batch),
            Channel::Counted | Channel::Chained => {
                // Where a better channel tells the top, nothing that is shown is in doubt.
                let shown = slot.best.is_none() && slot.whole.is_none();
                let changes = &mut slot.changes;
                if channel == Channel::Counted {
                    changes.counted(topic, kind, id, tick, (at, ts_recv), shown, batch)?;
                } else {
                    changes.chained(topic, kind, id, tick, (at, ts_recv), shown, batch)?;
                }
            }
            Channel::Trades => slot.trades(id, tick, ts_recv, batch)?,
            Channel::Day => slot.day(id, tick, is_derivative(native), at, ts_recv, batch),
            Channel::Mark | Channel::Index | Channel::Basis => {
                let (field, figure) = match channel {
                    Channel::Mark => (Field::Mark, tick.close),
                    Channel::Index => (Field::Index, tick.close),
                    _ => (Field::Index, tick.index_price),
                };
                let mut update = Update::new(Source::Direct, ts_recv);
                update.ts_event = at;
                if let Some(figure) = read(figure, batch) {
                    update.tell(field, figure);
                }
                batch.push(id, update);
            }
            Channel::Other => {}
        }
        Ok(kind)
    }

    /// The answer to a `req`: the book of `mbp.N`, or something that was not asked by us.
    fn answer(
        &mut self,
        topic: &str,
        body: &str,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Some((native, name)) = parts(topic) else {
            return Err(DecodeError::Garbage("not a market's answer"));
        };
        let (channel, kind) = of_name(name);
        if channel != Channel::Chained {
            batch.ignore(Ignored::NotAQuote);
            return Ok("ack");
        }
        let Some(id) = resolve(native, batch) else { return Ok("ack") };
        let slot = self.of(id);
        let shown = slot.best.is_none() && slot.whole.is_none();
        slot.changes.book(topic, kind, id, body, (at, ts_recv), shown, batch)?;
        Ok("ack")
    }
}

impl Slot {
    /// `bbo`: the venue's own word for the top.
    fn best(
        &mut self,
        id: InstrumentId,
        tick: &Tick<'_>,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let mut update = Update::new(Source::Direct, ts_recv);
        let (bid, ask) = (Tick::best(tick.bid, tick.bid_size), Tick::best(tick.ask, tick.ask_size));
        if !tell_top(&mut update, bid, ask, batch) {
            return;
        }
        update.ts_event = at;
        update.venue_seq = whole(tick.seq_id.or(tick.version));
        // The first on a connection states the top afresh, and so does the first after the numbers were restarted: else it
        // would be taken for an old one.
        update.snapshot = match self.best {
            None => true,
            Some(before) => before.zip(update.venue_seq).is_some_and(|(before, now)| now < before),
        };
        self.best = Some(update.venue_seq);
        batch.push(id, update);
    }

    /// A whole book: its first levels are the best.
    fn whole(
        &mut self,
        kind: &'static str,
        id: InstrumentId,
        tick: &Tick<'_>,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        if self.best.is_some() || self.whole.is_some_and(|of| of != kind) {
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut update = Update::new(Source::Book, ts_recv);
        if !tell_top(&mut update, first(tick.bids), first(tick.asks), batch) {
            return;
        }
        update.ts_event = at;
        update.snapshot = self.whole.replace(kind).is_none();
        batch.push(id, update);
    }

    fn trades(
        &mut self,
        id: InstrumentId,
        tick: &Tick<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let list = tick.data.ok_or(DecodeError::Garbage("trades without a list"))?;
        let mut trades: Vec<TradeText<'_>> =
            serde_json::from_str(list.get()).map_err(|_| DecodeError::Garbage("trades"))?;
        let newest_first = match &trades[..] {
            [first, .., last] => first.order() > last.order(),
            _ => false,
        };
        if newest_first {
            trades.reverse();
        }
        for trade in &trades {
            let (Some(Some(price)), Some(size)) = (read(Some(trade.price), batch), read(trade.amount, batch))
            else {
                continue;
            };
            let side = match trade.direction.as_deref() {
                Some("buy") => Some(Side::Buy),
                Some("sell") => Some(Side::Sell),
                _ => None,
            };
            let mut update = Update::new(Source::Direct, ts_recv);
            update.ts_event = moment(trade.ts);
            update.tell_trade(Some(price), size, side);
            self.traded = true;
            batch.push(id, update);
        }
        Ok(())
    }

    /// Whether no channel has told the top better than a ticker does.
    fn wants_top(&self) -> bool {
        self.best.is_none() && self.whole.is_none() && !self.changes.is_synchronised()
    }

    /// `detail` and `ticker`: figures of 24 h, and what better channels have not told yet.
    fn day(
        &mut self,
        id: InstrumentId,
        tick: &Tick<'_>,
        derivative: bool,
        at: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let mut update = Update::new(Source::Ticker, ts_recv);
        // `detail` of spot has no top; a side of `ticker` and of derivatives is absent where nobody stands.
        if self.wants_top() && (tick.bid.is_some() || tick.ask.is_some()) {
            let (bid, ask) = (Tick::best(tick.bid, tick.bid_size), Tick::best(tick.ask, tick.ask_size));
            tell_top(&mut update, bid, ask, batch);
        }
        if !self.traded
            && let Some(last) = read(tick.last_price.or(tick.close), batch)
        {
            // `ticker` alone has its size.
            let size = tick.last_size.and_then(|size| read(Some(size), batch)).flatten();
            update.tell_trade(last, size, None);
        }
        let turnover = if derivative { tick.trade_turnover } else { tick.vol };
        tell_day(&mut update, tick, turnover, batch);
        update.ts_event = at.filter(|_| is_of_the_day(&update));
        batch.push(id, update);
    }
}

/// Whether nothing is told that better channels tell too. The time of a ticker is when it was sent; a trade that comes
/// after it has the time at which it happened, and would be taken for an old one. Without a time the better source wins.
fn is_of_the_day(update: &Update) -> bool {
    update.told().minus(Group::Day.fields()).is_empty()
}

/// Tells the figures of 24 h.
fn tell_day(update: &mut Update, tick: &Tick<'_>, turnover: Option<Number<'_>>, batch: &mut Batch) {
    for (field, figure) in [
        (Field::Open24h, tick.open),
        (Field::High24h, tick.high),
        (Field::Low24h, tick.low),
        (Field::Volume24h, tick.amount),
        (Field::QuoteVolume24h, turnover),
    ] {
        if let Some(figure) = read(figure, batch) {
            update.tell(field, figure);
        }
    }
}
