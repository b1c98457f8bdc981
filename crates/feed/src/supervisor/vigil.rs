//! Watches over the symbols of one connection: which was not heard of for too long, and which is in doubt for too long.
//!
//! There is no timer a symbol. One moment stands for all of them: it lies at or before the first one that is due, since
//! hearing of a symbol only moves its own moment on. When it comes, one sweep looks at every symbol and finds the next one.
//! Sweeps are at least [`BETWEEN_SWEEPS`] apart, so their cost is bounded whatever the moments are, and what is due is told
//! that much late at most.

use std::time::Duration;

use market::Micros;
use tokio::time::Instant;

use crate::{FrameTap, InstrumentId};

/// Least time between two sweeps. A fifth of the quarter of a second within which silence is to be told.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(50);

/// A time without an end, about as tokio's own timer has it.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// The watch over one connection. Made anew with each.
#[derive(Debug)]
pub(super) struct Vigil {
    /// Longest time without hearing of a symbol, if there is a limit.
    silence: Option<Duration>,
    /// Longest time in doubt.
    doubt: Duration,
    /// By [`InstrumentId::place`].
    watched: Vec<Watched>,
    doubts: usize,
    next: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    /// When it was heard of last, by both clocks; `None` before, and after its silence was noticed.
    heard: Option<(Instant, Micros)>,
    /// Since when it is in doubt.
    doubted: Option<Instant>,
}

/// What a sweep has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Not heard of for too long, and when they were heard of last. Each is found once, until it is heard of again.
    pub(super) silent: Vec<(InstrumentId, Micros)>,
    /// In doubt for too long: one of them.
    pub(super) doubted: Option<InstrumentId>,
}

impl Vigil {
    pub(super) fn new(silence: Option<Duration>, doubt: Duration) -> Vigil {
        // Whoever says "never" with the longest duration there is must not overflow a moment.
        let silence = silence.map(|silence| silence.min(FAR));
        Vigil { silence, doubt: doubt.min(FAR), watched: Vec::new(), doubts: 0, next: None }
    }

    /// Takes note of what the tap's last frame, which arrived at `ts_recv`, spoke of.
    pub(super) fn heard(&mut self, tap: &FrameTap, ts_recv: Micros) {
        if self.silence.is_none() && self.doubts == 0 && tap.doubted() == 0 {
            return;
        }
        let now = Instant::now();
        for &instrument in tap.heard() {
            self.note(instrument, tap.is_doubted(instrument), now, ts_recv);
        }
    }

    fn note(&mut self, instrument: InstrumentId, doubted: bool, now: Instant, ts_recv: Micros) {
        let at = instrument.place();
        if self.watched.len() <= at {
            self.watched.resize(at + 1, Watched::default());
        }
        let watched = &mut self.watched[at];
        if let Some(limit) = self.silence {
            watched.heard = Some((now, ts_recv));
            self.next = earlier(self.next, now + limit);
        }
        if doubted != watched.doubted.is_some() {
            watched.doubted = doubted.then_some(now);
            self.doubts = if doubted { self.doubts + 1 } else { self.doubts - 1 };
            if doubted {
                self.next = earlier(self.next, now + self.doubt);
            }
        }
    }

    /// When to sweep.
    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Looks at all symbols, if it is time to.
    pub(super) fn sweep(&mut self, now: Instant) -> Found {
        let mut found = Found::default();
        if self.next.is_none_or(|next| now < next) {
            return found;
        }
        self.next = None;
        for (at, watched) in self.watched.iter_mut().enumerate() {
            let instrument = InstrumentId(at as u32);
            if let (Some(limit), Some((heard, ts_recv))) = (self.silence, watched.heard) {
                if now >= heard + limit {
                    watched.heard = None;
                    found.silent.push((instrument, ts_recv));
                } else {
                    self.next = earlier(self.next, heard + limit);
                }
            }
            if let Some(since) = watched.doubted {
                if now >= since + self.doubt {
                    found.doubted = Some(instrument);
                } else {
                    self.next = earlier(self.next, since + self.doubt);
                }
            }
        }
        self.next = self.next.map(|next| next.max(now + BETWEEN_SWEEPS));
        found
    }
}

fn earlier(one: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(one.map_or(other, |one| one.min(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InstrumentId = InstrumentId(0);
    const B: InstrumentId = InstrumentId(1);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_symbol_is_silent_alone_and_once_until_it_is_heard_of_again() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Some(ms(1_000)), ms(9_000));
        assert_eq!(vigil.next(), None, "nothing to watch over");
        vigil.note(A, false, start, Micros(1));
        vigil.note(B, false, start + ms(600), Micros(2));
        vigil.note(A, false, start + ms(100), Micros(3));
        assert_eq!(vigil.next(), Some(start + ms(1_000)), "the first one that could be due");
        assert_eq!(vigil.sweep(start + ms(999)), Found::default());
        assert_eq!(vigil.sweep(start + ms(1_000)), Found::default(), "it was heard of again");
        assert_eq!(vigil.next(), Some(start + ms(1_100)));
        assert_eq!(vigil.sweep(start + ms(1_100)).silent, [(A, Micros(3))]);
        assert_eq!(vigil.sweep(start + ms(1_600)).silent, [(B, Micros(2))]);
        assert_eq!(vigil.next(), None);
        vigil.note(B, false, start + ms(5_000), Micros(4));
        assert_eq!(vigil.sweep(start + ms(6_000)).silent, [(B, Micros(4))]);
    }

    #[test]
    fn sweeps_are_apart_and_nothing_is_late_by_more_than_that() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Some(ms(1_000)), ms(9_000));
        for millis in 0..200 {
            vigil.note(InstrumentId(millis), false, start + ms(u64::from(millis)), Micros(0));
        }
        let (mut sweeps, mut told) = (0, 0);
        while let Some(next) = vigil.next() {
            sweeps += 1;
            for (instrument, _) in vigil.sweep(next).silent {
                let due = start + ms(1_000 + u64::from(instrument.0));
                assert!((due..=due + BETWEEN_SWEEPS).contains(&next), "{instrument:?}");
                told += 1;
            }
        }
        assert_eq!((sweeps, told), (5, 200));
    }

    #[test]
    fn doubts_are_watched_without_a_limit_of_silence_and_end_when_made_good() {
        let start = Instant::now();
        let mut vigil = Vigil::new(None, ms(1_000));
        vigil.note(A, true, start, Micros(0));
        vigil.note(B, true, start + ms(10), Micros(0));
        vigil.note(A, true, start + ms(500), Micros(0));
        vigil.note(B, false, start + ms(500), Micros(0));
        assert_eq!(vigil.sweep(start + ms(999)).doubted, None);
        assert_eq!(vigil.sweep(start + ms(1_000)).doubted, Some(A), "since it began");
        assert_eq!(vigil.doubts, 1);
    }
}
