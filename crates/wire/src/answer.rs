//! The body of `GET /v1/quotes`: full quotes under the same names as in the stream.
//!
//! ```
//! use market::{FieldSet, Micros, Quote, Symbol};
//! use wire::{EventId, Style, encode};
//! let mut out = Vec::new();
//! encode::quotes_open(&mut out, Style::default(), EventId { epoch: 10, seq: 7 }, Micros(5), None);
//! let symbol = Symbol::parse("X:A-B").unwrap();
//! encode::quote_object(&mut out, Style::default(), &symbol, &Quote::default(), FieldSet::DEFAULT, None);
//! encode::quotes_close(&mut out, &[]);
//! assert_eq!(
//!     std::str::from_utf8(&out).unwrap(),
//!     concat!(
//!         r#"{"id":"a-7","server_time":5,"quotes":["#,
//!         r#"{"symbol":"X:A-B","seq":0,"status":"unknown","since":0,"reason":""}"#,
//!         r#"],"rejected":[]}"#
//!     )
//! );
//! ```

use market::{FieldSet, Micros, Quote, Symbol};

use crate::encode::{self, csv_quote_values};
use crate::hello::{rejected_entry, rejected_list};
use crate::{EventId, Format, Style, SymbolReason, json, time};

/// Opens the JSON body, up to the list of quotes. `id` must have been taken before the first quote is read: then a
/// stream or a poll that resumes from it misses no change. `reset` says why a given id could not be continued.
pub fn quotes_open(out: &mut Vec<u8>, style: Style, id: EventId, server_time: Micros, reset: Option<&str>) {
    out.extend_from_slice(b"{\"id\":\"");
    id.write(out);
    out.extend_from_slice(b"\",\"server_time\":");
    time::json_value(out, style.times, server_time);
    if let Some(reason) = reset {
        out.extend_from_slice(b",\"reset\":");
        json::text(out, reason);
    }
    out.extend_from_slice(b",\"quotes\":[");
}

/// Appends one full quote as an object: `symbol`, `seq`, the wanted fields that have a value, always the status, and how
/// long the venue has been silent about it, unless it never spoke. The comma between two of them is the caller's.
pub fn quote_object(
    out: &mut Vec<u8>,
    style: Style,
    symbol: &Symbol,
    quote: &Quote,
    wanted: FieldSet,
    age_us: Option<u64>,
) {
    out.extend_from_slice(b"{\"symbol\":\"");
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    json::integer(out, quote.seq);
    encode::whole(out, style, quote, wanted);
    if let Some(age) = age_us {
        out.extend_from_slice(b",\"age_us\":");
        json::integer(out, age);
    }
    out.push(b'}');
}

/// Closes the list of quotes, names the symbols that are not served, and closes the JSON body.
pub fn quotes_close(out: &mut Vec<u8>, rejected: &[(String, SymbolReason)]) {
    out.extend_from_slice(b"],\"rejected\":");
    rejected_list(out, rejected);
    out.push(b'}');
}

/// Appends the header line of a CSV body.
pub fn csv_header(out: &mut Vec<u8>, wanted: FieldSet) {
    encode::header(out, b"symbol,seq", wanted, b"age_us");
}

/// Appends one full quote as a line: a row when the style is CSV, an object otherwise.
pub fn quote_line(
    out: &mut Vec<u8>,
    style: Style,
    symbol: &Symbol,
    quote: &Quote,
    wanted: FieldSet,
    age_us: Option<u64>,
) {
    if style.format == Format::Csv {
        csv_quote_values(out, style, wanted, symbol, quote);
        out.push(b',');
        if let Some(age) = age_us {
            json::integer(out, age);
        }
    } else {
        quote_object(out, style, symbol, quote, wanted, age_us);
    }
    out.push(b'\n');
}

/// Appends a line for every symbol that is not served, with nothing but its name and the reason.
pub fn rejected_lines(
    out: &mut Vec<u8>,
    style: Style,
    wanted: FieldSet,
    rejected: &[(String, SymbolReason)],
) {
    for (symbol, reason) in rejected {
        if style.format == Format::Csv {
            encode::rejected_row(out, wanted, symbol, *reason);
        } else {
            rejected_entry(out, symbol, *reason);
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::{Field, Price};

    #[test]
    fn the_answer_is_json_with_every_quote_and_every_rejection() {
        let mut quote = Quote { seq: 3, ..Quote::default() };
        quote.values.set_number(Field::Bid, Some(Price::parse("1.50").unwrap().decimal()));
        let style = Style::default();
        let mut out = Vec::new();
        quotes_open(&mut out, style, EventId { epoch: 1, seq: 9 }, Micros(77), Some("future_seq"));
        quote_object(&mut out, style, &Symbol::parse("A:B").unwrap(), &quote, FieldSet::ALL, Some(12));
        out.push(b',');
        quote_object(&mut out, style, &Symbol::parse("C:D").unwrap(), &quote, FieldSet::EMPTY, None);
        quotes_close(
            &mut out,
            &[("\"<\r\n".into(), SymbolReason::BadCharacter), ("E:F".into(), SymbolReason::Unknown)],
        );
        let body: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(body["id"], "1-9");
        assert_eq!((&body["server_time"], &body["reset"]), (&77.into(), &"future_seq".into()));
        assert_eq!(body["quotes"][0]["bid"], "1.50");
        assert_eq!(body["quotes"][0]["age_us"], 12);
        assert_eq!(body["quotes"][1]["symbol"], "C:D");
        assert_eq!(body["quotes"][1].get("bid"), None);
        assert_eq!(body["quotes"][1].get("age_us"), None);
        assert_eq!(body["rejected"][0]["symbol"], "\"<\r\n");
        assert_eq!(body["rejected"][1]["reason"], "unknown_symbol");
    }
}
