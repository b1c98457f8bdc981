//! Coinbase Advanced Trade: the tagged enum of all channels, then the kind's parser.

use anyhow::{Context, bail};
use nautilus_coinbase::http::parse::parse_rfc3339_timestamp;
use nautilus_coinbase::websocket::CoinbaseWsMessage;
use nautilus_coinbase::websocket::messages::{
    WsEventType, WsL2DataEvent, WsMarketTradesEvent, WsTickerEvent,
};
use nautilus_coinbase::websocket::parse::{
    parse_ws_l2_snapshot, parse_ws_l2_update, parse_ws_ticker, parse_ws_trade,
};
use serde::Deserialize;
use serde_json::from_str;

use super::{Desk, now};
use crate::told::Told;

#[derive(Deserialize)]
struct Lean<T> {
    timestamp: String,
    events: Vec<T>,
}

pub(crate) fn coinbase_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    match from_str::<CoinbaseWsMessage>(text)? {
        CoinbaseWsMessage::L2Data { timestamp, events, .. } => book(&events, &timestamp, desk),
        CoinbaseWsMessage::MarketTrades { events, .. } => trades(&events, desk),
        CoinbaseWsMessage::Ticker { timestamp, events, .. } => ticker(&events, &timestamp, desk),
        other => bail!("another kind: {other:?}"),
    }
}

pub(crate) fn coinbase_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let frame: Lean<WsL2DataEvent> = from_str(text)?;
    book(&frame.events, &frame.timestamp, desk)
}

pub(crate) fn coinbase_trades_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trades(&from_str::<Lean<WsMarketTradesEvent>>(text)?.events, desk)
}

pub(crate) fn coinbase_ticker_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let frame: Lean<WsTickerEvent> = from_str(text)?;
    ticker(&frame.events, &frame.timestamp, desk)
}

fn book(events: &[WsL2DataEvent], timestamp: &str, desk: &Desk) -> anyhow::Result<Told> {
    let event = events.first().context("no event")?;
    let instrument = desk.find(&event.product_id)?;
    let at = parse_rfc3339_timestamp(timestamp)?;
    let deltas = match event.event_type {
        WsEventType::Snapshot => parse_ws_l2_snapshot(event, instrument, at, now())?,
        WsEventType::Update => parse_ws_l2_update(event, instrument, at, now())?,
    };
    Ok(Told::Deltas(deltas))
}

fn trades(events: &[WsMarketTradesEvent], desk: &Desk) -> anyhow::Result<Told> {
    let of_event = |event: &WsMarketTradesEvent| -> anyhow::Result<Vec<_>> {
        event.trades.iter().map(|trade| parse_ws_trade(trade, desk.find(&trade.product_id)?, now())).collect()
    };
    Ok(Told::Trades(of_event(events.first().context("no event")?)?))
}

fn ticker(events: &[WsTickerEvent], timestamp: &str, desk: &Desk) -> anyhow::Result<Told> {
    let ticker = events.first().and_then(|event| event.tickers.first()).context("no ticker")?;
    let at = parse_rfc3339_timestamp(timestamp)?;
    Ok(Told::Quote(parse_ws_ticker(ticker, desk.find(&ticker.product_id)?, at, now())?))
}
