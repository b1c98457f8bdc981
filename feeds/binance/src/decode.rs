//! Frames to updates, for all four markets.
//!
//! | kind | what becomes of it |
//! |---|---|
//! | `bookTicker` | the top, [`Source::Direct`], `venue_seq` = `u`; the first one of a symbol on a connection is a snapshot, because it states the top afresh |
//! | `trade`, `aggTrade` | the last trade, [`Source::Direct`]; `m` (the buyer was the maker) means that the taker sold. `venue_seq` is the id of the (last) trade, so that both streams count alike |
//! | `24hrTicker`, `24hrMiniTicker` | the 24 h figures, [`Source::Ticker`]; the top while the symbol has had no `bookTicker` on this connection; the last trade when its id is beyond the last one heard |
//! | `markPriceUpdate` | mark, index and funding rate, [`Source::Direct`] |
//! | `depthUpdate`, `kline` and others | no field of a quote |
//! | `result`, `error` | an answer to SUBSCRIBE; an error is a refused subscription |
//! | `serverShutdown` | a new connection is needed |
//!
//! `ts_event` is the matching engine's time where there is one (`T`), and for a ticker the end of its window (`C`), unless it
//! tells the last trade: that happened some time before, no earlier than the one heard before it.

use feed::json::{Exactly, Number, text_decimal};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Reason, Side, Source, Update};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::Market;
use crate::messages::{BookTicker, Event, Head, MarkPrice, Ticker, Trade, time};
use crate::scan;

/// Trades that did not happen in the book and say nothing about its price: the insurance fund took over a position,
/// positions were closed against each other, or the entry is a placeholder (`X` of the futures' `trade` messages; it is
/// not documented, recorded trades carry `MARKET`).
const OFF_BOOK: [&str; 3] = ["INSURANCE_FUND", "ADL", "NA"];

/// Event types that fill no field of a quote, under their own name in the counts.
const NOT_QUOTES: [&str; 18] = [
    "depthUpdate",
    "kline",
    "continuous_kline",
    "indexPrice_kline",
    "markPrice_kline",
    "indexPriceUpdate",
    "avgPrice",
    "referencePrice",
    "1hTicker",
    "4hTicker",
    "1dTicker",
    "forceOrder",
    "compositeIndex",
    "contractInfo",
    "assetIndexUpdate",
    "openInterest",
    "trade_all",
    "ticker_all",
];

/// Frames of one connection to one market.
#[derive(Debug)]
pub struct BinanceDecoder {
    market: Market,
    /// By [`InstrumentId::place`]. Grows to the number of instruments, which is bounded.
    heard: Vec<Heard>,
}

/// What was heard of one symbol on this connection.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// A `bookTicker`.
    top: bool,
    /// The highest trade id.
    trade: Option<u64>,
    /// When the latest trade of a trade stream happened.
    traded: Option<Micros>,
}

impl BinanceDecoder {
    /// A decoder for a new connection.
    pub fn new(market: Market) -> BinanceDecoder {
        BinanceDecoder { market, heard: Vec::new() }
    }

    fn heard(&mut self, id: InstrumentId) -> &mut Heard {
        let place = id.place();
        if self.heard.len() <= place {
            self.heard.resize(place + 1, Heard::default());
        }
        &mut self.heard[place]
    }

    /// The top of book. With one number that cannot be kept the message is dropped whole, because half a top would be a
    /// top that never was.
    #[inline]
    fn top(&mut self, symbol: &str, numbers: [Exactly; 4], about: About, ts_recv: Micros, batch: &mut Batch) {
        let [Ok(bid), Ok(bid_size), Ok(ask), Ok(ask_size)] = numbers else {
            return batch.ignore(Ignored::BadNumber);
        };
        let Some(id) = batch.instruments.resolve(symbol) else {
            return batch.ignore(Ignored::UnknownSymbol);
        };
        let heard = self.heard(id);
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = about.transacted.or(about.event).and_then(time);
        update.venue_seq = Some(about.update_id);
        update.snapshot = !heard.top;
        heard.top = true;
        update.tell_side(Field::Bid, bid, bid_size);
        update.tell_side(Field::Ask, ask, ask_size);
        batch.push(id, update);
    }

    fn trade(&mut self, trade: &Taken<'_>, ts_recv: Micros, batch: &mut Batch) {
        let (Ok(price), Ok(size)) = (trade.price, trade.size) else {
            return batch.ignore(Ignored::BadNumber);
        };
        let nothing = |number: Option<Decimal>| number.is_none_or(|n| n.is_zero());
        let off_book = trade.book.is_some_and(|kind| OFF_BOOK.contains(&kind));
        if off_book || nothing(price) || nothing(size) {
            return batch.ignore(Ignored::NotAQuote);
        }
        let Some(id) = batch.instruments.resolve(trade.symbol) else {
            return batch.ignore(Ignored::UnknownSymbol);
        };
        let heard = self.heard(id);
        heard.trade = heard.trade.max(trade.id);
        heard.traded = heard.traded.max(time(trade.traded));
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = time(trade.traded);
        update.venue_seq = trade.id;
        let side = if trade.sold { Side::Sell } else { Side::Buy };
        update.tell_trade(price, size, Some(side));
        batch.push(id, update);
    }

    fn ticker(&mut self, ticker: &Ticker<'_>, ts_recv: Micros, batch: &mut Batch) {
        let coin_margined = self.market == Market::CoinM;
        let Some(id) = batch.instruments.resolve(&ticker.s) else {
            return batch.ignore(Ignored::UnknownSymbol);
        };
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ticker.closed.and_then(time).or_else(|| time(ticker.event));
        let heard = self.heard(id);

        if !heard.top
            && let (Some(b), Some(a)) = (ticker.b, ticker.a)
        {
            let size = |number: Option<Number<'_>>| number.map_or(Ok(None), Number::decimal);
            match (b.decimal(), size(ticker.bid_size), a.decimal(), size(ticker.ask_size)) {
                (Ok(bid), Ok(bid_size), Ok(ask), Ok(ask_size)) => {
                    update.snapshot = true;
                    update.tell_side(Field::Bid, bid, bid_size);
                    update.tell_side(Field::Ask, ask, ask_size);
                }
                _ => batch.ignore(Ignored::BadNumber),
            }
        }

        let newest = ticker.last_trade.and_then(|id| u64::try_from(id).ok());
        let news = match heard.trade {
            None => true,
            Some(known) => newest.is_some_and(|newest| newest > known),
        };
        if news {
            match (ticker.c.decimal(), ticker.last_size.map_or(Ok(None), Number::decimal)) {
                (Ok(Some(price)), Ok(size)) if !price.is_zero() => {
                    heard.trade = heard.trade.max(newest);
                    // The ticker's time is when its window ended. A trade that comes after it may have happened before, and
                    // would be taken for an old one. What is known of this trade's time is that the one heard before it is
                    // not later; without one the better source wins.
                    update.ts_event = heard.traded;
                    update.tell_trade(Some(price), size, None);
                }
                // A symbol that has not traded yet.
                (Ok(_), Ok(_)) => {}
                _ => batch.ignore(Ignored::BadNumber),
            }
        }

        for (field, number) in
            [(Field::Open24h, ticker.o), (Field::High24h, ticker.h), (Field::Low24h, ticker.l)]
        {
            tell(&mut update, field, number, |price| !price.is_zero(), batch);
        }
        tell(&mut update, Field::Volume24h, ticker.v, |_| true, batch);
        if !coin_margined {
            // On COIN-M `q` counts the base asset ("Total traded base asset volume"), which is not this field.
            tell(&mut update, Field::QuoteVolume24h, ticker.q, |_| true, batch);
        }
        batch.push(id, update);
    }

    /// One payload that stands alone, in a combined stream or in an array.
    fn payload(
        &mut self,
        text: &str,
        name: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Event { e, u } = parse(text)?;
        let kind = match e.as_deref() {
            Some(kind) => kind,
            // Spot's best bid and ask carry no event type.
            None if name.ends_with("bookTicker") || u.is_some() => "bookTicker",
            None => "",
        };
        match kind {
            "bookTicker" => {
                let m: BookTicker<'_> = parse(text)?;
                let numbers = [m.b, m.bid_size, m.a, m.ask_size].map(Number::decimal);
                let about = About { update_id: m.u, transacted: m.transacted, event: m.event };
                self.top(&m.s, numbers, about, ts_recv, batch);
                Ok("bookTicker")
            }
            "trade" | "aggTrade" => {
                let m: Trade<'_> = parse(text)?;
                self.trade(&Taken::from(&m), ts_recv, batch);
                Ok(if kind == "trade" { "trade" } else { "aggTrade" })
            }
            "24hrTicker" | "24hrMiniTicker" => {
                let m: Ticker<'_> = parse(text)?;
                self.ticker(&m, ts_recv, batch);
                Ok(if kind == "24hrTicker" { "24hrTicker" } else { "24hrMiniTicker" })
            }
            "markPriceUpdate" => {
                mark_price(&parse(text)?, ts_recv, batch);
                Ok("markPriceUpdate")
            }
            "serverShutdown" => Err(DecodeError::Reconnect(Reason::Venue)),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok(NOT_QUOTES.into_iter().find(|known| *known == kind).unwrap_or("other"))
            }
        }
    }

    /// Whatever is not one of the frequent messages in its usual form.
    fn anything(
        &mut self,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        if text.trim_start().starts_with('[') {
            return self.array(text, "", ts_recv, batch);
        }
        let head: Head<'_> = parse(text)?;
        let name = head.stream.as_deref().unwrap_or_default();
        if let Some(data) = head.data {
            return match data.get() {
                list if list.starts_with('[') => self.array(list, name, ts_recv, batch),
                one => self.payload(one, name, ts_recv, batch),
            };
        }
        if let Some(event) = head.event {
            return self.payload(event.get(), name, ts_recv, batch);
        }
        if let Some(words) = head.error.and_then(|error| error.msg).or(head.msg) {
            batch.refused.push((None, words.0.into_owned()));
            return Ok("error");
        }
        if head.id.is_some() {
            return Ok("result");
        }
        self.payload(text, name, ts_recv, batch)
    }

    /// The messages of an `!…@arr` stream. One that cannot be read costs the others nothing.
    fn array(
        &mut self,
        text: &str,
        name: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let all: Vec<&RawValue> = parse(text)?;
        let mut kind = Err(DecodeError::Garbage("an empty array"));
        for one in all {
            let read = self.payload(one.get(), name, ts_recv, batch);
            if kind.is_err() {
                kind = read;
            }
        }
        kind
    }
}

/// What a `bookTicker` says of itself.
#[derive(Clone, Copy, Debug)]
struct About {
    update_id: u64,
    transacted: Option<u64>,
    event: Option<u64>,
}

/// What a trade says of itself.
#[derive(Clone, Copy, Debug)]
struct Taken<'a> {
    symbol: &'a str,
    price: Exactly,
    size: Exactly,
    id: Option<u64>,
    traded: u64,
    sold: bool,
    book: Option<&'a str>,
}

impl<'a> From<&'a Trade<'_>> for Taken<'a> {
    fn from(m: &'a Trade<'_>) -> Taken<'a> {
        let (price, size) = (m.p.decimal(), m.q.decimal());
        let book = m.kind.as_deref();
        Taken { symbol: &m.s, price, size, id: m.l.or(m.t), traded: m.traded, sold: m.m, book }
    }
}

impl Decoder for BinanceDecoder {
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
        if let Some(m) = scan::book_ticker(text) {
            let numbers = [m.bid[0], m.bid[1], m.ask[0], m.ask[1]].map(text_decimal);
            let about = About { update_id: m.update_id, transacted: m.transacted, event: m.event };
            self.top(m.symbol, numbers, about, ts_recv, batch);
            return Ok("bookTicker");
        }
        if let Some(m) = scan::trade(text) {
            let (price, size) = (text_decimal(m.price), text_decimal(m.size));
            let scan::Trade { symbol, id, traded, sold, book, .. } = m;
            self.trade(&Taken { symbol, price, size, id, traded, sold, book }, ts_recv, batch);
            return Ok(m.kind);
        }
        // Depth is told by its stream's name, which saves reading it twice.
        let stream = scan::stream(text).and_then(|(name, _)| name.split_once('@'));
        if stream.is_some_and(|(_, kind)| kind == "depth" || kind.starts_with("depth@")) {
            parse::<IgnoredAny>(text)?;
            batch.ignore(Ignored::NotAQuote);
            return Ok("depthUpdate");
        }
        self.anything(text, ts_recv, batch)
    }
}

/// Tells a figure that stands alone: `None` when the message has no such field. What is no number, or is not wanted, is
/// told as absent, so that no figure stays that the venue no longer gives.
fn tell(
    update: &mut Update,
    field: Field,
    number: Option<Number<'_>>,
    wanted: impl Fn(&Decimal) -> bool,
    batch: &mut Batch,
) {
    let Some(number) = number else { return };
    match number.decimal() {
        Ok(value) => update.tell(field, value.filter(wanted)),
        Err(_) => {
            update.tell(field, None);
            batch.ignore(Ignored::BadNumber);
        }
    }
}

fn mark_price(m: &MarkPrice<'_>, ts_recv: Micros, batch: &mut Batch) {
    let Some(id) = batch.instruments.resolve(&m.s) else {
        return batch.ignore(Ignored::UnknownSymbol);
    };
    let mut update = Update::new(Source::Direct, ts_recv);
    update.ts_event = time(m.event);
    tell(&mut update, Field::Mark, m.p, |_| true, batch);
    tell(&mut update, Field::Index, m.i, |_| true, batch);
    // Dated contracts have no funding: the venue writes an empty string.
    tell(&mut update, Field::FundingRate, m.r, |_| true, batch);
    batch.push(id, update);
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        DecodeError::Garbage(match error.classify() {
            serde_json::error::Category::Data => "JSON of another form than documented",
            _ => "not JSON",
        })
    })
}
