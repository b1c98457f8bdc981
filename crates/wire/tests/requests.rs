//! What requests may say, and how what is wrong with them is told.

use market::{Field, FieldSet, Symbol};
use wire::{QuotesRequest, RequestError, RequestLimits, Settings, StreamRequest, SymbolsRequest};

const LIMITS: RequestLimits = RequestLimits { symbols_max: 5, query_bytes_max: 600 };

fn names(symbols: &[Symbol]) -> Vec<&str> {
    symbols.iter().map(Symbol::as_str).collect()
}

fn refused(query: &str) -> RequestError {
    StreamRequest::parse(query, &LIMITS).expect_err(query)
}

#[test]
fn a_request_with_symbols_alone_has_the_defaults() {
    let request = StreamRequest::parse("symbols=COINBASE:BTC-USD", &LIMITS).unwrap();
    assert_eq!(names(&request.symbols), ["COINBASE:BTC-USD"]);
    assert_eq!(&request.settings, &Settings::default());
    assert!(request.named && request.snapshot && request.rejected.is_empty());
    assert_eq!(request.last_event_id, None);
}

#[test]
fn lists_may_be_repeated_encoded_and_untidy() {
    for query in [
        "symbols=X:A,Y:B",
        "symbols=X:A&symbols=Y:B",
        "symbols=x%3Aa%2Cy%3Ab",
        "symbols=,X:A,,Y:B,&",
        "symbols=X:A,+Y:B+,x:a",
        "%73ymbols=%58:A,Y:B",
    ] {
        assert_eq!(names(&StreamRequest::parse(query, &LIMITS).unwrap().symbols), ["X:A", "Y:B"], "{query}");
    }
}

#[test]
fn a_bad_symbol_is_named_and_the_good_ones_stay() {
    let long = "A".repeat(90);
    let query = format!("symbols=X:A,b%0d%0ad,:x,*,%ff,b%0d%0ad&symbols=,{long}");
    let limits = RequestLimits { symbols_max: 9, ..LIMITS };
    let request = StreamRequest::parse(&query, &limits).unwrap();
    assert_eq!(names(&request.symbols), ["X:A"]);
    let rejected: Vec<_> = request.rejected.iter().map(|(text, why)| (text.as_str(), why.name())).collect();
    let cut = format!("{}…", "A".repeat(64));
    assert_eq!(
        rejected,
        [
            ("b\r\nd", "bad_character"),
            (":x", "empty"),
            ("*", "pattern_too_wide"),
            ("\u{fffd}", "bad_character"),
            (cut.as_str(), "too_long"),
        ]
    );
    let request = StreamRequest::parse("symbols=%00", &LIMITS).unwrap();
    assert!(request.symbols.is_empty() && request.rejected.len() == 1);
}

#[test]
fn lists_that_are_empty_or_too_long_are_refused() {
    for query in ["", "symbols=", "symbols=,%20,", "fields=bid", "&&", "symbols"] {
        assert_eq!(refused(query).parameter, "symbols", "{query:?}");
    }
    assert_eq!(refused("symbols=A,B,C,D,E,F").detail, "more than 5 symbols");
    assert_eq!(refused("symbols=A,B,C,D,E,*").parameter, "symbols", "bad ones count");
    assert!(StreamRequest::parse("symbols=A,B,C,D,E,a,b", &LIMITS).is_ok(), "repeated ones do not");
    assert_eq!(refused(&format!("symbols={}", "A".repeat(600))).parameter, "query");
}

#[test]
fn fields_are_chosen_by_name() {
    let fields = |query: &str| StreamRequest::parse(query, &LIMITS).unwrap().settings.fields;
    let both: FieldSet = [Field::Bid, Field::Mid].into_iter().collect();
    assert_eq!(fields("symbols=A&fields=bid,mid"), both);
    assert_eq!(fields("symbols=A&fields=bid&fields=mid,bid"), both);
    let error = refused("symbols=A&fields=bid,bidsize");
    assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("fields", "did you mean `bid_size`?"));
    assert!(refused("symbols=A&fields=zzzzzz").fix.contains("bid_size"), "the list of all");
    assert_eq!(refused("symbols=A&fields=BID").fix, "did you mean `bid`?");
    assert_eq!(refused("symbols=A&fields=").parameter, "fields");
}

#[test]
fn settings_are_read_strictly() {
    let request = StreamRequest::parse(
        "symbols=A&mode=latest&named=false&snapshot=false&last_event_id=ff-9%0a",
        &LIMITS,
    )
    .unwrap();
    assert!(!request.named && !request.snapshot);
    assert_eq!(request.last_event_id.as_deref(), Some("ff-9\n"), "its reader decides what is garbage");
    for (query, parameter) in [
        ("symbols=A&named=yes", "named"),
        ("symbols=A&named=", "named"),
        ("symbols=A&snapshot=0", "snapshot"),
        ("symbols=A&mode=all", "mode"),
        ("symbols=A&named=true&named=true", "named"),
        ("symbols=A&last_event_id=1&last_event_id=2", "last_event_id"),
    ] {
        assert_eq!(refused(query).parameter, parameter, "{query}");
    }
}

#[test]
fn unknown_parameters_are_refused_with_what_was_probably_meant() {
    let error = refused("symbols=A&symbol=B");
    assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("symbol", "did you mean `symbols`?"));
    let error = refused("symbols=A&x%0ay=1");
    assert_eq!(error.parameter, "x\ny");
    assert!(error.fix.contains("last_event_id"));
    assert!(refused(&format!("symbols=A&{}=1", "y".repeat(300))).parameter.len() < 80);
}

#[test]
fn quotes_and_symbols_have_their_own_parameters() {
    let request = QuotesRequest::parse("symbols=A,%3c&fields=last", &LIMITS).unwrap();
    assert_eq!((names(&request.symbols), request.rejected.len()), (vec!["A"], 1));
    assert_eq!(QuotesRequest::parse("symbols=A&named=true", &LIMITS).unwrap_err().parameter, "named");
    assert_eq!(SymbolsRequest::parse("").unwrap(), SymbolsRequest { search: String::new(), limit: 100 });
    assert_eq!(
        SymbolsRequest::parse("search=btc+&limit=7").unwrap(),
        SymbolsRequest { search: "btc".into(), limit: 7 }
    );
    for query in ["limit=0", "limit=1001", "limit=x", "limit=%2b5", "limit=-1", "limit=99999999999999999999"]
    {
        assert_eq!(SymbolsRequest::parse(query).unwrap_err().parameter, "limit", "{query}");
    }
}
