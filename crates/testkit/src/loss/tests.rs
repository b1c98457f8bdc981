//! Toy decoders, of which some break a promise.

use feed::json::text_decimal;
use feed::{Batch, Decoder, Instruments};

use super::*;

/// Reads `NUMBER KIND PRICE`: a `whole` price is a snapshot, a `step` follows its predecessor's number, a `note` has none.
#[derive(Debug)]
struct Toy {
    twist: &'static str,
    last: Option<u32>,
}

impl Decoder for Toy {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary")) };
        let mut words = text.split(' ');
        let number: u32 = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let (kind, price) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let price = text_decimal(price).unwrap_or_default();
        let id = batch.instruments.resolve("A").ok_or(DecodeError::Garbage("no room"))?;
        let mut update = Update::new(Source::Book, ts_recv);
        if kind == "note" {
            update.tell(Field::High24h, price);
            batch.push(id, update);
            return Ok("note");
        }
        let follows = self.last.is_some_and(|last| last + 1 == number);
        update.snapshot = kind == "whole";
        if !update.snapshot && self.last.is_none() {
            if self.twist == "blurts" {
                update.snapshot = true;
                update.tell(Field::Bid, None);
                batch.push(id, update);
            }
            return Ok("step");
        }
        update.tell(Field::Bid, price);
        if update.snapshot || follows {
            self.last = Some(number);
            batch.push(id, update);
            return Ok(if kind == "whole" { "whole" } else { "step" });
        }
        self.last = None;
        if self.twist == "late" {
            batch.push(id, update);
        }
        if self.twist == "leaves" {
            return Err(DecodeError::Reconnect(Reason::Gap));
        }
        batch.push(id, Update::of_status(Status::Suspect, Reason::Gap, ts_recv));
        Ok("step")
    }
}

const SESSION: [&str; 10] = [
    "1 whole 10",
    "2 step 11",
    "0 note 99",
    "3 step 12",
    "0 note 98",
    "4 step 13",
    "9 whole 20",
    "10 step 21",
    "11 step 21",
    "12 step 22",
];

fn check(twist: &'static str, unnumbered: &[&'static str]) -> Losses {
    let make = move || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(Toy { twist, last: None }), Instruments::new("TOY", 1))
    };
    let session: Vec<Step> = SESSION.iter().map(|text| Step::Frame(Recorded::text(*text))).collect();
    check_every_loss(&make, &session, 100, unnumbered)
}

#[test]
fn a_decoder_that_counts_passes() {
    // Noticed are 2, 3, 9, 10 and 11. The last step and the last note have nothing after them; the others do no harm.
    let want = Losses { tried: 10, noticed: 5, harmless: 3, last: 2, ..Losses::default() };
    assert_eq!(check("", &[]), want);
    assert_eq!(check("leaves", &[]), want);
    let unnumbered = BTreeMap::from([("note", 1)]);
    assert_eq!(check("", &["note"]), Losses { last: 1, unnumbered, ..want });
}

#[test]
#[should_panic(expected = "nobody noticed, and bid of TOY:A")]
fn a_decoder_that_does_not_count_is_found() {
    let make =
        || -> (Box<dyn Decoder>, Instruments) { (Box::new(Summing::default()), Instruments::new("TOY", 1)) };
    let session: Vec<Step> = ["1", "2", "4"].iter().map(|text| Step::Frame(Recorded::text(*text))).collect();
    check_every_loss(&make, &session, 100, &[]);
}

#[test]
#[should_panic(expected = "a value left before the doubt")]
fn a_doubt_that_comes_too_late_is_found() {
    check("late", &[]);
}

#[test]
#[should_panic(expected = "is live again and its bid is absent instead of ")]
fn what_is_stated_afresh_and_wrong_is_found() {
    check("blurts", &[]);
}

/// Shows the sum of what came: each loss stays.
#[derive(Debug, Default)]
struct Summing {
    sum: u32,
}

impl Decoder for Summing {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary")) };
        self.sum += text.parse().unwrap_or(0);
        let id = batch.instruments.resolve("A").ok_or(DecodeError::Garbage("no room"))?;
        let mut update = Update::new(Source::Direct, ts_recv);
        update.tell(Field::Bid, Some(self.sum.into()));
        batch.push(id, update);
        Ok("sum")
    }
}
