//! Hyperliquid: the tagged enum of all channels, then the kind's parser.

use anyhow::{Context, bail};
use nautilus_hyperliquid::websocket::messages::{HyperliquidWsMessage, WsBookData, WsTradeData};
use nautilus_hyperliquid::websocket::parse::{parse_ws_order_book_deltas, parse_ws_trade_tick};
use serde_json::from_str;

use super::{Desk, Enveloped, now};
use crate::told::Told;

pub(crate) fn hyperliquid_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    match from_str::<HyperliquidWsMessage>(text)? {
        HyperliquidWsMessage::L2Book { data } => book(&data, desk),
        HyperliquidWsMessage::Trades { data } => trades(&data, desk),
        other => bail!("another kind: {other:?}"),
    }
}

pub(crate) fn hyperliquid_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    book(&from_str::<Enveloped<WsBookData>>(text)?.data, desk)
}

pub(crate) fn hyperliquid_trades_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trades(&from_str::<Enveloped<Vec<WsTradeData>>>(text)?.data, desk)
}

fn book(frame: &WsBookData, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Deltas(parse_ws_order_book_deltas(frame, desk.find(&frame.coin)?, now())?))
}

fn trades(frame: &[WsTradeData], desk: &Desk) -> anyhow::Result<Told> {
    let instrument = desk.find(&frame.first().context("no trade")?.coin)?;
    let trades = frame.iter().map(|trade| parse_ws_trade_tick(trade, instrument, now()));
    Ok(Told::Trades(trades.collect::<anyhow::Result<_>>()?))
}
