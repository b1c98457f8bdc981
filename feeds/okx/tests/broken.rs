//! Cut and bit-flipped forms of recorded frames, chosen at random: none makes the decoder panic, and after each of them it
//! takes a good frame. A failure prints its seed.

use std::path::PathBuf;
use std::sync::LazyLock;

use feed::{Batch, Decoder, Frame, Instruments};
use feed_okx::Okx5;
use market::Micros;
use proptest::prelude::*;
use testkit::recording::Session;
use testkit::script::Payload;

/// Frames of both recordings; snapshots of hundreds of levels would make the flips miss everything else.
static FRAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let frames = ["20210722.cap.gz", "20220513.cap.gz"].map(|name| Session::read(&folder.join(name)).frames);
    let text = |payload| match payload {
        Payload::Text(text) => Some(text),
        Payload::Binary(_) | Payload::Ping(_) => None,
    };
    let texts = frames.into_iter().flatten().filter_map(|frame| text(frame.payload));
    texts.filter(|text| text.len() < 8_000).collect()
});

const GOOD: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["2","1","0","1"]],"bids":[["1","1","0","1"]],"ts":"1"}]}"#;

proptest! {
    #[test]
    fn no_broken_frame_makes_it_panic(
        at in any::<prop::sample::Index>(),
        cut in 0_usize..4_000,
        flips in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = at.get(&FRAMES).as_bytes().to_vec();
        bytes.truncate(cut.max(1));
        for (at, bit) in flips {
            let at = at % bytes.len();
            bytes[at] ^= 1 << (bit % 8);
        }
        let mut decoder = Okx5::new();
        let mut batch = Batch::new(Instruments::new("OKX", 50));
        // Whatever it answers to broken frames is right, as long as it answers.
        let _ = decoder.decode(Frame::Text(GOOD), Micros(1), &mut batch);
        let _ = decoder.decode(Frame::Text(&String::from_utf8_lossy(&bytes)), Micros(2), &mut batch);
        let _ = decoder.decode(Frame::Binary(&bytes), Micros(3), &mut batch);
        prop_assert!(decoder.decode(Frame::Text(GOOD), Micros(4), &mut batch).is_ok());
    }
}
