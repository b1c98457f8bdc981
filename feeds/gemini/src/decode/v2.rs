//! Market data v2: `l2_updates`, `trade`, figures of perpetuals.

use feed::book::Ladder;
use feed::json::Number;
use feed::{Batch, DecodeError, Ignored, InstrumentId};
use market::{Field, Micros, Reason, Side, Source, Update};

use super::shapes::{ChangeText, Envelope, FigureText, TradeText, millis, nanos, whole};
use super::{Gemini, LEVELS_MAX, read, read_or_absent, resolve};

impl Gemini {
    /// A frame of v2.
    pub(super) fn v2(
        &mut self,
        kind: &str,
        said: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let native = said.symbol.as_deref();
        match kind {
            "l2_updates" => {
                if let Some(id) = resolve(native, batch) {
                    self.l2(id, said, ts_recv, batch)?;
                }
                Ok("l2_updates")
            }
            "trade" => {
                let price = said.price.ok_or(DecodeError::Garbage("trade without a price"))?;
                if let Some(id) = resolve(native, batch) {
                    let trade = TradeText {
                        event_id: said.event_id,
                        timestamp: said.timestamp,
                        price,
                        quantity: said.quantity,
                        side: said.side.clone(),
                    };
                    self.slot(id).traded = true;
                    tell_trade(id, &trade, Source::Direct, ts_recv, batch);
                }
                Ok("trade")
            }
            "heartbeat" => Ok("heartbeat"),
            "mark_price_updates" => figures("mark_price_updates", native, said, ts_recv, batch),
            "funding_amount_updates" => figures("funding_amount_updates", native, said, ts_recv, batch),
            name => {
                batch.ignore(Ignored::NotAQuote);
                Ok(if name.starts_with("candles_") { "candles" } else { "other" })
            }
        }
    }

    /// The book of a symbol with its last trades, then changes. Only the first one has trades and auctions, even if none.
    fn l2(
        &mut self,
        id: InstrumentId,
        said: &Envelope<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let changes = said.changes.ok_or(DecodeError::Garbage("l2_updates without changes"))?;
        let mut changes: Vec<ChangeText<'_>> =
            serde_json::from_str(changes.get()).map_err(|_| DecodeError::Garbage("changes of l2_updates"))?;
        let snapshot = said.auction_events.is_some() || said.trades.is_some();
        let slot = self.slot(id);
        if snapshot {
            slot.rebuilt.restart(LEVELS_MAX);
            // The best of each side comes first; set from the other end, none has to make room for the next.
            changes.reverse();
        } else if !slot.rebuilt.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        }
        for change in &changes {
            let ladder = match &*change.side {
                "buy" => Some(Ladder::Bids),
                "sell" => Some(Ladder::Asks),
                _ => None,
            };
            let (Some(ladder), Some((price, size))) = (ladder, change.numbers()) else {
                // Whatever the change was, the book lacks it. There is no way to ask for one book again but to connect anew.
                batch.ignore(Ignored::BadNumber);
                slot.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
                return Err(DecodeError::Reconnect(Reason::Gap));
            };
            slot.rebuilt.book.set(ladder, price, size);
        }
        slot.rebuilt.book.truncate();
        // Neither books nor changes carry a time.
        slot.rebuilt.tell(id, None, ts_recv, batch);
        if let Some(trades) = said.trades {
            let trades: Vec<TradeText<'_>> = serde_json::from_str(trades.get())
                .map_err(|_| DecodeError::Garbage("trades of l2_updates"))?;
            if let Some(newest) = trades.iter().max_by_key(|trade| whole(trade.event_id)) {
                tell_trade(id, newest, Source::History, ts_recv, batch);
            }
        }
        Ok(())
    }
}

fn tell_trade(id: InstrumentId, trade: &TradeText<'_>, source: Source, ts_recv: Micros, batch: &mut Batch) {
    let price = read(Some(trade.price), batch);
    let (Some(Some(price)), Some(size)) = (price, read_or_absent(trade.quantity, batch)) else { return };
    let side = match trade.side.as_deref() {
        Some("buy") => Some(Side::Buy),
        Some("sell") => Some(Side::Sell),
        _ => None,
    };
    let mut update = Update::new(source, ts_recv);
    update.ts_event = millis(trade.timestamp);
    update.tell_trade(Some(price), size, side);
    batch.push(id, update);
}

fn figures(
    kind: &'static str,
    native: Option<&str>,
    said: &Envelope<'_>,
    ts_recv: Micros,
    batch: &mut Batch,
) -> Result<&'static str, DecodeError> {
    let changes = said.changes.ok_or(DecodeError::Garbage(kind))?;
    let changes: Vec<FigureText<'_>> =
        serde_json::from_str(changes.get()).map_err(|_| DecodeError::Garbage(kind))?;
    let Some(id) = resolve(native, batch) else { return Ok(kind) };
    let told = |field: Field, figure: Option<Number<'_>>, update: &mut Update, batch: &mut Batch| {
        if let Some(figure) = read(figure, batch) {
            update.tell(field, figure);
        }
    };
    for change in &changes {
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = nanos(change.timestamp);
        told(Field::Mark, change.mark_price, &mut update, batch);
        told(Field::Index, change.spot_index, &mut update, batch);
        batch.push(id, update);
    }
    Ok(kind)
}
