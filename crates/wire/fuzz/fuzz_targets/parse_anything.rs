//! Any bytes at all can be read without harm, and where they are cut makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{
    Change, Event, EventId, Parser, QuotesRequest, RequestLimits, Settings, StreamRequest, SymbolsRequest, Times, View,
};

fuzz_target!(|bytes: &[u8]| {
    let mut whole = Vec::new();
    let result = Parser::new(4_096).push(bytes, &mut whole);

    let at = bytes.first().map_or(0, |b| usize::from(*b) % bytes.len());
    let mut cut = Vec::new();
    let mut parser = Parser::new(4_096);
    let cut_result = parser.push(&bytes[..at], &mut cut).and_then(|()| parser.push(&bytes[at..], &mut cut));
    assert_eq!((&whole, result), (&cut, cut_result));

    let mut view = View::new();
    for raw in &whole {
        assert!(!raw.id.contains('\0'));
        if let Ok(event) = Event::parse(&raw.data) {
            let _ = view.apply(&event);
        }
    }

    let text = String::from_utf8_lossy(bytes);
    let _ = Event::parse(&text).map(|event| view.apply(&event));
    if let Ok(id) = EventId::parse(&text) {
        assert_eq!(id.to_string(), text);
    }
    let limits = RequestLimits { symbols_max: 8, query_bytes_max: 1_024 };
    if let Ok(request) = StreamRequest::parse(&text, &limits) {
        let count = request.symbols.len() + request.patterns.len() + request.rejected.len();
        assert!((1..=8).contains(&count));
    }
    if let Ok(request) = StreamRequest::parse_json(bytes, &limits) {
        let count = request.symbols.len() + request.patterns.len() + request.rejected.len();
        assert!((1..=8).contains(&count));
    }
    if let Ok(change) = Change::parse_json(bytes, &limits) {
        let _ = change.settings(&Settings::default());
    }
    for times in Times::ALL {
        let _ = Event::parse_line(&text, times);
    }
    let _ = QuotesRequest::parse(&text, &limits);
    let _ = SymbolsRequest::parse(&text);
});
