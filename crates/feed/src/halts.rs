//! What a catalogue says of trading: some instruments are listed and suspended, and their messages do not say so.
//!
//! A catalogue is read once, when the feed starts. So its word counts until the venue says something newer: **a trade is the
//! proof that trading goes on**, and ends the halt for good, on this connection and on all that follow. What began or ended
//! without a trade since is not known.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use market::{Field, Micros, Reason, Source, Status, Update};

use crate::{Batch, InstrumentId};

/// The instruments of a session that are suspended, by the venue's spelling. Written when the catalogue is read, and by a
/// connection's decoder when it sees one of them traded; read when the decoder of a new connection is made.
#[derive(Debug, Default)]
pub struct Suspended(Mutex<HashSet<Box<str>>>);

impl Suspended {
    /// Takes the word of a catalogue in place of an earlier one.
    pub fn replace(&self, names: HashSet<Box<str>>) {
        *self.names() = names;
    }

    /// What the decoder of a new connection keeps.
    pub fn watch(self: &Arc<Self>) -> Halts {
        let left = self.names().iter().map(|native| (native.clone(), false)).collect();
        Halts { all: Arc::clone(self), left }
    }

    fn names(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The suspended instruments, as one connection's decoder tells them.
#[derive(Debug, Default)]
pub struct Halts {
    all: Arc<Suspended>,
    /// Those that are halted, and whether that was told on this connection. Nearly always empty.
    left: HashMap<Box<str>, bool>,
}

impl Halts {
    /// Tells the instrument halted if it is and was not told so on this connection: to be called when the venue acknowledges its
    /// subscription, because a suspended instrument may never say anything else.
    pub fn acknowledged(&mut self, id: InstrumentId, ts_recv: Micros, batch: &mut Batch) {
        if let Some((status, reason)) = self.status(id, false, batch) {
            batch.push(id, Update::of_status(status, reason, ts_recv));
        }
    }

    /// Marks what a frame tells: the first update of a suspended instrument says that it is halted, and a trade that trading
    /// goes on. To be called at the end of each frame.
    #[inline]
    pub fn mark(&mut self, batch: &mut Batch) {
        if !self.left.is_empty() {
            self.mark_each(batch);
        }
    }

    fn mark_each(&mut self, batch: &mut Batch) {
        for at in 0..batch.updates.len() {
            let (id, update) = &batch.updates[at];
            let traded = update.source == Source::Direct && update.values().number(Field::Last).is_some();
            if let Some((status, _)) = update.status {
                if status != Status::Halted {
                    self.untold(*id, batch);
                }
                continue;
            }
            let status = self.status(*id, traded, batch);
            batch.updates[at].1.status = status;
        }
    }

    /// Another state was told of it, such as doubt: what ends that must not make it live.
    fn untold(&mut self, id: InstrumentId, batch: &Batch) {
        let told = batch.instruments.get(id).and_then(|listed| self.left.get_mut(&listed.native));
        if let Some(told) = told {
            *told = false;
        }
    }

    /// What has to be told of an instrument that speaks.
    fn status(&mut self, id: InstrumentId, traded: bool, batch: &Batch) -> Option<(Status, Reason)> {
        let native = &*batch.instruments.get(id)?.native;
        let told = self.left.get_mut(native)?;
        if traded {
            self.left.remove(native);
            self.all.names().remove(native);
            return Some((Status::Live, Reason::Confirmed));
        }
        (!std::mem::replace(told, true)).then_some((Status::Halted, Reason::Venue))
    }
}

#[cfg(test)]
mod tests {
    use market::{Decimal, Symbol};

    use super::*;
    use crate::Instruments;

    const A: InstrumentId = InstrumentId(0);
    const B: InstrumentId = InstrumentId(1);

    fn of(source: Source, field: Field) -> Update {
        let mut update = Update::new(source, Micros(1));
        update.tell(field, Some(Decimal::ONE));
        update
    }

    /// The statuses that these updates leave with.
    fn marked(halts: &mut Halts, updates: Vec<(InstrumentId, Update)>) -> Vec<Option<Status>> {
        let mut instruments = Instruments::new("X", 2);
        for native in ["a", "b"] {
            instruments.add(native, Symbol::of_venue("X", native).unwrap());
        }
        let mut batch = Batch::new(instruments);
        batch.updates = updates;
        halts.mark(&mut batch);
        batch.updates.iter().map(|(_, update)| update.status.map(|(status, _)| status)).collect()
    }

    #[test]
    fn the_first_word_of_a_suspended_instrument_says_that_it_is_halted() {
        let suspended = Arc::new(Suspended::default());
        let bid = |id| (id, of(Source::Direct, Field::Bid));
        assert_eq!(marked(&mut suspended.watch(), vec![bid(A)]), [None]);
        suspended.replace(HashSet::from(["a".into()]));
        let mut halts = suspended.watch();
        assert_eq!(marked(&mut halts, vec![bid(B), bid(A), bid(A)]), [None, Some(Status::Halted), None]);
        assert_eq!(marked(&mut halts, vec![bid(A)]), [None], "once a connection");
        assert_eq!(marked(&mut suspended.watch(), vec![bid(A)]), [Some(Status::Halted)]);
        suspended.replace(HashSet::new());
        assert_eq!(marked(&mut suspended.watch(), vec![bid(A)]), [None]);
    }

    #[test]
    fn after_a_doubt_it_is_halted_again() {
        let suspended = Arc::new(Suspended::default());
        suspended.replace(HashSet::from(["a".into()]));
        let mut halts = suspended.watch();
        let bid = || (A, of(Source::Book, Field::Bid));
        let doubt = (A, Update::of_status(Status::Suspect, Reason::Gap, Micros(1)));
        let (halted, suspect) = (Some(Status::Halted), Some(Status::Suspect));
        let told = marked(&mut halts, vec![bid(), doubt, bid(), bid()]);
        assert_eq!(told, [halted, suspect, halted, None]);
    }

    #[test]
    fn a_trade_ends_a_halt_for_good_and_an_old_one_does_not() {
        let suspended = Arc::new(Suspended::default());
        suspended.replace(HashSet::from(["a".into()]));
        let mut halts = suspended.watch();
        let last = |source| (A, of(source, Field::Last));
        assert_eq!(marked(&mut halts, vec![last(Source::History)]), [Some(Status::Halted)]);
        assert_eq!(marked(&mut halts, vec![last(Source::Ticker)]), [None]);
        assert_eq!(
            marked(&mut halts, vec![last(Source::Direct), last(Source::Direct)]),
            [Some(Status::Live), None]
        );
        assert_eq!(marked(&mut suspended.watch(), vec![last(Source::Ticker)]), [None]);
    }

    #[test]
    fn an_acknowledgement_is_enough() {
        let suspended = Arc::new(Suspended::default());
        suspended.replace(HashSet::from(["a".into()]));
        let mut instruments = Instruments::new("X", 1);
        instruments.add("a", Symbol::of_venue("X", "a").unwrap());
        let (mut halts, mut batch) = (suspended.watch(), Batch::new(instruments));
        halts.acknowledged(A, Micros(7), &mut batch);
        halts.mark(&mut batch);
        halts.acknowledged(A, Micros(8), &mut batch);
        let [(_, update)] = &batch.updates[..] else { panic!("{:?}", batch.updates) };
        assert_eq!((update.status, update.ts_recv), (Some((Status::Halted, Reason::Venue)), Micros(7)));
    }
}
