//! What is known of each instrument's state on one connection, beside its values: heard of, in doubt, held, fallen silent.
//!
//! A decoder says `Suspect` when it lost track, and marks what it tells afresh as a snapshot. Which snapshot makes good
//! which loss is decided here, once for all adapters: **a doubt that a rebuilt book has raised ends by a book or by
//! something better, and not by a ticker's snapshot**, because a ticker says nothing about the book that is still being
//! resynchronised. Any other doubt ends by any snapshot but one of history. A snapshot that the sink refuses ends none.

use market::{Source, Status, Update};

use crate::InstrumentId;

/// Why an instrument cannot be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It can.
    #[default]
    None,
    /// A rebuilt book lost track.
    Book,
    /// The decoder said so without naming a book.
    Other,
}

/// One instrument.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    doubt: Doubt,
    /// Halted, closed or delisted: it need not speak.
    held: bool,
    /// Its silence was told, and nothing came since.
    silent: bool,
    /// The venue told something of it on this connection.
    told: bool,
}

/// All instruments of one connection, by [`InstrumentId::place`].
#[derive(Debug, Default)]
pub(super) struct Standings {
    of: Vec<Standing>,
    /// How many are in doubt, and how many fell silent: nearly always none, and then nobody looks for them.
    doubted: usize,
    silent: usize,
}

impl Standings {
    /// A new connection: what was in doubt or silent is told afresh, or not at all. A halt outlives a connection.
    pub(super) fn renew(&mut self) {
        for standing in &mut self.of {
            *standing = Standing { held: standing.held, ..Standing::default() };
        }
        (self.doubted, self.silent) = (0, 0);
    }

    /// Takes note of an update, and takes the snapshot mark from one that does not make good what was lost. Returns in what doubt
    /// the instrument was before.
    #[inline]
    pub(super) fn told(&mut self, instrument: InstrumentId, update: &mut Update) -> Doubt {
        let at = instrument.place();
        if self.of.len() <= at {
            self.of.resize(at + 1, Standing::default());
        }
        self.of[at].told = true;
        let before = self.of[at].doubt;
        if update.snapshot || update.status.is_some() {
            self.turn(at, update);
        }
        before
    }

    /// The snapshot that would have made good what was lost is not to be believed: the doubt stands as it was before.
    pub(super) fn doubt_again(&mut self, instrument: InstrumentId, before: Doubt) {
        let Some(standing) = self.of.get_mut(instrument.place()) else { return };
        if standing.doubt == Doubt::None && before != Doubt::None {
            standing.doubt = before;
            self.doubted += 1;
        }
    }

    fn turn(&mut self, at: usize, update: &mut Update) {
        let standing = &mut self.of[at];
        let before = standing.doubt;
        match update.status {
            Some((Status::Suspect, _)) => {
                standing.held = false;
                let by_book = update.source == Source::Book || before == Doubt::Book;
                standing.doubt = if by_book { Doubt::Book } else { Doubt::Other };
            }
            Some((status, _)) => {
                standing.held = matches!(status, Status::Halted | Status::Closed | Status::Delisted);
            }
            None => {}
        }
        if update.snapshot {
            update.snapshot = match standing.doubt {
                Doubt::None => true,
                Doubt::Book => update.source >= Source::Book,
                Doubt::Other => update.source > Source::History,
            };
            if update.snapshot {
                standing.doubt = Doubt::None;
            }
        }
        let after = standing.doubt;
        self.doubted += usize::from(after != Doubt::None);
        self.doubted -= usize::from(before != Doubt::None);
    }

    fn get(&self, instrument: InstrumentId) -> Standing {
        self.of.get(instrument.place()).copied().unwrap_or_default()
    }

    /// Whether the venue told something of it on this connection.
    pub(super) fn is_told(&self, instrument: InstrumentId) -> bool {
        self.get(instrument).told
    }

    /// Whether it cannot be trusted, and is shown as such.
    pub(super) fn is_doubted(&self, instrument: InstrumentId) -> bool {
        let standing = self.get(instrument);
        standing.doubt != Doubt::None && !standing.held
    }

    /// Whether it need not speak.
    pub(super) fn is_held(&self, instrument: InstrumentId) -> bool {
        self.get(instrument).held
    }

    /// How many are in doubt.
    pub(super) const fn doubted(&self) -> usize {
        self.doubted
    }

    /// Makes it silent; false for one that need not speak, that is in doubt already, or that the venue never told of.
    pub(super) fn silence(&mut self, instrument: InstrumentId) -> bool {
        let Some(standing) = self.of.get_mut(instrument.place()) else { return false };
        let speaks = standing.told && !standing.held && !standing.silent && standing.doubt == Doubt::None;
        standing.silent |= speaks;
        self.silent += usize::from(speaks);
        speaks
    }

    /// It was heard of. Whether it had fallen silent until now.
    #[inline]
    pub(super) fn wake(&mut self, instrument: InstrumentId) -> bool {
        if self.silent == 0 {
            return false;
        }
        let Some(standing) = self.of.get_mut(instrument.place()) else { return false };
        let was = std::mem::replace(&mut standing.silent, false);
        self.silent -= usize::from(was);
        was
    }
}

#[cfg(test)]
mod tests {
    use market::{Decimal, Field, Micros, Reason};

    use super::*;

    const ID: InstrumentId = InstrumentId(3);

    fn told(standings: &mut Standings, source: Source, snapshot: bool) -> bool {
        let mut update = Update::new(source, Micros(1));
        update.tell(Field::Bid, Some(Decimal::ONE));
        update.snapshot = snapshot;
        standings.told(ID, &mut update);
        update.snapshot
    }

    fn status(standings: &mut Standings, source: Source, status: Status) {
        let mut update = Update::of_status(status, Reason::Gap, Micros(1));
        update.source = source;
        standings.told(ID, &mut update);
    }

    #[test]
    fn a_book_in_doubt_is_made_good_by_a_book_or_better_and_not_by_a_ticker() {
        for (source, good) in
            [(Source::History, false), (Source::Ticker, false), (Source::Book, true), (Source::Direct, true)]
        {
            let mut standings = Standings::default();
            assert!(told(&mut standings, source, true), "nothing is in doubt");
            status(&mut standings, Source::Book, Status::Suspect);
            // Doubted once more by somebody who names no book: the first doubt stands.
            status(&mut standings, Source::Direct, Status::Suspect);
            assert!(!told(&mut standings, source, false) && standings.is_doubted(ID));
            assert_eq!(standings.doubted(), 1);
            assert_eq!(told(&mut standings, source, true), good, "{source:?}");
            assert_eq!((standings.is_doubted(ID), standings.doubted()), (!good, usize::from(!good)));
        }
    }

    #[test]
    fn any_other_doubt_ends_by_any_snapshot_that_tells_of_now_and_is_taken() {
        let mut standings = Standings::default();
        status(&mut standings, Source::Direct, Status::Suspect);
        assert!(!told(&mut standings, Source::History, true) && standings.is_doubted(ID));
        told(&mut standings, Source::Ticker, true);
        standings.doubt_again(ID, Doubt::Other);
        assert_eq!((standings.is_doubted(ID), standings.doubted()), (true, 1));
        assert!(told(&mut standings, Source::Ticker, true) && !standings.is_doubted(ID));
    }

    #[test]
    fn a_new_connection_leaves_halts_and_nothing_else() {
        let mut standings = Standings::default();
        status(&mut standings, Source::Book, Status::Suspect);
        status(&mut standings, Source::Direct, Status::Halted);
        assert!(standings.is_held(ID) && !standings.is_doubted(ID), "a halt is what is shown");
        standings.renew();
        assert!(standings.is_held(ID) && !standings.is_told(ID));
        assert_eq!(standings.doubted(), 0);
        status(&mut standings, Source::Direct, Status::Live);
        assert!(!standings.is_held(ID));
    }

    #[test]
    fn only_what_spoke_and_should_speak_falls_silent() {
        let mut standings = Standings::default();
        assert!(!standings.silence(ID), "it never spoke");
        told(&mut standings, Source::Direct, false);
        assert!(standings.silence(ID) && !standings.silence(ID), "once");
        assert!(standings.wake(ID) && !standings.wake(ID));
        status(&mut standings, Source::Direct, Status::Halted);
        assert!(!standings.silence(ID), "it is halted");
        status(&mut standings, Source::Direct, Status::Suspect);
        assert!(!standings.silence(ID), "it is in doubt");
    }
}
