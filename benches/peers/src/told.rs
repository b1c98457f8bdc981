//! What a library made of one frame, in its own types, and the plain numbers in it for the comparison.

use barter_data::event::MarketIter;
use barter_data::subscription::book::OrderBookL1;
use barter_data::subscription::trade::PublicTrade;
use nautilus_model::data::{
    Data, FundingRateUpdate, IndexPriceUpdate, MarkPriceUpdate, OrderBookDelta, OrderBookDeltas, QuoteTick,
    TradeTick,
};
use nautilus_model::enums::{BookAction, OrderSide};
use ustr::Ustr;

/// The normalised events of one frame.
pub(crate) enum Told {
    BarterTrades(MarketIter<u32, PublicTrade>),
    BarterTop(MarketIter<u32, OrderBookL1>),
    Data(Vec<Data>),
    Quote(QuoteTick),
    Trade(TradeTick),
    Trades(Vec<TradeTick>),
    Deltas(OrderBookDeltas),
    DeltaList(Vec<OrderBookDelta>),
    Delta(OrderBookDelta),
    Marks(MarkPriceUpdate, Option<IndexPriceUpdate>, Option<FundingRateUpdate>),
    Ticker(QuoteTick, Option<MarkPriceUpdate>, Option<IndexPriceUpdate>, Option<FundingRateUpdate>),
}

/// One number-bearing event, whoever made it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact {
    Trade(f64, f64),
    /// Price and size of the best bid, then of the best ask.
    Top(Option<(f64, f64)>, Option<(f64, f64)>),
    Mark(f64),
    Index(f64),
    Funding(f64),
    /// A book begins anew.
    Clear(Ustr),
    /// A level of a book: its instrument, whether it is a bid, its price, its size (none: 0).
    Level(Ustr, bool, f64, f64),
}

impl From<MarketIter<u32, PublicTrade>> for Told {
    fn from(events: MarketIter<u32, PublicTrade>) -> Told {
        Told::BarterTrades(events)
    }
}

impl From<MarketIter<u32, OrderBookL1>> for Told {
    fn from(events: MarketIter<u32, OrderBookL1>) -> Told {
        Told::BarterTop(events)
    }
}

impl Told {
    /// The numbers of all events; none when nothing was made of the frame.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        match self {
            Told::BarterTrades(events) => events
                .0
                .iter()
                .flatten()
                .map(|event| Fact::Trade(event.kind.price, event.kind.amount))
                .collect(),
            Told::BarterTop(events) => {
                let level = |level: Option<barter_data::books::Level>| {
                    level.and_then(|level| Some((plain(level.price)?, plain(level.amount)?)))
                };
                let top = |book: &OrderBookL1| Fact::Top(level(book.best_bid), level(book.best_ask));
                events.0.iter().flatten().map(|event| top(&event.kind)).collect()
            }
            Told::Data(events) => events.iter().flat_map(of_data).collect(),
            Told::Quote(quote) => vec![of_quote(quote)],
            Told::Trade(trade) => vec![of_trade(trade)],
            Told::Trades(trades) => trades.iter().map(of_trade).collect(),
            Told::Deltas(deltas) => deltas.deltas.iter().map(of_delta).collect(),
            Told::DeltaList(deltas) => deltas.iter().map(of_delta).collect(),
            Told::Delta(delta) => vec![of_delta(delta)],
            Told::Marks(mark, index, funding) => of_marks(Some(mark), index.as_ref(), funding.as_ref()),
            Told::Ticker(quote, mark, index, funding) => {
                let mut facts = of_marks(mark.as_ref(), index.as_ref(), funding.as_ref());
                facts.push(of_quote(quote));
                facts
            }
        }
    }
}

fn plain(number: rust_decimal::Decimal) -> Option<f64> {
    number.to_string().parse().ok()
}

fn of_quote(quote: &QuoteTick) -> Fact {
    Fact::Top(
        Some((quote.bid_price.as_f64(), quote.bid_size.as_f64())),
        Some((quote.ask_price.as_f64(), quote.ask_size.as_f64())),
    )
}

fn of_trade(trade: &TradeTick) -> Fact {
    Fact::Trade(trade.price.as_f64(), trade.size.as_f64())
}

fn of_delta(delta: &OrderBookDelta) -> Fact {
    let size = if delta.action == BookAction::Delete { 0.0 } else { delta.order.size.as_f64() };
    let name = delta.instrument_id.symbol.inner();
    match delta.action {
        BookAction::Clear => Fact::Clear(name),
        _ => Fact::Level(name, delta.order.side == OrderSide::Buy, delta.order.price.as_f64(), size),
    }
}

fn of_marks(
    mark: Option<&MarkPriceUpdate>,
    index: Option<&IndexPriceUpdate>,
    funding: Option<&FundingRateUpdate>,
) -> Vec<Fact> {
    let mark = mark.map(|mark| Fact::Mark(mark.value.as_f64()));
    let index = index.map(|index| Fact::Index(index.value.as_f64()));
    let funding = funding.and_then(|funding| Some(Fact::Funding(plain(funding.rate)?)));
    [mark, index, funding].into_iter().flatten().collect()
}

fn of_data(event: &Data) -> Vec<Fact> {
    match event {
        Data::Quote(quote) => vec![of_quote(quote)],
        Data::Trade(trade) => vec![of_trade(trade)],
        Data::Delta(delta) => vec![of_delta(delta)],
        Data::Deltas(deltas) => deltas.deltas.iter().map(of_delta).collect(),
        Data::MarkPriceUpdate(mark) => of_marks(Some(mark), None, None),
        Data::IndexPriceUpdate(index) => of_marks(None, Some(index), None),
        _ => Vec::new(),
    }
}
