//! One WebSocket connection to a venue: dialling within a deadline, paced subscription, keep-alive, silence watch.
//!
//! [`Connection::next`] is the whole of it: it says what happens next, from a closed list ([`Event`]), and does by
//! itself what needs no decision (sending what is due, answering pings, noting pongs). It knows neither decoders nor
//! sinks.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use market::{Clock, Micros};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, UrlError};
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::capture::{Payload, Recorder};
use crate::network::{Io, Network};
use crate::rest::{USER_AGENT, check_place, recordable, retry_after, shown};
use crate::{KeepAlive, Limits, Secret};

mod cause;

pub use cause::{Cause, End};

/// Read buffer of one connection. tungstenite's own 128 KiB is for one busy connection, and we may hold hundreds.
const READ_BUFFER: usize = 64 << 10;
/// Unsent bytes that make tungstenite write; we flush after each text anyway.
const WRITE_BUFFER: usize = 4 << 10;
/// Most unsent bytes. The longest subscription that a venue takes in one text has 64 KiB (OKX).
const WRITE_BUFFER_MAX: usize = 1 << 20;
/// Longest time that one text of ours may wait for the socket. A venue that does not read that long is not there.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// A time without an end, about as tokio's own timer has it.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// How to dial and what to say first.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where.
    pub url: String,
    /// Headers of the handshake: credentials, which are not recorded.
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
    socket: WebSocketStream<MaybeTlsStream<Box<dyn Io>>>,
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
        let place = shown(&plan.url);
        check_place(&plan.url, "wss", "ws").map_err(|why| End::of(Cause::Misconfigured, why))?;
        let malformed = |error: Error| End::of(Cause::Misconfigured, format!("{place}: {error}"));
        let mut request = plan.url.as_str().into_client_request().map_err(malformed)?;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        for (name, value) in &plan.headers {
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                End::of(Cause::Misconfigured, format!("{place}: the {name} header cannot be sent"))
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(*name, value);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(plan.limits.message_bytes_max))
            .max_frame_size(Some(plan.limits.message_bytes_max));
        let connector = Connector::Rustls(tls()?);
        let network = Arc::clone(&plan.network);
        let dial = async move {
            let uri = request.uri();
            let host = uri.host().ok_or(Error::Url(UrlError::NoHostName))?;
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
            let socket = network.connect(host, port).await.map_err(Error::Io)?;
            client_async_tls_with_config(request, socket, Some(config), Some(connector)).await
        };
        // Boxed, because the state of a handshake is large and is needed once.
        let socket = match timeout(plan.dial_limit, Box::pin(dial)).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return Err(dial_end(&error)),
            Err(_) => return Err(End::of(Cause::DialTimeout, format!("{place} does not answer"))),
        };
        let now = Instant::now();
        if let Some(recorder) = &plan.recorder {
            recorder.record(nanos(clock.now()), Payload::Opened(&recordable(&plan.url)));
        }
        Ok(Connection {
            socket,
            to_login: plan.login.iter().cloned().collect(),
            to_send: plan.subscribe.iter().cloned().collect(),
            ready: !plan.waits_for_ready,
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
                message = self.socket.next() => {
                    self.heard = Instant::now();
                    let ts_recv = self.clock.now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            self.said = self.heard;
                            self.record(ts_recv, Payload::Text(&text));
                            return Event::Text(text, ts_recv);
                        }
                        Some(Ok(Message::Binary(bytes))) => {
                            self.said = self.heard;
                            self.record(ts_recv, Payload::Binary(&bytes));
                            return Event::Binary(bytes, ts_recv);
                        }
                        Some(Ok(Message::Close(frame))) => {
                            let why = frame.map_or_else(String::new, |frame| {
                                format!("code {}: {}", u16::from(frame.code), frame.reason)
                            });
                            return Event::Ended(End::of(Cause::ClosedByVenue, why));
                        }
                        // tungstenite answers pings by itself with the next read, which follows at once.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Err(error)) => return Event::Ended(read_end(&error)),
                        None => return Event::Ended(End::of(Cause::Lost, "the stream ended")),
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

    /// Sends a text now, whatever the pace of the subscription is: an answer that the venue waits for.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub async fn reply(&mut self, text: &str) -> Result<(), End> {
        self.send(Message::text(text), Some(text)).await
    }

    /// Says goodbye, within a limit. The socket is closed either way.
    pub async fn close(mut self, limit: Duration) {
        // A venue that does not take the goodbye loses nothing by it.
        let _ = timeout(limit, self.socket.close(None)).await;
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
                self.send(Message::text(text), None).await?;
            } else if let Some(text) = self.to_send.pop_front() {
                self.send(Message::text(text.as_str()), Some(&text)).await?;
            }
        } else if now >= self.sent + self.plan.keep_alive.every {
            match self.plan.keep_alive.text.clone() {
                Some(text) => self.send(Message::text(text.as_str()), Some(&text)).await?,
                None => self.send(Message::Ping(Bytes::new()), None).await?,
            }
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
        } else {
            self.sent + self.plan.keep_alive.every
        };
        let aged = self.opened + self.plan.limits.max_age.unwrap_or(FAR);
        let silent = self.heard + self.plan.limits.silence;
        let mute = self.said + self.plan.limits.message_silence.unwrap_or(FAR);
        let unready = self.opened + if self.ready { FAR } else { self.plan.dial_limit };
        let first = next_text.min(aged).min(silent).min(mute).min(unready);
        self.armed = wake.map_or(first, |wake| wake.min(first));
        self.sleep.as_mut().reset(self.armed);
    }

    async fn send(&mut self, message: Message, text: Option<&str>) -> Result<(), End> {
        match timeout_at(Instant::now() + SEND_LIMIT, self.socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(read_end(&error)),
            Err(_) => return Err(End::of(Cause::Lost, "the venue reads nothing any more")),
        }
        self.sent = Instant::now();
        if let Some(text) = text {
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

/// Our own TLS settings: named provider (a default one would panic when the dependency graph holds none or two) and
/// the bundled roots.
fn tls() -> Result<Arc<ClientConfig>, End> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
            .map_err(|error| error.to_string())
    });
    config.clone().map_err(|why| End::of(Cause::Misconfigured, why))
}

fn dial_end(error: &Error) -> End {
    match error {
        Error::Http(answer) => End {
            cause: Cause::HandshakeRefused,
            why: format!("status {}", answer.status().as_u16()),
            retry_after: retry_after(answer.headers()),
        },
        Error::Url(_) | Error::HttpFormat(_) => End::of(Cause::Misconfigured, error.to_string()),
        _ => End::of(Cause::DialFailed, error.to_string()),
    }
}

fn read_end(error: &Error) -> End {
    let cause = match error {
        Error::Capacity(_) => Cause::Oversized,
        Error::Utf8(_) | Error::AttackAttempt => Cause::Protocol,
        // tungstenite calls an end without a closing handshake a protocol fault; to us the line went dead.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Lost,
        Error::Protocol(_) => Cause::Protocol,
        _ => Cause::Lost,
    };
    End::of(cause, error.to_string())
}
