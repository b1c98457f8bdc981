//! What requests may say, and how what is wrong with them is told.

use market::{Field, FieldSet, Symbol};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::{
    AnswerFormat, Change, Format, Mode, Numbers, QuotesRequest, Rate, RequestError, RequestLimits, Settings,
    StreamRequest, SymbolsRequest, Times,
};

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
fn the_last_id_has_the_name_that_a_polyfill_gives_it_in_a_query_of_a_stream_alone() {
    let request = StreamRequest::parse("symbols=A&lastEventId=ff-9", &LIMITS).unwrap();
    assert_eq!(request.last_event_id.as_deref(), Some("ff-9"));
    for query in
        ["lastEventId=1&last_event_id=1", "last_event_id=1&lastEventId=1", "lastEventId=1&lastEventId=1"]
    {
        let error = refused(&format!("symbols=A&{query}"));
        assert_eq!(
            (error.parameter.as_str(), error.detail.as_str()),
            ("last_event_id", "given more than once"),
            "{query}"
        );
    }
    for other in ["lastEventID", "lasteventid", "LastEventId"] {
        assert_eq!(refused(&format!("symbols=A&{other}=1")).parameter, other);
    }
    assert_eq!(body(r#"{"symbols":["A"],"lastEventId":"ff-9"}"#).unwrap_err().parameter, "lastEventId");
    assert_eq!(
        QuotesRequest::parse("symbols=A&lastEventId=1", &LIMITS).unwrap_err().parameter,
        "lastEventId"
    );
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

const WIDE: RequestLimits = RequestLimits { symbols_max: 200, query_bytes_max: 1 << 20 };

fn body(text: &str) -> Result<StreamRequest, RequestError> {
    StreamRequest::parse_json(text.as_bytes(), &WIDE)
}

fn change(text: &str) -> Result<Change, RequestError> {
    Change::parse_json(text.as_bytes(), &WIDE)
}

#[test]
fn every_setting_is_taken_at_its_limit_and_refused_beyond() {
    // Parameter, what is taken, what is refused; each as JSON. In a query string quotes fall away.
    let cases: [(&str, &[&str], &[&str]); 9] = [
        (
            "max_rate",
            &["0.01", "0.011", "999.999", "1000", "2.5"],
            &["0.009", "0", "1000.001", "1001", "-1", "1e1", "0.0001"],
        ),
        (
            "max_kbps",
            &["8", "9", "999999", "1000000"],
            &["7", "1000001", "0", "-8", "8.0", "99999999999999999999"],
        ),
        ("limit", &["1", "2", "999999999", "1000000000"], &["0", "1000000001", "-1", "1.5"]),
        (
            "duration",
            &["\"1ms\"", "\"2ms\"", "\"30s\"", "\"5m\"", "\"24h\"", "\"1440m\"", "\"86399999ms\""],
            &[
                "\"0ms\"",
                "\"0\"",
                "\"86400001ms\"",
                "\"25h\"",
                "\"30\"",
                "\"s\"",
                "\"1d\"",
                "\"-1s\"",
                "\"1.5s\"",
            ],
        ),
        ("mode", &["\"latest\"", "\"trades\"", "\"every\""], &["\"all\"", "\"Latest\"", "\"\""]),
        ("format", &["\"sse\"", "\"ndjson\"", "\"csv\""], &["\"json\"", "\"\""]),
        ("numbers", &["\"string\"", "\"json\""], &["\"float\""]),
        ("times", &["\"us\"", "\"ns\"", "\"iso\""], &["\"ms\""]),
        ("snapshot", &["true", "false"], &["1", "yes", "\"x\""]),
    ];
    for (parameter, taken, refused) in cases {
        for value in taken {
            let plain = value.trim_matches('"');
            let query = StreamRequest::parse(&format!("symbols=A&{parameter}={plain}"), &WIDE);
            assert!(query.is_ok(), "{parameter}={plain}: {query:?}");
            assert_eq!(
                query,
                body(&format!(r#"{{"symbols":["A"],"{parameter}":{value}}}"#)),
                "{parameter} {value}"
            );
        }
        for value in refused {
            let plain = value.trim_matches('"');
            let query =
                StreamRequest::parse(&format!("symbols=A&{parameter}={plain}"), &WIDE).expect_err(value);
            assert_eq!(query.parameter, parameter);
            let error = body(&format!(r#"{{"symbols":["A"],"{parameter}":{value}}}"#));
            let error = error.expect_err(value);
            assert!([parameter, "body"].contains(&error.parameter.as_str()), "{error}");
            assert!(!error.fix.is_empty() && !error.detail.is_empty());
        }
    }
}

#[test]
fn lists_are_bounded() {
    let names = |n: usize| (0..n).map(|i| format!("\"S{i}\"")).collect::<Vec<_>>().join(",");
    let with = |n| body(&format!(r#"{{"symbols":["A"],"priority":[{}]}}"#, names(n)));
    assert_eq!(with(99).unwrap().settings.priority.len(), 99);
    assert_eq!(with(100).unwrap().settings.priority.len(), 100);
    assert_eq!(with(101).unwrap_err().parameter, "priority");
    // Symbols, patterns and malformed ones count together.
    let with = |n| body(&format!(r#"{{"symbols":[{},"P*","*"]}}"#, names(n)));
    assert!(with(197).is_ok() && with(198).is_ok());
    assert_eq!(with(199).unwrap_err().detail, "more than 200 symbols");
    let add = |n| change(&format!(r#"{{"add":[{}]}}"#, names(n)));
    assert!(add(199).is_ok() && add(200).is_ok());
    assert_eq!(add(201).unwrap_err().parameter, "add");
    let rates = |n: usize| {
        let rates: Vec<_> = (0..n).map(|i| format!("\"S{i}\":1")).collect();
        change(&format!(r#"{{"symbol_rates":{{{}}}}}"#, rates.join(",")))
    };
    assert!(rates(199).is_ok() && rates(200).is_ok());
    assert_eq!(rates(201).unwrap_err().parameter, "symbol_rates");
}

#[test]
fn a_query_and_a_body_that_say_the_same_are_the_same() {
    let query = "symbols=kraken:eth-usd,BINANCE:BTC*,b%20d,*&fields=bid,mid&mode=trades&max_rate=10,KRAKEN:ETH-USD@0.5\
        &align=true&priority=KRAKEN:ETH-USD&max_kbps=64&snapshot=false&named=false&format=ndjson&numbers=json&times=ns\
        &limit=7&duration=90s&last_event_id=a-1";
    let twin = r#"{"symbols":["kraken:eth-usd","BINANCE:BTC*","b d","*"],"fields":["bid","mid"],"mode":"trades","max_rate":10,
        "symbol_rates":{"KRAKEN:ETH-USD":0.5},"align":true,"priority":["KRAKEN:ETH-USD"],"max_kbps":64,"snapshot":false,
        "named":false,"format":"ndjson","numbers":"json","times":"ns","limit":7,"duration":"90s","last_event_id":"a-1"}"#;
    let request = StreamRequest::parse(query, &WIDE).unwrap();
    assert_eq!(Ok(&request), body(twin).as_ref());
    assert_eq!(request.patterns[0].as_str(), "BINANCE:BTC*");
    let rejected: Vec<_> = request.rejected.iter().map(|(text, why)| (text.as_str(), why.name())).collect();
    assert_eq!(rejected, [("b d", "bad_character"), ("*", "pattern_too_wide")]);
    assert_eq!(request.settings.symbol_rates[0].1, Rate::parse("0.5").unwrap());
    let style = request.style(Format::Ndjson);
    assert_eq!((style.named, style.numbers, style.times), (false, Numbers::Json, Times::Ns));
    let all: Vec<_> = StreamRequest::PARAMETERS.iter().map(|name| format!(r#""{name}":null"#)).collect();
    let nothing = format!("{{{},\"symbols\":[\"A\"]}}", all[1..].join(","));
    assert_eq!(body(&nothing), StreamRequest::parse("symbols=A", &WIDE), "null says nothing");
}

#[test]
fn bodies_that_are_wrong_are_refused_by_name() {
    for (text, parameter) in [
        ("", "body"),
        ("[]", "body"),
        ("{", "body"),
        (r#"{"symbols":["A"]} x"#, "body"),
        ("{}", "symbols"),
        (r#"{"symbols":"A"}"#, "symbols"),
        (r#"{"symbols":["A",5]}"#, "symbols"),
        (r#"{"symbols":[]}"#, "symbols"),
        (r#"{"symbols":["A"],"symbols":["B"]}"#, "symbols"),
        (r#"{"symbols":["A"],"named":"true"}"#, "named"),
        (r#"{"symbols":["A"],"max_rate":"10"}"#, "max_rate"),
        (r#"{"symbols":["A"],"limit":"10"}"#, "limit"),
        (r#"{"symbols":["A"],"duration":30}"#, "duration"),
        (r#"{"symbols":["A"],"align":true}"#, "align"),
        (r#"{"symbols":["A"],"priority":["B*"]}"#, "priority"),
        (r#"{"symbols":["A"],"priority":["b d"]}"#, "priority"),
        (r#"{"symbols":["A"],"symbol_rates":{"b d":1}}"#, "symbol_rates"),
        (r#"{"symbols":["A"],"symbol_rates":{"A":1,"a":2}}"#, "symbol_rates"),
        (r#"{"symbols":["A"],"symbol_rates":[1]}"#, "symbol_rates"),
    ] {
        assert_eq!(body(text).expect_err(text).parameter, parameter, "{text}");
    }
    assert_eq!(StreamRequest::parse_json(b"\xff", &WIDE).unwrap_err().parameter, "body");
    let error = body(r#"{"symbols":["A"],"maxrate":1}"#).unwrap_err();
    assert_eq!((error.parameter.as_str(), error.fix.as_str()), ("maxrate", "did you mean `max_rate`?"));
    for query in [
        "max_rate=",
        "max_rate=1,2",
        "max_rate=A@1,a@1",
        "max_rate=A*@1",
        "max_rate=@1",
        "align=true",
        "priority=A*",
    ] {
        let error = StreamRequest::parse(&format!("symbols=A&{query}"), &WIDE).expect_err(query);
        assert!(query.starts_with(&error.parameter), "{query}: {error}");
    }
    assert!(
        StreamRequest::parse("symbols=A&align=true&max_rate=A@1", &WIDE).is_ok(),
        "a symbol's rate has windows too"
    );
}

#[test]
fn a_change_touches_what_it_names_and_null_is_the_default() {
    let now = Settings {
        mode: Mode::Every,
        max_rate: Rate::parse("5"),
        align: true,
        max_kbps: Some(9),
        fields: FieldSet::EMPTY.with(Field::Bid),
        ..Settings::default()
    };
    let nothing = change("{}").unwrap();
    assert_eq!((&nothing, nothing.settings(&now).as_ref()), (&Change::default(), Ok(&now)));
    let all: Vec<_> = Change::MEMBERS.iter().map(|name| format!(r#""{name}":null"#)).collect();
    let cleared = change(&format!("{{{}}}", all.join(","))).unwrap();
    assert_eq!(cleared.settings(&now), Ok(Settings::default()));
    assert!(cleared.add.is_empty() && cleared.remove.is_empty());
    let error = change(r#"{"max_rate":null}"#).unwrap().settings(&now).unwrap_err();
    assert_eq!(error.parameter, "align", "windows of nothing");
    let some =
        change(r#"{"add":["a","P*","b d"],"remove":["C","c","Q*","b d"],"max_rate":0.5,"mode":"trades"}"#)
            .unwrap();
    assert_eq!((names(&some.add), names(&some.remove)), (vec!["A"], vec!["C"]));
    assert_eq!((some.add_patterns[0].as_str(), some.remove_patterns[0].as_str()), ("P*", "Q*"));
    assert_eq!(some.rejected.len(), 1);
    let after = some.settings(&now).unwrap();
    assert_eq!(
        (after.mode, after.max_rate, after.align, after.max_kbps),
        (Mode::Trades, Rate::parse("0.5"), true, Some(9))
    );
    assert_eq!(change(r#"{"add":["a"],"remove":["A"]}"#).unwrap_err().parameter, "remove");
    assert_eq!(change(r#"{"add":["a*"],"remove":["A*"]}"#).unwrap_err().parameter, "remove");
    assert_eq!(change(r#"{"ad":[]}"#).unwrap_err().fix, "did you mean `add`?");
    assert_eq!(change(r#"{"symbols":["A"]}"#).unwrap_err().parameter, "symbols");
}

#[test]
fn a_poll_has_a_wait_and_a_form() {
    let poll = |query: &str| QuotesRequest::parse(&format!("symbols=A,B*&{query}"), &WIDE);
    let request = poll("since=a-1&wait=25s&format=csv&numbers=json&times=iso").unwrap();
    assert_eq!((request.since.as_deref(), request.wait.as_secs()), (Some("a-1"), 25));
    assert_eq!((request.format, request.patterns.len()), (Some(AnswerFormat::Csv), 1));
    for wait in ["0", "0s", "1ms", "59999ms", "60s", "1m"] {
        assert!(poll(&format!("wait={wait}")).is_ok(), "{wait}");
    }
    for wait in ["60001ms", "61s", "25", "-1s", ""] {
        assert_eq!(poll(&format!("wait={wait}")).unwrap_err().parameter, "wait", "{wait}");
    }
    assert_eq!(poll("format=sse").unwrap_err().parameter, "format");
}

proptest! {
    #[test]
    fn anything_at_all_is_a_body_or_an_error(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..300),
            "[{}\\[\\]\",:0-9.e*@\\\\ a-z_-]{0,200}".prop_map(String::into_bytes),
            // Something of the right names with values of any kind.
            vec(("(symbols|add|remove|fields|max_rate|symbol_rates|priority|limit|duration|align)",
                "(null|true|[0-9.]{1,9}|\"[A-Za-z0-9:*@. ]{0,9}\"|\\[(\"[A-Z*:]{0,5}\",?){0,3}\\]|\\{\"[A-Z]{0,4}\":[0-9.]{0,4}\\})"), 0..5)
                .prop_map(|members| {
                    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(",")).into_bytes()
                }),
        ],
    ) {
        let limits = RequestLimits { symbols_max: 4, query_bytes_max: 300 };
        let errors = [StreamRequest::parse_json(&bytes, &limits).err(), Change::parse_json(&bytes, &limits).err()];
        for error in errors.into_iter().flatten() {
            prop_assert!(!error.parameter.is_empty() || bytes.contains(&b'"'));
            prop_assert!(error.detail.len() < 600 && error.fix.len() < 600, "no answer grows with the request");
        }
        if let Ok(request) = StreamRequest::parse_json(&bytes, &limits) {
            let count = request.symbols.len() + request.patterns.len() + request.rejected.len();
            prop_assert!((1..=4).contains(&count));
        }
    }

    #[test]
    fn twins_are_equal_whatever_they_ask(
        symbols in vec("[A-Za-z0-9:*._/-]{1,12}", 1..6),
        millihertz in 10..=1_000_000_u32,
        kbps in 8..=1_000_000_u32,
        limit in 1..=1_000_000_000_u64,
        millis in 1..=86_400_000_u64,
        priority in vec("[A-Z]{1,6}", 0..4),
        flags: (bool, bool),
    ) {
        let rate = format!("{}.{:03}", millihertz / 1_000, millihertz % 1_000);
        let (align, named) = flags;
        let query = format!(
            "symbols={}&max_rate={rate},X:Y@{rate}&max_kbps={kbps}&limit={limit}&duration={millis}ms&priority={}&align={align}&named={named}",
            symbols.join(","), priority.join(",")
        );
        let twin = serde_json::json!({
            "symbols": symbols, "max_kbps": kbps, "limit": limit, "duration": format!("{millis}ms"), "priority": priority,
            "align": align, "named": named
        });
        let twin = format!(r#"{},"max_rate":{rate},"symbol_rates":{{"X:Y":{rate}}}}}"#, twin.to_string().trim_end_matches('}'));
        let request = StreamRequest::parse(&query, &WIDE).unwrap();
        prop_assert_eq!(request.settings.max_rate.unwrap().window().as_nanos(), u128::from(1_000_000_000_000 / u64::from(millihertz)));
        prop_assert_eq!(Ok(request), body(&twin));
    }
}
