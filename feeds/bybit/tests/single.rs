//! The single messages: what they tell, and every promise of the contract. There is no recorded session of this venue.

use feed::{Batch, Decoder, Frame, Instruments};
use feed_bybit::{Bybit5, Market};
use market::{Field, FieldSet, Micros, Price};
use testkit::contract::check_decoder;
use testkit::proof::{Fixtures, decimal};

const SINGLES: [(&str, usize); 2] = [("single-gocryptotrader", 8), ("single-nautilus", 2)];

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_decoder_keeps_every_promise_of_the_contract() {
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(Bybit5::new(Market::Linear)), Instruments::new("BYBIT", 50))
    };
    for (name, _) in SINGLES {
        let frames: Vec<_> = fixtures().singles(name).into_iter().map(|(text, _)| text.into()).collect();
        check_decoder(&make, &frames, FieldSet::EMPTY);
    }
}

/// Every event that the independent reader finds in a single message is told. A price of 0 with a size of 0 stands for no
/// order (an option without bids).
#[test]
fn single_messages_tell_what_they_hold() {
    for (name, count) in SINGLES {
        let mut seen = 0;
        for (text, want) in fixtures().singles(name) {
            let mut batch = Batch::new(Instruments::new("BYBIT", 9));
            let kind = Bybit5::new(Market::Linear).decode(Frame::Text(&text), Micros(1), &mut batch);
            assert_eq!(kind, Ok(want["type"].as_str().unwrap()), "{text}");
            let events: Vec<_> =
                want["events"].as_array().unwrap().iter().filter(|event| event["kind"] != "book").collect();
            for (event, (id, update)) in events.iter().zip(&batch.updates) {
                assert_eq!(*batch.instruments.get(*id).unwrap().native, *event["symbol"].as_str().unwrap());
                for field in
                    Field::NUMBER_FIELDS.into_iter().filter(|field| event.get(field.name()).is_some())
                {
                    let of_top = matches!(field, Field::Bid | Field::BidSize | Field::Ask | Field::AskSize);
                    let number = decimal(&event[field.name()]).filter(|number| !(of_top && number.is_zero()));
                    let told = update.values().number(field);
                    assert_eq!(told.map(Price::from_decimal), number.map(Price::from_decimal), "{text}");
                }
                seen += 1;
            }
        }
        assert_eq!(seen, count, "{name}");
    }
}
