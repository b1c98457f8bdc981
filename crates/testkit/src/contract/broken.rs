//! Frames that are wrong: a decoder answers each of them, lets none pass as if it were right, and takes the next.

use std::collections::HashSet;

use feed::{Batch, DecodeError, Frame};
use market::Micros;
use serde_json::value::RawValue;

use super::{Make, decode, twisted};
use crate::script::{Payload, Recorded};

/// How many broken forms of recorded frames are tried. The figure bounds the time of the check, not its meaning:
/// frames are taken evenly from the whole recording.
const BROKEN_FRAMES: usize = 400;

/// Text that no venue sends and every decoder must survive, over and above broken forms of recorded frames. What of it is
/// JSON says nothing, so no decoder may make something of it.
const HOSTILE: [&str; 14] = [
    "",
    " ",
    "null",
    "0",
    "[]",
    "{}",
    "[[]]",
    "\"\"",
    "[null,null,null,null]",
    "{\"\":{\"\":null}}",
    "{\"data\":[],\"channel\":0,\"event\":null,\"type\":[],\"e\":{},\"stream\":1}",
    "[1e999999999,{\"a\":[\"\"]},\"\",\"\"]",
    "\u{feff}{}",
    "pong\0",
];

type Answer = Result<&'static str, DecodeError>;

pub(super) fn survived(make: &Make<'_>, frames: &[Recorded]) {
    let (mut decoder, instruments) = make();
    let mut batch = Batch::new(instruments);
    let speech = Speech::of(frames);
    let mut give = |frame: Frame<'_>| {
        batch.clear();
        let answer = decode(decoder.as_mut(), frame, Micros(1), &mut batch);
        speech.check(frame, &answer, &batch);
    };
    let long = format!("{{\"price\":\"{}\"}}", "9".repeat(10_000));
    let deep = ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[{\"a\":".repeat(50_000)];
    for text in deep.iter().map(String::as_str).chain([long.as_str()]) {
        give(Frame::Text(text));
        give(Frame::Binary(text.as_bytes()));
    }
    give(Frame::Binary(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff]));
    // The spread of positions and bytes has to be the same in every run, so it comes from a fixed linear sequence.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below.max(1)
    };
    let stride = frames.len().div_ceil(BROKEN_FRAMES).max(1);
    for recorded in frames.iter().step_by(stride) {
        let (bytes, is_text) = match &recorded.payload {
            Payload::Text(text) => (text.as_bytes(), true),
            Payload::Binary(bytes) => (bytes.as_slice(), false),
            Payload::Ping(_) => continue,
        };
        let mut give_bytes = |bytes: &[u8]| {
            if is_text {
                give(Frame::Text(&String::from_utf8_lossy(bytes)));
            }
            give(Frame::Binary(bytes));
        };
        for _ in 0..8 {
            give_bytes(&bytes[..random(bytes.len())]);
            let mut garbled = bytes.to_vec();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                if let Some(byte) = garbled.get_mut(at) {
                    *byte = random(256) as u8;
                }
            }
            give_bytes(&garbled);
        }
        give_bytes(&[bytes, b"}"].concat());
        give_bytes(bytes);
    }
    twisted::each(frames, &mut |text: &str, is_text| {
        give(if is_text { Frame::Text(text) } else { Frame::Binary(text.as_bytes()) });
    });
    hostile_texts_say_nothing(make, &Speech::of(frames));
}

/// A text of [`HOSTILE`] is an error, or counted as ignored: on a new connection, where nothing came before it. Where a venue
/// speaks in lines that are no JSON, an empty or unknown one may be right, and still leads to nothing.
fn hostile_texts_say_nothing(make: &Make<'_>, speech: &Speech<'_>) {
    let (mut decoder, instruments) = make();
    let mut batch = Batch::new(instruments);
    for text in HOSTILE {
        for frame in [Frame::Text(text), Frame::Binary(text.as_bytes())] {
            batch.clear();
            let answer = decode(decoder.as_mut(), frame, Micros(1), &mut batch);
            let counted = answer.is_err() || !batch.ignored.is_empty();
            let may_be_right = matches!(frame, Frame::Text(_)) && !speech.text;
            assert!(counted || may_be_right, "{frame:?} passed as {answer:?}, uncounted");
            let made = batch.updates.len() + batch.replies.len() + batch.refused.len() + batch.heard.len();
            assert!(made == 0 && !batch.ready, "{frame:?} led to {batch:?}");
        }
    }
}

/// How a venue speaks, by its recorded frames.
struct Speech<'a> {
    /// Its texts are JSON.
    text: bool,
    /// Its binary frames are JSON, or it has none.
    binary: bool,
    /// Texts of it that are no JSON (`pong`).
    words: HashSet<&'a str>,
}

impl<'a> Speech<'a> {
    fn of(frames: &'a [Recorded]) -> Speech<'a> {
        let mut speech = Speech { text: true, binary: true, words: HashSet::new() };
        for recorded in frames {
            match &recorded.payload {
                Payload::Text(text) if !is_json(text.as_bytes()) => {
                    speech.text &= text.bytes().all(|byte| byte.is_ascii_alphabetic());
                    speech.words.insert(text);
                }
                Payload::Binary(bytes) => speech.binary &= is_json(bytes),
                Payload::Text(_) | Payload::Ping(_) => {}
            }
        }
        speech
    }

    /// What should be JSON and is none has to be an error, and to tell no value: an error is what the supervisor counts.
    fn check(&self, frame: Frame<'_>, answer: &Answer, batch: &Batch) {
        let is_wrong = match frame {
            Frame::Text(text) => self.text && !is_json(text.as_bytes()) && !self.words.contains(text),
            Frame::Binary(bytes) => self.binary && !is_json(bytes),
        };
        if is_wrong {
            assert!(answer.is_err(), "no JSON, and passed as {answer:?}: {frame:?}");
            // What was lost track of is told before the error, as a status without values.
            let value = batch.updates.iter().find(|(_, update)| !update.told().is_empty());
            assert!(value.is_none(), "no JSON, and told {value:?}: {frame:?}");
        }
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use feed::{Decoder, Ignored, Instruments};
    use market::{Decimal, Field, Source, Update};
    use serde_json::Value;

    use super::*;

    /// Reads `{"name":"BTCUSD","price":7}`; `twist` lets something wrong pass.
    #[derive(Debug)]
    struct Toy(&'static str);

    impl Decoder for Toy {
        fn decode(&mut self, frame: Frame<'_>, ts_recv: Micros, batch: &mut Batch) -> Answer {
            let text = match frame {
                Frame::Text(text) => text,
                Frame::Binary(_) if self.0 == "any bytes" => return Ok("binary"),
                Frame::Binary(_) => return Err(DecodeError::Garbage("binary")),
            };
            let text = match text.strip_suffix('}') {
                Some(shorter) if self.0 == "more behind it" && shorter.ends_with('}') => shorter,
                _ => text,
            };
            let told = |batch: &mut Batch, price: i64| {
                let id = batch.instruments.resolve("BTCUSD").ok_or(DecodeError::Garbage("no such symbol"))?;
                let mut update = Update::new(Source::Direct, ts_recv);
                update.tell(Field::Last, Some(Decimal::from(price)));
                batch.push(id, update);
                Ok("trade")
            };
            let Ok(whole) = serde_json::from_str::<Value>(text) else {
                if self.0 == "half a frame" && text.contains("price") {
                    told(batch, 7)?;
                }
                return Err(DecodeError::Garbage("no JSON"));
            };
            let Some(price) = whole["price"].as_i64() else {
                if self.0 != "no price" {
                    batch.ignore(Ignored::NotAQuote);
                }
                if self.0 == "a guess" {
                    told(batch, 0)?;
                }
                return Ok("other");
            };
            told(batch, price)
        }
    }

    fn check(twist: &'static str) {
        let make =
            || -> (Box<dyn Decoder>, Instruments) { (Box::new(Toy(twist)), Instruments::new("TOY", 1)) };
        let text = r#"{"name":"BTCUSD","price":7}"#;
        survived(&make, &[text, text, text].map(Recorded::text));
    }

    #[test]
    fn a_strict_decoder_passes() {
        check("");
    }

    #[test]
    #[should_panic(expected = "no JSON, and passed as Ok(\"binary\")")]
    fn bytes_where_texts_are_due_are_found() {
        check("any bytes");
    }

    #[test]
    #[should_panic(expected = "no JSON, and passed as Ok(\"trade\")")]
    fn what_is_read_although_more_follows_is_found() {
        check("more behind it");
    }

    #[test]
    #[should_panic(expected = "no JSON, and told")]
    fn a_value_told_before_the_error_is_found() {
        check("half a frame");
    }

    #[test]
    #[should_panic(expected = "passed as Ok(\"other\"), uncounted")]
    fn what_vanishes_uncounted_is_found() {
        check("no price");
    }

    #[test]
    #[should_panic(expected = "led to Batch")]
    fn what_is_made_of_nothing_is_found() {
        check("a guess");
    }
}
