//! What all targets share: an input as a session of frames, and what must hold after each of them.
//!
//! An input is a list of pieces: one byte for the kind (`0` text, `1` binary, `2` an HTTP answer as `URL TAB body`), two for
//! the length (little endian), then so many bytes, or what is left.

use feed::{Batch, Frame, Instruments, Session};
use market::Micros;

/// Most names that a decoder may bring in.
const INSTRUMENTS_MAX: usize = 1_000;
/// Most updates that one frame may lead to. The longest recorded snapshots lead to a few.
const UPDATES_MAX: usize = 100_000;

/// A target: the session whose decoder is fuzzed.
#[macro_export]
macro_rules! target {
    ($session:expr) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run(&*$session(&feed::Overrides::default()), bytes));
    };
}

/// Plays an input through a fresh decoder.
///
/// # Panics
/// When a promise of a decoder is broken.
pub fn run(session: &dyn Session, bytes: &[u8]) {
    let mut decoder = session.decoder();
    let mut batch = Batch::new(Instruments::new(session.venue(), INSTRUMENTS_MAX));
    for (number, (kind, piece)) in pieces(bytes).enumerate() {
        let ts_recv = Micros(1 + number as i64);
        batch.clear();
        let text = std::str::from_utf8(piece);
        match (kind % 3, text) {
            (0, Ok(text)) => drop(decoder.decode(Frame::Text(text), ts_recv, &mut batch)),
            (2, Ok(text)) => {
                let (url, body) = text.split_once('\t').unwrap_or(("-", text));
                decoder.rest(url, body, ts_recv, &mut batch);
            }
            _ => drop(decoder.decode(Frame::Binary(piece), ts_recv, &mut batch)),
        }
        assert!(batch.updates.len() <= UPDATES_MAX, "{} updates of one frame", batch.updates.len());
        assert!(batch.instruments.len() <= INSTRUMENTS_MAX);
        for (instrument, update) in &batch.updates {
            assert!(batch.instruments.get(*instrument).is_some(), "an update of no instrument");
            assert_eq!(update.ts_recv, ts_recv, "a receive time of its own");
        }
    }
}

/// The pieces of an input.
pub fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [kind, low, high, rest @ ..] = bytes else { return None };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (piece, left) = rest.split_at(length);
        bytes = left;
        Some((*kind, piece))
    })
}

/// Adds a piece to an input; one that is too long is left out.
pub fn add(input: &mut Vec<u8>, kind: u8, piece: &[u8]) {
    let Ok(length) = u16::try_from(piece.len()) else { return };
    input.push(kind);
    input.extend(length.to_le_bytes());
    input.extend(piece);
}
