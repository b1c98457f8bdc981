//! What every decoder promises, checked over recorded frames.

mod broken;
mod twisted;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use feed::{Batch, DecodeError, Decoder, Frame, InstrumentId, Instruments};
use market::{Field, FieldSet, Micros, Price, Update};

use crate::script::Recorded;

/// Makes a fresh decoder and the instruments it starts with.
pub type Make<'a> = dyn Fn() -> (Box<dyn Decoder>, Instruments) + 'a;

/// What came out of a run over recorded frames.
#[derive(Debug, Default)]
pub struct Run {
    /// Every update with its place among the frames, as debug text: the only form that shows digits and not only values.
    pub updates: Vec<(usize, InstrumentId, String)>,
    /// Messages by kind; errors count under their own text.
    pub kinds: std::collections::BTreeMap<String, usize>,
}

/// Checks a decoder over recorded frames:
///
/// 1. the same frames give the same updates, from one fresh decoder to the next;
/// 2. every update carries the receive time it was given, and an instrument that exists;
/// 3. every number it tells stands digit for digit in some frame up to there, unless its field is in `computed` (text
///    frames only; a number with an exponent counts in its plain form);
/// 4. no frame makes it panic: recorded ones, cut and garbled ones, ones of the wrong type, and hostile ones; and after
///    each of them it takes the next frame. Recorded JSON is also given with a wrong type, a number of 27 or 400 digits or
///    a deep nest in each place, and with its lists drawn out beyond 1 MiB;
/// 5. nothing wrong passes as right: what should be JSON and is none (cut, garbled, followed by more, or bytes where texts
///    are due) is an error and tells no value, and hostile JSON is an error or counted as ignored and leads to nothing.
///
/// Returns the run over the frames as recorded, for further checks.
///
/// # Panics
/// When a promise is broken; the message names the frame.
pub fn check_decoder(make: &Make<'_>, frames: &[Recorded], computed: FieldSet) -> Run {
    let run = run(make, frames, computed);
    let again = self::run(make, frames, computed);
    for (at, (first, second)) in run.updates.iter().zip(&again.updates).enumerate() {
        assert_eq!(first, second, "update {at} differs from one run to the next");
    }
    assert_eq!(run.updates.len(), again.updates.len(), "the number of updates differs between runs");
    broken::survived(make, frames);
    run
}

fn run(make: &Make<'_>, frames: &[Recorded], computed: FieldSet) -> Run {
    let (mut decoder, instruments) = make();
    let mut batch = Batch::new(instruments);
    let mut numbers = HashSet::new();
    let mut run = Run::default();
    for (place, recorded) in frames.iter().enumerate() {
        let Some(frame) = recorded.frame() else { continue };
        let ts_recv = recorded.ts_recv.unwrap_or(Micros(1 + place as i64));
        batch.clear();
        let result = decode(decoder.as_mut(), frame, ts_recv, &mut batch);
        let kind = match &result {
            Ok(kind) => (*kind).to_owned(),
            Err(error) => error.to_string(),
        };
        *run.kinds.entry(kind).or_default() += 1;
        if let Frame::Text(text) = frame {
            collect_numbers(text, &mut numbers);
        }
        for (instrument, update) in &batch.updates {
            let whole = format!("{frame:?}");
            assert!(batch.instruments.get(*instrument).is_some(), "no instrument {instrument:?} at {whole}");
            assert_eq!(update.ts_recv, ts_recv, "ts_recv is not what was given, at frame {place}: {whole}");
            if matches!(frame, Frame::Text(_)) {
                check_digits(update, computed, &numbers, place, &whole);
            }
            run.updates.push((place, *instrument, format!("{update:?}")));
        }
    }
    run
}

fn check_digits(update: &Update, computed: FieldSet, numbers: &HashSet<String>, place: usize, whole: &str) {
    for field in Field::NUMBER_FIELDS.into_iter().filter(|field| !computed.contains(*field)) {
        let Some(number) = update.told().contains(field).then(|| update.values().number(field)).flatten()
        else {
            continue;
        };
        let text = number.to_string();
        assert!(
            numbers.contains(&text),
            "{} is {text}, which no message up to frame {place} says: {whole}",
            field.name(),
        );
    }
}

/// Adds every number in the text in the form in which it prints when its digits are kept.
fn collect_numbers(text: &str, numbers: &mut HashSet<String>) {
    let part_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    for token in text.split(|c| !part_of_number(c)) {
        if !token.bytes().any(|b| b.is_ascii_digit()) {
            continue;
        }
        if let Ok(number) = Price::parse(token).or_else(|_| Price::parse_scientific(token)) {
            numbers.insert(number.to_string());
        }
    }
}

/// Decodes one frame and turns a panic into a failure that shows the frame.
fn decode(
    decoder: &mut dyn Decoder,
    frame: Frame<'_>,
    ts_recv: Micros,
    batch: &mut Batch,
) -> Result<&'static str, DecodeError> {
    let result = catch_unwind(AssertUnwindSafe(|| decoder.decode(frame, ts_recv, batch)));
    result.unwrap_or_else(|_| panic!("the decoder panicked at {frame:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use feed::json::text_decimal;
    use market::{Source, Symbol};

    /// Reads `price` from `name=price`; `twist` breaks one promise.
    #[derive(Debug)]
    struct Toy {
        twist: &'static str,
        count: usize,
    }

    impl Decoder for Toy {
        fn decode(
            &mut self,
            frame: Frame<'_>,
            ts_recv: Micros,
            batch: &mut Batch,
        ) -> Result<&'static str, DecodeError> {
            let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary")) };
            if self.twist == "slices" {
                let _ = &text[..9];
            }
            let (name, price) = text.split_once('=').ok_or(DecodeError::Garbage("no price"))?;
            let price = text_decimal(price).map_err(|_| DecodeError::Garbage("no number"))?;
            let price = price.map(|p| if self.twist == "rounds" { p.normalize() } else { p });
            let id = batch.instruments.resolve(name).ok_or(DecodeError::Garbage("no such symbol"))?;
            self.count += 1;
            let late = self.twist == "late";
            let mut update = Update::new(Source::Direct, if late { Micros(0) } else { ts_recv });
            update.tell(Field::Last, price);
            batch.push(id, update);
            Ok("trade")
        }
    }

    fn check(twist: &'static str) {
        let mut instruments = Instruments::new("TOY", 1);
        instruments.add("BTCUSD", Symbol::parse("TOY:BTC-USD").unwrap());
        instruments.close();
        let make = move || -> (Box<dyn Decoder>, Instruments) {
            (Box::new(Toy { twist, count: 0 }), instruments.clone())
        };
        let frames = [Recorded::text("BTCUSD=1.50"), Recorded::ping("x"), Recorded::text("BTCUSD=2.25")];
        let run = check_decoder(&make, &frames, FieldSet::EMPTY);
        assert_eq!((run.updates.len(), run.kinds["trade"]), (2, 2));
    }

    #[test]
    fn a_good_decoder_passes() {
        check("");
    }

    #[test]
    #[should_panic(expected = "last is 1.5, which no message")]
    fn lost_digits_are_found() {
        check("rounds");
    }

    #[test]
    #[should_panic(expected = "ts_recv is not what was given")]
    fn a_made_up_time_is_found() {
        check("late");
    }

    #[test]
    #[should_panic(expected = "the decoder panicked at")]
    fn a_panic_is_found() {
        check("slices");
    }
}
