//! The body of `GET /v1/quotes`: full quotes under the same names as in the stream.
//!
//! ```
//! use market::{FieldSet, Quote, Symbol};
//! use wire::{EventId, encode};
//! let mut out = Vec::new();
//! encode::quotes_open(&mut out, EventId { epoch: 10, seq: 7 });
//! encode::quote_object(&mut out, &Symbol::parse("X:A-B").unwrap(), &Quote::default(), FieldSet::DEFAULT);
//! encode::quotes_close(&mut out, &[]);
//! assert_eq!(
//!     out,
//!     br#"{"id":"a-7","quotes":[{"symbol":"X:A-B","seq":0,"status":"unknown","since":0,"reason":""}],"rejected":[]}"#
//! );
//! ```

use market::{FieldSet, Quote, Symbol};

use crate::hello::rejected_list;
use crate::{EventId, SymbolReason, encode, json};

/// Opens the body, up to the list of quotes. `id` must have been taken before the first quote is read: then a stream
/// that resumes from it misses no change.
pub fn quotes_open(out: &mut Vec<u8>, id: EventId) {
    out.extend_from_slice(b"{\"id\":\"");
    id.write(out);
    out.extend_from_slice(b"\",\"quotes\":[");
}

/// Appends one full quote as an object: `symbol`, `seq`, the wanted fields that have a value, and always the status.
/// The comma between two of them is the caller's.
pub fn quote_object(out: &mut Vec<u8>, symbol: &Symbol, quote: &Quote, wanted: FieldSet) {
    out.extend_from_slice(b"{\"symbol\":\"");
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    json::integer(out, quote.seq);
    encode::whole(out, quote, wanted);
    out.push(b'}');
}

/// Closes the list of quotes, names the symbols that are not served, and closes the body.
pub fn quotes_close(out: &mut Vec<u8>, rejected: &[(String, SymbolReason)]) {
    out.extend_from_slice(b"],\"rejected\":");
    rejected_list(out, rejected);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::{Field, Price};

    #[test]
    fn the_answer_is_json_with_every_quote_and_every_rejection() {
        let mut quote = Quote { seq: 3, ..Quote::default() };
        quote.values.set_number(Field::Bid, Some(Price::parse("1.50").unwrap().decimal()));
        let mut out = Vec::new();
        quotes_open(&mut out, EventId { epoch: 1, seq: 9 });
        quote_object(&mut out, &Symbol::parse("A:B").unwrap(), &quote, FieldSet::ALL);
        out.push(b',');
        quote_object(&mut out, &Symbol::parse("C:D").unwrap(), &quote, FieldSet::EMPTY);
        quotes_close(
            &mut out,
            &[("\"<\r\n".into(), SymbolReason::BadCharacter), ("E:F".into(), SymbolReason::Unknown)],
        );
        let body: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(body["id"], "1-9");
        assert_eq!(body["quotes"][0]["bid"], "1.50");
        assert_eq!(body["quotes"][1]["symbol"], "C:D");
        assert_eq!(body["quotes"][1].get("bid"), None);
        assert_eq!(body["rejected"][0]["symbol"], "\"<\r\n");
        assert_eq!(body["rejected"][1]["reason"], "unknown_symbol");
    }
}
