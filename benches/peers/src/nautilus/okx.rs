//! OKX: one tree for each frame; books are then read out of it, the other channels by `parse_ws_message_data`.

use anyhow::{Context, bail};
use nautilus_model::data::Data;
use nautilus_okx::common::enums::OKXBookAction;
use nautilus_okx::websocket::messages::{
    NautilusWsMessage, OKXBookMsg, OKXTickerMsg, OKXTradeMsg, OKXWebSocketArg, OKXWsFrame,
};
use nautilus_okx::websocket::parse::{
    parse_book_msg, parse_book_msg_vec, parse_ticker_msg, parse_trade_msg, parse_ws_message_data,
};
use serde::Deserialize;
use serde_json::from_str;

use super::{Desk, now, of_one, places};
use crate::told::Told;

#[derive(Deserialize)]
struct Lean<T> {
    arg: OKXWebSocketArg,
    action: Option<OKXBookAction>,
    data: Vec<T>,
}

/// Every channel.
pub(crate) fn okx_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    match from_str::<OKXWsFrame>(text)? {
        OKXWsFrame::BookData { arg, action, data } => {
            let (id, price, size) = places(desk.find(&arg.inst_id.context("no instrument")?)?);
            Ok(Told::Data(parse_book_msg_vec(data, &id, price, size, action, now())?))
        }
        OKXWsFrame::Data { arg, data } => {
            let (id, price, size) = places(desk.find(&arg.inst_id.context("no instrument")?)?);
            let funding = &mut desk.funding.borrow_mut();
            let read = parse_ws_message_data(
                &arg.channel,
                data,
                &id,
                price,
                size,
                now(),
                funding,
                &desk.instruments,
            )?;
            match read.context("nothing made of it")? {
                NautilusWsMessage::Data(events) => Ok(Told::Data(events)),
                other => bail!("another kind: {other:?}"),
            }
        }
        other => bail!("another kind: {other:?}"),
    }
}

pub(crate) fn okx_trades_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let frame: Lean<OKXTradeMsg> = from_str(text)?;
    let (id, price, size) = places(desk.find(&frame.arg.inst_id.context("no instrument")?)?);
    let trades = frame.data.iter().map(|trade| parse_trade_msg(trade, id, price, size, now()));
    Ok(Told::Trades(trades.collect::<anyhow::Result<_>>()?))
}

pub(crate) fn okx_ticker_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let frame: Lean<OKXTickerMsg> = from_str(text)?;
    let (id, price, size) = places(desk.find(&frame.arg.inst_id.context("no instrument")?)?);
    let ticker = frame.data.first().context("no ticker")?;
    Ok(of_one(Data::Quote(parse_ticker_msg(ticker, id, price, size, now())?)))
}

pub(crate) fn okx_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    let frame: Lean<OKXBookMsg> = from_str(text)?;
    let (id, price, size) = places(desk.find(&frame.arg.inst_id.context("no instrument")?)?);
    let action = frame.action.context("no action")?;
    let book = frame.data.first().context("no book")?;
    Ok(Told::Deltas(parse_book_msg(book, id, price, size, &action, now())?))
}
