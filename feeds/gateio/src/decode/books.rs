//! The channels that send books, and the books of the HTTP interface.

use feed::book::{Change, Fit, Ladder};
use feed::{Batch, DecodeError, Ignored, InstrumentId};
use market::{Decimal, Micros, Reason};

use super::channels::{Channel, What, order_book_update};
use super::shapes::{BookData, ChangesData, LevelData, SignedLevel, millis, read, seconds};
use super::{Gate4, request, resolve};

/// Levels a side of `order_book_update`: the most that the channel offers (it sends changes of the best 100 every 100 ms).
const UPDATE_DEPTH: usize = 100;
/// Levels a side of `obu`, whose name ends in 50 or 400.
const OBU_DEPTH: usize = 400;

/// The symbol of a question for a book, and whether it is one of the futures; `None` of other questions.
fn asked(url: &str) -> Option<(&str, bool)> {
    let (path, query) = url.split_once('?')?;
    if !path.ends_with("/order_book") {
        return None;
    }
    let of =
        |part| str::strip_prefix(part, "currency_pair=").or_else(|| str::strip_prefix(part, "contract="));
    Some((query.split('&').find_map(of)?, path.contains("/futures/")))
}

impl Gate4 {
    /// Takes the snapshot of a book. Others of the venue's answers are passed over.
    pub(super) fn fetched(&mut self, url: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        let Some((native, futures)) = asked(url) else { return };
        let Some(id) = resolve(native, futures, batch) else { return };
        let Ok(book) = serde_json::from_str::<BookData<'_>>(body) else {
            return batch.ignore(Ignored::BadNumber);
        };
        let Some(seq) = book.id else { return batch.ignore(Ignored::BadNumber) };
        let ts_event = if futures { seconds(book.update) } else { millis(book.update) };
        if !self.levels(seq, &book.bids, &book.asks, batch) {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let slot = self.slot(id);
        match slot.book.snapshot(UPDATE_DEPTH, seq, &changes) {
            Fit::Applied => {
                slot.channel = Some(order_book_update(futures));
                self.tell(id, ts_event, ts_recv, batch);
            }
            Fit::Old => batch.ignore(Ignored::Duplicate),
            Fit::Waits | Fit::Gap | Fit::Restarted => batch.ignore(Ignored::BeforeSnapshot),
        }
        self.changes = changes;
    }

    /// Whether another channel's book of the instrument is rebuilt already: one is enough.
    fn is_others(&mut self, id: InstrumentId, channel: &'static Channel, batch: &mut Batch) -> bool {
        let slot = self.slot(id);
        let others = slot.book.rebuilt.is_synchronised() && slot.channel.is_some_and(|of| of != channel);
        if others {
            batch.ignore(Ignored::NotAQuote);
        }
        others
    }

    /// `order_book`: the best levels, whole each time.
    pub(super) fn whole(
        &mut self,
        channel: &'static Channel,
        book: &BookData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let native = book.s.as_deref().unwrap_or_default();
        let Some(id) = resolve(native, channel.futures, batch) else { return };
        if self.is_others(id, channel, batch) || !self.levels(0, &book.bids, &book.asks, batch) {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let slot = self.slot(id);
        slot.channel = Some(channel);
        if slot.book.rebuilt.is_synchronised() {
            // A whole book continues what was told before; only the first states it afresh.
            slot.book.set_whole(&changes);
        } else {
            slot.book.replace(UPDATE_DEPTH, 0, &changes);
        }
        self.changes = changes;
        self.tell(id, millis(book.t), ts_recv, batch);
    }

    /// `futures.order_book` without an interval: single levels after a whole book. Their ids are not those of the book, so
    /// what is missing cannot be seen.
    pub(super) fn signed(
        &mut self,
        channel: &'static Channel,
        levels: &[SignedLevel<'_>],
        ts_event: Option<Micros>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let mut touched: Option<InstrumentId> = None;
        for level in levels {
            let Some(id) = resolve(&level.c, channel.futures, batch) else { continue };
            if self.is_others(id, channel, batch) {
                continue;
            }
            let (Some(Some(price)), Some(Some(size))) =
                (read(Some(level.p), batch), read(Some(level.s), batch))
            else {
                continue;
            };
            let rebuilt = &mut self.slot(id).book.rebuilt;
            if !rebuilt.is_synchronised() {
                batch.ignore(Ignored::BeforeSnapshot);
                continue;
            }
            let ask = size.is_sign_negative();
            for (ladder, here) in [(Ladder::Bids, !ask), (Ladder::Asks, ask)] {
                // A zero says that nothing stands there, and not on which side something did.
                rebuilt.book.set(ladder, price, if here { size.abs() } else { Decimal::ZERO });
            }
            touched = Some(id);
        }
        if let Some(id) = touched {
            self.tell(id, ts_event, ts_recv, batch);
        }
    }

    /// Reads levels into `self.changes`; false (and counted) when one of them cannot be read.
    fn levels(
        &mut self,
        seq: u64,
        bids: &[LevelData<'_>],
        asks: &[LevelData<'_>],
        batch: &mut Batch,
    ) -> bool {
        self.changes.clear();
        for (ladder, levels) in [(Ladder::Bids, bids), (Ladder::Asks, asks)] {
            for level in levels {
                let Some((price, size)) = level.numbers() else {
                    batch.ignore(Ignored::BadNumber);
                    return false;
                };
                self.changes.push(Change { seq, ladder, price, size });
            }
        }
        true
    }

    /// `order_book_update` and `obu`.
    pub(super) fn changes(
        &mut self,
        channel: &'static Channel,
        data: &ChangesData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let native = match channel.what {
            // `ob.BTC_USDT.50`
            What::Obu => data.s.strip_prefix("ob.").and_then(|name| Some(name.rsplit_once('.')?.0)),
            _ => Some(&*data.s),
        };
        let Some(native) = native else { return Err(DecodeError::Garbage("book without a symbol")) };
        let Some(id) = resolve(native, channel.futures, batch) else { return Ok(()) };
        if self.is_others(id, channel, batch) {
            return Ok(());
        }
        let (bids, asks) = (data.b.as_deref().unwrap_or_default(), data.a.as_deref().unwrap_or_default());
        if !self.levels(data.end, bids, asks, batch) {
            return self.lose(id, channel, &data.s, Reason::Gap, ts_recv, batch);
        }
        let changes = std::mem::take(&mut self.changes);
        let slot = self.slot(id);
        slot.channel = Some(channel);
        let fit = if data.full {
            let depth = if channel.what == What::Obu { OBU_DEPTH } else { UPDATE_DEPTH };
            slot.book.replace(depth, data.end, &changes);
            Fit::Applied
        } else {
            slot.book.change(data.first.unwrap_or(data.end), data.end, &changes)
        };
        self.changes = changes;
        match fit {
            Fit::Applied => self.tell(id, millis(data.t), ts_recv, batch),
            Fit::Waits => batch.ignore(Ignored::BeforeSnapshot),
            Fit::Old => batch.ignore(Ignored::Duplicate),
            Fit::Gap => return self.lose(id, channel, &data.s, Reason::Gap, ts_recv, batch),
            Fit::Restarted => return self.lose(id, channel, &data.s, Reason::Reset, ts_recv, batch),
        }
        Ok(())
    }

    /// Tells the top of the book, unless `book_ticker` does.
    fn tell(&mut self, id: InstrumentId, ts_event: Option<Micros>, ts_recv: Micros, batch: &mut Batch) {
        let slot = self.slot(id);
        if slot.best.is_some() {
            batch.ignore(Ignored::NotAQuote);
        } else {
            slot.book.rebuilt.tell(id, ts_event, ts_recv, batch);
        }
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew: `obu` by subscribing
    /// again, `order_book_update` (which never sends a book) by a new connection.
    fn lose(
        &mut self,
        id: InstrumentId,
        channel: &'static Channel,
        stream: &str,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        if !slot.book.rebuilt.is_synchronised() {
            return Ok(());
        }
        let shown = slot.best.is_none();
        if shown {
            slot.book.rebuilt.lose(id, reason, ts_recv, batch)?;
        } else {
            slot.book.rebuilt.lose_unseen(reason)?;
        }
        if channel.what == What::Obu {
            let again = ["unsubscribe", "subscribe"].map(|event| request(channel.name, event, &[stream]));
            batch.replies.extend(again);
            Ok(())
        } else if shown {
            Err(DecodeError::Reconnect(reason))
        } else {
            Ok(())
        }
    }
}
