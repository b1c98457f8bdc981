//! What every decoder promises (`testkit::contract`), and that no broken form of a recorded message makes it panic or
//! read something the two ways of reading do not agree on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail the test, and a measurement is there to be read"
)]

use std::path::Path;

use feed::{Batch, Frame, Instruments, Session};
use feed_binance::{Binance, Market, Settings};
use market::{FieldSet, Micros};
use proptest::prelude::*;
use testkit::contract::check_decoder;
use testkit::recording;
use testkit::script::Payload;

fn recorded(folder: &str, name: &str) -> recording::Session {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    recording::Session::read(&fixtures.join(folder).join(format!("{name}.cap.gz")))
}

fn check(folder: &str, name: &str) {
    let session = Binance::new(Settings::new(Market::from_name(folder).unwrap()));
    let recording = recorded(folder, name);
    let make = || (session.decoder(), Instruments::new(session.venue(), 100));
    let run = check_decoder(&make, &recording.frames, FieldSet::EMPTY);
    assert!(run.updates.len() > 100, "{}", run.updates.len());
}

#[test]
fn the_contract_holds_for_every_market() {
    check("binance", "20210417");
    check("binance_us", "20210417");
    check("binance_usdm", "20210722");
    check("binance_coinm", "20210721");
}

/// Messages of every market and kind.
fn samples() -> Vec<String> {
    let mut samples: Vec<String> =
        [("binance", "20210417"), ("binance_usdm", "20210722"), ("binance_coinm", "20210721")]
            .into_iter()
            .flat_map(|(folder, name)| recorded(folder, name).frames.into_iter().step_by(29))
            .filter_map(|frame| match frame.payload {
                Payload::Text(text) => Some(text),
                _ => None,
            })
            .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/binance");
    let single = std::fs::read_to_string(folder.join("single-cryptomsgparser.tsv")).unwrap();
    samples.extend(single.lines().map(|line| line.split_once('\t').unwrap().1.to_owned()));
    samples
}

/// What decoding says, as text: the only form that shows digits and not only values.
fn said(market: Market, text: &str) -> String {
    let session = Binance::new(Settings::new(market));
    let mut batch = Batch::new(Instruments::new(session.venue(), 100));
    let result = session.decoder().decode(Frame::Text(text), Micros(1), &mut batch);
    format!("{result:?} {:?} {:?} {:?}", batch.updates, batch.ignored, batch.refused)
}

/// A blank behind the message is no part of it, and sends it to the full parser.
fn scanner_and_parser_agree(market: Market, text: &str) {
    assert_eq!(said(market, text), said(market, &format!("{text} ")), "{text}");
}

#[test]
fn both_ways_of_reading_agree_on_every_recorded_message() {
    for (folder, name) in [
        ("binance", "20210417"),
        ("binance_us", "20210417"),
        ("binance_usdm", "20210722"),
        ("binance_coinm", "20210721"),
    ] {
        for frame in recorded(folder, name).frames {
            if let Payload::Text(text) = frame.payload {
                scanner_and_parser_agree(Market::from_name(folder).unwrap(), &text);
            }
        }
    }
}

proptest! {
    // Failing cases print themselves; none is kept in a file.
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_and_flipped_messages_never_panic(
        sample in prop::sample::select(samples()),
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..4),
        whole in any::<bool>(),
        market in prop::sample::select(Market::ALL.to_vec()),
    ) {
        let mut bytes = sample.into_bytes();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let session = Binance::new(Settings::new(market));
        let mut batch = Batch::new(Instruments::new(session.venue(), 100));
        let _ = session.decoder().decode(Frame::Binary(&bytes), Micros(1), &mut batch);
        scanner_and_parser_agree(market, &String::from_utf8_lossy(&bytes));
    }
}
