//! `quotewire tail`: events of a running server as JSON lines.
//!
//! One thread reads the stream, the other prints; between them stands a bounded channel, so that a slow reader of our
//! output holds the stream back and the server conflates for us.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use wire::decode::{Parser, RawEvent};

use crate::cli;
use crate::failure::Failure;

/// Events that wait for our output. When they stand, the reader stops and TCP tells the server.
const EVENTS_WAITING: usize = 256;
/// A server says something every 10 s; three times that is a dead connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The least that we wait, whatever the server says.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// What we wait before reconnecting until the server has said otherwise.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: &cli::Tail) -> Result<(), Failure> {
    let mut tail = Tail { printed: 0, last_event_id: None, retry: RETRY_DEFAULT, connected: false };
    loop {
        match tail.follow(args) {
            Ok(Ended::Enough) => return Ok(()),
            Ok(Ended::Cut(why)) => tracing::warn!(retry_ms = tail.retry.as_millis(), "{why}; reconnecting"),
            // A server that was there once is waited for; one that never answered is a mistake in the address.
            Err(error) if tail.connected && error.code() == 1 => tracing::warn!("{error}; reconnecting"),
            Err(error) => return Err(error),
        }
        std::thread::park_timeout(tail.retry);
    }
}

struct Tail {
    printed: u64,
    last_event_id: Option<String>,
    retry: Duration,
    connected: bool,
}

enum Ended {
    /// As many as were asked for.
    Enough,
    /// The stream ended or broke.
    Cut(String),
}

impl Tail {
    /// One connection.
    fn follow(&mut self, args: &cli::Tail) -> Result<Ended, Failure> {
        let body = self.open(args)?;
        self.connected = true;
        let (send, events) = sync_channel(EVENTS_WAITING);
        std::thread::spawn(move || {
            let mut body = body;
            let mut parser = Parser::default();
            let mut bytes = [0; 16 << 10];
            loop {
                let read = match body.read(&mut bytes) {
                    Ok(0) => Err("the server ended the stream".to_owned()),
                    Ok(n) => {
                        let mut events = Vec::new();
                        parser
                            .push(&bytes[..n], &mut events)
                            .map(|()| events)
                            .map_err(|error| error.to_string())
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error.to_string()),
                };
                let over = read.is_err();
                if send.send(read).is_err() || over {
                    return;
                }
            }
        });
        self.print(&events, args.count)
    }

    fn open(&self, args: &cli::Tail) -> Result<impl Read + Send + 'static, Failure> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent
            .get(format!("{}/v1/stream", args.url.trim_end_matches('/')))
            .query("symbols", args.symbols.join(","))
            .header("Accept", "text/event-stream");
        if let Some(fields) = &args.fields {
            request = request.query("fields", fields);
        }
        if let Some(id) = &self.last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let mut response =
            request.call().map_err(|error| Failure::failed(format!("{}: {error}", args.url)))?;
        if response.status() != 200 {
            let problem = response.body_mut().read_to_string().unwrap_or_default();
            let detail = serde_json::from_str::<serde_json::Value>(&problem)
                .ok()
                .and_then(|p| p.get("detail").and_then(|d| d.as_str()).map(str::to_owned))
                .unwrap_or(problem);
            let line = format!("{} answered {}: {detail}", args.url, response.status());
            // A server that is starting, or a proxy before it, is worth another try; a wrong request is not.
            let passing = response.status().is_server_error() || response.status() == 429;
            return Err(if passing { Failure::failed(line) } else { Failure::usage(line) });
        }
        Ok(response.into_body().into_reader())
    }

    fn print(
        &mut self,
        events: &Receiver<Result<Vec<RawEvent>, String>>,
        count: Option<u64>,
    ) -> Result<Ended, Failure> {
        let mut out = io::stdout().lock();
        loop {
            let batch = match events.recv_timeout(SILENCE_MAX) {
                Ok(Ok(batch)) => batch,
                Ok(Err(why)) => return Ok(Ended::Cut(why)),
                Err(RecvTimeoutError::Timeout) => {
                    return Ok(Ended::Cut("the server has gone silent".to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Cut("the stream ended".to_owned())),
            };
            for event in batch {
                if let Some(retry) = event.retry {
                    self.retry = Duration::from_millis(retry).max(RETRY_MIN);
                }
                if !event.id.is_empty() {
                    self.last_event_id = Some(event.id);
                }
                match event.event.as_str() {
                    "hello" => told_hello(&event.data)?,
                    "heartbeat" => {}
                    "goodbye" | "refused" => {
                        return Ok(Ended::Cut(format!("the server said {}", event.data)));
                    }
                    kind => {
                        writeln!(out, "{}", event.data).map_err(Failure::output)?;
                        self.printed += u64::from(matches!(kind, "snapshot" | "quote"));
                        if count.is_some_and(|count| self.printed >= count) {
                            return Ok(Ended::Enough);
                        }
                    }
                }
            }
            out.flush().map_err(Failure::output)?;
        }
    }
}

/// Names what the server does not have; fails when it has none of it.
fn told_hello(data: &str) -> Result<(), Failure> {
    let hello: serde_json::Value =
        serde_json::from_str(data).map_err(|error| Failure::failed(format!("unreadable hello: {error}")))?;
    let rejected: Vec<String> = hello["rejected"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| format!("{} ({})", r["symbol"].as_str().unwrap_or("?"), r["reason"].as_str().unwrap_or("?")))
        .collect();
    if rejected.is_empty() {
        return Ok(());
    }
    if hello["accepted"].as_array().is_none_or(Vec::is_empty) {
        return Err(Failure::usage(format!("the server has none of these symbols: {}", rejected.join(", "))));
    }
    tracing::warn!("not served: {}", rejected.join(", "));
    Ok(())
}
