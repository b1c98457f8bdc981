//! What a stream has been told of one symbol, in ten bytes: there may be millions of these.

use market::Quote;

/// What was last told of one symbol. Ten bytes without padding, because a stream has one for each of its symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// From the lowest: of the sequence 47 bits, which a million changes a second use up in four years of one process; then
    /// a bit whether the next event is a snapshot, whatever has changed; then the low 32 bits of how often the symbol had
    /// changed, of which differences are taken. So one load of eight bytes holds what every look needs.
    bytes: [u8; 10],
}

const WHOLE: u64 = 1 << 47;

impl Sent {
    /// Nothing has been told: a snapshot is next.
    pub(crate) const NOTHING: Sent = Sent { bytes: [0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0] };

    /// The quote as it stands has been told.
    #[inline]
    pub(crate) fn of(quote: &Quote) -> Sent {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&(quote.seq & (WHOLE - 1)).to_le_bytes());
        bytes[6..].copy_from_slice(&(quote.changes as u32).to_le_bytes());
        Sent { bytes }
    }

    /// The sequence and the bit above it; what lies higher is something else.
    #[inline]
    fn low(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The sequence of what was told; 0 when nothing was.
    #[inline]
    pub(crate) fn seq(&self) -> u64 {
        self.low() & (WHOLE - 1)
    }

    /// Whether the next event is a snapshot.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.low() & WHOLE != 0
    }

    /// The next event is a snapshot.
    pub(crate) fn make_whole(&mut self) {
        self.bytes[5] |= 0x80;
    }

    /// Whether there is something to tell when the symbol has last changed with that sequence.
    #[inline]
    pub(crate) fn is_behind(&self, changed: u64) -> bool {
        let low = self.low();
        changed > low & (WHOLE - 1) || low & WHOLE != 0
    }

    /// How many changes the quote holds beyond what was told, modulo 2^32.
    #[inline]
    pub(crate) fn changes_until(&self, quote: &Quote) -> u64 {
        let [.., a, b, c, d] = self.bytes;
        u64::from((quote.changes as u32).wrapping_sub(u32::from_le_bytes([a, b, c, d])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_hold_what_matters() {
        assert_eq!((size_of::<Sent>(), align_of::<Sent>()), (10, 1));
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
