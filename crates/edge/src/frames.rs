//! Encoded once, shared by all: the latest quote event of each symbol, as bytes.
//!
//! Clients that are up to date with each other are owed the same delta. The first one to be polled encodes it, the
//! others copy the bytes. A few events a symbol are enough, one for each kind of client, because streams move together:
//! the hub wakes them in one look.

use bytes::Bytes;
use market::FieldSet;
use parking_lot::Mutex;
use wire::Style;

/// What makes two quote events of one symbol the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Sequence of the quote.
    pub(crate) seq: u64,
    /// Fields that changed since the client's last event; all of them for a snapshot.
    pub(crate) changed: FieldSet,
    /// Fields the client chose.
    pub(crate) wanted: FieldSet,
    /// Changes merged into the event; 0 marks a snapshot.
    pub(crate) merged: u64,
    /// How it is written.
    pub(crate) style: Style,
}

/// Kinds of clients (fields chosen, style) whose events of one symbol are kept at a time.
const KINDS: usize = 4;

/// The latest events of one symbol. Locked for a look or a copy of a reference; never while encoding.
type Entry = Mutex<Vec<(Key, Bytes)>>;

/// One entry a symbol.
#[derive(Debug)]
pub(crate) struct Frames {
    /// By symbol index.
    latest: Box<[Entry]>,
}

impl Frames {
    pub(crate) fn new(symbols: usize) -> Frames {
        Frames { latest: (0..symbols).map(|_| Mutex::new(Vec::new())).collect() }
    }

    pub(crate) fn get(&self, symbol: usize, key: &Key) -> Option<Bytes> {
        let entry = self.latest.get(symbol)?.lock();
        entry.iter().find(|(k, _)| k == key).map(|(_, bytes)| bytes.clone())
    }

    /// Keeps the bytes in the place of the oldest ones, unless everything there is newer.
    pub(crate) fn put(&self, symbol: usize, key: Key, bytes: Bytes) {
        let Some(entry) = self.latest.get(symbol) else { return };
        let mut entry = entry.lock();
        if entry.len() < KINDS {
            entry.push((key, bytes));
        } else if let Some(oldest) = entry.iter_mut().min_by_key(|(k, _)| k.seq)
            && oldest.0.seq <= key.seq
        {
            *oldest = (key, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_event_is_shared() {
        let frames = Frames::new(1);
        let key =
            Key { seq: 7, changed: FieldSet::ALL, wanted: FieldSet::ALL, merged: 1, style: Style::default() };
        frames.put(0, key, Bytes::from_static(b"x"));
        assert_eq!(frames.get(0, &key), Some(Bytes::from_static(b"x")));
        for other in [
            Key { seq: 8, ..key },
            Key { changed: FieldSet::EMPTY, ..key },
            Key { wanted: FieldSet::EMPTY, ..key },
            Key { merged: 2, ..key },
            Key { style: Style { named: false, ..Style::default() }, ..key },
        ] {
            assert_eq!(frames.get(0, &other), None);
        }
        for seq in 8..20 {
            frames.put(0, Key { seq, ..key }, Bytes::from_static(b"new"));
        }
        frames.put(0, key, Bytes::from_static(b"old"));
        assert_eq!(frames.get(0, &key), None, "an older event does not displace a newer one");
        assert!(frames.get(0, &Key { seq: 19, ..key }).is_some());
        let kept = (0..30).filter(|&seq| frames.get(0, &Key { seq, ..key }).is_some()).count();
        assert_eq!(kept, KINDS, "no more are kept");
        assert_eq!(frames.get(9, &key), None);
    }
}
