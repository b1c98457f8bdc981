//! Whatever is encoded comes back the same: any quote, any text, any mixture of events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

#[path = "shared/samples.rs"]
mod samples;

use market::{Field, FieldSet, Price, Quote, Symbol};
use proptest::collection::vec;
use proptest::prelude::*;
use samples::{Sample, any_fields, any_quote, any_sample, any_symbol, number_text};
use wire::event::{QuoteEvent, StatusEvent, StatusNow, Subject};
use wire::{Event, EventId, Parser, RawEvent, Style, View, encode};

fn parsed(bytes: &[u8]) -> Vec<RawEvent> {
    let mut events = Vec::new();
    Parser::default().push(bytes, &mut events).unwrap();
    events
}

/// A stream of these events; the k-th has the id of sequence `100 + k`.
fn stream(samples: &[Sample], named: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let style = Style { named, ..Style::default() };
    encode::head(&mut out, style, 2_345, FieldSet::ALL, &[]);
    for (seq, sample) in (100..).zip(samples) {
        sample.write(&mut out, style, EventId { epoch: 0xabc, seq });
    }
    out
}

fn says_the_same(sample: &Sample, event: &Event) {
    match (sample, event) {
        (Sample::Hello { stream, accepted, rejected, feed }, Event::Hello(read)) => {
            assert_eq!((&read.stream, read.epoch.as_str()), (stream, "abc"));
            assert!(read.accepted.iter().map(String::as_str).eq(accepted.iter().map(Symbol::as_str)));
            assert!(read.rejected.iter().map(|r| &r.symbol).eq(rejected.iter().map(|(text, _)| text)));
            assert_eq!((&read.feeds[0].feed, read.feeds[0].mode.as_str()), (feed, "demo"));
            assert_eq!(read.effective.fields.len(), Field::ALL.len());
        }
        (Sample::Snapshot { symbol, quote, wanted }, Event::Snapshot(read)) => {
            assert_eq!((&read.symbol, read.seq), (symbol, quote.seq));
            let told: FieldSet = wanted.with(Field::Status).iter().filter(|f| quote.has(*f)).collect();
            assert_eq!(read.told, told);
            carries(read, quote);
        }
        (Sample::Quote { symbol, quote, changed, wanted, merged }, Event::Quote(read)) => {
            assert_eq!((&read.symbol, read.seq, read.merged), (symbol, quote.seq, (*merged).max(1)));
            let mut told =
                changed.with_derived().intersection(*wanted).minus(FieldSet::TIMES).without(Field::Status);
            told =
                told.union(wanted.intersection(FieldSet::TIMES).iter().filter(|f| quote.has(*f)).collect());
            if changed.contains(Field::Status) {
                told = told.with(Field::Status);
            }
            assert_eq!(read.told, told);
            assert_eq!(
                encode::moves(*changed, *wanted),
                !told.minus(FieldSet::TIMES).is_empty(),
                "an event that says nothing can be known before it is encoded"
            );
            carries(read, quote);
        }
        (Sample::SymbolStatus { symbol, quote, .. }, Event::Status(read)) => {
            let now = StatusNow { status: quote.status, since: quote.status_since, reason: quote.reason };
            assert_eq!(*read, StatusEvent { subject: Subject::Symbol(symbol.clone()), seq: quote.seq, now });
        }
        (Sample::FeedStatus { feed, seq, status, since, reason }, Event::Status(read)) => {
            let now = StatusNow { status: *status, since: market::Micros(*since), reason: *reason };
            assert_eq!(*read, StatusEvent { subject: Subject::Feed(feed.clone()), seq: *seq, now });
        }
        (Sample::Heartbeat { server_time, seq, lag_us }, Event::Heartbeat(read)) => {
            assert_eq!((read.server_time, read.seq, read.lag_us), (*server_time, *seq, *lag_us));
        }
        (Sample::Lagged { missed, symbols }, Event::Lagged(read)) => {
            assert_eq!(read.missed, *missed);
            assert!(read.symbols.iter().map(String::as_str).eq(symbols.iter().map(Symbol::as_str)));
        }
        (Sample::Reset { reason }, Event::Reset(read)) => assert_eq!(read, reason),
        (Sample::Refused { reason, retry_ms }, Event::Refused(read))
        | (Sample::Goodbye { reason, retry_ms }, Event::Goodbye(read)) => {
            assert_eq!((&read.reason, read.retry_ms), (reason, *retry_ms));
        }
        other => panic!("another kind of event came back: {other:?}"),
    }
}

/// Every field that the event tells is the quote's.
fn carries(read: &QuoteEvent, quote: &Quote) {
    let digits = |number: market::Decimal| (number.mantissa(), number.scale());
    for field in read.told.iter() {
        match field {
            Field::Status => {
                let now = StatusNow { status: quote.status, since: quote.status_since, reason: quote.reason };
                assert_eq!(read.status, Some(now));
            }
            Field::LastSide => assert_eq!(read.side, quote.values.side()),
            word if FieldSet::COMPOSITE.contains(word) => assert_eq!(read.words.get(word), quote.word(word)),
            Field::TsEvent => assert_eq!(read.ts_event, quote.ts_event),
            Field::TsRecv => assert_eq!(read.ts_recv, quote.ts_recv),
            Field::TsPub => assert_eq!(read.ts_pub, Some(quote.ts_pub)),
            number => assert_eq!(
                read.figures.get(number).map(digits),
                quote.values.figure(number).map(digits),
                "{}",
                number.name()
            ),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_comes_back(samples in vec(any_sample(), 1..6), named: bool) {
        let events = parsed(&stream(&samples, named));
        prop_assert_eq!(events.len(), samples.len());
        let mut last_id = String::new();
        for ((seq, sample), raw) in (100..).zip(&samples).zip(&events) {
            let name = sample.name();
            prop_assert_eq!(&raw.event, if named { name.name() } else { "message" });
            if name.has_id() {
                last_id = format!("abc-{seq}");
            }
            prop_assert_eq!(&raw.id, &last_id);
            prop_assert_eq!(raw.retry, Some(2_345));
            says_the_same(sample, &Event::parse(&raw.data).unwrap());
        }
    }

    #[test]
    fn promise_12_events_are_whole_utf8_lf_only_with_one_line_of_json(
        samples in vec(any_sample(), 1..6),
        named: bool,
    ) {
        let bytes = stream(&samples, named);
        prop_assert!(bytes.iter().all(|b| *b >= 0x20 || *b == b'\n'), "a control character in the stream");
        let text = String::from_utf8(bytes).unwrap();
        prop_assert!(text.ends_with("\n\n") && !text.contains("\n\n\n"));
        let blocks = text.strip_prefix(": quotewire, wire version 1\nretry: 2345\n").unwrap();
        let blocks: Vec<&str> = blocks.strip_suffix("\n\n").unwrap().split("\n\n").collect();
        prop_assert_eq!(blocks.len(), samples.len(), "one block an event; the head is of the first");
        for (sample, block) in samples.iter().zip(&blocks) {
            let mut lines = block.lines();
            if sample.name().has_id() {
                let id = lines.next().unwrap().strip_prefix("id: ").unwrap();
                prop_assert!(EventId::parse(id).is_ok());
            }
            if named {
                prop_assert_eq!(lines.next().unwrap(), format!("event: {}", sample.name().name()));
            }
            let data = lines.next().unwrap().strip_prefix("data: ").unwrap();
            let payload: serde_json::Map<String, serde_json::Value> = serde_json::from_str(data).unwrap();
            prop_assert_eq!(&payload["type"], sample.name().name());
            prop_assert_eq!(lines.next(), None);
        }
    }

    #[test]
    fn promise_13_digits_leave_as_they_came(text in number_text(), place in 0..Field::NUMBERS) {
        let field = Field::NUMBER_FIELDS[place];
        let mut quote = Quote::default();
        quote.values.set_number(field, Some(Price::parse(&text).unwrap().decimal()));
        let wanted = FieldSet::EMPTY.with(field);
        let mut out = Vec::new();
        encode::quote(&mut out, Style::default(), &Symbol::parse("X:A").unwrap(), &quote, wanted, wanted, 1);
        let data = &parsed(&out)[0].data;
        let payload: serde_json::Value = serde_json::from_str(data).unwrap();
        prop_assert_eq!(payload[field.name()].as_str(), Some(text.as_str()));
    }

    #[test]
    fn promise_2_a_view_of_snapshot_and_deltas_equals_the_quote(
        symbol in any_symbol(),
        mut quotes in vec(any_quote(), 1..5),
        wanted in any_fields(),
    ) {
        quotes.sort_by_key(|q| q.seq);
        quotes.dedup_by_key(|q| q.seq);
        // A symbol is a composite or it is none.
        let is_composite = quotes[0].sides.is_composite();
        for quote in &mut quotes {
            match (is_composite, quote.sides.is_composite()) {
                (true, false) => quote.sides = market::Sides::of(None, None),
                (false, _) => quote.sides = market::Sides::default(),
                _ => {}
            }
        }
        let mut out = Vec::new();
        encode::snapshot(&mut out, Style::default(), &symbol, &quotes[0], wanted);
        // As in the table, a value that stays equal keeps the digits it had.
        for at in 1..quotes.len() {
            let (before, now) = (quotes[at - 1].values, &mut quotes[at].values);
            for field in Field::NUMBER_FIELDS {
                if before.same(now, field) {
                    now.set_number(field, before.number(field));
                }
            }
        }
        for pair in quotes.windows(2) {
            let changed = market::Delta::between(&pair[0], &pair[1]).changed;
            encode::quote(&mut out, Style::default(), &symbol, &pair[1], changed.with(Field::Status), wanted, 1);
        }
        let mut view = View::new();
        for raw in parsed(&out) {
            view.apply(&Event::parse(&raw.data).unwrap()).unwrap();
        }
        let last = quotes.last().unwrap();
        let different = view.differences(&symbol, last, wanted);
        prop_assert!(different.is_empty(), "{:?}", different);
    }

    #[test]
    fn every_cut_gives_the_same_events(samples in vec(any_sample(), 1..3), named: bool, at: prop::sample::Index) {
        let bytes = stream(&samples, named);
        let whole = parsed(&bytes);
        let (head, tail) = bytes.split_at(at.index(bytes.len()));
        let mut parser = Parser::default();
        let mut events = Vec::new();
        parser.push(head, &mut events).unwrap();
        parser.push(tail, &mut events).unwrap();
        prop_assert_eq!(&events, &whole);
        let mut parser = Parser::default();
        events.clear();
        for byte in &bytes {
            parser.push(std::slice::from_ref(byte), &mut events).unwrap();
        }
        prop_assert_eq!(&events, &whole);
    }

    #[test]
    fn anything_at_all_can_be_read_without_harm(bytes in vec(any::<u8>(), 0..400), limit in 0..300_usize) {
        let mut events = Vec::new();
        let _ = Parser::new(limit).push(&bytes, &mut events);
        for raw in events {
            prop_assert!(!raw.id.contains('\0') && !raw.event.contains('\n'));
            let _ = Event::parse(&raw.data);
            let _ = EventId::parse(&raw.data);
        }
        let text = String::from_utf8_lossy(&bytes);
        let limits = wire::RequestLimits { symbols_max: 4, query_bytes_max: 300 };
        if let Ok(request) = wire::StreamRequest::parse(&text, &limits) {
            prop_assert!(request.symbols.len() + request.rejected.len() <= 4 && !request.settings.fields.is_empty());
        }
    }
}
