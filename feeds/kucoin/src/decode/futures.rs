//! The topics of the futures socket that have no twin on the spot one.

use feed::book::{Change, Ladder};
use feed::json::text_decimal;
use feed::{Batch, DecodeError, Ignored, InstrumentId};
use market::{Decimal, Field, Micros, Source, Update};

use super::shapes::{ContractChangeData, ContractData, ContractTopData, Envelope, millis, nanos, read};
use super::{KucoinClassic, data, push, resolve, tell_top};

/// One level as text: `39069.0,buy,23960`.
fn level(change: &str) -> Option<(Ladder, Decimal, Decimal)> {
    let mut parts = change.split(',');
    let price = text_decimal(parts.next()?).ok()??;
    let ladder = match parts.next()? {
        "buy" => Ladder::Bids,
        "sell" => Ladder::Asks,
        _ => return None,
    };
    Some((ladder, price, text_decimal(parts.next()?).ok()??))
}

/// Contracts paid in dollars, which are settled in the base coin. What the venue calls turnover is then an amount of that
/// coin, for which a quote has no field.
fn is_inverse(id: InstrumentId, batch: &Batch) -> bool {
    batch.instruments.get(id).is_none_or(|listed| {
        let name = listed.symbol.name();
        name == &*listed.native || name.contains("-USD-")
    })
}

impl KucoinClassic {
    pub(super) fn contract(
        &mut self,
        kind: &'static str,
        of: &str,
        envelope: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        match kind {
            "/contractMarket/tickerV2:tickerV2" => {
                self.contract_top(of, &data(envelope, kind)?, ts_recv, batch);
            }
            "/contractMarket/ticker:ticker" => {
                self.contract_ticker(of, &data(envelope, kind)?, ts_recv, batch);
            }
            "/contractMarket/level2:level2" => {
                let change: ContractChangeData<'_> = data(envelope, kind)?;
                let Some(id) = resolve(Some(of), batch) else { return Ok(kind) };
                let seq = change.sequence;
                let Some((ladder, price, size)) = level(&change.change) else {
                    batch.ignore(Ignored::BadNumber);
                    self.lose(id, market::Reason::Gap, ts_recv, batch)?;
                    return Ok(kind);
                };
                self.changes.clear();
                self.changes.push(Change { seq, ladder, price, size });
                self.change(id, seq, seq, millis(change.timestamp), ts_recv, batch)?;
            }
            "/contractMarket/snapshot:snapshot.24h"
            | "/contract/instrument:mark.index.price"
            | "/contract/instrument:funding.rate" => {
                self.figures(of, &data(envelope, kind)?, ts_recv, batch);
            }
            _ => batch.ignore(Ignored::NotAQuote),
        }
        Ok(kind)
    }

    /// `tickerV2`: the venue's own word for the top.
    fn contract_top(&mut self, of: &str, top: &ContractTopData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(top.symbol.as_deref().or(Some(of)), batch) else { return };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = nanos(top.ts);
        tell_top(&mut update, sides(top), batch);
        self.direct_top(id, update, batch);
    }

    /// The older ticker: sent with trades, so its top is as old as the trade.
    fn contract_ticker(
        &mut self,
        of: &str,
        ticker: &ContractTopData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = resolve(ticker.symbol.as_deref().or(Some(of)), batch) else { return };
        let slot = self.slot(id);
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = nanos(ticker.ts);
        if !slot.best && !slot.book.rebuilt.is_synchronised() {
            tell_top(&mut update, sides(ticker), batch);
        }
        if !slot.traded
            && let (Some(price), Some(size)) = (read(ticker.price, batch), read(ticker.size, batch))
        {
            update.tell_trade(price, size.filter(|_| price.is_some()), None);
        }
        push(id, update, batch);
    }

    /// Figures of a contract: 24 hours, mark, index, funding.
    fn figures(&mut self, of: &str, figures: &ContractData<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(figures.symbol.as_deref().or(Some(of)), batch) else { return };
        let turnover = figures.turnover.filter(|_| !is_inverse(id, batch));
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = nanos(figures.ts).or_else(|| millis(figures.timestamp));
        for (field, figure) in [
            (Field::High24h, figures.high_price),
            (Field::Low24h, figures.low_price),
            (Field::Volume24h, figures.volume),
            (Field::QuoteVolume24h, turnover),
            (Field::Mark, figures.mark_price),
            (Field::Index, figures.index_price),
            (Field::FundingRate, figures.funding_rate),
        ] {
            if let Some(figure) = read(figure, batch) {
                update.tell(field, figure);
            }
        }
        if !self.slot(id).traded
            && let Some(price) = read(figures.last_price, batch)
        {
            update.tell_trade(price, None, None);
        }
        push(id, update, batch);
    }
}

/// Both sides of the top.
type Sides<'a> = [(Field, Option<feed::json::Number<'a>>, Option<feed::json::Number<'a>>); 2];

const fn sides<'a>(top: &ContractTopData<'a>) -> Sides<'a> {
    [(Field::Bid, top.best_bid_price, top.best_bid_size), (Field::Ask, top.best_ask_price, top.best_ask_size)]
}
