//! The decoder over a whole recording of the older interface: counts by kind, and the quotes that an independent reader ends with.

use feed::{Batch, Decoder, Frame, Ignored, Instruments, Overrides};
use feed_bithumb::Bithumb;
use market::{FieldSet, Group, Micros};
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, play, symbols};

const NAME: &str = "20210601";

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn make() -> (Box<dyn Decoder>, Instruments) {
    (Box::new(Bithumb::new()), Instruments::new("BITHUMB", 500))
}

#[test]
fn the_recording_of_2021_ends_with_the_right_trades_and_no_top() {
    let session = feed_bithumb::session(&Overrides::default());
    let points = fixtures().expected(NAME)["checkpoints"].as_array().unwrap().clone();
    let mut passed = 0;
    let (played, want) = play(session.as_ref(), &fixtures(), NAME, |line, played| {
        for point in points.iter().filter(|point| point["after_line"] == line) {
            for (native, quote) in point["symbols"].as_object().unwrap() {
                played.check_quote(native, quote, &format!("at {line}"));
            }
            passed += 1;
        }
    });
    assert_eq!(passed, 3);
    played.check_kinds(&want);
    // Every change of a book came without a snapshot before it: the recording has none.
    played.check_ignored(&[(Ignored::BeforeSnapshot, 91)]);
    assert_eq!(played.tap.stats().updates, 7, "trades of four messages");
    let mut traded = 0;
    for (native, symbol) in symbols(&want).filter(|(_, symbol)| symbol.get("trade").is_some()) {
        played.check_quote(native, &symbol["merged"], "at the end");
        played.check_side(native, &symbol["trade"]);
        assert_eq!(played.told(native, Group::Trade).count, symbol["trade"]["n_trades"].as_u64().unwrap());
        traded += 1;
    }
    assert_eq!((traded, symbols(&want).count()), (2, 7));
    let known = played.tap.instruments();
    let symbol = |native: &str| known.get(known.find(native).unwrap()).unwrap().symbol.to_string();
    assert_eq!(
        (symbol("GOM2_KRW"), symbol("ETH_BTC")),
        ("BITHUMB:GOM2-KRW".into(), "BITHUMB:ETH-BTC".into())
    );
}

/// Those messages are another exchange's, and hold no event of this one.
#[test]
fn single_messages_of_the_other_exchange_tell_nothing() {
    let singles = fixtures().singles("single-cryptomsgparser");
    for (text, want) in &singles {
        let mut batch = Batch::new(Instruments::new("BITHUMB", 50));
        let kind = Bithumb::new().decode(Frame::Text(text), Micros(1), &mut batch);
        assert_eq!(kind.ok(), want["type"].as_str(), "{text}");
        assert_eq!((batch.updates.len(), want["events"].as_array().unwrap().len()), (0, 0));
        assert_eq!(batch.ignored, [Ignored::NotAQuote]);
    }
    assert_eq!(singles.len(), 6);
}

/// Repeatable, digits kept, and no panic on anything.
#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    assert_eq!(check_decoder(&make, &fixtures().frames(NAME), FieldSet::EMPTY).updates.len(), 7);
    let singles: Vec<_> =
        fixtures().singles("single-cryptomsgparser").into_iter().map(|(text, _)| text.into()).collect();
    assert!(check_decoder(&make, &singles, FieldSet::EMPTY).updates.is_empty());
}
