//! WebSocket v2: frames to updates.
//!
//! | frame | what it tells |
//! |---|---|
//! | `data` of `order_book_X` | top, whole each time |
//! | `data` of `diff_order_book_X` | top of the book rebuilt on an HTTP answer |
//! | `trade` of `live_trades_X` | last trade |
//! | `funding_rate_saved` of `funding_rate_X` | mark, index, funding rate |
//! | `bts:` | answers, life, a request to reconnect, errors |

mod shapes;
#[cfg(test)]
mod tests;

use feed::book::{Ladder, Rebuilt};
use feed::halts::Halts;
use feed::json::Number;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};

use self::shapes::{Envelope, Foreign, LevelText, Told, first};

/// Most levels a side of a rebuilt book. The deepest recorded one has 4,931 bids; what lies beyond twice that is no part of
/// a quote, and without a bound a venue could make us keep anything.
const LEVELS_MAX: usize = 10_000;

/// Changes of one market that are kept while its book is not there yet. The venue asks to buffer them; at its fastest rate of
/// about one in 600 ms these are two minutes, far more than an HTTP answer takes.
const WAITING_MAX: usize = 256;

/// The path of an HTTP answer with a book.
const BOOK_PATH: &str = "/api/v2/order_book/";

/// The market whose book was asked for.
fn native_of(url: &str) -> Option<&str> {
    let (_, native) = url.split_once(BOOK_PATH)?;
    let native = native.split(['/', '?']).next()?;
    (!native.is_empty()).then_some(native)
}

/// A channel without its market.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    Book,
    Changes,
    OrdersOfBook,
    Orders,
    Trades,
    Funding,
    Other,
}

impl Channel {
    /// Channel and market of a channel's name.
    fn parse(name: &str) -> (Channel, &str) {
        const PREFIXES: [(&str, Channel); 6] = [
            ("diff_order_book_", Channel::Changes),
            ("order_book_", Channel::Book),
            ("live_trades_", Channel::Trades),
            ("funding_rate_", Channel::Funding),
            ("live_orders_", Channel::Orders),
            ("detail_order_book_", Channel::OrdersOfBook),
        ];
        let found =
            PREFIXES.iter().find_map(|&(prefix, channel)| Some((channel, name.strip_prefix(prefix)?)));
        found.unwrap_or((Channel::Other, name))
    }
}

/// The kind of a frame that is not data of ours.
fn kind_of(event: &str, channel: Channel) -> &'static str {
    match (event, channel) {
        ("bts:subscription_succeeded", Channel::Book) => "bts:subscription_succeeded:order_book",
        ("bts:subscription_succeeded", Channel::Changes) => "bts:subscription_succeeded:diff_order_book",
        ("bts:subscription_succeeded", Channel::Trades) => "bts:subscription_succeeded:live_trades",
        ("bts:subscription_succeeded", Channel::Funding) => "bts:subscription_succeeded:funding_rate",
        ("bts:subscription_succeeded", Channel::Orders) => "bts:subscription_succeeded:live_orders",
        ("bts:subscription_succeeded", Channel::OrdersOfBook) => {
            "bts:subscription_succeeded:detail_order_book"
        }
        ("bts:subscription_succeeded", Channel::Other) => "bts:subscription_succeeded",
        ("bts:unsubscription_succeeded", _) => "bts:unsubscription_succeeded",
        ("bts:heartbeat", _) => "bts:heartbeat",
        ("order_created", Channel::Orders) => "order_created:live_orders",
        ("order_changed", Channel::Orders) => "order_changed:live_orders",
        ("order_deleted", Channel::Orders) => "order_deleted:live_orders",
        ("data", Channel::OrdersOfBook) => "data:detail_order_book",
        _ => "other",
    }
}

/// What is remembered of one market on one connection.
#[derive(Debug, Default)]
struct Slot {
    rebuilt: Rebuilt,
    /// The venue's time of the snapshot under the rebuilt book.
    snapshot: Option<Micros>,
    /// The venue's time of the latest book or change.
    latest: Option<Micros>,
    /// `order_book_X` tells the top.
    whole: bool,
    /// Changes that came before the book, oldest first.
    waiting: Vec<Change>,
}

/// A change of a book: the venue's time of it, and its levels.
#[derive(Debug)]
struct Change {
    moment: Option<Micros>,
    levels: Vec<(Ladder, Decimal, Decimal)>,
}

/// Reads WebSocket v2 frames of public channels.
#[derive(Debug, Default)]
pub struct BitstampV2 {
    slots: Vec<Slot>,
    halts: Halts,
}

impl BitstampV2 {
    /// A decoder for a new connection.
    pub fn new() -> BitstampV2 {
        BitstampV2::default()
    }

    /// A decoder for a new connection, which tells what the catalogue said of suspended markets.
    pub fn with_halts(halts: Halts) -> BitstampV2 {
        BitstampV2 { slots: Vec::new(), halts }
    }

    fn slot(&mut self, id: InstrumentId) -> &mut Slot {
        let at = id.place();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        &mut self.slots[at]
    }
}

impl Decoder for BitstampV2 {
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
        if let Some(native) = native_of(url)
            && let Some(id) = resolve(native, batch)
        {
            self.snapshot(id, body, ts_recv, batch);
            self.halts.mark(batch);
        }
    }
}

impl BitstampV2 {
    fn message(
        &mut self,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else { return foreign(text, batch) };
        let name = envelope.channel.as_deref().unwrap_or_default();
        let (channel, native) = Channel::parse(name);
        let event = &*envelope.event;
        let told = envelope.data.as_ref();
        match (event, channel, told) {
            ("data", Channel::Changes, Some(told)) => {
                if let Some(id) = resolve(native, batch) {
                    self.change(id, told, ts_recv, batch)?;
                }
                Ok("data:diff_order_book")
            }
            ("data", Channel::Book, Some(told)) => {
                if let Some(id) = resolve(native, batch) {
                    self.book(id, told, ts_recv, batch)?;
                }
                Ok("data:order_book")
            }
            ("trade", Channel::Trades, Some(told)) => {
                if let Some(id) = resolve(native, batch) {
                    trade(id, told, ts_recv, batch)?;
                }
                Ok("trade:live_trades")
            }
            ("funding_rate_saved", Channel::Funding, Some(told)) => {
                if let Some(id) = resolve(native, batch) {
                    contract(id, told, ts_recv, batch);
                }
                Ok("funding_rate_saved:funding_rate")
            }
            ("data", Channel::Changes | Channel::Book, None) => {
                Err(DecodeError::Garbage("book without data"))
            }
            ("trade", Channel::Trades, None) => Err(DecodeError::Garbage("trade without data")),
            ("bts:subscription_succeeded", ..) => {
                if let Some(id) = batch.instruments.find(native) {
                    self.halts.acknowledged(id, ts_recv, batch);
                }
                Ok(kind_of(event, channel))
            }
            ("bts:request_reconnect", ..) => Err(DecodeError::Reconnect(Reason::Venue)),
            ("bts:error", ..) => {
                let words = told.and_then(|told| told.message.as_deref()).unwrap_or("error");
                let code = told.and_then(|told| told.code.as_ref()).map(Number::raw);
                let code =
                    code.filter(|code| *code != "null").map(|code| format!("{code} ")).unwrap_or_default();
                // The venue names no channel today; where it does, the market is known.
                let id = if channel == Channel::Other { None } else { batch.instruments.find(native) };
                batch.refused.push((id, format!("{code}{words}")));
                Ok("bts:error")
            }
            _ => {
                let kind = kind_of(event, channel);
                if !kind.starts_with("bts:") {
                    batch.ignore(Ignored::NotAQuote);
                }
                Ok(kind)
            }
        }
    }
}

/// A frame that is not shaped like ours: of another channel, or garbage.
fn foreign(text: &str, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let garbage = DecodeError::Garbage("not an object of v2");
    let Ok(frame) = serde_json::from_str::<Foreign<'_>>(text) else { return Err(garbage) };
    match Channel::parse(frame.channel.as_deref().unwrap_or_default()).0 {
        Channel::Other if !frame.event.starts_with("bts:") => {
            batch.ignore(Ignored::NotAQuote);
            Ok("other")
        }
        _ => Err(garbage),
    }
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

fn trade(id: InstrumentId, told: &Told<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
    // The bare numbers went through a float at the venue (`1e-08`), the texts did not.
    let price = told.price_str.or(told.price).ok_or(DecodeError::Garbage("trade without a price"))?;
    let size = told.amount_str.or(told.amount);
    let (Some(Some(price)), Some(size)) = (read(Some(price), batch), read(size, batch)) else {
        return Ok(());
    };
    let side = match told.kind.as_ref().map(Number::raw) {
        Some("0") => Some(Side::Buy),
        Some("1") => Some(Side::Sell),
        _ => None,
    };
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = told.moment(ts_recv);
    update.tell_trade(Some(price), size, side);
    batch.push(id, update);
    Ok(())
}

fn contract(id: InstrumentId, told: &Told<'_>, ts_recv: Micros, batch: &mut Batch) {
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = told.moment(ts_recv);
    for (field, figure) in [
        (Field::Mark, told.mark_price),
        (Field::Index, told.index_price),
        (Field::FundingRate, told.funding_rate),
    ] {
        if let Some(figure) = read(figure, batch) {
            update.tell(field, figure);
        }
    }
    batch.push(id, update);
}

impl BitstampV2 {
    /// `order_book_X`: the whole book, of which the best levels come first.
    fn book(
        &mut self,
        id: InstrumentId,
        told: &Told<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some(bids), Some(asks)) = (told.bids, told.asks) else {
            return Err(DecodeError::Garbage("book without its sides"));
        };
        let (Some(bid), Some(ask)) = (first(bids), first(asks)) else {
            batch.ignore(Ignored::BadNumber);
            return Ok(());
        };
        let moment = told.moment(ts_recv);
        let slot = self.slot(id);
        if slot.whole && moment.is_some() && moment <= slot.latest {
            batch.ignore(Ignored::Duplicate);
            return Ok(());
        }
        let mut update = Update::new(Source::Book, ts_recv);
        update.ts_event = moment;
        // The first on a connection states the book afresh, whatever was rebuilt from changes before.
        update.snapshot = !std::mem::replace(&mut slot.whole, true);
        slot.latest = moment.or(slot.latest);
        for (field, level) in [(Field::Bid, bid), (Field::Ask, ask)] {
            update.tell_side(field, level.map(|(price, _)| price), level.map(|(_, size)| size));
        }
        batch.push(id, update);
        Ok(())
    }

    /// Starts the rebuilt book with an HTTP answer, and applies to it what came before the answer and is newer.
    fn snapshot(&mut self, id: InstrumentId, body: &str, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        if slot.whole {
            return batch.ignore(Ignored::NotAQuote);
        }
        let Ok(told) = serde_json::from_str::<Told<'_>>(body) else {
            return batch.ignore(Ignored::BadNumber);
        };
        let moment = told.moment(ts_recv);
        // What has no time of its own, because a clock is wrong, is taken in the order in which it came.
        if slot.rebuilt.is_synchronised() && moment.is_some() && moment <= slot.latest {
            return batch.ignore(Ignored::Duplicate);
        }
        let Some(mut levels) = levels(&told) else { return batch.ignore(Ignored::BadNumber) };
        // The best level comes first; set from the other end, none has to make room for the next.
        levels.reverse();
        slot.rebuilt.restart(LEVELS_MAX);
        set(&mut slot.rebuilt, &levels);
        (slot.snapshot, slot.latest) = (moment, moment);
        for change in std::mem::take(&mut slot.waiting) {
            if change.moment.is_none() || change.moment > slot.latest {
                set(&mut slot.rebuilt, &change.levels);
                slot.latest = slot.latest.max(change.moment);
            }
        }
        slot.rebuilt.tell(id, slot.latest, ts_recv, batch);
    }

    /// `diff_order_book_X`: levels that changed.
    fn change(
        &mut self,
        id: InstrumentId,
        told: &Told<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let moment = told.moment(ts_recv);
        let slot = self.slot(id);
        if slot.whole {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let Some(levels) = levels(told) else {
            batch.ignore(Ignored::BadNumber);
            // No answer will come any more: the symbol stays suspect until a book states it whole.
            slot.waiting.clear();
            return match slot.rebuilt.is_synchronised() {
                true => slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch),
                false => Ok(()),
            };
        };
        if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            if slot.waiting.len() == WAITING_MAX {
                slot.waiting.drain(..WAITING_MAX / 2);
            }
            slot.waiting.push(Change { moment, levels });
        } else if moment.is_some() && moment <= slot.snapshot {
            batch.ignore(Ignored::BeforeSnapshot);
        } else if moment.is_some() && moment <= slot.latest {
            batch.ignore(Ignored::Duplicate);
        } else {
            // Without a time it is taken as it comes.
            slot.latest = moment.or(slot.latest);
            set(&mut slot.rebuilt, &levels);
            slot.rebuilt.tell(id, moment, ts_recv, batch);
        }
        Ok(())
    }
}

/// Sets levels of a rebuilt book.
fn set(rebuilt: &mut Rebuilt, levels: &[(Ladder, Decimal, Decimal)]) {
    for &(ladder, price, size) in levels {
        rebuilt.book.set(ladder, price, size);
    }
    rebuilt.book.truncate();
}

/// Every level of both sides; `None` when one cannot be read.
fn levels(told: &Told<'_>) -> Option<Vec<(Ladder, Decimal, Decimal)>> {
    let mut read = Vec::new();
    for (ladder, side) in [(Ladder::Bids, told.bids), (Ladder::Asks, told.asks)] {
        let side: Vec<LevelText<'_>> = serde_json::from_str(side?.get()).ok()?;
        for level in &side {
            let (price, size) = level.numbers()?;
            read.push((ladder, price, size));
        }
    }
    Some(read)
}
