//! The decoder over whole recordings: counts by kind, every checksum, and the final quotes that an independent reader
//! of the same recordings ends with (`fixtures/expected`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use feed::capture::{CaptureReader, read_rest};
use feed::{Batch, Decoder, Ignored, Instruments, Session, Sink};
use feed_okx::{Okx, Okx5};
use market::{Decimal, Field, FieldSet, Side, Source};
use serde_json::Value;
use testkit::contract::check_decoder;
use testkit::sink::CollectingSink;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("expected/{name}.expected.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn instruments(rest: Option<&str>) -> Instruments {
    let session = Okx::default();
    let mut instruments = Instruments::new(session.venue(), 5000);
    if let Some(rest) = rest {
        session.catalogue(&read_rest(&fixture(rest)).unwrap(), &mut instruments).unwrap();
    }
    instruments
}

/// What a recording left behind.
struct Played {
    kinds: BTreeMap<String, u64>,
    ignored: BTreeMap<&'static str, u64>,
    natives: BTreeMap<String, String>,
    sink: CollectingSink,
    replies: usize,
}

impl Played {
    fn text(&self, native: &str, field: Field) -> String {
        self.sink.look(|seen| seen.get(&self.natives[native]).map(|l| l.text(field)).unwrap_or_default())
    }

    /// Compares one number with the expected JSON, as decimals; JSON null is "absent".
    fn compare(&self, native: &str, field: Field, want: &Value) {
        let have = self.text(native, field);
        let number = |text: &str| -> Option<Decimal> { feed::json::text_decimal(text).unwrap() };
        assert_eq!(number(&have), number(want.as_str().unwrap_or("")), "{native} {}", field.name());
    }

    fn compare_top(&self, native: &str, want: &Value) {
        for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
            self.compare(native, field, &want[field.name()]);
        }
    }
}

/// Plays a recording; `at` is called after every record with the number of records so far.
fn play(
    name: &str,
    decoder: &mut dyn Decoder,
    instruments: Instruments,
    mut at: impl FnMut(u64, &Instruments, &CollectingSink),
) -> Played {
    let mut reader = CaptureReader::open(&fixture(&format!("{name}.cap.gz"))).unwrap();
    let mut batch = Batch::new(instruments);
    let mut played = Played {
        kinds: BTreeMap::new(),
        ignored: BTreeMap::new(),
        natives: BTreeMap::new(),
        sink: CollectingSink::new(),
        replies: 0,
    };
    let mut lines = 0;
    while let Some(record) = reader.next().unwrap() {
        if let Some(frame) = record.frame() {
            batch.clear();
            let kind = decoder.decode(frame, record.ts_recv(), &mut batch).unwrap();
            *played.kinds.entry(kind.to_owned()).or_default() += 1;
            for why in &batch.ignored {
                *played.ignored.entry(why.name()).or_default() += 1;
            }
            for (id, update) in &batch.updates {
                let symbol = &batch.instruments.get(*id).unwrap().symbol;
                let symbol = played.sink.intern(symbol).unwrap();
                played.sink.update(symbol, update);
            }
            assert!(batch.refused.is_empty(), "{:?}", batch.refused);
            played.replies += batch.replies.len();
        }
        lines += 1;
        at(lines, &batch.instruments, &played.sink);
    }
    played.natives =
        batch.instruments.iter().map(|(_, i)| (i.native.to_string(), i.symbol.as_str().to_owned())).collect();
    played
}

fn check_kinds(played: &Played, want: &Value) {
    let want: BTreeMap<String, u64> = serde_json::from_value(want["by_type"].clone()).unwrap();
    assert_eq!(played.kinds, want);
}

fn symbols(want: &Value) -> impl Iterator<Item = (&String, &Value)> {
    want["symbols"].as_object().unwrap().iter()
}

/// Compares the last trade and the 24 h figures, which do not depend on where the top comes from.
fn compare_rest(played: &Played, native: &str, symbol: &Value, spot: bool) {
    // Where a trade was heard it stands, and the ticker's word for it is not taken: an option's ticker of 2021 gives the last
    // trade a size of 0. Without a trade the ticker is all there is.
    let last = symbol.get("trade").unwrap_or(&symbol["merged"]);
    played.compare(native, Field::Last, &last["last"]);
    played.compare(native, Field::LastSize, &last["last_size"]);
    if let Some(side) = symbol["trade"].get("side") {
        let have = played.sink.look(|seen| seen.get(&played.natives[native]).unwrap().values.side());
        assert_eq!(have.map(Side::name), side.as_str(), "{native}");
    }
    for field in [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h] {
        played.compare(native, field, &symbol["ticker"][field.name()]);
    }
    let quote_volume = if spot { symbol["ticker"]["volume_ccy_24h"].clone() } else { Value::Null };
    played.compare(native, Field::QuoteVolume24h, &quote_volume);
}

fn checksums(want: &Value) -> u64 {
    symbols(want).map(|(_, s)| s["book"]["checksum_ok"].as_u64().unwrap()).sum()
}

#[test]
fn the_recording_of_2021_matches_every_checksum_and_ends_with_the_right_quotes() {
    let want = expected("20210722");
    let mut decoder = Okx5::new();
    let played = play("20210722", &mut decoder, instruments(None), |_, _, _| {});
    check_kinds(&played, &want);
    assert_eq!((decoder.checksums_matched(), checksums(&want)), (1504, 1504));
    assert_eq!(played.replies, 0, "nothing had to be asked for again");
    for (native, symbol) in symbols(&want) {
        played.compare_top(native, &symbol["book"]);
        compare_rest(&played, native, symbol, native.split('-').count() == 2);
    }
    assert_eq!(symbols(&want).count(), 10);
    assert_eq!(
        played.natives["BTC-USD-210924-42000-P"], "OKX:BTC-USD-210924-42000-P",
        "no catalogue, not cut"
    );
}

#[test]
fn the_recording_of_2022_matches_every_checksum_and_ends_with_the_right_quotes() {
    let want = expected("20220513");
    let mut decoder = Okx5::new();
    let mut passed = 0;
    let played =
        play("20220513", &mut decoder, instruments(Some("20220513.rest.gz")), |line, known, sink| {
            for point in want["checkpoints"].as_array().unwrap().iter().filter(|p| p["after_line"] == line) {
                for (native, quote) in point["symbols"].as_object().unwrap() {
                    let symbol = &known.get(known.find(native).unwrap()).unwrap().symbol;
                    sink.look(|seen| {
                        let latest = seen.get(symbol.as_str()).unwrap();
                        assert_eq!(
                            latest.text(Field::Last),
                            quote["last"].as_str().unwrap(),
                            "{native} at {line}"
                        );
                        assert_eq!(latest.text(Field::LastSize), quote["last_size"].as_str().unwrap());
                    });
                }
                passed += 1;
            }
        });
    assert_eq!(passed, 3);
    check_kinds(&played, &want);
    assert_eq!((decoder.checksums_matched(), checksums(&want)), (290, 290));
    for (native, symbol) in symbols(&want) {
        played.compare_top(native, &symbol["book"]);
        compare_rest(&played, native, symbol, native == "BTC-USDT");
    }
    for (native, symbol) in [
        ("BTC-USDT", "OKX:BTC-USDT"),
        ("UNI-USD-SWAP", "OKX:UNI-USD-PERP"),
        ("BTC-USD-220527", "OKX:BTC-USD-20220527"),
    ] {
        assert_eq!(played.natives[native], symbol);
    }
    // Looked up by hand in the raw file: the last change of the future's book sets its best ask.
    assert_eq!(played.text("BTC-USD-220527", Field::Ask), "30238.8");
    assert_eq!(played.text("BTC-USD-220527", Field::AskSize), "3");
    assert_eq!(played.ignored[Ignored::TopUnmoved.name()], 86, "of 290, counted by a separate script");
}

#[test]
fn the_recorded_catalogue_gives_every_kind_of_symbol() {
    let known = instruments(Some("20220513.rest.gz"));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(symbol("ETH-USD-220514-1300-C"), "OKX:ETH-USD-20220514-1300-C");
    assert_eq!(symbol("BTC-USDT-SWAP"), "OKX:BTC-USDT-PERP");
    for (_, instrument) in known.iter() {
        let parts = |name: &str| name.split('-').count();
        assert_eq!(parts(&instrument.native), parts(instrument.symbol.name()), "{instrument:?}");
    }
}

/// Repeatable, digits kept, and no panic on anything, over every recording and every single message.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) { (Box::new(Okx5::new()), instruments(None)) };
    for name in ["20210722", "20220513"] {
        let frames = testkit::recording::Session::read(&fixture(&format!("{name}.cap.gz"))).frames;
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
    for (name, _) in SINGLES {
        let text = std::fs::read_to_string(fixture(&format!("{name}.tsv"))).unwrap();
        let frames: Vec<_> = text.lines().map(|line| line.split_once('\t').unwrap().1.into()).collect();
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
}

/// Files of single messages, and how many events an independent reader finds in them.
const SINGLES: [(&str, usize); 3] =
    [("single-cryptomsgparser", 29), ("single-gocryptotrader", 2), ("single-nautilus", 5)];

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, events) in SINGLES {
        let text = std::fs::read_to_string(fixture(&format!("{name}.tsv"))).unwrap();
        let mut seen = 0;
        for (line, want) in text.lines().zip(expected(name)["messages"].as_array().unwrap()) {
            seen += check_single(line, want);
        }
        assert_eq!(seen, events, "{name}");
    }
}

fn check_single(line: &str, want: &Value) -> usize {
    let mut decoder = Okx5::new();
    let mut batch = Batch::new(instruments(None));
    let kind =
        decoder.decode(feed::Frame::Text(line.split_once('\t').unwrap().1), market::Micros(1), &mut batch);
    // Lines that are answers of the HTTP interface have no events and no type.
    let events = want["events"].as_array().map_or(&[][..], Vec::as_slice);
    let mut told = batch.updates.iter().filter(|(_, update)| update.source != Source::Book);
    for event in events.iter().filter(|event| event["kind"] != "book") {
        let (_, update) = told.next().unwrap_or_else(|| panic!("no update: {line}"));
        for field in Field::NUMBER_FIELDS {
            let number = |text: &Value| feed::json::text_decimal(text.as_str().unwrap_or("")).unwrap();
            if let Some(want) = event.get(field.name()) {
                assert_eq!(update.values().number(field), number(want), "{} of {line}", field.name());
            }
        }
        if let Some(side) = event.get("side") {
            assert_eq!(update.values().side().map(Side::name), side.as_str());
        }
    }
    let want_kind = want["type"].as_str().unwrap_or("");
    match kind {
        Ok("candle") => assert!(want_kind.starts_with("candle")),
        Ok(kind) => assert_eq!(kind, want_kind, "{line}"),
        Err(_) => assert!(events.is_empty() && !line.contains("\"arg\""), "{line}"),
    }
    events.len()
}
