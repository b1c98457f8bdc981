//! Encoded once, shared by all of a loop: the latest events of a symbol, as bytes.
//!
//! Clients that are up to date with each other are owed the same delta. The first one to be told has it encoded, the others
//! copy the bytes, and need not read the quote. A few events are kept, one for each kind of client, because streams move
//! together. Each loop has its own: to copy a hundred bytes costs less than to ask another core for them.

use market::{FieldSet, Micros};
use wire::Style;

use crate::sent::Sent;

/// What makes two events of one symbol the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Sequence of the quote.
    pub(crate) seq: u64,
    /// Sequence of what the client was told before; [`Key::WHOLE`] when it is to be told the whole quote.
    pub(crate) from: u64,
    /// Fields the client chose.
    pub(crate) wanted: FieldSet,
    /// How it is written.
    pub(crate) style: Style,
}

impl Key {
    pub(crate) const WHOLE: u64 = u64::MAX;
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Snapshot,
    Quote,
    Status,
    /// None at all: nothing of it concerns such a client.
    Nothing,
}

/// An event without its id.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) kind: Kind,
    /// Changes merged into it; more than this can count are as many as it can.
    pub(crate) merged: u32,
    /// What a client has been told with it.
    pub(crate) sent: Sent,
    /// When its newest change was published.
    pub(crate) published: Micros,
}

/// Kinds of clients whose events of one symbol are kept at a time.
const KINDS: usize = 4;

/// The latest events of one symbol, or all that tell one change. The one that most streams want is looked at first, without
/// another step.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    first: Option<(Key, Frame)>,
    others: Vec<(Key, Frame)>,
}

// A line of the cache, and where the others are.
const _: () = assert!(size_of::<Kept>() <= 64 + size_of::<Vec<Frame>>());

impl Kept {
    #[inline]
    pub(crate) fn get(&self, key: &Key) -> Option<&Frame> {
        let all = self.first.iter().chain(&self.others);
        all.into_iter().find(|(k, _)| k == key).map(|(_, frame)| frame)
    }

    /// Keeps the event in the place of the oldest one, unless everything there is newer.
    pub(crate) fn put(&mut self, key: Key, frame: Frame) {
        let Some(first) = &mut self.first else {
            self.first = Some((key, frame));
            return;
        };
        let mut new = (key, frame);
        if first.0.seq <= key.seq {
            std::mem::swap(first, &mut new);
        }
        if self.others.len() < KINDS - 1 {
            self.others.push(new);
        } else if let Some(oldest) = self.others.iter_mut().min_by_key(|(k, _)| k.seq)
            && oldest.0.seq <= new.0.seq
        {
            *oldest = new;
        }
    }
}

/// The latest events of every symbol. Memory: 88 bytes a symbol up to the last one that was told, and the events.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    latest: Vec<Kept>,
}

impl Frames {
    /// Those of the symbol at that place of the table.
    #[inline]
    pub(crate) fn of(&mut self, symbol: usize) -> &mut Kept {
        if symbol >= self.latest.len() {
            self.latest.resize_with(symbol + 1, Kept::default);
        }
        &mut self.latest[symbol]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Frame {
        Frame { bytes: bytes.into(), kind: Kind::Quote, merged: 1, sent: Sent::NOTHING, published: Micros(0) }
    }

    #[test]
    fn only_the_same_event_is_shared() {
        let mut frames = Frames::default();
        let kept = frames.of(3);
        let key = Key { seq: 7, from: 5, wanted: FieldSet::ALL, style: Style::default() };
        kept.put(key, frame(b"x"));
        assert_eq!(&*kept.get(&key).unwrap().bytes, b"x");
        for other in [
            Key { seq: 8, ..key },
            Key { from: 6, ..key },
            Key { from: Key::WHOLE, ..key },
            Key { wanted: FieldSet::EMPTY, ..key },
            Key { style: Style { named: false, ..Style::default() }, ..key },
        ] {
            assert!(kept.get(&other).is_none());
        }
        for seq in 8..20 {
            kept.put(Key { seq, ..key }, frame(b"new"));
        }
        kept.put(key, frame(b"old"));
        assert!(kept.get(&key).is_none(), "an older event does not displace a newer one");
        assert!(kept.get(&Key { seq: 19, ..key }).is_some());
        let left = (0..30).filter(|&seq| kept.get(&Key { seq, ..key }).is_some()).count();
        assert_eq!(left, KINDS, "no more are kept");
        assert!(frames.of(9).get(&key).is_none());
    }
}
