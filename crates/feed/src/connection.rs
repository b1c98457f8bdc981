//! One connection to a venue: dialling within a deadline, paced subscription, keep-alive, silence watch.
//!
//! [`Connection::next`] is the whole of it: it says what happens next, from a closed list ([`Event`]), and does by
//! itself what needs no decision (sending what is due, answering pings, noting pongs). It knows neither decoders nor
//! sinks.
//!
//! The scheme of the URL says what carries the bytes; everything above the carrier is the same for all of them:
//!
//! | scheme | carrier | frames |
//! |---|---|---|
//! | `wss`, `ws` | a WebSocket | its text and binary messages |
//! | `https`, `http` | one GET whose answer does not end | each line a text frame |
//! | `udp` | datagrams sent to an address or a multicast group | each a binary frame |
//!
//! Our side can say something only over a WebSocket: elsewhere there is neither subscription nor keep-alive, and the
//! connection counts as subscribed as soon as it is open.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use market::{Clock, Micros};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

use crate::capture::{Payload, Recorder};
use crate::network::Network;
use crate::rest::{recordable, shown};
use crate::{KeepAlive, Limits, Secret};

mod carrier;
mod cause;
mod datagrams;
mod lines;
mod tls;
mod websocket;

pub use carrier::Transport;
pub use cause::{Cause, End};

use carrier::{Carrier, Heard};

/// A time without an end, about as tokio's own timer has it.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// How to dial and what to say first.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where.
    pub url: String,
    /// Headers of the request with which a WebSocket or a streamed answer begins: credentials, which are not recorded.
    pub headers: Vec<(&'static str, Secret)>,
    /// Texts to send before the subscription: a login, which is not recorded.
    pub login: Vec<String>,
    /// Whether the subscription waits for [`Connection::ready`].
    pub waits_for_ready: bool,
    /// The texts to send once connected, in order.
    pub subscribe: Vec<String>,
    /// How to keep the connection alive.
    pub keep_alive: KeepAlive,
    /// What the venue allows; [`Limits::silence`] is the limit in force.
    pub limits: Limits,
    /// What the connection goes through.
    pub network: Arc<dyn Network>,
    /// Longest time from dialling to the end of the handshake, and from there until the venue is ready.
    pub dial_limit: Duration,
    /// Where everything is recorded, both ways.
    pub recorder: Option<Recorder>,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Event {
    /// A text message, and when it was received.
    Text(Utf8Bytes, Micros),
    /// A binary message, and when it was received.
    Binary(Bytes, Micros),
    /// The last text of the subscription has left.
    Subscribed,
    /// The moment given to [`Connection::next`] has come.
    Woken,
    /// The connection is of no more use.
    Ended(End),
}

/// An open connection. Dropping it closes the socket without saying goodbye.
pub struct Connection {
    carrier: Carrier,
    plan: Plan,
    clock: Arc<dyn Clock>,
    /// Texts of the login that are not sent yet.
    to_login: VecDeque<String>,
    /// Texts of the subscription that are not sent yet.
    to_send: VecDeque<String>,
    /// Whether the subscription may be sent.
    ready: bool,
    told_subscribed: bool,
    opened: Instant,
    heard: Instant,
    /// When the venue last sent a message of its own, or the connection was opened.
    said: Instant,
    sent: Instant,
    /// Fires at `armed`, which lies at or before the first moment at which something is due.
    sleep: Pin<Box<Sleep>>,
    armed: Instant,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("url", &shown(&self.plan.url)).finish_non_exhaustive()
    }
}

impl Connection {
    /// Dials and shakes hands. Cancel-safe: dropping the future drops the socket.
    ///
    /// # Errors
    /// With the reason, which says whether dialling again can help ([`Cause::is_final`]).
    pub async fn open(mut plan: Plan, clock: Arc<dyn Clock>) -> Result<Connection, End> {
        // Whoever says "never" with the longest duration there is must not overflow a moment.
        for wait in [&mut plan.limits.silence, &mut plan.limits.between_sends, &mut plan.keep_alive.every] {
            *wait = FAR.min(*wait);
        }
        plan.limits.max_age = plan.limits.max_age.map(|age| age.min(FAR));
        // Boxed, because the state of a handshake is large and is needed once.
        let carrier = match timeout(plan.dial_limit, Box::pin(Carrier::dial(&plan))).await {
            Ok(dialled) => dialled?,
            Err(_) => {
                let why = format!("{} does not answer", shown(&plan.url));
                return Err(End::of(Cause::DialTimeout, why));
            }
        };
        let now = Instant::now();
        if let Some(recorder) = &plan.recorder {
            recorder.record(nanos(clock.now()), Payload::Opened(&recordable(&plan.url)));
        }
        let sayable = |texts: &[String]| texts.iter().filter(|_| carrier.can_speak()).cloned().collect();
        Ok(Connection {
            to_login: sayable(&plan.login),
            to_send: sayable(&plan.subscribe),
            ready: !plan.waits_for_ready,
            carrier,
            told_subscribed: false,
            opened: now,
            heard: now,
            said: now,
            // The first text is due at once.
            sent: now.checked_sub(plan.limits.between_sends).unwrap_or(now),
            sleep: Box::pin(sleep_until(now)),
            armed: now,
            plan,
            clock,
        })
    }

    /// What happens next, at the latest at `wake`. After [`Event::Ended`] there is nothing more.
    ///
    /// Cancel-safe for reading; a text that is being sent when the future is dropped may be lost, so drop it only
    /// together with the connection.
    pub async fn next(&mut self, wake: Option<Instant>) -> Event {
        // A new moment to wake at may lie before the one that the timer is set to.
        if wake.is_some_and(|wake| wake < self.armed) {
            self.arm(wake);
        }
        loop {
            // The timer is also looked at without waiting: a socket that always has something to read would keep it
            // from ever being polled.
            if self.heard >= self.armed {
                match self.due(wake).await {
                    Ok(Some(event)) => return event,
                    Ok(None) => {}
                    Err(end) => return Event::Ended(end),
                }
            }
            tokio::select! {
                biased;
                heard = self.carrier.next() => {
                    self.heard = Instant::now();
                    let ts_recv = self.clock.now();
                    match heard {
                        Heard::Text(text) => {
                            self.said = self.heard;
                            self.record(ts_recv, Payload::Text(&text));
                            return Event::Text(text, ts_recv);
                        }
                        Heard::Binary(bytes) => {
                            self.said = self.heard;
                            self.record(ts_recv, Payload::Binary(&bytes));
                            return Event::Binary(bytes, ts_recv);
                        }
                        Heard::Sign => {}
                        Heard::Ended(end) => return Event::Ended(end),
                    }
                }
                () = &mut self.sleep => match self.due(wake).await {
                    Ok(Some(event)) => return event,
                    Ok(None) => {}
                    Err(end) => return Event::Ended(end),
                },
            }
        }
    }

    /// The venue is ready for the subscription, which is sent from now on.
    pub fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            self.arm(None);
        }
    }

    /// Subscribes to more, at the pace of the subscription; [`Event::Subscribed`] comes again afterwards.
    pub fn subscribe(&mut self, texts: Vec<String>) {
        if !texts.is_empty() && self.carrier.can_speak() {
            self.to_send.extend(texts);
            self.told_subscribed = false;
            self.arm(None);
        }
    }

    /// Sends a text now, whatever the pace of the subscription is: an answer that the venue waits for. Nothing happens
    /// where our side cannot speak.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub async fn reply(&mut self, text: &str) -> Result<(), End> {
        self.send(Some(text)).await
    }

    /// Says goodbye, within a limit. The socket is closed either way.
    pub async fn close(self, limit: Duration) {
        // A venue that does not take the goodbye loses nothing by it.
        let _ = timeout(limit, self.carrier.close()).await;
    }

    /// Does what is due, sets the timer to what is due next, and tells what the caller has to know.
    async fn due(&mut self, wake: Option<Instant>) -> Result<Option<Event>, End> {
        let now = Instant::now();
        if now >= self.heard + self.plan.limits.silence {
            let why = format!("nothing for {:?}", now - self.heard);
            return Err(End::of(Cause::Silence, why));
        }
        if let Some(limit) = self.plan.limits.message_silence
            && now >= self.said + limit
        {
            return Err(End::of(Cause::Silence, format!("no message for {:?}", now - self.said)));
        }
        if let Some(age) = self.plan.limits.max_age
            && now >= self.opened + age
        {
            return Err(End::of(Cause::Aged, format!("{age:?} old")));
        }
        if !self.ready && now >= self.opened + self.plan.dial_limit {
            return Err(End::of(Cause::DialTimeout, "the venue is not ready for a subscription"));
        }
        if self.has_text() && now >= self.sent + self.plan.limits.between_sends {
            if let Some(text) = self.to_login.pop_front() {
                self.carrier.send(Some(&text)).await?;
                self.sent = Instant::now();
            } else if let Some(text) = self.to_send.pop_front() {
                self.send(Some(&text)).await?;
            }
        } else if now >= self.sent + self.plan.keep_alive.every {
            let text = self.plan.keep_alive.text.clone();
            self.send(text.as_deref()).await?;
        }
        let all_sent = self.ready && self.to_login.is_empty() && self.to_send.is_empty();
        let event = if all_sent && !self.told_subscribed {
            self.told_subscribed = true;
            Some(Event::Subscribed)
        } else if wake.is_some_and(|wake| now >= wake) {
            Some(Event::Woken)
        } else {
            None
        };
        self.arm(wake.filter(|_| !matches!(event, Some(Event::Woken))));
        Ok(event)
    }

    /// Whether a text of login or subscription may leave as soon as the pace allows.
    fn has_text(&self) -> bool {
        !self.to_login.is_empty() || (self.ready && !self.to_send.is_empty())
    }

    /// Sets the timer to the first moment at which something is due.
    fn arm(&mut self, wake: Option<Instant>) {
        // A connection that has nothing to subscribe says so at once, as one that has just said everything.
        let all_said = self.ready && !self.told_subscribed && !self.has_text();
        let next_text = if self.has_text() || all_said {
            self.sent + self.plan.limits.between_sends
        } else if self.carrier.can_speak() {
            self.sent + self.plan.keep_alive.every
        } else {
            self.sent + FAR
        };
        let aged = self.opened + self.plan.limits.max_age.unwrap_or(FAR);
        let silent = self.heard + self.plan.limits.silence;
        let mute = self.said + self.plan.limits.message_silence.unwrap_or(FAR);
        let unready = self.opened + if self.ready { FAR } else { self.plan.dial_limit };
        let first = next_text.min(aged).min(silent).min(mute).min(unready);
        self.armed = wake.map_or(first, |wake| wake.min(first));
        self.sleep.as_mut().reset(self.armed);
    }

    /// Sends a text, or a ping when there is none, and records it.
    async fn send(&mut self, text: Option<&str>) -> Result<(), End> {
        let can_speak = self.carrier.can_speak();
        self.carrier.send(text).await?;
        self.sent = Instant::now();
        if let Some(text) = text.filter(|_| can_speak) {
            self.record(self.clock.now(), Payload::Sent(text));
        }
        Ok(())
    }

    fn record(&self, at: Micros, payload: Payload<'_>) {
        if let Some(recorder) = &self.plan.recorder {
            recorder.record(nanos(at), payload);
        }
    }
}

/// Nanoseconds, the unit of recordings.
pub(crate) fn nanos(at: Micros) -> i64 {
    at.get().saturating_mul(1_000)
}

/// The session's headers as they are sent, never shown by whoever prints a request.
///
/// # Errors
/// When one of them cannot stand in a request.
fn header_values(headers: &[(&'static str, Secret)]) -> Result<Vec<(HeaderName, HeaderValue)>, End> {
    let value = |(name, secret): &(&'static str, Secret)| {
        let cannot = || End::of(Cause::Misconfigured, format!("the {name} header cannot be sent"));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| cannot())?;
        let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| cannot())?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    headers.iter().map(value).collect()
}
