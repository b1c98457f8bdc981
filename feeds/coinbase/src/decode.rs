//! Frames to updates.
//!
//! | kind | what becomes of it |
//! |---|---|
//! | `snapshot` | starts the book of its product; the top, [`Source::Book`], as a snapshot |
//! | `l2update` | changes the book; the top when it moved. Without a book it comes before its snapshot |
//! | `ticker` | the 24 h figures and the last trade, [`Source::Ticker`]; the top while the product has had no book on this connection, because a ticker is as old as the last trade |
//! | `match` | the last trade, [`Source::Direct`]. Its `side` is the maker's and is turned round |
//! | `last_match` | the same as [`Source::History`]: it was sent for having subscribed, not for having happened |
//! | `heartbeat`, `subscriptions` | life, and an acknowledgement |
//! | `error` | a refused subscription |
//! | `open`, `done` and others | no field of a quote |
//!
//! **When a book is lost.** `l2update` carries no number, so a lost message is seen only by what it leaves behind. When an
//! update crosses a book that was not crossed, or cannot be read, the product becomes `suspect`, and its book is asked for
//! again. When not even the product can be read, the connection starts anew. A snapshot that is itself crossed (auctions can be) is the venue's whole
//! word and is told as it is.

use feed::book::{Ladder, Rebuilt};
use feed::json::{Number, Text};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};

use crate::messages::{Head, L2Update, Level, Match, Refusal, Snapshot, Ticker};

/// Most levels a side. The venue tells the whole book, so a level that falls out is never told again and the top could
/// one day be missing it; the largest books have some tens of thousands. The bound only stops a flood.
const LEVELS_MAX: usize = 100_000;

/// Message types that fill no field of a quote, under their own name in the counts.
const NOT_QUOTES: [&str; 8] =
    ["status", "received", "open", "done", "change", "activate", "rfq_match", "auction"];

/// Frames of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseDecoder {
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    heard: Vec<Heard>,
    /// One side of a snapshot while it is sorted. Kept for its memory.
    ladder: Vec<(Decimal, Decimal)>,
}

/// What was heard of one product on this connection.
#[derive(Debug, Default)]
struct Heard {
    book: Rebuilt,
    /// A snapshot of the book came, whatever became of it.
    has_book: bool,
    /// The book is crossed by the venue's own word.
    crossed: bool,
    /// A ticker came.
    ticker: bool,
}

impl CoinbaseDecoder {
    /// A decoder for a new connection.
    pub fn new() -> CoinbaseDecoder {
        CoinbaseDecoder::default()
    }

    fn heard(&mut self, id: InstrumentId) -> &mut Heard {
        let place = id.place();
        if self.heard.len() <= place {
            self.heard.resize_with(place + 1, Heard::default);
        }
        &mut self.heard[place]
    }

    fn snapshot(&mut self, m: &Snapshot<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let Some(id) = resolve(&m.product_id, batch) else { return Ok(()) };
        let mut ladder = std::mem::take(&mut self.ladder);
        let heard = self.heard(id);
        heard.book.restart(LEVELS_MAX);
        heard.has_book = true;
        let mut readable = true;
        for (side, levels) in [(Ladder::Bids, &m.bids), (Ladder::Asks, &m.asks)] {
            readable &= sort_worst_first(side, levels, &mut ladder);
            for &(price, size) in &ladder {
                heard.book.book.set(side, price, size);
            }
        }
        self.ladder = ladder;
        if !readable {
            return self.lose(id, ts_recv, batch);
        }
        let heard = self.heard(id);
        heard.book.book.truncate();
        heard.crossed = is_crossed(&heard.book);
        heard.book.tell(id, time(m.time.as_ref()), ts_recv, batch);
        Ok(())
    }

    fn l2update(&mut self, m: &L2Update<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let Some(id) = resolve(&m.product_id, batch) else { return Ok(()) };
        let heard = self.heard(id);
        if !heard.book.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        for (side, price, size) in &m.changes {
            let ladder = match &**side {
                "buy" => Ladder::Bids,
                "sell" => Ladder::Asks,
                _ => return self.lose(id, ts_recv, batch),
            };
            let (Ok(Some(price)), Ok(Some(size))) = (price.decimal(), size.decimal()) else {
                batch.ignore(Ignored::BadNumber);
                return self.lose(id, ts_recv, batch);
            };
            heard.book.book.set(ladder, price, size);
        }
        heard.book.book.truncate();
        let crossed = is_crossed(&heard.book);
        if crossed && !heard.crossed {
            return self.lose(id, ts_recv, batch);
        }
        heard.crossed = crossed;
        heard.book.tell(id, time(m.time.as_ref()), ts_recv, batch);
        Ok(())
    }

    /// The book does not fit any more: says so, and asks for it again.
    fn lose(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        if let Some(native) = batch.instruments.get(id).map(|instrument| &*instrument.native) {
            for kind in ["unsubscribe", "subscribe"] {
                batch.replies.push(crate::request(kind, &[native], &["level2_batch"]));
            }
        }
        self.heard(id).book.lose(id, Reason::Gap, ts_recv, batch)
    }

    /// A message of a book could not be read, so the book missed something. The product is taken from the text, wherever
    /// that is broken; without one, no book of this connection can be trusted.
    fn missed<T>(
        &mut self,
        text: &str,
        error: DecodeError,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<T, DecodeError> {
        let named = text
            .split_once("\"product_id\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .and_then(|(product, _)| batch.instruments.find(product));
        let Some(id) = named else { return Err(DecodeError::Reconnect(Reason::Gap)) };
        if self.heard(id).book.is_synchronised() {
            self.lose(id, ts_recv, batch)?;
        }
        Err(error)
    }

    fn ticker(&mut self, m: &Ticker<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&m.product_id, batch) else { return };
        let heard = self.heard(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = time(m.time.as_ref());
        update.venue_seq = m.sequence;
        let number = |number: Option<Number<'_>>| number.map_or(Ok(None), Number::decimal);

        if !heard.has_book && m.best_bid.is_some() && m.best_ask.is_some() {
            match [m.best_bid, m.best_bid_size, m.best_ask, m.best_ask_size].map(number) {
                [Ok(bid), Ok(bid_size), Ok(ask), Ok(ask_size)] => {
                    // The first one states the product afresh; later ones go on.
                    update.snapshot = !heard.ticker;
                    update.tell_side(Field::Bid, bid, bid_size);
                    update.tell_side(Field::Ask, ask, ask_size);
                }
                _ => batch.ignore(Ignored::BadNumber),
            }
        }
        heard.ticker = true;

        match (number(m.price), number(m.last_size)) {
            (Ok(Some(price)), Ok(size)) if !price.is_zero() => {
                update.tell_trade(Some(price), size, m.side.as_deref().and_then(side));
            }
            // A product that has not traded yet.
            (Ok(_), Ok(_)) => {}
            _ => batch.ignore(Ignored::BadNumber),
        }

        for (field, figure) in [
            (Field::Open24h, m.open_24h),
            (Field::High24h, m.high_24h),
            (Field::Low24h, m.low_24h),
            (Field::Volume24h, m.volume_24h),
        ] {
            let Some(figure) = figure else { continue };
            match figure.decimal() {
                // A price of zero is no price; a volume of zero is one.
                Ok(value) => update.tell(field, value.filter(|v| field == Field::Volume24h || !v.is_zero())),
                Err(_) => {
                    // Told as absent, so that no figure stays that the venue no longer gives.
                    update.tell(field, None);
                    batch.ignore(Ignored::BadNumber);
                }
            }
        }
        batch.push(id, update);
    }
}

impl Decoder for CoinbaseDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(bytes) => {
                std::str::from_utf8(bytes).map_err(|_| DecodeError::Garbage("a binary message"))?
            }
        };
        let head: Head<'_>;
        let kind = match leading_type(text) {
            Some(kind) => kind,
            None => {
                head = parse(text)?;
                head.kind.as_deref().ok_or(DecodeError::Garbage("a message without a type"))?
            }
        };
        match kind {
            "l2update" => {
                let m = parse(text).or_else(|error| self.missed(text, error, ts_recv, batch))?;
                self.l2update(&m, ts_recv, batch)?;
                Ok("l2update")
            }
            "ticker" => {
                self.ticker(&parse(text)?, ts_recv, batch);
                Ok("ticker")
            }
            "match" => {
                trade(&parse(text)?, Source::Direct, ts_recv, batch);
                Ok("match")
            }
            "last_match" => {
                trade(&parse(text)?, Source::History, ts_recv, batch);
                Ok("last_match")
            }
            "snapshot" => {
                let m = parse(text).or_else(|error| self.missed(text, error, ts_recv, batch))?;
                self.snapshot(&m, ts_recv, batch)?;
                Ok("snapshot")
            }
            "heartbeat" => parse::<Head<'_>>(text).map(|_| "heartbeat"),
            "subscriptions" => parse::<Head<'_>>(text).map(|_| "subscriptions"),
            "error" => {
                refuse(&parse(text)?, batch);
                Ok("error")
            }
            other => {
                let name = NOT_QUOTES.into_iter().find(|known| *known == other).unwrap_or("other");
                parse::<Head<'_>>(text)?;
                batch.ignore(Ignored::NotAQuote);
                Ok(name)
            }
        }
    }
}

fn trade(m: &Match<'_>, source: Source, ts_recv: Micros, batch: &mut Batch) {
    let (Ok(Some(price)), Ok(size)) = (m.price.decimal(), m.size.decimal()) else {
        return batch.ignore(Ignored::BadNumber);
    };
    let Some(id) = resolve(&m.product_id, batch) else { return };
    let mut update = Update::new(source, ts_recv);
    update.ts_event = Micros::parse_iso(&m.time);
    update.venue_seq = m.sequence;
    update.tell_trade(Some(price), size, side(&m.side).map(Side::other));
    batch.push(id, update);
}

/// `{"type":"error","message":"Failed to subscribe","reason":"X-USD is not a valid product"}`: the words go on as they
/// are, and the product that they name, if they name one, is the one refused.
fn refuse(m: &Refusal<'_>, batch: &mut Batch) {
    let words: Vec<&str> = [&m.message, &m.reason].into_iter().flatten().map(|text| &**text).collect();
    let words = words.join(": ");
    let named = words.split_whitespace().find_map(|word| batch.instruments.find(word));
    batch.refused.push((named, words));
}

fn resolve(product: &str, batch: &mut Batch) -> Option<InstrumentId> {
    let id = batch.instruments.resolve(product);
    if id.is_none() {
        batch.ignore(Ignored::UnknownSymbol);
    }
    id
}

/// Fills `ladder` with the levels of one side, the worst first: so each goes to the end of the book, whatever order the
/// venue chose. `false` when one of them cannot be read.
fn sort_worst_first(side: Ladder, levels: &[Level<'_>], ladder: &mut Vec<(Decimal, Decimal)>) -> bool {
    ladder.clear();
    for (price, size) in levels {
        let (Ok(Some(price)), Ok(Some(size))) = (price.decimal(), size.decimal()) else { return false };
        ladder.push((price, size));
    }
    match side {
        Ladder::Bids => ladder.sort_by_key(|level| level.0),
        Ladder::Asks => ladder.sort_by_key(|level| std::cmp::Reverse(level.0)),
    }
    true
}

fn is_crossed(rebuilt: &Rebuilt) -> bool {
    let top = rebuilt.book.top();
    matches!((top.bid, top.ask), (Some(bid), Some(ask)) if bid.price >= ask.price)
}

fn side(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}

fn time(text: Option<&Text<'_>>) -> Option<Micros> {
    text.and_then(|text| Micros::parse_iso(text))
}

/// The type, when the message starts with it as nearly all do: so the rest is read only once.
fn leading_type(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("{\"type\":\"")?;
    let end = rest.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))?;
    (rest.as_bytes()[end] == b'"').then_some(&rest[..end])
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        DecodeError::Garbage(match error.classify() {
            serde_json::error::Category::Data => "JSON of another form than documented",
            _ => "not JSON",
        })
    })
}
