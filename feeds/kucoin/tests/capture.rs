//! The decoder over the recording and the single messages: counts by kind, final quotes, and every promise of the contract.

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_kucoin::{KucoinClassic, session};
use market::{Field, FieldSet, Micros, Side, Source};
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal, instruments, play, symbols};

const NAME: &str = "20210425";
const SINGLES: [(&str, usize); 2] = [("single-cryptomsgparser", 4), ("single-gocryptotrader", 8)];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

/// The top is that of the book, which changes with every order, not that of the ticker, which is sent every 100 ms at mostX is that of `match` where one came.
#[test]
fn the_recording_ends_with_the_top_of_every_book() {
    let session = session(&Overrides::default());
    let mut passed = 0;
    let want = fixtures().expected(NAME);
    let points = want["checkpoints"].as_array().unwrap();
    let (played, want) = play(&*session, &fixtures(), NAME, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in symbols(point).filter(|(_, quote)| !quote["last"].is_null()) {
                played.check_last(native, quote, &format!("after line {line}"));
                passed += 1;
            }
        }
    });
    assert_eq!(passed, CHECKPOINTS);
    played.check_kinds(&want);
    for (native, symbol) in symbols(&want) {
        played.check_top(native, &symbol["book"], "at the end");
        played.check_last(native, symbol.get("trade").unwrap_or(&symbol["merged"]), "at the end");
        if let Some(trade) = symbol.get("trade") {
            played.check_side(native, trade);
        }
    }
    assert_eq!(symbols(&want).count(), 9);
    played.check_ignored(IGNORED);
    assert_eq!(played.tap.stats().updates, UPDATES);
}

const CHECKPOINTS: usize = 27;
/// Counted by a separate script: candles (6) and tickers of which book and `match` say everything (290); changes that wait for
/// their snapshot, and such as are in it already; changes that leave the best price and size as they were.
const IGNORED: &[(Ignored, u64)] = &[
    (Ignored::NotAQuote, 296),
    (Ignored::BeforeSnapshot, 9),
    (Ignored::Duplicate, 39),
    (Ignored::TopUnmoved, 3_254),
];
const UPDATES: u64 = 1_118;

/// Without the answers of the HTTP interface the books never begin, and the ticker tells the top.
#[test]
fn without_snapshots_the_ticker_tells_the_top() {
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
    for (native, symbol) in symbols(&want) {
        for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
            assert_eq!(tops[native].number(field), decimal(&symbol["merged"][field.name()]), "{native}");
        }
    }
}

#[test]
fn the_recorded_catalogue_is_read_whole() {
    let known = instruments(&*session(&Overrides::default()), &fixtures().rest(NAME));
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(symbol("BCHSV-USDT"), "KUCOIN:BSV-USDT", "as the catalogue splits it");
    assert!(known.len() > 100, "{}", known.len());
}

#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(KucoinClassic::new()), Instruments::new("KUCOIN", 50))
    };
    check_decoder(&make, &fixtures().frames(NAME), FieldSet::EMPTY);
    for (name, _) in SINGLES {
        let frames: Vec<_> = fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect();
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
}

/// Every event that the independent reader finds in a single message is told.
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, count) in SINGLES {
        let mut seen = 0;
        for (text, want) in fixtures().singles(name) {
            let mut batch = Batch::new(Instruments::new("KUCOIN", 9));
            let kind = KucoinClassic::new().decode(Frame::Text(&text), Micros(1), &mut batch);
            match (kind, want["type"].as_str().unwrap()) {
                (Err(_), "None") => {
                    assert!(text.contains("\"code\""), "an answer of the HTTP interface: {text}")
                }
                (Ok("other"), named) => assert!(named.contains("/level3"), "{text}"),
                (kind, named) => assert_eq!(kind, Ok(named), "{text}"),
            }
            let events = want["events"].as_array().unwrap();
            for event in events.iter().filter(|event| event["kind"] != "book") {
                let [(_, update)] = batch.updates.as_slice() else { panic!("{:?}: {text}", batch.updates) };
                for field in
                    Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some())
                {
                    assert_eq!(update.values().number(field), decimal(&event[field.name()]), "{text}");
                }
                if let Some(side) = event.get("side") {
                    assert_eq!(update.values().side().map(Side::name), side.as_str());
                }
                seen += 1;
            }
        }
        assert_eq!(seen, count, "{name}");
    }
}
