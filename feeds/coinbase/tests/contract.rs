//! What every decoder promises (`testkit::contract`), and that no broken form of a recorded message makes it panic.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::path::Path;

use feed::{Batch, Decoder, Frame, Instruments, Session};
use feed_coinbase::{Coinbase, CoinbaseDecoder, Settings};
use market::{FieldSet, Micros};
use proptest::prelude::*;
use testkit::contract::check_decoder;
use testkit::recording;
use testkit::script::Payload;

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn recorded() -> recording::Session {
    recording::Session::read(&fixtures().join("20210417-first-half.cap.gz"))
}

#[test]
fn the_contract_holds() {
    let session = Coinbase::new(Settings::default());
    let make = || (session.decoder(), Instruments::new(session.venue(), 100));
    let run = check_decoder(&make, &recorded().frames, FieldSet::EMPTY);
    assert!(run.updates.len() > 100, "{}", run.updates.len());
}

fn samples() -> Vec<String> {
    let single = std::fs::read_to_string(fixtures().join("single-cryptomsgparser.tsv")).unwrap();
    let mut samples: Vec<String> =
        single.lines().map(|line| line.split_once('\t').unwrap().1.to_owned()).collect();
    // The first messages hold every kind but the update, the rest are updates mostly.
    samples.extend(recorded().frames.into_iter().enumerate().filter_map(|(n, frame)| match frame.payload {
        Payload::Text(text) if (n < 45 && text.len() < 30_000) || n % 97 == 0 => Some(text),
        _ => None,
    }));
    samples
}

proptest! {
    // Failing cases print themselves; none is kept in a file.
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_and_flipped_messages_never_panic(
        some in prop::collection::vec((
            prop::sample::select(samples()),
            any::<prop::sample::Index>(),
            prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..4),
            any::<bool>(),
        ), 1..4),
    ) {
        let mut decoder = CoinbaseDecoder::new();
        let mut batch = Batch::new(Instruments::new("COINBASE", 100));
        for (sample, cut, flips, whole) in some {
            let mut bytes = sample.into_bytes();
            for (at, bit) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            if !whole {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            batch.clear();
            let _ = decoder.decode(Frame::Binary(&bytes), Micros(1), &mut batch);
            let _ = decoder.decode(Frame::Text(&String::from_utf8_lossy(&bytes)), Micros(1), &mut batch);
        }
    }
}
