//! Encoded once, shared by all: the latest quote event of each symbol, as bytes.
//!
//! Clients that are up to date with each other are owed the same delta. The first one to be polled encodes it, the
//! others copy the bytes. One entry a symbol is enough, because streams move together: the hub wakes them in one look.

use bytes::Bytes;
use market::FieldSet;
use parking_lot::Mutex;

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
    /// Whether the event is named.
    pub(crate) named: bool,
}

/// The latest event of one symbol. Locked for a look or a copy of a reference; never while encoding.
type Entry = Mutex<Option<(Key, Bytes)>>;

/// One entry a symbol.
#[derive(Debug)]
pub(crate) struct Frames {
    /// By symbol index.
    latest: Box<[Entry]>,
}

impl Frames {
    pub(crate) fn new(symbols: usize) -> Frames {
        Frames { latest: (0..symbols).map(|_| Mutex::new(None)).collect() }
    }

    pub(crate) fn get(&self, symbol: usize, key: &Key) -> Option<Bytes> {
        let entry = self.latest.get(symbol)?.lock();
        entry.as_ref().filter(|(k, _)| k == key).map(|(_, bytes)| bytes.clone())
    }

    /// Keeps the bytes, unless something newer is there already.
    pub(crate) fn put(&self, symbol: usize, key: Key, bytes: Bytes) {
        if let Some(entry) = self.latest.get(symbol) {
            let mut entry = entry.lock();
            if entry.as_ref().is_none_or(|(k, _)| k.seq <= key.seq) {
                *entry = Some((key, bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_event_is_shared() {
        let frames = Frames::new(1);
        let key = Key { seq: 7, changed: FieldSet::ALL, wanted: FieldSet::ALL, merged: 1, named: true };
        frames.put(0, key, Bytes::from_static(b"x"));
        assert_eq!(frames.get(0, &key), Some(Bytes::from_static(b"x")));
        for other in [
            Key { seq: 8, ..key },
            Key { changed: FieldSet::EMPTY, ..key },
            Key { wanted: FieldSet::EMPTY, ..key },
            Key { merged: 2, ..key },
            Key { named: false, ..key },
        ] {
            assert_eq!(frames.get(0, &other), None);
        }
        frames.put(0, Key { seq: 6, ..key }, Bytes::from_static(b"old"));
        assert_eq!(
            frames.get(0, &key),
            Some(Bytes::from_static(b"x")),
            "an older event does not displace a newer one"
        );
        assert_eq!(frames.get(9, &key), None);
    }
}
