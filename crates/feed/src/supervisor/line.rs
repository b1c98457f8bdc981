//! One connection of a feed, over all its lives: dial, subscribe, take frames, end, wait, dial again.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use market::{Micros, Reason, Status, Update};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::trial::Trial;
use super::vigil::Vigil;
use super::{Feed, Timing};
use crate::backoff::{self, Backoff};
use crate::connection::{Cause, Connection, End, Event, Plan};
use crate::metrics::Counted;
use crate::rest::{FetchError, shown};
use crate::{DecodeError, Frame, FrameTap, InstrumentId, Instruments, Limits, Request, SymbolRef};

/// Longest wait before the next dial that a venue may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

mod telling;

/// Keeps the dials of one feed apart from each other, and all of them together below the ceiling: whoever bans by dials a
/// minute counts those of all connections.
#[derive(Debug)]
pub(super) struct DialGate {
    between: Duration,
    /// Most dials of all connections in any minute. Set once, before the first dial; it guards no other memory.
    most: AtomicUsize,
    turns: Mutex<Turns>,
}

/// When dials were made, and the next one may be.
#[derive(Debug)]
struct Turns {
    next: Instant,
    /// The latest dials, at most as many as the ceiling.
    dials: VecDeque<Instant>,
}

impl DialGate {
    pub(super) fn new(timing: &Timing, limits: &Limits) -> DialGate {
        DialGate {
            between: timing.between_dials.unwrap_or(limits.between_dials),
            most: AtomicUsize::new(timing.backoff.dials_per_minute.max(1)),
            turns: Mutex::new(Turns { next: Instant::now(), dials: VecDeque::new() }),
        }
    }

    /// The feed has that many connections: where they are more than the ceiling, each may dial once a minute.
    pub(super) fn set_lines(&self, lines: usize) {
        self.most.fetch_max(lines, Ordering::Relaxed);
    }

    /// Waits for this connection's turn. Cancel-safe: an abandoned wait takes no turn.
    async fn pass(&self) {
        let most = self.most.load(Ordering::Relaxed);
        loop {
            let mut turns = self.turns.lock().await;
            let now = Instant::now();
            let full = turns.dials.len() >= most;
            let free = turns.dials.front().filter(|_| full).map_or(now, |&oldest| oldest + backoff::MINUTE);
            let due = turns.next.max(free);
            if due <= now {
                if full {
                    turns.dials.pop_front();
                }
                turns.dials.push_back(now);
                turns.next = now + self.between;
                return;
            }
            drop(turns);
            tokio::time::sleep_until(due).await;
        }
    }
}

/// One connection of a feed.
#[derive(Debug)]
pub(super) struct Line {
    feed: Arc<Feed>,
    /// Its place among the feed's connections.
    number: usize,
    tap: FrameTap,
    wanted: Vec<InstrumentId>,
    symbols: Vec<SymbolRef>,
    /// What the metrics have been told.
    counted: Counted,
    /// By instrument: it was said that it was never heard of.
    told_unheard: Vec<bool>,
    /// By instrument: the venue refused it on the present connection.
    refused: Vec<bool>,
    /// What is subscribed on the present connection, and how many texts all of it takes.
    asked: Vec<InstrumentId>,
    texts: usize,
    /// Which of them make the venue end the connection, and whether those subscribed last may yet turn out to.
    trial: Trial,
    on_trial: bool,
    vigil: Vigil,
    /// When the present life's connection was opened.
    opened: Option<Instant>,
    /// Why the decoder asked for a new connection.
    resync: Option<Reason>,
    dice: StdRng,
}

impl Line {
    /// Makes the instruments' symbols known, as connecting.
    pub(super) fn new(feed: Arc<Feed>, number: usize, instruments: Instruments) -> Line {
        let wanted: Vec<InstrumentId> = instruments.iter().map(|(id, _)| id).collect();
        let mut tap = FrameTap::new(feed.session.decoder(), instruments);
        let update = Update::of_status(Status::Connecting, Reason::NotConnected, feed.clock.now());
        let symbols = feed.outlet.with(|sink| {
            let symbols = tap.introduce(&wanted, sink);
            for &symbol in &symbols {
                sink.update(symbol, &update);
            }
            symbols
        });
        Line {
            number,
            symbols,
            counted: Counted::of(tap.stats()),
            told_unheard: vec![false; wanted.len()],
            refused: vec![false; wanted.len()],
            asked: Vec::new(),
            texts: 0,
            trial: Trial::new(wanted.clone()),
            on_trial: false,
            vigil: Vigil::new(None, Duration::MAX),
            opened: None,
            resync: None,
            dice: backoff::dice(feed.settings.seed, number as u64 + 1),
            wanted,
            tap,
            feed,
        }
    }

    /// How many of its symbols the sink has no room for.
    pub(super) fn without_room(&self) -> usize {
        self.wanted.len() - self.symbols.len()
    }

    /// Lives until the end is final.
    pub(super) async fn run(mut self) -> End {
        let feed = Arc::clone(&self.feed);
        let start = Instant::now();
        let mut backoff = Backoff::new(feed.settings.timing.backoff.clone());
        let mut asked_for = Duration::ZERO;
        loop {
            let wait = backoff.wait(start.elapsed(), &mut self.dice).max(asked_for.min(RETRY_AFTER_MAX));
            let turn = async {
                tokio::time::sleep(wait).await;
                feed.gate.pass().await;
            };
            if feed.stop.run_until_cancelled(turn).await.is_none() {
                return self.ended(End::of(Cause::Stopped, ""));
            }
            backoff.dialled(start.elapsed());
            feed.metrics.dialled();
            self.opened = None;
            self.on_trial = false;
            // The tap is made afresh where it counts (`FrameTap::renew`) before it is used again, and the sink says
            // itself when it is broken, so nothing half-done is seen after a panic.
            let life = AssertUnwindSafe(self.life()).catch_unwind().await;
            let end = match life {
                Ok(end) => end,
                Err(panic) if feed.outlet.is_broken() => resume_unwind(panic),
                Err(panic) => End::of(Cause::Fault, panic_text(panic.as_ref())),
            };
            backoff.ended(self.opened.map_or(Duration::ZERO, |opened| opened.elapsed()));
            asked_for = end.retry_after.unwrap_or_default();
            let end = self.ended(end);
            if self.on_trial && matches!(end.cause, Cause::ClosedByVenue | Cause::Lost) {
                self.judge();
            }
            if end.cause.is_final() {
                return end;
            }
        }
    }

    /// One connection from dialling to its end.
    async fn life(&mut self) -> End {
        let feed = Arc::clone(&self.feed);
        let timing = &feed.settings.timing;
        self.tap.renew(feed.session.decoder());
        self.refused.fill(false);
        let silence = feed.settings.symbol_stale_after.or(feed.session.limits().symbol_silence);
        self.vigil = Vigil::new(silence, timing.doubt_limit);
        self.asked = self.trial.begin(Instant::now());
        let opening = async {
            let mut plan = self.plan();
            if let Some(door) = feed.session.door() {
                plan.url = self.through(door).await?;
            }
            Connection::open(plan, Arc::clone(&feed.clock)).await
        };
        let mut connection = match feed.stop.run_until_cancelled(opening).await {
            Some(Ok(connection)) => connection,
            Some(Err(end)) => return end,
            None => return End::of(Cause::Stopped, ""),
        };
        let opened = Instant::now();
        self.opened = Some(opened);
        let _open = feed.metrics.connected();
        feed.outlet.tell_line(self.number, Status::Connecting, Reason::NotHeard, &[]);
        tracing::info!(feed = feed.settings.name, connection = self.number, "connected");
        self.on_trial = true;
        let updates_before = self.tap.stats().updates;
        let mut live = false;
        let mut refusals = 0;
        // When to say who was never heard of, and when what is subscribed is known to live.
        let (mut unheard, mut proven) = (None, None);
        let stopped = feed.stop.cancelled();
        tokio::pin!(stopped);
        loop {
            let wake = [unheard, proven, self.vigil.next()].into_iter().flatten().min();
            let event = tokio::select! {
                biased;
                () = &mut stopped => {
                    connection.close(timing.close_limit).await;
                    return End::of(Cause::Stopped, "");
                }
                event = connection.next(wake) => event,
            };
            let taken = match &event {
                Event::Text(text, at) => self.take(Frame::Text(text), text.len(), *at),
                Event::Binary(bytes, at) => self.take(Frame::Binary(bytes), bytes.len(), *at),
                Event::Subscribed => {
                    let now = Instant::now();
                    unheard = Some(now + timing.unheard_after);
                    proven = Some(now + timing.probation * self.trial.patience());
                    continue;
                }
                Event::Woken => {
                    let now = Instant::now();
                    if unheard.take_if(|unheard| *unheard <= now).is_some() {
                        self.tell_unheard();
                    }
                    if proven.take_if(|proven| *proven <= now).is_some() {
                        connection.subscribe(self.lived());
                    }
                    if let Err(end) = self.sweep(now) {
                        return end;
                    }
                    continue;
                }
                Event::Ended(end) => {
                    if end.cause == Cause::Aged {
                        connection.close(timing.close_limit).await;
                    }
                    return end.clone();
                }
            };
            if !live && self.tap.stats().updates > updates_before {
                live = true;
                feed.outlet.tell_line(self.number, Status::Live, Reason::Confirmed, &[]);
                let after = opened.elapsed();
                tracing::info!(feed = feed.settings.name, connection = self.number, ?after, "live");
            }
            if self.tap.ready() {
                connection.ready();
            }
            if !self.tap.refused().is_empty() {
                self.tell_refused(&mut refusals);
            }
            if let Err(end) = taken {
                return end;
            }
            if !self.tap.replies().is_empty() {
                for reply in self.tap.replies().to_vec() {
                    if let Err(end) = connection.reply(&reply).await {
                        return end;
                    }
                }
            }
        }
    }

    /// The endpoint that the venue names when it is asked for it.
    async fn through(&mut self, door: Request) -> Result<String, End> {
        let feed = &self.feed;
        let place = shown(&door.url);
        let asked = feed.settings.network.fetch(vec![door], feed.session.headers()).await;
        let answers = asked.map_err(|error| match error {
            FetchError::Misconfigured { .. } => End::of(Cause::Misconfigured, error.to_string()),
            FetchError::Retry { place, why, after } => {
                End { retry_after: after, ..End::of(Cause::DialFailed, format!("{place}: {why}")) }
            }
        })?;
        let answer = answers.first().map_or("", |answer| &answer.body);
        let endpoint = feed.session.endpoint_by(answer, self.tap.instruments(), &self.asked);
        endpoint.map_err(|error| End::of(Cause::DialFailed, format!("{place}: {}", error.0)))
    }

    fn plan(&mut self) -> Plan {
        let feed = &self.feed;
        let (session, instruments) = (&feed.session, self.tap.instruments());
        let mut limits = session.limits();
        let mut keep_alive = session.keep_alive();
        if let Some(silence) = feed.settings.stale_after {
            // Where the session counts on the answers to its own keep-alive, a shorter limit needs a quicker one, or a
            // quiet market would look like a dead line.
            if keep_alive.every < limits.silence {
                keep_alive.every = keep_alive.every.min(silence / 2);
            }
            limits.silence = silence;
        }
        // Renewals of many connections must not fall together.
        limits.max_age = limits.max_age.map(|age| (age / 1_000) * self.dice.random_range(900..=1_000));
        let subscribe = session.subscribe(instruments, &self.asked);
        if !self.trial.is_on() {
            self.texts = subscribe.len();
        }
        Plan {
            url: session.endpoint(instruments, &self.asked),
            headers: session.headers(),
            login: session.login(),
            waits_for_ready: session.waits_for_ready(),
            subscribe,
            keep_alive,
            limits,
            network: Arc::clone(&feed.settings.network),
            dial_limit: feed.settings.timing.dial_limit,
            recorder: feed.settings.recording.as_ref().map(|feed| feed.of_connection(self.number)),
        }
    }

    /// One frame to the sink.
    fn take(&mut self, frame: Frame<'_>, bytes: usize, at: Micros) -> Result<(), End> {
        let feed = &self.feed;
        let read = feed.outlet.with(|sink| self.tap.frame(frame, at, sink));
        let counted = Counted::of(self.tap.stats());
        feed.metrics.received(bytes, at);
        feed.metrics.add(&self.counted, &counted);
        self.counted = counted;
        self.vigil.heard(&self.tap, at);
        match read {
            Ok(_) => Ok(()),
            Err(DecodeError::Garbage(what)) => {
                tracing::debug!(feed = feed.settings.name, what, "unreadable message dropped");
                Ok(())
            }
            Err(DecodeError::Reconnect(reason)) => {
                self.resync = Some(reason);
                Err(End::of(Cause::Resync, reason.name()))
            }
            Err(DecodeError::GiveUp(why)) => Err(End::of(Cause::Refused, why)),
        }
    }

    /// Counts the end, and tells it to whom it concerns.
    fn ended(&mut self, end: End) -> End {
        let feed = &self.feed;
        feed.metrics.ended(end.cause);
        let (status, reason) = end.cause.status();
        let reason = self.resync.take().unwrap_or(reason);
        if end.cause != Cause::Stopped {
            tracing::warn!(feed = feed.settings.name, connection = self.number, %end, "connection ended");
        }
        if self.opened.is_some() || end.cause.is_final() {
            // Only stale is carried over to symbols; a feed that is closed is told so by the supervisor afterwards.
            feed.outlet.tell_line(self.number, Status::Stale, reason, self.tap.symbols());
        }
        if status == Status::Closed && end.cause != Cause::Stopped {
            self.tell_never_heard(Status::Closed, reason);
        }
        end
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the adapter panicked: {}", text.unwrap_or("without a text"))
}
