//! The decoder over a whole recording: counts by kind, every told middle, and the quotes that an independent reader of it ends with.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;

use feed::{Batch, Decoder, Ignored, Instruments, Overrides, Session};
use feed_bitflyer::{Bitflyer, Lightning};
use market::{Field, FieldSet, Micros, Status};
use testkit::contract::check_decoder;
use testkit::loss::{Step, check_every_loss};
use testkit::proof::{Fixtures, instruments, play, symbols};
use testkit::script::Recorded;

const NAME: &str = "20211212";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> Instruments {
    instruments(&Bitflyer::default(), &fixtures().rest(NAME))
}

/// The top is that of `.book`, because the book is the newer one; the last trade is that of `.trade` where one came, else the
/// ticker's.
#[test]
fn the_recording_of_2021_ends_with_the_right_quotes() {
    let session = feed_bitflyer::session(&Overrides::default());
    let (played, want) = play(session.as_ref(), &fixtures(), NAME, |_, _| {});
    played.check_kinds(&want);
    // By a separate script: 33 changes came before the first snapshot of their product, one has a middle that is not its book's, and
    // 453 messages of books left the top as it was.
    played.check_ignored(&[(Ignored::BeforeSnapshot, 33 + 1), (Ignored::TopUnmoved, 453)]);
    let told: u64 = symbols(&want).map(|(_, symbol)| symbol["trade"]["n_trades"].as_u64().unwrap_or(0)).sum();
    assert_eq!(told, 162, "trades, each of them told");
    assert_eq!(played.tap.stats().updates, 722 + 60 - 34 - 453 + 249 + told);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        let last = symbol.get("trade").unwrap_or(&symbol["merged"]);
        played.check_last(native, last, "at the end");
        if symbol.get("trade").is_some() {
            played.check_side(native, &symbol["trade"]);
        }
        played.check_fields(native, &symbol["ticker"], &[Field::Volume24h], "at the end");
    }
    assert_eq!(symbols(&want).count(), 10);
}

/// Until the first snapshot of a product its ticker tells the top, as in the quotes on the way; afterwards each of its tops is one
/// that the book has told or is about to tell.
#[test]
fn the_last_price_on_the_way_is_that_of_the_independent_reader() {
    let session = feed_bitflyer::session(&Overrides::default());
    let points = fixtures().expected(NAME)["checkpoints"].as_array().unwrap().clone();
    let mut compared = 0;
    play(session.as_ref(), &fixtures(), NAME, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_fields(native, quote, &[Field::Last], &format!("at {line}"));
                compared += 1;
            }
        }
    });
    assert_eq!(compared, points.iter().map(|p| p["symbols"].as_object().unwrap().len()).sum::<usize>());
}

/// How many told middles fitted, and how many symbols became suspect.
fn middles(frames: &[Recorded]) -> (u64, usize) {
    let mut decoder = Lightning::new();
    let mut batch = Batch::new(catalogue());
    let mut suspect = 0;
    for recorded in frames {
        batch.clear();
        decoder.decode(recorded.frame().unwrap(), Micros(1), &mut batch).unwrap();
        let doubts =
            batch.updates.iter().filter(|(_, update)| update.status.is_some_and(|s| s.0 == Status::Suspect));
        suspect += doubts.count();
    }
    (decoder.middles_matched(), suspect)
}

#[test]
fn every_told_middle_but_one_is_that_of_the_rebuilt_book() {
    assert_eq!(middles(&fixtures().frames(NAME)), (722 - 33 + 60 - 1, 0));
}

/// Once a loss can be known nothing wrong is shown as live. A size at the best price, a ticker and a trade are in no middle, so their
/// loss shows nowhere; the next snapshot or the next of their kind makes them good.
#[test]
fn a_lost_message_of_a_book_is_noticed_or_healed() {
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(Lightning::new()), catalogue()) };
    let steps: Vec<Step> = fixtures().frames(NAME).into_iter().map(Step::from).collect();
    let losses = check_every_loss(&make, &steps, 160, &["board", "executions", "ticker"]);
    assert_eq!((losses.tried, losses.noticed, losses.harmless), (158, 35, 120));
    assert_eq!(losses.unnumbered, BTreeMap::from([("board", 2), ("executions", 1)]), "two sizes and a trade");
}

#[test]
fn the_recorded_catalogue_names_every_product() {
    let known = catalogue();
    let names: Vec<String> = known.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect();
    for name in [
        "FX_BTC_JPY BITFLYER:BTC-JPY-PERP",
        "BTCJPY17DEC2021 BITFLYER:BTC-JPY-20211217",
        "BTC_USD BITFLYER:BTC-USD",
        "BTC_EUR BITFLYER:BTC-EUR",
        "BCH_BTC BITFLYER:BCH-BTC",
    ] {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
    assert_eq!(names.len(), 13);
    assert_eq!(Bitflyer::default().venue(), "BITFLYER");
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(Lightning::new()), catalogue()) };
    let run = check_decoder(&make, &fixtures().frames(NAME), FieldSet::EMPTY);
    assert_eq!(run.kinds.len(), 4);
}
