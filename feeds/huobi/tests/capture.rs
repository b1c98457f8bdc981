//! The decoder over the whole recording and every single message: counts by kind, and the final quotes that an
//! independent reader of the same messages ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_huobi::{Htx, session};
use market::{Field, FieldSet, Micros, Side, Update};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal, instruments, play, symbols};

const CAPTURE: &str = "20210417-first-half";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of `depth.step0`, the last trade that of `trade.detail`: the recording has nothing else.
#[test]
fn the_recording_ends_with_the_right_quotes() {
    let session = session(&Overrides::default());
    let want = fixtures().expected(CAPTURE);
    let mut passed = 0;
    let (played, _) = play(session.as_ref(), &fixtures(), CAPTURE, |line, played| {
        for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_last(native, quote, &format!("after line {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, &symbol["merged"], "at the end");
        played.check_side(native, &symbol["trade"]);
    }
    assert_eq!(symbols(&want).count(), 10);
    played.check_ignored(&[]);
    let updates: u64 = symbols(&want)
        .map(|(_, symbol)| {
            symbol["book"]["n"].as_u64().unwrap() + symbol["trade"]["n_trades"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(played.tap.stats().updates, updates, "one a book and one a trade, nothing left out");
}

#[test]
fn the_recorded_catalogue_gives_every_symbol_its_name() {
    let session = session(&Overrides::default());
    let known = instruments(session.as_ref(), &fixtures().rest("20210417"));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(known.len(), 883, "of 938, without 55 that are offline");
    assert_eq!(symbol("fil3susdt"), "HTX:FIL3S-USDT");
    assert_eq!(symbol("yfihusd"), "HTX:YFI-HUSD");
}

/// Repeatable, digits kept, and no panic on anything, over the recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let session = session(&Overrides::default());
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (session.decoder(), instruments(session.as_ref(), &fixtures().rest("20210417")))
    };
    check_decoder(&make, &fixtures().frames(CAPTURE), FieldSet::EMPTY);
    let open = || -> (Box<dyn Decoder>, Instruments) { (session.decoder(), Instruments::new("HTX", 50)) };
    for name in ["single-cryptomsgparser", "single-gocryptotrader"] {
        let texts: Vec<_> = fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect();
        check_decoder(&open, &texts, FieldSet::EMPTY);
    }
}

/// What a single message says by the independent reader and by us. Where the two differ, why:
///
/// * books with merged prices (`step1`, `step7`) are no quotes, so their events have no update;
/// * `detail` of derivatives has a top, which the reader leaves out, and its `vol` counts contracts, which the reader takes
///   for a quote volume; `amount` of inverse ones has more digits than a decimal holds;
/// * `bbo` of derivatives is a pair of numbers, which the reader does not understand;
/// * answers of the HTTP interface are shaped like messages: the reader calls them `ack`.
#[test]
fn single_messages_tell_what_they_hold() {
    let mut seen = 0;
    for name in ["single-cryptomsgparser", "single-gocryptotrader"] {
        for (text, want) in fixtures().singles(name) {
            let mut batch = Batch::new(Instruments::new("HTX", 50));
            let kind = Htx::new().decode(Frame::Text(&text), Micros(1), &mut batch).unwrap();
            match want["type"].as_str().unwrap() {
                "other" => assert_eq!(kind, "funding_rate"),
                "ack" => assert!(["ack", "depth.step0"].contains(&kind), "{kind}: {text}"),
                unread if unread.starts_with("not understood") => assert_eq!(kind, "bbo"),
                known => assert_eq!(kind, known),
            }
            for event in want["events"].as_array().into_iter().flatten() {
                check_event(event, kind, &batch, &text);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 24);
}

fn check_event(event: &Value, kind: &str, batch: &Batch, text: &str) {
    let told: Vec<&Update> = batch.updates.iter().map(|(_, update)| update).collect();
    let compare = |update: &Update, fields: &[Field]| {
        for &field in fields {
            assert_eq!(
                update.values().number(field),
                decimal(&event[field.name()]),
                "{} of {text}",
                field.name()
            );
        }
    };
    match event["kind"].as_str().unwrap() {
        "book" if kind == "depth.step0" => assert_eq!(told.len(), 1, "{text}"),
        "book" => assert_eq!((told.len(), &batch.ignored[..]), (0, &[Ignored::NotAQuote][..]), "{text}"),
        "trade" => {
            assert_eq!(told.len() as u64, event["n"].as_u64().unwrap());
            let last = told.last().unwrap();
            compare(last, &[Field::Last, Field::LastSize]);
            assert_eq!(last.values().side().map(Side::name), event["side"].as_str());
        }
        "bbo" => compare(told[0], &[Field::Bid, Field::BidSize, Field::Ask, Field::AskSize]),
        "ticker" => {
            compare(told[0], &[Field::Last, Field::Open24h, Field::High24h, Field::Low24h]);
            if event["symbol"] == "btcusdt" {
                compare(told[0], &[Field::Volume24h, Field::QuoteVolume24h]);
            } else if text.contains("trade_turnover") {
                compare(told[0], &[Field::Volume24h]);
            } else {
                assert_eq!(batch.ignored, [Ignored::BadNumber], "{text}");
            }
        }
        other => panic!("{other}: {text}"),
    }
}
