//! The client's side: payloads to typed events.
//!
//! Made to outlive its version: unknown kinds of event, unknown keys and unknown words for a status or a reason are
//! taken and passed over.

use std::borrow::Cow;
use std::fmt;

use market::{Decimal, Field, FieldSet, Micros, Price, Reason, Side, Status, Symbol};
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::Text;
use crate::{EventName, Times, time};

mod hello;

pub use hello::{Effective, Feed, Hello, Limits, Rejected};

/// One event of a quote stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// What was asked for and what is given.
    Hello(Box<Hello>),
    /// A full quote.
    Snapshot(Box<QuoteEvent>),
    /// The changed fields of a quote.
    Quote(Box<QuoteEvent>),
    /// A symbol or a feed changed state.
    Status(StatusEvent),
    /// The stream is alive.
    Heartbeat(Heartbeat),
    /// Changes were lost.
    Lagged(Lagged),
    /// What was known cannot be continued; the reason's name.
    Reset(String),
    /// No stream now.
    Refused(Farewell),
    /// The stream ends here.
    Goodbye(Farewell),
    /// A kind of event that this version does not know.
    Other(String),
}

/// Why a payload is not an event: a fault of the server or of the line, end the stream or skip the event.
#[derive(Debug)]
pub struct EventError(serde_json::Error);

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an event of a quote stream: {}", self.0)
    }
}

impl std::error::Error for EventError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl From<serde_json::Error> for EventError {
    fn from(error: serde_json::Error) -> EventError {
        EventError(error)
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Reset {
    reason: String,
}

impl Event {
    /// Reads the `data` of an event, named or not, whichever way its numbers are written; times that are integers are
    /// microseconds.
    ///
    /// # Errors
    /// When it is not a JSON object with a `type`, or lacks what its type must have.
    pub fn parse(data: &str) -> Result<Event, EventError> {
        Event::parse_with(data, Times::Us)
    }

    /// The same of a stream with `times=ns`. Text says by itself what moment it is.
    ///
    /// # Errors
    /// As for [`Event::parse`].
    pub fn parse_with(data: &str, times: Times) -> Result<Event, EventError> {
        let Kind { kind, .. } = serde_json::from_str(data)?;
        Event::of_kind(&kind, data, times)
    }

    /// Reads one line of an NDJSON stream: its id, if its kind has one, and the event.
    ///
    /// # Errors
    /// As for [`Event::parse`].
    ///
    /// ```
    /// use wire::{Event, Times};
    /// let line = r#"{"id":"a-7","type":"reset","reason":"unknown_epoch"}"#;
    /// let (id, event) = Event::parse_line(line, Times::Us).unwrap();
    /// assert_eq!(id.as_deref(), Some("a-7"));
    /// assert!(matches!(event, Event::Reset(reason) if reason == "unknown_epoch"));
    /// ```
    pub fn parse_line(line: &str, times: Times) -> Result<(Option<String>, Event), EventError> {
        let Kind { id, kind } = serde_json::from_str(line)?;
        Ok((id.map(Cow::into_owned), Event::of_kind(&kind, line, times)?))
    }

    fn of_kind(kind: &str, data: &str, times: Times) -> Result<Event, EventError> {
        let Some(name) = EventName::from_name(kind) else {
            return Ok(Event::Other(kind.to_owned()));
        };
        let members = || serde_json::from_str::<Members<'_>>(data);
        Ok(match name {
            EventName::Hello => Event::Hello(Box::new(Hello::read(data)?)),
            EventName::Snapshot => Event::Snapshot(Box::new(members()?.quote(times)?)),
            EventName::Quote => Event::Quote(Box::new(members()?.quote(times)?)),
            EventName::Status => Event::Status(members()?.status_event(times)?),
            EventName::Heartbeat => Event::Heartbeat(members()?.heartbeat(times)?),
            EventName::Lagged => Event::Lagged(serde_json::from_str(data)?),
            EventName::Reset => Event::Reset(serde_json::from_str::<Reset>(data)?.reason),
            EventName::Refused => Event::Refused(serde_json::from_str(data)?),
            EventName::Goodbye => Event::Goodbye(serde_json::from_str(data)?),
        })
    }
}

/// The stream is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The server's clock, microseconds since 1970.
    pub server_time: i64,
    /// The table's safe cut: every change up to it can be seen.
    pub seq: u64,
    /// How long the oldest change of this stream's last write had waited, in microseconds.
    pub lag_us: u64,
}

/// Changes were lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Lagged {
    /// How many; `None` when that could not be known.
    pub missed: Option<u64>,
    /// Of which symbols.
    #[serde(default)]
    pub symbols: Vec<String>,
}

/// Why there is no stream, or no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Farewell {
    /// A word of the server's.
    pub reason: String,
    /// What to wait before coming back, in milliseconds.
    pub retry_ms: u64,
}

/// A status, since when and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusNow {
    /// The status; a word that this version does not know reads as [`Status::Unknown`].
    pub status: Status,
    /// Since when.
    pub since: Micros,
    /// Why.
    pub reason: Reason,
}

/// A symbol or a feed changed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEvent {
    /// Whose state.
    pub subject: Subject,
    /// Table-wide sequence of the change.
    pub seq: u64,
    /// The state now.
    pub now: StatusNow,
}

/// Whose state changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// That of one symbol.
    Symbol(Symbol),
    /// That of a feed.
    Feed(String),
}

/// A full quote or a delta.
#[derive(Clone, Debug)]
pub struct QuoteEvent {
    /// Whose.
    pub symbol: Symbol,
    /// Table-wide sequence of the symbol's last change.
    pub seq: u64,
    /// How many changes are merged into this event.
    pub merged: u64,
    /// The fields that the event speaks of, times and status among them.
    pub told: FieldSet,
    /// What it says of numbers and derived numbers.
    pub figures: Figures,
    /// What it says of the taker's side.
    pub side: Option<Side>,
    /// What it says of a composite's venues.
    pub words: Words,
    /// The status, if the event tells one.
    pub status: Option<StatusNow>,
    /// Venue's clock.
    pub ts_event: Option<Micros>,
    /// Arrival.
    pub ts_recv: Option<Micros>,
    /// Publication.
    pub ts_pub: Option<Micros>,
}

/// The words that only composites have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Whose the best bid is.
    pub bid_venue: Option<String>,
    /// Whose the best ask is.
    pub ask_venue: Option<String>,
    /// Whether the two are `locked` or `crossed`.
    pub cross: Option<String>,
}

impl Words {
    /// The word of that field, if it has one.
    pub fn get(&self, field: Field) -> Option<&str> {
        match field {
            Field::BidVenue => self.bid_venue.as_deref(),
            Field::AskVenue => self.ask_venue.as_deref(),
            Field::Cross => self.cross.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn set(&mut self, field: Field, word: Option<&str>) {
        let place = match field {
            Field::BidVenue => &mut self.bid_venue,
            Field::AskVenue => &mut self.ask_venue,
            Field::Cross => &mut self.cross,
            _ => return,
        };
        *place = word.map(str::to_owned);
    }
}

/// Numbers by field, derived ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures([Option<Decimal>; Field::ALL.len()]);

impl Figures {
    /// The number of that field, if there is one.
    pub fn get(&self, field: Field) -> Option<Decimal> {
        self.0[field as usize]
    }

    pub(crate) fn set(&mut self, field: Field, value: Option<Decimal>) {
        self.0[field as usize] = value;
    }
}

/// Every key that a quote, status or heartbeat event may have, as read. Times are left as text until somebody says what
/// their integers are.
#[derive(Default)]
struct Members<'a> {
    symbol: Option<Symbol>,
    feed: Option<String>,
    seq: Option<u64>,
    merged: Option<u64>,
    lag_us: Option<u64>,
    told: FieldSet,
    figures: Figures,
    side: Option<Side>,
    words: Words,
    status: Option<Status>,
    since: Option<&'a RawValue>,
    server_time: Option<&'a RawValue>,
    reason: Reason,
    times: [Option<&'a RawValue>; 3],
}

/// A moment of an event, if it has one.
fn moment(raw: Option<&RawValue>, times: Times) -> Result<Option<Micros>, serde_json::Error> {
    raw.filter(|raw| raw.get() != "null")
        .map(|raw| time::read(raw.get(), times).ok_or_else(|| de::Error::custom("not a time")))
        .transpose()
}

impl Members<'_> {
    fn status_now(&self, times: Times) -> Result<Option<StatusNow>, serde_json::Error> {
        let since = moment(self.since, times)?.unwrap_or_default();
        Ok(self.status.map(|status| StatusNow { status, since, reason: self.reason }))
    }

    fn seq(&self) -> Result<u64, serde_json::Error> {
        self.seq.ok_or_else(|| de::Error::missing_field("seq"))
    }

    fn quote(self, times: Times) -> Result<QuoteEvent, serde_json::Error> {
        let status = self.status_now(times)?;
        let [ts_event, ts_recv, ts_pub] = self.times;
        Ok(QuoteEvent {
            seq: self.seq()?,
            symbol: self.symbol.ok_or_else(|| de::Error::missing_field("symbol"))?,
            merged: self.merged.unwrap_or(1),
            told: self.told,
            figures: self.figures,
            side: self.side,
            words: self.words,
            status,
            ts_event: moment(ts_event, times)?,
            ts_recv: moment(ts_recv, times)?,
            ts_pub: moment(ts_pub, times)?,
        })
    }

    fn status_event(self, times: Times) -> Result<StatusEvent, serde_json::Error> {
        let now = self.status_now(times)?.ok_or_else(|| de::Error::missing_field("status"))?;
        let seq = self.seq()?;
        let subject = match (self.symbol, self.feed) {
            (Some(symbol), _) => Subject::Symbol(symbol),
            (None, Some(feed)) => Subject::Feed(feed),
            (None, None) => return Err(de::Error::missing_field("symbol")),
        };
        Ok(StatusEvent { subject, seq, now })
    }

    fn heartbeat(&self, times: Times) -> Result<Heartbeat, serde_json::Error> {
        let server_time = moment(self.server_time, times)?;
        Ok(Heartbeat {
            server_time: server_time.ok_or_else(|| de::Error::missing_field("server_time"))?.get(),
            seq: self.seq()?,
            lag_us: self.lag_us.ok_or_else(|| de::Error::missing_field("lag_us"))?,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quote or status object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut read = Members::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "symbol" => {
                            read.symbol = Some(
                                Symbol::parse(&map.next_value::<Text<'de>>()?.0)
                                    .map_err(de::Error::custom)?,
                            );
                        }
                        "feed" => read.feed = Some(map.next_value()?),
                        "seq" => read.seq = Some(map.next_value()?),
                        "n" => read.merged = Some(map.next_value()?),
                        "lag_us" => read.lag_us = Some(map.next_value()?),
                        "since" => read.since = Some(map.next_value()?),
                        "server_time" => read.server_time = Some(map.next_value()?),
                        "reason" => {
                            read.reason =
                                Reason::from_name(&map.next_value::<Text<'de>>()?.0).unwrap_or_default();
                        }
                        name => match Field::from_name(name) {
                            Some(field) => read_field(&mut read, field, &mut map)?,
                            None => {
                                map.next_value::<IgnoredAny>()?;
                            }
                        },
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn read_field<'de, A: MapAccess<'de>>(
    read: &mut Members<'de>,
    field: Field,
    map: &mut A,
) -> Result<(), A::Error> {
    read.told = read.told.with(field);
    match field {
        Field::Status => {
            read.status = Some(Status::from_name(&map.next_value::<Text<'de>>()?.0).unwrap_or_default());
        }
        Field::LastSide => {
            let side = map.next_value::<Option<Text<'de>>>()?;
            read.side =
                side.and_then(|text| [Side::Buy, Side::Sell].into_iter().find(|s| s.name() == text.0));
        }
        word if FieldSet::COMPOSITE.contains(word) => {
            read.words.set(word, map.next_value::<Option<Text<'de>>>()?.as_ref().map(|text| &*text.0));
        }
        Field::TsEvent | Field::TsRecv | Field::TsPub => {
            read.times[field as usize - Field::TsEvent as usize] = Some(map.next_value()?);
        }
        number => read.figures.set(number, decimal(map.next_value::<&RawValue>()?.get())?),
    }
    Ok(())
}

/// A number as a JSON string or as a JSON number: never by way of a float, so that its digits stay.
fn decimal<E: de::Error>(json: &str) -> Result<Option<Decimal>, E> {
    if json == "null" {
        return Ok(None);
    }
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json);
    Price::parse(text).map(|price| Some(price.decimal())).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_and_zero_are_three_things() {
        let data = r#"{"type":"quote","symbol":"X:A","seq":3,"bid":"0","ask":null,"ts_pub":9}"#;
        let Event::Quote(quote) = Event::parse(data).unwrap() else { panic!("not a quote") };
        assert_eq!(quote.figures.get(Field::Bid), Some(Decimal::ZERO));
        assert!(quote.told.contains(Field::Ask) && quote.figures.get(Field::Ask).is_none());
        assert!(!quote.told.contains(Field::Last));
        assert_eq!((quote.merged, quote.ts_pub, quote.ts_event), (1, Some(Micros(9)), None));
    }

    #[test]
    fn numbers_and_times_are_read_in_every_form() {
        for data in [
            r#"{"type":"quote","symbol":"X:A","seq":3,"bid":"1.50","ts_pub":1795253400250000,"since":1,"status":"live"}"#,
            r#"{"type":"quote","symbol":"X:A","seq":3,"bid":1.50,"ts_pub":"2026-11-21T09:30:00.250000Z","since":1,"status":"live"}"#,
        ] {
            let Event::Quote(quote) = Event::parse(data).unwrap() else { panic!("not a quote") };
            assert_eq!(quote.figures.get(Field::Bid).unwrap().to_string(), "1.50");
            assert_eq!(quote.ts_pub, Some(Micros(1_795_253_400_250_000)));
            assert_eq!(quote.status.unwrap().since, Micros(1));
        }
        let data = r#"{"type":"heartbeat","server_time":1795253400250000999,"seq":3,"lag_us":4}"#;
        let Event::Heartbeat(beat) = Event::parse_with(data, Times::Ns).unwrap() else {
            panic!("not a heartbeat")
        };
        assert_eq!((beat.server_time, beat.seq, beat.lag_us), (1_795_253_400_250_000, 3, 4));
        let data = r#"{"type":"lagged","missed":null,"symbols":["X:A"]}"#;
        let Event::Lagged(lagged) = Event::parse(data).unwrap() else { panic!("not lagged") };
        assert_eq!((lagged.missed, lagged.symbols.len()), (None, 1));
    }

    #[test]
    fn a_later_version_is_still_read() {
        assert!(
            matches!(Event::parse(r#"{"type":"weather","sun":1}"#), Ok(Event::Other(k)) if k == "weather")
        );
        let data =
            r#"{"seq":3,"new":{"a":[1]},"symbol":"X:A","status":"dreaming","reason":"moon","type":"quote"}"#;
        let Event::Quote(quote) = Event::parse(data).unwrap() else { panic!("not a quote") };
        assert_eq!(quote.status, Some(StatusNow::default()));
        let data = r#"{"type":"hello","stream":"a","news":[1],"feeds":[{"feed":"x","more":{}}]}"#;
        let Event::Hello(hello) = Event::parse(data).unwrap() else { panic!("not a hello") };
        assert_eq!((hello.stream.as_str(), hello.feeds[0].feed.as_str()), ("a", "x"));
    }

    #[test]
    fn payloads_of_another_form_are_errors() {
        for data in [
            "",
            "[]",
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"quote","symbol":"X:A"}"#,
            r#"{"type":"quote","seq":1}"#,
            r#"{"type":"quote","symbol":"x y","seq":1}"#,
            r#"{"type":"quote","symbol":"X:A","seq":-1}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"bid":"1e5"}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"bid":1e5}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"bid":true}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"bid":"1"x}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"ts_pub":"now"}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1,"ts_pub":1.5}"#,
            r#"{"type":"heartbeat","seq":1,"lag_us":2}"#,
            r#"{"type":"status","symbol":"X:A","seq":1}"#,
            r#"{"type":"status","seq":1,"status":"live"}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1}}"#,
        ] {
            assert!(Event::parse(data).is_err(), "{data}");
        }
    }
}
