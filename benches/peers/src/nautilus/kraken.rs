//! Kraken: spot by WebSocket v2 (v1, which most of our recordings are of, is not read), futures by v1.

use anyhow::Context;
use nautilus_kraken::websocket::futures::messages::{
    KrakenFuturesBookDelta, KrakenFuturesBookSnapshot, KrakenFuturesMessageType, KrakenFuturesTickerData,
    KrakenFuturesTradeData, classify_futures_message,
};
use nautilus_kraken::websocket::futures::parse::{
    parse_futures_ws_book_delta, parse_futures_ws_book_snapshot_deltas, parse_futures_ws_funding_rate,
    parse_futures_ws_index_price, parse_futures_ws_mark_price, parse_futures_ws_quote_tick,
    parse_futures_ws_trade_tick,
};
use nautilus_kraken::websocket::spot_v2::messages::{KrakenWsBookData, KrakenWsMessage};
use nautilus_kraken::websocket::spot_v2::parse::parse_book_deltas;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, from_value};

use super::{Desk, Enveloped, now};
use crate::told::Told;

pub(crate) fn kraken_book_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let value: Value = from_str(text)?;
    value.get("channel").and(value.get("data")).context("no channel")?;
    let frame: KrakenWsMessage = from_value(value)?;
    let books = frame.data.into_iter().map(from_value).collect::<Result<Vec<KrakenWsBookData>, _>>()?;
    book(&books, desk)
}

pub(crate) fn kraken_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    book(&from_str::<Enveloped<Vec<KrakenWsBookData>>>(text)?.data, desk)
}

fn book(books: &[KrakenWsBookData], desk: &Desk) -> anyhow::Result<Told> {
    let book = books.first().context("no book")?;
    Ok(Told::DeltaList(parse_book_deltas(book, desk.find(&book.symbol)?, 0, now())?))
}

/// `parse_message` and the `handle_*_value` of the kind.
fn by_tree<T: DeserializeOwned>(text: &str, kind: KrakenFuturesMessageType) -> anyhow::Result<T> {
    let value: Value = from_str(text)?;
    anyhow::ensure!(classify_futures_message(&value) == kind, "another kind");
    Ok(from_value(value)?)
}

pub(crate) fn kraken_futures_book_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let value: Value = from_str(text)?;
    if classify_futures_message(&value) == KrakenFuturesMessageType::BookSnapshot {
        let frame: KrakenFuturesBookSnapshot = from_value(value)?;
        let (instrument, sequence) = (desk.find(&frame.product_id)?, u64::try_from(frame.seq)?);
        return Ok(Told::DeltaList(parse_futures_ws_book_snapshot_deltas(
            &frame,
            instrument,
            sequence,
            now(),
        )?));
    }
    futures_book(&from_value(value)?, desk)
}

pub(crate) fn kraken_futures_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    futures_book(&from_str(text)?, desk)
}

pub(crate) fn kraken_futures_trade_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    futures_trade(&by_tree(text, KrakenFuturesMessageType::Trade)?, desk)
}

pub(crate) fn kraken_futures_trade_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    futures_trade(&from_str(text)?, desk)
}

pub(crate) fn kraken_futures_ticker_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    futures_ticker(&by_tree(text, KrakenFuturesMessageType::Ticker)?, desk)
}

pub(crate) fn kraken_futures_ticker_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    futures_ticker(&from_str(text)?, desk)
}

fn futures_book(frame: &KrakenFuturesBookDelta, desk: &Desk) -> anyhow::Result<Told> {
    let sequence = u64::try_from(frame.seq)?;
    Ok(Told::Delta(parse_futures_ws_book_delta(frame, desk.find(&frame.product_id)?, sequence, now())?))
}

fn futures_trade(frame: &KrakenFuturesTradeData, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Trade(parse_futures_ws_trade_tick(frame, desk.find(&frame.product_id)?, now())?))
}

fn futures_ticker(frame: &KrakenFuturesTickerData, desk: &Desk) -> anyhow::Result<Told> {
    let instrument = desk.find(&frame.product_id)?;
    let at = now();
    Ok(Told::Ticker(
        parse_futures_ws_quote_tick(frame, instrument, at)?,
        parse_futures_ws_mark_price(frame, instrument, at),
        parse_futures_ws_index_price(frame, instrument, at),
        parse_futures_ws_funding_rate(frame, instrument, at),
    ))
}
