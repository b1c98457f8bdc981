//! A venue that exists only in these tests: its catalogue is a list of native names, its messages are lines of JSON.

#![allow(dead_code, reason = "each test crate uses its own part of this")]
#![allow(unreachable_pub, reason = "a module of several test crates, none of which exports anything")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap or a panic is a failed test, or asked for"
)]

use std::sync::Arc;
use std::time::Duration;

use feed::backoff::Policy;
use feed::json::text_decimal;
use feed::metrics::FeedMetrics;
use feed::{
    Batch, CatalogueError, DecodeError, Decoder, FeedEnd, FeedHandle, FeedSettings, Frame, InstrumentId,
    Instruments, KeepAlive, Limits, Request, RestAnswer, Secret, Session, Sink, Timing,
};
use market::{Field, Micros, RealClock, Reason, Source, Status, Symbol, Update};
use prometheus::{Registry, TextEncoder};
use testkit::script::{HttpAnswer, Recorded, Script};
use testkit::sink::CollectingSink;
use testkit::venue::Venue;
use tokio_util::sync::CancellationToken;

/// A frame with a bid.
pub fn bid(native: &str, price: &str) -> String {
    format!(r#"{{"s":"{native}","b":"{price}"}}"#)
}

/// The text that subscribes to these.
pub fn subscription(natives: &[&str]) -> String {
    format!("subscribe {}", natives.join(","))
}

/// The catalogue's answer.
pub fn catalogue(natives: &[&str]) -> HttpAnswer {
    HttpAnswer::from(RestAnswer { url: "/symbols".to_owned(), body: natives.join("\n") })
}

/// A script with a catalogue of BTCUSD and ETHUSD.
pub fn script<R: Into<Recorded>>(frames: impl IntoIterator<Item = R>) -> Script {
    Script::new(frames).rest([catalogue(&["BTCUSD", "ETHUSD"])])
}

/// Where and how to reach the venue.
#[derive(Clone, Debug)]
pub struct Toy {
    pub ws_url: String,
    pub rest_url: String,
    pub limits: Limits,
    pub keep_alive: KeepAlive,
    /// The password of a venue that wants a ticket, a header and a login before it takes a subscription.
    pub password: Option<Secret>,
    /// Whether each symbol is subscribed by a text of its own.
    pub apart: bool,
}

impl Toy {
    pub fn at(venue: &Venue) -> Toy {
        Toy {
            ws_url: venue.ws_url(),
            rest_url: venue.rest_url(),
            limits: Limits {
                between_sends: Duration::ZERO,
                message_bytes_max: 4096,
                silence: Duration::from_secs(60),
                ..Limits::default()
            },
            keep_alive: KeepAlive { every: Duration::from_secs(60), text: None },
            password: None,
            apart: false,
        }
    }
}

impl Session for Toy {
    fn venue(&self) -> &str {
        "TOY"
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![format!("{}/symbols", self.rest_url)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        for native in answers.iter().flat_map(|answer| answer.body.lines()) {
            if native.starts_with('/') {
                continue;
            }
            assert_ne!(native, "PANIC", "a catalogue that the adapter chokes on");
            if native == "ODD" {
                instruments.leave_out(native);
                continue;
            }
            let (base, quote) =
                native.split_at_checked(3).ok_or_else(|| CatalogueError(format!("bad name {native}")))?;
            let symbol = Symbol::parse(&format!("TOY:{base}-{quote}"));
            instruments.add(native, symbol.map_err(|error| CatalogueError(error.to_string()))?);
        }
        Ok(())
    }

    /// A line that begins with a slash is the path of a next page.
    fn catalogue_more(&self, answers: &[RestAnswer], _: &[String]) -> Vec<Request> {
        let paths =
            answers.iter().flat_map(|answer| answer.body.lines()).filter(|line| line.starts_with('/'));
        paths.map(|path| Request::get(format!("{}{path}", self.rest_url))).collect()
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        self.password.iter().map(|password| ("x-password", password.clone())).collect()
    }

    fn door(&self) -> Option<Request> {
        self.password.as_ref().map(|_| Request::post(format!("{}/ticket", self.rest_url), ""))
    }

    fn endpoint_by(
        &self,
        answer: &str,
        _: &Instruments,
        _: &[InstrumentId],
    ) -> Result<String, CatalogueError> {
        let ticket = answer.strip_prefix("ticket ").ok_or_else(|| CatalogueError("no ticket".to_owned()))?;
        Ok(format!("{}/with?token={ticket}", self.ws_url))
    }

    fn login(&self) -> Vec<String> {
        self.password.iter().map(|password| format!("login {}", password.reveal())).collect()
    }

    fn waits_for_ready(&self) -> bool {
        self.password.is_some()
    }

    fn endpoint(&self, _: &Instruments, _: &[InstrumentId]) -> String {
        if self.ws_url.starts_with("udp:") {
            return self.ws_url.clone();
        }
        format!("{}/stream?key=secret", self.ws_url)
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives: Vec<&str> = wanted.iter().map(|&id| &*instruments.get(id).unwrap().native).collect();
        let most = if self.apart { 1 } else { natives.len().max(1) };
        natives.chunks(most).map(subscription).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        self.keep_alive.clone()
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(ToyDecoder)
    }
}

#[derive(Debug)]
pub struct ToyDecoder;

impl Decoder for ToyDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(bytes) => std::str::from_utf8(bytes).map_err(|_| DecodeError::Garbage("binary"))?,
        };
        match text.split_once(' ') {
            Some(("panic", why)) => panic!("{why}"),
            Some(("resync", _)) => return Err(DecodeError::Reconnect(Reason::Gap)),
            Some(("banned", why)) => return Err(DecodeError::GiveUp(why.to_owned())),
            Some(("reply", with)) => {
                batch.replies.push(with.to_owned());
                return Ok("reply");
            }
            Some(("welcome", _)) => {
                batch.ready = true;
                return Ok("welcome");
            }
            Some(("sign", native)) => {
                batch.heard.extend(batch.instruments.find(native));
                return Ok("sign");
            }
            Some((word @ ("halted" | "doubt" | "ticker" | "book"), native)) => {
                let id = batch.instruments.find(native).unwrap();
                let mut update = Update::new(Source::Book, ts_recv);
                match word {
                    "halted" => update.status = Some((Status::Halted, Reason::Venue)),
                    "doubt" => update.status = Some((Status::Suspect, Reason::Gap)),
                    _ => {
                        update.source = if word == "ticker" { Source::Ticker } else { Source::Book };
                        update.snapshot = true;
                        update.tell(Field::Bid, Some(market::Decimal::ONE));
                    }
                }
                batch.push(id, update);
                return Ok("word");
            }
            Some(("refused", native)) => {
                batch.refused.push((batch.instruments.find(native), "no such thing".to_owned()));
                return Ok("refused");
            }
            _ => {}
        }
        let rest = text.strip_prefix("{\"s\":\"").ok_or(DecodeError::Garbage("no symbol"))?;
        let rest = rest.strip_suffix("\"}").ok_or(DecodeError::Garbage("no end"))?;
        let (native, price) = rest.split_once("\",\"b\":\"").ok_or(DecodeError::Garbage("no bid"))?;
        let Some(id) = batch.instruments.resolve(native) else {
            batch.ignore(feed::Ignored::UnknownSymbol);
            return Ok("bid");
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.tell(Field::Bid, text_decimal(price).map_err(|_| DecodeError::Garbage("no number"))?);
        batch.push(id, update);
        Ok("bid")
    }
}

/// Waits short enough for a test, and so many dials that only the tests of the ceiling meet it.
pub fn quick() -> Timing {
    Timing {
        backoff: Policy {
            base: Duration::from_millis(5),
            cap: Duration::from_millis(20),
            dials_per_minute: 1_000,
            ..Policy::default()
        },
        between_dials: Some(Duration::ZERO),
        ..Timing::default()
    }
}

/// Settings for BTCUSD and ETHUSD with short waits.
pub fn settings() -> FeedSettings {
    FeedSettings {
        timing: quick(),
        ..FeedSettings::new("toy", vec!["BTC-USD".to_owned(), "TOY:ETH-USD".to_owned()])
    }
}

/// A running feed.
#[derive(Debug)]
pub struct Running {
    pub sink: CollectingSink,
    pub stop: CancellationToken,
    pub handle: FeedHandle,
    registry: Registry,
}

impl Running {
    pub fn start(toy: Toy, settings: FeedSettings) -> Running {
        let sink = CollectingSink::logging();
        Running::start_into(toy, settings, sink.clone(), sink)
    }

    pub fn start_into(
        toy: Toy,
        settings: FeedSettings,
        into: impl Sink + 'static,
        sink: CollectingSink,
    ) -> Running {
        let registry = Registry::new();
        let metrics = FeedMetrics::register(&registry).unwrap();
        let stop = CancellationToken::new();
        let clock = Arc::new(RealClock::new());
        let handle = feed::supervisor::spawn(Arc::new(toy), settings, into, clock, &metrics, &stop);
        Running { sink, stop, handle, registry }
    }

    /// The value of a series, named as in the exposition: `messages_total{feed="toy"}`.
    pub fn metric(&self, series: &str) -> f64 {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let start = format!("quotewire_feed_{series} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    /// Stops the feed and returns how it ended; fails when that takes a second.
    pub async fn stop(self) -> FeedEnd {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(1), self.handle.join())
            .await
            .expect("a stop takes no second")
    }

    /// Waits for the feed to end by itself.
    pub async fn end(self) -> FeedEnd {
        tokio::time::timeout(testkit::PATIENCE, self.handle.join()).await.expect("the feed ends by itself")
    }
}
