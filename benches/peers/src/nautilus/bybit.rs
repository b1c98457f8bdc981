//! Bybit: a tree, a copy of it into the frame's struct (`parse_bybit_ws_frame`), then the kind's parser.

use anyhow::{Context, bail};
use nautilus_bybit::websocket::messages::{
    BybitWsFrame, BybitWsOrderbookDepthMsg, BybitWsTickerLinearMsg, BybitWsTradeMsg,
};
use nautilus_bybit::websocket::parse::{
    parse_bybit_ws_frame, parse_orderbook_deltas, parse_ticker_linear_quote, parse_ws_trade_tick,
};
use serde_json::from_str;

use super::{Desk, now};
use crate::told::Told;

pub(crate) fn bybit_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    match parse_bybit_ws_frame(from_str(text)?) {
        BybitWsFrame::Orderbook(frame) => book(&frame, desk),
        BybitWsFrame::Trade(frame) => trades(&frame, desk),
        BybitWsFrame::TickerLinear(frame) => ticker(&frame, desk),
        _ => bail!("another kind"),
    }
}

pub(crate) fn bybit_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    book(&from_str(text)?, desk)
}

pub(crate) fn bybit_trades_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trades(&from_str(text)?, desk)
}

pub(crate) fn bybit_ticker_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    ticker(&from_str(text)?, desk)
}

fn book(frame: &BybitWsOrderbookDepthMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Deltas(parse_orderbook_deltas(frame, desk.find(&frame.data.s)?, now())?))
}

fn trades(frame: &BybitWsTradeMsg, desk: &Desk) -> anyhow::Result<Told> {
    let instrument = desk.find(&frame.data.first().context("no trade")?.s)?;
    let trades = frame.data.iter().map(|trade| parse_ws_trade_tick(trade, instrument, now()));
    Ok(Told::Trades(trades.collect::<anyhow::Result<_>>()?))
}

fn ticker(frame: &BybitWsTickerLinearMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Quote(parse_ticker_linear_quote(frame, desk.find(&frame.data.symbol)?, now())?))
}
