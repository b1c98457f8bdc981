//! The older interface, `pubwss.bithumb.com`.

use feed::book::Ladder;
use feed::{Batch, DecodeError, Ignored};
use market::{Field, Micros, Reason, Side, Source, Update};
use serde::Deserialize;

use super::shapes::{
    OldBook, OldDepth, OldTicker, OldTrade, OldTrades, Pair, korean, korean_parts, level, moment,
};
use super::{Bithumb, Slot, read, resolve};

/// Levels that are kept. A snapshot has 30 a side; changes may speak of more.
const DEPTH: usize = 500;

fn content<'a, T: Deserialize<'a>>(text: &'a str, what: &'static str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|_| DecodeError::Garbage(what))
}

impl Bithumb {
    pub(super) fn older(
        &mut self,
        kind: &str,
        text: &str,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        match kind {
            "transaction" => {
                for trade in &content::<OldTrades<'_>>(text, "transaction")?.list {
                    self.old_trade(trade, ts_recv, batch);
                }
                Ok("transaction")
            }
            "orderbookdepth" => {
                self.depth(&content(text, "orderbookdepth")?, ts_recv, batch)?;
                Ok("orderbookdepth")
            }
            "orderbooksnapshot" => {
                self.snapshot(&content(text, "orderbooksnapshot")?, ts_recv, batch)?;
                Ok("orderbooksnapshot")
            }
            "ticker" => {
                self.old_ticker(&content(text, "ticker")?, ts_recv, batch);
                Ok("ticker")
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }

    fn old_trade(&mut self, trade: &OldTrade<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&trade.symbol, batch) else { return };
        let (Some(Some(price)), Some(size)) =
            (read(Some(trade.cont_price), batch), read(Some(trade.cont_qty), batch))
        else {
            return;
        };
        let side = match trade.buy_sell_gb.as_deref() {
            Some("1") => Some(Side::Sell),
            Some("2") => Some(Side::Buy),
            _ => None,
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = trade.cont_dtm.as_deref().and_then(korean);
        update.tell_trade(Some(price), size, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }

    /// Changed levels. A message has those of one symbol as a rule; others are taken run by run.
    fn depth(&mut self, depth: &OldDepth<'_>, ts_recv: Micros, batch: &mut Batch) -> Result<(), DecodeError> {
        let at = moment(depth.datetime);
        for run in depth.list.chunk_by(|one, next| one.symbol == next.symbol) {
            let Some(id) = resolve(&run[0].symbol, batch) else { continue };
            let slot = self.slot(id);
            let older = matches!((at, slot.snapshot_at), (Some(at), Some(from)) if at < from);
            if !slot.rebuilt.is_synchronised() || older {
                batch.ignore(Ignored::BeforeSnapshot);
                continue;
            }
            for change in run {
                let ladder = match &*change.order_type {
                    "bid" => Ladder::Bids,
                    "ask" => Ladder::Asks,
                    _ => return Err(DecodeError::Garbage("a level that is neither bid nor ask")),
                };
                let Some((price, size)) = level(change.price, change.quantity) else {
                    batch.ignore(Ignored::BadNumber);
                    return slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch);
                };
                slot.rebuilt.book.set(ladder, price, size);
            }
            slot.rebuilt.book.truncate();
            if is_crossed(slot) {
                return slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch);
            }
            slot.rebuilt.confirm();
            slot.rebuilt.tell(id, at, ts_recv, batch);
        }
        Ok(())
    }

    fn snapshot(
        &mut self,
        snapshot: &OldBook<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = resolve(&snapshot.symbol, batch) else { return Ok(()) };
        let slot = self.slot(id);
        slot.rebuilt.restart(DEPTH);
        slot.snapshot_at = moment(snapshot.datetime);
        for (ladder, levels) in [(Ladder::Asks, &snapshot.asks), (Ladder::Bids, &snapshot.bids)] {
            for Pair(price, size) in levels {
                let Some((price, size)) = level(*price, *size) else {
                    batch.ignore(Ignored::BadNumber);
                    return slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch);
                };
                slot.rebuilt.book.set(ladder, price, size);
            }
        }
        slot.rebuilt.tell(id, slot.snapshot_at, ts_recv, batch);
        Ok(())
    }

    fn old_ticker(&mut self, ticker: &OldTicker<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = resolve(&ticker.symbol, batch) else { return };
        let mut update = Update::new(Source::Ticker, ts_recv);
        update.ts_event = ticker
            .date
            .as_deref()
            .zip(ticker.time.as_deref())
            .and_then(|(date, time)| korean_parts(date, time));
        if !self.slot(id).traded
            && let Some(price) = read(ticker.close_price, batch)
        {
            update.tell_trade(price, None, None);
        }
        if ticker.tick_type.as_deref() == Some("24H") {
            for (field, figure) in [
                (Field::Open24h, ticker.open_price),
                (Field::High24h, ticker.high_price),
                (Field::Low24h, ticker.low_price),
                (Field::Volume24h, ticker.volume),
                (Field::QuoteVolume24h, ticker.value),
            ] {
                if let Some(figure) = read(figure, batch) {
                    update.tell(field, figure);
                }
            }
        }
        if update.told().is_empty() {
            return batch.ignore(Ignored::NotAQuote);
        }
        batch.push(id, update);
    }
}

/// A book that stands crossed has missed the removal of a level.
fn is_crossed(slot: &Slot) -> bool {
    let top = slot.rebuilt.book.top();
    matches!((top.bid, top.ask), (Some(bid), Some(ask)) if bid.price >= ask.price)
}
