//! Cut and bit-flipped forms of recorded frames, chosen at random: none makes a decoder panic, and after each of them it
//! takes a good frame. A failure prints its seed.

use std::path::PathBuf;
use std::sync::LazyLock;

use feed::{Batch, Decoder, Frame, Instruments};
use feed_kraken::{DEPTH, V1, V2};
use market::Micros;
use proptest::prelude::*;
use testkit::recording::Session;
use testkit::script::Payload;

fn texts(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let frames = Session::read(&path).frames.into_iter();
    frames
        .filter_map(|frame| match frame.payload {
            Payload::Text(text) => Some(text),
            Payload::Binary(_) | Payload::Ping(_) => None,
        })
        .collect()
}

static V1_FRAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = ["book", "ticker", "trade"].map(|name| format!("kraken/20210417-{name}.cap.gz"));
    // Snapshots of a thousand levels would make the flips miss everything else.
    names.iter().flat_map(|name| texts(name)).filter(|text| text.len() < 4_000).collect()
});
static V2_FRAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| texts("kraken_v2/book10-btcusd-first-half.cap.gz"));

/// Breaks a frame: cuts its end, then flips bits.
fn break_it(text: &str, cut: usize, flips: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if cut < bytes.len() {
        bytes.truncate(cut);
    }
    for &(at, bit) in flips {
        let len = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at % len) {
            *byte ^= 1 << (bit % 8);
        }
    }
    bytes
}

fn check(decoder: &mut dyn Decoder, before: &str, broken: &[u8], good: &str) {
    let mut batch = Batch::new(Instruments::new("KRAKEN", 50));
    // Whatever it answers to broken frames is right, as long as it answers.
    let _ = decoder.decode(Frame::Text(before), Micros(1), &mut batch);
    let _ = decoder.decode(Frame::Text(&String::from_utf8_lossy(broken)), Micros(2), &mut batch);
    let _ = decoder.decode(Frame::Binary(broken), Micros(3), &mut batch);
    assert!(
        decoder.decode(Frame::Text(good), Micros(4), &mut batch).is_ok(),
        "a good frame is taken after it"
    );
}

proptest! {
    #[test]
    fn no_broken_v1_frame_makes_it_panic(
        at in any::<prop::sample::Index>(),
        cut in 0_usize..2_000,
        flips in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let frame = at.get(&V1_FRAMES);
        check(&mut V1::new(), frame, &break_it(frame, cut, &flips), r#"{"event":"heartbeat"}"#);
    }

    #[test]
    fn no_broken_v2_frame_makes_it_panic(
        at in any::<prop::sample::Index>(),
        cut in 0_usize..2_000,
        flips in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let frame = at.get(&V2_FRAMES);
        check(&mut V2::new(DEPTH), &V2_FRAMES[0], &break_it(frame, cut, &flips), &V2_FRAMES[0]);
    }
}
