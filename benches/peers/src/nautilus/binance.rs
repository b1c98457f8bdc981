//! Futures of Binance. Spot is read from SBE, a binary format, and has no JSON decoder to compare with.

use anyhow::Context;
use nautilus_binance::futures::websocket::streams::messages::{
    BinanceFuturesAggTradeMsg, BinanceFuturesBookTickerMsg, BinanceFuturesTradeMsg,
};
use nautilus_binance::futures::websocket::streams::parse_data::{
    extract_event_type, parse_agg_trade, parse_book_ticker, parse_trade,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_slice, from_str, from_value};

use super::{Desk, now};
use crate::told::Told;

/// `handle_raw_message` and `handle_stream_data`.
fn by_tree<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    let json: Value = from_slice(text.as_bytes())?;
    extract_event_type(&json).context("no event type")?;
    Ok(from_value(json.clone())?)
}

pub(crate) fn binance_top_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    top(&by_tree(text)?, desk)
}

pub(crate) fn binance_top_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    top(&from_str(text)?, desk)
}

pub(crate) fn binance_trade_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trade(&by_tree(text)?, desk)
}

pub(crate) fn binance_trade_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trade(&from_str(text)?, desk)
}

pub(crate) fn binance_agg_trade_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    agg_trade(&by_tree(text)?, desk)
}

pub(crate) fn binance_agg_trade_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    agg_trade(&from_str(text)?, desk)
}

fn top(frame: &BinanceFuturesBookTickerMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Quote(parse_book_ticker(frame, desk.find(&frame.symbol)?, now())?))
}

fn trade(frame: &BinanceFuturesTradeMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Trade(parse_trade(frame, desk.find(&frame.symbol)?, now())?))
}

fn agg_trade(frame: &BinanceFuturesAggTradeMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Trade(parse_agg_trade(frame, desk.find(&frame.symbol)?, now())?))
}
