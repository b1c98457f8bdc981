//! Deribit: two trees for each frame (`parse_raw_message`, then a copy of its data), then the kind's parser.

use anyhow::{Context, bail};
use nautilus_deribit::websocket::enums::DeribitWsChannel;
use nautilus_deribit::websocket::messages::{
    DeribitBookMsg, DeribitQuoteMsg, DeribitSubscriptionNotification, DeribitTickerMsg, DeribitTradeMsg,
    DeribitWsMessage, parse_raw_message,
};
use nautilus_deribit::websocket::parse::{
    parse_book_msg, parse_quote_msg, parse_ticker_to_funding_rate, parse_ticker_to_index_price,
    parse_ticker_to_mark_price, parse_ticker_to_quote, parse_trades_data,
};
use nautilus_model::data::Data;
use serde::de::DeserializeOwned;
use serde_json::{from_str, from_value};

use super::{Desk, now, of_one};
use crate::told::Told;

fn by_tree<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    let DeribitWsMessage::Notification(notification) = parse_raw_message(text)? else {
        bail!("no notification");
    };
    DeribitWsChannel::from_channel_string(&notification.params.channel).context("no channel")?;
    Ok(from_value(notification.params.data.clone())?)
}

fn straight<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    Ok(from_str::<DeribitSubscriptionNotification<T>>(text)?.params.data)
}

pub(crate) fn deribit_quote_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    quote(&by_tree(text)?, desk)
}

pub(crate) fn deribit_quote_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    quote(&straight(text)?, desk)
}

pub(crate) fn deribit_ticker_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    ticker(&by_tree(text)?, desk)
}

pub(crate) fn deribit_ticker_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    ticker(&straight(text)?, desk)
}

pub(crate) fn deribit_trades_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trades(&by_tree::<Vec<_>>(text)?, desk)
}

pub(crate) fn deribit_trades_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    trades(&straight::<Vec<_>>(text)?, desk)
}

pub(crate) fn deribit_book_handler(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    book(&by_tree(text)?, desk)
}

pub(crate) fn deribit_book_lean(desk: &Desk, text: &str) -> anyhow::Result<Told> {
    book(&straight(text)?, desk)
}

fn quote(frame: &DeribitQuoteMsg, desk: &Desk) -> anyhow::Result<Told> {
    let instrument = desk.find(&frame.instrument_name)?;
    Ok(of_one(Data::Quote(parse_quote_msg(frame, instrument, now())?)))
}

fn ticker(frame: &DeribitTickerMsg, desk: &Desk) -> anyhow::Result<Told> {
    let instrument = desk.find(&frame.instrument_name)?;
    let at = now();
    let mark = parse_ticker_to_mark_price(frame, instrument, at)?;
    let index = Some(parse_ticker_to_index_price(frame, instrument, at)?);
    let funding = parse_ticker_to_funding_rate(frame, instrument, at);
    match parse_ticker_to_quote(frame, instrument, at) {
        Ok(quote) => Ok(Told::Ticker(quote, Some(mark), index, funding)),
        // An option without a bid.
        Err(_) => Ok(Told::Marks(mark, index, funding)),
    }
}

fn trades(frame: &[DeribitTradeMsg], desk: &Desk) -> anyhow::Result<Told> {
    let events = parse_trades_data(frame, &desk.instruments, now());
    anyhow::ensure!(!events.is_empty(), "no trade was read");
    Ok(Told::Data(events))
}

fn book(frame: &DeribitBookMsg, desk: &Desk) -> anyhow::Result<Told> {
    Ok(Told::Deltas(parse_book_msg(frame, desk.find(&frame.instrument_name)?, now())?))
}
