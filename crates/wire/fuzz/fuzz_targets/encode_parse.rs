//! Whatever text and numbers events are made of, the parser gets the same events back.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use market::{Decimal, Field, FieldSet, Micros, Quote, Reason, Side, Status, Symbol};
use wire::{Event, EventId, EventName, Format, Numbers, Parser, Style, Times, encode};

#[derive(Arbitrary, Debug)]
struct Input {
    /// What makes a [`Style`].
    style: (u8, bool, u8, u8),
    epoch: u64,
    events: Vec<Sample>,
}

#[derive(Arbitrary, Debug)]
enum Sample {
    Quote { symbol: String, quote: AnyQuote, changed: u32, wanted: u32, merged: u64 },
    Snapshot { symbol: String, quote: AnyQuote, wanted: u32 },
    Feed { feed: String, seq: u64, status: u8, reason: u8, since: i64 },
    Reset { reason: String },
    Goodbye { reason: String, retry_ms: u64 },
    Heartbeat { time: i64, seq: u64, lag_us: u64 },
    Lagged { missed: Option<u64>, symbol: String },
}

fn style((format, named, numbers, times): (u8, bool, u8, u8)) -> Style {
    Style {
        format: Format::ALL[usize::from(format) % Format::ALL.len()],
        named,
        numbers: Numbers::ALL[usize::from(numbers) % Numbers::ALL.len()],
        times: Times::ALL[usize::from(times) % Times::ALL.len()],
    }
}

#[derive(Arbitrary, Debug)]
struct AnyQuote {
    seq: u64,
    numbers: [Option<(u32, u32, u32, bool, u8)>; 14],
    side: Option<bool>,
    status: u8,
    reason: u8,
    times: (i64, Option<i64>, Option<i64>, i64),
}

impl AnyQuote {
    fn quote(&self) -> Quote {
        let (since, ts_event, ts_recv, ts_pub) = self.times;
        let mut quote = Quote {
            seq: self.seq,
            status: Status::from_u8(self.status),
            reason: Reason::from_u8(self.reason),
            status_since: Micros(since),
            ts_event: ts_event.map(Micros),
            ts_recv: ts_recv.map(Micros),
            ts_pub: Micros(ts_pub),
            ..Quote::default()
        };
        for (field, number) in Field::NUMBER_FIELDS.into_iter().zip(self.numbers) {
            let decimal = number.map(|(lo, mid, hi, negative, scale)| {
                let negative = negative && (lo | mid | hi) != 0;
                Decimal::from_parts(lo, mid, hi, negative, u32::from(scale % 29))
            });
            quote.values.set_number(field, decimal);
        }
        quote.values.set_side(self.side.map(|buy| if buy { Side::Buy } else { Side::Sell }));
        quote
    }
}

fn symbol(text: &str) -> Symbol {
    Symbol::of_venue("X", text).unwrap_or_else(|_| Symbol::parse("X:Y").expect("a symbol"))
}

fuzz_target!(|input: Input| {
    let style = style(input.style);
    let all = FieldSet::ALL;
    let mut out = Vec::new();
    let mut names = Vec::new();
    for (seq, sample) in (0..).zip(&input.events) {
        let name = match sample {
            Sample::Quote { .. } => EventName::Quote,
            Sample::Snapshot { .. } => EventName::Snapshot,
            Sample::Feed { .. } => EventName::Status,
            Sample::Reset { .. } => EventName::Reset,
            Sample::Goodbye { .. } => EventName::Goodbye,
            Sample::Heartbeat { .. } => EventName::Heartbeat,
            Sample::Lagged { .. } => EventName::Lagged,
        };
        if name == EventName::Status && !style.tells_feeds() {
            continue;
        }
        names.push(name);
        if name.has_id() {
            encode::id_line(&mut out, style, EventId { epoch: input.epoch, seq });
        }
        match sample {
            Sample::Quote { symbol: text, quote, changed, wanted, merged } => encode::quote(
                &mut out,
                style,
                &symbol(text),
                &quote.quote(),
                FieldSet::from_bits(*changed),
                FieldSet::from_bits(*wanted),
                *merged,
            ),
            Sample::Snapshot { symbol: text, quote, wanted } => {
                encode::snapshot(&mut out, style, &symbol(text), &quote.quote(), FieldSet::from_bits(*wanted));
            }
            Sample::Feed { feed, seq, status, reason, since } => encode::feed_status(
                &mut out,
                style,
                feed,
                *seq,
                Status::from_u8(*status),
                Micros(*since),
                Reason::from_u8(*reason),
            ),
            Sample::Reset { reason } => encode::reset(&mut out, style, reason, all),
            Sample::Goodbye { reason, retry_ms } => encode::goodbye(&mut out, style, reason, *retry_ms, all),
            Sample::Heartbeat { time, seq, lag_us } => {
                encode::heartbeat(&mut out, style, Micros(*time), *seq, *lag_us, all);
            }
            Sample::Lagged { missed, symbol: text } => {
                encode::lagged(&mut out, style, *missed, [&symbol(text)], all);
            }
        }
    }
    let text = std::str::from_utf8(&out).expect("UTF-8");
    let mut read = Vec::new();
    match style.format {
        // The tests read it with an independent reader; here it only must come to its end.
        Format::Csv => return,
        Format::Ndjson => {
            assert_eq!(text.lines().count(), names.len());
            for (line, name) in text.lines().zip(&names) {
                let (id, event) = Event::parse_line(line, style.times).expect("an event");
                assert_eq!(id.is_some(), name.has_id());
                assert!(id.is_none_or(|id| EventId::parse(&id).is_ok()));
                read.push(event);
            }
        }
        Format::Sse => {
            let mut events = Vec::new();
            Parser::default().push(&out, &mut events).expect("short events");
            assert_eq!(events.len(), names.len());
            for (raw, name) in events.iter().zip(&names) {
                assert_eq!(raw.event, if style.named { name.name() } else { "message" });
                assert!(raw.id.is_empty() || EventId::parse(&raw.id).is_ok());
                read.push(Event::parse_with(&raw.data, style.times).expect("an event"));
            }
        }
    }
    assert!(out.iter().all(|b| *b >= 0x20 || *b == b'\n'));
    for (event, sample) in read.into_iter().zip(&input.events) {
        match (event, sample) {
            (Event::Lagged(read), Sample::Lagged { missed, .. }) => assert_eq!(read.missed, *missed),
            (Event::Reset(read), Sample::Reset { reason }) => assert_eq!(read, *reason),
            (Event::Goodbye(read), Sample::Goodbye { reason, retry_ms }) => {
                assert_eq!((&read.reason, read.retry_ms), (reason, *retry_ms));
            }
            (Event::Quote(read), Sample::Quote { quote, .. })
            | (Event::Snapshot(read), Sample::Snapshot { quote, .. }) => {
                let quote = quote.quote();
                assert_eq!(read.seq, quote.seq);
                let digits = |number: Decimal| (number.mantissa(), number.scale());
                for field in read.told.intersection(FieldSet::NUMBERS).iter() {
                    assert_eq!(read.figures.get(field).map(digits), quote.values.number(field).map(digits));
                }
            }
            (Event::Status(_), Sample::Feed { .. }) | (Event::Heartbeat(_), Sample::Heartbeat { .. }) => {}
            (event, sample) => panic!("{sample:?} came back as {event:?}"),
        }
    }
});
