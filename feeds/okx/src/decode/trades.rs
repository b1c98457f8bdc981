//! The channel `trades`: the last trade, read the short way where the text has its usual form.

use feed::json::text_decimal;
use feed::{Batch, Ignored, InstrumentId};
use market::{Decimal, Micros, Side, Source, Update};

use super::shapes::{TradeData, moment};
use super::{Okx5, read, resolve, scan};

impl Okx5 {
    /// Trades in their usual form; `None`, and nothing told, when the text has another.
    pub(super) fn trades(&mut self, text: &str, ts_recv: Micros, batch: &mut Batch) -> Option<()> {
        scan::trades(text, |trade| {
            let Some(id) = resolve(Some(trade.native), batch) else { return };
            let mut number = |text| {
                let read = text_decimal(text);
                if read.is_err() {
                    batch.ignore(Ignored::BadNumber);
                }
                read.ok()
            };
            let (Some(Some(price)), Some(size)) = (number(trade.price), number(trade.size)) else { return };
            let ts_event = (trade.millis > 0).then(|| Micros::from_millis(trade.millis));
            self.traded(id, price, size, trade.side, ts_event, ts_recv, batch);
        })
    }

    pub(super) fn trade(
        &mut self,
        id: InstrumentId,
        trade: &TradeData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let (Some(Some(price)), Some(size)) = (read(trade.px, batch), read(trade.sz, batch)) else { return };
        let side = trade.side.as_deref().unwrap_or_default();
        self.traded(id, price, size, side, moment(trade.ts), ts_recv, batch);
    }

    #[expect(clippy::too_many_arguments, reason = "one trade, from either way of reading it")]
    fn traded(
        &mut self,
        id: InstrumentId,
        price: Decimal,
        size: Option<Decimal>,
        side: &str,
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = ts_event;
        let side = match side {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            _ => None,
        };
        update.tell_trade(Some(price), size, side);
        self.slot(id).traded = true;
        batch.push(id, update);
    }
}
