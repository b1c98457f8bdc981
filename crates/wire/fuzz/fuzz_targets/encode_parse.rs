//! Whatever text and numbers events are made of, the parser gets the same events back.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use market::{Decimal, Field, FieldSet, Micros, Quote, Reason, Side, Status, Symbol};
use wire::{Event, EventId, EventName, Parser, encode};

#[derive(Arbitrary, Debug)]
struct Input {
    named: bool,
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
        };
        names.push(name);
        if name.has_id() {
            encode::id_line(&mut out, EventId { epoch: input.epoch, seq });
        }
        match sample {
            Sample::Quote { symbol: text, quote, changed, wanted, merged } => encode::quote(
                &mut out,
                input.named,
                &symbol(text),
                &quote.quote(),
                FieldSet::from_bits(*changed),
                FieldSet::from_bits(*wanted),
                *merged,
            ),
            Sample::Snapshot { symbol: text, quote, wanted } => {
                encode::snapshot(&mut out, input.named, &symbol(text), &quote.quote(), FieldSet::from_bits(*wanted));
            }
            Sample::Feed { feed, seq, status, reason, since } => encode::feed_status(
                &mut out,
                input.named,
                feed,
                *seq,
                Status::from_u8(*status),
                Micros(*since),
                Reason::from_u8(*reason),
            ),
            Sample::Reset { reason } => encode::reset(&mut out, input.named, reason),
            Sample::Goodbye { reason, retry_ms } => encode::goodbye(&mut out, input.named, reason, *retry_ms),
            Sample::Heartbeat { time, seq, lag_us } => {
                encode::heartbeat(&mut out, input.named, Micros(*time), *seq, *lag_us);
            }
        }
    }
    assert!(out.iter().all(|b| *b >= 0x20 || *b == b'\n'));
    let mut events = Vec::new();
    Parser::default().push(&out, &mut events).expect("short events");
    assert_eq!(events.len(), names.len());
    for ((raw, name), sample) in events.iter().zip(&names).zip(&input.events) {
        assert_eq!(raw.event, if input.named { name.name() } else { "message" });
        assert!(raw.id.is_empty() || EventId::parse(&raw.id).is_ok());
        match (Event::parse(&raw.data).expect("an event"), sample) {
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
