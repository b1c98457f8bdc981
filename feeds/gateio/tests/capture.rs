//! The decoder over the recording and the single messages: counts by kind, final quotes, and every promise of the contract.

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_gateio::{Gate4, session};
use market::{Field, FieldSet, Micros, Side, Source};
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal, instruments, play, symbols};

const NAME: &str = "20210422-first-half";
const SINGLES: &str = "single-cryptomsgparser";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of the book, which has sizes and is fresher, not that of the ticker. The last trade is that of `trades` where
/// one came: the ticker repeats its price without a size.
#[test]
fn the_recording_ends_with_the_top_of_every_book() {
    let session = session(&Overrides::default());
    let points = fixtures().expected(NAME)["checkpoints"].as_array().unwrap().clone();
    let mut passed = 0;
    let (played, want) = play(&*session, &fixtures(), NAME, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in symbols(point).filter(|(_, quote)| !quote["last"].is_null()) {
                played.check_fields(native, quote, &[Field::Last], &format!("after line {line}"));
                passed += 1;
            }
        }
    });
    assert_eq!(passed, 4);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, symbol.get("trade").unwrap_or(&symbol["merged"]), "at the end");
        if let Some(trade) = symbol.get("trade") {
            played.check_side(native, trade);
        }
        if let Some(ticker) = symbol.get("ticker") {
            let figures = [Field::High24h, Field::Low24h, Field::Volume24h, Field::QuoteVolume24h];
            played.check_fields(native, ticker, &figures, "at the end");
        }
    }
    assert_eq!(symbols(&want).count(), 9);
    // Counted by a separate script: candles; changes that wait for their book, or are in it; changes far from the top.
    played.check_ignored(IGNORED);
    assert_eq!(played.tap.stats().updates, UPDATES);
}

const IGNORED: &[(Ignored, u64)] = &[
    (Ignored::NotAQuote, 10),
    (Ignored::BeforeSnapshot, 9),
    (Ignored::Duplicate, 4),
    (Ignored::TopUnmoved, 29),
];
const UPDATES: u64 = 50;

/// Without the answers of the HTTP interface the books never begin, and the ticker tells the top where there is one.
#[test]
fn without_books_the_ticker_tells_the_top() {
    let session = session(&Overrides::default());
    let want = fixtures().expected(NAME);
    let mut batch = Batch::new(instruments(&*session, &[]));
    let mut decoder = session.decoder();
    let mut tops = std::collections::HashMap::new();
    for frame in fixtures().frames(NAME) {
        batch.clear();
        decoder.decode(frame.frame().unwrap(), Micros(1), &mut batch).unwrap();
        for (id, update) in batch.updates.iter().filter(|(_, update)| update.told().contains(Field::Bid)) {
            assert_eq!(update.source, Source::Ticker);
            tops.insert(batch.instruments.get(*id).unwrap().native.to_string(), *update.values());
        }
    }
    let mut seen = 0;
    for (native, symbol) in symbols(&want).filter(|(_, symbol)| symbol.get("ticker").is_some()) {
        for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
            assert_eq!(tops[native].number(field), decimal(&symbol["merged"][field.name()]), "{native}");
        }
        seen += 1;
    }
    assert_eq!((seen, tops.len()), (3, 3));
}

#[test]
fn the_recorded_catalogue_is_read_whole() {
    let known = instruments(&*session(&Overrides::default()), &fixtures().rest("20210422"));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(symbol("QTUM3S_USDT"), "GATE:QTUM3S-USDT");
    assert!(known.len() > 1_000, "{}", known.len());
}

#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Gate4::new()), Instruments::new("GATE", 50)) };
    check_decoder(&make, &fixtures().frames(NAME), FieldSet::EMPTY);
    let frames: Vec<_> = fixtures().singles(SINGLES).into_iter().map(|(text, _)| text.into()).collect();
    // The size of a contract's trade is the venue's without its sign.
    check_decoder(&make, &frames, FieldSet::EMPTY.with(Field::LastSize));
}

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    let mut seen = 0;
    for (text, want) in fixtures().singles(SINGLES) {
        let mut batch = Batch::new(Instruments::new("GATE", 9));
        let kind = Gate4::new().decode(Frame::Text(&text), Micros(1), &mut batch);
        let named = want["type"].as_str().unwrap();
        if named.starts_with("old:") || named.starts_with("not understood") {
            assert!(kind.is_err(), "of another version, or of the HTTP interface: {text}");
            continue;
        }
        assert_eq!(kind, Ok(named), "{text}");
        let events: Vec<_> =
            want["events"].as_array().unwrap().iter().filter(|event| event["kind"] != "book").collect();
        for (event, (id, update)) in events.iter().zip(&batch.updates) {
            assert_eq!(*batch.instruments.get(*id).unwrap().native, *event["symbol"].as_str().unwrap());
            for field in Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some()) {
                assert_eq!(update.values().number(field), decimal(&event[field.name()]), "{text}");
            }
            if let Some(side) = event.get("side") {
                assert_eq!(update.values().side().map(Side::name), side.as_str());
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 15);
}
