//! One GET whose answer does not end: each line of it is a frame.
//!
//! The answer may be chunked or not; where chunks end says nothing. A line ends in LF or CR LF; an empty line is a sign of
//! life and no frame (in server-sent events it ends an event). A line that is not UTF-8 is a binary frame, which a decoder
//! of text counts as garbage. Nothing is asked for compressed, and a compressed answer is refused.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::Empty;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_ENCODING, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};

use super::carrier::Heard;
use super::{Cause, End, Plan, header_values, tls};
use crate::network::Io;
use crate::rest::{self, check_place, retry_after, shown};

/// Most bytes that are read ahead of what was asked for.
const READ_BUFFER: usize = 64 << 10;
/// Longest time for the words with which a venue refuses.
const WORDS_LIMIT: Duration = Duration::from_secs(2);
/// Most bytes of those words.
const WORDS_MAX: usize = 300;

/// The exchange of one request and its answer: it moves bytes between the socket and the body while it is polled.
type Exchange = http1::Connection<TokioIo<Box<dyn Io>>, Empty<Bytes>>;

/// An answer that is being read.
pub(super) struct Lines {
    answer: Answer,
    /// What was read and not yet given out.
    held: BytesMut,
    /// How much of it is known to hold no end of a line.
    searched: usize,
    /// Longest line.
    line_max: usize,
}

struct Answer {
    /// `None` once it has ended by itself.
    exchange: Option<Pin<Box<Exchange>>>,
    body: Incoming,
}

impl Lines {
    /// Asks, and takes the head of the answer.
    pub(super) async fn dial(plan: &Plan) -> Result<Lines, End> {
        check_place(&plan.url, "https", "http").map_err(|why| End::of(Cause::Misconfigured, why))?;
        let misconfigured =
            |why: String| End::of(Cause::Misconfigured, format!("{}: {why}", shown(&plan.url)));
        let uri: Uri = plan.url.parse().map_err(|_| misconfigured("not a url".to_owned()))?;
        let request = request(&uri, plan).map_err(|end| misconfigured(end.why))?;
        let socket = socket(&uri, plan).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(READ_BUFFER);
        let failed = |error: hyper::Error| End::of(Cause::DialFailed, error.to_string());
        let (mut sender, exchange) = builder.handshake(TokioIo::new(socket)).await.map_err(failed)?;
        let mut exchange = Some(Box::pin(exchange));
        let mut asking = Box::pin(sender.send_request(request));
        let head = std::future::poll_fn(|cx| {
            drive(&mut exchange, cx);
            asking.as_mut().poll(cx)
        });
        let (head, body) = head.await.map_err(failed)?.into_parts();
        let mut answer = Answer { exchange, body };
        if head.status != StatusCode::OK {
            return Err(answer.refusal(&Response::from_parts(head, ())).await);
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(End::of(Cause::Protocol, "the answer is compressed"));
        }
        let held = BytesMut::new();
        Ok(Lines { answer, held, searched: 0, line_max: plan.limits.message_bytes_max })
    }

    /// The next line. Cancel-safe: what was read stays held.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.line() {
                return heard;
            }
            match std::future::poll_fn(|cx| self.answer.poll(cx)).await {
                // Trailers say nothing that we asked for.
                Some(Ok(frame)) => self.held.extend(frame.into_data()),
                Some(Err(error)) => return Heard::Ended(End::of(Cause::Lost, error.to_string())),
                None => return Heard::Ended(End::of(Cause::ClosedByVenue, "the answer ended")),
            }
        }
    }

    /// The first line of what is held, if it is whole.
    fn line(&mut self) -> Option<Heard> {
        let found = memchr::memchr(b'\n', &self.held[self.searched..]);
        let length = found.map_or(self.held.len(), |at| self.searched + at);
        if length > self.line_max {
            let why = format!("a line of more than {} bytes", self.line_max);
            return Some(Heard::Ended(End::of(Cause::Oversized, why)));
        }
        if found.is_none() {
            self.searched = length;
            return None;
        }
        self.searched = 0;
        let mut line = self.held.split_to(length);
        self.held.advance(1);
        if line.last() == Some(&b'\r') {
            line.truncate(length - 1);
        }
        if line.is_empty() {
            return Some(Heard::Sign);
        }
        let line = line.freeze();
        Some(match Utf8Bytes::try_from(line.clone()) {
            Ok(text) => Heard::Text(text),
            Err(_) => Heard::Binary(line),
        })
    }
}

impl Answer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        drive(&mut self.exchange, cx);
        Pin::new(&mut self.body).poll_frame(cx)
    }

    /// What a status other than 200 means. Who we are not will not change by asking again; everything else may, a 403 too:
    /// what stands before a venue says it to whoever asks too often.
    async fn refusal(&mut self, head: &Response<()>) -> End {
        let status = head.status();
        let cause = if status == StatusCode::UNAUTHORIZED { Cause::Refused } else { Cause::HandshakeRefused };
        let mut words = Vec::new();
        let reading = async {
            while let Some(Ok(frame)) = std::future::poll_fn(|cx| self.poll(cx)).await {
                words.extend(frame.into_data().unwrap_or_default());
                if words.len() > WORDS_MAX {
                    break;
                }
            }
        };
        let _cut_short = timeout(WORDS_LIMIT, reading).await;
        words.truncate(WORDS_MAX);
        let words = String::from_utf8_lossy(&words);
        let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let why = match words.trim() {
            "" => format!("status {}", status.as_u16()),
            words => format!("status {}: {words}", status.as_u16()),
        };
        End { cause, why, retry_after: retry_after(head.headers()) }
    }
}

/// Lets the exchange go on. Its own end shows in the body.
fn drive(exchange: &mut Option<Pin<Box<Exchange>>>, cx: &mut Context<'_>) {
    if exchange.as_mut().is_some_and(|exchange| exchange.as_mut().poll(cx).is_ready()) {
        *exchange = None;
    }
}

fn request(uri: &Uri, plan: &Plan) -> Result<Request<Empty<Bytes>>, End> {
    let malformed = |error: &dyn std::fmt::Display| End::of(Cause::Misconfigured, error.to_string());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit('@').next().unwrap_or_default();
    let mut request = Request::new(Empty::new());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse().map_err(|error| malformed(&error))?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|error| malformed(&error))?);
    headers.insert(USER_AGENT, HeaderValue::from_static(rest::USER_AGENT));
    headers.extend(header_values(&plan.headers)?);
    Ok(request)
}

async fn socket(uri: &Uri, plan: &Plan) -> Result<Box<dyn Io>, End> {
    let failed = |error: std::io::Error| End::of(Cause::DialFailed, error.to_string());
    let host = uri.host().unwrap_or_default();
    let encrypted = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let socket = plan.network.connect(host, port).await.map_err(failed)?;
    if !encrypted {
        return Ok(socket);
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| End::of(Cause::Misconfigured, error.to_string()))?;
    let socket = TlsConnector::from(tls::config()?).connect(name, socket).await.map_err(failed)?;
    Ok(Box::new(socket))
}
