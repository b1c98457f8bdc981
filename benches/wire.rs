//! Encoding: one delta frame, and one number, against the usual ways of writing them.
//!
//! Estimate: 10,000 clients with one symbol each, every one owed its own delta 10 times a second, is 100,000 frames a
//! second; at 120 ns a frame that is 1.2 % of one core, so encoding is never what bounds the fan-out. The bar is
//! 120 ns for a frame of bid, bid size and the three times.
//!
//! All three encoders write the same bytes; the bench asserts it before it measures.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;

use criterion::{Criterion, criterion_group, criterion_main};
use market::{Decimal, Field, FieldSet, Micros, Price, Quote, Symbol};
use serde::Serialize;
use wire::{EventId, Format, Numbers, Style, Times, encode};

const ID: EventId = EventId { epoch: 0x0199_3e0f_4a2c, seq: 8_131_442 };

/// What nearly every stream has, and what must stay the fastest.
const STYLE: Style = Style { format: Format::Sse, named: true, numbers: Numbers::String, times: Times::Us };

fn decimal(text: &str) -> Decimal {
    Price::parse(text).map(Price::decimal).unwrap_or_default()
}

fn quote() -> Quote {
    let mut quote = Quote {
        seq: ID.seq,
        ts_event: Some(Micros(1_795_253_400_228_500)),
        ts_recv: Some(Micros(1_795_253_400_248_800)),
        ts_pub: Micros(1_795_253_400_248_850),
        ..Quote::default()
    };
    quote.values.set_number(Field::Bid, Some(decimal("61685.99000000")));
    quote.values.set_number(Field::BidSize, Some(decimal("0.04210000")));
    quote.values.set_number(Field::Ask, Some(decimal("61686.00000000")));
    quote
}

fn ours(out: &mut Vec<u8>, symbol: &Symbol, quote: &Quote, changed: FieldSet) {
    encode::id_line(out, STYLE, ID);
    encode::quote(out, STYLE, symbol, quote, changed, FieldSet::DEFAULT, 1);
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    symbol: &'a str,
    seq: u64,
    bid: Option<Text>,
    bid_size: Option<Text>,
    ts_event: Option<i64>,
    ts_recv: Option<i64>,
    ts_pub: i64,
}

/// A decimal as serde would write it, through `Display`.
struct Text(Decimal);

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn with_serde(out: &mut Vec<u8>, symbol: &Symbol, quote: &Quote) {
    let _ = write!(out, "id: {ID}\nevent: quote\ndata: ");
    let payload = Payload {
        kind: "quote",
        symbol: symbol.as_str(),
        seq: quote.seq,
        bid: quote.values.number(Field::Bid).map(Text),
        bid_size: quote.values.number(Field::BidSize).map(Text),
        ts_event: quote.ts_event.map(Micros::get),
        ts_recv: quote.ts_recv.map(Micros::get),
        ts_pub: quote.ts_pub.get(),
    };
    let _ = serde_json::to_writer(&mut *out, &payload);
    out.extend_from_slice(b"\n\n");
}

fn with_write(out: &mut Vec<u8>, symbol: &Symbol, quote: &Quote) {
    let (bid, size) = (quote.values.number(Field::Bid), quote.values.number(Field::BidSize));
    let _ = write!(
        out,
        "id: {ID}\nevent: quote\ndata: {{\"type\":\"quote\",\"symbol\":\"{symbol}\",\"seq\":{},\"bid\":\"{}\",\"bid_size\":\"{}\",\"ts_event\":{},\"ts_recv\":{},\"ts_pub\":{}}}\n\n",
        quote.seq,
        bid.unwrap_or_default(),
        size.unwrap_or_default(),
        quote.ts_event.map_or(0, Micros::get),
        quote.ts_recv.map_or(0, Micros::get),
        quote.ts_pub.get(),
    );
}

fn frames(c: &mut Criterion) {
    let Ok(symbol) = Symbol::parse("COINBASE:BTC-USD") else { return };
    let quote = quote();
    let changed: FieldSet = [Field::Bid, Field::BidSize].into_iter().collect();
    let written = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        encode(&mut out);
        out
    };
    let frame = written(&|out| ours(out, &symbol, &quote, changed));
    assert_eq!(frame, written(&|out| with_serde(out, &symbol, &quote)));
    assert_eq!(frame, written(&|out| with_write(out, &symbol, &quote)));

    let mut group = c.benchmark_group("frame");
    let mut out = Vec::with_capacity(1 << 12);
    group.bench_function("ours", |b| {
        b.iter(|| {
            out.clear();
            ours(&mut out, black_box(&symbol), black_box(&quote), black_box(changed));
            black_box(out.len())
        });
    });
    group.bench_function("ours_without_id", |b| {
        b.iter(|| {
            out.clear();
            encode::quote(
                &mut out,
                STYLE,
                black_box(&symbol),
                black_box(&quote),
                changed,
                FieldSet::DEFAULT,
                1,
            );
            black_box(out.len())
        });
    });
    group.bench_function("serde_json", |b| {
        b.iter(|| {
            out.clear();
            with_serde(&mut out, black_box(&symbol), black_box(&quote));
            black_box(out.len())
        });
    });
    group.bench_function("write_macro", |b| {
        b.iter(|| {
            out.clear();
            with_write(&mut out, black_box(&symbol), black_box(&quote));
            black_box(out.len())
        });
    });
    group.bench_function("snapshot", |b| {
        b.iter(|| {
            out.clear();
            encode::snapshot(&mut out, STYLE, black_box(&symbol), black_box(&quote), FieldSet::DEFAULT);
            black_box(out.len())
        });
    });
    group.finish();
}

fn numbers(c: &mut Criterion) {
    let number = decimal("61685.99000000");
    let mut group = c.benchmark_group("number");
    let mut out = Vec::with_capacity(64);
    group.bench_function("write", |b| {
        b.iter(|| {
            out.clear();
            market::exact::write_decimal(black_box(number), &mut out);
            black_box(out.len())
        });
    });
    let mut text = String::with_capacity(64);
    group.bench_function("display", |b| {
        b.iter(|| {
            text.clear();
            let _ = write!(text, "{}", black_box(number));
            black_box(text.len())
        });
    });
    group.finish();
}

criterion_group!(benches, frames, numbers);
criterion_main!(benches);
