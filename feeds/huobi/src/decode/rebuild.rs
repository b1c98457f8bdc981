//! A book rebuilt from changes: `mbp.N`, whose changes chain and whose book has to be asked for, and
//! `depth.size_N.high_freq`, whose changes count up after a book that comes by itself.

use feed::book::{Ladder, Rebuilt};
use feed::{Batch, DecodeError, Ignored, InstrumentId};
use market::{Decimal, Micros, Reason};
use serde_json::value::RawValue;

use super::shapes::{BookText, LevelText, Tick, whole};
use crate::session::subscription;

/// Most levels a side: the deepest channel has 400.
const LEVELS_MAX: usize = 400;

/// Changes that are kept while a book is not there yet: 25 s at ten a second, the fastest `mbp.150` sends.
const WAITING_MAX: usize = 256;

/// When the venue says it was, and when it arrived.
pub(super) type Times = (Option<Micros>, Micros);

/// A change of `mbp.N` that waits for its book.
#[derive(Debug)]
struct Waiting {
    before: u64,
    number: u64,
    levels: Vec<(Ladder, Decimal, Decimal)>,
}

/// The rebuilt book of one symbol.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rebuilt: Rebuilt,
    /// The channel that it is rebuilt from; another one of the same symbol is not needed.
    channel: Option<&'static str>,
    number: u64,
    waiting: Vec<Waiting>,
    asked: bool,
}

impl Changes {
    pub(super) const fn is_synchronised(&self) -> bool {
        self.rebuilt.is_synchronised()
    }

    /// Whether the book is there and of another channel.
    fn is_of_other(&self, kind: &'static str) -> bool {
        self.is_synchronised() && self.channel != Some(kind)
    }

    /// Starts over with a book of that channel.
    fn restart(&mut self, kind: &'static str) {
        if self.channel.replace(kind) != Some(kind) {
            self.waiting.clear();
        }
        self.rebuilt.restart(LEVELS_MAX);
    }

    /// A message of `depth.size_N.high_freq`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one message with where it belongs; a struct would be used once"
    )]
    pub(super) fn counted(
        &mut self,
        topic: &str,
        kind: &'static str,
        id: InstrumentId,
        tick: &Tick<'_>,
        times: Times,
        shown: bool,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if self.is_of_other(kind) {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let snapshot = match tick.event.as_deref() {
            Some("snapshot") => true,
            Some("update") => false,
            _ => return Err(DecodeError::Garbage("book without an event")),
        };
        let number = whole(tick.version).ok_or(DecodeError::Garbage("book without a version"))?;
        if snapshot {
            self.restart(kind);
        } else if !self.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            return Ok(());
        } else if self.number.checked_add(1) != Some(number) {
            return self.lose(topic, id, times.1, shown, batch);
        }
        let Some(levels) = levels(tick.bids, tick.asks) else {
            batch.ignore(Ignored::BadNumber);
            return self.lose(topic, id, times.1, shown, batch);
        };
        self.number = number;
        self.set(&levels);
        if !snapshot {
            self.rebuilt.confirm();
        }
        self.tell(id, times, shown, batch);
        Ok(())
    }

    /// A change of `mbp.N`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one message with where it belongs; a struct would be used once"
    )]
    pub(super) fn chained(
        &mut self,
        topic: &str,
        kind: &'static str,
        id: InstrumentId,
        tick: &Tick<'_>,
        times: Times,
        shown: bool,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if self.is_of_other(kind) {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let (Some(before), Some(number)) = (whole(tick.prev_seq_num), whole(tick.seq_num)) else {
            return Err(DecodeError::Garbage("change without its numbers"));
        };
        let Some(levels) = levels(tick.bids, tick.asks) else {
            batch.ignore(Ignored::BadNumber);
            self.waiting.clear();
            return self.lose(topic, id, times.1, shown, batch);
        };
        if self.is_synchronised() && before != self.number {
            if number <= self.number {
                batch.ignore(Ignored::Duplicate);
                return Ok(());
            }
            self.waiting.clear();
            self.waiting.push(Waiting { before, number, levels });
            return self.lose(topic, id, times.1, shown, batch);
        }
        if !self.is_synchronised() {
            batch.ignore(Ignored::BeforeSnapshot);
            if *self.channel.get_or_insert(kind) != kind {
                // Another channel waits for its book; should this one's come first, it is taken.
                return Ok(());
            }
            if !std::mem::replace(&mut self.asked, true) {
                batch.replies.push(request(topic));
            }
            if self.waiting.len() == WAITING_MAX {
                self.waiting.drain(..WAITING_MAX / 2);
            }
            self.waiting.push(Waiting { before, number, levels });
            return Ok(());
        }
        self.number = number;
        self.set(&levels);
        self.rebuilt.confirm();
        self.tell(id, times, shown, batch);
        Ok(())
    }

    /// The book that `mbp.N` was asked for, and what came since.
    #[expect(
        clippy::too_many_arguments,
        reason = "one message with where it belongs; a struct would be used once"
    )]
    pub(super) fn book(
        &mut self,
        topic: &str,
        kind: &'static str,
        id: InstrumentId,
        body: &str,
        times: Times,
        shown: bool,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if self.is_of_other(kind) {
            batch.ignore(Ignored::NotAQuote);
            return Ok(());
        }
        let book: BookText<'_> =
            serde_json::from_str(body).map_err(|_| DecodeError::Garbage("answer of mbp"))?;
        let number = whole(Some(book.seq_num)).ok_or(DecodeError::Garbage("answer of mbp"))?;
        if self.is_synchronised() && number <= self.number {
            batch.ignore(Ignored::Duplicate);
            return Ok(());
        }
        self.asked = false;
        let Some(levels) = levels(book.bids, book.asks) else {
            batch.ignore(Ignored::BadNumber);
            return self.lose(topic, id, times.1, shown, batch);
        };
        self.restart(kind);
        self.number = number;
        self.set(&levels);
        for change in std::mem::take(&mut self.waiting) {
            if change.number <= self.number {
                continue;
            }
            if change.before != self.number {
                self.waiting.push(change);
                return self.lose(topic, id, times.1, shown, batch);
            }
            self.number = change.number;
            self.set(&change.levels);
        }
        self.tell(id, times, shown, batch);
        Ok(())
    }

    fn set(&mut self, levels: &[(Ladder, Decimal, Decimal)]) {
        for &(ladder, price, size) in levels {
            self.rebuilt.book.set(ladder, price, size);
        }
        self.rebuilt.book.truncate();
    }

    fn tell(&mut self, id: InstrumentId, (at, ts_recv): Times, shown: bool, batch: &mut Batch) {
        if shown {
            self.rebuilt.tell(id, at, ts_recv, batch);
        } else {
            batch.ignore(Ignored::NotAQuote);
        }
    }

    /// Tells the symbol suspect, unless the book is not what is shown, and asks for the book anew.
    fn lose(
        &mut self,
        topic: &str,
        id: InstrumentId,
        ts_recv: Micros,
        shown: bool,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if shown {
            self.rebuilt.lose(id, Reason::Gap, ts_recv, batch)?;
        } else {
            self.rebuilt.lose_unseen(Reason::Gap)?;
        }
        if topic.ends_with(".high_freq") {
            let text = subscription(topic).replacen('{', r#"{"data_type":"incremental","#, 1);
            batch.replies.push(text);
        } else {
            self.asked = true;
            batch.replies.push(request(topic));
        }
        Ok(())
    }
}

/// The text that asks for the book of `mbp.N`.
fn request(topic: &str) -> String {
    serde_json::json!({"req": topic, "id": topic}).to_string()
}

/// Every level of both sides, of which a missing one has none; `None` when one cannot be read.
fn levels(bids: Option<&RawValue>, asks: Option<&RawValue>) -> Option<Vec<(Ladder, Decimal, Decimal)>> {
    let mut read = Vec::new();
    for (ladder, side) in [(Ladder::Bids, bids), (Ladder::Asks, asks)] {
        let Some(side) = side else { continue };
        let side: Vec<LevelText<'_>> = serde_json::from_str(side.get()).ok()?;
        for level in &side {
            let (price, size) = level.numbers()?;
            read.push((ladder, price, size));
        }
    }
    Some(read)
}
