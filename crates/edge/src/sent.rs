//! What a stream has been told of one symbol, in ten bytes: there may be millions of these.

use market::Quote;

/// What was last told of one symbol. Ten bytes without padding, because a stream has one for each of its symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Of the sequence 47 bits, which a million changes a second use up in four years of one process, and in the highest
    /// bit whether the next event is a snapshot, whatever has changed.
    seq: [u16; 3],
    /// The low 32 bits of how often the symbol had changed; differences are taken between these.
    changes: [u16; 2],
}

const WHOLE: u16 = 1 << 15;

impl Sent {
    /// Nothing has been told: a snapshot is next.
    pub(crate) const NOTHING: Sent = Sent { seq: [0, 0, WHOLE], changes: [0, 0] };

    /// The quote as it stands has been told.
    #[inline]
    pub(crate) fn of(quote: &Quote) -> Sent {
        let (seq, changes) = (quote.seq, quote.changes);
        Sent {
            seq: [seq as u16, (seq >> 16) as u16, (seq >> 32) as u16 & !WHOLE],
            changes: [changes as u16, (changes >> 16) as u16],
        }
    }

    /// The sequence of what was told; 0 when nothing was.
    #[inline]
    pub(crate) fn seq(&self) -> u64 {
        let [low, middle, high] = self.seq;
        u64::from(low) | u64::from(middle) << 16 | u64::from(high & !WHOLE) << 32
    }

    /// Whether the next event is a snapshot.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.seq[2] & WHOLE != 0
    }

    /// The next event is a snapshot.
    pub(crate) fn make_whole(&mut self) {
        self.seq[2] |= WHOLE;
    }

    /// Whether there is something to tell when the symbol has last changed with that sequence.
    #[inline]
    pub(crate) fn is_behind(&self, changed: u64) -> bool {
        changed > self.seq() || self.is_whole()
    }

    /// How many changes the quote holds beyond what was told, modulo 2^32.
    #[inline]
    pub(crate) fn changes_until(&self, quote: &Quote) -> u64 {
        let told = u32::from(self.changes[0]) | u32::from(self.changes[1]) << 16;
        u64::from((quote.changes as u32).wrapping_sub(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_hold_what_matters() {
        assert_eq!((size_of::<Sent>(), align_of::<Sent>()), (10, 2));
        for (seq, changes) in [(1, 1), (0x7fff_ffff_ffff, 0xffff_fffe), (0x1234_5678_9abc, 77)] {
            let quote = Quote { seq, changes, ..Quote::default() };
            let mut sent = Sent::of(&quote);
            assert_eq!((sent.seq(), sent.is_whole()), (seq, false));
            let later = Quote { changes: changes + 5, ..quote };
            assert_eq!(sent.changes_until(&later), 5);
            assert!(sent.is_behind(seq + 1) && !sent.is_behind(seq));
            sent.make_whole();
            assert_eq!((sent.seq(), sent.is_whole(), sent.is_behind(seq)), (seq, true, true));
        }
        assert!(Sent::NOTHING.is_whole() && Sent::NOTHING.seq() == 0);
    }
}
