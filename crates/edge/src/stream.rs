//! A quote stream: what it says next. Its writer loop asks, or the connection that polls it as a response body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use market::Micros;
use tokio::time::{Instant, Sleep};
use wire::{Mode, encode};

use crate::Core;
use crate::client::{Client, EndReason, Wake};
use crate::desk::Desk;
use crate::live::Live;
use crate::outbox::{BUFFER, Look, Outbox};
use crate::pace::Moment;
use crate::prefetch;
use crate::tally::{Tally, Told};

/// When to ask a stream again whose subscription is being changed.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// One stream. Never makes more than one buffer at a time; while its connection takes no bytes it is not asked, and what
/// it is owed then waits in the table, conflated.
#[derive(Debug)]
pub(crate) struct Stream {
    core: Arc<Core>,
    pub(crate) live: Arc<Live>,
    /// `retry`, `hello`, and `reset` if there is one.
    head: Option<Box<[u8]>>,
    /// When it ends by itself, in monotonic time, and why.
    ends: Option<(Duration, EndReason)>,
    /// Symbols that were counted for this stream.
    counted: i64,
    over: bool,
    voice: Voice,
}

/// How far a stream has come in what it says.
#[derive(Debug, Default)]
struct Voice {
    /// The round that was begun counts against the rate as soon as it tells something.
    begun: bool,
    /// It was woken for a look that it has not been able to take yet.
    look_owed: bool,
    lag_us: u64,
}

/// Why a stream is asked what it has to say, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    pub(crate) wake: Wake,
    /// The time has come that it asked for.
    pub(crate) rang: bool,
    /// How long it could not be asked.
    pub(crate) waited: Duration,
    pub(crate) moment: Moment,
}

/// How a stream goes on after what it has just said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    /// It has nothing more to say now; otherwise it is to be asked again as soon as there is room.
    pub(crate) is_done: bool,
    /// Nothing more will come.
    pub(crate) over: bool,
    /// When to ask again, whatever happens, in monotonic time.
    pub(crate) again: Option<Duration>,
    /// What has happened is not all to be had yet: ask again when the table has changed.
    pub(crate) unfinished: bool,
}

impl Stream {
    /// Opens a stream: from here on it is counted, and its end will be counted once.
    pub(crate) fn open(
        core: Arc<Core>,
        live: Arc<Live>,
        head: Box<[u8]>,
        ends: Option<(Duration, EndReason)>,
    ) -> Stream {
        core.streams.add(&live);
        // Whoever joined after everybody was told to say goodbye has not been told.
        if core.is_draining() {
            live.client.wake_end(EndReason::Drain, core.clock.monotonic());
        }
        core.metrics.streams_opened.inc();
        core.metrics.streams_open.inc();
        let counted = live.outbox.lock().symbols.len() as i64;
        core.metrics.subscriptions.add(counted);
        Stream { core, live, head: Some(head), ends, counted, over: false, voice: Voice::default() }
    }

    /// Bytes that it holds.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Stream>()
            + size_of::<Live>()
            + size_of::<Client>()
            + self.head.as_ref().map_or(0, |head| head.len())
            + self.live.outbox.lock().memory()
    }

    /// What it compares in a turn will be needed.
    pub(crate) fn prefetch(&self) {
        if let Some(outbox) = self.live.outbox.try_lock() {
            prefetch::slice(&outbox.symbols);
            prefetch::slice(&outbox.sent);
        }
    }

    /// The wall clock's time.
    pub(crate) fn wall(&self) -> Micros {
        self.core.clock.now()
    }

    /// Appends what it has to say now, up to a buffer.
    pub(crate) fn turn(&mut self, occasion: Occasion, desk: &mut Desk, out: &mut Vec<u8>) -> Next {
        let from = out.len();
        let next = self.say(occasion, desk, out);
        if out.len() > from {
            self.live.client.wrote(occasion.moment.now);
            desk.tally.writes += 1;
            desk.tally.bytes += (out.len() - from) as u64;
        }
        next
    }

    fn say(&mut self, occasion: Occasion, desk: &mut Desk, out: &mut Vec<u8>) -> Next {
        let Occasion { wake, moment, .. } = occasion;
        if let Some(head) = self.head.take() {
            // What it was woken for comes with the next turn, which follows at once. Even a stream that ends now says
            // first what it is.
            self.live.client.wake_again(wake);
            desk.tally.hellos += 1;
            out.extend_from_slice(&head);
            return Next { is_done: false, over: false, again: None, unfinished: false };
        }
        if let Some((at, reason)) = self.ends
            && moment.now >= at
        {
            self.live.client.end_with(reason);
            return self.goodbye(desk, out);
        }
        if wake.end() {
            return self.goodbye(desk, out);
        }
        let Stream { core, live, voice, .. } = self;
        let Some(mut outbox) = live.outbox.try_lock() else {
            // Its subscription is being changed, which may take a while: nobody else is to wait for that.
            voice.look_owed |= occasion.rang || wake.owed();
            live.client.wake_again(wake);
            let again = Some(moment.now + BUSY_PAUSE);
            return Next { is_done: true, over: false, again, unfinished: false };
        };
        let from = out.len();
        let again = voice.speak(core, &live.client, &mut outbox, occasion, desk, out);
        // The count of subscriptions stays true after the stream's has changed.
        let symbols = outbox.symbols.len() as i64;
        if symbols != self.counted {
            core.metrics.subscriptions.add(symbols - self.counted);
            self.counted = symbols;
        }
        let told = out.len() > from;
        if !told && wake.heartbeat() {
            // Not the table's cut: what a rate or the ring still holds back has not been told.
            let seq = outbox.told_up_to();
            let (style, wanted) = (outbox.asked.style, outbox.asked.settings.fields);
            encode::heartbeat(out, style, moment.wall, seq, voice.lag_us, wanted);
            desk.tally.heartbeats += 1;
        }
        if outbox.is_done() {
            live.client.end_with(EndReason::Limit);
            drop(outbox);
            return self.goodbye(desk, out);
        }
        Next {
            is_done: !told || !(outbox.in_round() || voice.look_owed || outbox.has_more()),
            over: false,
            again: [again, self.ends.map(|(at, _)| at)].into_iter().flatten().min(),
            unfinished: outbox.awaits_the_ring(&core.hub.signal.ring),
        }
    }

    fn goodbye(&mut self, desk: &mut Desk, out: &mut Vec<u8>) -> Next {
        self.over = true;
        let reason = self.live.client.end_reason().unwrap_or(EndReason::Drain);
        let outbox = self.live.outbox.lock();
        let (style, wanted) = (outbox.asked.style, outbox.asked.settings.fields);
        encode::goodbye(out, style, reason.name(), self.live.opened.retry_ms, wanted);
        desk.tally.goodbyes += 1;
        Next { is_done: true, over: true, again: None, unfinished: false }
    }
}

impl Voice {
    /// Tells what is owed and may be told now. Returns when to try again what may not, in monotonic time.
    fn speak(
        &mut self,
        core: &Core,
        client: &Client,
        outbox: &mut Outbox,
        occasion: Occasion,
        desk: &mut Desk,
        out: &mut Vec<u8>,
    ) -> Option<Duration> {
        let Occasion { wake, moment, .. } = occasion;
        let rang = occasion.rang || client.hold_is_over(moment.now);
        let now = moment.now;
        let from = out.len();
        let table = &core.table;
        let mut said = Told::default();
        // A heartbeat says that everything up to its sequence was told, so it looks for itself.
        let mut look_due = std::mem::take(&mut self.look_owed)
            || rang
            || wake.owed()
            || wake.heartbeat()
            || outbox.due().is_some_and(|due| due <= now);
        let mut again = None;
        while out.len() == from && !outbox.is_done() {
            let statuses = core.hub.signal.statuses();
            if outbox.in_round() {
                // A round that a bandwidth stretches must not hold up a change of status.
                let news = outbox.pace.is_narrow() && statuses > client.statuses_seen();
                if news && !outbox.is_urgent() {
                    client.saw_statuses(statuses);
                    // What the round leaves is found by the look after this one.
                    let found = outbox.begin(desk, table, Look::Statuses, now);
                    (look_due, self.look_owed) = (!found, found);
                    continue;
                }
                if !outbox.is_urgent()
                    && let Err(until) = outbox.pace.may_go_on(now)
                {
                    again = Some(until);
                    break;
                }
                let most = from + outbox.pace.allowance(BUFFER);
                said = said.and(outbox.compose(desk, table, most, moment, out));
                continue;
            }
            if !std::mem::take(&mut look_due) {
                break;
            }
            let look = match outbox.pace.may_begin(moment) {
                Ok(()) => Look::All,
                Err(until) => {
                    again = Some(until);
                    self.look_owed = true;
                    if statuses <= client.statuses_seen() {
                        break;
                    }
                    Look::Statuses
                }
            };
            let ring = &core.hub.signal.ring;
            if outbox.grow(table, ring) {
                core.resubscribe(client, outbox);
            }
            self.begun |= look == Look::All;
            if look == Look::All
                && let Some(told) = outbox.repeat(&mut desk.echo, now, out)
            {
                said = said.and(told);
                break;
            }
            client.saw_statuses(statuses);
            // A stream that may not speak yet is let go ahead by a status of its own, in the order of the ring.
            if outbox.follow.is_some() && (look == Look::All || outbox.has_status_news(table)) {
                let most = outbox.pace.allowance(BUFFER);
                said = said.and(outbox.drain(desk, ring, table, most, out));
                // There may be more than a buffer of it.
                self.look_owed |= outbox.has_more();
            }
            outbox.begin(desk, table, look, now);
        }
        desk.echo.hear(outbox, &out[from..], said, now);
        self.count(said, occasion, &mut desk.tally);
        // What it was to look for and has not is found by the next look, and so is what woke it during a round.
        self.look_owed |= look_due || (outbox.in_round() && wake.owed());
        let told = out.len() > from;
        if !told && !outbox.in_round() {
            self.begun = false;
            outbox.pace.had_nothing_to_say();
        } else if self.begun && told && !outbox.has_more() {
            self.begun = false;
            outbox.pace.begun(now);
        }
        outbox.pace.sent(out.len() - from);
        let held = outbox.pace.closed_until().filter(|until| now < *until);
        client.hold_until(again.or(held));
        // While the gate is closed nothing that is due earlier can be told.
        again.or_else(|| [held, outbox.due()].into_iter().flatten().min())
    }

    fn count(&mut self, told: Told, occasion: Occasion, tally: &mut Tally) {
        let Occasion { waited, moment, .. } = occasion;
        if let Some(published) = told.newest {
            let lag = moment.wall.since(published).max(waited);
            self.lag_us = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        }
        tally.add(told, waited);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.core.streams.remove(self.live.id);
        let symbols = {
            let mut outbox = self.live.outbox.lock();
            outbox.closed = true;
            outbox.follow = None;
            if outbox.asked.settings.mode != Mode::Latest {
                self.core.hub.signal.unwatch(self.core.clock.monotonic());
            }
            std::mem::take(&mut outbox.symbols)
        };
        self.live.client.home.leave(self.live.client.place, symbols.into());
        let fallback = if std::thread::panicking() { EndReason::Fault } else { EndReason::ClientGone };
        let reason = self.live.client.end_reason().unwrap_or(fallback);
        self.core.metrics.streams_ended.with_label_values(&[reason.name()]).inc();
        self.core.metrics.streams_open.dec();
        self.core.metrics.subscriptions.sub(self.counted);
        tracing::debug!(reason = reason.name(), symbols = self.counted, "stream ended");
    }
}

/// A stream as the body of a response, polled by its connection.
#[derive(Debug)]
pub(crate) struct QuoteStream {
    stream: Stream,
    /// Wakes the body when its rate lets it speak again, or when it ends. Not there while neither is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl QuoteStream {
    pub(crate) fn new(stream: Stream) -> QuoteStream {
        QuoteStream { stream, timer: None }
    }

    /// The next bytes, or what will wake the connection when there are some.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.stream.over {
            return Poll::Ready(None);
        }
        let core = Arc::clone(&self.stream.core);
        let live = Arc::clone(&self.stream.live);
        let moment = Moment::of(&*core.clock);
        let waited = live.client.waiting_for(moment.now);
        let wake = live.client.take_wake(cx.waker());
        let rang = self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        if rang {
            self.timer = None;
        }
        let mut out = Vec::new();
        let mut desk = core.desks.take();
        let next = self.stream.turn(Occasion { wake, rang, waited, moment }, &mut desk, &mut out);
        desk.tally.show(&core.metrics, &core.metrics.delivery_by_hyper.local(), core.clock.now());
        core.desks.put_back(desk);
        if !out.is_empty() {
            return Poll::Ready(Some(out.into()));
        }
        if next.unfinished {
            live.client.is_unfinished();
        }
        self.sleep_until(next.again, moment.now, cx);
        Poll::Pending
    }

    /// Has the body polled again at that time, if there is any.
    fn sleep_until(&mut self, at: Option<Duration>, now: Duration, cx: &mut Context<'_>) {
        let Some(at) = at else {
            self.timer = None;
            return;
        };
        let at = Instant::now() + at.saturating_sub(now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        timer.as_mut().reset(at);
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
