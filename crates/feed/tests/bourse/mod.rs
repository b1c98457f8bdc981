//! A venue in memory and in virtual time that speaks the toy's protocol: it quotes what is subscribed ten times a second, and
//! ends connections as it likes.

#![allow(dead_code, reason = "each test crate uses its own part of this")]
#![allow(unreachable_pub, reason = "a module of several test crates, none of which exports anything")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap or a panic is a failed test")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use feed::metrics::FeedMetrics;
use feed::{FeedEnd, FeedHandle, FeedSettings, KeepAlive, Limits};
use futures_util::{SinkExt, StreamExt};
use market::{Reason, Status};
use prometheus::{Registry, TextEncoder};
use testkit::simulation::wires::{Call, Wires};
use testkit::simulation::{Dice, PausedClock};
use testkit::sink::CollectingSink;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::toy::{Toy, bid};

/// Time between two quotes of a symbol.
pub const TICK: Duration = Duration::from_millis(100);

/// What the venue does, and what it saw.
#[derive(Debug, Default)]
pub struct Rules {
    /// Asking for one of these ends the connection without a word.
    pub bad: BTreeSet<String>,
    /// Asking for anything does.
    pub out: bool,
    /// Nothing is said of these.
    pub quiet: BTreeSet<String>,
    /// Every connection ends at this age.
    pub age: Option<Duration>,
    /// When it was dialled.
    pub dials: Vec<Instant>,
    /// When each symbol was last quoted.
    pub quoted: Vec<(String, Instant)>,
    quotes: u64,
}

/// The venue. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Market {
    pub host: &'static str,
    wires: Wires,
    rules: Arc<Mutex<Rules>>,
    said: broadcast::Sender<String>,
}

impl Market {
    /// Opens a venue with these symbols at a host of this machine.
    pub fn open(wires: &Wires, host: &'static str, natives: &[&str]) -> Market {
        wires.answer(host, "/symbols", &natives.join("\n"));
        let market =
            Market { host, wires: wires.clone(), rules: Arc::default(), said: broadcast::channel(64).0 };
        let mut listener = wires.listen(host);
        let serving = market.clone();
        tokio::spawn(async move {
            loop {
                let call = listener.accept().await;
                serving.rules().dials.push(Instant::now());
                tokio::spawn(serving.clone().serve(call));
            }
        });
        market
    }

    pub fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap()
    }

    /// Says something on every open connection.
    pub fn say(&self, text: impl Into<String>) {
        // Nobody may be connected.
        let _ = self.said.send(text.into());
    }

    /// Most dials within any minute.
    pub fn dials_in_a_minute(&self) -> usize {
        let dials = self.rules().dials.clone();
        let within = |from: &Instant| {
            dials.iter().filter(|at| (*from..*from + Duration::from_secs(60)).contains(at)).count()
        };
        dials.iter().map(within).max().unwrap_or(0)
    }

    async fn serve(self, call: Call) {
        let age = self.rules().age.unwrap_or(Duration::from_secs(86_400));
        let mut said = self.said.subscribe();
        let Ok(mut socket) = tokio_tungstenite::accept_async(call.end).await else { return };
        let end = tokio::time::sleep(age);
        let mut tick = tokio::time::interval(TICK);
        let mut asked: Vec<String> = Vec::new();
        tokio::pin!(end);
        loop {
            let texts = tokio::select! {
                biased;
                // Dropping the socket ends it without a closing handshake.
                () = &mut end => return,
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let natives = text.strip_prefix("subscribe ").unwrap_or_default();
                        let rules = self.rules();
                        for native in natives.split(',').filter(|native| !native.is_empty()) {
                            if rules.out || rules.bad.contains(native) {
                                return;
                            }
                            asked.push(native.to_owned());
                        }
                        continue;
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => return,
                },
                Ok(text) = said.recv() => vec![text],
                _ = tick.tick() => self.quotes(&asked),
            };
            for text in texts {
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        }
    }

    fn quotes(&self, asked: &[String]) -> Vec<String> {
        let mut rules = self.rules();
        let now = Instant::now();
        let mut texts = Vec::new();
        for native in
            asked.iter().filter(|native| !rules.quiet.contains(*native)).cloned().collect::<Vec<_>>()
        {
            rules.quotes += 1;
            texts.push(bid(&native, &rules.quotes.to_string()));
            rules.quoted.retain(|(of, _)| *of != native);
            rules.quoted.push((native, now));
        }
        texts
    }

    /// When a symbol was last quoted.
    pub fn quoted(&self, native: &str) -> Instant {
        self.rules().quoted.iter().find(|(of, _)| of == native).unwrap().1
    }

    /// A session with it.
    pub fn toy(&self) -> Toy {
        Toy {
            ws_url: format!("ws://{}", self.host),
            rest_url: format!("http://{}", self.host),
            limits: Limits { between_sends: Duration::from_millis(10), ..Limits::default() },
            keep_alive: KeepAlive { every: Duration::from_secs(2), text: None },
            password: None,
            apart: true,
        }
    }

    /// A feed of all its symbols.
    pub fn feed(&self, toy: Toy, change: impl FnOnce(&mut FeedSettings)) -> Fed {
        let mut settings = FeedSettings {
            network: Arc::new(self.wires.clone()),
            seed: Some(7),
            ..FeedSettings::new("toy", vec!["*".to_owned()])
        };
        change(&mut settings);
        let (sink, stop, registry) = (CollectingSink::new(), CancellationToken::new(), Registry::new());
        let metrics = FeedMetrics::register(&registry).unwrap();
        let clock = Arc::new(PausedClock::new());
        let handle = feed::supervisor::spawn(Arc::new(toy), settings, sink.clone(), clock, &metrics, &stop);
        Fed { sink, stop, handle, registry }
    }
}

/// Wires on which nobody listens yet.
pub fn wires() -> Wires {
    Wires::new(&Dice::new(5))
}

/// A running feed.
#[derive(Debug)]
pub struct Fed {
    pub sink: CollectingSink,
    stop: CancellationToken,
    handle: FeedHandle,
    registry: Registry,
}

impl Fed {
    pub fn status(&self, symbol: &str) -> (Status, Reason) {
        self.sink.look(|seen| seen.status(symbol))
    }

    /// Every state that a symbol went through.
    pub fn history(&self, symbol: &str) -> Vec<(Status, Reason)> {
        self.sink.look(|seen| seen.get(symbol).map(|latest| latest.history.clone()).unwrap_or_default())
    }

    /// Looks again and again, for at most that long, whether it is so; returns when it was.
    pub async fn until(&self, most: Duration, what: &str, so: impl Fn(&Fed) -> bool) -> Instant {
        let start = Instant::now();
        let between = (most / 10_000).max(Duration::from_millis(5));
        while !so(self) {
            assert!(start.elapsed() < most, "waited {most:?} in vain for {what}");
            tokio::time::sleep(between).await;
        }
        Instant::now()
    }

    /// The value of a series, named as in the exposition: `messages_total{feed="toy"}`.
    pub fn metric(&self, series: &str) -> f64 {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let start = format!("quotewire_feed_{series} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        assert_eq!(self.handle.join().await, FeedEnd::Stopped);
    }
}
