//! The client's side: payloads to typed events.
//!
//! Made to outlive its version: unknown kinds of event, unknown keys and unknown words for a status or a reason are
//! taken and passed over.

use std::borrow::Cow;
use std::fmt;

use market::{Decimal, Field, FieldSet, Micros, Price, Reason, Side, Status, Symbol};
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::EventName;

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
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Reset {
    reason: String,
}

impl Event {
    /// Reads the `data` of an event, named or not.
    ///
    /// # Errors
    /// When it is not a JSON object with a `type`, or lacks what its type must have.
    pub fn parse(data: &str) -> Result<Event, EventError> {
        let kind = serde_json::from_str::<Kind<'_>>(data)?.kind;
        let Some(name) = EventName::from_name(&kind) else {
            return Ok(Event::Other(kind.into_owned()));
        };
        Ok(match name {
            EventName::Hello => Event::Hello(serde_json::from_str(data)?),
            EventName::Snapshot => Event::Snapshot(serde_json::from_str(data)?),
            EventName::Quote => Event::Quote(serde_json::from_str(data)?),
            EventName::Status => Event::Status(serde_json::from_str(data)?),
            EventName::Heartbeat => Event::Heartbeat(serde_json::from_str(data)?),
            EventName::Lagged => Event::Lagged(serde_json::from_str(data)?),
            EventName::Reset => Event::Reset(serde_json::from_str::<Reset>(data)?.reason),
            EventName::Refused => Event::Refused(serde_json::from_str(data)?),
            EventName::Goodbye => Event::Goodbye(serde_json::from_str(data)?),
        })
    }
}

/// The server's [`crate::encode::Hello`] as a client reads it. Words are text here, so that a later one is no error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Name of this stream.
    pub stream: String,
    /// The part of every id before the hyphen.
    pub epoch: String,
    /// The server's clock, microseconds since 1970.
    pub server_time: i64,
    /// The symbols that are streamed.
    pub accepted: Vec<String>,
    /// The symbols that are not, and why.
    pub rejected: Vec<Rejected>,
    /// The settings in force.
    pub effective: Effective,
    /// What the server allows.
    pub limits: Limits,
    /// The feeds behind the accepted symbols.
    pub feeds: Vec<Feed>,
}

/// A symbol that is not served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rejected {
    /// The text of the request, shortened when long.
    pub symbol: String,
    /// A name of [`crate::SymbolReason`].
    pub reason: String,
}

/// The settings in force on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Effective {
    /// What is merged.
    pub mode: String,
    /// The fields that quotes may carry.
    pub fields: Vec<String>,
    /// Whether events have an `event` line.
    pub named: bool,
    /// Whether a new stream starts with snapshots.
    pub snapshot: bool,
    /// Longest time between two events, in milliseconds.
    pub heartbeat_ms: u64,
    /// What to wait before reconnecting, in milliseconds.
    pub retry_ms: u64,
}

/// What the server allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most symbols on one stream.
    pub symbols_per_stream: u64,
}

/// A feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Feed {
    /// The operator's name for it.
    pub feed: String,
    /// The venue, as before the colon of its symbols.
    pub venue: String,
    /// The adapter.
    pub kind: String,
    /// What its prices are: `live`, `delayed`, `demo`, `replay`, `synthetic`.
    pub mode: String,
    /// A name of [`Status`].
    pub status: String,
}

/// The stream is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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
    /// How many.
    pub missed: u64,
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
    /// The status, if the event tells one.
    pub status: Option<StatusNow>,
    /// Venue's clock.
    pub ts_event: Option<Micros>,
    /// Arrival.
    pub ts_recv: Option<Micros>,
    /// Publication.
    pub ts_pub: Option<Micros>,
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

/// Every key that a quote or status event may have, as read.
#[derive(Default)]
struct Members {
    symbol: Option<Symbol>,
    feed: Option<String>,
    seq: Option<u64>,
    merged: Option<u64>,
    told: FieldSet,
    figures: Figures,
    side: Option<Side>,
    status: Option<Status>,
    since: Micros,
    reason: Reason,
    times: [Option<Micros>; 3],
}

impl Members {
    fn status_now(&self) -> Option<StatusNow> {
        self.status.map(|status| StatusNow { status, since: self.since, reason: self.reason })
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quote or status object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
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
                        "since" => read.since = Micros(map.next_value()?),
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

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn read_field<'de, A: MapAccess<'de>>(read: &mut Members, field: Field, map: &mut A) -> Result<(), A::Error> {
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
        Field::TsEvent | Field::TsRecv | Field::TsPub => {
            read.times[field as usize - Field::TsEvent as usize] =
                map.next_value::<Option<i64>>()?.map(Micros);
        }
        number => {
            let value = match map.next_value::<Option<Text<'de>>>()? {
                Some(text) => Some(Price::parse(&text.0).map_err(de::Error::custom)?.decimal()),
                None => None,
            };
            read.figures.set(number, value);
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for QuoteEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<QuoteEvent, D::Error> {
        let read = Members::deserialize(deserializer)?;
        let status = read.status_now();
        let [ts_event, ts_recv, ts_pub] = read.times;
        Ok(QuoteEvent {
            symbol: read.symbol.ok_or_else(|| de::Error::missing_field("symbol"))?,
            seq: read.seq.ok_or_else(|| de::Error::missing_field("seq"))?,
            merged: read.merged.unwrap_or(1),
            told: read.told,
            figures: read.figures,
            side: read.side,
            status,
            ts_event,
            ts_recv,
            ts_pub,
        })
    }
}

impl<'de> Deserialize<'de> for StatusEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StatusEvent, D::Error> {
        let read = Members::deserialize(deserializer)?;
        let now = read.status_now().ok_or_else(|| de::Error::missing_field("status"))?;
        let subject = match (read.symbol, read.feed) {
            (Some(symbol), _) => Subject::Symbol(symbol),
            (None, Some(feed)) => Subject::Feed(feed),
            (None, None) => return Err(de::Error::missing_field("symbol")),
        };
        let seq = read.seq.ok_or_else(|| de::Error::missing_field("seq"))?;
        Ok(StatusEvent { subject, seq, now })
    }
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
            r#"{"type":"quote","symbol":"X:A","seq":1,"bid":1.5}"#,
            r#"{"type":"status","symbol":"X:A","seq":1}"#,
            r#"{"type":"status","seq":1,"status":"live"}"#,
            r#"{"type":"quote","symbol":"X:A","seq":1}}"#,
        ] {
            assert!(Event::parse(data).is_err(), "{data}");
        }
    }
}
