//! How a client comes back that had stopped reading: what it is given, and when its view is current again.
//!
//! What lies in the kernel's buffers when it reads again has left the server and can be merged no more. It is told apart
//! from what the server writes afterwards by counting bytes: as many as both ends' sockets hold, by the kernel's account.

use crate::clock::SECOND;

/// A price is dead when another had been due this much before it was read.
const DEAD: u64 = SECOND;

/// When every number of every symbol was due, as far as any client has been told.
#[derive(Debug, Default)]
pub(crate) struct Dues(Vec<Vec<u64>>);

impl Dues {
    /// A client was told this number.
    pub(crate) fn told(&mut self, symbol: u32, counter: u32, due: u64) {
        let symbol = symbol as usize;
        if symbol >= self.0.len() {
            self.0.resize_with(symbol + 1, Vec::new);
        }
        let dues = &mut self.0[symbol];
        if counter as usize >= dues.len() {
            // 0 for what nobody has been told yet.
            dues.resize(counter as usize + 1, 0);
        }
        dues[counter as usize] = due;
    }

    /// The newest number of a symbol.
    pub(crate) fn newest(&self, symbol: u32) -> u32 {
        self.0.get(symbol as usize).map_or(0, |dues| dues.len().saturating_sub(1) as u32)
    }

    /// Whether another number should have taken the place of this one long ago.
    fn is_dead(&self, symbol: u32, counter: u32, now: u64) -> bool {
        let later = self.0.get(symbol as usize).and_then(|dues| dues.get(counter as usize + 1..));
        // Those between may have been told to nobody; the first that was is the oldest.
        let next = later.and_then(|later| later.iter().find(|due| **due > 0));
        next.is_some_and(|due| due + DEAD < now)
    }
}

/// Quotes of one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) quotes: u64,
    /// Those that had been replaced a second before.
    pub(crate) dead: u64,
    /// Age of the first one, in microseconds.
    pub(crate) first_age: Option<u64>,
}

impl Given {
    fn add(&mut self, age: u64, dead: bool) {
        self.quotes += 1;
        self.dead += u64::from(dead);
        self.first_age.get_or_insert(age);
    }
}

/// Bytes in the kernel's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parked {
    /// At the client's end, where only the client bounds them.
    pub(crate) client: u64,
    /// At the server's end.
    pub(crate) server: u64,
}

/// How one client came back, until its view was current.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resumed {
    /// When it read again, in microseconds since 1970.
    pub(crate) at: u64,
    /// What lay in the kernel for it then.
    pub(crate) held: Parked,
    /// Out of the kernel's buffers.
    pub(crate) parked: Given,
    /// Written by the server after that.
    pub(crate) written: Given,
    /// When it had of each symbol what was newest as it came back, or something newer.
    pub(crate) current_at: Option<u64>,
    /// Age of the newest quote that it had then.
    pub(crate) newest_age: u64,
}

/// A client on its way back.
#[derive(Debug)]
pub(crate) struct Return {
    pub(crate) resumed: Resumed,
    /// Its symbols that are not current, with the number from which on they are.
    behind: Vec<(u32, u32)>,
    /// Bytes to read that were in the kernel.
    parked_left: u64,
    /// The next quote began in those.
    straddles: bool,
    newest_due: u64,
}

impl Return {
    /// It begins to read. `symbols` with the last number of each that it has read.
    pub(crate) fn begin(
        at: u64,
        held: Parked,
        symbols: impl Iterator<Item = (u32, u32)>,
        dues: &Dues,
    ) -> Return {
        let behind = symbols.map(|(symbol, last)| (symbol, last, dues.newest(symbol)));
        let behind: Vec<(u32, u32)> = behind
            .filter(|(_, last, newest)| last < newest)
            .map(|(symbol, _, newest)| (symbol, newest))
            .collect();
        let current_at = behind.is_empty().then_some(at);
        Return {
            resumed: Resumed { at, held, current_at, ..Resumed::default() },
            behind,
            parked_left: held.client + held.server,
            straddles: false,
            newest_due: 0,
        }
    }

    /// The most bytes that may be read now, so that one read gives bytes of one origin.
    pub(crate) fn read_max(&self, most: usize) -> usize {
        match self.parked_left {
            0 => most,
            left => most.min(left as usize),
        }
    }

    /// Bytes of one read have been looked at; `unfinished` when an event began in them and did not end.
    pub(crate) fn has_read(&mut self, count: usize, unfinished: bool) {
        if self.parked_left > 0 {
            self.parked_left = self.parked_left.saturating_sub(count as u64);
            self.straddles = self.parked_left == 0 && unfinished;
        }
    }

    /// A quote of the read that is being looked at.
    pub(crate) fn quote(&mut self, symbol: u32, counter: u32, due: u64, now: u64, dues: &Dues) {
        if self.resumed.current_at.is_some() {
            return;
        }
        let is_parked = self.parked_left > 0 || std::mem::take(&mut self.straddles);
        let given = if is_parked { &mut self.resumed.parked } else { &mut self.resumed.written };
        given.add(now.saturating_sub(due), dues.is_dead(symbol, counter, now));
        self.newest_due = self.newest_due.max(due);
        self.behind.retain(|(behind, from)| *behind != symbol || counter < *from);
        if self.behind.is_empty() {
            self.resumed.current_at = Some(now);
            self.resumed.newest_age = now.saturating_sub(self.newest_due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues() -> Dues {
        let mut dues = Dues::default();
        // Number n of symbol 0 was due at second n, but for 3, which nobody was told. Symbol 2 has had one.
        [1, 2, 4, 5].into_iter().for_each(|n| dues.told(0, n, u64::from(n) * SECOND));
        dues.told(2, 1, SECOND);
        dues
    }

    #[test]
    fn a_price_is_dead_a_second_after_the_next_was_due() {
        let dues = dues();
        assert!(!dues.is_dead(0, 1, 3 * SECOND) && dues.is_dead(0, 1, 3 * SECOND + 1));
        assert!(!dues.is_dead(0, 2, 5 * SECOND) && dues.is_dead(0, 2, 5 * SECOND + 1));
        // However old: nothing has taken its place.
        assert!(
            !dues.is_dead(0, 5, u64::MAX) && !dues.is_dead(2, 1, u64::MAX) && !dues.is_dead(7, 1, u64::MAX)
        );
        assert_eq!((dues.newest(0), dues.newest(1), dues.newest(2), dues.newest(9)), (5, 0, 1, 0));
    }

    #[test]
    fn what_was_in_the_kernel_is_told_apart_and_all_symbols_have_to_be_current() {
        let (dues, now) = (dues(), 20 * SECOND);
        let mut back = Return::begin(
            now,
            Parked { client: 60, server: 40 },
            [(0, 1), (2, 0), (3, 0)].into_iter(),
            &dues,
        );
        assert_eq!((back.read_max(64), back.read_max(500)), (64, 100));
        back.quote(0, 1, SECOND, now + 1, &dues);
        back.has_read(64, true);
        assert_eq!(back.read_max(64), 36);
        back.quote(0, 2, 2 * SECOND, now + 2, &dues);
        back.has_read(36, true);
        assert_eq!(back.read_max(64), 64);
        // Its beginning was in the kernel.
        back.quote(0, 4, 4 * SECOND, now + 3, &dues);
        assert_eq!(back.resumed.parked, Given { quotes: 3, dead: 3, first_age: Some(19 * SECOND + 1) });
        back.quote(0, 6, 19 * SECOND, now + 4, &dues);
        back.has_read(30, false);
        assert_eq!(back.resumed.current_at, None);
        back.quote(2, 1, SECOND, now + 9, &dues);
        let resumed = back.resumed;
        assert_eq!(resumed.written, Given { quotes: 2, dead: 0, first_age: Some(SECOND + 4) });
        assert_eq!((resumed.current_at, resumed.newest_age), (Some(now + 9), SECOND + 9));
        // What comes later is no part of coming back.
        back.quote(0, 1, SECOND, now + 10, &dues);
        assert_eq!(back.resumed.written.quotes, 2);
    }

    #[test]
    fn who_has_missed_nothing_is_current_at_once() {
        let back = Return::begin(7, Parked::default(), [(0, 5), (1, 0)].into_iter(), &dues());
        assert_eq!(back.resumed.current_at, Some(7));
    }
}
