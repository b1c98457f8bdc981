//! Rows of CSV (RFC 4180, but LF ends a row): one an event, each as wide as the header line.

use market::exact::write_decimal;
use market::{Field, FieldSet, Quote, Symbol};

use crate::frame::EventName;
use crate::{Style, SymbolReason, json, time};

/// The columns of a header that are chosen: every wanted field in its order, without the status, which has columns of
/// its own behind them.
fn chosen(wanted: FieldSet) -> impl Iterator<Item = Field> {
    wanted.without(Field::Status).iter()
}

/// Appends a header line: what comes before the chosen fields, they, the status, and one last column.
pub(crate) fn header(out: &mut Vec<u8>, before: &[u8], wanted: FieldSet, last: &[u8]) {
    out.extend_from_slice(before);
    for field in chosen(wanted) {
        out.push(b',');
        out.extend_from_slice(field.name().as_bytes());
    }
    out.extend_from_slice(b",status,since,reason,");
    out.extend_from_slice(last);
    out.push(b'\n');
}

/// Appends the rest of a row that names a symbol that is not served: the symbol, nothing, the reason, nothing.
pub(crate) fn rejected_row(out: &mut Vec<u8>, wanted: FieldSet, symbol: &str, reason: SymbolReason) {
    text(out, symbol);
    out.push(b',');
    nothing(out, wanted);
    out.extend_from_slice(reason.name().as_bytes());
    out.extend_from_slice(b",\n");
}

/// Appends the values of a quote from `symbol` up to `reason`, the last one without its comma.
pub(crate) fn quote_values(
    out: &mut Vec<u8>,
    style: Style,
    wanted: FieldSet,
    symbol: &Symbol,
    quote: &Quote,
) {
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.push(b',');
    json::integer(out, quote.seq);
    for field in chosen(wanted) {
        out.push(b',');
        let moment = match field {
            Field::TsEvent => quote.ts_event,
            Field::TsRecv => quote.ts_recv,
            Field::TsPub => quote.has(Field::TsPub).then_some(quote.ts_pub),
            word if FieldSet::WORDS.contains(word) => {
                out.extend_from_slice(quote.word(word).unwrap_or_default().as_bytes());
                continue;
            }
            number => {
                if let Some(value) = quote.values.figure(number) {
                    write_decimal(value, out);
                }
                continue;
            }
        };
        if let Some(moment) = moment {
            time::csv_value(out, style.times, moment);
        }
    }
    out.push(b',');
    out.extend_from_slice(quote.status.name().as_bytes());
    out.push(b',');
    time::csv_value(out, style.times, quote.status_since);
    out.push(b',');
    out.extend_from_slice(quote.reason.name().as_bytes());
}

/// A row of a stream, after its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    name: EventName,
    seq: Option<u64>,
    reason: &'a str,
    n: Option<u64>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(name: EventName) -> Row<'a> {
        Row { name, seq: None, reason: "", n: None }
    }

    pub(crate) fn seq(self, seq: u64) -> Row<'a> {
        Row { seq: Some(seq), ..self }
    }

    pub(crate) fn reason(self, reason: &'a str) -> Row<'a> {
        Row { reason, ..self }
    }

    pub(crate) fn n(self, n: Option<u64>) -> Row<'a> {
        Row { n, ..self }
    }

    /// Appends the row of an event that is no quote.
    pub(crate) fn end(self, out: &mut Vec<u8>, wanted: FieldSet) {
        self.begin(out);
        out.push(b',');
        if let Some(seq) = self.seq {
            json::integer(out, seq);
        }
        out.push(b',');
        // As many as `nothing` writes but its first, which stands behind the sequence here.
        nothing_after_seq(out, wanted);
        text(out, self.reason);
        self.finish(out);
    }

    /// Appends the row of a whole quote.
    pub(crate) fn quote(
        self,
        out: &mut Vec<u8>,
        style: Style,
        wanted: FieldSet,
        symbol: &Symbol,
        quote: &Quote,
    ) {
        self.begin(out);
        quote_values(out, style, wanted, symbol, quote);
        self.finish(out);
    }

    fn begin(self, out: &mut Vec<u8>) {
        // The id of an event that has one is written before it.
        if !self.name.has_id() {
            out.push(b',');
        }
        out.extend_from_slice(self.name.name().as_bytes());
        out.push(b',');
    }

    fn finish(self, out: &mut Vec<u8>) {
        out.push(b',');
        if let Some(n) = self.n {
            json::integer(out, n);
        }
        out.push(b'\n');
    }
}

/// The commas of a sequence, of every chosen field, of the status and its time, when none of them has a value.
fn nothing(out: &mut Vec<u8>, wanted: FieldSet) {
    out.push(b',');
    nothing_after_seq(out, wanted);
}

fn nothing_after_seq(out: &mut Vec<u8>, wanted: FieldSet) {
    for _ in chosen(wanted) {
        out.push(b',');
    }
    out.extend_from_slice(b",,");
}

/// Appends outside text as one value: in quotes when it holds a comma, a quote, or an end of line.
fn text(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}
