//! What the HTML standard (section 9.2.6, "Interpreting an event stream") makes of a stream, case by case.

/// An event: type, last event id, data.
pub(crate) type Told = (&'static str, &'static str, &'static str);

/// One case.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) stream: &'static [u8],
    pub(crate) events: &'static [Told],
    pub(crate) retry: Option<u64>,
    /// Independent parsers known to read this case otherwise. The tests hold this list from both sides.
    pub(crate) deviates: &'static [&'static str],
}

const fn case(name: &'static str, stream: &'static [u8], events: &'static [Told]) -> Vector {
    Vector { name, stream, events, retry: None, deviates: &[] }
}

const fn retry(name: &'static str, stream: &'static [u8], retry: Option<u64>) -> Vector {
    Vector { name, stream, events: &[("message", "", "x")], retry, deviates: &[] }
}

impl Vector {
    const fn but(self, deviates: &'static [&'static str]) -> Vector {
        Vector { deviates, ..self }
    }
}

/// `sse-stream`, a Rust crate that reads blocks, not EventSource semantics.
const BLOCKS: &str = "sse-stream";
/// `eventsource-parser`, what the npm clients are built on.
const NPM: &str = "eventsource-parser";

pub(crate) const VECTORS: &[Vector] = &[
    // The standard's own examples.
    case(
        "standard: three lines of data",
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        &[("message", "", "YHOO\n+2\n10")],
    ),
    case(
        "standard: comment, id, reset of the id",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[("message", "1", "first event"), ("message", "", "second event"), ("message", "", " third event")],
    ),
    case(
        "standard: empty data and unfinished end",
        b"data\n\ndata\ndata\n\ndata:",
        &[("message", "", ""), ("message", "", "\n")],
    ),
    case(
        "standard: the blank after the colon",
        b"data:test\n\ndata: test\n\n",
        &[("message", "", "test"), ("message", "", "test")],
    ),
    case(
        "standard: named events",
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        &[("add", "", "73857293"), ("remove", "", "2153"), ("add", "", "113411")],
    ),
    // Line ends.
    case("lf", b"data: a\ndata: b\n\n", &[("message", "", "a\nb")]),
    case("cr", b"data: a\rdata: b\r\r:\n", &[("message", "", "a\nb")]),
    case("crlf", b"data: a\r\ndata: b\r\n\r\n", &[("message", "", "a\nb")]),
    case(
        "line ends mixed",
        b"data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\n",
        &[("message", "", "a\nb\nc"), ("message", "", "d")],
    ),
    case("lf then cr are two ends", b"data: a\n\rdata: b\n\n", &[("message", "", "a"), ("message", "", "b")]),
    case("cr cr lf are two ends", b"data: a\r\r\ndata: b\n\n", &[("message", "", "a"), ("message", "", "b")]),
    case("a stream that ends in cr", b"data: a\r\r", &[("message", "", "a")]).but(&[NPM]),
    case(
        "other unicode line ends are text",
        "data: a\u{85}b\u{2028}c\u{b}d\n\n".as_bytes(),
        &[("message", "", "a\u{85}b\u{2028}c\u{b}d")],
    ),
    // Blank lines and the end.
    case("nothing", b"", &[]),
    case("blank lines alone", b"\n\n\r\r\r\n\n", &[]),
    case(
        "many blank lines between",
        b"data: a\n\n\n\n\ndata: b\n\n",
        &[("message", "", "a"), ("message", "", "b")],
    ),
    case("no blank line, no event", b"data: a\n", &[]),
    case("no line end, no event", b"data: a", &[]),
    case("cut in the second event", b"data: a\n\ndata: b\n", &[("message", "", "a")]),
    // Byte order mark.
    case("bom at the start", b"\xef\xbb\xbfdata: a\n\n", &[("message", "", "a")]),
    case("bom before an event line", b"\xef\xbb\xbfevent: e\ndata: a\n\n", &[("e", "", "a")]),
    case(
        "only one bom is dropped",
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
        &[("message", "", "b")],
    ),
    case(
        "bom later is text",
        b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n",
        &[("message", "", "a"), ("message", "", "c")],
    ),
    case("bom in data is text", b"data: \xef\xbb\xbfa\n\n", &[("message", "", "\u{feff}a")]),
    // Blanks and colons.
    case("one blank is dropped, the second is data", b"data:  a \n\n", &[("message", "", " a ")]),
    case("a tab is data", b"data:\ta\n\n", &[("message", "", "\ta")]),
    case(
        "later colons are data",
        b"data: a:b: c\n\ndata::d\n\n",
        &[("message", "", "a:b: c"), ("message", "", ":d")],
    ),
    case("no colon, empty value", b"data\n\n", &[("message", "", "")]),
    case("colon, empty value", b"data:\n\n", &[("message", "", "")]),
    case("colon and blank, empty value", b"data: \n\n", &[("message", "", "")]),
    case("empty lines of data count", b"data\ndata: a\ndata:\n\n", &[("message", "", "\na\n")]),
    case("a blank before the name is another field", b" data: a\n\n", &[]),
    case("a blank after the name is another field", b"data : a\n\n", &[]),
    case("a nul in data is data", b"data: a\0b\n\n", &[("message", "", "a\0b")]),
    case("a nul in the name is another field", b"da\0ta: a\n\n", &[]),
    // Field names.
    case("names are case sensitive", b"Data: a\nDATA: b\nEvent: c\ndata: d\n\n", &[("message", "", "d")]),
    case("unknown fields are ignored", b"foo: a\ndata: b\nbar\nwaffles: c\n\n", &[("message", "", "b")]),
    case(
        "a longer name is another field",
        b"dataa: a\ndat: b\nevents: c\nids: 1\ndata: d\n\n",
        &[("message", "", "d")],
    ),
    // Comments.
    case("comments are ignored", b": a\ndata: b\n:c\n:\n:: d\n\n", &[("message", "", "b")]),
    case("a comment is no event", b": a\n\n", &[]),
    case("a comment that looks like data", b":data: a\n\n: data: b\ndata: c\n\n", &[("message", "", "c")]),
    case("comments do not end an event", b"data: a\n: b\ndata: c\n\n", &[("message", "", "a\nc")]),
    case("a long comment", &[b':'; 2_000], &[]),
    // Event types.
    case("an event type", b"event: e\ndata: a\n\n", &[("e", "", "a")]),
    case(
        "the type lasts one event",
        b"event: e\ndata: a\n\ndata: b\n\n",
        &[("e", "", "a"), ("message", "", "b")],
    ),
    case("the last type counts", b"event: a\nevent: b\ndata: c\n\n", &[("b", "", "c")]),
    case(
        "an empty type is message",
        b"event: a\nevent\ndata: b\n\nevent:\ndata: c\n\n",
        &[("message", "", "b"), ("message", "", "c")],
    ),
    case(
        "a type without data is no event and does not last",
        b"event: a\n\ndata: b\n\n",
        &[("message", "", "b")],
    ),
    case("the type may stand after the data", b"data: a\nevent: e\n\n", &[("e", "", "a")]),
    case("a type may hold blanks and unicode", "event:  e ü\ndata: a\n\n".as_bytes(), &[(" e ü", "", "a")]),
    case(
        "types named like the connection's own",
        b"event: error\ndata: a\n\nevent: open\ndata: b\n\n",
        &[("error", "", "a"), ("open", "", "b")],
    ),
    // Ids.
    case("an id lasts", b"id: 1\ndata: a\n\ndata: b\n\n", &[("message", "1", "a"), ("message", "1", "b")]),
    case("an id without data lasts too", b"id: 1\n\ndata: a\n\n", &[("message", "1", "a")]).but(&[NPM]),
    case(
        "an empty id clears",
        b"id: 1\ndata: a\n\nid\ndata: b\n\nid:\ndata: c\n\n",
        &[("message", "1", "a"), ("message", "", "b"), ("message", "", "c")],
    ),
    case(
        "an id with nul is ignored",
        b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n",
        &[("message", "1", "a"), ("message", "1", "b")],
    ),
    case(
        "a nul id does not undo an id of the same event",
        b"id: 1\nid: \x00\ndata: a\n\n",
        &[("message", "1", "a")],
    ),
    case("the last id counts", b"id: 1\nid: 2\ndata: a\n\n", &[("message", "2", "a")]),
    case("the id may stand after the data", b"data: a\nid: 1\n\n", &[("message", "1", "a")]),
    case(
        "ids may hold anything else",
        "id:  a b:c ü\ndata: a\n\n".as_bytes(),
        &[("message", " a b:c ü", "a")],
    ),
    case("an id of an unfinished event is not told", b"data: a\n\nid: 2\ndata: b\n", &[("message", "", "a")]),
    // Waiting times.
    retry("retry in digits", b"retry: 2345\ndata: x\n\n", Some(2_345)),
    retry("retry in a block of its own", b"retry: 10\n\ndata: x\n\n", Some(10)),
    retry("retry zero", b"retry: 0\ndata: x\n\n", Some(0)),
    retry("retry with leading zeros", b"retry:007\ndata: x\n\n", Some(7)),
    retry("the last retry counts", b"retry: 1\nretry: 2\ndata: x\n\n", Some(2)),
    retry("a bad retry leaves the good one", b"retry: 5\nretry: 6s\ndata: x\n\n", Some(5)),
    retry("retry with a sign is ignored", b"retry: -1\nretry: +1\ndata: x\n\n", None),
    retry("retry with a fraction is ignored", b"retry: 1.5\nretry: 1e3\ndata: x\n\n", None),
    retry("retry with blanks is ignored", b"retry:  1\nretry: 1 \ndata: x\n\n", None),
    retry("retry empty is ignored", b"retry\nretry:\nretry: \ndata: x\n\n", None),
    retry("retry in other digits is ignored", "retry: １２\ndata: x\n\n".as_bytes(), None),
    // UTF-8.
    case("two, three and four bytes", "data: é€😀\n\n".as_bytes(), &[("message", "", "é€😀")]),
    case("a broken byte is replaced", b"data: a\xffb\n\n", &[("message", "", "a\u{fffd}b")]).but(&[BLOCKS]),
    case("a cut character is replaced once", b"data: a\xe2\x82\n\n", &[("message", "", "a\u{fffd}")])
        .but(&[BLOCKS]),
    case(
        "surrogates are replaced byte by byte",
        b"data: \xed\xa0\x80\n\n",
        &[("message", "", "\u{fffd}\u{fffd}\u{fffd}")],
    )
    .but(&[BLOCKS]),
    case(
        "overlong forms are replaced byte by byte",
        b"data: \xc0\xaf\n\n",
        &[("message", "", "\u{fffd}\u{fffd}")],
    )
    .but(&[BLOCKS]),
    case("broken bytes in an unknown field do no harm", b"\xff\xfe: a\ndata: b\n\n", &[("message", "", "b")]),
    // What ours looks like, and what a forger would like it to look like.
    case(
        "one of our events",
        b": quotewire\n\nid: a-1\nevent: quote\ndata: {\"type\":\"quote\"}\n\n",
        &[("quote", "a-1", "{\"type\":\"quote\"}")],
    ),
    case(
        "a bare cr forges an event",
        b"data: {\"symbol\":\"A\r\revent: quote\rdata: forged\r\r\"}\n\n",
        &[("message", "", "{\"symbol\":\"A"), ("quote", "", "forged")],
    ),
];
