//! Any event that the encoder can be asked for, with hostile text wherever text can stand.

use market::{Decimal, Field, FieldSet, Micros, Price, Quote, Reason, Side, Sides, Status, Symbol, Venue};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wire::encode::{self, Effective, FeedState, Hello};
use wire::{EventId, EventName, Format, Numbers, Settings, Style, SymbolReason, Times};

/// One call of the encoder.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Hello { stream: String, accepted: Vec<Symbol>, rejected: Vec<(String, SymbolReason)>, feed: String },
    Snapshot { symbol: Symbol, quote: Box<Quote>, wanted: FieldSet },
    Quote { symbol: Symbol, quote: Box<Quote>, changed: FieldSet, wanted: FieldSet, merged: u64 },
    SymbolStatus { symbol: Symbol, quote: Box<Quote>, wanted: FieldSet },
    FeedStatus { feed: String, seq: u64, status: Status, since: i64, reason: Reason },
    Heartbeat { server_time: i64, seq: u64, lag_us: u64 },
    Lagged { missed: Option<u64>, symbols: Vec<Symbol> },
    Reset { reason: String },
    Refused { reason: String, retry_ms: u64 },
    Goodbye { reason: String, retry_ms: u64 },
}

impl Sample {
    pub(crate) fn name(&self) -> EventName {
        match self {
            Sample::Hello { .. } => EventName::Hello,
            Sample::Snapshot { .. } => EventName::Snapshot,
            Sample::Quote { .. } => EventName::Quote,
            Sample::SymbolStatus { .. } | Sample::FeedStatus { .. } => EventName::Status,
            Sample::Heartbeat { .. } => EventName::Heartbeat,
            Sample::Lagged { .. } => EventName::Lagged,
            Sample::Reset { .. } => EventName::Reset,
            Sample::Refused { .. } => EventName::Refused,
            Sample::Goodbye { .. } => EventName::Goodbye,
        }
    }

    /// Appends the whole event, with its id if its kind has one.
    pub(crate) fn write(&self, out: &mut Vec<u8>, style: Style, id: EventId) {
        if !style.tells_feeds() && matches!(self, Sample::FeedStatus { .. }) {
            return;
        }
        if self.name().has_id() {
            encode::id_line(out, style, id);
        }
        match self {
            Sample::Hello { stream, accepted, rejected, feed } => {
                let hello = Hello {
                    stream: stream.clone(),
                    epoch: id.epoch,
                    server_time: Micros(5),
                    accepted,
                    rejected,
                    effective: Effective {
                        settings: &Settings { fields: FieldSet::ALL, ..Settings::default() },
                        style,
                        snapshot: true,
                        heartbeat_ms: 10_000,
                        retry_ms: 2_000,
                        limit: None,
                        duration_ms: None,
                        max_age_ms: None,
                        patterns: &[],
                    },
                    symbols_max: 7,
                    feeds: vec![FeedState {
                        feed: feed.clone(),
                        venue: feed.clone(),
                        kind: feed.clone(),
                        mode: "demo",
                        status: Status::Live,
                    }],
                };
                encode::hello(out, style, &hello);
            }
            Sample::Snapshot { symbol, quote, wanted } => {
                encode::snapshot(out, style, symbol, quote, *wanted);
            }
            Sample::Quote { symbol, quote, changed, wanted, merged } => {
                encode::quote(out, style, symbol, quote, *changed, *wanted, *merged);
            }
            Sample::SymbolStatus { symbol, quote, wanted } => {
                encode::symbol_status(out, style, symbol, quote, *wanted);
            }
            Sample::FeedStatus { feed, seq, status, since, reason } => {
                encode::feed_status(out, style, feed, *seq, *status, Micros(*since), *reason);
            }
            Sample::Heartbeat { server_time, seq, lag_us } => {
                encode::heartbeat(out, style, Micros(*server_time), *seq, *lag_us, FieldSet::ALL);
            }
            Sample::Lagged { missed, symbols } => encode::lagged(out, style, *missed, symbols, FieldSet::ALL),
            Sample::Reset { reason } => encode::reset(out, style, reason, FieldSet::ALL),
            Sample::Refused { reason, retry_ms } => {
                encode::refused(out, style, reason, *retry_ms, FieldSet::ALL)
            }
            Sample::Goodbye { reason, retry_ms } => {
                encode::goodbye(out, style, reason, *retry_ms, FieldSet::ALL)
            }
        }
    }
}

/// Any style of a stream, CSV included.
#[allow(dead_code, reason = "one of the tests that share this file needs only one style")]
pub(crate) fn any_style() -> impl Strategy<Value = Style> {
    let format = prop::sample::select(Format::ALL.as_slice());
    let numbers = prop::sample::select(Numbers::ALL.as_slice());
    let times = prop::sample::select(Times::ALL.as_slice());
    (format, any::<bool>(), numbers, times).prop_map(|(format, named, numbers, times)| Style {
        format,
        named,
        numbers,
        times,
    })
}

/// Text that a careless encoder would let out of its string.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\r\n\t\0\"\\\\:{} \u{2028}\u{feff}idatevnrty]{0,40}"]
}

/// A number as venues write them, and as it must leave.
pub(crate) fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,12})?",
        "-?[1-9][0-9]{0,13}\\.[0-9]{1,14}",
        Just("79228162514264337593543950335".to_owned()),
        Just("0.0000000000000000000000000001".to_owned()),
    ]
    // There is no negative zero: it leaves as zero.
    .prop_filter("negative zero", |text| {
        !text.starts_with('-') || text.bytes().any(|b| (b'1'..=b'9').contains(&b))
    })
}

fn number() -> impl Strategy<Value = Decimal> {
    number_text().prop_map(|text| Price::parse(&text).unwrap().decimal())
}

pub(crate) fn any_symbol() -> impl Strategy<Value = Symbol> {
    "[A-Z0-9._/-]{1,12}(:[A-Z0-9._/-]{1,24})?".prop_map(|text| Symbol::parse(&text).unwrap())
}

pub(crate) fn any_fields() -> impl Strategy<Value = FieldSet> {
    prop_oneof![any::<u32>().prop_map(FieldSet::from_bits), Just(FieldSet::ALL), Just(FieldSet::DEFAULT)]
}

fn any_status() -> impl Strategy<Value = (Status, Reason)> {
    (any::<u8>(), any::<u8>())
        .prop_map(|(s, r)| (Status::from_u8(s % 8), Reason::from_u8(r % Reason::ALL.len() as u8)))
}

/// Mostly those of one venue.
fn any_sides() -> impl Strategy<Value = Sides> {
    let venue = option::of(prop::sample::select(vec!["KRAKEN", "OKX", "BINANCE_US"]));
    option::of((venue.clone(), venue)).prop_map(|sides| {
        let intern = |name: Option<&str>| name.and_then(Venue::intern);
        sides.map_or(Sides::default(), |(bid, ask)| Sides::of(intern(bid), intern(ask)))
    })
}

pub(crate) fn any_quote() -> impl Strategy<Value = Box<Quote>> {
    let times = (any::<i64>(), option::of(any::<i64>()), option::of(any::<i64>()), any::<i64>());
    let numbers = vec(option::of(number()), Field::NUMBERS);
    (any::<u64>(), numbers, option::of(any::<bool>()), any_status(), times, any_sides()).prop_map(
        |(seq, numbers, side, (status, reason), (since, ts_event, ts_recv, ts_pub), sides)| {
            let mut quote = Quote {
                seq,
                changes: seq,
                status,
                reason,
                status_since: Micros(since),
                ts_event: ts_event.map(Micros),
                ts_recv: ts_recv.map(Micros),
                ts_pub: Micros(ts_pub),
                sides,
                ..Quote::default()
            };
            for (field, value) in Field::NUMBER_FIELDS.into_iter().zip(numbers) {
                quote.values.set_number(field, value);
            }
            quote.values.set_side(side.map(|buy| if buy { Side::Buy } else { Side::Sell }));
            Box::new(quote)
        },
    )
}

pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let rejected = vec((any_text(), Just(SymbolReason::BadCharacter)), 0..3);
    prop_oneof![
        (any_text(), vec(any_symbol(), 0..4), rejected, any_text()).prop_map(
            |(stream, accepted, rejected, feed)| Sample::Hello { stream, accepted, rejected, feed }
        ),
        (any_symbol(), any_quote(), any_fields()).prop_map(|(symbol, quote, wanted)| Sample::Snapshot {
            symbol,
            quote,
            wanted
        }),
        (any_symbol(), any_quote(), any_fields(), any_fields(), 0..4_u64).prop_map(
            |(symbol, quote, changed, wanted, merged)| Sample::Quote {
                symbol,
                quote,
                changed,
                wanted,
                merged
            }
        ),
        (any_symbol(), any_quote(), any_fields())
            .prop_map(|(symbol, quote, wanted)| { Sample::SymbolStatus { symbol, quote, wanted } }),
        (any_text(), any::<u64>(), any_status(), any::<i64>()).prop_map(
            |(feed, seq, (status, reason), since)| Sample::FeedStatus { feed, seq, status, since, reason }
        ),
        (any::<i64>(), any::<u64>(), any::<u64>()).prop_map(|(server_time, seq, lag_us)| Sample::Heartbeat {
            server_time,
            seq,
            lag_us
        }),
        (option::of(any::<u64>()), vec(any_symbol(), 0..4))
            .prop_map(|(missed, symbols)| Sample::Lagged { missed, symbols }),
        any_text().prop_map(|reason| Sample::Reset { reason }),
        (any_text(), any::<u64>()).prop_map(|(reason, retry_ms)| Sample::Refused { reason, retry_ms }),
        (any_text(), any::<u64>()).prop_map(|(reason, retry_ms)| Sample::Goodbye { reason, retry_ms }),
    ]
}
