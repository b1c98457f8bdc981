//! The channels that send books.

use feed::book::{Book, Ladder};
use feed::{Batch, DecodeError, Ignored, InstrumentId};
use market::exact::write_decimal;
use market::{Field, Micros, Reason, Source, Update};

use super::shapes::{Argument, BookData, LevelData, millis, whole};
use super::{Bitget, argument, operation};

/// Levels a side that are kept: the venue's snapshots hold at most 500, and what leaves its window is taken away by a size of 0.
const DEPTH: usize = 1_000;

/// Levels of each side that go into the checksum.
const CHECKSUM_LEVELS: usize = 25;

impl Bitget {
    /// `books1`, the venue's own word for the top; `books5` and `books15`, whole each time.
    pub(super) fn whole(
        &mut self,
        arg: &Argument<'_>,
        data: &BookData<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) {
        let Some(id) = self.resolve(arg, batch) else { return };
        let direct = &*arg.channel == "books1";
        let slot = self.slot(id);
        if !direct && (slot.best || slot.book.is_synchronised()) {
            return batch.ignore(Ignored::NotAQuote);
        }
        let mut update = Update::new(if direct { Source::Direct } else { Source::Book }, ts_recv);
        update.ts_event = millis(data.ts);
        for (field, levels) in [(Field::Bid, &data.bids), (Field::Ask, &data.asks)] {
            match levels.first().map(LevelData::numbers) {
                None => update.tell_side(field, None, None),
                Some(Some((price, size))) => update.tell_side(field, Some(price), Some(size)),
                Some(None) => return batch.ignore(Ignored::BadNumber),
            }
        }
        if direct {
            // The first on a connection states the top afresh.
            update.snapshot = !slot.best;
            slot.best = true;
        }
        batch.push(id, update);
    }

    pub(super) fn book(
        &mut self,
        arg: &Argument<'_>,
        data: &BookData<'_>,
        snapshot: bool,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let Some(id) = self.resolve(arg, batch) else { return Ok(()) };
        let slot = self.slot(id);
        if snapshot {
            slot.book.restart(DEPTH);
        } else if !slot.book.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if let (Some(before), Some(said)) = (slot.seq, whole(data.pseq))
            && before != said
        {
            // Also what restarts the numbers: it names 0.
            return self.lose(id, arg, Reason::Gap, ts_recv, batch);
        }
        slot.seq = whole(data.seq);
        if !set_levels(&mut slot.book.book, data) {
            batch.ignore(Ignored::BadNumber);
            return self.lose(id, arg, Reason::Gap, ts_recv, batch);
        }
        let checked = data.checksum.filter(|&said| said != 0);
        if let Some(said) = checked {
            let mut text = std::mem::take(&mut self.text);
            let fits = said == checksum(&self.slot(id).book.book, &mut text);
            self.text = text;
            if !fits {
                return self.lose(id, arg, Reason::Checksum, ts_recv, batch);
            }
            self.matched += 1;
        }
        let slot = self.slot(id);
        // A snapshot that nothing vouches for does not end a row of losses, a change that fits does.
        if !snapshot || checked.is_some() {
            slot.book.confirm();
        }
        if slot.best {
            batch.ignore(Ignored::NotAQuote);
        } else {
            slot.book.tell(id, millis(data.ts), ts_recv, batch);
        }
        Ok(())
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew.
    fn lose(
        &mut self,
        id: InstrumentId,
        arg: &Argument<'_>,
        reason: Reason,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let slot = self.slot(id);
        slot.seq = None;
        if slot.best {
            slot.book.lose_unseen(reason)?;
        } else {
            slot.book.lose(id, reason, ts_recv, batch)?;
        }
        // v1 answers `sp` to `SP`; v2 writes what it was asked for.
        let args = [argument(&arg.inst_type.to_ascii_uppercase(), "books", &arg.inst_id)];
        batch.replies.extend(["unsubscribe", "subscribe"].map(|op| operation(op, &args)));
        Ok(())
    }
}

/// Sets every level of a message and cuts the book to its depth; false when a level cannot be read.
fn set_levels(book: &mut Book, data: &BookData<'_>) -> bool {
    for (ladder, levels) in [(Ladder::Asks, &data.asks), (Ladder::Bids, &data.bids)] {
        for level in levels {
            let Some((price, size)) = level.numbers() else { return false };
            book.set(ladder, price, size);
        }
    }
    book.truncate();
    true
}

/// Signed CRC32 over `bid price:bid size:ask price:ask size:..` of 25 levels, digits as they came. When one side is
/// shorter the other goes on alone.
fn checksum(book: &Book, text: &mut Vec<u8>) -> i32 {
    text.clear();
    let mut bids = book.levels(Ladder::Bids);
    let mut asks = book.levels(Ladder::Asks);
    for _ in 0..CHECKSUM_LEVELS {
        for level in [bids.next(), asks.next()].into_iter().flatten() {
            for number in [level.price, level.size] {
                if !text.is_empty() {
                    text.push(b':');
                }
                write_decimal(number, text);
            }
        }
    }
    crc32fast::hash(text).cast_signed()
}
